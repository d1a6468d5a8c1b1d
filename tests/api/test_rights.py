# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each account may do, asked of the API server itself."""

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    INCIDENTS,
    RECORDS,
    STRANGER_TOKEN,
    ControlPlane,
)

HEALING = {"monitor_only": False}


def test_the_healer_can_do_a_whole_repair(cluster: ControlPlane, module: RunModule) -> None:
    """Every module, in the order of a run, with the rights of the service account and no others."""
    cluster.add_nodes("w1", "w2", "w3", "w4")
    cluster.make_sick("w1")
    who = {"cluster_uid": cluster.uid, "policy": HEALING}
    health = module("cluster_health_info")
    assert (health["verdict"], health["cluster_uid"]) == ("unhealthy", cluster.uid)
    plan = module("remediation_plan_info", hosts={"w1": []}, **who)
    assert [(a["node"], a["host"], a["rung"]) for a in plan["actions"]] == [("w1", "w1", "kubelet_restart")]
    assert plan["writes_needed"] and not plan["changed"]
    held = module("remediation_lease", holder="run-1", **who)
    assert held["changed"] and held["token"] >= 1
    run = who | {"holder": held["holder"], "token": held["token"]}
    noted = module("incident", event="note", notes=plan["notes"], **run)
    assert (noted["changed"], noted["incidents"]) == (True, ["w1-1"])
    target = {"node": "w1", "node_uid": plan["actions"][0]["node_uid"]}
    assert module("cluster_record", **run)["record"]["healthy"] == "False"
    begun = module("incident", event="begin", rung="kubelet_restart", **target, **run)
    assert (begun["proceed"], begun["phase"]) == (True, "Repairing")
    acted = module("incident", event="acted", text="restarted", **target, **run)
    assert acted["phase"] == "Verifying"
    failed = module("incident", event="fail", text="it did not help", **target, **run)
    assert failed["phase"] == "Unhealthy"
    cluster.make_well("w1")
    again = module("remediation_plan_info", **who)
    assert [note["event"] for note in again["notes"]] == ["recover"]
    module("incident", event="note", notes=again["notes"], **run)
    assert module("cluster_record", **run)["record"]["healthy"] == "True"
    assert module("cluster_record", **run)["changed"] is False
    assert module("remediation_lease", state="released", **run)["changed"] is True
    stored = cluster.incidents()["w1-1"]["status"]
    assert (stored["phase"], stored["attempts"]) == ("Recovered", 1)
    printed = cluster.kubectl("get", "incidents").stdout
    assert "w1-1" in printed and "kubelet_restart" in printed and "Recovered" in printed
    assert "True" in cluster.kubectl("get", "clusterrecord").stdout


def test_nothing_the_healer_did_was_refused_and_no_node_was_written_to(
    cluster: ControlPlane, module: RunModule
) -> None:
    mark = cluster.audit_mark()
    test_the_healer_can_do_a_whole_repair(cluster, module)
    healers = [a for a in cluster.audited(mark) if a.user == "system:serviceaccount:self-healing:selfheal-healer"]
    assert not [a for a in healers if a.code == 403]
    written = {a.uri.split("?")[0].rsplit("/", 1)[0] for a in healers if a.mutates and a.verb != "create"}
    assert written == {
        INCIDENTS,
        RECORDS,
        "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases",
    }


def test_the_observer_can_look(cluster: ControlPlane, module: RunModule, observer_token: str) -> None:
    cluster.add_nodes("w1", "w2")
    cluster.make_sick("w1")
    assert module("cluster_health_info", account=observer_token)["verdict"] == "unhealthy"
    for policy in ({}, HEALING):
        plan = module(
            "remediation_plan_info", account=observer_token, cluster_uid=cluster.uid, policy=policy, hosts={"w1": []}
        )
        assert plan["health"]["verdict"] == "unhealthy"
        assert bool(plan["actions"]) == bool(policy)


def test_the_observer_cannot_write(cluster: ControlPlane, module: RunModule, observer_token: str) -> None:
    cluster.add_nodes("w1", "w2")
    cluster.make_sick("w1")
    mark = cluster.audit_mark()
    run = {"cluster_uid": cluster.uid, "policy": HEALING, "account": observer_token}
    result = module("remediation_lease", **{**run, "holder": "observer"})
    assert result["failed"] and result["error_class"] == "Forbidden"
    assert "HTTP 403" in result["msg"] and "selfheal-observer" in result["msg"] and "\n" not in result["msg"]
    changes = [a for a in cluster.audited(mark) if a.mutates and a.user.endswith("selfheal-observer")]
    assert {a.code for a in changes} <= {403}


@pytest.mark.parametrize("account", ["selfheal-healer", "selfheal-observer"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("PATCH", "/api/v1/nodes/w1", {"spec": {"unschedulable": True}}, id="cordon a node"),
        pytest.param("PATCH", "/api/v1/nodes/w1/status", {"status": {}}, id="a node's status"),
        pytest.param("DELETE", "/api/v1/nodes/w1", None, id="delete a node"),
        pytest.param("DELETE", INCIDENTS, None, id="forget incidents"),
        pytest.param("GET", "/api/v1/secrets", None, id="read secrets"),
        pytest.param("GET", "/api/v1/pods", None, id="read pods"),
        pytest.param("GET", "/api/v1/namespaces/default", None, id="other namespaces"),
        pytest.param(
            "POST",
            "/api/v1/namespaces/self-healing/serviceaccounts/selfheal-healer/token",
            {"spec": {}},
            id="a token for itself",
        ),
        pytest.param(
            "PATCH",
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1",
            {"spec": {"holderIdentity": "me"}},
            id="a node's Lease",
        ),
        pytest.param(
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases/other",
            {},
            id="another Lease",
        ),
    ],
)
def test_what_neither_may_do(
    cluster: ControlPlane, healer_token: str, observer_token: str, account: str, method: str, path: str, body: object
) -> None:
    cluster.add_nodes("w1")
    token = healer_token if account == "selfheal-healer" else observer_token
    status, answer = cluster.request(method, path, body, token)
    assert status == 403, answer


@pytest.mark.parametrize("kind", [INCIDENTS, RECORDS])
def test_the_observer_may_not_write_the_healers_memory(cluster: ControlPlane, observer_token: str, kind: str) -> None:
    assert cluster.request("POST", kind, {}, observer_token)[0] == 403
    assert cluster.request("PUT", f"{kind}/x", {}, observer_token)[0] == 403


def test_an_account_without_any_right_sees_nothing_and_says_so(cluster: ControlPlane, module: RunModule) -> None:
    cluster.add_nodes("w1")
    health = module("cluster_health_info", account=STRANGER_TOKEN)
    assert health["verdict"] == "unknown"
    assert set(health["unread"]) == {"identity", "nodes", "heartbeats"}
    assert all("HTTP 403" in why and "stranger" in why for why in health["unread"].values())


def test_a_part_that_may_not_be_read_is_unknown(cluster: ControlPlane, module: RunModule) -> None:
    """Nodes may be read, Leases may not: not healthy, and nobody is touched."""
    cluster.add_nodes("w1", "w2", "w3")
    cluster.make_sick("w1")
    cluster.must(
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            "metadata": {"name": "stranger"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "selfheal-observer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "stranger"}],
        },
    )
    try:
        plan = module("remediation_plan_info", account=STRANGER_TOKEN, cluster_uid=cluster.uid, policy=HEALING)
        assert set(plan["health"]["unread"]) == {"heartbeats"}
        assert plan["actions"] == [] and [r["guard"] for r in plan["refused"]] == ["mass_failure"]
        cluster.make_well("w1")
        assert module("cluster_health_info", account=STRANGER_TOKEN)["verdict"] == "unknown"
    finally:
        cluster.must("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/stranger")
