# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that is cut off from the control plane."""

from __future__ import annotations

from chaosheal.faults._rules import enter, leave
from chaosheal.model import Fault, Look, Param, Params, Target, network

_HOOKS = {"both": ("INPUT", "OUTPUT"), "deaf": ("INPUT",), "mute": ("OUTPUT",)}
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 6443), 3)"


def _rules(target: Target, params: Params) -> list[tuple[str, ...]]:
    how: tuple[str, ...] = ("-j", "DROP")
    if params["how"] == "reset":
        how = ("-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset")
    return [(side, address, *how) for address in target.planes for side in ("-s", "-d")]


FAULT = Fault(
    name="partition",
    about="the node and the control plane do not reach each other, or only in one direction",
    params={
        "direction": Param(
            "which packets are lost: all, those to the node, or those from it", "both", choices=tuple(_HOOKS)
        ),
        "how": Param("whether packets are dropped, or answered by a reset", "drop", choices=("drop", "reset")),
    },
    inject=lambda target, params: enter(target, _rules(target, params), _HOOKS[params["direction"]]),
    undo=lambda target, params: leave(target),
    # A connection needs both directions, so none comes about whichever is cut.
    effect=lambda target, params: Look(
        network(
            "sh",
            "-c",
            f'for at in {" ".join(target.planes)}; do python3 -c "{_CONNECT}" $at 2>/dev/null && exit 1; done; exit 0',
        )
    ),
    roles=("worker",),
)
