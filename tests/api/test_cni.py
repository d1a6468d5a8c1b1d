# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network plugins restarted and proven against a real API server: its evictions, its rights, and its audit log.

Nothing runs here, so a thread plays the DaemonSet's controller and the kubelets. What a real network does is shown by
tests/e2e.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import cni as machinery
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.cni import NetworkMender
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Forbidden,
    LeaseLost,
    NetworkNotFound,
    NodeGone,
    RestartFailed,
)
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.workloads import Hand, Workloads

from lab.paths import CHECKOUT

RIGHTS = CHECKOUT / "roles" / "cni_reapply" / "files" / "rbac.yml"
HEALER = "system:serviceaccount:self-healing:selfheal-healer"
SYSTEM = "/api/v1/namespaces/kube-system/pods"
PROBES = "/api/v1/namespaces/self-healing/pods"
SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
SECONDS = 40.0
DAEMONSET: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "calico-node", "namespace": "kube-system"},
    "spec": {
        "selector": {"matchLabels": {"k8s-app": "calico-node"}},
        "template": {
            "metadata": {"labels": {"k8s-app": "calico-node"}},
            "spec": {"containers": [{"name": "calico-node", "image": "docker.io/calico/node:v3.28.5"}]},
        },
    },
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machinery, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(machinery, "RETRY_SECONDS", 0.3)


@pytest.fixture(autouse=True, scope="module")
def _rights(prepared: ControlPlane) -> Iterator[None]:
    """The rights that only ``bootstrap_cni`` gives."""
    done = prepared.kubectl("apply", "-f", RIGHTS)
    assert done.returncode == 0, done.stderr
    yield
    prepared.kubectl("delete", "-f", RIGHTS)


def end(cluster: ControlPlane, path: str) -> None:
    cluster.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})


def clear(cluster: ControlPlane) -> None:
    for pods in (SYSTEM, PROBES):
        for pod in cluster.get(pods)["items"]:
            end(cluster, f"{pods}/{pod['metadata']['name']}")
    end(cluster, f"{SETS}/calico-node")


def add_agent(cluster: ControlPlane, name: str, uid: str, ready: bool = True) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "calico-node", "uid": uid, "controller": True}
    body = {
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {"nodeName": "w1", "containers": [{"name": "calico-node", "image": "x"}]},
    }
    cluster.must("POST", SYSTEM, body)
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    cluster.must("PATCH", f"{SYSTEM}/{name}/status", {"status": {"phase": "Running", "conditions": [condition]}})


@pytest.fixture
def network(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """Three nodes, and Calico's pod on the first of them."""
    cluster.add_nodes("w1", "w2", "w3")
    for namespace in ("kube-system", "self-healing"):
        account = {"metadata": {"name": "default"}}
        status, answer = cluster.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
        assert status in (201, 409), answer
    clear(cluster)
    made = cluster.must("POST", SETS, DAEMONSET)
    cluster.must("PATCH", f"{SETS}/calico-node/status", {"status": {"observedGeneration": 1}})
    add_agent(cluster, "calico-node-1", made["metadata"]["uid"])
    yield cluster
    clear(cluster)


class World(Hand):
    """Plays the DaemonSet's controller and the kubelets of three nodes.

    :param works: what of it does: "controller", "ready" (the new agent), "address", "out" and "back".
    """

    WHOLE = frozenset({"controller", "ready", "address", "out", "back"})

    def __init__(self, cluster: ControlPlane, works: frozenset[str] = WHOLE) -> None:
        super().__init__(Workloads(cluster))
        self._cluster = self._workloads.cluster
        self._works = works
        self.made = 0

    def _once(self) -> None:
        agents = self._cluster.get(SYSTEM)["items"]
        for pod in agents:
            if pod["metadata"].get("deletionTimestamp"):
                end(self._cluster, f"{SYSTEM}/{pod['metadata']['name']}")
        if not agents and "controller" in self._works:
            status, found = self._cluster.request("GET", f"{SETS}/calico-node")
            if status == 200:
                self.made += 1
                add_agent(
                    self._cluster, f"calico-node-new-{self.made}", found["metadata"]["uid"], "ready" in self._works
                )
        for number, pod in enumerate(self._cluster.get(PROBES)["items"]):
            self._run(pod, number)

    def _run(self, pod: dict[str, Any], number: int) -> None:
        name = pod["metadata"]["name"]
        if pod.get("status", {}).get("podIP") or "address" not in self._works:
            return
        role = name.rpartition("-")[2]
        phase = "Running" if role not in ("out", "back") else "Succeeded" if role in self._works else "Running"
        address = f"10.0.0.{number + 1}"
        status = {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}
        self._cluster.request("PATCH", f"{PROBES}/{name}/status", {"status": status})


MakeMender = Callable[..., NetworkMender]


@pytest.fixture
def mender(network: ControlPlane, healer_token: str) -> MakeMender:
    """Makes one for w1 that holds the lease, with the rights that it has in earnest."""

    def make(holder: str = "run-1", **options: Any) -> NetworkMender:
        client = network.client(healer_token)
        network.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
        held = lease.acquire(client, holder, 300)
        uid = options.pop("node_uid", "") or network.uid_of("w1")
        actor = Actor(network.uid, "w1", uid, held.holder, held.token, 300, "w1-1")
        return NetworkMender(client, actor, **{"image": "busybox:1", **options})

    return make


def told(cluster: ControlPlane, mark: int) -> list[str]:
    """What the healer has written since, apart from the lease."""
    mine = [a for a in cluster.audited(mark) if a.mutates and a.user == HEALER and "/leases" not in a.uri]
    names = [a.uri.split("?")[0].replace(SYSTEM, "").replace(PROBES, "probes") for a in mine]
    return [f"{a.verb} {name} {a.code}" for a, name in zip(mine, names, strict=True)]


def test_a_network_that_is_well_is_left_alone(network: ControlPlane, mender: MakeMender) -> None:
    mark = network.audit_mark()
    report = mender().mend(SECONDS)
    assert not report.changed and "is left alone: nothing is wrong with it" in report.message
    assert told(network, mark) == []


def test_it_is_restarted_proven_and_tidied_up(network: ControlPlane, mender: MakeMender) -> None:
    mark = network.audit_mark()
    with World(network) as world:
        report = mender().mend(SECONDS, why=["program calico is missing"])
    assert report.changed and world.made == 1
    assert [str(p) for p in report.evicted] == ["kube-system/calico-node-1"]
    assert "was restarted: program calico is missing: a new pod got address 10.0.0." in report.message
    assert "and was reached from there" in report.message
    assert report.proof and report.proof.reached and report.proof.was_reached and report.proof.peer in ("w2", "w3")
    done = told(network, mark)
    assert done[0] == "create /calico-node-1/eviction 201"
    assert sum(line == "create probes 201" for line in done) == 5
    assert sum(line.startswith("delete probes/selfheal-cni-") for line in done) == 5
    assert network.get(PROBES)["items"] == []


def test_check_mode_says_what_it_would_do(network: ControlPlane, mender: MakeMender) -> None:
    mark = network.audit_mark()
    report = mender().mend(SECONDS, why=["program calico is missing"], dry_run=True)
    assert report.changed and report.message.startswith("would restart calico (DaemonSet kube-system/calico-node) on")
    assert told(network, mark) == []


@pytest.mark.parametrize(
    ("lacks", "missing"),
    [
        ("controller", "DaemonSet/calico-node has made no new pod in the place of kube-system/calico-node-1"),
        ("ready", "pod kube-system/calico-node-new-1 is not ready"),
        ("address", "a new pod on node w1 has no address"),
        ("out", "a new pod on it does not reach 10.0.0."),
        ("back", "on it is not reached from node w"),
    ],
)
def test_what_is_not_proven_is_an_error_that_says_so(
    network: ControlPlane, mender: MakeMender, lacks: str, missing: str
) -> None:
    with World(network, World.WHOLE - {lacks}), pytest.raises(RestartFailed) as failed:
        mender().mend(6, always=True)
    assert "on node w1 is not well within 6 s: " in str(failed.value) and missing in str(failed.value)
    assert failed.value.details["changed"] and network.get(PROBES)["items"] == []


def test_without_an_image_only_the_address_is_proven_and_that_is_said(
    network: ControlPlane, mender: MakeMender
) -> None:
    mark = network.audit_mark()
    with World(network):
        report = mender(image="").mend(SECONDS, always=True)
    assert "whether it reaches other nodes was not proven, since no image is given for that" in report.message
    assert sum(line == "create probes 201" for line in told(network, mark)) == 1
    with World(network, World.WHOLE - {"address"}), pytest.raises(RestartFailed, match="has no address"):
        mender(image="").mend(5, always=True)


def test_what_a_killed_run_has_left_is_removed(network: ControlPlane, mender: MakeMender) -> None:
    with World(network, World.WHOLE - {"out"}), pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetworkMender, "_tidy", lambda self: None)
        with pytest.raises(RestartFailed):
            mender().mend(4, always=True)
    left = {pod["metadata"]["uid"] for pod in network.get(PROBES)["items"]}
    assert len(left) == 5
    with World(network):
        assert mender().mend(SECONDS, always=True).changed
    assert network.get(PROBES)["items"] == []


def test_a_condition_that_stays_is_no_success(network: ControlPlane, mender: MakeMender) -> None:
    down = {"type": "NetworkUnavailable", "status": "True", "reason": "CalicoIsDown"}
    conditions = [*network.get("/api/v1/nodes/w1")["status"]["conditions"], down]
    network.must("PATCH", "/api/v1/nodes/w1/status", {"status": {"conditions": conditions}})
    with World(network), pytest.raises(RestartFailed, match=r"NetworkUnavailable is True \(CalicoIsDown\)"):
        mender().mend(4)


def test_a_change_that_the_controller_has_not_seen_is_waited_for(network: ControlPlane, mender: MakeMender) -> None:
    mark = network.audit_mark()
    network.must("PATCH", f"{SETS}/calico-node/status", {"status": {"observedGeneration": 0}})
    with World(network), pytest.raises(RestartFailed, match="pod kube-system/calico-node-1 is still there"):
        mender().mend(3, always=True)
    assert told(network, mark) == []


def test_who_has_lost_the_lease_writes_nothing(network: ControlPlane, mender: MakeMender) -> None:
    made = mender()
    network.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "somebody", "leaseTransitions": 99}})
    mark = network.audit_mark()
    with World(network), pytest.raises(LeaseLost):
        made.mend(SECONDS, always=True)
    assert told(network, mark) == []


def test_another_node_of_that_name_and_a_signal_stop_it(network: ControlPlane, mender: MakeMender) -> None:
    mark = network.audit_mark()
    with pytest.raises(NodeGone, match="another one"):
        mender(node_uid="5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10").mend(SECONDS, always=True)
    stop = threading.Event()
    stop.set()
    with World(network), pytest.raises(RestartFailed, match="stopped by a signal"):
        mender(cancelled=stop).mend(SECONDS, always=True)
    assert told(network, mark) == []


def test_a_cluster_without_a_network_plugin_is_an_error(network: ControlPlane, mender: MakeMender) -> None:
    with pytest.raises(NetworkNotFound, match="expected a DaemonSet cilium in"):
        mender(provider="cilium").mend(SECONDS, always=True)
    end(network, f"{SETS}/calico-node")
    with pytest.raises(NetworkNotFound, match="expected a DaemonSet calico-node or cilium or kube-flannel-ds in"):
        mender().mend(SECONDS, always=True)


@pytest.mark.parametrize(
    ("name", "resource"), [("selfheal-cni-agents", "pods/eviction"), ("selfheal-cni-probes", "pods")]
)
def test_without_a_right_it_says_which(network: ControlPlane, mender: MakeMender, name: str, resource: str) -> None:
    role = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{name}"
    if name == "selfheal-cni-probes":
        role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/self-healing/roles/{name}"
    rules = network.get(role)["rules"]
    network.must("PATCH", role, {"rules": [rule for rule in rules if resource not in rule["resources"]]})
    try:
        with World(network), pytest.raises((Forbidden, RestartFailed), match="selfheal_bootstrap_cni"):
            mender().mend(10, always=True)
    finally:
        network.must("PATCH", role, {"rules": rules})


# --- the modules


def test_the_manifest_is_compared_with_the_cluster_by_the_healer_s_rights(
    network: ControlPlane, module: RunModule, tmp_path: Path
) -> None:
    path = tmp_path / "calico.yml"
    lacks = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "calico-node", "namespace": "kube-system"},
    }
    path.write_text(yaml.safe_dump_all([DAEMONSET, lacks]), encoding="utf-8")
    options = {"cluster_uid": network.uid, "node": "w1", "manifest": str(path)}
    done = module("cni_manifest", **options)
    assert done["changes"] == ["ServiceAccount kube-system/calico-node is missing"] and not done["changed"]
    assert done["cluster_uid"] == network.uid
    assert done["network"]["provider"] == "calico" and [o["kind"] for o in done["objects"]] == ["ServiceAccount"]
    stray = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "calico-x", "namespace": "kube-system"}}
    strange = yaml.safe_dump_all([DAEMONSET, stray])
    refusals = {
        "has the SHA-256 checksum": {"sha256": "0" * 64},
        "is nothing that a network plugin is made of": {"manifest": None, "manifest_text": strange},
        "is not YAML": {"manifest": None, "manifest_text": "a: b: c"},
        "expected one DaemonSet": {"manifest": None, "manifest_text": ""},
        "expected an absolute path, got calico.yml": {"manifest": "calico.yml"},
        "cannot be read": {"manifest": str(tmp_path / "nowhere.yml")},
        "expected a mapping of registries": {"image_mirror": {"docker.io": ""}},
    }
    for says, wrong in refusals.items():
        refused = module("cni_manifest", **{k: v for k, v in (options | wrong).items() if v is not None})
        assert refused["failed"] and says in refused["msg"] and "\n" not in refused["msg"], refused
        assert refused["error_class"] in ("ManifestRefused", "SettingsError"), refused


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"deadline": 29}, "deadline: expected seconds from 30 to 1800, got 29"),
        ({"probe_image": "a b"}, "probe_image: expected the name of an image, got 'a b'"),
        ({"probe_namespace": "A"}, "probe_namespace 'A' is not valid"),
        ({"node": "w9"}, "node w9 is not in this cluster"),
    ],
)
def test_bad_input_is_one_clear_line(
    network: ControlPlane, module: RunModule, wrong: dict[str, Any], says: str
) -> None:
    mark = network.audit_mark()
    refused = module("cni_restart", **({"cluster_uid": network.uid, "node": "w1", "always": True} | wrong))
    assert refused["failed"] and says in refused["msg"] and "\n" not in refused["msg"]
    assert told(network, mark) == []
