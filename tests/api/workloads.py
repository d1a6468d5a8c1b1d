# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods and PodDisruptionBudgets in a cluster without controllers, and a thread that does a kubelet's work."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ControlPlane

NAMESPACE = "shop"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
BUDGETS = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
READY = {"type": "Ready", "status": "True"}


def owner(kind: str, name: str, uid: str = "") -> dict[str, Any]:
    """An entry of ownerReferences that names the controller. Nobody collects garbage here."""
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid or f"uid-{name}", "controller": True}


class Workloads:
    """What runs on the nodes."""

    def __init__(self, cluster: ControlPlane) -> None:
        self.cluster = cluster

    def open(self) -> None:
        """Make the namespace, with the service account that a controller would have made."""
        names = {"metadata": {"name": NAMESPACE}}
        assert self.cluster.request("POST", "/api/v1/namespaces", names)[0] in (201, 409)
        account = {"metadata": {"name": "default"}}
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        assert self.cluster.request("POST", path, account)[0] in (201, 409)
        self.clear()

    def clear(self) -> None:
        """Take everything away, whatever holds it."""
        for pod in self.pods():
            if pod["metadata"].get("finalizers"):
                path = f"{PODS}/{pod['metadata']['name']}"
                self.cluster.must("PATCH", path, {"metadata": {"finalizers": None}})
            self.end(pod)
        self.cluster.must("DELETE", BUDGETS)

    def add(
        self,
        name: str,
        node: str = "w1",
        by: Mapping[str, Any] | None = None,
        phase: str = "Running",
        spec: Mapping[str, Any] | None = None,
        bare: bool = False,
        **metadata: Any,
    ) -> str:
        """A pod of a ReplicaSet that runs and is ready; its UID."""
        references = [] if bare else [dict(by or owner("ReplicaSet", "web"))]
        whole = {
            "metadata": {"name": name, "labels": {"app": "web"}, "ownerReferences": references, **metadata},
            "spec": {"nodeName": node, "containers": [{"name": "app", "image": "x"}], **(spec or {})},
        }
        made = self.cluster.must("POST", PODS, whole)
        self.cluster.must("PATCH", f"{PODS}/{name}/status", {"status": {"phase": phase, "conditions": [READY]}})
        return str(made["metadata"]["uid"])

    def add_many(self, names: Iterable[str]) -> None:
        """Many of them, some at a time."""
        other = self.cluster
        with ThreadPoolExecutor(8) as workers:
            list(workers.map(lambda name: Workloads(other).add(name), names))

    def pods(self, node: str = "") -> list[dict[str, Any]]:
        """What is there, or only what is there on a node."""
        query = f"?fieldSelector=spec.nodeName={node}" if node else ""
        return list(self.cluster.get(f"{PODS}{query}")["items"])

    def names(self, node: str = "w1") -> list[str]:
        """The names of what is on a node."""
        return sorted(pod["metadata"]["name"] for pod in self.pods(node))

    def end(self, pod: Mapping[str, Any]) -> None:
        """What a kubelet does when the last process of a pod has ended: the object goes, if it is still this one."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        path = f"{PODS}/{pod['metadata']['name']}"
        status, answer = self.cluster.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", **options})
        assert status in (200, 404, 409), answer

    def budget(self, name: str = "web", allowed: int = 0, app: str = "web") -> None:
        """A PodDisruptionBudget as its controller would have left it."""
        spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": app}}}
        body = {"metadata": {"name": name}, "spec": spec}
        status, answer = self.cluster.request("POST", BUDGETS, body)
        assert status in (201, 409), answer
        self.allow(allowed, name)

    def allow(self, allowed: int, name: str = "web") -> None:
        """Say how many pods of a budget may be disrupted."""
        generation = self.cluster.get(f"{BUDGETS}/{name}")["metadata"]["generation"]
        numbers = {"currentHealthy": 2 + allowed, "desiredHealthy": 2, "expectedPods": 3, "disruptedPods": None}
        status = {"observedGeneration": generation, "disruptionsAllowed": allowed, **numbers}
        self.cluster.must("PATCH", f"{BUDGETS}/{name}/status", {"status": status})


class Hand:
    """A thread that does some part's work in the cluster, again and again, until it is let go."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = Workloads(workloads.cluster.with_own_connections())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        while not self._over.wait(0.05):
            self._once()

    def _once(self) -> None:
        raise NotImplementedError


class Kubelet(Hand):
    """Ends the pods of a node that are terminating, but for those that it is told to leave."""

    def __init__(self, workloads: Workloads, node: str = "w1", leaves: Iterable[str] = (), takes: float = 0.0) -> None:
        super().__init__(workloads)
        self._node = node
        self.leaves = set(leaves)
        self._takes = takes
        self._seen: dict[str, int] = {}
        self.ended: list[str] = []

    def _once(self) -> None:
        for pod in self._workloads.pods(self._node):
            metadata = pod["metadata"]
            if metadata.get("deletionTimestamp") and metadata["name"] not in self.leaves:
                self._seen[metadata["uid"]] = self._seen.get(metadata["uid"], -1) + 1
                if self._seen[metadata["uid"]] * 0.05 >= self._takes:
                    self._workloads.end(pod)
                    self.ended.append(metadata["uid"])
