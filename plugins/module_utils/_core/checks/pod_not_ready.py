# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodNotReady: each pod that runs is ready.

Pods on a node that is not Ready, or silent, are the node's trouble: they are told as warnings, and unknown where the
API still calls them ready, because nobody has looked since.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    State,
    down_since,
    evidence,
    has_done,
    is_young,
    known,
    lasted,
    names,
    one_line,
    pods_by_state,
    unmet_gates,
    unready,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

CONTAINERS = "ContainersNotReady"
GATES = "ReadinessGatesNotMet"
PARTLY_DONE = "PodPartlyCompleted"
NODE = "PodOnUnreadyNode"
UNREADABLE = "PodPhaseUnknown"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod that runs and has not been ready for the check's threshold."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        if state not in (State.NOT_READY, State.UNTRUSTED, State.UNREADABLE):
            continue
        since = known(_node_since(snapshot, pod) if state is State.UNTRUSTED else down_since(pod), now)
        if is_young(CHECK, policy, since, pod, now):
            continue
        reason, message = _reading(snapshot, pod, state)
        yield CHECK.finding(
            policy,
            pod.ref,
            reason,
            f"{message} ({lasted(since, now)})",
            since,
            verdict=_verdict(pod, state, since),
            severity=Severity.WARNING if reason in (NODE, PARTLY_DONE) else None,
            place=pod.node,
            evidence=evidence(pod) | {"gates": unmet_gates(pod)},
        )


def _verdict(pod: Pod, state: State, since: datetime | None) -> Verdict:
    looked = state is not State.UNREADABLE and since is not None
    if state is State.UNTRUSTED:
        looked = looked and down_since(pod) is not None
    return Verdict.UNHEALTHY if looked else Verdict.UNKNOWN


def _node_since(snapshot: Snapshot, pod: Pod) -> datetime | None:
    if (since := down_since(pod)) is not None:
        return since
    node = snapshot.node(pod.node)
    ready = None if node is None else node.condition("Ready")
    if ready is not None and ready.status != "True":
        return ready.last_transition
    beat = (snapshot.heartbeats or {}).get(pod.node)
    return None if ready is None or beat is None else beat.runs_out


def _reading(snapshot: Snapshot, pod: Pod, state: State) -> tuple[str, str]:
    ready = pod.condition("Ready")
    if state is State.UNREADABLE:
        return UNREADABLE, f"the pod's phase is {pod.phase or 'not said'}"
    if state is State.UNTRUSTED:
        says = "is not said to be ready" if ready is None else f"was last said to be Ready {ready.status}"
        node = "is silent or not Ready" if snapshot.node(pod.node) else "does not exist"
        return NODE, f"its node {pod.node} {node}, the pod {says}"
    late = unready(pod)
    main = [c for c in pod.containers if not c.init]
    if late and all(has_done(c) for c in late):
        return PARTLY_DONE, f"{names(late)} of {len(main)} containers ended well, the pod goes on running"
    if late:
        return CONTAINERS, f"{len(late)} of {len(pod.containers)} containers are not ready: {names(late)}"
    if not main:
        said = one_line("" if ready is None else ready.message)
        return CONTAINERS, "the kubelet tells of no container" + (f": {said}" if said else "")
    return GATES, f"its containers are ready, but not the readiness gates {', '.join(unmet_gates(pod))}"


CHECK = Check(
    name="PodNotReady",
    about="Each pod that runs is ready.",
    parts=("pods",),
    reasons={
        CONTAINERS: "a container runs and is not ready",
        GATES: "all containers are ready, but a readiness gate is not met",
        PARTLY_DONE: "a container has ended well, and the others go on running",
        NODE: "the pod's node is not Ready, silent or gone, so nobody knows how the pod is",
        UNREADABLE: "the pod has no phase that we know",
    },
    evaluate=evaluate,
    threshold=300,
    patient=True,
)
