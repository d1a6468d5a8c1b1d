# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server that answers late."""

from __future__ import annotations

from chaosheal.model import Fault, Look, Param, Target, inside, network

_ASK = (
    "import ssl, sys, time, urllib.request as u; c = ssl._create_unverified_context(); slow = 0.0\n"
    "for _ in range(8):\n"
    "    begun = time.monotonic()\n"
    "    try: u.urlopen('https://127.0.0.1:6443/livez', timeout=9, context=c).read()\n"
    "    except OSError: pass\n"
    "    slow = max(slow, time.monotonic() - begun)\n"
    "sys.exit(slow < float(sys.argv[1]))"
)


def _unit(target: Target) -> str:
    return f"chaosheal-slow-{target.ident}"


def _strobe(target: Target, share: float) -> str:
    stop, go = "pkill -STOP -x kube-apiserver", "pkill -CONT -x kube-apiserver"
    loop = f"while :; do {stop}; sleep {share:.2f}; {go}; sleep {1 - share:.2f}; done"
    return f"systemd-run --collect --unit={_unit(target)} sh -c '{loop}'"


FAULT = Fault(
    name="api_server_slow",
    about="the API server stands still for so much of each second",
    params={"percent": Param("of each second for which it stands still", 70, limits=(10, 95))},
    inject=lambda target, params: (inside(_strobe(target, params["percent"] / 100)),),
    undo=lambda target, params: (
        inside(f"systemctl stop {_unit(target)}", may_fail=True),
        inside("pkill -CONT -x kube-apiserver", may_fail=True),
    ),
    effect=lambda target, params: Look(network("python3", "-c", _ASK, f"{params['percent'] / 250:.2f}")),
    roles=("control-plane",),
)
