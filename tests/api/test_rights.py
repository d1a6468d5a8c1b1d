# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each account may do, asked of the API server itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import MANIFESTS, RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    INCIDENTS,
    RECORDS,
    STRANGER_TOKEN,
    ControlPlane,
)

from lab import docs

CONFIG_MAPS = "/api/v1/namespaces/self-healing/configmaps"
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
        pytest.param("GET", "/api/v1/namespaces/default/pods/web/log", None, id="read the log of a pod"),
        pytest.param("POST", "/api/v1/namespaces/default/pods/web/exec?command=id", None, id="run a command in a pod"),
        pytest.param("DELETE", "/api/v1/namespaces/default/pods/web", None, id="delete a pod"),
        pytest.param("POST", "/api/v1/namespaces/default/pods/web/eviction", {}, id="evict a pod"),
        pytest.param("GET", "/api/v1/nodes/w1/proxy/stats/summary", None, id="ask a kubelet"),
        pytest.param("GET", "/api/v1/namespaces/default/services/web:80/proxy/", None, id="ask a Service"),
        pytest.param("GET", "/api/v1/namespaces/kube-system/secrets", None, id="read secrets of the control plane"),
        pytest.param("GET", f"{CONFIG_MAPS}/other", None, id="another ConfigMap"),
        pytest.param("GET", CONFIG_MAPS, None, id="every ConfigMap"),
        pytest.param("GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", None, id="other settings"),
        pytest.param("PUT", f"{CONFIG_MAPS}/self-healing-config", {}, id="overrule the cluster's owner"),
        pytest.param("DELETE", f"{CONFIG_MAPS}/self-healing-config", None, id="do away with the owner's settings"),
        pytest.param("GET", "/metrics", None, id="the API server's metrics"),
        pytest.param("GET", "/livez/etcd", None, id="a single check of livez"),
        pytest.param("GET", "/readyz/etcd", None, id="a single check of readyz"),
        pytest.param("GET", RECORDS, None, id="every ClusterRecord"),
        pytest.param("GET", f"{RECORDS}/other", None, id="another ClusterRecord"),
        pytest.param("PUT", f"{RECORDS}/other", {}, id="write another ClusterRecord"),
        pytest.param("DELETE", f"{RECORDS}/cluster", None, id="forget the ClusterRecord"),
        pytest.param("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", None, id="other Leases"),
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


def test_only_the_healer_may_write_what_is_usual_for_the_cluster(
    cluster: ControlPlane, healer_token: str, observer_token: str
) -> None:
    body = {"metadata": {"name": "selfheal-baseline"}, "data": {}}
    path = f"{CONFIG_MAPS}/selfheal-baseline"
    # A record that was written by another test has brought one along.
    cluster.request("DELETE", path)
    assert cluster.request("POST", CONFIG_MAPS, body, observer_token)[0] == 403
    try:
        assert cluster.request("POST", CONFIG_MAPS, body, healer_token)[0] == 201
        assert cluster.request("PUT", path, body, observer_token)[0] == 403
        assert cluster.request("PUT", path, body, healer_token)[0] == 200
        assert cluster.request("DELETE", path, None, healer_token)[0] == 403
        assert [cluster.request("GET", path, None, token)[0] for token in (healer_token, observer_token)] == [200, 200]
    finally:
        cluster.must("DELETE", path)


@pytest.mark.parametrize("account", ["selfheal-healer", "selfheal-observer"])
def test_everything_that_a_look_asks_for_is_allowed(
    cluster: ControlPlane, module: RunModule, healer_token: str, observer_token: str, account: str
) -> None:
    """Nothing is refused, whatever there is to look at, and nothing is changed."""
    cluster.add_nodes("w1", "w2", "w3")
    cluster.make_sick("w1")
    token = healer_token if account == "selfheal-healer" else observer_token
    mark = cluster.audit_mark()
    health = module("cluster_health_info", account=token)
    own = [a for a in cluster.audited(mark) if a.user.endswith(f":{account}")]
    assert [a for a in own if a.code in (401, 403)] == []
    assert [a for a in own if a.mutates] == []
    # Each of these was asked for; a part that nobody reads would prove nothing.
    for path in (
        "/api/v1/nodes",
        "/api/v1/pods",
        "/api/v1/events",
        "/apis/apps/v1/daemonsets",
        "/apis/discovery.k8s.io/v1/endpointslices",
        "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
        "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager",
        "/apis/metrics.k8s.io/v1beta1/nodes",
        f"{CONFIG_MAPS}/self-healing-config",
        "/livez",
        "/readyz",
    ):
        assert any(a.uri.split("?")[0] == path for a in own), path
    # There is no metrics API here, and by default nobody asks kubelets.
    assert set(health["unread"]) <= {"metrics", "disks", "baseline"}, health["unread"]


@pytest.fixture
def opted_in(cluster: ControlPlane, tmp_path: Path) -> Iterator[None]:
    """The rights that docs/policy.md offers besides, applied as they stand there."""
    cluster.add_nodes("w1")
    assert cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})[0] in (201, 409)
    for number, text in enumerate((docs.KUBELET_RIGHTS, docs.PROBE_RIGHTS)):
        assert text in (docs.CHECKOUT / "docs" / "policy.md").read_text(encoding="utf-8")
        (tmp_path / f"{number}.yml").write_text(text, encoding="utf-8")
    done = cluster.kubectl("apply", "-f", tmp_path)
    assert done.returncode == 0, done.stderr
    yield
    cluster.kubectl("delete", "-f", tmp_path)


@pytest.mark.usefixtures("opted_in")
@pytest.mark.parametrize("account", ["selfheal-healer", "selfheal-observer"])
def test_the_rights_in_the_documentation_are_enough_and_no_more(
    cluster: ControlPlane, healer_token: str, observer_token: str, account: str
) -> None:
    token = healer_token if account == "selfheal-healer" else observer_token

    def code(method: str, path: str) -> int:
        return cluster.request(method, path, None, token)[0]

    # Neither kubelet nor Service is there: whatever comes of the request, it is not the API server that forbids it.
    assert code("GET", "/api/v1/nodes/w1/proxy/stats/summary") != 403
    assert code("GET", "/api/v1/namespaces/shop/services/web:80/proxy/healthz") != 403
    assert code("POST", "/api/v1/nodes/w1/proxy/run/shop/web/c") == 403
    assert code("GET", "/api/v1/namespaces/shop/services/other:80/proxy/") == 403
    assert code("GET", "/api/v1/namespaces/shop/services/web:81/proxy/") == 403
    assert code("GET", "/api/v1/namespaces/default/services/web:80/proxy/") == 403
    assert code("POST", "/api/v1/namespaces/shop/services/web:80/proxy/") == 403


RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
EVICTION = "/api/v1/namespaces/default/pods/web/eviction"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"


def rules_of(cluster: ControlPlane, token: str) -> list[str]:
    """Everything that an account may do in a namespace, as the API server itself says it."""
    status, answer = cluster.request("POST", RULES, {"spec": {"namespace": "default"}}, token)
    assert status == 201, answer
    return sorted(json.dumps(rule, sort_keys=True) for rule in answer["status"]["resourceRules"])


def codes(cluster: ControlPlane, token: str) -> dict[str, int]:
    """What becomes of what draining takes, and of what is next to it."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web", "namespace": "default"}}
    cordon = {"spec": {"unschedulable": True}}
    asked: dict[str, tuple[str, str, object]] = {
        "cordon": ("PATCH", "/api/v1/nodes/w1", cordon),
        "evict": ("POST", EVICTION, eviction),
        "read a budget": ("GET", f"{BUDGETS}/web", None),
        "list budgets": ("GET", BUDGETS, None),
        "change a budget": ("PATCH", f"{BUDGETS}/web", {}),
        "delete a pod": ("DELETE", "/api/v1/namespaces/default/pods/web", None),
        "change a pod": ("PATCH", "/api/v1/namespaces/default/pods/web", {}),
        "delete a node": ("DELETE", "/api/v1/nodes/w2", None),
        "make a node": ("POST", "/api/v1/nodes", {"metadata": {"name": "w9"}}),
        "change the state of a node": ("PATCH", "/api/v1/nodes/w1/status", {"status": {}}),
        "detach a volume": ("DELETE", "/apis/storage.k8s.io/v1/volumeattachments/x", None),
    }
    return {what: cluster.request(*request, token)[0] for what, request in asked.items()}


def test_draining_takes_rights_that_are_given_for_it_alone(
    cluster: ControlPlane, healer_token: str, observer_token: str
) -> None:
    cluster.add_nodes("w1", "w2")
    before, watched = rules_of(cluster, healer_token), rules_of(cluster, observer_token)
    assert set(codes(cluster, healer_token).values()) == {403}
    manifest = MANIFESTS / "rbac-drain.yml"
    try:
        assert cluster.kubectl("apply", "-f", manifest).returncode == 0
        end = time.monotonic() + 10
        while rules_of(cluster, healer_token) == before and time.monotonic() < end:
            time.sleep(0.1)
        assert [json.loads(rule) for rule in rules_of(cluster, healer_token) if rule not in before] == [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
            {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["get"]},
        ]
        assert set(before) < set(rules_of(cluster, healer_token)) and rules_of(cluster, observer_token) == watched
        found = codes(cluster, healer_token)
        assert {what: code for what, code in found.items() if code != 403} == {
            "cordon": 200,
            "evict": 404,
            "read a budget": 404,
        }
        assert set(codes(cluster, observer_token).values()) == {403}
    finally:
        cluster.kubectl("delete", "-f", manifest)


def test_an_account_without_any_right_sees_nothing_and_says_so(cluster: ControlPlane, module: RunModule) -> None:
    cluster.add_nodes("w1")
    health = module("cluster_health_info", account=STRANGER_TOKEN)
    assert health["verdict"] == "unknown"
    assert {"identity", "policy", "nodes", "heartbeats", "pods", "components"} <= set(health["unread"])
    refused = {part: why for part, why in health["unread"].items() if "HTTP 403" in why and "stranger" in why}
    assert {"identity", "policy", "nodes", "heartbeats", "pods", "components"} <= set(refused)


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
        # These rights are given by namespace, and the stranger has only those of the ClusterRole.
        assert {"heartbeats", "components", "policy"} <= set(plan["health"]["unread"])
        assert not {"nodes", "pods", "daemonsets", "services"} & set(plan["health"]["unread"])
        assert "configmaps" in plan["health"]["unread"]["policy"] and "HTTP 403" in plan["blocked"]
        assert plan["actions"] == [] and "mass_failure" in {r["guard"] for r in plan["refused"]}
        assert not plan["writes_needed"]
        cluster.make_well("w1")
        assert module("cluster_health_info", account=STRANGER_TOKEN)["verdict"] == "unknown"
    finally:
        cluster.must("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/stranger")
