# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Device plugins restarted against a real API server: its Eviction API, its budgets, and its audit log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import device_plugin as machinery
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.device_plugin import PluginRestarter
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Forbidden,
    LeaseLost,
    NodeGone,
    NoDevicePlugin,
    RestartFailed,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.transport import BrokenConnection
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import LABELS
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, Audited, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.healers import Clock, Meddling, SteppingClient, Steps
from ansible_collections.selfheal.kubernetes.tests.api.workloads import PODS, Hand, Kubelet, Workloads, owner

HEALER = "system:serviceaccount:self-healing:selfheal-healer"
NODE = "/api/v1/nodes/w1"
LABEL = {"name": "nvidia-device-plugin-ds"}
FOLDER = {"name": "plugins", "hostPath": {"path": "/var/lib/kubelet/device-plugins"}}
MOUNTS = {"volumes": [FOLDER]}
SECONDS = 30.0


pytestmark = pytest.mark.usefixtures("drain_rights")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits than in earnest; none of these tests measures them."""
    monkeypatch.setattr(machinery, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(machinery, "RETRY_SECONDS", 0.3)


def offer(cluster: ControlPlane, count: str) -> None:
    """Let w1 offer so many GPUs."""
    cluster.must("PATCH", f"{NODE}/status", {"status": {"allocatable": {"nvidia.com/gpu": count}}})


@pytest.fixture
def workloads(cluster: ControlPlane) -> Iterator[Workloads]:
    """A GPU node that offers none of its 8, with its plugin and a neighbour's, and pods that are no plugins."""
    cluster.add_nodes("w1", labels={"nvidia.com/gpu.count": "8"})
    cluster.add_nodes("w2")
    offer(cluster, "0")
    made = Workloads(cluster)
    made.open()
    add_plugin(made, "plugin-1")
    add_plugin(made, "plugin-2", node="w2")
    made.add("web-1")
    made.add("mimic", by=owner("DaemonSet", "mimic"), labels=LABEL)
    yield made
    made.clear()


def add_plugin(workloads: Workloads, name: str, node: str = "w1") -> str:
    return workloads.add(name, node=node, by=owner("DaemonSet", "plugin"), spec=MOUNTS, labels=LABEL)


class DaemonSet(Hand):
    """Makes a plugin anew on w1 when its pod is gone, as the controller would, and lets the node offer GPUs then."""

    def __init__(self, workloads: Workloads, gpus: str = "8", makes: bool = True, ready: bool = True) -> None:
        super().__init__(workloads)
        self._gpus, self._makes, self._ready = gpus, makes, ready
        self.made = 0

    def _once(self) -> None:
        mine = self._workloads
        if not self._makes or any(name.startswith("plugin-") for name in mine.names()):
            return
        self.made += 1
        add_plugin(mine, f"plugin-new-{self.made}")
        if not self._ready:
            waits = {"conditions": [{"type": "Ready", "status": "False"}]}
            mine.cluster.must("PATCH", f"{PODS}/plugin-new-{self.made}/status", {"status": waits})
        offer(mine.cluster, self._gpus)


MakeRestarter = Callable[..., PluginRestarter]


@pytest.fixture
def restarter(cluster: ControlPlane, healer_token: str) -> MakeRestarter:
    """Makes one for w1 that holds the lease, with the rights that it has in earnest."""

    def make(holder: str = "run-1", **options: Any) -> PluginRestarter:
        client = options.pop("client", None) or cluster.client(healer_token)
        cluster.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
        held = lease.acquire(client, holder, 300)
        uid = options.pop("node_uid", "") or cluster.uid_of("w1")
        actor = Actor(cluster.uid, "w1", uid, held.holder, held.token, 300, "w1-1")
        return PluginRestarter(client, actor, options.pop("labels", LABELS), **options)

    return make


def writes(cluster: ControlPlane, mark: int) -> list[Audited]:
    """What the healer has written since, apart from the lease."""
    return [a for a in cluster.audited(mark) if a.mutates and a.user == HEALER and "/leases" not in a.uri]


def told(cluster: ControlPlane, mark: int) -> list[str]:
    return [f"{a.verb} {a.uri.split('?')[0].removeprefix(PODS)} {a.code}" for a in writes(cluster, mark)]


def test_it_is_made_anew_and_nothing_else_is_touched(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter
) -> None:
    mark = cluster.audit_mark()
    with Kubelet(workloads), DaemonSet(workloads):
        report = restarter().restart(SECONDS)
    assert report.changed and [str(p) for p in report.evicted] == ["shop/plugin-1"]
    assert [str(p) for p in report.pods] == ["shop/plugin-new-1"]
    assert report.message == "shop/plugin-1 restarted on node w1: allocatable are 8 of 8 nvidia.com/gpu"
    assert told(cluster, mark) == ["create /plugin-1/eviction 201"]
    assert workloads.names() == ["mimic", "plugin-new-1", "web-1"] and workloads.names("w2") == ["plugin-2"]
    again = restarter().restart(SECONDS)
    assert (again.changed, again.message) == (
        False,
        "node w1 is left alone: allocatable are 8 of 8 nvidia.com/gpu",
    )
    assert len(writes(cluster, mark)) == 1


def test_without_the_restart_nothing_comes_back(workloads: Workloads) -> None:
    """The control run: the same kubelet and the same DaemonSet, and nobody who evicts."""
    with Kubelet(workloads), DaemonSet(workloads) as controller:
        time.sleep(2)
    assert controller.made == 0 and "plugin-1" in workloads.names()


def test_check_mode_says_what_it_would_do(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter
) -> None:
    mark = cluster.audit_mark()
    report = restarter().restart(SECONDS, dry_run=True)
    assert report.changed and report.message.startswith(
        "would restart shop/plugin-1 on node w1: allocatable are 0 of 8"
    )
    assert told(cluster, mark) == [] and "plugin-1" in workloads.names()


def test_one_that_is_well_is_restarted_only_when_asked(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter
) -> None:
    offer(cluster, "8")
    with Kubelet(workloads), DaemonSet(workloads):
        assert not restarter().restart(SECONDS).changed
        assert restarter().restart(SECONDS, always=True).changed


@pytest.mark.parametrize(
    ("controller", "kubelet", "missing"),
    [
        pytest.param({"gpus": "7"}, {}, "allocatable are 7 of 8 nvidia.com/gpu", id="a GPU is still missing"),
        pytest.param({"ready": False}, {}, "pod shop/plugin-new-1 is not ready", id="the new one is not ready"),
        pytest.param({"makes": False}, {}, "DaemonSet/plugin has made no new pod", id="no new one"),
        pytest.param(
            {}, {"leaves": ["plugin-1"]}, "pod shop/plugin-1 is still there, terminating", id="it does not end"
        ),
    ],
)
def test_what_is_left_in_place_is_an_error_that_says_what_is_wrong(
    workloads: Workloads, restarter: MakeRestarter, controller: dict[str, Any], kubelet: dict[str, Any], missing: str
) -> None:
    with (
        Kubelet(workloads, **kubelet),
        DaemonSet(workloads, **controller),
        pytest.raises(RestartFailed) as failed,
    ):
        restarter().restart(4)
    assert "the device plugin of node w1 has not come back within 4 s: " in str(failed.value)
    assert missing in str(failed.value)
    assert failed.value.details["changed"] and failed.value.details["evicted"][0]["name"] == "plugin-1"


def test_a_node_without_a_plugin_is_an_error(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter
) -> None:
    mark = cluster.audit_mark()
    with pytest.raises(NoDevicePlugin, match="node w1 has no device plugin, and allocatable are 0 of 8"):
        restarter(labels=["app=other"]).restart(SECONDS)
    assert told(cluster, mark) == [] and workloads.names() == ["mimic", "plugin-1", "web-1"]


def test_a_budget_is_waited_for(cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter) -> None:
    cluster.must("PATCH", f"{PODS}/plugin-1", {"metadata": {"labels": {"app": "held"}}})
    workloads.budget("held", allowed=0, app="held")
    mark = cluster.audit_mark()
    with Kubelet(workloads), DaemonSet(workloads):
        with pytest.raises(RestartFailed, match=r"still there.*refused: .*disruption budget held"):
            restarter().restart(2)
        assert {a.code for a in writes(cluster, mark)} == {429} and len(writes(cluster, mark)) > 1
        allowing = threading.Timer(1, lambda: workloads.allow(1, "held"))
        allowing.start()
        assert restarter().restart(SECONDS).changed
        allowing.join()


def test_what_was_seen_counts_for_more_than_a_request_that_the_deadline_cuts_short(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter, healer_token: str
) -> None:
    clock = Clock()
    cluster.must("PATCH", f"{PODS}/plugin-1", {"metadata": {"labels": {"app": "held"}}})
    workloads.budget("held", allowed=0, app="held")

    class CutShort(SteppingClient):
        evictions = 0

        def _send(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
            answer = super()._send(method, path, *rest, **options)
            if path.endswith("/eviction"):
                type(self).evictions += 1
                if self.evictions == 2:
                    clock.forward(SECONDS)
                    raise BrokenConnection("read timed out")
            return answer

    cut = restarter(client=CutShort(cluster.settings(healer_token), steps=Steps()), monotonic=clock.monotonic)
    told_why = pytest.raises(RestartFailed, match=r"still there.*refused: .*disruption budget held")
    with Kubelet(workloads), DaemonSet(workloads), told_why:
        cut.restart(SECONDS)
    assert CutShort.evictions == 2


def test_a_reply_may_be_lost(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter, healer_token: str
) -> None:
    mark = cluster.audit_mark()
    client = Meddling(cluster.settings(healer_token), kind=f"POST {PODS}/plugin-1/eviction", lose=True)
    with Kubelet(workloads), DaemonSet(workloads):
        report = restarter(client=client).restart(SECONDS)
    assert [str(p) for p in report.evicted] == ["shop/plugin-1"]
    assert told(cluster, mark) == ["create /plugin-1/eviction 201"]


def test_who_has_lost_the_lease_evicts_nothing(
    cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter
) -> None:
    made = restarter()
    cluster.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "somebody", "leaseTransitions": 99}})
    mark = cluster.audit_mark()
    with pytest.raises(LeaseLost):
        made.restart(SECONDS)
    assert told(cluster, mark) == [] and "plugin-1" in workloads.names()


def test_another_node_of_that_name_is_left_alone(workloads: Workloads, restarter: MakeRestarter) -> None:
    with pytest.raises(NodeGone, match="another one"):
        restarter(node_uid="5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10").restart(SECONDS)
    assert "plugin-1" in workloads.names()


def test_after_a_signal_nothing_is_begun(cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter) -> None:
    stop = threading.Event()
    stop.set()
    mark = cluster.audit_mark()
    with pytest.raises(RestartFailed, match="stopped by a signal"):
        restarter(cancelled=stop).restart(SECONDS)
    assert told(cluster, mark) == [] and "plugin-1" in workloads.names()


def test_without_the_right_to_evict(cluster: ControlPlane, workloads: Workloads, restarter: MakeRestarter) -> None:
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/selfheal-drainer"
    rules = cluster.get(role)["rules"]
    cluster.must("PATCH", role, {"rules": [rule for rule in rules if "pods/eviction" not in rule["resources"]]})
    try:
        with pytest.raises(Forbidden, match="pod shop/plugin-1 may not be evicted"):
            restarter().restart(SECONDS)
    finally:
        cluster.must("PATCH", role, {"rules": rules})
    assert "plugin-1" in workloads.names()


def test_the_module(cluster: ControlPlane, workloads: Workloads, module: RunModule) -> None:
    who: dict[str, Any] = {"cluster_uid": cluster.uid, "policy": {"monitor_only": False}}
    cluster.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
    held = module("remediation_lease", holder="run", **who)
    options = who | {"holder": held["holder"], "token": held["token"], "node": "w1", "node_uid": cluster.uid_of("w1")}
    checked = module("device_plugin_restart", check_mode=True, **options)
    assert checked["changed"] and [p["name"] for p in checked["evicted"]] == ["plugin-1"]
    with Kubelet(workloads), DaemonSet(workloads):
        done = module("device_plugin_restart", deadline=30, **options)
    assert done["changed"] and [p["name"] for p in done["pods"]] == ["plugin-new-1"] and done["node"] == "w1"
    assert not module("device_plugin_restart", **options)["changed"]
    braked = module("device_plugin_restart", **(options | {"policy": {"monitor_only": True}}))
    assert braked["failed"] and braked["error_class"] == "MonitorOnly"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"deadline": 9}, "deadline: expected seconds from 10 to 1800, got 9"),
        ({"deadline": 1801}, "deadline: expected seconds from 10 to 1800, got 1801"),
        ({"labels": []}, "labels: expected a list of labels, each as key=value, got an empty one"),
        ({"labels": ["a=b", "c"]}, "labels: expected a list of labels, each as key=value, got 'c'"),
        ({"node": "../x"}, "../x"),
        ({"holder": "a\nb"}, "holder: expected one printable line"),
        ({"node": "w9", "node_uid": None}, "node w9 is not in this cluster"),
    ],
)
def test_bad_input_is_one_clear_line(
    cluster: ControlPlane, workloads: Workloads, module: RunModule, wrong: dict[str, Any], says: str
) -> None:
    mark = cluster.audit_mark()
    options = {"cluster_uid": cluster.uid, "node": "w1", "node_uid": cluster.uid_of("w1")} | wrong
    refused = module("device_plugin_restart", **{k: v for k, v in options.items() if v is not None})
    assert refused["failed"] and says in refused["msg"] and "\n" not in refused["msg"]
    assert told(cluster, mark) == [] and "plugin-1" in workloads.names()
