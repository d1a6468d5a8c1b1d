# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeMemory: how much of its memory each node uses, by the metrics API. Absent metrics are unknown, never low."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._usage import (
    Resource,
    findings,
    gib,
    share,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

MEMORY = Resource(
    name="memory",
    read=lambda usage: share(usage.memory_bytes, usage.memory_capacity),
    show=gib,
    high="MemoryUsageHigh",
    absent="MemoryMetricsAbsent",
    stale="MemoryMetricsStale",
)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that uses more than ``memory_percent``, and for each that nobody has measured."""
    return findings(CHECK, MEMORY, policy.memory_percent, snapshot, policy)


CHECK = Check(
    name="NodeMemory",
    about="The node has memory to spare.",
    parts=("nodes", "metrics"),
    reasons=MEMORY.reasons("memory_percent"),
    evaluate=evaluate,
    severity=Severity.WARNING,
)
