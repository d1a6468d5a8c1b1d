# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_never_joined
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Heartbeat, Node, Taint
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, ready, snapshot

CHECK = node_never_joined.CHECK
AGE = 700


def young(*conditions: Condition, **changes: Any) -> Node:
    return node(**{"conditions": conditions, "created": ago(AGE), **changes})


def findings_of(one: Node, lease: Heartbeat | None = None, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([one], heartbeats={} if lease is None else {one.name: lease}), policy))


def never_updated(since: float = 600) -> Condition:
    return Condition("Ready", "Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.", ago(since))


def waits_for(key: str) -> dict[str, Any]:
    return {"taints": (Taint("dedicated", "NoSchedule"), Taint(key, "NoSchedule", "true"))}


FRESH, SILENT = Heartbeat(ago(5), 40), Heartbeat(ago(500), 40)
MOVES = Heartbeat(ago(500), 40, moved=True, watched=12)
NEVER_RENEWED = Heartbeat(None, 40)
CLOUD = "node.cloudprovider.kubernetes.io/uninitialized"

# A node that is 700 s old, and its Lease -> the reason that must be given.
READINGS = {
    "it is Ready": (young(ready()), FRESH, None),
    "it is Ready, and was at once": (young(ready("True", ago(AGE))), FRESH, None),
    "it is Ready without a Lease": (young(ready()), None, None),
    "the cloud never came": (young(ready(), **waits_for(CLOUD)), FRESH, "NodeNotInitialized"),
    "Cluster API never came": (
        young(ready(), **waits_for("node.cluster.x-k8s.io/uninitialized")),
        FRESH,
        "NodeNotInitialized",
    ),
    "Karpenter never came": (young(ready(), **waits_for("karpenter.sh/unregistered")), FRESH, "NodeNotInitialized"),
    "the cloud never came, and it is not Ready": (
        young(ready("False", ago(AGE)), **waits_for(CLOUD)),
        FRESH,
        "NodeNotInitialized",
    ),
    "another taint": (young(ready(), **waits_for("node.kubernetes.io/unschedulable")), FRESH, None),
    "no word at all": (young(), None, "NodeNeverReported"),
    "no word, a Lease never renewed": (young(), NEVER_RENEWED, "NodeNeverReported"),
    "no word, a Lease in date": (young(), FRESH, None),
    "no word, a Lease once renewed": (young(), SILENT, None),
    "other conditions only, no Lease": (
        young(Condition("DiskPressure", "False", "", "", ago(9))),
        None,
        "NodeNeverReported",
    ),
    "never updated": (young(never_updated()), None, "NodeNeverReported"),
    "never updated, the Lease has run out": (young(never_updated()), SILENT, "NodeNeverReported"),
    "never updated, about to": (young(never_updated()), FRESH, None),
    "never updated, its clock is behind": (young(never_updated()), MOVES, None),
    "False from the first moment": (young(ready("False", ago(AGE))), FRESH, "NodeNeverReady"),
    "False, and its Lease moves": (young(ready("False", ago(AGE))), MOVES, "NodeNeverReady"),
    "False from the first moment, without a Lease": (young(ready("False", ago(AGE))), None, "NodeNeverReady"),
    "False, its clock as far ahead as may be": (young(ready("False", ago(AGE - 10))), FRESH, "NodeNeverReady"),
    "False, a moment later": (young(ready("False", ago(AGE - 10.5))), FRESH, None),
    "False, its clock as far behind as may be": (young(ready("False", ago(AGE + 10))), FRESH, "NodeNeverReady"),
    "False since long before it was created": (young(ready("False", ago(AGE + 10.5))), FRESH, None),
    "it was Ready once": (young(ready("False", ago(300))), FRESH, None),
    "it was Ready once, now it is silent": (young(ready("Unknown", ago(300))), None, None),
    "Unknown from the first moment": (young(ready("Unknown", ago(AGE))), None, "NodeNeverReady"),
    "False since nobody knows when": (young(Condition("Ready", "False", "", "", None)), FRESH, None),
    "no readable Ready": (young(ready("", ago(AGE))), FRESH, None),
}


@pytest.mark.parametrize(("one", "lease", "reason"), READINGS.values(), ids=READINGS)
def test_each_reading(one: Node, lease: Heartbeat | None, reason: str | None) -> None:
    findings = findings_of(one, lease)
    assert [f.reason for f in findings] == ([] if reason is None else [reason])
    for finding in findings:
        assert (finding.check, finding.node, finding.node_uid) == ("NodeNeverJoined", "w1", "uid-w1")
        assert (finding.verdict, finding.since, finding.severity) == (Verdict.UNHEALTHY, ago(AGE), Severity.ERROR)
        assert finding.message.endswith("; the node was created 700 s ago")
        assert finding.past_threshold(NOW)


# What a node without a date of birth must look like for its age to matter.
AGELESS = {
    "no word at all": (young(created=None), True),
    "never updated": (young(never_updated(), created=None), True),
    "the cloud never came": (young(ready(), created=None, **waits_for(CLOUD)), True),
    "not Ready, since when does not help": (young(ready("False", ago(AGE)), created=None), False),
    "Ready": (young(ready(), created=None), False),
}


@pytest.mark.parametrize(("one", "told"), AGELESS.values(), ids=AGELESS)
def test_a_node_that_does_not_say_how_old_it_is(one: Node, told: bool) -> None:
    findings = findings_of(one)
    assert [(f.reason, f.verdict, f.since) for f in findings] == [("NodeAgeUnknown", Verdict.UNKNOWN, None)] * told


def test_every_reason_is_given_by_some_reading() -> None:
    given = {reason for _one, _lease, reason in READINGS.values() if reason}
    assert given | {"NodeAgeUnknown"} == set(CHECK.reasons)


SICK = [young(), young(never_updated()), young(ready(), **waits_for(CLOUD))]


@pytest.mark.parametrize(
    ("age", "policy", "told"),
    [
        (599, Policy(), False),
        (600, Policy(), True),
        (-60, Policy(), False),
        (1199, Policy(thresholds={"NodeNeverJoined": 1200}), False),
        (1200, Policy(thresholds={"NodeNeverJoined": 1200}), True),
    ],
)
@pytest.mark.parametrize("one", SICK, ids=["silent", "never updated", "uninitialized"])
def test_nothing_is_said_before_the_threshold(one: Node, age: float, policy: Policy, told: bool) -> None:
    assert len(findings_of(replace(one, created=ago(age)), None, policy)) == told
    assert CHECK.patient


def test_how_near_is_near_is_the_policys() -> None:
    one = young(ready("False", ago(AGE - 30)))
    assert findings_of(one, FRESH) == []
    assert [f.reason for f in findings_of(one, FRESH, Policy(clock_skew=30))] == ["NodeNeverReady"]


def test_another_machine_would_wait_for_its_controller_too() -> None:
    policy = Policy(remedies={"NodeNeverJoined": Remedy.REPLACE})
    (finding,) = findings_of(young(ready(), **waits_for(CLOUD)), FRESH, policy)
    assert finding.remedy is Remedy.NONE
    assert CLOUD in finding.message
    (finding,) = findings_of(young(), None, policy)
    assert finding.remedy is Remedy.REPLACE
    (finding,) = findings_of(young(), None)
    assert finding.remedy is Remedy.REPLACE


@pytest.mark.parametrize("part", ["nodes", "heartbeats"])
def test_it_says_nothing_when_a_part_is_missing(part: str) -> None:
    # Without the Leases nobody knows whether a node without conditions is alive.
    assert list(CHECK.evaluate(replace(snapshot([young()], heartbeats={}), **{part: None}), Policy())) == []
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert part in CHECK.parts


@pytest.mark.parametrize(
    ("changes", "policy", "leases", "expected"),
    [
        pytest.param({}, Policy(), {}, True, id="it has time"),
        pytest.param({"created": ago(AGE)}, Policy(), {}, False, id="its time is over"),
        pytest.param({"created": None}, Policy(), {}, False, id="how old it is, is not said"),
        pytest.param({}, Policy(), None, False, id="no Leases were read"),
        pytest.param({}, Policy(disabled_checks=frozenset({CHECK.name})), {}, False, id="the check is switched off"),
        pytest.param({"conditions": (ready(),)}, Policy(), {}, False, id="it has joined"),
    ],
)
def test_only_a_young_node_is_joining(
    changes: dict[str, Any], policy: Policy, leases: dict[str, Heartbeat] | None, expected: bool
) -> None:
    one = young(never_updated(20), **{"created": ago(20), **changes})
    if "conditions" in changes:
        one = node(**{"created": ago(20), **changes})
    assert node_never_joined.joining(one, snapshot([one], heartbeats=leases), policy) is expected
