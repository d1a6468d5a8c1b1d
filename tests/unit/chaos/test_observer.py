# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a cluster, to somebody who only looks; and what a healer's events say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chaosheal.fingerprint import differences
from chaosheal.healer import PHASES, phase_of, words_of
from chaosheal.observer import wrong_with

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def node(name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}, {"type": "DiskPressure", "status": "False"}]
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}


def lease(name: str, age: float = 5) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=age)).isoformat()
    return {"kind": "Lease", "metadata": {"name": name}, "spec": {"renewTime": renewed}}


def proxy(ready: int) -> dict[str, Any]:
    meta = {"name": "kube-proxy", "namespace": "kube-system"}
    return {"kind": "DaemonSet", "metadata": meta, "status": {"numberReady": ready}}


WELL = [node("a"), node("b"), lease("a"), lease("b"), proxy(2)]


def test_a_cluster_that_is_well() -> None:
    assert wrong_with(WELL, 2, NOW) == []


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (WELL[1:], "1 nodes, expected 2"),
        ([*WELL[1:], node("a", "Unknown")], "a: Ready is Unknown"),
        ([*WELL[1:], node("a", unschedulable=True)], "a: is cordoned"),
        ([*WELL[:2], *WELL[3:]], "a: its Lease is not there"),
        ([*WELL[:2], lease("a", 41), *WELL[3:]], "a: its Lease is 41 s old"),
        ([*WELL[:4], proxy(1)], "kube-proxy: 1 of 2 pods are ready"),
    ],
)
def test_what_is_wrong_is_seen(items: list[dict[str, Any]], says: str) -> None:
    assert wrong_with(items, 2, NOW) == [says]


def event(module: str, kind: str = "runner_on_ok", **result: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"task_action": f"selfheal.kubernetes.{module}", "res": result}}


def test_what_a_healer_says_of_itself() -> None:
    plan = {"actions": [{"node": "w-1"}], "refused": [{"node": "w-2", "guard": "tolerance"}, {"guard": "lease"}]}
    assert words_of(event("remediation_plan_info", **plan)) == [{"what": "detected", "nodes": ["w-1", "w-2"]}]
    assert words_of(event("remediation_plan_info", actions=[], refused=[])) == []
    begun = {"incidents": ["w-1-2"], "phase": "Repairing", "act_within_seconds": 54}
    assert words_of(event("incident", proceed=True, **begun)) == [{"what": "acted", "node": "w-1"}]
    assert words_of(event("incident", proceed=False, **begun)) == [], "what was left alone is no act"
    assert words_of(event("incident", "runner_on_failed", proceed=True, **begun)) == []
    proven = {"incidents": ["w-1-2"], "phase": "Recovered"}
    assert words_of(event("incident", proceed=True, **proven)) == [{"what": "repaired", "node": "w-1"}]
    assert words_of(event("incident", proceed=False, incidents=["w-1-2"], phase="Unhealthy")) == []
    stats = {"event": "playbook_on_stats", "event_data": {"changed": {"localhost": 2, "w-1": 1}}}
    assert words_of(stats) == [{"what": "stats", "changed": 3}]


def begins(module: str, role: str = "", **arguments: str) -> dict[str, Any]:
    told = ", ".join(f"{key}={value}" for key, value in arguments.items())
    data = {"task_action": f"selfheal.kubernetes.{module}", "role": role, "task_args": told}
    return {"event": "runner_on_start", "event_data": data}


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (begins("remediation_plan_info", hosts="x"), "detect"),
        (begins("remediation_lease", holder="x"), "lock"),
        (begins("remediation_lease", state="released"), "unlock"),
        (begins("incident", "repair_node", node="w-1", event="begin"), "begin"),
        (begins("incident", "repair_node", event="verify"), "verify"),
        (begins("incident", "repair_node", event="acted"), ""),
        (begins("node_drain", "node_drain"), "drain"),
        (begins("fetch", "selfheal.kubernetes.node_evidence"), "evidence"),
        (begins("raw", "kubelet_restart"), "act"),
        (begins("debug"), ""),
        ({**begins("raw", "kubelet_restart"), "event": "runner_on_ok"}, ""),
    ],
)
def test_a_task_that_begins_says_in_which_phase_the_healer_is(event: dict[str, Any], phase: str) -> None:
    assert phase_of(event) == phase and phase in ("", *PHASES)


def test_what_is_left_over_is_named() -> None:
    before = {"w-1": ["unit kubelet enabled active", "file /etc/x 1"], "w-2": ["cordoned False"]}
    assert differences(before, before) == []
    after = {"w-1": ["unit kubelet enabled active", "file /etc/x 2"]}
    assert differences(before, after) == [
        "w-1: gone: file /etc/x 1",
        "w-1: new: file /etc/x 2",
        "w-2: gone: cordoned False",
    ]
