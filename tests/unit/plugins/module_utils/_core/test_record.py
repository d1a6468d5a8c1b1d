# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node, Service
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, incident, node, sick, snapshot


def record(nodes: list[Node], incidents: tuple[Incident, ...] = (), **changes: object) -> dict[str, object]:
    return derive(judge(snapshot(nodes, **changes), Policy()), incidents)


def test_healthy() -> None:
    assert record([node("a"), node("b")]) == {
        "healthy": "True",
        "repairAttempts": 0,
        "openIncidents": 0,
        "unhealthyNodes": [],
        "unhealthyNodeCount": 0,
    }


def test_unhealthy() -> None:
    told = record([sick("b", 100), sick("a", 300, "False"), node("c")])
    assert told["healthy"] == "False"
    assert told["failureReason"] == "NodeNotReady, NodeStatusUnknown"
    assert told["unhealthySince"] == "2026-11-21T02:55:00Z"
    assert told["unhealthyNodes"] == [
        {"name": "a", "reason": "NodeNotReady", "since": "2026-11-21T02:55:00Z"},
        {"name": "b", "reason": "NodeStatusUnknown", "since": "2026-11-21T02:58:20Z"},
    ]


def test_what_is_no_node_is_not_among_the_nodes() -> None:
    told = record([sick("a", 300, "False"), node("b")], services=(Service("web", "shop", 0, 2, ago(4000)),))
    assert told["failureReason"] == "NoReadyEndpoints, NodeNotReady"
    assert [one["name"] for one in told["unhealthyNodes"]] == ["a"]  # type: ignore[attr-defined]
    assert told["unhealthyNodeCount"] == 1


def test_unhealthy_since_the_incident_began() -> None:
    told = record([sick("w1", 10)], (incident("w1", since=600),))
    assert told["unhealthySince"] == "2026-11-21T02:50:00Z"


def test_closed_incidents_and_those_of_a_healthy_cluster_say_nothing_about_since() -> None:
    closed = incident("w1", phase=Phase.RECOVERED, since=9999)
    assert record([sick("w1", 60)], (closed,))["unhealthySince"] == "2026-11-21T02:59:00Z"
    assert "unhealthySince" not in record([node("w1")], (incident("w1"),))


def test_unknown() -> None:
    dark = replace(snapshot([]), nodes=None, heartbeats=None, metrics=None, unread={"nodes": "HTTP 500"})
    told = derive(judge(dark, Policy()), [])
    assert told["healthy"] == "Unknown"
    assert told["failureReason"] == "could not read heartbeats, nodes"


def test_attempts_of_open_incidents_and_the_last_repair_of_all() -> None:
    old = incident("w1", Phase.RECOVERED, [900], outcome="Repaired")
    new = incident("w2", Phase.UNHEALTHY, [800, 400], outcome="RepairFailed")
    told = record([node("w1"), sick("w2")], (new, old))
    assert (told["repairAttempts"], told["openIncidents"]) == (2, 1)
    assert (told["lastRepairTime"], told["lastRepair"], told["lastOutcome"]) == (
        "2026-11-21T02:53:20Z",
        "kubelet_restart on w2",
        "RepairFailed",
    )


def test_a_repair_that_runs_has_no_outcome_yet() -> None:
    told = record([sick("w1")], (incident("w1", Phase.REPAIRING, [5]),))
    assert told["lastOutcome"] == "InProgress"


def test_when_a_repair_has_last_proven_itself() -> None:
    assert "lastSucceededTime" not in record([node("w1")])
    closed = {"phase": Phase.RECOVERED, "attempted": [900]}
    memory = (
        incident("w1", **closed, outcome="Repaired", closed_at=ago(500)),
        incident("w2", **closed, outcome="Repaired", closed_at=ago(300)),
        incident("w3", **closed, outcome="RecoveredByItself", closed_at=ago(100)),
        incident("w4", Phase.GONE, [900], outcome="NodeLeft", closed_at=ago(50)),
        incident("w5", Phase.RECOVERED, [900], outcome="Repaired"),
    )
    assert record([node("w1")], memory)["lastSucceededTime"] == "2026-11-21T02:55:00Z"
    assert record([node("w1")], memory[::-1])["lastSucceededTime"] == "2026-11-21T02:55:00Z"


def test_the_last_storm_is_kept() -> None:
    judgement = judge(snapshot([node("w1")]), Policy())
    assert "storm" not in derive(judgement, [])
    storm = Storm("mass_failure", ago(600), ago(60))
    told = derive(judgement, [], storm)["storm"]
    assert told == {"cause": "mass_failure", "since": "2026-11-21T02:50:00Z", "ended": "2026-11-21T02:59:00Z"}
    assert Storm.from_dict(told) == storm


def test_the_record_does_not_change_with_the_moment() -> None:
    # Else every run would write, and a healthy cluster must cost nothing.
    nodes, memory = (sick("w1", 200), node("w2", conditions=())), (incident("w1", attempted=[300]),)
    now = snapshot(nodes)
    heartbeats = {name: replace(lease, renewed=ago(-40)) for name, lease in (now.heartbeats or {}).items()}
    later = replace(now, observed_at=NOW + timedelta(seconds=45), heartbeats=heartbeats)
    assert derive(judge(now, Policy()), memory) == derive(judge(later, Policy()), memory)


def test_the_order_of_incidents_does_not_matter() -> None:
    memory = [incident("w1", attempted=[300]), incident("w2", attempted=[300])]
    assert record([sick("w1"), sick("w2")], tuple(memory)) == record([sick("w1"), sick("w2")], tuple(memory[::-1]))
