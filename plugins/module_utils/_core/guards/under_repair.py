# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""under_repair: a repair that is under way is not begun again; a node that restarts is waited for."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    incident = candidate.incident
    if incident is None or not incident.awaited(situation.now):
        return None
    return f"{incident.rung} was done, and the node has until {format_time(incident.wait_until)} to come back"


GUARD = Guard(
    "under_repair",
    "No repair of a node that is waited for.",
    _objection,
    quiet=True,
    steered_by=("waiting_timeout", "waiting_timeout_gpu"),
)
