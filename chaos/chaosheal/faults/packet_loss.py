# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that loses packets."""

from __future__ import annotations

from chaosheal.faults._pod_network import place, remove, seen_from_both
from chaosheal.faults._rules import between, leave_between
from chaosheal.model import Fault, Param, Params

# Ends with 0 if not all of many connections come about before the kernel says a first word again, after a second.
_LOST = (
    "import socket, sys, time; asked = [socket.socket() for _ in range(100)]; lost = 0\n"
    "for one in asked: one.setblocking(False); one.connect_ex((sys.argv[1], 6443))\n"
    "time.sleep(0.9)\n"
    "for one in asked:\n"
    "    try: one.getpeername()\n"
    "    except OSError: lost += 1\n"
    "sys.exit(lost == 0)\n"
)


def _some(params: Params) -> tuple[str, ...]:
    chance = f"{params['percent'] / 100:.2f}"
    return ("-m", "statistic", "--mode", "random", "--probability", chance, "-j", "DROP")


FAULT = Fault(
    name="packet_loss",
    about="so many of the packets between the node with its pods and the control plane are lost",
    params={"percent": Param("of the packets in each direction", 30, limits=(1, 95))},
    inject=lambda target, params: (*place(target), *between(target, _some(params))),
    undo=lambda target, params: (*leave_between(target), *remove(target)),
    effect=lambda target, params: seen_from_both(target, _LOST, target.planes[0]),
    roles=("worker",),
)
