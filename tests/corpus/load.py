# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A labelled snapshot: from its file to what judge() takes, and what a person says that judge() should make of it.

Every pod is given as a suspect: the corpus is about judging, and the screening has to find the same with less.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import parts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import incident_from_api
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import from_dict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement, judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    DaemonSet,
    DiskUsage,
    Etcd,
    EtcdMember,
    Event,
    Heartbeat,
    Node,
    Pod,
    Pods,
    ProbeResult,
    Ref,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import trusted_nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import parse_policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time

HERE = Path(__file__).resolve().parent
FOLDERS = ("recorded", "made")
# What stands for etcd in a file when it was looked at by its pods only, as where nobody gave us its certificates.
BY_PODS = "pods"

Found = tuple[str, str, str]


@dataclass(frozen=True)
class Expected:
    """The label: what a person says about the snapshot.

    :ivar findings: check, reason, and what it is about as text ("Pod shop/web-1"), sorted.
    :ivar patterns: pattern, its root as text or None, and how many members it has, sorted.
    """

    verdict: str
    findings: tuple[Found, ...] = ()
    patterns: tuple[tuple[str, str | None, int], ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nobody needs to get up for this."""
        return self.verdict == "healthy"


@dataclass(frozen=True)
class Labelled:
    """One file of the corpus; ``expected`` is None while nobody has labelled it."""

    name: str
    about: str
    origin: str
    snapshot: Snapshot
    policy: Policy
    incidents: tuple[Incident, ...]
    expected: Expected | None
    raw: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def judged(self) -> Judgement:
        """What the code under test makes of it."""
        return judge(self.snapshot, self.policy, self.incidents)


def paths() -> list[Path]:
    """Every file of the corpus."""
    return [path for folder in FOLDERS for path in sorted((HERE / folder).glob("*.json"))]


def corpus() -> Iterator[Labelled]:
    """Every snapshot of the corpus."""
    for path in paths():
        yield load(path)


def load(path: Path) -> Labelled:
    """Read one file."""
    return read(json.loads(path.read_text(encoding="utf-8")))


def read(raw: Mapping[str, Any]) -> Labelled:
    """The snapshot that a file's content describes.

    :raises ValueError: when it holds something that nobody would look at, which would be a mistake of its author.
    """
    strange = set(raw) - _KEYS | set(raw["objects"]) - _PARTS
    if strange:
        raise ValueError(f"{raw['name']}: nobody reads {', '.join(sorted(strange))}")
    said = raw.get("expected")
    return Labelled(
        name=raw["name"],
        about=raw["about"],
        origin=raw["origin"],
        snapshot=_snapshot(raw),
        policy=parse_policy(raw.get("policy")),
        incidents=tuple(incident_from_api(item) for item in raw.get("incidents") or ()),
        expected=None if said is None else expected(said),
        raw=raw,
    )


def expected(said: Mapping[str, Any]) -> Expected:
    """The label as it stands in a file."""
    return Expected(
        verdict=said["verdict"],
        findings=tuple(sorted((check, reason, target) for check, reason, target in said["findings"])),
        patterns=tuple(sorted(((p, root, n) for p, root, n in said["patterns"]), key=str)),
    )


def seen(judgement: Judgement) -> Expected:
    """The same for what the code under test has said."""
    return Expected(
        verdict=judgement.verdict.value,
        findings=tuple(sorted((f.check, f.reason, str(f.target)) for f in judgement.findings)),
        patterns=tuple(
            sorted(
                ((d.pattern, None if d.root is None else str(d.root), len(d.members)) for d in judgement.patterns),
                key=str,
            )
        ),
    )


_KEYS = {
    *("name", "about", "origin", "observed_at", "local_time", "cluster_uid", "policy", "incidents", "objects"),
    *("unread", "expected"),
}
_PARTS = {
    *("nodes", "node_leases", "pods", "daemonsets", "endpointslices", "events", "component_leases", "endpoints"),
    *("etcd", "metrics", "disks", "probes", "baseline", "watched", "left_out"),
}


def _snapshot(raw: Mapping[str, Any]) -> Snapshot:
    objects = raw["objects"]
    unread = dict(raw.get("unread") or {})
    observed_at = parse_time(raw["observed_at"])
    assert observed_at is not None, raw["name"]

    def part(name: str, key: str, make: Any) -> Any:
        if name in unread or objects.get(key) is None:
            return None
        try:
            return make(objects[key])
        except InvalidName as exc:
            # As observe does: one object of a part that cannot be trusted makes the part unread.
            unread[name] = str(exc)
            return None

    watched = objects.get("watched") or {}
    nodes = part("nodes", "nodes", lambda items: tuple(Node.from_api(item) for item in items))
    heartbeats = part("heartbeats", "node_leases", lambda items: _leases(items, watched))
    pods = part("pods", "pods", lambda items: _pods(items, objects.get("left_out") or {}))
    trusted = trusted_nodes(nodes, heartbeats, observed_at)
    return Snapshot(
        observed_at=observed_at,
        cluster_uid=raw.get("cluster_uid"),
        nodes=nodes,
        heartbeats=heartbeats,
        pods=pods,
        daemonsets=part("daemonsets", "daemonsets", lambda items: tuple(DaemonSet.from_api(item) for item in items)),
        services=part("services", "endpointslices", parts._services),
        events=part("events", "events", _events),
        components=part("components", "component_leases", lambda items: _leases(items, watched)),
        endpoints=part("endpoints", "endpoints", lambda items: tuple(_endpoint(item) for item in items)),
        etcd=part("etcd", "etcd", lambda given: _etcd(given, objects.get("pods") or (), trusted)),
        metrics=part("metrics", "metrics", lambda items: parts.usage_of(items, nodes)),
        disks=part("disks", "disks", lambda items: {check_node_name(k): DiskUsage(**v) for k, v in items.items()}),
        probes=part("probes", "probes", lambda items: tuple(_probe(item) for item in items)),
        baseline=part("baseline", "baseline", from_dict),
        local_time=parse_time(raw.get("local_time")),
        unread=unread,
    )


def _leases(items: list[dict[str, Any]], watched: Mapping[str, Any]) -> dict[str, Heartbeat]:
    leases = {}
    for item in items:
        name = check_node_name(item["metadata"]["name"])
        lease = Heartbeat.from_api(item)
        if name in watched:
            moved, seconds = watched[name]
            lease = replace(lease, moved=moved, watched=seconds)
        leases[name] = lease
    return leases


def _pods(items: list[dict[str, Any]], left_out: Mapping[str, int]) -> Pods:
    pods = tuple(Pod.from_api(item) for item in items)
    per_node: dict[str, int] = {}
    for pod in pods:
        if pod.node:
            per_node[pod.node] = per_node.get(pod.node, 0) + 1
    return Pods(len(pods) + sum(left_out.values()), pods, dict(left_out), per_node)


def _events(items: list[dict[str, Any]]) -> tuple[Event, ...]:
    warnings = sorted((i for i in items if i.get("type") == "Warning"), key=lambda i: str(parts._last(i)), reverse=True)
    return tuple(parts._event(item) for item in warnings)


def _endpoint(item: Mapping[str, Any]) -> ApiEndpoint:
    values = dict(item)
    values["failed"] = tuple(values.get("failed") or ())
    values["certificate_expires"] = parse_time(values.get("certificate_expires"))
    return ApiEndpoint(**values)


def _etcd(given: Any, pods: Iterable[dict[str, Any]], trusted: frozenset[str] | None) -> Etcd:
    if given == BY_PODS:
        # The observer asks for these pods by themselves, so it has them also when it could not read all pods.
        own = [p for p in pods if ((p.get("metadata") or {}).get("labels") or {}).get("component") == "etcd"]
        return parts.etcd_of(map(Pod.from_api, own), trusted)
    values = dict(given)
    values["members"] = tuple(EtcdMember(**member) for member in values["members"])
    values["alarms"] = tuple(values.get("alarms") or ())
    return Etcd(**values)


def _probe(item: Mapping[str, Any]) -> ProbeResult:
    values = dict(item)
    namespace, _slash, name = values.pop("service").partition("/")
    return ProbeResult(service=Ref("Service", name, namespace), **values | {"times_ms": tuple(values["times_ms"])})
