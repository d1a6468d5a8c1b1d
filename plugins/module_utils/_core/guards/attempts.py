# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""attempts: what has failed several times is for people."""

from __future__ import annotations

from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


def recent_attempts(incident: Incident, policy: Policy, now: datetime) -> int:
    """How many attempts still count."""
    return sum(1 for at in incident.attempted_at if seconds_between(at, now) < policy.attempt_window)


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    incident = candidate.incident
    if incident is None:
        return None
    if incident.phase is Phase.ESCALATED:
        return f"incident {incident.name} was handed to people after {incident.attempts} attempts"
    made = recent_attempts(incident, situation.policy, situation.now)
    limit = situation.policy.max_attempts
    if made >= limit:
        return f"{made} attempts in the last {situation.policy.attempt_window} s; the limit is {limit}"
    return None


GUARD = Guard("attempts", "After so many attempts a node is handed to people.", _objection)
