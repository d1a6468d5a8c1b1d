# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that loses packets."""

from __future__ import annotations

from chaosheal.faults._rules import chain_of, enter, leave
from chaosheal.model import Fault, Look, Param, network

FAULT = Fault(
    name="packet_loss",
    about="so many of the packets between the node and the control plane are lost",
    params={"percent": Param("of the packets in each direction", 30, limits=(1, 95))},
    inject=lambda target, params: enter(
        target,
        [
            (
                side,
                at,
                "-m",
                "statistic",
                "--mode",
                "random",
                "--probability",
                f"{params['percent'] / 100:.2f}",
                "-j",
                "DROP",
            )
            for at in target.planes
            for side in ("-s", "-d")
        ],
    ),
    undo=lambda target, params: leave(target),
    # The kernel counts what it has dropped.
    effect=lambda target, params: Look(
        network("iptables", "-w", "10", "-nvxL", chain_of(target)), says=r"(?m)^\s*[1-9]\d*\s+\d+\s+DROP"
    ),
    roles=("worker",),
)
