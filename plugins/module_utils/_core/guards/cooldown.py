# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""cooldown: a repair gets time to show before the next one, and each that has failed gets the next twice as much."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    if not candidate.attempted_at:
        return None
    policy = situation.policy
    # A recovery closes the incident, and with it what it counts.
    failed = candidate.incident.attempts if candidate.incident is not None else 0
    needed = min(policy.cooldown * 2 ** min(max(0, failed - 1), 20), max(policy.cooldown, policy.cooldown_max))
    elapsed = seconds_between(max(candidate.attempted_at), situation.now)
    if elapsed < needed:
        return f"the last attempt began {elapsed} s ago; the cool-down is {needed} s after {failed} failed attempts"
    return None


GUARD = Guard(
    "cooldown",
    "No new attempt on a node too soon after the last.",
    _objection,
    quiet=True,
    steered_by=("cooldown", "cooldown_max"),
)
