# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    _pods,
    node_daemonsets,
    pod_crash_loop,
    pod_failed,
    pod_image,
    pod_not_ready,
    pod_oom,
    pod_pending,
    pod_restarts,
    pod_terminating,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import State
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Container, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, sick, snapshot
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import (
    conditions,
    container,
    ended,
    late,
    pod,
    said,
    seen,
    waits,
)

CHECKS = (
    pod_failed.CHECK,
    pod_restarts.CHECK,
    pod_crash_loop.CHECK,
    pod_image.CHECK,
    pod_oom.CHECK,
    pod_not_ready.CHECK,
    pod_pending.CHECK,
    pod_terminating.CHECK,
)
OLD = {"restarts": 9, "last_exit_code": 1, "last_reason": "Error", "last_finished": ago(100)}
LOOPS = waits("CrashLoopBackOff", **OLD)
PENDING = {"phase": "Pending", "conditions": conditions(said("Ready", "False", 600))}
NO_NODE = said("PodScheduled", "False", 600, "Unschedulable", "0/3 nodes are available")

# What a pod is like -> its state, and every check that speaks of it: one for the state, and those of its history.
PODS: dict[str, tuple[Pod, State, set[str]]] = {
    "well": (pod(), State.WELL, set()),
    "well and young": (pod(created=ago(1)), State.WELL, set()),
    "ended well": (pod("p1", ended(0), phase="Succeeded"), State.ENDED, set()),
    "ended well on a dead node, deleted": (
        pod(
            "p1",
            ended(0, last_reason="OOMKilled", last_finished=ago(1)),
            phase="Succeeded",
            node="w9",
            deleted=ago(900),
        ),
        State.ENDED,
        set(),
    ),
    "deleted": (pod(deleted=ago(600)), State.TERMINATING, {"PodTerminating"}),
    "deleted while it crashed": (late(LOOPS, deleted=ago(600)), State.TERMINATING, {"PodTerminating"}),
    "deleted after it failed": (pod(phase="Failed", deleted=ago(600)), State.TERMINATING, {"PodTerminating"}),
    "failed": (pod("p1", ended(1), phase="Failed"), State.FAILED, {"PodFailed"}),
    "failed on a dead node": (pod("p1", ended(1), phase="Failed", node="w9"), State.FAILED, {"PodFailed"}),
    "failed for want of memory": (
        pod("p1", ended(137, reason="OOMKilled"), phase="Failed"),
        State.FAILED,
        {"PodFailed", "PodOOM"},
    ),
    "ready on a node that does not exist": (pod(node="w9"), State.UNTRUSTED, {"PodNotReady"}),
    "crashed on a node that does not exist": (
        late(waits("CrashLoopBackOff"), node="w9"),
        State.UNTRUSTED,
        {"PodNotReady"},
    ),
    "without its image": (late(waits("ImagePullBackOff"), **PENDING), State.IMAGE, {"PodImage"}),
    "without its image while another crashes": (
        late(waits("CrashLoopBackOff", "a"), waits("ErrImagePull", "b")),
        State.IMAGE,
        {"PodImage"},
    ),
    "crashing": (late(waits("CrashLoopBackOff", restarts=2)), State.CRASH_LOOP, {"PodCrashLoop"}),
    "crashing for long": (late(LOOPS), State.CRASH_LOOP, {"PodCrashLoop", "PodRestarts"}),
    "crashing before it begins": (
        late(waits("CrashLoopBackOff", "setup", init=True), waits("PodInitializing"), **PENDING),
        State.CRASH_LOOP,
        {"PodCrashLoop"},
    ),
    "not to be started": (late(waits("CreateContainerConfigError"), **PENDING), State.START_ERROR, {"PodPending"}),
    "not to be started again": (late(waits("RunContainerError")), State.START_ERROR, {"PodPending"}),
    "without a node": (
        pod("p1", phase="Pending", node="", containers=(), conditions=(NO_NODE,)),
        State.UNSCHEDULED,
        {"PodPending"},
    ),
    "not started": (late(waits("ContainerCreating"), **PENDING), State.STARTING, {"PodPending"}),
    "not ready": (late(container(ready=False)), State.NOT_READY, {"PodNotReady"}),
    "without a word of its containers": (late(containers=()), State.NOT_READY, {"PodNotReady"}),
    "with a gate that is shut": (late(container(), gates=("lb",)), State.NOT_READY, {"PodNotReady"}),
    "of an unknown phase": (pod(phase="Unknown"), State.UNREADABLE, {"PodNotReady"}),
    "of no phase": (pod(phase=""), State.UNREADABLE, {"PodNotReady"}),
    "ready again after its memory ran out": (
        pod("p1", container(restarts=1, last_reason="OOMKilled", last_finished=ago(60))),
        State.WELL,
        {"PodOOM"},
    ),
    "ready again after many restarts": (pod("p1", container(**OLD)), State.WELL, {"PodRestarts"}),
    "ready, with a condition left over": (late(container()), State.WELL, set()),
    "with an init container that is done": (
        pod("p1", ended(0, "setup", init=True, ready=True, **OLD), container()),
        State.WELL,
        set(),
    ),
}


@pytest.mark.parametrize(("one", "state", "checks"), PODS.values(), ids=PODS)
def test_each_pod_is_in_one_state_and_each_state_belongs_to_one_check(one: Pod, state: State, checks: set[str]) -> None:
    look = seen(one)
    assert [s for _pod, s in _pods.pods_by_state(look)] == [state]
    found = [f for check in CHECKS for f in check.evaluate(look, Policy())]
    assert sorted(f.check for f in found) == sorted(checks)
    for finding in found:
        assert finding.target == one.ref
        assert finding.place == one.node
        assert finding.remedy is Remedy.NONE
        assert finding.message and "\n" not in finding.message and "  " not in finding.message


def test_every_state_is_some_pods() -> None:
    assert {state for _pod, state, _checks in PODS.values()} == set(State)


@pytest.mark.parametrize("check", [*CHECKS, node_daemonsets.CHECK], ids=lambda check: str(check.name))
def test_nothing_is_said_where_nothing_was_read(check: _pods.Check) -> None:
    assert list(check.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert list(check.evaluate(seen(), Policy())) == []


def test_a_pod_without_any_times_is_spoken_of_all_the_same() -> None:
    bare = {"created": None, "conditions": ()}
    states = {
        "PodNotReady": late(container(ready=False), **bare),
        "PodPending": late(waits("ContainerCreating"), phase="Pending", **bare),
        "PodImage": late(waits("ErrImagePull"), phase="Pending", **bare),
        "PodFailed": pod("p1", containers=(), phase="Failed", **bare),
    }
    for name, one in states.items():
        found = [f for check in CHECKS for f in check.evaluate(seen(one), Policy())]
        assert [(f.check, f.since) for f in found] == [(name, None)]


def test_where_no_nodes_were_read_pods_are_believed() -> None:
    assert list(pod_not_ready.CHECK.evaluate(seen(pod(node="w9")), Policy()))
    blind = replace(seen(pod(node="w9")), nodes=None, heartbeats=None)
    assert [s for _pod, s in _pods.pods_by_state(blind)] == [State.WELL]


def test_a_node_that_is_not_ready_or_silent_is_not_trusted() -> None:
    nodes = (node("w1"), sick("w2"), node("w3"))
    pods = tuple(pod(f"p{n}", node=f"w{n}") for n in (1, 2, 3))
    states = {p.node: s for p, s in _pods.pods_by_state(snapshot(nodes, silent=["w3"], pods=seen(*pods).pods))}
    assert states == {"w1": State.WELL, "w2": State.UNTRUSTED, "w3": State.UNTRUSTED}


def test_long_and_broken_texts_are_cut_to_one_line() -> None:
    assert _pods.one_line("a\nb\t c") == "a b c"
    assert len(_pods.one_line("word " * 500)) == _pods.TEXT_LIMIT
    assert _pods.one_line("x" * _pods.TEXT_LIMIT) == "x" * _pods.TEXT_LIMIT


@pytest.mark.parametrize(("seconds", "is_within"), [(-5, True), (0, True), (59.9, True), (60, False), (61, False)])
def test_a_window_ends_on_its_last_second(seconds: float, is_within: bool) -> None:
    assert _pods.within(ago(seconds), 60, NOW) is is_within
    assert not _pods.within(None, 60, NOW)


def test_severities_are_those_of_the_checks() -> None:
    assert {check.severity for check in CHECKS} == {Severity.ERROR}


def test_what_a_container_does_is_in_the_evidence() -> None:
    containers: tuple[Container, ...] = (ended(3, "a"), waits("CrashLoopBackOff", "b", **OLD), container("c"))
    assert _pods.evidence(pod("p1", *containers))["containers"] == {
        "a": "terminated Error, exit code 3, 0 restarts",
        "b": "waiting CrashLoopBackOff, before that Error, exit code 1, 9 restarts",
    }
