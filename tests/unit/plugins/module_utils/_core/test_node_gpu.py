# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_gpu
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, node, snapshot

CHECK = node_gpu.CHECK


def gpus(labels: dict[str, str], allocatable: dict[str, str] | None = None) -> Node:
    """The prefix of NVIDIA is left out of the names."""
    return node(
        labels={f"nvidia.com/{key}": value for key, value in labels.items()},
        allocatable={"cpu": "8", **{f"nvidia.com/{key}": value for key, value in (allocatable or {}).items()}},
    )


def findings_of(one: Node, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([one]), policy))


SHARED = {"gpu.count": "2", "gpu.replicas": "4"}
SLICED = {"gpu.count": "2", "gpu.replicas": "0", "mig-1g.10gb.count": "7", "mig-3g.40gb.count": "2"}

HEALTHY, UNHEALTHY, UNKNOWN = Verdict.HEALTHY, Verdict.UNHEALTHY, Verdict.UNKNOWN

READINGS = {
    "no GPU": (gpus({}), "NonGPUNode", HEALTHY),
    "GPUs that nobody counted": (gpus({}, {"gpu": "8"}), "NonGPUNode", HEALTHY),
    "counted, and there is none": (gpus({"gpu.count": "0"}), "NonGPUNode", HEALTHY),
    "all there": (gpus({"gpu.count": "8"}, {"gpu": "8"}), "GPUCountMatch", HEALTHY),
    "all there, replicas 1": (gpus({"gpu.count": "8", "gpu.replicas": "1"}, {"gpu": "8"}), "GPUCountMatch", HEALTHY),
    "all there, replicas 0": (gpus({"gpu.count": "8", "gpu.replicas": "0"}, {"gpu": "8"}), "GPUCountMatch", HEALTHY),
    "one gone": (gpus({"gpu.count": "8"}, {"gpu": "7"}), "GPUCountMismatch", UNHEALTHY),
    "one too many": (gpus({"gpu.count": "8"}, {"gpu": "9"}), "GPUCountMismatch", UNKNOWN),
    "all gone": (gpus({"gpu.count": "8"}, {"gpu": "0"}), "NoAllocatableGPU", UNHEALTHY),
    "not even named": (gpus({"gpu.count": "8"}), "NoAllocatableGPU", UNHEALTHY),
    "shared": (gpus(SHARED, {"gpu": "8"}), "GPUCountMatch", HEALTHY),
    "shared by another name": (gpus(SHARED, {"gpu": "0", "gpu.shared": "8"}), "GPUCountMatch", HEALTHY),
    "shared, one gone": (gpus(SHARED, {"gpu": "4"}), "GPUCountMismatch", UNHEALTHY),
    "sliced": (gpus(SLICED, {"gpu": "0", "mig-1g.10gb": "7", "mig-3g.40gb": "2"}), "GPUCountMatch", HEALTHY),
    "sliced and shared": (
        gpus({**SLICED, "mig-1g.10gb.replicas": "2"}, {"mig-1g.10gb": "14", "mig-3g.40gb": "2"}),
        "GPUCountMatch",
        HEALTHY,
    ),
    "a slice gone": (gpus(SLICED, {"mig-1g.10gb": "6", "mig-3g.40gb": "2"}), "GPUCountMismatch", UNHEALTHY),
    "slices of one kind gone": (gpus(SLICED, {"mig-1g.10gb": "7"}), "GPUCountMismatch", UNHEALTHY),
    "one more, one less": (gpus(SLICED, {"mig-1g.10gb": "6", "mig-3g.40gb": "3"}), "GPUCountMismatch", UNHEALTHY),
    "slices all gone": (gpus(SLICED, {"gpu": "0", "mig-1g.10gb": "0"}), "NoAllocatableGPU", UNHEALTHY),
    "no slices any more": (
        gpus({"gpu.count": "2", "mig-1g.10gb.count": "0"}, {"gpu": "1"}),
        "GPUCountMismatch",
        UNHEALTHY,
    ),
    "other labels of slices": (
        gpus({"gpu.count": "2", "mig.strategy": "single", "mig-1g.10gb.memory": "9728"}, {"gpu": "2"}),
        "GPUCountMatch",
        HEALTHY,
    ),
    "label is a word": (gpus({"gpu.count": "many"}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "label is empty": (gpus({"gpu.count": ""}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "label is negative": (gpus({"gpu.count": "-1"}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "label is a fraction": (gpus({"gpu.count": "1.5"}, {"gpu": "1"}), "GPUCountUnreadable", UNKNOWN),
    "label is in other digits": (gpus({"gpu.count": "\u0668"}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "label is endless": (gpus({"gpu.count": "9" * 4000}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "replicas are a word": (gpus({"gpu.count": "8", "gpu.replicas": "x"}, {"gpu": "8"}), "GPUCountUnreadable", UNKNOWN),
    "allocatable is a word": (gpus({"gpu.count": "8"}, {"gpu": "all"}), "GPUCountUnreadable", UNKNOWN),
    "no allocatable at all": (node(labels={"nvidia.com/gpu.count": "8"}), "GPUCountUnreadable", UNKNOWN),
}


@pytest.mark.parametrize(("one", "reason", "verdict"), READINGS.values(), ids=READINGS)
def test_each_reading(one: Node, reason: str, verdict: Verdict) -> None:
    assert node_gpu.reading(one)[:2] == (verdict, reason)
    findings = findings_of(one)
    assert [(f.verdict, f.reason) for f in findings] == ([] if verdict is HEALTHY else [(verdict, reason)])
    assert all(f.node == "w1" and "\n" not in f.message and len(f.message) < 200 for f in findings)


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reason for _one, reason, _verdict in READINGS.values()} == set(CHECK.reasons)


def test_since_when_is_not_in_the_api() -> None:
    (finding,) = findings_of(gpus({"gpu.count": "8"}))
    assert (finding.since, finding.past_threshold(NOW)) == (None, False)


def test_the_numbers_are_in_the_message_and_in_the_evidence() -> None:
    (finding,) = findings_of(gpus(SLICED, {"mig-1g.10gb": "6", "mig-3g.40gb": "2"}))
    assert finding.message == "allocatable are 6 of 7 nvidia.com/mig-1g.10gb, 2 of 2 nvidia.com/mig-3g.40gb"
    assert finding.evidence == {
        "promised": {"nvidia.com/mig-1g.10gb": 7, "nvidia.com/mig-3g.40gb": 2},
        "allocatable": {"nvidia.com/mig-1g.10gb": 6, "nvidia.com/mig-3g.40gb": 2},
    }


def test_what_may_be_done() -> None:
    (finding,) = findings_of(gpus({"gpu.count": "8"}, {"gpu": "7"}))
    assert (finding.threshold, finding.severity, finding.remedy) == (600, Severity.ERROR, Remedy.REBOOT)
    (finding,) = findings_of(
        gpus({"gpu.count": "8"}, {"gpu": "7"}), Policy(thresholds={"NodeGPU": 9}, remedies={"NodeGPU": Remedy.NONE})
    )
    assert (finding.threshold, finding.remedy) == (9, Remedy.NONE)


def test_no_nodes_no_findings() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert CHECK.parts == ("nodes",)
