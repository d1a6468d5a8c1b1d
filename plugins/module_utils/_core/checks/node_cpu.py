# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeCPU: how much of its CPU each node uses, by the metrics API. Metrics that are absent are unknown, never low."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._usage import Resource, findings, share
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

CPU = Resource(
    name="CPU",
    read=lambda usage: share(usage.cpu_cores, usage.cpu_capacity),
    show=lambda cores: f"{cores:.2f} cores",
    high="CPUUsageHigh",
    absent="CPUMetricsAbsent",
    stale="CPUMetricsStale",
)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that uses more than ``cpu_percent``, and for each that nobody has measured."""
    return findings(CHECK, CPU, policy.cpu_percent, snapshot, policy)


CHECK = Check(
    name="NodeCPU",
    about="The node has CPU to spare.",
    parts=("nodes", "metrics"),
    reasons=CPU.reasons("cpu_percent"),
    evaluate=evaluate,
    severity=Severity.WARNING,
)
