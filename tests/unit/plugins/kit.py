# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders of the core's values for tests: each gives something healthy, and a test says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import Baseline
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS, Ladders, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Incident,
    Moment,
    Phase,
    Remedy,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    Condition,
    DiskUsage,
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
    Pods,
    Usage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import Plan, make_plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm

NOW = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
HEALING = Policy(monitor_only=False)
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
# Rungs that take a node down, before there are roles for them.
REBOOT = Rung(name="reboot", role="x.y.reboot", about="reboot", remedy=Remedy.REBOOT, deadline=200, waits=True)
REPLACE = Rung(name="replace", role="x.y.replace", about="replace", remedy=Remedy.REPLACE, deadline=200)
REBOOTING: Ladders = dict.fromkeys(LADDERS, (REBOOT,))


def ago(seconds: float) -> datetime:
    """The moment so many seconds before NOW."""
    return NOW - timedelta(seconds=seconds)


CALM = tuple(
    Condition(kind, "False", "KubeletHasNo" + kind, "", ago(86000))
    for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
)


def ready(status: str = "True", since: datetime | None = None) -> Condition:
    """A Ready condition; ``since`` is when it became what it is (an hour ago if not given)."""
    return Condition("Ready", status, "KubeletReady", "kubelet is posting ready status", since or ago(3600))


def node(name: str = "w1", condition: Condition | None = None, **changes: object) -> Node:
    """A Ready worker; its UID is made from its name."""
    made = Node(
        name=name,
        uid=f"uid-{name}",
        labels={},
        annotations={},
        unschedulable=False,
        deleting=False,
        addresses=(),
        machine_id=name.encode().hex().rjust(32, "0"),
        conditions=(condition or ready(), *CALM),
        created=ago(86400),
        kubelet_version="v1.34.4",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def sick(name: str = "w1", seconds: float = 600, status: str = "Unknown", **changes: object) -> Node:
    """A worker whose Ready condition has not been True for so many seconds."""
    return node(name, ready(status, ago(seconds)), **changes)


def fleet(count: int) -> list[Node]:
    """Healthy workers that no test names."""
    return [node(f"other-{number}") for number in range(count)]


def snapshot(nodes: Iterable[Node], silent: Iterable[str] = (), **changes: object) -> Snapshot:
    """A snapshot in which every node has a fresh Lease, but for the silent ones (600 s old)."""
    nodes, silent = tuple(nodes), set(silent)
    heartbeats = {n.name: Heartbeat(ago(600 if n.name in silent else 5), 40) for n in nodes}
    made = Snapshot(observed_at=NOW, cluster_uid=UID, nodes=nodes, heartbeats=heartbeats, **quiet_parts(nodes))
    return replace(made, **changes)  # type: ignore[arg-type]


def quiet_parts(nodes: Iterable[Node] = ()) -> dict[str, Any]:
    """Every part of a snapshot besides nodes and their Leases, read and well."""
    return {
        "pods": Pods(total=0),
        "daemonsets": (),
        "services": (),
        "events": (),
        "components": {
            name: Heartbeat(ago(1), 15, holder="cp") for name in ("kube-controller-manager", "kube-scheduler")
        },
        "endpoints": (ApiEndpoint("https://10.0.0.1:6443", True, True, 0.5, given=True),),
        "etcd": Etcd((EtcdMember("cp", True),)),
        "metrics": {n.name: Usage(0.001, 10**6, 2.0, 10**9) for n in nodes},
        "disks": {n.name: DiskUsage({"root": 1}, {"root": 1000}) for n in nodes},
        "probes": (),
        "baseline": Baseline(),
        "local_time": NOW,
    }


def incident(
    name: str = "w1",
    phase: Phase = Phase.UNHEALTHY,
    attempted: Iterable[float] = (),
    since: float = 600,
    **changes: object,
) -> Incident:
    """An incident of the node that ``node(name)`` makes; ``attempted`` are ages in seconds, oldest first."""
    attempts = tuple(ago(seconds) for seconds in attempted)
    made = Incident(
        name=f"{name}-1",
        node=name,
        node_uid=f"uid-{name}",
        check="NodeReady",
        reason="NodeStatusUnknown",
        phase=phase,
        since=ago(since),
        evidence="ready=Unknown",
        rung="kubelet_restart" if attempts else "",
        attempts=len(attempts),
        attempted_at=attempts,
        deadline=ago(-300) if phase.under_repair else None,
        history=(Moment(ago(since), Phase.SUSPECTED, "healer-a", "NodeStatusUnknown: it is silent"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def plan_for(
    seen: Snapshot,
    incidents: Iterable[Incident] = (),
    policy: Policy = HEALING,
    expected_uid: str | None = UID,
    only: Iterable[str] = (),
    storm: Storm | None = None,
    ladders: Ladders = LADDERS,
    late: float = 0,
) -> Plan:
    """Judge the snapshot and plan for it so many seconds after the moment of the snapshot."""
    now = seen.observed_at + timedelta(seconds=late)
    judgement = judge(seen, policy, incidents)
    return make_plan(seen, judgement, incidents, policy, now, expected_uid, only, storm, ladders)


def api_node(name: str = "w1", conditions: object = None, **metadata: object) -> Mapping[str, object]:
    """A Node object as the API gives it."""
    if conditions is None:
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T02:00:00Z"}]
    return {"metadata": {"name": name, "uid": f"uid-{name}", **metadata}, "status": {"conditions": conditions}}
