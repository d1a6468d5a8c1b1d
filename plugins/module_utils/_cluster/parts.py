# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Each part of a snapshot that is read in one go: which requests, in which shape, and what is made of the answers.

Nothing is held longer than its page. ``decode.py`` leaves out what nobody reads.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import (
    Client,
    explain,
    items_of,
    twice,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import NotFound, Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    CORDONED,
    Cordon,
    cordon_of,
    read_mark,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    DaemonSet,
    DiskUsage,
    Etcd,
    EtcdMember,
    Event,
    Heartbeat,
    Node,
    Pod,
    Ref,
    Service,
    Usage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
SYSTEM_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
SYSTEM_PODS = "/api/v1/namespaces/kube-system/pods"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
DAEMONSETS = "/apis/apps/v1/daemonsets"
EVENTS = "/api/v1/events"
METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
COMPONENTS = ("kube-controller-manager", "kube-scheduler")
ETCD = "component=etcd,tier=control-plane"
# From the API server's memory: such a Lease may be some milliseconds old, and etcd is spared.
CACHED = {"resourceVersion": "0"}
# Some MB are held for a page, as bytes and decoded, on each thread that reads.
NODES_PAGE = 250
SLICES_PAGE = 500
EVENTS_KEPT = 1000
EVENTS_READ = 50000
UNREADY_NAMED = 100
DISKS_ASKED = 50
DISK_DEADLINE = 5.0
# What comes of objects of a shape that nobody expects.
ODD = (ArithmeticError, AttributeError, InvalidName, LookupError, RecursionError, TypeError, ValueError)
SERVICE_LABEL = "kubernetes.io/service-name"
CHANGED_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    **{unit: 1000.0**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{f"{unit}i": 1024.0**power for power, unit in enumerate(("K", "M", "G", "T", "P", "E"), 1)},
}


def read_nodes(client: Client, only: str | None = None) -> tuple[Node, ...]:
    """Every node, or the one that is wanted."""
    if only is not None:
        return tuple(
            replace(Node.from_api(item), cordoned_by_us=cordon_of(item) is Cordon.OURS)
            for item in _one(client, NODES, only)
        )
    query = {"limit": min(NODES_PAGE, client_module.PAGE_SIZE)}
    nodes = twice(lambda: tuple(map(Node.from_api, _items(client, NODES, decode.Nodes, query))))
    return tuple(_with_its_owner(client, node) for node in nodes)


def _with_its_owner(client: Client, node: Node) -> Node:
    """The node; who owns a cordon with our mark stands in what lists leave out, so the node is read by itself."""
    if not node.unschedulable or read_mark(node.annotations.get(CORDONED), node.uid) is None:
        return node
    return next((one for one in read_nodes(client, node.name) if one.uid == node.uid), node)


def read_heartbeats(client: Client, only: str | None = None) -> dict[str, Heartbeat]:
    """The Lease of every node, or of the one that is wanted."""
    if only is not None:
        return _heartbeats(_one(client, LEASES, only))
    return twice(lambda: _heartbeats(_items(client, LEASES, decode.Leases, CACHED)))


def read_components(client: Client) -> dict[str, Heartbeat]:
    """The Leases of the control plane's components; those that have none are left out."""
    return {name: Heartbeat.from_api(i) for name in COMPONENTS for i in _one(client, SYSTEM_LEASES, name)}


def read_lease(client: Client, path: str, name: str) -> Heartbeat | None:
    """One Lease as it is now, not as the API server remembers it."""
    return next((Heartbeat.from_api(item) for item in _one(client, path, name)), None)


def read_daemonsets(client: Client) -> tuple[DaemonSet, ...]:
    """Every DaemonSet."""
    return tuple(DaemonSet.from_api(item) for item in client.items(DAEMONSETS))


def read_etcd_pods(client: Client) -> tuple[Pod, ...]:
    """The pods in which etcd runs; none where somebody else manages it."""
    return tuple(Pod.from_api(item) for item in client.items(SYSTEM_PODS, {"labelSelector": ETCD}))


def etcd_of(pods: Iterable[Pod], trusted: Iterable[str] | None) -> Etcd:
    """etcd by its pods.

    :param trusted: the nodes whose pods may be believed; None when no nodes were read.
    """
    members = []
    for pod in pods:
        ready = pod.condition("Ready")
        healthy = None if ready is None or ready.status not in ("True", "False") else ready.status == "True"
        doing = [f"{c.name} {c.state} {c.reason}".strip() for c in pod.containers if not c.ready]
        trouble = "" if healthy else "; ".join(doing) or f"its pod is {pod.phase or 'without a phase'}, Ready not told"
        if trusted is not None and pod.node not in trusted:
            # Nobody there brings the pod's status up to date.
            healthy, trouble = None, f"its node {pod.node or '(none)'} does not report"
        members.append(EtcdMember(pod.node or pod.name, healthy, trouble=trouble))
    return Etcd(tuple(sorted(members, key=lambda m: m.name)))


@dataclass(slots=True)
class _Endpoints:
    """What the slices of one Service and one address family add up to."""

    ready: int = 0
    total: int = 0
    unready: tuple[str, ...] = ()
    changed: str = ""


def read_services(client: Client) -> tuple[Service, ...]:
    """Each Service by its EndpointSlices."""
    return twice(lambda: _services(_items(client, SLICES, decode.EndpointSlices, {"limit": SLICES_PAGE})))


def read_events(client: Client) -> tuple[Event, ...]:
    """The Warning events, latest first, no more than so many. They come in no order, so all must be looked at."""
    return twice(lambda: _events(client))


def read_metrics(client: Client) -> list[Any]:
    """What the metrics API says of the nodes. It is asked once: where it is not served, it will not be in a second."""
    raw = client.ask(METRICS)
    if raw.status == 404:
        raise NotFound("the cluster does not serve the metrics API (metrics.k8s.io)")
    if raw.status != 200:
        raise Unreachable(explain("GET", METRICS, raw.status, raw.data))
    try:
        page = json.loads(raw.data)
    except ValueError:
        raise Unreachable(f"GET {METRICS}: the answer is not JSON") from None
    return items_of(page, METRICS)


def usage_of(items: Iterable[Any], nodes: Iterable[Node] | None) -> dict[str, Usage]:
    """The use of each node, with what the node has to give to pods."""
    capacity = {n.name: n.allocatable or n.capacity for n in nodes or ()}
    found = {}
    for item in items:
        name = str((item.get("metadata") or {}).get("name") or "")
        cpu = quantity((item.get("usage") or {}).get("cpu"))
        memory = quantity((item.get("usage") or {}).get("memory"))
        if cpu is None or memory is None:
            continue
        has = capacity.get(name) or {}
        bytes_given = quantity(has.get("memory"))
        found[name] = Usage(
            cpu_cores=cpu,
            memory_bytes=int(memory),
            cpu_capacity=quantity(has.get("cpu")),
            memory_capacity=None if bytes_given is None else int(bytes_given),
            at=parse_time(item.get("timestamp")),
        )
    return found


def read_disks(client: Client, nodes: Iterable[Node], now: datetime) -> dict[str, DiskUsage]:
    """The file systems of some nodes, by their kubelets: the ones that complain first, then others in turn.

    :raises ClusterError: when no kubelet at all could be asked.
    """
    able = [n for n in nodes if n.is_ready]
    complains = [n for n in able if (c := n.condition("DiskPressure")) is not None and c.status != "False"]
    others = sorted((n for n in able if n not in complains), key=lambda n: n.name)
    # Another window each minute, so that all of them get their turn without anybody keeping a list.
    start = int(now.timestamp()) // 60 * DISKS_ASKED % max(1, len(others))
    asked = [*complains, *others[start:], *others[:start]][:DISKS_ASKED]
    found: dict[str, DiskUsage] = {}
    trouble: list[Unreachable] = []

    def ask(node: Node) -> None:
        path = f"/api/v1/nodes/{node.name}/proxy/stats/summary"
        try:
            raw = client.ask(path, None, DISK_DEADLINE)
            if raw.status != 200:
                raise Unreachable(explain("GET", path, raw.status, raw.data))
            found[node.name] = _disk_usage(json.loads(raw.data))
        except Unreachable as exc:
            trouble.append(exc)
        except ODD as exc:
            trouble.append(Unreachable(f"GET {path}: not a kubelet's summary ({type(exc).__name__})"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, asked))
    if asked and not found:
        raise trouble[0]
    return found


def quantity(text: object) -> float | None:
    """A Kubernetes quantity (250m, 1.5Gi, 1e3) as a number, or None when it is none."""
    text = str(text).strip() if text is not None else ""
    number = text.rstrip("".join(set("".join(_SUFFIXES))) if not text[-1:].isdigit() else "")
    try:
        return float(number) * _SUFFIXES[text[len(number) :]]
    except (KeyError, ValueError):
        return None


def _items(client: Client, path: str, shape: Any, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
    for page in client.pages(path, query, partial(decode.decode, shape)):
        yield from items_of(page, path)
        # Not to be held while the next one comes.
        del page


def _one(client: Client, path: str, name: str) -> list[dict[str, Any]]:
    try:
        return [client.get(f"{path}/{check_node_name(name)}").body]
    except NotFound:
        return []


def _heartbeats(items: Iterable[Mapping[str, Any]]) -> dict[str, Heartbeat]:
    return {check_node_name(item["metadata"]["name"]): Heartbeat.from_api(item) for item in items}


def _services(items: Iterable[Mapping[str, Any]]) -> tuple[Service, ...]:
    found: dict[tuple[str, str, str], _Endpoints] = {}
    for item in items:
        metadata = item.get("metadata") or {}
        name = (metadata.get("labels") or {}).get(SERVICE_LABEL)
        if not name:
            continue
        key = (str(metadata.get("namespace") or ""), str(name), str(item.get("addressType")))
        seen = found.get(key)
        if seen is None:
            seen = found[key] = _Endpoints()
        at = (metadata.get("annotations") or {}).get(CHANGED_ANNOTATION)
        if at and at > seen.changed:
            seen.changed = at
        _add(seen, item)
    services: dict[tuple[str, str], Service] = {}
    for (namespace, name, _family), seen in found.items():
        twin = services.get((namespace, name))
        # A Service of two families lists each of its pods in both.
        if twin is None or twin.total < seen.total:
            changed = parse_time(seen.changed)
            services[namespace, name] = Service(name, namespace, seen.ready, seen.total, changed, seen.unready)
    return tuple(services.values())


def _add(seen: _Endpoints, item: Mapping[str, Any]) -> None:
    endpoints = item.get("endpoints") or ()
    # By the API's own words, a condition that is not there is to be taken for ready.
    unready = decode.unready_of(endpoints)
    seen.total += len(endpoints)
    seen.ready += len(endpoints) - len(unready)
    if unready and len(seen.unready) < UNREADY_NAMED:
        names = (str(name or "") for kind, name in unready if kind == "Pod")
        seen.unready += tuple(islice(names, UNREADY_NAMED - len(seen.unready)))


def _events(client: Client) -> tuple[Event, ...]:
    latest: list[tuple[datetime, int, Mapping[str, Any]]] = []
    items = islice(_items(client, EVENTS, decode.Events, {"fieldSelector": "type=Warning"}), EVENTS_READ)
    for number, item in enumerate(items):
        entry = (_last(item) or _BEFORE_ALL, number, item)
        if len(latest) < EVENTS_KEPT:
            heapq.heappush(latest, entry)
        else:
            heapq.heappushpop(latest, entry)
    return tuple(_event(item) for _at, _number, item in sorted(latest, key=lambda e: (e[0], -e[1]), reverse=True))


def _last(item: Mapping[str, Any]) -> datetime | None:
    series = item.get("series") or {}
    texts = (
        series.get("lastObservedTime"),
        item.get("lastTimestamp"),
        item.get("eventTime"),
        (item.get("metadata") or {}).get("creationTimestamp"),
    )
    return next((at for at in map(parse_time, texts) if at is not None), None)


def _event(item: Mapping[str, Any]) -> Event:
    about = item.get("involvedObject") or {}
    return Event(
        target=Ref(
            kind=str(about.get("kind") or ""),
            name=str(about.get("name") or ""),
            namespace=str(about.get("namespace") or ""),
            uid=str(about.get("uid") or ""),
        ),
        reason=str(item.get("reason") or ""),
        message=str(item.get("message") or "")[:1024],
        last=_last(item),
        count=int((item.get("series") or {}).get("count") or item.get("count") or 1),
    )


def _disk_usage(summary: Mapping[str, Any]) -> DiskUsage:
    node = summary.get("node") or {}
    systems = {"root": node.get("fs") or {}, "images": (node.get("runtime") or {}).get("imageFs") or {}}

    def told(name: str) -> dict[str, int]:
        return {system: int(values[name]) for system, values in systems.items() if values.get(name) is not None}

    return DiskUsage(told("usedBytes"), told("capacityBytes"), told("inodesUsed"), told("inodes"))
