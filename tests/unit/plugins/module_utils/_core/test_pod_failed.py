# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_failed import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import (
    conditions,
    container,
    ended,
    findings,
    pod,
    said,
)

# What status.reason says -> the reason of the finding.
WORDS = {
    "Evicted": "Evicted",
    "Preempting": "Evicted",
    "NodeLost": "PodLostWithNode",
    "NodeShutdown": "PodLostWithNode",
    "Terminated": "PodLostWithNode",
    "DeadlineExceeded": "DeadlineExceeded",
    "OutOfcpu": "PodRejectedByNode",
    "NodeAffinity": "PodRejectedByNode",
    "UnexpectedAdmissionError": "PodRejectedByNode",
    "PodOSNotSupported": "PodRejectedByNode",
    "": "PodFailed",
    "SomethingNew": "PodFailed",
}


@pytest.mark.parametrize(("word", "reason"), WORDS.items())
def test_each_word_has_its_reason(word: str, reason: str) -> None:
    (finding,) = findings(CHECK, pod("p1", ended(1), phase="Failed", reason=word, message="the node was low"))
    assert (finding.reason, finding.verdict, finding.since) == (reason, Verdict.UNHEALTHY, ago(30))
    assert "the node was low" in finding.message and "30 s" in finding.message


def test_every_reason_is_given_by_some_word() -> None:
    assert set(WORDS.values()) == set(CHECK.reasons)


OWNERS = {
    "": (Severity.ERROR, "nobody replaces it"),
    "StatefulSet/db": (Severity.ERROR, "StatefulSet/db is short of it"),
    "DaemonSet/agent": (Severity.ERROR, "DaemonSet/agent is short of it"),
    "Node/w1": (Severity.ERROR, "Node/w1 is short of it"),
    "ReplicaSet/web-1": (Severity.WARNING, "ReplicaSet/web-1 replaces it, this one is only left over"),
    "ReplicationController/old": (Severity.WARNING, "ReplicationController/old replaces it"),
    "Job/night": (Severity.WARNING, "Job/night decides whether to try again"),
    "Workflow/x": (Severity.WARNING, "Workflow/x decides whether to try again"),
}


@pytest.mark.parametrize(("owner", "expected"), OWNERS.items())
def test_who_replaces_it_decides_how_much_it_matters(owner: str, expected: tuple[Severity, str]) -> None:
    (finding,) = findings(CHECK, pod("p1", ended(1), phase="Failed", owner=owner))
    assert finding.severity is expected[0]
    assert expected[1] in finding.message


@pytest.mark.parametrize(("owner", "stays"), [("Job/night", False), ("", True), ("ReplicaSet/web-1", True)])
@pytest.mark.parametrize(("seconds", "recent"), [(3599, True), (3600, False), (90000, False)])
def test_the_failure_of_a_job_is_told_for_an_hour(owner: str, stays: bool, seconds: float, recent: bool) -> None:
    found = findings(CHECK, pod("p1", ended(1, finished=ago(seconds)), phase="Failed", owner=owner))
    assert bool(found) is (stays or recent)


def test_the_failure_of_a_job_is_told_when_nobody_knows_how_old_it_is() -> None:
    lost = pod("p1", ended(1, finished=None), phase="Failed", owner="Job/night", conditions=())
    (finding,) = findings(CHECK, lost)
    assert finding.since is None
    assert "since when is not known" in finding.message


def test_since_is_the_end_of_the_last_container_or_the_mark_of_the_disruption() -> None:
    (finding,) = findings(
        CHECK, pod("p1", ended(1, "a", finished=ago(500)), ended(0, "b", finished=ago(200)), phase="Failed")
    )
    assert finding.since == ago(200)
    marked = (said("DisruptionTarget", "True", 400), *conditions(said("Ready", "False", 300)))
    (finding,) = findings(CHECK, pod("p1", containers=(), phase="Failed", conditions=marked))
    assert finding.since == ago(400)
    marked = conditions(said("Ready", "False", 300))
    (finding,) = findings(CHECK, pod("p1", containers=(), phase="Failed", conditions=marked))
    assert finding.since == ago(300)


def test_an_end_in_the_future_tells_nothing() -> None:
    (finding,) = findings(CHECK, pod("p1", ended(1, finished=ago(-60)), phase="Failed"))
    assert finding.since is None


def test_exit_codes_are_told_where_the_api_gives_no_reason() -> None:
    (finding,) = findings(CHECK, pod("p1", ended(3, "web"), ended(0, "b"), phase="Failed"))
    assert finding.message.startswith("web ended with 3 (Error); ")
    (finding,) = findings(CHECK, pod("p1", containers=(), phase="Failed"))
    assert finding.message.startswith("it does not say why; ")


@pytest.mark.parametrize("phase", ["Running", "Pending", "Succeeded", "Unknown", ""])
def test_only_failed_pods_are_spoken_of(phase: str) -> None:
    assert findings(CHECK, pod("p1", container(), phase=phase)) == []
