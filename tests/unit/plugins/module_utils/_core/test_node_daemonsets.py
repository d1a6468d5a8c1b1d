# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.node_daemonsets import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import DaemonSet, Pod, Pods, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, fleet, node, ready, sick
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import container, ended, late, pod, seen, waits

ALL = DaemonSet(
    "calico-node", "kube-system", "uid-ds", desired=3, updated=3, ready=3, generation=2, observed_generation=2
)
SHORT = replace(ALL, ready=2)
OWNED = {"owner": "DaemonSet/calico-node", "namespace": "kube-system"}
SLOW = container("calico", ready=False)
NODES = (node("w1"), node("w2"), node("w3"))


def found(daemonset: DaemonSet, *pods: Pod, policy: Policy = Policy(), **changes: object) -> list[Finding]:
    snapshot = seen(*pods, **({"nodes": NODES, "daemonsets": (daemonset,)} | changes))  # type: ignore[arg-type]
    return list(CHECK.evaluate(snapshot, policy))


def told(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.target.kind, f.reason) for f in findings]


def test_all_is_well() -> None:
    assert found(ALL) == []
    assert found(ALL, pod(**OWNED)) == []


def test_a_pod_that_is_not_ready_names_its_node() -> None:
    one, two = found(SHORT, late(SLOW, seconds=400, **OWNED))
    assert (one.reason, one.target, one.since) == ("DaemonSetNotReady", ALL.ref, ago(400))
    assert (one.verdict, one.severity) == (Verdict.UNHEALTHY, Severity.ERROR)
    assert one.message == "2 of 3 pods are ready, not on w1"
    assert one.evidence["nodes"] == ["w1"]
    assert (two.reason, two.target, two.place) == ("NodePodNotReady", Ref("Pod", "p1", "kube-system", "uid-p1"), "w1")
    assert (two.since, two.verdict) == (ago(400), Verdict.UNHEALTHY)
    assert two.message == "node w1 is without calico-node: it runs and is not ready (PodNotReady), for 400 s"
    assert (two.node, two.remedy.value) == ("", "None")


@pytest.mark.parametrize("threshold", [300, 10])
@pytest.mark.parametrize(("past", "is_told"), [(-1, False), (-0.001, False), (0, True), (1, True)])
def test_from_the_threshold_on(threshold: int, past: float, is_told: bool) -> None:
    policy = Policy(thresholds={} if threshold == 300 else {"NodeDaemonSets": threshold})
    for one in (late(SLOW, seconds=threshold + past, **OWNED), pod(deleted=ago(threshold + past), **OWNED)):
        findings = found(SHORT, one, policy=policy)
        expected = [("DaemonSet", "DaemonSetNotReady"), ("Pod", "NodePodNotReady")]
        assert told(findings) == (expected if is_told else [])
        assert {f.threshold for f in findings} <= {threshold}


def test_what_waiting_does_not_mend_is_told_at_once() -> None:
    for one in (
        late(waits("CrashLoopBackOff", last_finished=ago(5)), seconds=5, **OWNED),
        late(waits("ErrImagePull"), seconds=5, phase="Pending", **OWNED),
        late(waits("CreateContainerConfigError"), seconds=5, phase="Pending", **OWNED),
        pod("p1", ended(1), phase="Failed", **OWNED),
    ):
        assert told(found(SHORT, one)) == [("DaemonSet", "DaemonSetNotReady"), ("Pod", "NodePodNotReady")]


def test_a_pod_in_its_grace_period_is_young() -> None:
    assert found(SHORT, pod(deleted=ago(-600), **OWNED)) == []


def test_a_pod_without_times_leaves_a_doubt() -> None:
    one, two = found(SHORT, late(SLOW, seconds=None, **OWNED))
    assert (one.since, one.verdict) == (None, Verdict.UNHEALTHY)
    assert (two.since, two.verdict) == (None, Verdict.UNKNOWN)
    (_ds, crash) = found(SHORT, late(waits("CrashLoopBackOff"), conditions=(), **OWNED))
    assert (crash.since, crash.verdict) == (None, Verdict.UNHEALTHY)


def test_since_is_that_of_the_oldest_pod() -> None:
    pods = [late(SLOW, seconds=s, uid=f"u{s}", name=f"p{s}", node=n, **OWNED) for s, n in ((400, "w2"), (900, "w1"))]
    findings = found(replace(ALL, ready=1), *pods)
    assert findings[0].since == ago(900)
    assert findings[0].evidence["nodes"] == ["w1", "w2"]
    assert len(findings) == 3


def test_missing_pods_are_told_without_a_time() -> None:
    (finding,) = found(SHORT)
    assert (finding.reason, finding.since, finding.verdict) == ("DaemonSetNotReady", None, Verdict.UNHEALTHY)
    assert finding.message == "2 of 3 pods are ready"


def test_none_is_ready() -> None:
    (finding,) = found(replace(ALL, ready=0))
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize("changes", [{}, {"pods": None}, {"pods": Pods(total=9, left_out={"Running": 9})}])
def test_a_dead_node_explains_its_own_pod(changes: dict[str, object]) -> None:
    nodes = (*NODES[:2], sick("w3", 900))
    lost = late(SLOW, seconds=800, node="w3", **OWNED)
    (finding,) = found(SHORT, lost, nodes=nodes, **changes)
    assert (finding.reason, finding.severity, finding.target) == (
        "DaemonSetOnUnreadyNodes",
        Severity.WARNING,
        ALL.ref,
    )
    if not changes:
        assert finding.message == "2 of 3 pods are ready, the nodes of others are not: w3"
        assert (finding.since, finding.evidence["unready_nodes"]) == (ago(800), ["w3"])


@pytest.mark.parametrize("changes", [{}, {"pods": None}, {"pods": Pods(total=9, left_out={"Running": 9})}])
def test_a_dead_node_explains_no_other_pod(changes: dict[str, object]) -> None:
    nodes = (*NODES[:2], sick("w3"))
    lost = late(SLOW, seconds=800, node="w3", **OWNED)
    (finding,) = found(replace(ALL, ready=1), lost, nodes=nodes, **changes)
    assert finding.reason == "DaemonSetNotReady"


def test_while_its_status_says_that_all_are_ready_a_dead_node_is_told_by_others() -> None:
    assert found(ALL, late(SLOW, seconds=800, node="w3", **OWNED), nodes=(*NODES[:2], sick("w3"))) == []


def test_a_dead_node_beside_a_pod_that_is_not_ready() -> None:
    lost = late(SLOW, seconds=900, node="w3", uid="u3", name="p3", **OWNED)
    findings = found(replace(ALL, ready=1), late(SLOW, seconds=400, **OWNED), lost, nodes=(*NODES[:2], sick("w3")))
    assert told(findings) == [("DaemonSet", "DaemonSetNotReady"), ("Pod", "NodePodNotReady")]
    assert findings[0].since == ago(400)
    assert (findings[0].evidence["nodes"], findings[0].evidence["unready_nodes"]) == (["w1"], ["w3"])


def test_while_pods_come_and_go_numbers_need_not_quite_add_up() -> None:
    rolling, young = replace(ALL, ready=1, updated=2), late(SLOW, seconds=5, **OWNED)
    assert told(found(rolling, young)) == [("DaemonSet", "DaemonSetNotUpdated")]
    assert told(found(replace(rolling, ready=0), young)) == [("DaemonSet", "DaemonSetNotReady")]
    assert told(found(rolling)) == [("DaemonSet", "DaemonSetNotReady")]


@pytest.mark.parametrize(("updated", "ready"), [(0, 0), (2, 2)])
def test_pods_that_cannot_be_made_are_missed_though_the_status_looks_like_a_roll_out(updated: int, ready: int) -> None:
    (finding,) = found(replace(ALL, updated=updated, ready=ready))
    assert (finding.reason, finding.is_warning) == ("DaemonSetNotReady", False)


@pytest.mark.parametrize("changes", [{}, {"pods": None}])
@pytest.mark.parametrize(("seconds", "is_told"), [(1, False), (299, False), (300, True)])
def test_a_node_that_came_back_is_given_its_time(seconds: float, is_told: bool, changes: dict[str, object]) -> None:
    """As seen in the lab: the pods still carry Ready False, their containers are ready, so no row is a suspect."""
    nodes = (*NODES[:2], node("w3", ready("True", ago(seconds))))
    assert bool(found(SHORT, nodes=nodes, **changes)) is is_told
    assert told(found(replace(ALL, ready=1), nodes=nodes, **changes)) == [("DaemonSet", "DaemonSetNotReady")]


@pytest.mark.parametrize("changes", [{}, {"pods": None}])
@pytest.mark.parametrize(("age", "reasons"), [(599, []), (600, ["DaemonSetOnUnreadyNodes"])])
def test_a_node_that_joins_is_given_its_time(age: float, reasons: list[str], changes: dict[str, object]) -> None:
    fresh = sick("w3", age, status="False", created=ago(age))
    pods = late(waits("ContainerCreating"), seconds=20, node="w3", phase="Pending", **OWNED)
    assert [f.reason for f in found(SHORT, pods, nodes=(*NODES[:2], fresh), **changes)] == reasons


def test_an_older_template_is_told_but_not_for_on_delete() -> None:
    (finding,) = found(replace(ALL, updated=1))
    assert (finding.reason, finding.severity, finding.since) == ("DaemonSetNotUpdated", Severity.WARNING, None)
    assert finding.message == "1 of 3 pods are of the present template (3 of 3 pods are ready)"
    assert found(replace(ALL, updated=1, on_delete=True)) == []


def test_a_change_that_nobody_has_seen_makes_the_numbers_unknown() -> None:
    (finding,) = found(replace(ALL, generation=3))
    assert (finding.reason, finding.severity, finding.verdict) == (
        "DaemonSetNotObserved",
        Severity.WARNING,
        Verdict.UNKNOWN,
    )
    assert "generation 2 of 3" in finding.message


def test_every_reason_is_given_above() -> None:
    assert set(CHECK.reasons) == {
        "DaemonSetNotReady",
        "DaemonSetOnUnreadyNodes",
        "DaemonSetNotUpdated",
        "DaemonSetNotObserved",
        "NodePodNotReady",
    }


def test_only_those_of_the_policy_in_any_namespace() -> None:
    other = late(SLOW, owner="DaemonSet/agent", namespace="kube-system")
    assert found(replace(SHORT, name="agent"), other) == []
    policy = Policy(node_daemonsets=("agent",))
    assert told(found(replace(SHORT, name="agent"), other, policy=policy)) == [
        ("DaemonSet", "DaemonSetNotReady"),
        ("Pod", "NodePodNotReady"),
    ]
    assert told(found(replace(SHORT, namespace="calico-system"))) == [("DaemonSet", "DaemonSetNotReady")]


def test_a_namesake_in_another_namespace_is_another() -> None:
    assert found(ALL, late(SLOW, owner="DaemonSet/calico-node", namespace="elsewhere")) == []


def test_nothing_desired_nothing_missing() -> None:
    assert found(replace(ALL, desired=0, updated=0, ready=0)) == []


def test_many_nodes_are_not_all_named() -> None:
    pods = [late(SLOW, uid=f"u{n}", name=f"p{n}", node=f"other-{n}", **OWNED) for n in range(8)]
    findings = found(replace(ALL, desired=9, updated=9, ready=1), *pods, nodes=tuple(fleet(9)))
    assert findings[0].message.endswith("other-4 and 3 more")
    assert len(findings[0].evidence["nodes"]) == 5
    assert len(findings) == 9


def test_a_pod_that_has_no_node_yet() -> None:
    _ds, one = found(SHORT, late(phase="Pending", node="", containers=(), created=ago(900), conditions=(), **OWNED))
    assert one.message == "node (none yet) is without calico-node: it has no node (PodPending), for 900 s"
    assert one.place == ""


def test_it_says_nothing_where_no_daemonsets_were_read() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert list(CHECK.evaluate(replace(seen(late(SLOW, **OWNED)), daemonsets=None), Policy())) == []
