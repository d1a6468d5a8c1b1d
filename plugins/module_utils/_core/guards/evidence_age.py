# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""evidence_age: what was seen a while ago is no reason to do anything now."""

from __future__ import annotations

from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


def too_old(snapshot: Snapshot, policy: Policy, now: datetime) -> str | None:
    """Why nothing may be done on this snapshot any more, with the numbers; None while something may."""
    age, limit = seconds_between(snapshot.observed_at, now), policy.evidence_age
    return f"the cluster was looked at {age} s ago; the limit is {limit} s" if age > limit else None


def _objection(_candidate: Candidate, situation: Situation) -> str | None:
    return too_old(situation.snapshot, situation.policy, situation.now)


GUARD = Guard(
    "evidence_age",
    "No repair on evidence that is older than its limit.",
    _objection,
    steered_by=("evidence_age",),
)
