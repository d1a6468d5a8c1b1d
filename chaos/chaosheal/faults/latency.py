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
# Ends with 0 if a handshake takes as long as it has to, and no connection of kubelet's goes past the delay.
_FAR = (
    "import socket, ssl, subprocess, sys, time\n"
    "c = ssl._create_unverified_context(); begun = time.monotonic()\n"
    "c.wrap_socket(socket.create_connection((sys.argv[1], 6443), 20)).close()\n"
    "if time.monotonic() - begun < float(sys.argv[2]): sys.exit(1)\n"
    "def ends(column, *which):\n"
    "    told = subprocess.check_output(['ss', '-Htnp', 'state', 'established', *which], text=True)\n"
    "    return [(line.split()[column], line) for line in told.splitlines()]\n"
    "delayed = {end for end, line in ends(3, 'sport', '=', ':' + sys.argv[3])}\n"
    "sys.exit(any('\"kubelet\"' in line and end not in delayed for end, line in ends(2, 'dport', '=', ':6443')))\n"
)


def _name(target: Target) -> str:
    return f"chaosheal-delay-{target.ident}"


def _to(target: Target) -> list[tuple[str, ...]]:
    """What goes to an API server, and is not of the program that delays it."""
    return [("-p", "tcp", "-d", at, "--dport", "6443", "-m", "mark", "!", "--mark", _MARK) for at in target.planes]


def _past(target: Target) -> list[tuple[str, ...]]:
    """What goes on to an API server past the delay, since it has begun before; not what a Service leads there."""
    return [(*rule, "-m", "conntrack", "--ctorigdst", at) for rule, at in zip(_to(target), target.planes, strict=True)]


FAULT = Fault(
    name="latency",
    about="what the node and the API server say to each other is on its way for longer",
    # Less would be hard to tell from what a busy machine does by itself.
    params={"milliseconds": Param("for which it is on its way in each direction", 500, limits=(200, 10_000))},
    inject=lambda target, params: (
        network(
            *("python3", str(_PROXY), _name(target), str(_PORT), _MARK, f"{params['milliseconds'] / 1000:.3f}"),
        ),
        *enter(target, [(*rule, "-j", "REDIRECT", "--to-ports", str(_PORT)) for rule in _to(target)], table="nat"),
        *enter(target, [(*rule, "-j", "REJECT", "--reject-with", "tcp-reset") for rule in _past(target)], ("OUTPUT",)),
    ),
    undo=lambda target, params: (
        *leave(target),
        *leave(target, table="nat"),
        host('pkill -f "$1"', f"[p]ython3 .* {_name(target)} ", may_fail=True),
    ),
    # A handshake goes to and fro twice.
    effect=lambda target, params: Look(
        network("python3", "-c", _FAR, target.planes[0], f"{3 * params['milliseconds'] / 1000:.3f}", str(_PORT))
    ),
    roles=("worker",),
)
