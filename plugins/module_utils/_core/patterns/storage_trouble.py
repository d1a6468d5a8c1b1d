# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""StorageTrouble: the volumes of several pods cannot be made, attached or mounted.

A pod is affected when PodPending or PodTerminating say that it is stuck (warnings left out) and there is, within the
last 3600 s, a Warning event about a volume of its; or when it is pending for an unbound claim while in its namespace a
volume could not be made. A ConfigMap, Secret or claim that is not there is its application's fault, although the
kubelet calls that FailedMount too; a pod with such an event is not affected.

Rule: at least 2 pods are affected. The root is

- the CSI driver or the StorageClass that the messages name, if at least 2 pods and half of them name one and no pod
  names another;
- or else the node, if all of them live on one;
- the one node that is down, if all of them wait for volumes that another node still holds.

Members are those pods and no node, so it blocks no repair: it tells what to look at. It errs on the side of silence: an
unknown wording names no root, an event without a time does not count, and neither do pods on nodes that are not Ready,
which are their nodes' trouble. What storage that hangs does to nodes is left to the patterns of nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import pod_pending, pod_terminating
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Event, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

LEAST = 2
WINDOW_SECONDS = 3600

STUCK = (pod_pending.CHECK.name, pod_terminating.CHECK.name)
POD_REASONS = {
    "FailedMount",
    "FailedAttachVolume",
    "FailedDetachVolume",
    "FailedMapVolume",
    "FileSystemResizeFailed",
    "VolumeResizeFailed",
}
CLAIM_REASONS = {"ProvisioningFailed", "FailedBinding", "VolumeFailedDelete", "VolumeFailedRecycle"}
UNBOUND = "unbound immediate PersistentVolumeClaims"

_APPLICATION = re.compile(
    r"\b(configmap|secret|serviceaccount|service account|kube-api-access)|references non-existent"
    r'|persistentvolumeclaim "[^"]{1,253}" not found|" not registered',
    re.IGNORECASE,
)
_HELD = "Multi-Attach error"
_NAME = r"([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)"
_DRIVERS = [
    re.compile(pattern)
    for pattern in (
        rf"driver name {_NAME} not found in the list of registered CSI drivers",
        rf"external-attacher of {_NAME} CSI driver",
        rf"does not contain driver {_NAME}",
        rf"kubernetes\.io/csi/{_NAME}\^",
    )
]
_CLASSES = [
    re.compile(rf'StorageClass "{_NAME}"'),
    re.compile(rf'storageclass\.storage\.k8s\.io "{_NAME}"'),
]
_Place = tuple[str, str]


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """At most one diagnosis."""
    affected = _affected(findings, snapshot)
    if len(affected) < LEAST:
        return
    suspects = snapshot.pods.suspects if snapshot.pods else ()
    places = {(p.namespace, p.name): p.node for p in suspects}
    homes = [places.get((pod.namespace, pod.name), "") for pod in affected]
    held = all(any(_HELD in e.message for e in events) for events in affected.values())
    root = _holder(findings, snapshot) if held else _named(affected) or _home(homes, snapshot)
    reasons = sorted({e.reason for events in affected.values() for e in events})
    known = set(affected)
    yield Diagnosis(
        pattern=PATTERN.name,
        members=_nodes.members(affected),
        cause="the volumes of several pods are still held by a node that does not let go of them"
        if held
        else "the volumes of several pods cannot be made, attached or mounted: the storage behind them is in trouble",
        remedy="find the node that the volumes are attached to: bring it back, or prove that it is off before its"
        " volumes are taken from it"
        if held
        else "look at the storage itself: the CSI driver's controller and node pods, the provider's volumes and quota,"
        " the file server; the pods go on by themselves once it works",
        message=f"{len(affected)} pods on {len(set(homes) - {''})} nodes wait for volumes ({', '.join(reasons)};"
        f" {_nodes.names(affected)})",
        root=root,
        since=min((f.since for f in findings if f.target in known and f.since is not None), default=None),
        evidence={
            "pods": len(affected),
            "nodes": len(set(homes) - {""}),
            "reasons": reasons,
        },
    )


def _affected(findings: Iterable[Finding], snapshot: Snapshot) -> dict[Ref, list[Event]]:
    """The pods that have trouble with volumes, each with the events about it."""
    of_pods: dict[_Place, list[Event]] = {}
    of_claims: dict[str, list[Event]] = {}
    for event in snapshot.events or ():
        if event.last is None or seconds_between(event.last, snapshot.observed_at) >= WINDOW_SECONDS:
            continue
        if event.reason in POD_REASONS and event.target.kind == "Pod":
            of_pods.setdefault((event.target.namespace, event.target.name), []).append(event)
        elif event.reason in CLAIM_REASONS and event.target.kind == "PersistentVolumeClaim":
            of_claims.setdefault(event.target.namespace, []).append(event)
    suspects = snapshot.pods.suspects if snapshot.pods else ()
    unbound = {
        (pod.namespace, pod.name)
        for pod in suspects
        for condition in pod.conditions
        if condition.type == "PodScheduled" and condition.status == "False" and UNBOUND in condition.message
    }
    affected: dict[Ref, list[Event]] = {}
    for finding in findings:
        pod = finding.target
        if finding.check not in STUCK or finding.is_warning or finding.verdict is not Verdict.UNHEALTHY:
            continue
        place = (pod.namespace, pod.name)
        events = [*of_pods.get(place, ()), *(of_claims.get(pod.namespace, ()) if place in unbound else ())]
        if events and not any(_APPLICATION.search(e.message) for e in events):
            affected[pod] = events
    return dict(sorted(affected.items()))


def _named(affected: dict[Ref, list[Event]]) -> Ref | None:
    """The driver or class that the messages agree on."""
    for kind, patterns in (("CSIDriver", _DRIVERS), ("StorageClass", _CLASSES)):
        by_pod = [
            {name for e in events for pattern in patterns for name in pattern.findall(e.message)}
            for events in affected.values()
        ]
        naming = [found for found in by_pod if found]
        agreed = set().union(*naming)
        if len(agreed) == 1 and len(naming) >= LEAST and 2 * len(naming) >= len(by_pod):
            return Ref(kind, agreed.pop())
    return None


def _home(homes: list[str], snapshot: Snapshot) -> Ref | None:
    node = snapshot.node(homes[0]) if len(set(homes)) == 1 else None
    return node.ref if node else None


def _holder(findings: Iterable[Finding], snapshot: Snapshot) -> Ref | None:
    down = list(_nodes.down(findings, snapshot.observed_at))
    return down[0] if len(down) == 1 else None


PATTERN = Pattern("StorageTrouble", "The volumes of several pods cannot be made, attached or mounted.", evaluate)
