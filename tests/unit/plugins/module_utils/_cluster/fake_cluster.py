# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API of a small cluster, as far as a look asks for it: lists with selectors and pages, tables, single objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import Reply, Request

UID = "uid-of-kube-system"
# The server's Date says 03:00:00.
FRESH = "2026-11-21T02:59:55.000000Z"
OLD = "2026-11-21T02:40:00.000000Z"
IDENTITY = "/api/v1/namespaces/kube-system"
NODES = "/api/v1/nodes"
PODS = "/api/v1/pods"
SYSTEM_PODS = "/api/v1/namespaces/kube-system/pods"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
SYSTEM_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
API_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
DAEMONSETS = "/apis/apps/v1/daemonsets"
EVENTS = "/api/v1/events"
METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
BASELINE = "/api/v1/namespaces/self-healing/configmaps/selfheal-baseline"
COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates")


def node(name: str, ready: str = "True", **status: Any) -> dict[str, Any]:
    """A Node, Ready for an hour."""
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-21T02:00:00Z"}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "managedFields": [{"manager": "kubelet"}]},
        "spec": {},
        "status": {"conditions": conditions, "allocatable": {"cpu": "2", "memory": "4Gi"}, **status},
    }


def lease(name: str, renewed: str | None = FRESH, seconds: int = 40, holder: str = "") -> dict[str, Any]:
    """A Lease."""
    spec = {"renewTime": renewed, "leaseDurationSeconds": seconds, "holderIdentity": holder or name}
    return {"metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True)
class Cells:
    """What the API server's table would show of a pod besides its name and node."""

    ready: str = "1/1"
    status: str = "Running"
    restarts: Any = "0"
    gates: str = "<none>"
    conditions: tuple[Mapping[str, str], ...] = ()


def pod(
    name: str, node: str = "w1", namespace: str = "default", cells: Cells | None = None, **status: Any
) -> dict[str, Any]:
    """A pod that runs well; with ``status`` its status in full, and ``cells`` what the table makes of it."""
    running = {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": FRESH}}}
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T02:00:00Z"}]
    full = {"phase": "Running", "containerStatuses": [running], "conditions": conditions, **status}
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}"},
        "spec": {"nodeName": node} if node else {},
        "status": full,
        "cells": cells or Cells(),
    }


def crashing(name: str, node: str = "w1", namespace: str = "default") -> dict[str, Any]:
    """A pod that crashes again and again."""
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {"name": "app", "ready": False, "restartCount": 7, "state": state}
    return pod(name, node, namespace, Cells("0/1", "CrashLoopBackOff", "7 (3m ago)"), containerStatuses=[container])


def pending(name: str, namespace: str = "default") -> dict[str, Any]:
    """A pod for which there is no node."""
    return pod(name, "", namespace, Cells("0/1", "Pending"), phase="Pending", containerStatuses=[], conditions=[])


def ended(name: str, node: str = "w1") -> dict[str, Any]:
    """A pod that has done its work."""
    row = Cells("0/1", "Completed", conditions=({"type": "Completed", "status": "True", "reason": "Succeeded"},))
    return pod(name, node, "default", row, phase="Succeeded", containerStatuses=[], conditions=[])


def slice_of(
    service: str, *ready: bool | None, namespace: str = "default", family: str = "IPv4", changed: str = ""
) -> dict[str, Any]:
    """An EndpointSlice; None is an endpoint whose conditions say nothing."""
    endpoints = [
        {
            "conditions": {} if state is None else {"ready": state},
            "targetRef": {"kind": "Pod", "name": f"{service}-{number}"},
        }
        for number, state in enumerate(ready)
    ]
    annotations = {"endpoints.kubernetes.io/last-change-trigger-time": changed} if changed else {}
    labels = {"kubernetes.io/service-name": service}
    metadata = {"name": f"{service}-{family}", "namespace": namespace, "labels": labels, "annotations": annotations}
    return {"metadata": metadata, "addressType": family, "endpoints": endpoints}


@dataclass
class FakeCluster:
    """A script for the server. ``replies`` answers some paths in its own way; ``tables`` is whether it knows them."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    replies: dict[str, Reply | Callable[[Request], Reply | None]] = field(default_factory=dict)
    tables: bool = True
    columns: tuple[str, ...] = COLUMNS
    ready_text: str = "[+]ping ok\nreadyz check passed\n"

    def __call__(self, request: Request) -> Reply:
        special = self.replies.get(request.path)
        reply = special(request) if callable(special) else special
        if reply is not None:
            return reply
        if request.path == IDENTITY:
            return Reply(body={"metadata": {"name": "kube-system", "uid": UID}})
        if request.path == "/version":
            return Reply(body={"gitVersion": "v1.34.0"})
        if request.path in ("/livez", "/readyz"):
            return Reply(body=(self.ready_text if request.path == "/readyz" else "ok").encode())
        if request.path in self.objects:
            return self._list(request)
        folder, _slash, name = request.path.rpartition("/")
        found = [o for o in self.objects.get(folder, ()) if o["metadata"]["name"] == name]
        return Reply(body=plain(found[0])) if found else Reply(404, {"message": f"{request.path} not found"})

    def _list(self, request: Request) -> Reply:
        query = {name: values[0] for name, values in request.query.items()}
        found = [o for o in self.objects[request.path] if matches(o, query.get("fieldSelector", ""))]
        start = int(query.get("continue", "0"))
        # As the real one: what comes out of memory is not cut into pages.
        size = len(found) if query.get("resourceVersion") == "0" else int(query.get("limit", len(found) or 1))
        page, rest = found[start : start + size], len(found) - start - size
        metadata = {"resourceVersion": "9", **({"continue": str(start + size)} if rest > 0 else {})}
        if self.tables and "as=Table" in request.headers["Accept"]:
            definitions = [{"name": name, "type": "string"} for name in self.columns]
            rows = [row_of(o, self.columns) for o in page]
            return Reply(body={"kind": "Table", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
        return Reply(body={"kind": "List", "metadata": metadata, "items": [plain(o) for o in page]})


def healthy(*names: str) -> FakeCluster:
    """A cluster in which all is well, with these nodes and one pod on each."""
    names = names or ("w1", "w2")
    metrics = [
        {"metadata": {"name": name}, "timestamp": "2026-11-21T02:59:40Z", "usage": {"cpu": "250m", "memory": "1Gi"}}
        for name in names
    ]
    daemonset = {
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "uid": "d", "generation": 1},
        "status": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 2, "observedGeneration": 1},
    }
    return FakeCluster(
        {
            NODES: [node(name) for name in names],
            LEASES: [lease(name) for name in names],
            PODS: [pod(f"app-{name}", name) for name in names],
            SYSTEM_PODS: [pod("etcd-cp", "w1", "kube-system")],
            SYSTEM_LEASES: [lease("kube-controller-manager", seconds=15), lease("kube-scheduler", seconds=15)],
            SLICES: [slice_of("web", True, True)],
            API_SLICES: [],
            DAEMONSETS: [daemonset],
            EVENTS: [],
            METRICS: metrics,
        }
    )


def plain(thing: Mapping[str, Any]) -> dict[str, Any]:
    """The object as the API gives it."""
    return {name: value for name, value in thing.items() if name != "cells"}


def row_of(thing: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    """The object as a row."""
    cells: Cells = thing["cells"]
    values = {
        "Name": thing["metadata"]["name"],
        "Ready": cells.ready,
        "Status": cells.status,
        "Restarts": cells.restarts,
        "Node": thing["spec"].get("nodeName") or "<none>",
        "Readiness Gates": cells.gates,
    }
    row: dict[str, Any] = {"cells": [values.get(name, "<none>") for name in columns], "object": None}
    return row | ({"conditions": list(cells.conditions)} if cells.conditions else {})


def matches(thing: Mapping[str, Any], selector: str) -> bool:
    """Whether a field selector selects the object."""
    fields = {
        "metadata.name": thing["metadata"].get("name"),
        "spec.nodeName": (thing.get("spec") or {}).get("nodeName") or "",
        "status.phase": (thing.get("status") or {}).get("phase"),
        "type": thing.get("type"),
    }
    for term in filter(None, selector.split(",")):
        name, _equals, value = term.partition("=")
        if name.endswith("!"):
            if fields[name[:-1]] == value:
                return False
        elif fields[name] != value:
            return False
    return True
