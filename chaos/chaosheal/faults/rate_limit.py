# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that carries little."""

from __future__ import annotations

from zlib import crc32

from chaosheal.model import Fault, Look, Param, Params, Target, network

_DEVICE = "eth0"
# Says more than fits through, to a port where nobody listens.
_TALK = (
    "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "for _ in range(50): s.sendto(bytes(1000), (sys.argv[1], 9))"
)
# The kernel's own queueing discipline has the handle 0; tc says of no other that somebody else's is in the way.
_ADD = (
    f'theirs=$(tc qdisc show dev {_DEVICE}) && theirs=$(echo "$theirs" | grep " root " | grep -v " 0: ");'
    f' if [ "$theirs" ]; then echo "{_DEVICE} has a queueing discipline already: $theirs" >&2; exit 1; fi;'
    f' exec tc qdisc add dev {_DEVICE} root handle "$@"'
)


def _handle(target: Target) -> str:
    """Of this injection's own queueing discipline; those that the kernel gives begin with 8000."""
    return f"{1 + crc32(target.ident.encode()) % 0x7FFF:x}:"


def _limit(target: Target, params: Params) -> tuple[str, ...]:
    return (_handle(target), "tbf", "rate", f"{params['kbit']}kbit", "burst", "3200", "latency", "400ms")


FAULT = Fault(
    name="rate_limit",
    about="the node sends no more than so much; one that is limited already is refused",
    params={"kbit": Param("thousand bits in a second", 256, limits=(32, 1_000_000))},
    inject=lambda target, params: (network("sh", "-c", _ADD, "sh", *_limit(target, params)),),
    # The kernel refuses to take away one with another handle.
    undo=lambda target, params: (
        network("tc", "qdisc", "del", "dev", _DEVICE, "root", "handle", _handle(target), may_fail=True),
    ),
    # The kernel counts what had to wait.
    effect=lambda target, params: Look(
        network("sh", "-c", f'python3 -c "$1" "$2"; tc -s qdisc show dev {_DEVICE}', "sh", _TALK, target.planes[0]),
        says=rf"qdisc tbf {_handle(target)} (?s:.)*overlimits [1-9]",
    ),
    roles=("worker",),
)
