# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine says of a node."""

from __future__ import annotations

from chaosheal.model import Look, Target, engine


def in_state(target: Target, state: str) -> Look:
    """Whether the engine's list has the node in this state."""
    words = (
        "ps",
        "--all",
        "--filter",
        f"name=^{target.node}$",
        "--filter",
        f"status={state}",
        "--format",
        "{{.Names}}",
    )
    return Look(engine(*words), says=f"^{target.node}$")
