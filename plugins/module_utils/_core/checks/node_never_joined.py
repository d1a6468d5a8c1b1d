# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeNeverJoined: a Node object that is old enough to have become a working node, and never did.

A node counts as never joined when it has been there for the threshold and one of these holds:

- it carries a taint that a controller takes off once it has finished the node's start. That is the controller's fault
  as a rule, and another machine would wait for it just the same, so this one is never repaired;
- its kubelet never posted a status: the controller-manager says so (NodeStatusNeverUpdated), or there is neither a
  Ready condition nor a Lease that was ever renewed. Not so while the Lease is in date or moves: that kubelet is
  about to post one;
- Ready became what it is within ``clock_skew`` of the node's creation, and it is not True.

Ready keeps the time of its last change only. So nothing is said of a node that was never Ready but fell silent later:
it looks like one that was Ready in between, and NodeReady reports it anyway. And a node that was Ready for less than
``clock_skew`` right after its creation, and never again, is taken for one that never was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import said
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

NOT_INITIALIZED = "NodeNotInitialized"
NEVER_REPORTED = "NodeNeverReported"
NEVER_READY = "NodeNeverReady"
AGE_UNKNOWN = "NodeAgeUnknown"

STARTUP_TAINTS = (
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cluster.x-k8s.io/uninitialized",
    "karpenter.sh/unregistered",
)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that has had the time to join and did not."""
    if snapshot.heartbeats is None:
        return
    now = snapshot.observed_at
    for node in snapshot.nodes or ():
        heartbeat = snapshot.heartbeats.get(node.name)
        reason, why = _reading(node, heartbeat, snapshot, policy)
        if not reason:
            continue
        if node.created is None:
            message = f"{why}; how old the node is, is not said"
            yield CHECK.finding(policy, node.ref, AGE_UNKNOWN, message, None, verdict=Verdict.UNKNOWN)
        elif CHECK.lasting(node.created, now, policy):
            message = f"{why}; the node was created {seconds_between(node.created, now)} s ago"
            finding = CHECK.finding(policy, node.ref, reason, message, node.created)
            yield replace(finding, remedy=Remedy.NONE) if reason == NOT_INITIALIZED else finding


def joining(node: Node, snapshot: Snapshot, policy: Policy) -> bool:
    """Whether the node is new, was never Ready, and still has time to become so: no trouble yet, and not its end."""
    if CHECK.name in policy.disabled_checks or snapshot.heartbeats is None or node.created is None:
        return False
    reason, _why = _reading(node, snapshot.heartbeats.get(node.name), snapshot, policy)
    return bool(reason) and not CHECK.lasting(node.created, snapshot.observed_at, policy)


def _reading(node: Node, heartbeat: Heartbeat | None, snapshot: Snapshot, policy: Policy) -> tuple[str, str]:
    """A reason and its words; both empty for a node that has joined, or may have."""
    waiting = next((t.key for t in node.taints if t.key in STARTUP_TAINTS), "")
    if waiting:
        return NOT_INITIALIZED, f"the node still has the startup taint {waiting}"
    ready = node.condition("Ready")
    if ready is None:
        if heartbeat is None or heartbeat.renewed is None:
            return NEVER_REPORTED, "the node has neither a Ready condition nor a Lease that was ever renewed"
        return "", ""
    if ready.status == "Unknown" and ready.reason == "NodeStatusNeverUpdated":
        if heartbeat is None or not heartbeat.alive(snapshot.observed_at):
            return NEVER_REPORTED, said(ready)
        return "", ""
    if ready.status not in ("False", "Unknown") or ready.last_transition is None or node.created is None:
        return "", ""
    # Two clocks: the kubelet's made the condition, the API server's made the object.
    if abs((ready.last_transition - node.created).total_seconds()) <= policy.clock_skew:
        return NEVER_READY, f"never Ready: {said(ready)}"
    return "", ""


CHECK = Check(
    name="NodeNeverJoined",
    about="A new node becomes Ready in time.",
    parts=("nodes", "heartbeats"),
    reasons={
        NOT_INITIALIZED: "a startup taint is still there, its controller never finished the node: never repaired",
        NEVER_REPORTED: "the kubelet never posted a status",
        NEVER_READY: "Ready has not been True since the node was created",
        AGE_UNKNOWN: "the node looks as if it never joined, and how old it is, is not said",
    },
    evaluate=evaluate,
    threshold=600,
    severity=Severity.ERROR,
    remedy=Remedy.REPLACE,
    patient=True,
)
