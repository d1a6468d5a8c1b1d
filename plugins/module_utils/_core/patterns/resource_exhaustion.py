# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ResourceExhaustion: the cluster has not enough of something, and no restart makes more of it.

A node is short of a resource (memory, disk, processes) when its pressure condition is True, or when it evicted a pod
for it or killed processes for want of memory within the last 3600 s. A pod waits for a resource when the scheduler
counts nodes with "Insufficient" of it.

Rule, for each resource by itself: at least 2 nodes and 10 % of all are short of it, or at least 2 pods wait for it.
Members are those pods that have a finding, and the nodes that are short of it and have no other trouble than that; for
pods that wait alone, nodes only when the pods have at least 2 owners, because one application may ask for more than
any node has, which says nothing about the nodes.

It errs on the side of silence for nodes: one full disk is that node's own, and a node with any other trouble (not
Ready, say) is no member. For pods it errs on the other side, which blocks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    node_disk_pressure,
    node_memory_pressure,
    node_pid_pressure,
    pod_failed,
    pod_pending,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Event, Pod, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

LEAST = 2
PERCENT = 10
WAITING_LEAST = 2
OWNERS_LEAST = 2
WINDOW_SECONDS = 3600
# Names of extended resources are anybody's to choose.
RESOURCES_LIMIT = 10

_PRESSURE = {
    (node_disk_pressure.CHECK.name, node_disk_pressure.PRESSURE): "ephemeral-storage",
    (node_memory_pressure.CHECK.name, node_memory_pressure.PRESSURE): "memory",
    (node_pid_pressure.CHECK.name, node_pid_pressure.PRESSURE): "pids",
}
_CONDITIONS = {"DiskPressure": "ephemeral-storage", "MemoryPressure": "memory", "PIDPressure": "pids"}
_RESOURCES = {"inodes": "ephemeral-storage"}
_EVICTED = (pod_failed.CHECK.name, pod_failed.EVICTED)
_UNPLACED = (pod_pending.CHECK.name, pod_pending.UNSCHEDULABLE)
# A pod that is evicted for using more than its own limit is worded otherwise, and is its application's fault.
_LOW = re.compile(r"The node was low on resource: ([a-z-]{1,40})")
_CONDITION = re.compile(r"The node had condition: \[([A-Za-z, ]{1,80})\]")
_SCHEDULER = re.compile(r"0/\d{1,6} nodes are available: ")
_INSUFFICIENT = re.compile(r"\d{1,6} Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]{0,99})")
_TOO_MANY = re.compile(r"\d{1,6} Too many pods")


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """One diagnosis for each resource that there is not enough of."""
    short = strained(findings, snapshot)
    evicted, waiting = _evictions(findings, snapshot), _waiting(findings, snapshot)
    troubled, total = _nodes.troubled(findings), len(snapshot.nodes or ())
    sizes = {r: (len(short.get(r, ())), len(waiting.get(r, ()))) for r in {*short, *waiting}}
    for resource in sorted(sizes, key=lambda r: (-sum(sizes[r]), r))[:RESOURCES_LIMIT]:
        nodes, pods = short.get(resource, set()), waiting.get(resource, [])
        widespread = _nodes.share(len(nodes), total, LEAST, PERCENT)
        if not widespread and len(pods) < WAITING_LEAST:
            continue
        owners = {(pod.namespace, pod.owner or pod.name) for pod in pods}
        pressed = (
            ref
            for ref, own in troubled.items()
            if ref.name in nodes and all((f.check, f.reason) in _PRESSURE for f in own)
        )
        thrown_out = evicted.get(resource, set())
        gone = (f.target for f in findings if _said(f, _EVICTED) and _nameless(f.target) in thrown_out)
        members = _nodes.members(
            pressed if widespread or len(owners) >= OWNERS_LEAST else (), gone, (pod.ref for pod in pods)
        )
        if not members:
            continue
        known = set(members)
        yield Diagnosis(
            pattern=PATTERN.name,
            members=members,
            cause=f"there is not enough {resource} for what runs or wants to run, and restarting nodes makes no more",
            remedy=f"add nodes or {resource}, or take load away: lower requests and limits, scale down, find what"
            " grows, clean up",
            message=f"{resource}: {len(nodes)} of {total} nodes are short of it, {len(pods)} pods wait for it"
            + (f" ({', '.join(sorted(nodes)[: _nodes.NAMES_LIMIT])})" if nodes else ""),
            since=min((f.since for f in findings if f.target in known and f.since is not None), default=None),
            evidence={
                "resource": resource,
                "short_nodes": len(nodes),
                "nodes": total,
                "waiting_pods": len(pods),
                "owners": len(owners),
                "evicted_pods": len(thrown_out),
            },
        )


def strained(findings: Iterable[Finding], snapshot: Snapshot) -> dict[str, set[str]]:
    """The names of the nodes that are short of a resource, by resource."""
    short: dict[str, set[str]] = {}
    for finding in findings:
        resource = _PRESSURE.get((finding.check, finding.reason))
        if resource and finding.node:
            short.setdefault(resource, set()).add(finding.node)
    for event in _recent(snapshot):
        if event.reason == "SystemOOM" and event.target.kind == "Node" and snapshot.node(event.target.name):
            short.setdefault("memory", set()).add(event.target.name)
    places = {_nameless(pod.ref): pod.node for pod in _suspects(snapshot)}
    for resource, pods in _evictions(findings, snapshot).items():
        on = {places.get(pod, "") for pod in pods}
        short.setdefault(resource, set()).update(place for place in on if snapshot.node(place))
    return short


def _waiting(findings: Iterable[Finding], snapshot: Snapshot) -> dict[str, list[Pod]]:
    """The pods that the scheduler finds no room for, by resource."""
    unplaced = {f.target for f in findings if _said(f, _UNPLACED)}
    waiting: dict[str, list[Pod]] = {}
    for pod in _suspects(snapshot):
        scheduled = pod.condition("PodScheduled")
        if pod.ref not in unplaced or scheduled is None:
            continue
        # What comes after says why preemption would not help either.
        said = scheduled.message.split("preemption:")[0]
        if not _SCHEDULER.match(said):
            continue
        wanted = {name.rstrip(".") for name in _INSUFFICIENT.findall(said)}
        if _TOO_MANY.search(said):
            wanted.add("pods")
        for resource in wanted:
            waiting.setdefault(resource, []).append(pod)
    return waiting


def _evictions(findings: Iterable[Finding], snapshot: Snapshot) -> dict[str, set[tuple[str, str]]]:
    """The pods that were evicted of late for want of something on their node, by resource."""
    now = snapshot.observed_at
    told = {
        _nameless(f.target)
        for f in findings
        if _said(f, _EVICTED) and f.since is not None and seconds_between(f.since, now) < WINDOW_SECONDS
    }
    texts = [(_nameless(pod.ref), pod.message) for pod in _suspects(snapshot) if _nameless(pod.ref) in told]
    texts += [
        (_nameless(e.target), e.message) for e in _recent(snapshot) if e.reason == "Evicted" and e.target.kind == "Pod"
    ]
    found: dict[str, set[tuple[str, str]]] = {}
    for pod, text in texts:
        low, conditions = _LOW.search(text), _CONDITION.search(text)
        if low:
            resources = {_RESOURCES.get(low[1], low[1])}
        else:
            names = conditions[1].replace(",", " ").split() if conditions else []
            resources = {_CONDITIONS[name] for name in names if name in _CONDITIONS}
        for resource in resources:
            found.setdefault(resource, set()).add(pod)
    return found


def _recent(snapshot: Snapshot) -> Iterable[Event]:
    for event in snapshot.events or ():
        if event.last is not None and seconds_between(event.last, snapshot.observed_at) < WINDOW_SECONDS:
            yield event


def _suspects(snapshot: Snapshot) -> tuple[Pod, ...]:
    return snapshot.pods.suspects if snapshot.pods else ()


def _said(finding: Finding, what: tuple[str, str]) -> bool:
    return (finding.check, finding.reason) == what


def _nameless(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.name


PATTERN = Pattern("ResourceExhaustion", "Several nodes or pods lack the same resource.", evaluate)
