# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import with_hosts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.render import (
    TABLE_LIMIT,
    health_lines,
    plan_lines,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    NOW,
    UID,
    fleet,
    node,
    plan_for,
    sick,
    snapshot,
)


def health(seen: Snapshot) -> list[str]:
    return health_lines(seen, judge(seen, Policy()))


def test_a_small_cluster_is_told_node_by_node() -> None:
    lines = health(snapshot([node("w1"), sick("w2", 200), sick("w3", 400), node("w4", conditions=())]))
    assert lines[0] == f"cluster {UID} is UNHEALTHY, 4 nodes seen"
    assert [line.split() for line in lines[1:]] == [
        ["NODE", "VERDICT", "HEARTBEAT", "WHY"],
        ["w1", "healthy", "5", "s"],
        ["w2", "unhealthy", "5", "s", "NodeStatusUnknown", "for", "200", "s", "(threshold", "300", "s)"],
        ["w3", "unhealthy", "5", "s", "NodeStatusUnknown", "for", "400", "s", "(past", "its", "threshold)"],
        ["w4", "unknown", "5", "s", "ReadyConditionMissing", "for", "0", "s", "(threshold", "300", "s)"],
    ]
    assert len({line.index("VERDICT") if "VERDICT" in line else line.index("healthy") for line in lines[1:3]}) == 1


def test_a_cluster_that_does_not_answer() -> None:
    lines = health(Snapshot(NOW, unread={"identity": "refused", "nodes": "refused", "heartbeats": "refused"}))
    assert lines == [
        "cluster (unidentified) is UNKNOWN, 0 nodes seen",
        "could not read heartbeats, identity, nodes: refused",
    ]


def test_the_heartbeat_of_a_node_without_one() -> None:
    assert "?" in health(snapshot([node("w1")], heartbeats={}))[2].split()
    assert "?" in health(snapshot([node("w1")], heartbeats=None))[2].split()


def test_a_large_cluster_is_told_by_its_sick_nodes() -> None:
    lines = health(snapshot([sick("w1"), *fleet(2000)]))
    assert lines[2].startswith("w1 ")
    assert lines[3:] == ["2000 of 2001 nodes are healthy; 0 sick ones left out here"]


def test_a_large_sick_cluster_is_told_in_few_lines() -> None:
    lines = health(snapshot([sick(f"w{i}") for i in range(1000)]))
    assert len(lines) == TABLE_LIMIT + 3
    assert lines[-1] == "0 of 1000 nodes are healthy; 950 sick ones left out here"


def test_a_table_of_just_the_limit_is_whole() -> None:
    assert len(health(snapshot(fleet(TABLE_LIMIT)))) == TABLE_LIMIT + 2


def test_a_plan() -> None:
    seen = snapshot([sick("w1"), *fleet(9)])
    plan = with_hosts(plan_for(seen), seen, {"w1": []})
    lines = plan_lines(plan)
    assert lines[0].startswith("DO     kubelet_restart on w1 (host w1): NodeStatusUnknown, Ready is Unknown")
    assert [line.split(":")[0] for line in lines[1:]] == ["NOTE   open w1", "NOTE   confirm w1"]
    refused = plan_lines(plan_for(seen, policy=Policy()))
    assert refused[-1].startswith("REFUSE kubelet_restart on w1, guard monitor_only: monitor-only is on")


def test_nothing_to_do() -> None:
    assert plan_lines(plan_for(snapshot(fleet(3)))) == ["nothing to do"]
