# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod, Pods, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import with_hosts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.render import (
    GROUPS_LIMIT,
    PATTERNS_LIMIT,
    TABLE_LIMIT,
    TEXT_LENGTH,
    WARNINGS_LIMIT,
    clean,
    health_lines,
    plan_lines,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    NOW,
    UID,
    ago,
    fleet,
    node,
    plan_for,
    sick,
    snapshot,
)

NODE = Ref("Node", "w1", uid="uid-w1")


def finding(target: Ref = NODE, reason: str = "Broken", seconds: float | None = 900, **changes: object) -> Finding:
    """A finding of a check that is none of ours."""
    made = Finding(
        check="Check",
        target=target,
        verdict=Verdict.UNHEALTHY,
        reason=reason,
        message="it is broken",
        since=None if seconds is None else ago(seconds),
        threshold=300,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def lines_of(*findings: Finding, seen: Snapshot | None = None, **changes: object) -> list[str]:
    """The lines about a cluster of one healthy node that has these findings."""
    judgement = replace(Judgement(NOW, findings), **changes)  # type: ignore[arg-type]
    return health_lines(seen or snapshot([node("w9")]), judgement)


def pods_of(owner: str, count: int, **changes: object) -> tuple[Pod, ...]:
    """Pods of one controller."""
    made = Pod(name="", namespace="shop", uid="", node="w1", phase="Running", owner=owner)
    name = owner.partition("/")[2]
    return tuple(replace(made, name=f"{name}-{i}", uid=f"{name}-{i}", **changes) for i in range(count))  # type: ignore[arg-type]


def told(lines: list[str], start: str) -> list[str]:
    """The lines that begin like this."""
    return [line for line in lines if line.startswith(start)]


# --- the first line


def test_a_healthy_cluster() -> None:
    lines = lines_of(checks={"A": Verdict.HEALTHY, "B": Verdict.HEALTHY})
    assert lines[0] == f"cluster {UID} is HEALTHY, 1 nodes seen"
    assert [line.split() for line in lines[1:3]] == [
        ["NODE", "VERDICT", "HEARTBEAT", "WHY"],
        ["w9", "healthy", "5", "s"],
    ]
    assert lines[3:] == ["2 of 2 checks are healthy"]


def test_the_first_line_counts() -> None:
    lines = lines_of(
        finding(severity=Severity.CRITICAL),
        finding(Ref("Node", "w2")),
        finding(Ref("Service", "a", "b")),
        finding(Ref("Node", "w3"), verdict=Verdict.UNKNOWN, severity=Severity.CRITICAL),
        finding(severity=Severity.WARNING),
        finding(severity=Severity.WARNING, verdict=Verdict.UNKNOWN),
        unread={"identity": "403", "nodes": "403"},
    )
    assert lines[0] == (
        f"cluster {UID} is UNHEALTHY, 1 nodes seen;"
        " 3 of them not well, 1 critical, 2 errors, 1 unknown, 2 warnings, 2 parts not read"
    )


def test_a_cluster_that_does_not_answer() -> None:
    unseen = Snapshot(NOW, unread={"identity": "refused", "nodes": "refused"})
    assert lines_of(seen=unseen, unread=unseen.unread) == [
        "cluster (unidentified) is UNKNOWN, 0 nodes seen; 2 parts not read",
        "could not read identity, nodes: refused",
    ]


def test_what_only_warnings_come_from_is_no_reason_to_worry() -> None:
    seen = snapshot([node()])
    lines = lines_of(seen=seen, unread={"disks": "off", "metrics": "off"}, checks={"NodeDisk": Verdict.UNKNOWN})
    assert lines[0] == f"cluster {UID} is HEALTHY, 1 nodes seen"
    assert lines[-1] == "no warnings from disks, metrics: off"


def test_what_could_not_be_read_comes_last() -> None:
    lines = lines_of(finding(), unread={"policy": "x" * 1000})
    assert lines[-1] == f"could not read policy: {'x' * 1000}"


# --- findings


def test_the_worst_comes_first_and_warnings_after_the_nodes() -> None:
    lines = lines_of(
        finding(reason="Bad", severity=Severity.CRITICAL),
        finding(Ref("Service", "web", "shop"), "NoEndpoints", 60, place="w1"),
        finding(reason="Silent", verdict=Verdict.UNKNOWN, severity=Severity.CRITICAL, seconds=None),
        finding(reason="Skewed", severity=Severity.WARNING),
    )
    heads = [line.split()[:2] for line in lines]
    order = [heads.index(head) for head in (["CRITICAL", "Bad"], ["ERROR", "NoEndpoints"], ["UNKNOWN", "Silent"])]
    assert order == [2, 3, 4]
    assert heads.index(["NODE", "VERDICT"]) < heads.index(["WARNING", "Skewed"])
    assert " ".join(lines[3].split()) == "ERROR NoEndpoints Service shop/web on w1 60 s it is broken"
    assert " ".join(lines[4].split()) == "UNKNOWN Silent Node w1 ? it is broken"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (599, "599 s"),
        (600, "10 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172799, "47 h"),
        (172800, "2 d"),
    ],
)
def test_ages_are_told_as_people_tell_them(seconds: int, words: str) -> None:
    assert f"  {words}  " in told(lines_of(finding(seconds=seconds)), "ERROR")[0]


@pytest.mark.parametrize(
    ("owner", "labels", "words"),
    [
        ("ReplicaSet/web-6b7f", {"pod-template-hash": "6b7f"}, "300 Pods of Deployment web in shop"),
        ("ReplicaSet/web-6b7f", {}, "300 Pods of ReplicaSet web-6b7f in shop"),
        ("StatefulSet/db", {}, "300 Pods of StatefulSet db in shop"),
        ("Job/backup-29391230", {}, "300 Pods of CronJob backup in shop"),
        ("Job/backup-2", {}, "300 Pods of Job backup-2 in shop"),
    ],
)
def test_the_pods_of_one_workload_are_one_line(owner: str, labels: dict[str, str], words: str) -> None:
    pods = pods_of(owner, 300, labels=labels)
    seen = snapshot([node("w9")], pods=Pods(900, pods))
    lines = lines_of(*(finding(p.ref, "CrashLoop", 60 + i) for i, p in enumerate(pods)), seen=seen)
    assert len(told(lines, "ERROR")) == 1
    # It has lasted as long as the oldest of them.
    assert " ".join(told(lines, "ERROR")[0].split()) == f"ERROR CrashLoop {words} 359 s it is broken"


def test_two_cron_jobs_runs_are_one_line() -> None:
    pods = (*pods_of("Job/backup-29391230", 2), *pods_of("Job/backup-29391231", 2))
    seen = snapshot([node("w9")], pods=Pods(9, pods))
    assert len(told(lines_of(*(finding(p.ref) for p in pods), seen=seen), "ERROR")) == 1


def test_pods_that_nobody_owns_are_named() -> None:
    pods = [Ref("Pod", f"p{i}", "shop", f"u{i}") for i in range(5)]
    assert "  5 Pods in shop: p0, p1, p2, ...  " in told(lines_of(*map(finding, pods)), "ERROR")[0]
    assert "  3 Pods in shop: p0, p1, p2  " in told(lines_of(*map(finding, pods[:3])), "ERROR")[0]


def test_what_differs_in_what_matters_is_not_one_line() -> None:
    other = [
        finding(Ref("Pod", "a", "shop")),
        finding(Ref("Pod", "b", "shop"), "Other"),
        finding(Ref("Pod", "c", "elsewhere")),
        finding(Ref("Pod", "d", "shop"), check="Another"),
        finding(Ref("Pod", "e", "shop"), verdict=Verdict.UNKNOWN),
        finding(Ref("Service", "f", "shop")),
    ]
    assert len(told(lines_of(*other), "ERROR") + told(lines_of(*other), "UNKNOWN")) == len(other)


def test_the_largest_group_of_a_severity_comes_first() -> None:
    few = [finding(Ref("Pod", "a", "alpha"))]
    many = [finding(Ref("Pod", f"z{i}", "zeta")) for i in range(9)]
    lines = told(lines_of(*few, *many), "ERROR")
    assert "9 Pods in zeta" in lines[0] and "alpha/a" in lines[1]


def test_one_critical_comes_before_many_errors() -> None:
    many = [finding(Ref("Pod", f"z{i}", "zeta")) for i in range(9)]
    critical = finding(reason="Bad", severity=Severity.CRITICAL)
    lines = lines_of(*many, critical)
    assert [line.split()[0] for line in lines[1:4]] == ["SEVERITY", "CRITICAL", "ERROR"]


def test_many_groups_are_cut_and_counted() -> None:
    lines = lines_of(*(finding(Ref("Pod", f"p{i}", f"ns{i:03}")) for i in range(100)))
    assert len(told(lines, "ERROR")) == GROUPS_LIMIT
    assert f"and {100 - GROUPS_LIMIT} findings more in {100 - GROUPS_LIMIT} groups, left out here" in lines
    warned = lines_of(*(finding(Ref("Pod", "p", f"n{i:03}"), severity=Severity.WARNING) for i in range(100)))
    assert len(told(warned, "WARNING")) == WARNINGS_LIMIT


def test_a_message_does_nothing_to_a_terminal_and_stays_in_its_line() -> None:
    lines = lines_of(finding(message="bad\n\x1b[2J\u202eevil\ttext " + "y" * 1000))
    line = told(lines, "ERROR")[0]
    assert "bad ?[2J?evil text yyy" in line and line.endswith("...")
    assert all(c.isprintable() for text in lines for c in text)


def test_clean_keeps_what_fits() -> None:
    assert clean("x" * TEXT_LENGTH) == "x" * TEXT_LENGTH
    assert clean("x" * (TEXT_LENGTH + 1)) == "x" * (TEXT_LENGTH - 3) + "..."


# --- patterns


def diagnosis(name: str = "ZoneOutage", *members: Ref) -> Diagnosis:
    return Diagnosis(
        pattern=name,
        members=members,
        cause="the zone is gone",
        remedy="wait for it",
        message="3 of 3 nodes of zone a are silent",
        root=Ref("Node", "w1"),
        since=ago(700),
    )


def test_a_pattern_is_told_before_its_members() -> None:
    lines = lines_of(finding(), finding(Ref("Node", "w2")), patterns=(diagnosis("ZoneOutage", NODE),))
    assert lines[1:3] == [
        "PATTERN ZoneOutage, 1 objects for 11 min: 3 of 3 nodes of zone a are silent",
        "        probable cause: the zone is gone; to do: wait for it (Node w1)",
    ]
    first, second = told(lines, "ERROR")
    assert ("part of ZoneOutage; it is broken" in first) != ("part of ZoneOutage; it is broken" in second)


def test_many_patterns_are_cut_and_named() -> None:
    lines = lines_of(patterns=tuple(diagnosis(f"P{i}") for i in range(PATTERNS_LIMIT + 2)))
    assert len(told(lines, "PATTERN")) == PATTERNS_LIMIT
    assert f"and 2 patterns more: P{PATTERNS_LIMIT}, P{PATTERNS_LIMIT + 1}" in lines


def test_ten_lines_tell_what_matters_of_a_large_sick_cluster() -> None:
    pods = pods_of("ReplicaSet/web-6b7f", 300, labels={"pod-template-hash": "6b7f"})
    seen = snapshot([sick(f"w{i}") for i in range(1000)], pods=Pods(9000, pods))
    nodes = [finding(n.ref, "NodeStatusUnknown", severity=Severity.CRITICAL) for n in seen.nodes or ()]
    lines = lines_of(
        *nodes,
        *(finding(p.ref, "CrashLoop") for p in pods),
        finding(Ref("Service", "web", "shop"), "NoEndpoints"),
        seen=seen,
        patterns=(diagnosis("ZoneOutage", *(n.target for n in nodes)),),
        unread={"identity": "403"},
    )[:10]
    text = "\n".join(lines)
    for words in (
        "UNHEALTHY, 1000 nodes seen; 1000 of them not well, 1000 critical, 301 errors, 1 part not read",
        "PATTERN ZoneOutage, 1000 objects",
        "to do: wait for it",
        "1000 Nodes: w0, w1, w10, ...",
        "300 Pods of Deployment web in shop",
        "Service shop/web",
    ):
        assert words in text


# --- nodes


def test_a_small_cluster_is_told_node_by_node() -> None:
    nodes = [finding(Ref("Node", "w2"), "A", 200), finding(Ref("Node", "w2"), "B", 400)]
    lines = lines_of(*nodes, seen=snapshot([node("w1"), node("w2")]))
    assert [" ".join(line.split()) for line in lines[-2:]] == [
        "w1 healthy 5 s",
        "w2 unhealthy 5 s A for 200 s (threshold 300 s); B for 400 s (past its threshold)",
    ]
    assert lines[-3].index("VERDICT") == lines[-2].index("healthy")


def test_the_heartbeat_of_a_node_without_one() -> None:
    assert "?" in lines_of(seen=snapshot([node("w1")], heartbeats={}))[2].split()
    assert "?" in lines_of(seen=snapshot([node("w1")], heartbeats=None))[2].split()


def test_a_large_cluster_is_told_by_its_sick_nodes() -> None:
    lines = lines_of(finding(), seen=snapshot([sick("w1"), *fleet(2000)]))
    assert len(told(lines, "w1 ")) == 1
    assert lines[-1] == "2000 of 2001 nodes are healthy; 0 sick ones left out here"


def test_a_large_sick_cluster_is_told_in_few_lines() -> None:
    seen = snapshot([sick(f"w{i}") for i in range(1000)])
    lines = lines_of(*(finding(n.ref) for n in seen.nodes or ()), seen=seen)
    assert len(told(lines, "w")) == TABLE_LIMIT
    assert lines[-1] == "0 of 1000 nodes are healthy; 950 sick ones left out here"


def test_a_table_of_just_the_limit_is_whole() -> None:
    assert len(lines_of(seen=snapshot(fleet(TABLE_LIMIT)))) == TABLE_LIMIT + 2


def test_checks_that_are_not_content_are_named() -> None:
    lines = lines_of(checks={"A": Verdict.HEALTHY, "C": Verdict.UNKNOWN, "B": Verdict.UNKNOWN, "D": Verdict.UNHEALTHY})
    assert lines[-1] == "1 of 4 checks are healthy; unhealthy: D; unknown: B, C"


# --- plans


def test_a_plan() -> None:
    seen = snapshot([sick("w1"), *fleet(9)])
    plan = with_hosts(plan_for(seen), seen, {"w1": []})
    lines = plan_lines(plan)
    assert lines[0].startswith("DO     kubelet_restart on w1 (host w1): NodeStatusUnknown, Ready is Unknown")
    assert [line.split(":")[0] for line in lines[1:]] == ["NOTE   open w1", "NOTE   confirm w1"]
    refused = plan_lines(plan_for(seen, policy=Policy()))
    assert refused[-1].startswith("REFUSE kubelet_restart on w1, guard monitor_only: ")


def test_nothing_to_do() -> None:
    assert plan_lines(plan_for(snapshot(fleet(3)))) == ["nothing to do"]


def test_why_a_plan_is_blocked_is_told() -> None:
    seen = snapshot([sick("w1"), *fleet(9)])
    lines = plan_lines(plan_for(seen, policy=Policy(monitor_only=False, trouble="self-healing-config.data.x: no")))
    assert [line for line in lines if line.startswith("BLOCKED ") and "self-healing-config.data.x: no" in line]
