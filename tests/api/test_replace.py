# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacements against a real API server: the module, and the driver for Cluster API with objects of its kinds.

Cluster API's controllers are a thread here, made after their documentation: a Machine that is deleted has its machine
destroyed, then its Node removed, then its finalizer taken away; a MachineSet makes the Machines that it lacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cluster_api import MACHINE, NAMESPACE, PAUSED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import CORDONED, Mark
from ansible_collections.selfheal.kubernetes.tests.api.conftest import (
    MANIFESTS,
    RunModule,
    run_role,
    write_kubeconfig,
)
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ADMIN_TOKEN, ControlPlane, micro
from ansible_collections.selfheal.kubernetes.tests.api.workloads import Hand, Kubelet, Workloads

GROUP = "cluster.x-k8s.io"
PLACE = f"/apis/{GROUP}/v1beta1/namespaces/default"
MACHINES, SETS, CLUSTERS = (f"{PLACE}/{plural}" for plural in ("machines", "machinesets", "clusters"))
FINALIZER = "machine.cluster.x-k8s.io"
HEALING = {"monitor_only": False}


@pytest.fixture
def replace_rights(prepared: ControlPlane) -> Iterator[None]:
    """The right that only ``bootstrap_replace`` gives."""
    done = prepared.kubectl("apply", "-f", MANIFESTS / "rbac-replace.yml")
    assert done.returncode == 0, done.stderr
    yield
    prepared.kubectl("delete", "-f", MANIFESTS / "rbac-replace.yml")


# --- the module


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def replacing(cluster: ControlPlane, module: RunModule) -> Run:
    """Runs the module for node w1, with the lease and the rights of the healer."""
    cluster.add_nodes("w1", "w2")
    who = {"cluster_uid": cluster.uid, "policy": HEALING}
    held = module("remediation_lease", holder="run-1", **who)
    target = {"node": "w1", "node_uid": cluster.uid_of("w1"), "holder": held["holder"], "token": held["token"]}
    return lambda state, **options: module("node_replace", state=state, **{**who, **target, **options})


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"nvidia.com/gpu.count": "8"}, "it is a GPU node, which is never drained or replaced"),
        ({"node-role.kubernetes.io/control-plane": ""}, "it is a control-plane node, which is never replaced"),
    ],
)
@pytest.mark.usefixtures("replace_rights")
def test_what_is_never_replaced_is_refused_in_every_state(
    cluster: ControlPlane, replacing: Run, labels: dict[str, str], why: str
) -> None:
    cluster.must("PATCH", "/api/v1/nodes/w1", {"metadata": {"labels": labels}})
    cluster.make_sick("w1")
    for state, options in (("surveyed", {}), ("clear", {}), ("removed", {"gone": micro(0)})):
        refused = replacing(state, **options)
        assert refused["error_class"] == "NotReplaced" and why in refused["msg"], refused
    assert cluster.uid_of("w1")


@pytest.mark.usefixtures("replace_rights", "drain_rights")
def test_a_machine_may_go_when_its_node_is_dead_or_drained(cluster: ControlPlane, replacing: Run) -> None:
    workloads = Workloads(cluster)
    workloads.open()
    workloads.add("web-1")
    alive = replacing("clear")
    assert alive["failed"] and "it is alive, and not cordoned: drain it first" in alive["msg"]
    cluster.must("PATCH", "/api/v1/nodes/w1", {"spec": {"unschedulable": True}})
    busy = replacing("clear")
    assert busy["failed"] and "not drained: shop/web-1 (not evicted yet)" in busy["msg"]
    workloads.clear()
    assert replacing("clear")["alive"] and replacing("clear")["act_within_seconds"] == 60
    came_back = replacing("clear", unless_ready=True)
    assert came_back["failed"] and "it is Ready again, and left alone" in came_back["msg"]
    cluster.must("PATCH", "/api/v1/nodes/w1", {"spec": {"unschedulable": None}})
    workloads.add("web-1")
    cluster.make_sick("w1")
    dead = replacing("clear", unless_ready=True)
    assert not dead.get("failed") and not dead["alive"]
    workloads.clear()


@pytest.mark.usefixtures("replace_rights")
def test_nothing_is_cleared_without_the_lease_or_by_a_run_that_only_looks(
    cluster: ControlPlane, replacing: Run, module: RunModule
) -> None:
    cluster.make_sick("w1")
    lost = replacing("clear", token=99)
    assert lost["error_class"] == "LeaseLost", lost
    looking = replacing("clear", policy={"monitor_only": True})
    assert looking["error_class"] == "MonitorOnly", looking
    assert replacing("removed", gone=micro(0), token=99)["error_class"] == "LeaseLost"
    assert cluster.uid_of("w1")


def test_without_the_right_no_node_is_removed(cluster: ControlPlane, replacing: Run) -> None:
    cluster.make_sick("w1")
    refused = replacing("removed", gone=micro(0))
    assert refused["error_class"] == "Forbidden" and "selfheal-healer" in refused["msg"], refused
    assert cluster.uid_of("w1")


@pytest.mark.usefixtures("replace_rights")
def test_a_node_is_removed_once_and_only_if_it_was_not_heard_of_since(cluster: ControlPlane, replacing: Run) -> None:
    old = cluster.uid_of("w1")
    alive = replacing("removed", gone=micro(60))
    assert alive["error_class"] == "NotReplaced" and "its Lease was renewed at" in alive["msg"], alive
    wrong = replacing("removed", gone="yesterday")
    assert "gone: expected a time in RFC 3339 with a zone, got yesterday" in wrong["msg"]
    cluster.make_sick("w1")
    would = replacing("removed", gone=micro(0), check_mode=True)
    assert would["changed"] and cluster.uid_of("w1") == old
    done = replacing("removed", gone=micro(0))
    assert done["changed"] and cluster.request("GET", "/api/v1/nodes/w1")[0] == 404
    assert replacing("removed", gone=micro(0))["changed"] is False
    # Another one of its name is not removed in its place.
    cluster.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1")
    cluster.add_nodes("w1")
    cluster.make_sick("w1")
    assert replacing("removed", gone=micro(0))["changed"] is False and cluster.uid_of("w1") != old


def test_a_new_node_has_to_be_ready_and_the_old_one_to_leave(cluster: ControlPlane, replacing: Run) -> None:
    known = replacing("surveyed")["known"]
    assert sorted(known) == sorted(cluster.uid_of(name) for name in ("w1", "w2"))
    assert "the old node is still there, no new one joined" in replacing("replaced", known=known, timeout=10)["msg"]
    assert "missing: known" in replacing("replaced", timeout=10)["msg"], "any node would count as a new one"
    cluster.add_nodes("w9")
    assert "the old node is still there, a new one is Ready" in replacing("replaced", known=known, timeout=10)["msg"]
    cluster.must("DELETE", "/api/v1/nodes/w1")
    cluster.condition("w9", "False", 1)
    joined = replacing("replaced", known=known, timeout=10)
    assert "the old node is gone, w9 joined and not Ready" in joined["msg"], joined
    cluster.make_well("w9")
    done = replacing("replaced", known=known, timeout=10)
    assert done["new"]["uid"] == cluster.uid_of("w9") and "is replaced by node w9" in done["message"], done


# --- Cluster API


@pytest.fixture(scope="module")
def kinds(prepared: ControlPlane) -> None:
    """The kinds of Cluster API, as far as they are read."""
    for kind, plural in (("Cluster", "clusters"), ("Machine", "machines"), ("MachineSet", "machinesets")):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
        spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
        body = {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        assert prepared.request("POST", path, body)[0] in (201, 409)
    done = prepared.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
    assert done.returncode == 0, done.stderr
    namespace = {"metadata": {"name": "default"}}
    assert prepared.request("POST", "/api/v1/namespaces", namespace)[0] in (201, 409)


class Controllers(Hand):
    """Cluster API's controllers, each round one look at everything.

    :param fault: ``stuck`` for a Machine that is never done with being deleted, ``none new`` for a MachineSet that
        makes none.
    """

    def __init__(self, workloads: Workloads, fault: str = "") -> None:
        super().__init__(workloads)
        self._fault = fault
        self.made = 0
        self.destroyed: list[str] = []

    def _once(self) -> None:
        cluster = self._workloads.cluster
        machines = cluster.get(MACHINES)["items"]
        for machine in machines:
            if machine["metadata"].get("deletionTimestamp") and self._fault != "stuck":
                # In this order: the machine, its Node, and the Machine last.
                self.destroyed.append(machine["spec"]["providerID"])
                cluster.request("DELETE", f"/api/v1/nodes/{machine['status']['nodeRef']['name']}")
                path = f"{MACHINES}/{machine['metadata']['name']}"
                cluster.must("PATCH", path, {"metadata": {"finalizers": None}})
        there = [one for one in cluster.get(MACHINES)["items"] if not one["metadata"].get("deletionTimestamp")]
        wanted = cluster.get(f"{SETS}/set-1")["spec"]["replicas"]
        if len(there) < wanted and self._fault != "none new":
            self.made += 1
            machine_of(cluster, f"new-{self.made}", f"fresh-{self.made}")


def machine_of(cluster: ControlPlane, name: str, node: str, **metadata: Any) -> None:
    """A Machine of the set that has become a node, as its controllers leave both."""
    cluster.add_nodes(node)
    provider_id = f"fake:///{name}"
    annotations = {MACHINE: name, NAMESPACE: "default"}
    patch = {"metadata": {"annotations": annotations}, "spec": {"providerID": provider_id}}
    cluster.must("PATCH", f"/api/v1/nodes/{node}", patch)
    owner = {"apiVersion": f"{GROUP}/v1beta1", "kind": "MachineSet", "name": "set-1", "uid": "u", "controller": True}
    body = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "Machine",
        "metadata": {"name": name, "finalizers": [FINALIZER], "ownerReferences": [owner], **metadata},
        "spec": {"clusterName": "lab", "providerID": provider_id},
        "status": {"nodeRef": {"name": node, "uid": cluster.uid_of(node)}},
    }
    cluster.must("POST", MACHINES, body)


@pytest.fixture
def fleet(cluster: ControlPlane, kinds: None) -> Iterator[Workloads]:
    """A Cluster with a MachineSet of two Machines, whose nodes are w1 and w2."""
    for plural, kind, name, spec in (
        (CLUSTERS, "Cluster", "lab", {}),
        (SETS, "MachineSet", "set-1", {"clusterName": "lab", "replicas": 2}),
    ):
        body = {"apiVersion": f"{GROUP}/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        cluster.must("POST", plural, body)
    machine_of(cluster, "m1", "w1")
    machine_of(cluster, "m2", "w2")
    workloads = Workloads(cluster)
    workloads.open()
    yield workloads
    for machine in cluster.get(MACHINES)["items"]:
        cluster.request("PATCH", f"{MACHINES}/{machine['metadata']['name']}", {"metadata": {"finalizers": None}})
    for path in (MACHINES, SETS, CLUSTERS):
        cluster.must("DELETE", path)
    workloads.clear()


def replace(home: Path, cluster: ControlPlane, *options: str, **variables: Any) -> Any:
    """Run the role as a user would."""
    management = home / "management"
    management.mkdir(exist_ok=True)
    given = {
        "node_replace_node": "w1",
        "node_replace_driver": "cluster_api",
        "node_replace_options": {"kubeconfig": str(write_kubeconfig(management, cluster, ADMIN_TOKEN))},
        "node_replace_timeout": 30,
        **variables,
    }
    told = "TOLD {{ node_replace_result | default({}) | to_json }}"
    return run_role(home, cluster, "node_replace", given, told, *options)


def machines(cluster: ControlPlane) -> list[str]:
    return sorted(one["metadata"]["name"] for one in cluster.get(MACHINES)["items"])


def test_a_machine_is_deleted_and_a_new_one_seen_to_come(
    cluster: ControlPlane, fleet: Workloads, tmp_path: Path
) -> None:
    cluster.make_sick("w1")
    old = cluster.uid_of("w1")
    with Controllers(fleet) as controllers:
        check = replace(tmp_path, cluster, "--check")
        assert check.returncode == 0 and "changed=1" in check.stdout, check.stdout
        assert machines(cluster) == ["m1", "m2"] and cluster.uid_of("w1") == old
        done = replace(tmp_path, cluster, node_replace_node_uid=old)
        assert done.returncode == 0, done.stdout
        assert "node w1 is replaced by node fresh-1" in done.stdout, done.stdout
        assert machines(cluster) == ["m2", "new-1"] and controllers.destroyed == ["fake:///m1"]
        again = replace(tmp_path, cluster, node_replace_node_uid=old)
        assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout
        assert machines(cluster) == ["m2", "new-1"] and controllers.made == 1


def test_a_node_that_is_alive_is_drained_before(cluster: ControlPlane, fleet: Workloads, tmp_path: Path) -> None:
    fleet.add("web-1")
    fleet.budget(allowed=0)
    with Controllers(fleet) as controllers, Kubelet(fleet):
        held = replace(tmp_path, cluster, node_replace_drain={"deadline": 10})
        assert held.returncode == 2 and "PodDisruptionBudget web" in held.stdout, held.stdout
        assert machines(cluster) == ["m1", "m2"] and not controllers.destroyed
        assert not cluster.get("/api/v1/nodes/w1")["spec"].get("unschedulable"), "what stays is in use again"
        fleet.allow(1)
        done = replace(tmp_path, cluster, node_replace_drain={"deadline": 30})
        assert done.returncode == 0, done.stdout
        assert controllers.destroyed == ["fake:///m1"] and fleet.names() == []


def test_whoever_uncordons_a_node_cancels_its_replacement(
    cluster: ControlPlane, fleet: Workloads, tmp_path: Path
) -> None:
    mark = Mark("run-1", "w1-1", "2026-11-28T14:00:00Z", cluster.uid_of("w1")).to_text()
    cluster.must("PATCH", "/api/v1/nodes/w1", {"metadata": {"annotations": {CORDONED: mark}}})
    # The second one finds the mark where it was.
    for _attempt in range(2):
        left = replace(tmp_path, cluster, node_replace_incident="w1-1")
        assert left.returncode == 2 and "somebody has uncordoned it since: it is left alone" in left.stdout, left.stdout
    node = cluster.get("/api/v1/nodes/w1")
    assert node["metadata"]["annotations"][CORDONED] == mark and not node["spec"].get("unschedulable")
    assert machines(cluster) == ["m1", "m2"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("stuck", "node w1 is not replaced after 30 s: the old node is still there, a new one is Ready"),
        ("none new", "node w1 is not replaced after 30 s: the old node is gone, no new one joined"),
    ],
)
def test_what_does_not_come_is_an_error(
    cluster: ControlPlane, fleet: Workloads, tmp_path: Path, fault: str, says: str
) -> None:
    cluster.make_sick("w1")
    with Controllers(fleet, fault):
        failed = replace(tmp_path, cluster)
    assert failed.returncode == 2 and says in failed.stdout and "Traceback" not in failed.stdout, failed.stdout


def test_a_second_request_takes_nothing_more_away(cluster: ControlPlane, fleet: Workloads, tmp_path: Path) -> None:
    """The first run has ended, or lost its reply, while the Machine was still being deleted."""
    cluster.make_sick("w1")
    # A MachineSet does not count a Machine that is being deleted, so the new one is made meanwhile.
    with Controllers(fleet, "stuck") as first:
        assert replace(tmp_path, cluster).returncode == 2
    with Controllers(fleet) as controllers:
        # The node may be gone before this run has looked; then there is nothing left to do.
        replace(tmp_path, cluster)
        end = time.monotonic() + 30
        while machines(cluster) != ["m2", "new-1"]:
            assert time.monotonic() < end, machines(cluster)
            time.sleep(0.2)
    assert set(controllers.destroyed) == {"fake:///m1"} and first.made + controllers.made == 1


@pytest.mark.parametrize(
    ("path", "patch", "why"),
    [
        (f"{MACHINES}/m1", {"metadata": {"ownerReferences": None}}, "has no controller: nothing would make a new one"),
        (f"{MACHINES}/m1", {"metadata": {"annotations": {PAUSED: ""}}}, "Machine m1 is paused"),
        (f"{SETS}/set-1", {"spec": {"replicas": 0}}, "MachineSet set-1 wants 0 Machines"),
        (f"{CLUSTERS}/lab", {"spec": {"paused": True}}, "Cluster lab is paused"),
        ("/api/v1/nodes/w1", {"metadata": {"annotations": {MACHINE: "m9"}}}, "the Machine that it names is not there"),
        ("/api/v1/nodes/w1", {"metadata": {"annotations": {MACHINE: "m2"}}}, "Machine m2 is that of node w2"),
        ("/api/v1/nodes/w1", {"metadata": {"annotations": {MACHINE: "a b"}}}, "it has no annotations"),
    ],
)
def test_what_would_not_be_made_again_is_not_deleted(
    cluster: ControlPlane, fleet: Workloads, tmp_path: Path, path: str, patch: dict[str, Any], why: str
) -> None:
    cluster.make_sick("w1")
    cluster.must("PATCH", path, patch)
    mark = cluster.audit_mark()
    refused = replace(tmp_path, cluster)
    assert refused.returncode == 2 and why in refused.stdout and "Traceback" not in refused.stdout, refused.stdout
    assert machines(cluster) == ["m1", "m2"]
    assert not [one for one in cluster.audited(mark) if one.mutates and one.verb == "delete"]


def test_a_management_cluster_that_lets_nobody_in_is_told_before_anything_is_done(
    cluster: ControlPlane, fleet: Workloads, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    wrong = {"kubeconfig": str(write_kubeconfig(stranger, cluster, "no-such-token"))}
    refused = replace(tmp_path, cluster, node_replace_options=wrong)
    assert refused.returncode == 2 and "Traceback" not in refused.stdout, refused.stdout
    assert machines(cluster) == ["m1", "m2"]
    assert not cluster.get("/api/v1/nodes/w1")["spec"].get("unschedulable")
