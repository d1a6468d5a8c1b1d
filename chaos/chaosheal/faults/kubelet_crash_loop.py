# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet ends as soon as it is started."""

from __future__ import annotations

from chaosheal.faults._processes import absent
from chaosheal.model import Fault, Param, Params, inside

_WHERE = {"run": "/run/systemd/system", "etc": "/etc/systemd/system"}


def _file(params: Params) -> str:
    return f"{_WHERE[params['under']]}/kubelet.service.d/99-chaosheal.conf"


FAULT = Fault(
    name="kubelet_crash_loop",
    about="each start of kubelet fails; what is under /run a reboot takes away, what is under /etc only a repair",
    params={"under": Param("where what makes it fail is written", "run", choices=("run", "etc"))},
    inject=lambda target, params: (
        inside(
            f"mkdir -p $(dirname {_file(params)}) && printf '[Service]\nExecStart=\nExecStart=/bin/false\n'"
            f" >{_file(params)} && systemctl daemon-reload && systemctl restart --no-block kubelet"
        ),
    ),
    undo=lambda target, params: (
        inside(
            f"rm -f {_file(params)}; systemctl daemon-reload; systemctl reset-failed kubelet; systemctl start kubelet"
        ),
    ),
    effect=lambda target, params: absent("kubelet"),
)
