# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The one-line truth of the cluster, derived from a judgement and the incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import REPAIRED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

NODES_LIMIT = 50
_HEALTHY = {Verdict.HEALTHY: "True", Verdict.UNHEALTHY: "False", Verdict.UNKNOWN: "Unknown"}


def derive(judgement: Judgement, incidents: Iterable[Incident], storm: Storm | None = None) -> dict[str, Any]:
    """The status of the ClusterRecord.

    Nothing in it depends on the moment of the run, so it stays the same for as long as the cluster does.

    :param incidents: every incident that is kept, the closed ones too.
    :param storm: the last one that is remembered, as it is now.
    """
    incidents = tuple(incidents)
    sick = [f for f in judgement.findings if f.verdict is Verdict.UNHEALTHY and not f.is_warning]
    open_ones = [i for i in incidents if i.phase.is_open]
    tried = [i for i in incidents if i.last_attempt is not None]
    last = max(tried, key=lambda i: (i.last_attempt, i.name), default=None)
    starts = [f.since for f in sick if f.since is not None] + [i.since for i in open_ones if sick]
    status: dict[str, Any] = {
        "healthy": _HEALTHY[judgement.verdict],
        "repairAttempts": sum(i.attempts for i in open_ones),
        "openIncidents": len(open_ones),
        "unhealthyNodes": [
            {"name": f.node, "reason": f.reason, "since": format_time(f.since)}
            for f in sorted((f for f in sick if f.node), key=lambda f: (f.node, f.check))[:NODES_LIMIT]
        ],
        "unhealthyNodeCount": len({f.node for f in sick if f.node}),
    }
    if starts:
        status["unhealthySince"] = format_time(min(starts))
    if sick:
        status["failureReason"] = ", ".join(sorted({f.reason for f in sick}))
    elif judgement.missing:
        status["failureReason"] = "could not read " + ", ".join(sorted(judgement.missing))
    if last is not None:
        status["lastRepairTime"] = format_time(last.last_attempt)
        status["lastRepair"] = f"{last.rung} on {last.node}"
        status["lastOutcome"] = last.outcome or "InProgress"
    repaired = [i.closed_at for i in incidents if i.outcome == REPAIRED and i.closed_at is not None]
    if repaired:
        status["lastSucceededTime"] = format_time(max(repaired))
    if storm is not None:
        status["storm"] = storm.to_dict()
    return status
