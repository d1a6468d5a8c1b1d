# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane that is far away."""

from __future__ import annotations

from pathlib import Path

from chaosheal.faults._rules import enter, leave
from chaosheal.model import Fault, Look, Param, Target, host, network

_PROXY = Path(__file__).resolve().parent.parent / "delay.py"
_MARK = "7"
_PORT = 16443
_SHAKE = (
    "import socket, ssl, sys, time; c = ssl._create_unverified_context(); begun = time.monotonic()\n"
    "c.wrap_socket(socket.create_connection((sys.argv[1], 6443), 20)).close()\n"
    "sys.exit(time.monotonic() - begun < float(sys.argv[2]))"
)


def _name(target: Target) -> str:
    return f"chaosheal-delay-{target.ident}"


FAULT = Fault(
    name="latency",
    about="what the node and the API server say to each other is on its way for longer",
    params={"milliseconds": Param("for which it is on its way in each direction", 500, limits=(10, 10_000))},
    inject=lambda target, params: (
        network(
            *("python3", str(_PROXY), _name(target), str(_PORT), _MARK, f"{params['milliseconds'] / 1000:.3f}"),
        ),
        *enter(
            target,
            [
                (
                    *("-p", "tcp", "-d", at, "--dport", "6443", "-m", "mark", "!", "--mark", _MARK),
                    *("-j", "REDIRECT", "--to-ports", str(_PORT)),
                )
                for at in target.planes
            ],
            table="nat",
        ),
    ),
    undo=lambda target, params: (
        *leave(target, table="nat"),
        host('pkill -f "$1"', f"[p]ython3 .* {_name(target)} ", may_fail=True),
    ),
    # A handshake goes to and fro twice.
    effect=lambda target, params: Look(
        network("python3", "-c", _SHAKE, target.planes[0], f"{3 * params['milliseconds'] / 1000:.3f}")
    ),
    roles=("worker",),
)
