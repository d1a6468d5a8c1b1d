# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""attempts: what has failed several times is for people."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import count_within


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    incident = candidate.incident
    if incident is not None and incident.phase is Phase.ESCALATED:
        return (
            f"incident {incident.name} was handed to people after {incident.attempts} attempts:"
            " repair the node by hand, or delete its incidents, the closed ones too, to allow new attempts"
        )
    window, limit = situation.policy.attempt_window, situation.policy.max_attempts
    made = count_within(candidate.attempted_at, window, situation.now)
    if made >= limit:
        return (
            f"{made} attempts in the last {window} s, those of closed incidents counted; the limit is {limit}:"
            " repair the node by hand, or delete its incidents to allow new attempts"
        )
    return None


GUARD = Guard(
    "attempts",
    "After so many attempts a node is handed to people.",
    _objection,
    steered_by=("max_attempts", "attempt_window"),
)
