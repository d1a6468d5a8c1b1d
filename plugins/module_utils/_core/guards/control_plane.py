# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""control_plane: one control-plane node at a time, never the last one that works, and none is ever replaced."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    node = candidate.node
    if not node.is_control_plane:
        return None
    if not Remedy.REBOOT.includes(candidate.rung.remedy):
        return f"it is a control-plane node, which is never replaced; {candidate.rung.name} would"
    others = [one for one in situation.snapshot.nodes or () if one.is_control_plane and one.name != node.name]
    busy = sorted(one.name for one in others if one.name in situation.under_repair | situation.planned)
    if busy:
        return f"control-plane node {busy[0]} is under repair or planned for it; one at a time"
    if candidate.rung.disruptive and not any(one.is_ready and not one.unschedulable for one in others):
        return f"none of the {len(others)} other control-plane nodes is Ready and in use: this would be the last one"
    return None


GUARD = Guard(
    "control_plane", "One control-plane node at a time, never the last that works, and none is replaced.", _objection
)
