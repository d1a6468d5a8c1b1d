# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""cooldown: a repair gets time to show before the next one, and each that has failed gets the next twice as much.

A machine that was to restart gets its whole time for that, also if the run that asked for it was killed in the middle.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    if not candidate.attempted_at:
        return None
    policy = situation.policy
    # A recovery closes the incident, and with it what it counts.
    failed = candidate.incident.attempts if candidate.incident is not None else 0
    needed = min(policy.cooldown * 2 ** min(max(0, failed - 1), 20), max(policy.cooldown, policy.cooldown_max))
    if candidate.incident is not None and _in_doubt(candidate.incident, situation):
        needed = max(needed, policy.waiting_time(candidate.node.has_gpu))
    elapsed = seconds_between(max(candidate.attempted_at), situation.now)
    if elapsed < needed:
        return f"the last attempt began {elapsed} s ago; the cool-down is {needed} s after {failed} failed attempts"
    return None


def _in_doubt(incident: Incident, situation: Situation) -> bool:
    """Whether the last repair was one that a node is waited for, and nobody has ever come to that."""
    if incident.rung not in situation.waited_for:
        return False
    phases = [moment.phase for moment in incident.history]
    begun = max((at for at, phase in enumerate(phases) if phase is Phase.REPAIRING), default=-1)
    return Phase.WAITING not in phases[begun + 1 :]


GUARD = Guard(
    "cooldown",
    "No new attempt on a node too soon after the last.",
    _objection,
    quiet=True,
    steered_by=("cooldown", "cooldown_max", "waiting_timeout", "waiting_timeout_gpu"),
)
