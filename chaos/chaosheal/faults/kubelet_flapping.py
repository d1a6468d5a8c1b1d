# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet comes and goes."""

from __future__ import annotations

from dataclasses import replace

from chaosheal.faults._processes import absent, present
from chaosheal.model import Fault, Param, Params, Target, inside

# Seconds that systemd may take to stop it, and to start it.
_SLACK = 30


def _unit(target: Target) -> str:
    return f"chaosheal-flap-{target.ident}"


def _loop(params: Params) -> str:
    turn = f"systemctl stop kubelet; sleep {params['off']}; systemctl start kubelet; sleep {params['on']}"
    return f"for turn in $(seq {params['times']}); do {turn}; done"


FAULT = Fault(
    name="kubelet_flapping",
    about="kubelet is stopped and started, again and again",
    params={
        "off": Param("seconds for which it is stopped", 15, limits=(5, 600)),
        "on": Param("seconds for which it runs", 25, limits=(1, 600)),
        "times": Param("so often", 10, limits=(1, 100)),
    },
    inject=lambda target, params: (inside(f"systemd-run --collect --unit={_unit(target)} sh -c '{_loop(params)}'"),),
    undo=lambda target, params: (
        inside(f"systemctl stop {_unit(target)}", may_fail=True),
        inside("systemctl start kubelet"),
    ),
    effect=lambda target, params: replace(absent("kubelet"), within=params["on"] + _SLACK),
    # One that stays away is a kubelet that is stopped.
    back=lambda target, params: replace(present("kubelet"), within=params["off"] + _SLACK),
)
