# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeReady: the Ready condition of each node, with the age of its heartbeat as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_never_joined
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

NOT_READY = "NodeNotReady"
RUNTIME_DOWN = "ContainerRuntimeDown"
NETWORK_DOWN = "PodNetworkDown"
STATUS_UNKNOWN = "NodeStatusUnknown"
READY_MISSING = "ReadyConditionMissing"
SINCE_MISSING = "ReadyTransitionTimeMissing"
# The kubelet's own words for a container runtime that does not answer, or says itself that it is not ready. What it
# says in the first seconds after its start ("may not have completed yet") is not among them.
_RUNTIME = ("container runtime is down", "container runtime not ready", "PLEG is not healthy")
# The same for a runtime that is well, and has no configuration or no program to make a pod's network with.
_NETWORK = "container runtime network not ready"
# Clocks that agree with each other differ by less.
AHEAD = timedelta(seconds=40)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose Ready condition is not True."""
    for node in snapshot.nodes or ():
        ready = node.condition("Ready")
        if ready is not None and ready.status == "True":
            continue
        # Each node that an autoscaler adds is not Ready at first; NodeNeverJoined tells of those that stay so.
        if node_never_joined.joining(node, snapshot, policy):
            continue
        verdict, reason, message, since = _reading(ready)
        if since is not None and not _believable(since, reason, node, snapshot):
            message, since = f"{message}, since when cannot be told: its clock is wrong, or it is silent", None
        yield CHECK.finding(
            policy, node.ref, reason, message, since, verdict=verdict, evidence=_evidence(snapshot, node, ready)
        )


def _reading(ready: Condition | None) -> tuple[Verdict, str, str, datetime | None]:
    if ready is None or ready.status not in ("False", "Unknown"):
        return Verdict.UNKNOWN, READY_MISSING, "the node has no readable Ready condition", None
    said = ": ".join(text for text in (ready.reason, ready.message) if text)
    if ready.last_transition is None:
        return Verdict.UNKNOWN, SINCE_MISSING, f"Ready is {ready.status}, since when is not said ({said})", None
    reason = STATUS_UNKNOWN
    if ready.status == "False":
        # A runtime that is down says nothing of its network, so that one comes first.
        reason = RUNTIME_DOWN if any(words in ready.message for words in _RUNTIME) else NOT_READY
        if reason == NOT_READY and _NETWORK in ready.message:
            reason = NETWORK_DOWN
    return Verdict.UNHEALTHY, reason, f"Ready is {ready.status} ({said})", ready.last_transition


def _believable(since: datetime, reason: str, node: Node, snapshot: Snapshot) -> bool:
    """Whether the time of the transition is good enough to count from.

    Unknown is written by a controller, but False by the kubelet, by a clock that may be off by hours. Its Lease is
    renewed by the same clock, so one that is in date by ours proves it right.
    """
    if since > snapshot.observed_at + AHEAD:
        return False
    if reason == STATUS_UNKNOWN or snapshot.heartbeats is None:
        return True
    lease = snapshot.heartbeats.get(node.name)
    return lease is not None and not lease.expired(snapshot.observed_at)


def _evidence(snapshot: Snapshot, node: Node, ready: Condition | None) -> dict[str, object]:
    evidence: dict[str, object] = {"ready": None if ready is None else ready.status}
    if snapshot.heartbeats is None:
        evidence["heartbeat"] = "unread"
        return evidence
    heartbeat = snapshot.heartbeats.get(node.name)
    if heartbeat is None:
        evidence["heartbeat"] = "absent"
        return evidence
    evidence["heartbeat"] = format_time(heartbeat.renewed)
    evidence["heartbeat_age_seconds"] = heartbeat.age(snapshot.observed_at)
    evidence["heartbeat_expired"] = heartbeat.expired(snapshot.observed_at)
    return evidence


CHECK = Check(
    name="NodeReady",
    about="The kubelet reports that the node is ready for pods.",
    parts=("nodes",),
    reasons={
        NOT_READY: "Ready is False: the kubelet says so itself",
        RUNTIME_DOWN: "Ready is False, and the kubelet says that it is the container runtime",
        NETWORK_DOWN: "Ready is False, and the kubelet says that the runtime has no network for pods",
        STATUS_UNKNOWN: "Ready is Unknown: the kubelet has stopped reporting",
        READY_MISSING: "the node has no readable Ready condition",
        SINCE_MISSING: "Ready is not True, and since when is not said",
    },
    evaluate=evaluate,
    threshold=300,
    severity=Severity.CRITICAL,
    remedy=Remedy.REPLACE,
)
