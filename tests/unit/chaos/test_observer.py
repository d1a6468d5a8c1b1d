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


def lease(name: str, age: float = 5, namespace: str = "kube-node-lease") -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=age)).isoformat()
    meta = {"name": name, "namespace": namespace}
    return {"kind": "Lease", "metadata": meta, "spec": {"renewTime": renewed}}


def leader(name: str, age: float = 2) -> dict[str, Any]:
    return lease(f"kube-{name}", age, "kube-system")


def with_gpus(name: str, promised: str, **allocatable: str) -> dict[str, Any]:
    made = node(name)
    made["metadata"]["labels"] = {"nvidia.com/gpu.count": promised}
    made["status"]["allocatable"] = {"cpu": "4", **{f"nvidia.com/{kind}": count for kind, count in allocatable.items()}}
    return made


def proxy(ready: int) -> dict[str, Any]:
    meta = {"name": "kube-proxy", "namespace": "kube-system"}
    return {"kind": "DaemonSet", "metadata": meta, "status": {"numberReady": ready}}


LEADERS = [leader("controller-manager"), leader("scheduler")]
WELL = [node("a"), node("b"), lease("a"), lease("b"), proxy(2), *LEADERS]


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
        ([*WELL[:4], proxy(1), *LEADERS], "kube-proxy: 1 of 2 pods are ready"),
        ([*WELL[:5], leader("controller-manager", 41), LEADERS[1]], "kube-controller-manager: its Lease is 41 s old"),
        ([*WELL[:5], LEADERS[0], leader("scheduler", 99)], "kube-scheduler: its Lease is 99 s old"),
        ([*WELL[:6], lease("kube-scheduler")], "kube-scheduler: its Lease is not there"),
        ([*WELL[1:], with_gpus("a", "2", gpu="0")], "a: 0 of 2 GPUs are allocatable"),
        ([*WELL[1:], with_gpus("a", "2", gpu="1")], "a: 1 of 2 GPUs are allocatable"),
        ([*WELL[1:], with_gpus("a", "2")], "a: 0 of 2 GPUs are allocatable"),
    ],
)
def test_what_is_wrong_is_seen(items: list[dict[str, Any]], says: str) -> None:
    assert wrong_with(items, 2, NOW) == [says]


@pytest.mark.parametrize("gpus", [with_gpus("a", "2", gpu="2"), with_gpus("a", "0"), with_gpus("a", "many")])
def test_who_offers_all_that_he_promises_is_well(gpus: dict[str, Any]) -> None:
    assert wrong_with([*WELL[1:], gpus], 2, NOW) == []


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
