# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""approval: the repairs that the policy names wait for a person."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    rung, incident = candidate.rung, candidate.incident
    if rung.remedy not in situation.policy.approval_required:
        return None
    given = incident.annotations.get(APPROVED, "") if incident is not None else ""
    if rung.name in given.replace(",", " ").split():
        return None
    name = incident.name if incident is not None else f"of {candidate.node.name}, once it is written"
    return f"{rung.name} waits for approval: put annotation {APPROVED}={rung.name} on incident {name}"


GUARD = Guard(
    "approval",
    "Repairs that the policy names wait for a person's approval.",
    _objection,
    steered_by=("approval_required",),
)
