# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_not_ready import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, node, sick
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import (
    conditions,
    container,
    ended,
    findings,
    late,
    pod,
    said,
)

UNHEALTHY, UNKNOWN = Verdict.UNHEALTHY, Verdict.UNKNOWN
ERROR, WARNING = Severity.ERROR, Severity.WARNING
SLOW = container("web", ready=False)
# What is seen of a pod on w1, or on a node that is not there -> reason, verdict, severity.
READINGS: dict[str, tuple[Pod, str, Verdict, Severity]] = {
    "a container is not ready": (late(SLOW, container("b")), "ContainersNotReady", UNHEALTHY, ERROR),
    "a sidecar is not ready": (
        late(container("proxy", init=True, ready=False), container()),
        "ContainersNotReady",
        UNHEALTHY,
        ERROR,
    ),
    "no container is told of": (late(containers=()), "ContainersNotReady", UNHEALTHY, ERROR),
    "Ready is Unknown": (
        late(SLOW, conditions=conditions(said("Ready", "Unknown"))),
        "ContainersNotReady",
        UNHEALTHY,
        ERROR,
    ),
    "Ready says no time": (late(SLOW, seconds=None), "ContainersNotReady", UNKNOWN, ERROR),
    "there is no Ready condition": (late(SLOW, conditions=()), "ContainersNotReady", UNKNOWN, ERROR),
    "a gate is shut": (
        late(gates=("a", "b"), conditions=(*conditions(said("Ready", "False")), said("a", "True"), said("b", "False"))),
        "ReadinessGatesNotMet",
        UNHEALTHY,
        ERROR,
    ),
    "nobody speaks of a gate": (late(gates=("a",)), "ReadinessGatesNotMet", UNHEALTHY, ERROR),
    "one of two is done": (late(ended(0, "once"), container("web")), "PodPartlyCompleted", UNHEALTHY, WARNING),
    "all are done": (late(ended(0, "once")), "PodPartlyCompleted", UNHEALTHY, WARNING),
    "one is done, one is not ready": (late(ended(0, "once"), SLOW), "ContainersNotReady", UNHEALTHY, ERROR),
    "one has failed": (late(ended(1, "once"), container("web")), "ContainersNotReady", UNHEALTHY, ERROR),
    "not ready on a node that is not there": (late(SLOW, node="w9"), "PodOnUnreadyNode", UNHEALTHY, WARNING),
    "ready on a node that is not there": (pod(node="w9"), "PodOnUnreadyNode", UNKNOWN, WARNING),
    "no phase": (pod(phase=""), "PodPhaseUnknown", UNKNOWN, ERROR),
    "phase Unknown": (pod(phase="Unknown"), "PodPhaseUnknown", UNKNOWN, ERROR),
    "phase Unknown, not ready": (late(phase="Unknown"), "PodPhaseUnknown", UNKNOWN, ERROR),
}


@pytest.mark.parametrize(("one", "reason", "verdict", "severity"), READINGS.values(), ids=READINGS)
def test_each_reading_has_its_reason(one: Pod, reason: str, verdict: Verdict, severity: Severity) -> None:
    (finding,) = findings(CHECK, one)
    assert (finding.reason, finding.verdict, finding.severity) == (reason, verdict, severity)
    assert finding.place == one.node


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reading[1] for reading in READINGS.values()} == set(CHECK.reasons)


@pytest.mark.parametrize("threshold", [300, 10])
@pytest.mark.parametrize(("past", "told"), [(-1, False), (-0.001, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    "one", [late(SLOW), late(gates=("a",)), late(SLOW, node="w9"), late(phase="Unknown")], ids=lambda p: str(p.phase)
)
def test_from_the_threshold_on(threshold: int, past: float, told: bool, one: Pod) -> None:
    shown = replace(one, conditions=conditions(said("Ready", "False", threshold + past)))
    policy = Policy(thresholds={} if threshold == 300 else {"PodNotReady": threshold})
    found = findings(CHECK, shown, policy=policy)
    assert bool(found) is told
    if told:
        assert (found[0].since, found[0].threshold) == (ago(threshold + past), threshold)


@pytest.mark.parametrize(("created", "told"), [(299, False), (300, True), (None, True)])
@pytest.mark.parametrize("seconds", [None, -60], ids=["no time", "a time in the future"])
def test_without_a_time_the_pods_age_tells_whether_it_may_be_young(
    created: float | None, told: bool, seconds: float | None
) -> None:
    found = findings(CHECK, late(SLOW, seconds=seconds, created=None if created is None else ago(created)))
    assert bool(found) is told
    if told:
        assert (found[0].since, found[0].verdict) == (None, UNKNOWN)
        assert "since when is not known" in found[0].message


def test_the_message_names_the_containers_and_how_long() -> None:
    (finding,) = findings(CHECK, late(SLOW, container("b"), seconds=412))
    assert finding.message == "1 of 2 containers are not ready: web (for 412 s)"
    (finding,) = findings(CHECK, late(gates=("lb",), seconds=412))
    assert finding.message == "its containers are ready, but not the readiness gates lb (for 412 s)"
    assert finding.evidence["gates"] == ["lb"]
    assert findings(CHECK, late(containers=(), conditions=conditions(said("Ready", "False"))))[0].message == (
        "the kubelet tells of no container (for 7000 s)"
    )
    silent = conditions(said("Ready", "False", 400, message="containers with unready status: [x]"))
    (finding,) = findings(CHECK, late(containers=(), conditions=silent))
    assert "containers with unready status: [x]" in finding.message


def test_on_a_sick_node_it_is_the_nodes_trouble() -> None:
    (finding,) = findings(CHECK, late(SLOW, seconds=500), nodes=(sick("w1", 600),))
    assert (finding.reason, finding.since) == ("PodOnUnreadyNode", ago(500))
    assert finding.message == "its node w1 is silent or not Ready, the pod was last said to be Ready False (for 500 s)"
    (finding,) = findings(CHECK, pod(), nodes=(sick("w1", 600),))
    assert (finding.reason, finding.since, finding.verdict) == ("PodOnUnreadyNode", ago(600), UNKNOWN)
    assert findings(CHECK, pod(), nodes=(sick("w1", 299),)) == []
    assert findings(CHECK, pod(created=ago(100)), nodes=(node("w1", conditions=()),)) == []
    (finding,) = findings(CHECK, pod(conditions=()), nodes=(node("w1", conditions=()),))
    assert (finding.since, finding.verdict) == (None, UNKNOWN)
    assert "is not said to be ready" in finding.message


@pytest.mark.parametrize(
    ("renewed", "told", "since"),
    [
        pytest.param(45, False, None, id="ran out just now"),
        pytest.param(339, False, None, id="a second before"),
        pytest.param(340, True, 300, id="for the threshold"),
        pytest.param(-900, True, None, id="from the future"),
        pytest.param(None, True, None, id="never renewed"),
    ],
)
def test_on_a_silent_node_its_lease_tells_since_when(renewed: float | None, told: bool, since: float | None) -> None:
    beat = Heartbeat(None if renewed is None else ago(renewed), 40)
    found = findings(CHECK, pod(), heartbeats={"w1": beat})
    assert [(f.reason, f.verdict) for f in found] == ([("PodOnUnreadyNode", UNKNOWN)] if told else [])
    if told:
        assert found[0].since == (None if since is None else ago(since))


def test_on_a_node_without_a_lease_nobody_knows_since_when() -> None:
    (finding,) = findings(CHECK, pod(), heartbeats={})
    assert (finding.reason, finding.since, finding.verdict) == ("PodOnUnreadyNode", None, UNKNOWN)


@pytest.mark.parametrize(
    "one",
    [
        pod(),
        pod(conditions=conditions(said("Ready", "True", None))),
        pod("p1", container(ready=False)),
        late(container()),
        late(ended(0, "setup", init=True), container()),
        late(SLOW, phase="Succeeded"),
        late(SLOW, phase="Failed"),
        late(SLOW, deleted=ago(1)),
    ],
)
def test_who_is_ready_ended_or_deleted_is_not_told(one: Pod) -> None:
    assert findings(CHECK, one) == []
