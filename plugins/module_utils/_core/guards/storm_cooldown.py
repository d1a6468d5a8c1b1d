# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""storm_cooldown: after a storm the cluster gets time to settle; what was sick in it is not all repaired at once."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import follow
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, seconds_between


def _objection(_candidate: Candidate, situation: Situation) -> str | None:
    storm = follow(situation.storm, situation.snapshot, situation.judgement, situation.policy, situation.now)
    if storm is None:
        return None
    began = f"{storm.cause} since {format_time(storm.since)}"
    if storm.ended is None:
        return f"{began}, and not over: nobody is touched"
    elapsed, needed = seconds_between(storm.ended, situation.now), situation.policy.storm_cooldown
    if elapsed < needed:
        return f"{began} has been over for {elapsed} s; nobody is touched for {needed} s after it"
    return None


GUARD = Guard(
    "storm_cooldown",
    "No repair in a storm, nor for a while after it.",
    _objection,
    quiet=True,
    steered_by=("storm_cooldown", "mass_failure_percent"),
)
