# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_restarts import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import container, ended, findings, late, pod, waits


@pytest.mark.parametrize("threshold", [1, 5, 20])
@pytest.mark.parametrize(("over", "told"), [(-1, False), (0, False), (1, True), (100, True)])
def test_more_restarts_than_the_policy_allows(threshold: int, over: int, told: bool) -> None:
    one = pod("p1", container("web", restarts=threshold + over, last_finished=ago(60)))
    found = findings(CHECK, one, policy=Policy(pod_restart_threshold=threshold))
    assert [f.reason for f in found] == (["TooManyRestarts"] if told else [])
    if told:
        assert found[0].message == (
            f"container web was restarted {threshold + over} times, the last 60 s ago"
            f" (more than {threshold} are too many)"
        )


@pytest.mark.parametrize(
    ("seconds", "told"), [(-60, True), (0, True), (3599, True), (3600, False), (3601, False), (31536000, False)]
)
def test_a_container_that_was_restarted_long_ago_has_settled(seconds: float, told: bool) -> None:
    found = findings(CHECK, pod("p1", container(restarts=300, last_finished=ago(seconds))))
    assert bool(found) is told
    if told:
        assert found[0].since == (ago(seconds) if seconds >= 0 else None)
        assert (found[0].verdict, found[0].severity) == (Verdict.UNHEALTHY, Severity.ERROR)


@pytest.mark.parametrize(("code", "told"), [(0, False), (1, True), (137, True), (None, True)])
def test_a_container_that_ends_well_and_is_started_again_is_not_told(code: int | None, told: bool) -> None:
    one = container(restarts=30, last_finished=ago(3000), last_exit_code=code, last_reason="Completed")
    assert bool(findings(CHECK, pod("p1", one))) is told
    again = waits("CrashLoopBackOff", restarts=30, last_finished=ago(3000), last_exit_code=code)
    assert len(findings(CHECK, late(again))) == 1


def test_restarts_that_nobody_remembers_are_not_told() -> None:
    assert findings(CHECK, pod("p1", container(restarts=300))) == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [("CrashLoopBackOff", True), ("Error", True), ("ContainerCreating", False), ("PodInitializing", False)],
)
def test_a_container_that_waits_for_its_next_start_has_not_settled(reason: str, told: bool) -> None:
    found = findings(CHECK, late(waits(reason, restarts=6, last_finished=ago(9000))))
    assert bool(found) is told


def test_a_waiting_container_without_times_is_told() -> None:
    (finding,) = findings(CHECK, late(waits("CrashLoopBackOff", restarts=6)))
    assert finding.since is None
    assert "is waiting for the next" in finding.message


def test_the_container_with_most_restarts_is_named_and_all_are_in_the_evidence() -> None:
    restless = {"last_finished": ago(10)}
    one = pod("p1", container("a", restarts=7, **restless), container("b", restarts=9, **restless), container("c"))
    (finding,) = findings(CHECK, one)
    assert "container b was restarted 9 times" in finding.message
    assert finding.evidence["restarts"] == {"a": 7, "b": 9}


def test_an_init_container_that_is_done_does_not_count_but_a_sidecar_does() -> None:
    done = ended(0, "setup", init=True, ready=True, restarts=9, last_finished=ago(10))
    assert findings(CHECK, pod("p1", done, container())) == []
    sidecar = container("proxy", init=True, restarts=9, last_finished=ago(10))
    assert len(findings(CHECK, pod("p1", sidecar, container()))) == 1


@pytest.mark.parametrize("changes", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"deleted": ago(5)}])
def test_what_is_over_is_not_told(changes: dict[str, object]) -> None:
    assert findings(CHECK, pod("p1", container(restarts=9, last_finished=ago(10)), **changes)) == []
