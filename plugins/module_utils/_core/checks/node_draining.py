# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeDraining: a node that is to leave the cluster, and does not get empty.

That a node is to leave is said by its deletion or by the taint of an autoscaler. A cordon alone says nothing: people
cordon nodes for weeks. Draining began with the first of these; where none has a time (Karpenter's taint has none), the
cordon's is taken, which may be older. The usual causes are PodDisruptionBudgets and finalizers, about which only people
can decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node, Taint
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

DRAINING = "NodeStuckDraining"
DELETING = "NodeStuckDeleting"
SINCE_UNKNOWN = "DrainingSinceUnknown"

AUTOSCALER = "ToBeDeletedByClusterAutoscaler"
MARKS = (AUTOSCALER, "karpenter.sh/disrupted", "karpenter.sh/disruption")
CORDON = "node.kubernetes.io/unschedulable"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that has been on its way out for longer than the threshold."""
    now = snapshot.observed_at
    for node in snapshot.nodes or ():
        marks = [t for t in node.taints if t.key in MARKS]
        if not (marks or node.deleting):
            continue
        signs = [t.key for t in marks] + ["deletionTimestamp"] * node.deleting
        evidence = {"signs": signs, "cordoned": node.unschedulable}
        since = _since(node, marks)
        if since is None:
            message = f"the node is leaving ({', '.join(signs)}), since when is not said"
            yield CHECK.finding(
                policy, node.ref, SINCE_UNKNOWN, message, None, verdict=Verdict.UNKNOWN, evidence=evidence
            )
        elif CHECK.lasting(since, now, policy):
            reason = DELETING if node.deleting else DRAINING
            message = f"the node has been leaving for {seconds_between(since, now)} s ({', '.join(signs)})"
            yield CHECK.finding(policy, node.ref, reason, message, since, evidence=evidence)


def _since(node: Node, marks: Iterable[Taint]) -> datetime | None:
    begun = [at for at in (node.deleted, *map(_added, marks)) if at is not None]
    if begun:
        return min(begun)
    cordons = [t.added for t in node.taints if t.key == CORDON and t.added is not None]
    return min(cordons) if cordons and node.unschedulable else None


def _added(taint: Taint) -> datetime | None:
    # The cluster-autoscaler writes the time into the value, in seconds since 1970.
    if taint.key == AUTOSCALER and taint.value.isascii() and taint.value.isdecimal() and len(taint.value) < 12:
        return datetime.fromtimestamp(int(taint.value), UTC)
    return taint.added


CHECK = Check(
    name="NodeDraining",
    about="A node that is to leave the cluster gets empty and leaves.",
    parts=("nodes",),
    reasons={
        DRAINING: "an autoscaler has marked the node for removal, and it is still there",
        DELETING: "the Node object is being deleted, and a finalizer holds it",
        SINCE_UNKNOWN: "the node is leaving, and since when is not said",
    },
    evaluate=evaluate,
    threshold=3600,
    severity=Severity.WARNING,
    remedy=Remedy.NONE,
    patient=True,
)
