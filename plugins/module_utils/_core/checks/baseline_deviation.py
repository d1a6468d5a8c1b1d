# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""BaselineDeviation: the cluster's metrics are what they usually are, by the statistics of baseline.py.

Only ever a warning: that something has changed is no proof that it is broken.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import METRICS, metrics_of, unusual
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

HIGH = "MetricUnusuallyHigh"
LOW = "MetricUnusuallyLow"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each metric that is not what it usually is."""
    if snapshot.baseline is None:
        return
    target = Ref("Cluster", snapshot.cluster_uid or "cluster")
    for found in unusual(snapshot.baseline, metrics_of(snapshot), snapshot.observed_at, policy):
        yield CHECK.finding(
            policy,
            target,
            HIGH if found.deviations > 0 else LOW,
            f"{found.metric} is {found.value:.10g}, usually {found.median:.10g} at this hour and {found.overall:.10g}"
            f" by day and night: {abs(found.deviations):.0f} deviations off ({METRICS[found.metric].about})",
            None,
            evidence={
                "metric": found.metric,
                "value": round(found.value, 2),
                "median": round(found.median, 2),
                "median_of_all_hours": round(found.overall, 2),
                "deviations": round(found.deviations, 1),
                "samples": found.samples,
                "samples_at_this_hour": found.hour_samples,
            },
        )


CHECK = Check(
    name="BaselineDeviation",
    about="The metrics of the cluster are what they usually are at this hour.",
    parts=("baseline",),
    reasons={
        HIGH: "a metric is far above what is usual for this cluster",
        LOW: "a metric is far below what is usual for this cluster",
    },
    evaluate=evaluate,
    severity=Severity.WARNING,
)
