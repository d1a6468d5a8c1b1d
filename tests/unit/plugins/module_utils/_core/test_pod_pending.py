# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import START_REASONS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_pending import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import (
    conditions,
    container,
    ended,
    findings,
    late,
    pod,
    said,
    waits,
)

WORDS = "0/3 nodes are available: 3 Insufficient cpu."


def homeless(condition: Condition | None, **changes: object) -> Pod:
    told = () if condition is None else (condition,)
    return pod("p1", **({"containers": (), "phase": "Pending", "node": "", "conditions": told} | changes))


def starting(*containers: object, seconds: float | None = 600, **changes: object) -> Pod:
    told = (said("PodScheduled", "True", seconds), said("Ready", "False", 5))
    return pod("p1", *containers, **({"phase": "Pending", "conditions": told} | changes))  # type: ignore[arg-type]


def unschedulable(seconds: float | None = 600, reason: str = "Unschedulable") -> Condition:
    return said("PodScheduled", "False", seconds, reason, WORDS)


UNHEALTHY, UNKNOWN = Verdict.UNHEALTHY, Verdict.UNKNOWN
ERROR, WARNING = Severity.ERROR, Severity.WARNING
CREATING = waits("ContainerCreating", "web")
READINGS: dict[str, tuple[Pod, str, Verdict, Severity]] = {
    "no node takes it": (homeless(unschedulable()), "Unschedulable", UNHEALTHY, ERROR),
    "the scheduler fails": (homeless(unschedulable(600, "SchedulerError")), "Unschedulable", UNHEALTHY, ERROR),
    "no node takes it, without a time": (homeless(unschedulable(None)), "Unschedulable", UNKNOWN, ERROR),
    "held by gates": (homeless(unschedulable(600, "SchedulingGated")), "SchedulingGated", UNHEALTHY, WARNING),
    "no scheduler": (homeless(None), "NotScheduled", UNHEALTHY, ERROR),
    "no scheduler, no age": (homeless(None, created=None), "NotScheduled", UNKNOWN, ERROR),
    "its containers are not made": (starting(CREATING), "ContainersNotCreated", UNHEALTHY, ERROR),
    "its init containers neither": (
        starting(waits("PodInitializing", "setup", init=True), waits("PodInitializing")),
        "ContainersNotCreated",
        UNHEALTHY,
        ERROR,
    ),
    "its containers are not told of": (starting(containers=()), "ContainersNotCreated", UNHEALTHY, ERROR),
    "not made, without a time": (starting(CREATING, seconds=None), "ContainersNotCreated", UNKNOWN, ERROR),
    "not made, without a condition": (starting(CREATING, conditions=()), "ContainersNotCreated", UNKNOWN, ERROR),
    "an init container is at work": (
        starting(ended(0, "a", init=True), container("b", init=True, ready=False), waits("PodInitializing")),
        "InitContainersNotDone",
        UNHEALTHY,
        WARNING,
    ),
    "an init container has failed": (
        starting(ended(1, "a", init=True), waits("PodInitializing")),
        "InitContainersNotDone",
        UNHEALTHY,
        WARNING,
    ),
    **{reason: (starting(waits(reason)), reason, UNHEALTHY, ERROR) for reason in START_REASONS},
}


@pytest.mark.parametrize(("one", "reason", "verdict", "severity"), READINGS.values(), ids=READINGS)
def test_each_reading_has_its_reason(one: Pod, reason: str, verdict: Verdict, severity: Severity) -> None:
    (finding,) = findings(CHECK, one)
    assert (finding.reason, finding.verdict, finding.severity) == (reason, verdict, severity)


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reading[1] for reading in READINGS.values()} == set(CHECK.reasons)


@pytest.mark.parametrize("threshold", [300, 10])
@pytest.mark.parametrize(("past", "told"), [(-1, False), (-0.001, False), (0, True), (1, True)])
@pytest.mark.parametrize("kind", ["unschedulable", "starting", "no scheduler"])
def test_from_the_threshold_on(threshold: int, past: float, told: bool, kind: str) -> None:
    seconds = threshold + past
    one = {
        "unschedulable": homeless(unschedulable(seconds)),
        "starting": starting(CREATING, seconds=seconds),
        "no scheduler": homeless(None, created=ago(seconds)),
    }[kind]
    found = findings(CHECK, one, policy=Policy(thresholds={} if threshold == 300 else {"PodPending": threshold}))
    assert bool(found) is told
    if told:
        assert (found[0].since, found[0].threshold) == (ago(seconds), threshold)


@pytest.mark.parametrize(("created", "told"), [(299, False), (300, True), (None, True)])
@pytest.mark.parametrize("seconds", [None, -60])
def test_without_a_time_the_pods_age_tells_whether_it_may_be_young(
    created: float | None, told: bool, seconds: float | None
) -> None:
    one = homeless(unschedulable(seconds), created=None if created is None else ago(created))
    found = findings(CHECK, one)
    assert bool(found) is told
    if told:
        assert (found[0].since, found[0].verdict) == (None, UNKNOWN)


@pytest.mark.parametrize("reason", START_REASONS)
@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_what_waiting_does_not_mend_is_told_at_once(reason: str, phase: str) -> None:
    one = late(waits(reason, "web", message='secret "db" not found'), seconds=0, phase=phase, created=ago(0))
    (finding,) = findings(CHECK, one)
    assert (finding.reason, finding.verdict, finding.since) == (reason, UNHEALTHY, ago(0))
    assert finding.message == 'container web: secret "db" not found (for 0 s)'


def test_a_start_error_without_a_time_is_a_fact_all_the_same() -> None:
    (finding,) = findings(CHECK, late(waits("RunContainerError"), conditions=()))
    assert (finding.since, finding.verdict) == (None, UNHEALTHY)


def test_the_messages_say_what_is_waited_for() -> None:
    (finding,) = findings(CHECK, homeless(unschedulable()))
    assert finding.message == f"{WORDS} (for 600 s)"
    (finding,) = findings(CHECK, starting(CREATING))
    assert finding.message == "w1 has not started the pod's containers: web is waiting ContainerCreating (for 600 s)"
    (finding,) = findings(CHECK, starting(containers=()))
    assert finding.message == "w1 has not started the pod's containers: it says nothing of them (for 600 s)"
    (finding,) = findings(CHECK, READINGS["an init container is at work"][0])
    assert finding.message == "init container b has not done its work, 1 have (for 600 s)"
    (finding,) = findings(CHECK, homeless(said("PodScheduled", "False", 600)))
    assert finding.message == "no node takes the pod (for 600 s)"


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed"])
def test_who_has_begun_is_not_told(phase: str) -> None:
    assert findings(CHECK, pod("p1", CREATING, phase=phase, conditions=conditions(said("Ready", "False")))) == []
