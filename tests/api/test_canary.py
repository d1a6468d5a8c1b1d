# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canary pods against a real API server, with the healer's rights. What kubelets would report, these tests write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.canary import CanaryRunner
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import LeaseLost
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import LEFTOVER_SECONDS, pod_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING, MANIFESTS, MakeHealer, RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane

NODES = ("w1", "w2", "w3", "w4", "w5")
SPACE = "/api/v1/namespaces/self-healing"
PODS = f"{SPACE}/pods"
GOOD = "dns=passed\nservice=passed\nname=passed\n"
BAD = "dns=failed\nservice=passed\nname=failed\n"
POLICY = replace(HEALING, canary_image="busybox:1")


@dataclass
class Kubelets:
    """What the kubelets do at each look: node to what its canary tells; a node that is not here starts no pod."""

    cluster: ControlPlane
    tells: Mapping[str, str]
    now: float = 0.0
    happens: Callable[[], object] = lambda: None
    seen: list[dict[str, Any]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.cluster.renew(NODES)
        self.happens()
        for pod in self.cluster.get(PODS)["items"]:
            meta, node = pod["metadata"], pod["spec"]["nodeName"]
            if meta["name"] not in [one["metadata"]["name"] for one in self.seen]:
                self.seen.append(pod)
            if node not in self.tells or meta.get("deletionTimestamp") or pod["status"]["phase"] != "Pending":
                continue
            ended = {"exitCode": 0, "startedAt": meta["creationTimestamp"], "message": self.tells[node]}
            container = {"name": "canary", "image": "b", "imageID": "b", "ready": False, "restartCount": 0}
            status = {
                "phase": "Succeeded",
                "podIP": "10.0.0.7",
                "podIPs": [{"ip": "10.0.0.7"}],
                "containerStatuses": [{**container, "state": {"terminated": ended}}],
            }
            self.cluster.must("PATCH", f"{PODS}/{meta['name']}/status", {"status": status})

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def rights(prepared: ControlPlane) -> Iterator[None]:
    """The rights that only ``bootstrap_canary`` gives."""
    done = prepared.kubectl("apply", "-f", MANIFESTS / "rbac-canary.yml")
    assert done.returncode == 0, done.stderr
    yield
    prepared.kubectl("delete", "-f", MANIFESTS / "rbac-canary.yml")


@pytest.fixture
def ready(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """Five nodes that are well, and no pod that a test before has left."""
    cluster.add_nodes(*NODES)
    for name in NODES:
        cluster.make_well(name)
    # A controller-manager would have made it.
    cluster.request("POST", f"{SPACE}/serviceaccounts", {"metadata": {"name": "default"}})
    yield cluster
    cluster.kubectl("delete", "pods", "--all", "-n", "self-healing", "--force", "--grace-period=0")


def left(cluster: ControlPlane) -> list[str]:
    """The pods that nobody has removed yet. One on a node without a kubelet stays until somebody has ended it there."""
    return [pod["metadata"]["name"] for pod in cluster.get(PODS)["items"] if "deletionTimestamp" not in pod["metadata"]]


def runner(cluster: ControlPlane, kubelets: Kubelets, token: str, **options: Any) -> CanaryRunner:
    client = cluster.client(token)
    prove = options.pop("prove", lambda: client.get("/version").date)
    return CanaryRunner(client, prove, "busybox:1", sleep=kubelets.sleep, monotonic=kubelets.monotonic, **options)


@pytest.mark.usefixtures("rights")
def test_a_pod_that_tells_only_good(ready: ControlPlane, healer_token: str) -> None:
    kubelets = Kubelets(ready, {"w1": GOOD})
    proof = runner(ready, kubelets, healer_token).prove("w1", ["w2"], 100)
    assert proof.verdict is Verdict.HEALTHY, proof
    assert [pod["spec"]["nodeName"] for pod in kubelets.seen] == ["w1"], "no other node is bothered"
    assert ready.get(PODS)["items"] == []


@pytest.mark.usefixtures("rights")
@pytest.mark.parametrize(("control", "verdict"), [(GOOD, Verdict.UNHEALTHY), (BAD, Verdict.UNKNOWN)])
def test_no_dns_speaks_against_a_node_only_if_another_one_has_it(
    ready: ControlPlane, healer_token: str, control: str, verdict: Verdict
) -> None:
    kubelets = Kubelets(ready, {"w1": BAD, "w2": control})
    proof = runner(ready, kubelets, healer_token).prove("w1", ["w2", "w3"], 100)
    assert proof.verdict is verdict, proof
    assert [pod["spec"]["nodeName"] for pod in kubelets.seen] == ["w1", "w2"]
    assert ready.get(PODS)["items"] == []


@pytest.mark.usefixtures("rights")
def test_a_node_that_starts_nothing_while_another_one_does(ready: ControlPlane, healer_token: str) -> None:
    kubelets = Kubelets(ready, {"w2": GOOD})
    proof = runner(ready, kubelets, healer_token).prove("w1", ["w2"], 200)
    assert proof.verdict is Verdict.UNHEALTHY and "it does not start" in proof.message, proof
    assert left(ready) == []


@pytest.mark.usefixtures("rights")
def test_a_pod_that_a_quota_refuses_says_nothing_about_the_node(ready: ControlPlane, healer_token: str) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    ready.must("POST", f"{SPACE}/resourcequotas", quota)
    # A controller-manager would have counted.
    ready.must(
        "PATCH", f"{SPACE}/resourcequotas/none/status", {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}
    )
    try:
        end = time.monotonic() + 30
        while ready.request("POST", f"{PODS}?dryRun=All", pod_of("probe", "w1", "b"))[0] != 403:
            assert time.monotonic() < end
            time.sleep(0.2)
        proof = runner(ready, Kubelets(ready, {"w1": GOOD}), healer_token).prove("w1", ["w2"], 100)
    finally:
        ready.must("DELETE", f"{SPACE}/resourcequotas/none")
    assert proof.verdict is Verdict.UNKNOWN and "the pod was refused" in proof.message, proof


def test_without_the_rights_it_is_unknown_and_says_so(ready: ControlPlane, healer_token: str) -> None:
    ready.kubectl("delete", "-f", MANIFESTS / "rbac-canary.yml")
    try:
        proof = runner(ready, Kubelets(ready, {"w1": GOOD}), healer_token).prove("w1", ["w2"], 100)
    finally:
        ready.kubectl("apply", "-f", MANIFESTS / "rbac-canary.yml")
    assert proof.verdict is Verdict.UNKNOWN and "cannot create resource" in proof.message, proof


@pytest.mark.usefixtures("rights")
def test_what_a_killed_run_has_left_goes_and_what_is_at_work_stays(ready: ControlPlane, healer_token: str) -> None:
    client = ready.client(healer_token)
    ages = Kubelets(ready, {"w1": GOOD})

    def killed() -> None:
        raise KeyboardInterrupt

    # The pod stays where even the tidying up is not reached any more.
    class Gone(CanaryRunner):
        def _remove(self, collection: str, name: str) -> None:
            killed()

    with pytest.raises(KeyboardInterrupt):
        Gone(client, lambda: client.get("/version").date, "b", sleep=ages.sleep, monotonic=ages.monotonic).prove(
            "w1", [], 9
        )
    [leftover] = left(ready)
    assert runner(ready, Kubelets(ready, {"w1": GOOD}), healer_token).prove("w1", [], 60).verdict is Verdict.HEALTHY
    assert left(ready) == [leftover], "it may be another's that is at work"
    later = timedelta(seconds=LEFTOVER_SECONDS + 5)
    old = runner(ready, Kubelets(ready, {"w1": GOOD}), healer_token, prove=lambda: client.get("/version").date + later)
    assert old.prove("w1", [], 60).verdict is Verdict.HEALTHY
    assert left(ready) == []


# --- in a healing run


def healer_after_a_repair(cluster: ControlPlane, make: MakeHealer, kubelets: Kubelets) -> Healer:
    """A healer that has just restarted the kubelet of w1, which is well again by all signs."""
    cluster.make_sick("w1")
    one = make(policy=POLICY, sleep=kubelets.sleep, monotonic=kubelets.monotonic)
    plan = view(cluster.client(), POLICY, cluster.uid).plan
    one.write_notes([note.to_dict() for note in plan.notes])
    uid = cluster.uid_of("w1")
    assert one.begin("w1", uid, "kubelet_restart").proceed
    one.acted("w1", uid, "restarted")
    cluster.make_well("w1")
    return one


def stored(cluster: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = cluster.incidents()["w1-1"]["status"]
    return found


@pytest.mark.usefixtures("rights")
def test_a_repair_is_proven_when_the_canary_is_well(ready: ControlPlane, healer: MakeHealer) -> None:
    one = healer_after_a_repair(ready, healer, Kubelets(ready, {"w1": GOOD}))
    outcome = one.verify("w1", ready.uid_of("w1"), 60)
    assert outcome.proceed and "canary healthy: a pod on w1: start, address, dns, service well" in outcome.message
    assert (stored(ready)["phase"], stored(ready)["outcome"]) == ("Recovered", "Repaired")


@pytest.mark.usefixtures("rights")
def test_ready_alone_is_no_proof_and_a_later_look_does_not_make_it_one(ready: ControlPlane, healer: MakeHealer) -> None:
    kubelets = Kubelets(ready, dict.fromkeys(NODES, GOOD) | {"w1": BAD})
    one = healer_after_a_repair(ready, healer, kubelets)
    outcome = one.verify("w1", ready.uid_of("w1"), 60)
    assert not outcome.proceed and "Ready, but the canary is unhealthy: a pod on w1" in outcome.message
    assert (stored(ready)["phase"], stored(ready)["outcome"]) == ("Unhealthy", "RepairFailed")

    # The next turn sees a node that looks well, and asks a canary again before it believes it.
    plan = view(ready.client(), POLICY, ready.uid).plan
    assert [note.event for note in plan.notes] == ["recover"]
    one.write_notes([note.to_dict() for note in plan.notes])
    assert stored(ready)["phase"] == "Unhealthy"
    assert [refusal["guard"] for refusal in stored(ready)["refusals"]] == ["canary"]
    assert one.write_notes([note.to_dict() for note in plan.notes]) == (), "the same is not written twice"
    kubelets.tells = dict.fromkeys(NODES, GOOD)
    one.write_notes([note.to_dict() for note in plan.notes])
    assert (stored(ready)["phase"], stored(ready)["outcome"]) == ("Recovered", "RecoveredByItself")


@pytest.mark.usefixtures("rights")
def test_what_is_unknown_takes_nothing_away_from_the_signs(ready: ControlPlane, healer: MakeHealer) -> None:
    one = healer_after_a_repair(ready, healer, Kubelets(ready, dict.fromkeys(NODES, BAD)))
    outcome = one.verify("w1", ready.uid_of("w1"), 60)
    assert outcome.proceed and "canary unknown: " in outcome.message and "the same on w2" in outcome.message
    assert stored(ready)["phase"] == "Recovered"


@pytest.mark.usefixtures("rights")
def test_a_healer_that_loses_its_lease_stops_and_leaves_no_pod(ready: ControlPlane, healer: MakeHealer) -> None:
    kubelets = Kubelets(ready, {})
    one = healer_after_a_repair(ready, healer, kubelets)

    def lose() -> None:
        if ready.get(PODS)["items"]:
            ready.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "another"}})

    kubelets.happens = lose
    with pytest.raises(LeaseLost, match="another holds it"):
        one.verify("w1", ready.uid_of("w1"), 60)
    assert stored(ready)["phase"] == "Verifying" and left(ready) == []


@pytest.mark.usefixtures("rights")
def test_the_module_refuses_what_is_no_image_before_anything_is_made(ready: ControlPlane, module: RunModule) -> None:
    asked = {"cluster_uid": ready.uid, "node": "w1"}
    assert "expected the name of a container image" in module("node_canary", image="a b", **asked)["msg"]
    assert "expected the name of a container image, or policy.canary_image" in module("node_canary", **asked)["msg"]
    assert "expected seconds from 30 to 600" in module("node_canary", image="b", deadline=1, **asked)["msg"]
    assert module("node_canary", image="b", **asked | {"node": "w9"})["error_class"] == "NodeGone"
    assert ready.get(PODS)["items"] == []
