# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_oom import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import container, ended, findings, late, pod

LAST = {"restarts": 2, "last_reason": "OOMKilled", "last_exit_code": 137}


@pytest.mark.parametrize("window", [60, 3600, 86400])
@pytest.mark.parametrize(("past", "told"), [(-1, True), (-0.001, True), (0, False), (1, False)])
@pytest.mark.parametrize("is_running", [True, False])
def test_it_is_told_for_as_long_as_the_policy_says(window: int, past: float, told: bool, is_running: bool) -> None:
    at = ago(window + past)
    again = pod("p1", container("web", last_finished=at, **LAST))
    dead = late(ended(137, "web", reason="OOMKilled", finished=at, restarts=2))
    found = findings(CHECK, again if is_running else dead, policy=Policy(pod_oom_window=window))
    assert [f.reason for f in found] == (["OOMKilled"] if told else [])
    if told:
        assert (found[0].verdict, found[0].severity, found[0].since) == (Verdict.UNHEALTHY, Severity.ERROR, at)
        assert "container web ran out of memory" in found[0].message and "(2 restarts)" in found[0].message


def test_the_kill_of_now_counts_before_the_one_before_it() -> None:
    twice = ended(137, reason="OOMKilled", finished=ago(20), last_finished=ago(400), **LAST)
    assert findings(CHECK, late(twice))[0].since == ago(20)


def test_the_latest_of_several_is_named() -> None:
    one = pod(
        "p1",
        container("a", last_finished=ago(100), **LAST),
        container("b", last_finished=ago(50), **LAST),
        container("c", last_finished=ago(50), last_reason="Error", restarts=1),
    )
    (finding,) = findings(CHECK, one)
    assert finding.message == "container b ran out of memory 50 s ago and was killed (2 restarts)"
    assert finding.evidence["killed"] == ["a", "b"]


@pytest.mark.parametrize("reason", ["Error", "Completed", "", "ContainerStatusUnknown"])
def test_another_end_is_not_for_want_of_memory(reason: str) -> None:
    assert findings(CHECK, pod("p1", container(restarts=1, last_reason=reason, last_finished=ago(5)))) == []
    assert findings(CHECK, late(ended(137, reason=reason or "Error"))) == []


def test_without_a_time_nobody_can_say_that_it_was_lately() -> None:
    assert findings(CHECK, pod("p1", container(**LAST))) == []
    assert findings(CHECK, late(ended(137, reason="OOMKilled", finished=None))) == []


def test_a_kill_in_the_future_is_told_without_its_time() -> None:
    (finding,) = findings(CHECK, pod("p1", container(last_finished=ago(-30), **LAST)))
    assert finding.since is None


def test_an_init_container_that_is_done_is_not_told_but_a_sidecar_is() -> None:
    done = ended(0, "setup", init=True, ready=True, last_finished=ago(5), **LAST)
    assert findings(CHECK, pod("p1", done, container())) == []
    assert len(findings(CHECK, pod("p1", container("proxy", init=True, last_finished=ago(5), **LAST)))) == 1


def test_a_last_state_without_a_restart_contradicts_itself() -> None:
    assert findings(CHECK, pod("p1", container(last_finished=ago(5), **(LAST | {"restarts": 0})))) == []


@pytest.mark.parametrize(
    ("changes", "told"), [({"phase": "Succeeded"}, False), ({"deleted": ago(5)}, False), ({"phase": "Failed"}, True)]
)
def test_what_has_ended_well_or_goes_is_not_told(changes: dict[str, object], told: bool) -> None:
    one = pod("p1", ended(137, reason="OOMKilled", restarts=1), **changes)
    assert bool(findings(CHECK, one)) is told
