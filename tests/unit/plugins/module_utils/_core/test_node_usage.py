# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NodeCPU and NodeMemory, which differ in one number of the metrics API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_cpu, node_memory
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Usage
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, snapshot

GIB = 2**30
CPU, MEMORY = node_cpu.CHECK, node_memory.CHECK
# 4 cores and 16 GiB, a quarter of each in use.
IDLE = Usage(1.0, 4 * GIB, 4.0, 16 * GIB, at=ago(30))


def findings_of(check: Check, usage: Usage | None, policy: Policy = Policy()) -> list[Finding]:
    metrics = {} if usage is None else {"w1": usage}
    return list(check.evaluate(snapshot([node()], metrics=metrics), policy))


# What the metrics API says of a node -> the reason of each check, if it has one.
USES: dict[str, tuple[Usage | None, str | None, str | None]] = {
    "idle": (IDLE, None, None),
    "when it was measured is not said": (replace(IDLE, at=None), None, None),
    "CPU at the limit": (replace(IDLE, cpu_cores=3.2), None, None),
    "CPU just above": (replace(IDLE, cpu_cores=3.2001), "CPUUsageHigh", None),
    "more CPU than there is": (replace(IDLE, cpu_cores=5.0), "CPUUsageHigh", None),
    "memory at the limit": (replace(IDLE, memory_bytes=85, memory_capacity=100), None, None),
    "memory just above": (replace(IDLE, memory_bytes=85 * 10**9 + 1, memory_capacity=10**11), None, "MemoryUsageHigh"),
    "both": (replace(IDLE, cpu_cores=4.0, memory_bytes=16 * GIB), "CPUUsageHigh", "MemoryUsageHigh"),
    "absent": (None, "CPUMetricsAbsent", "MemoryMetricsAbsent"),
    "CPU capacity unknown": (replace(IDLE, cpu_capacity=None), "CPUMetricsAbsent", None),
    "CPU capacity nothing": (replace(IDLE, cpu_capacity=0.0), "CPUMetricsAbsent", None),
    "memory capacity unknown": (replace(IDLE, memory_capacity=None), None, "MemoryMetricsAbsent"),
    "memory capacity below nothing": (replace(IDLE, memory_capacity=-1), None, "MemoryMetricsAbsent"),
    "CPU capacity without end": (replace(IDLE, cpu_capacity=float("inf")), "CPUMetricsAbsent", None),
    "no number": (replace(IDLE, cpu_cores=float("nan")), "CPUMetricsAbsent", None),
    "below nothing": (replace(IDLE, memory_bytes=-1), None, "MemoryMetricsAbsent"),
    "just not stale": (replace(IDLE, cpu_cores=4.0, at=ago(300)), "CPUUsageHigh", None),
    "stale": (replace(IDLE, at=ago(300.5)), "CPUMetricsStale", "MemoryMetricsStale"),
    "stale and high": (replace(IDLE, cpu_cores=4.0, at=ago(301)), "CPUMetricsStale", "MemoryMetricsStale"),
    "of the far future": (replace(IDLE, at=ago(-301)), "CPUMetricsStale", "MemoryMetricsStale"),
}


@pytest.mark.parametrize(("usage", "cpu", "memory"), USES.values(), ids=USES)
def test_each_use_has_its_reason(usage: Usage | None, cpu: str | None, memory: str | None) -> None:
    for check, reason in ((CPU, cpu), (MEMORY, memory)):
        found = findings_of(check, usage)
        assert [f.reason for f in found] == ([] if reason is None else [reason])
        for finding in found:
            assert finding.verdict is (Verdict.UNHEALTHY if finding.reason.endswith("High") else Verdict.UNKNOWN)
            assert (finding.severity, finding.remedy) == (Severity.WARNING, Remedy.NONE)
            assert (finding.node, finding.node_uid, finding.check) == ("w1", "uid-w1", check.name)


def test_every_reason_is_given_by_some_use() -> None:
    given = {reason for _usage, *reasons in USES.values() for reason in reasons if reason}
    assert given == set(CPU.reasons) | set(MEMORY.reasons)


@pytest.mark.parametrize(
    ("check", "policy", "usage"),
    [
        (CPU, Policy(cpu_percent=25), replace(IDLE, cpu_cores=1.01)),
        (MEMORY, Policy(memory_percent=25), replace(IDLE, memory_bytes=4 * GIB + 1)),
    ],
)
def test_the_limit_is_the_policys(check: Check, policy: Policy, usage: Usage) -> None:
    assert findings_of(check, IDLE, policy) == []
    (finding,) = findings_of(check, usage, policy)
    assert finding.reason.endswith("UsageHigh")


def test_the_numbers_are_told() -> None:
    (finding,) = findings_of(CPU, replace(IDLE, cpu_cores=3.5))
    assert finding.message == "node w1 uses 87.5 % of its CPU (3.50 cores of 4.00 cores), 80 % are allowed"
    assert finding.evidence == {"percent": 87.5, "used": 3.5, "capacity": 4.0}
    (finding,) = findings_of(MEMORY, replace(IDLE, memory_bytes=15 * GIB))
    assert finding.message == "node w1 uses 93.8 % of its memory (15.0 GiB of 16.0 GiB), 85 % are allowed"
    (finding,) = findings_of(MEMORY, replace(IDLE, at=ago(400)))
    assert finding.message == "the last metrics of node w1 are 400 s old"
    (finding,) = findings_of(MEMORY, None)
    assert finding.message == "the metrics API has nothing about node w1"


@pytest.mark.parametrize("check", [CPU, MEMORY])
def test_each_node_is_looked_at_by_its_name(check: Check) -> None:
    busy = replace(IDLE, cpu_cores=4.0, memory_bytes=16 * GIB)
    seen = snapshot([node("a"), node("b"), node("c")], metrics={"a": IDLE, "b": busy, "gone": busy})
    assert [(f.node, f.verdict) for f in check.evaluate(seen, Policy())] == [
        ("b", Verdict.UNHEALTHY),
        ("c", Verdict.UNKNOWN),
    ]


@pytest.mark.parametrize("check", [CPU, MEMORY])
def test_it_says_nothing_when_a_part_was_not_read(check: Check) -> None:
    for part in check.parts:
        assert list(check.evaluate(replace(snapshot([node()], metrics={}), **{part: None}), Policy())) == []
    assert set(check.parts) == {"nodes", "metrics"}


def test_nobody_says_since_when() -> None:
    (finding,) = findings_of(CPU, replace(IDLE, cpu_cores=4.0))
    assert finding.since is None
    assert not finding.past_threshold(NOW)
