# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_ready
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, ready, sick, snapshot


def findings_of(one: Node, policy: Policy = Policy(), **changes: object) -> list[Finding]:
    return list(node_ready.CHECK.evaluate(snapshot([one], **changes), policy))


def without_since(status: str) -> Condition:
    return ready(status)._replace(last_transition=None)


# What is seen of a node -> the reason that must be given, and whether it is known to be sick.
READINGS = {
    "Ready is False": (node(condition=ready("False", ago(400))), "NodeNotReady", Verdict.UNHEALTHY),
    "Ready is Unknown": (node(condition=ready("Unknown", ago(400))), "NodeStatusUnknown", Verdict.UNHEALTHY),
    "the runtime is down": (
        node(
            condition=ready("False", ago(400))._replace(message="[container runtime is down, PLEG is not healthy: 3m]")
        ),
        "ContainerRuntimeDown",
        Verdict.UNHEALTHY,
    ),
    "the runtime says so": (
        node(condition=ready("False", ago(400))._replace(message="container runtime not ready: RuntimeReady=false")),
        "ContainerRuntimeDown",
        Verdict.UNHEALTHY,
    ),
    "only the network is missing": (
        node(condition=ready("False", ago(400))._replace(message="container runtime network not ready: cni")),
        "PodNetworkDown",
        Verdict.UNHEALTHY,
    ),
    "the runtime is down, and so is its network": (
        node(
            condition=ready("False", ago(400))._replace(
                message="[container runtime is down, container runtime network not ready: cni]"
            )
        ),
        "ContainerRuntimeDown",
        Verdict.UNHEALTHY,
    ),
    "the kubelet has just begun": (
        node(
            condition=ready("False", ago(400))._replace(
                message="container runtime status check may not have completed yet"
            )
        ),
        "NodeNotReady",
        Verdict.UNHEALTHY,
    ),
    "Unknown, whatever was said before": (
        node(condition=ready("Unknown", ago(400))._replace(message="container runtime is down")),
        "NodeStatusUnknown",
        Verdict.UNHEALTHY,
    ),
    "no condition at all": (node(conditions=()), "ReadyConditionMissing", Verdict.UNKNOWN),
    "other conditions only": (
        node(condition=Condition("DiskPressure", "False", "", "", ago(9))),
        "ReadyConditionMissing",
        Verdict.UNKNOWN,
    ),
    "an empty status": (node(condition=ready("")), "ReadyConditionMissing", Verdict.UNKNOWN),
    "a status nobody knows": (node(condition=ready("true")), "ReadyConditionMissing", Verdict.UNKNOWN),
    "False without a time": (node(condition=without_since("False")), "ReadyTransitionTimeMissing", Verdict.UNKNOWN),
    "Unknown without a time": (node(condition=without_since("Unknown")), "ReadyTransitionTimeMissing", Verdict.UNKNOWN),
}


@pytest.mark.parametrize(("one", "reason", "verdict"), READINGS.values(), ids=READINGS)
def test_each_reading_has_its_reason(one: Node, reason: str, verdict: Verdict) -> None:
    (finding,) = findings_of(one)
    assert (finding.reason, finding.verdict) == (reason, verdict)
    assert (finding.check, finding.node, finding.node_uid) == ("NodeReady", "w1", "uid-w1")
    assert (finding.since is None) == (verdict is Verdict.UNKNOWN)


def test_every_reason_is_given_by_some_reading() -> None:
    given = {reason for _verdict, reason, _message in READINGS.values()}
    assert given == set(node_ready.CHECK.reasons)


def test_ready_says_nothing() -> None:
    assert findings_of(node()) == []


def test_ready_needs_no_time() -> None:
    assert findings_of(node(condition=without_since("True"))) == []


@pytest.mark.parametrize("threshold", [10, 300, 86400])
@pytest.mark.parametrize(
    ("past", "reached"),
    [
        pytest.param(-1, False, id="a second before"),
        pytest.param(-0.001, False, id="a moment before"),
        pytest.param(0, True, id="at the threshold"),
        pytest.param(1, True, id="after"),
    ],
)
@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_from_the_threshold_on(threshold: int, past: float, reached: bool, status: str) -> None:
    policy = Policy(thresholds={"NodeReady": threshold})
    (finding,) = findings_of(sick(seconds=threshold + past, status=status), policy)
    assert finding.past_threshold(NOW) is reached
    assert finding.threshold == threshold
    assert finding.verdict is Verdict.UNHEALTHY  # sick before that, too: it must be reported


def test_a_transition_in_the_future_has_not_lasted() -> None:
    (finding,) = findings_of(sick(seconds=-30))
    assert finding.persisted(NOW) == 0
    assert not finding.past_threshold(NOW)


@pytest.mark.parametrize(
    ("status", "age", "lease", "told"),
    [
        pytest.param("False", 400, Heartbeat(ago(40), 40), True, id="the kubelet's clock is ours"),
        pytest.param("False", 3605, Heartbeat(ago(3601), 40), False, id="an hour behind"),
        pytest.param("False", 3605, Heartbeat(ago(3601), 40, moved=True, watched=6), False, id="an hour behind, alive"),
        pytest.param("False", 30, Heartbeat(ago(-86400), 40), False, id="a day ahead"),
        pytest.param("False", 400, None, False, id="no Lease to tell by"),
        pytest.param("False", -41, Heartbeat(ago(5), 40), False, id="in the future"),
        pytest.param("False", -39, Heartbeat(ago(5), 40), True, id="hardly in the future"),
        pytest.param("Unknown", 400, Heartbeat(ago(430), 40), True, id="a controller's clock"),
        pytest.param("Unknown", -41, Heartbeat(ago(430), 40), False, id="a controller's, in the future"),
    ],
)
def test_a_clock_that_is_wrong_is_not_counted_by(status: str, age: float, lease: Heartbeat | None, told: bool) -> None:
    (finding,) = findings_of(sick(seconds=age, status=status), heartbeats={} if lease is None else {"w1": lease})
    assert finding.since == (ago(age) if told else None)
    assert ("since when cannot be told" in finding.message) is not told
    assert finding.verdict is Verdict.UNHEALTHY


@pytest.mark.parametrize(
    ("lease", "evidence"),
    [
        pytest.param(
            Heartbeat(ago(30), 40),
            {"heartbeat": "2026-11-21T02:59:30Z", "heartbeat_age_seconds": 30, "heartbeat_expired": False},
            id="fresh",
        ),
        pytest.param(
            Heartbeat(ago(41), 40),
            {"heartbeat": "2026-11-21T02:59:19Z", "heartbeat_age_seconds": 41, "heartbeat_expired": True},
            id="expired",
        ),
        pytest.param(
            Heartbeat(None, 40),
            {"heartbeat": None, "heartbeat_age_seconds": None, "heartbeat_expired": True},
            id="never renewed",
        ),
        pytest.param(None, {"heartbeat": "absent"}, id="absent"),
    ],
)
def test_evidence_tells_the_heartbeat(lease: Heartbeat | None, evidence: dict[str, object]) -> None:
    (finding,) = findings_of(sick(seconds=60), heartbeats={} if lease is None else {"w1": lease})
    assert finding.evidence == {"ready": "Unknown", **evidence}


def test_evidence_tells_that_the_heartbeats_were_not_read() -> None:
    (finding,) = findings_of(sick(), heartbeats=None)
    assert finding.evidence == {"ready": "Unknown", "heartbeat": "unread"}


def test_the_words_of_the_kubelet_are_in_the_message() -> None:
    said = Condition("Ready", "False", "KubeletNotReady", "PLEG is not healthy", ago(60))
    (finding,) = findings_of(node(condition=said))
    assert finding.message == "Ready is False (KubeletNotReady: PLEG is not healthy)"


def test_no_nodes_no_findings() -> None:
    assert list(node_ready.CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []


@pytest.mark.parametrize(
    ("age", "ready_for", "told"),
    [
        pytest.param(20, 20, False, id="just created, never Ready"),
        pytest.param(599, 599, False, id="it still has a second to join"),
        pytest.param(600, 600, True, id="it had its time"),
        pytest.param(300, 20, True, id="it was Ready in between"),
        pytest.param(86400, 20, True, id="an old node"),
    ],
)
def test_a_node_that_is_still_joining_is_no_trouble(age: float, ready_for: float, told: bool) -> None:
    new = sick(seconds=ready_for, status="False", created=ago(age))
    assert bool(findings_of(new)) is told
    # Where nobody would tell of it later, it is told at once.
    assert findings_of(new, Policy(disabled_checks=frozenset({"NodeNeverJoined"})))
