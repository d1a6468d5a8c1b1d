# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that is cut off from the control plane."""

from __future__ import annotations

from chaosheal.faults._pod_network import place, remove, seen_from_both
from chaosheal.faults._rules import between, enter, leave, leave_between
from chaosheal.model import Command, Fault, Param, Params, Target

# Which packets are lost: those that arrive, those that leave.
_WAYS = {"both": (True, True), "deaf": (True, False), "mute": (False, True)}
# Ends with 0 if no control plane can be connected to.
_CUT_OFF = (
    "import socket, sys\n"
    "for at in sys.argv[1:]:\n"
    "    try: socket.create_connection((at, 6443), 3).close()\n"
    "    except OSError: continue\n"
    "    sys.exit(1)\n"
)


def _cut(target: Target, params: Params) -> tuple[Command, ...]:
    arriving, leaving = _WAYS[params["direction"]]
    if params["how"] == "drop":
        return between(target, ("-j", "DROP"), arriving, leaving)
    sides: list[tuple[str, ...]] = []
    for at in target.planes:
        # Here the answers of a Service have its address for their sender.
        sides += [("-s", at), ("-m", "conntrack", "--ctdir", "REPLY", "--ctreplsrc", at)] if arriving else []
        sides += [("-d", at)] if leaving else []
    # A reset of ours comes through the same chains, and would be held up there.
    tcp, rest = ("-p", "tcp", "!", "--tcp-flags", "RST", "RST"), ("!", "-p", "tcp", "-j", "DROP")
    reset = (*tcp, "-j", "REJECT", "--reject-with", "tcp-reset")
    return (
        *enter(target, [(*side, *how) for side in sides for how in (reset, rest)]),
        # What a network plugin that puts its rules first has let pass before it could be reset.
        *enter(target, [(*side, *how) for side in sides for how in ((*tcp, "-j", "DROP"), rest)], table="mangle"),
    )


FAULT = Fault(
    name="partition",
    about="the node with its pods and the control plane do not reach each other, or only in one direction",
    params={
        "direction": Param(
            "which packets are lost: all, those to the node, or those from it", "both", choices=tuple(_WAYS)
        ),
        "how": Param("whether packets are dropped, or answered by a reset", "drop", choices=("drop", "reset")),
    },
    inject=lambda target, params: (*place(target), *_cut(target, params)),
    undo=lambda target, params: (*leave(target), *leave_between(target), *remove(target)),
    # A connection needs both directions, so none comes about whichever is cut.
    effect=lambda target, params: seen_from_both(target, _CUT_OFF, *target.planes),
    roles=("worker",),
)
