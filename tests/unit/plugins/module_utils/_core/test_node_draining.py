# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_draining
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node, Taint
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, snapshot

CHECK = node_draining.CHECK
AUTOSCALER, KARPENTER, CORDON = (
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "node.kubernetes.io/unschedulable",
)


def taint(key: str, added: datetime | None = None, value: str = "") -> Taint:
    return Taint(key, "NoSchedule", value, added)


def leaving(*taints: Taint, **changes: Any) -> Node:
    return node(taints=taints, **changes)


def stamp(seconds: float) -> str:
    return str(int(ago(seconds).timestamp()))


def findings_of(one: Node, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([one]), policy))


CORDONED: dict[str, Any] = {"unschedulable": True}

# A node -> the reason that must be given, and since when.
READINGS = {
    "nothing": (leaving(), None, None),
    "a cordon of long ago": (leaving(taint(CORDON, ago(90000)), **CORDONED), None, None),
    "a cordon without a taint": (leaving(**CORDONED), None, None),
    "another taint": (leaving(taint("dedicated", ago(90000))), None, None),
    "a candidate only": (leaving(taint("DeletionCandidateOfClusterAutoscaler", ago(90000))), None, None),
    "the autoscaler's value": (leaving(taint(AUTOSCALER, value=stamp(4000))), "NodeStuckDraining", ago(4000)),
    "the autoscaler's value goes before the time": (
        leaving(taint(AUTOSCALER, ago(9000), stamp(4000))),
        "NodeStuckDraining",
        ago(4000),
    ),
    "the autoscaler's value is no time": (leaving(taint(AUTOSCALER, ago(4000), "x")), "NodeStuckDraining", ago(4000)),
    "the autoscaler's value is endless": (
        leaving(taint(AUTOSCALER, ago(4000), "9" * 4000)),
        "NodeStuckDraining",
        ago(4000),
    ),
    "the autoscaler, just now": (leaving(taint(AUTOSCALER, value=stamp(60))), None, None),
    "cordoned for long, the autoscaler just now": (
        leaving(taint(CORDON, ago(90000)), taint(AUTOSCALER, value=stamp(60)), **CORDONED),
        None,
        None,
    ),
    "Karpenter with a time": (leaving(taint(KARPENTER, ago(4000))), "NodeStuckDraining", ago(4000)),
    "Karpenter and a cordon": (
        leaving(taint(KARPENTER), taint(CORDON, ago(4000)), **CORDONED),
        "NodeStuckDraining",
        ago(4000),
    ),
    "Karpenter, a cordon that was lifted": (
        leaving(taint(KARPENTER), taint(CORDON, ago(4000))),
        "DrainingSinceUnknown",
        None,
    ),
    "Karpenter without a time": (leaving(taint(KARPENTER)), "DrainingSinceUnknown", None),
    "Karpenter as it was": (leaving(taint("karpenter.sh/disruption", ago(4000))), "NodeStuckDraining", ago(4000)),
    "Karpenter with a value": (leaving(taint(KARPENTER, ago(4000), stamp(9000))), "NodeStuckDraining", ago(4000)),
    "both, the first counts": (
        leaving(taint(KARPENTER, ago(4000)), taint(AUTOSCALER, value=stamp(5000))),
        "NodeStuckDraining",
        ago(5000),
    ),
    "deleted, cordoned": (
        leaving(taint(CORDON, ago(4000)), deleting=True, **CORDONED),
        "NodeStuckDeleting",
        ago(4000),
    ),
    "deleted, by the autoscaler": (
        leaving(taint(AUTOSCALER, value=stamp(4000)), deleting=True),
        "NodeStuckDeleting",
        ago(4000),
    ),
    "deleted": (leaving(deleting=True, deleted=ago(4000)), "NodeStuckDeleting", ago(4000)),
    "deleted just now": (leaving(deleting=True, deleted=ago(60)), None, None),
    "deleted by Karpenter": (
        leaving(taint(KARPENTER), deleting=True, deleted=ago(4000)),
        "NodeStuckDeleting",
        ago(4000),
    ),
    "deleted just now, marked long ago": (
        leaving(taint(AUTOSCALER, value=stamp(4000)), deleting=True, deleted=ago(60)),
        "NodeStuckDeleting",
        ago(4000),
    ),
    "deleted just now, cordoned long ago": (
        leaving(taint(CORDON, ago(4000)), deleting=True, deleted=ago(60), **CORDONED),
        None,
        None,
    ),
    "deleted, no readable time": (leaving(deleting=True), "DrainingSinceUnknown", None),
}


@pytest.mark.parametrize(("one", "reason", "since"), READINGS.values(), ids=READINGS)
def test_each_reading(one: Node, reason: str | None, since: datetime | None) -> None:
    findings = findings_of(one)
    assert [(f.reason, f.since) for f in findings] == ([] if reason is None else [(reason, since)])
    for finding in findings:
        assert (finding.check, finding.node) == ("NodeDraining", "w1")
        assert finding.verdict is (Verdict.UNKNOWN if since is None else Verdict.UNHEALTHY)
        assert (finding.severity, finding.remedy) == (Severity.WARNING, Remedy.NONE)


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reason for _one, reason, _since in READINGS.values() if reason} == set(CHECK.reasons)


@pytest.mark.parametrize(
    ("seconds", "policy", "told"),
    [
        (3599, Policy(), False),
        (3600, Policy(), True),
        (-60, Policy(), False),
        (59, Policy(thresholds={"NodeDraining": 60}), False),
        (60, Policy(thresholds={"NodeDraining": 60}), True),
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(lambda s: {"taints": (taint(AUTOSCALER, value=stamp(s)),)}, id="autoscaler"),
        pytest.param(lambda s: {"taints": (taint(KARPENTER, ago(s)),)}, id="karpenter"),
        pytest.param(
            lambda s: {"taints": (taint(CORDON, ago(s)),), "deleting": True, "unschedulable": True}, id="cordoned"
        ),
        pytest.param(lambda s: {"deleting": True, "deleted": ago(s)}, id="deleted"),
    ],
)
def test_nothing_is_said_before_the_threshold(seconds: float, policy: Policy, told: bool, changes) -> None:
    assert len(findings_of(node(**changes(seconds)), policy)) == told
    assert CHECK.patient


def test_what_is_seen_is_in_the_message() -> None:
    (finding,) = findings_of(leaving(taint(AUTOSCALER, value=stamp(4000)), deleting=True))
    assert finding.message == f"the node has been leaving for 4000 s ({AUTOSCALER}, deletionTimestamp)"
    assert finding.evidence == {"signs": [AUTOSCALER, "deletionTimestamp"], "cordoned": False}
    (finding,) = findings_of(leaving(deleting=True))
    assert finding.message == "the node is leaving (deletionTimestamp), since when is not said"


def test_no_nodes_no_findings() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert CHECK.parts == ("nodes",)
