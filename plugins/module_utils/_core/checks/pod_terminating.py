# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodTerminating: each pod that is deleted goes.

The moment of deletion that the API gives already includes the time that the pod may take. Pods that have ended well are
left alone here: they hold nothing but their names, and the table calls them Completed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    State,
    evidence,
    is_believed,
    lasted,
    pods_by_state,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

STUCK = "PodStuckTerminating"
FINALIZERS = "PodHeldByFinalizers"
NODE = "PodTerminatingOnUnreadyNode"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod that should have been gone for the check's threshold."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        if state is not State.TERMINATING or not CHECK.lasting(pod.deleted, now, policy):
            continue
        is_silent = not is_believed(pod, snapshot)
        reason = NODE if is_silent else FINALIZERS if pod.finalizers else STUCK
        held = f", finalizers {', '.join(pod.finalizers)}" if pod.finalizers else ""
        yield CHECK.finding(
            policy,
            pod.ref,
            reason,
            f"should have been gone {lasted(pod.deleted, now)}; {_node(snapshot, pod, is_silent)}{held}",
            pod.deleted,
            # It waits for the node by design: nobody else can say that its containers have stopped.
            severity=Severity.WARNING if reason == NODE else None,
            place=pod.node,
            evidence=evidence(pod) | {"finalizers": list(pod.finalizers)},
        )


def _node(snapshot: Snapshot, pod: Pod, is_silent: bool) -> str:
    if not pod.node:
        return "it has no node"
    if snapshot.nodes is None:
        return f"its node {pod.node} was not read"
    if not is_silent:
        return f"its node {pod.node} is Ready"
    return f"its node {pod.node} " + ("is silent or not Ready" if snapshot.node(pod.node) else "does not exist")


CHECK = Check(
    name="PodTerminating",
    about="Each pod that is deleted goes.",
    parts=("pods",),
    reasons={
        STUCK: "the kubelet does not bring the deletion to its end",
        FINALIZERS: "a finalizer that nobody takes away holds the pod",
        NODE: "the pod's node is not Ready, silent or gone, so nobody can say that its containers have stopped",
    },
    evaluate=evaluate,
    threshold=300,
    patient=True,
)
