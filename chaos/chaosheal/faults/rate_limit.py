# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that carries little."""

from __future__ import annotations

from chaosheal.model import Fault, Look, Param, network

_DEVICE = "eth0"
# Says more than fits through, to a port where nobody listens.
_TALK = (
    "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "for _ in range(50): s.sendto(bytes(1000), (sys.argv[1], 9))"
)

FAULT = Fault(
    name="rate_limit",
    about="the node sends no more than so much",
    params={"kbit": Param("thousand bits in a second", 256, limits=(32, 1_000_000))},
    inject=lambda target, params: (
        network(
            *("tc", "qdisc", "add", "dev", _DEVICE, "root", "tbf"),
            *("rate", f"{params['kbit']}kbit", "burst", "3200", "latency", "400ms"),
        ),
    ),
    undo=lambda target, params: (network("tc", "qdisc", "del", "dev", _DEVICE, "root", may_fail=True),),
    # The kernel counts what had to wait.
    effect=lambda target, params: Look(
        network("sh", "-c", f'python3 -c "$1" "$2"; tc -s qdisc show dev {_DEVICE}', "sh", _TALK, target.planes[0]),
        says=r"tbf(?s:.)*overlimits [1-9]",
    ),
    roles=("worker",),
)
