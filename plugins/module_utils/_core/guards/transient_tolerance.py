# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""transient_tolerance: short trouble heals by itself more often than not.

A host that gives no answer may be in the middle of a boot that somebody else has begun, so it has as much time to come
back as one that we have rebooted.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    policy = situation.policy
    persisted = seconds_between(candidate.since, situation.now)
    kind = "disruptive" if candidate.rung.disruptive else "soft"
    rung_after = candidate.finding.threshold if candidate.rung.disruptive else policy.soft_rung_after
    boot = policy.waiting_time(candidate.node.has_gpu) if candidate.silent else 0
    needed = max(policy.transient_tolerance, rung_after, boot)
    if persisted < needed:
        return (
            f"the trouble has lasted {persisted} s; a {kind} repair waits for {needed} s"
            f" (transient tolerance {policy.transient_tolerance} s, {kind} rungs from {rung_after} s"
            f"{f', a silent host may be booting for {boot} s' if boot else ''})"
        )
    return None


GUARD = Guard(
    "transient_tolerance",
    "Trouble must last before it is repaired.",
    _objection,
    quiet=True,
    steered_by=(
        "transient_tolerance",
        "health_check_interval",
        "node_failure_threshold",
        "thresholds",
        "waiting_timeout",
        "waiting_timeout_gpu",
    ),
)
