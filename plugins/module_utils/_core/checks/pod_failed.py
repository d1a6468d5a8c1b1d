# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodFailed: no pod has failed.

Who replaces a failed pod decides how much it matters. A ReplicaSet makes another one and leaves the failed one lying; a
StatefulSet or DaemonSet cannot before it is gone; a Job, or whatever else runs pods to their end, has its own way of
counting failures, so its pods are told for an hour only.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    State,
    evidence,
    failed_at,
    known,
    lasted,
    one_line,
    pods_by_state,
    within,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import RECENT

EVICTED = "Evicted"
NODE_LOST = "PodLostWithNode"
REJECTED = "PodRejectedByNode"
DEADLINE = "DeadlineExceeded"
FAILED = "PodFailed"

# What the pod's status.reason says -> the reason of the finding. The kubelet's other words begin with one of the last.
_REASONS = {
    "Evicted": EVICTED,
    "Preempting": EVICTED,
    "NodeLost": NODE_LOST,
    "NodeShutdown": NODE_LOST,
    "Shutdown": NODE_LOST,
    "Terminated": NODE_LOST,
    "DeadlineExceeded": DEADLINE,
    "UnexpectedAdmissionError": REJECTED,
}
_REJECTIONS = ("AppArmor", "Node", "OutOf", "Pod", "Sysctl", "Topology")
# Without a controller, of one that cannot replace it before it is gone, or a static pod, which belongs to its node.
_MISSED = ("", "StatefulSet", "DaemonSet", "Node")
_REPLACED = ("ReplicaSet", "ReplicationController")


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod whose phase is Failed."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        kind = pod.owner.partition("/")[0]
        if state is not State.FAILED:
            continue
        since = known(failed_at(pod), now)
        if kind not in (*_MISSED, *_REPLACED) and since is not None and not within(since, RECENT, now):
            continue
        yield CHECK.finding(
            policy,
            pod.ref,
            _reason(pod),
            _message(pod, kind, lasted(since, now)),
            since,
            severity=Severity.ERROR if kind in _MISSED else Severity.WARNING,
            place=pod.node,
            evidence=evidence(pod) | {"reason": pod.reason},
        )


def _reason(pod: Pod) -> str:
    if pod.reason in _REASONS:
        return _REASONS[pod.reason]
    return REJECTED if pod.reason.startswith(_REJECTIONS) else FAILED


def _message(pod: Pod, kind: str, lasting: str) -> str:
    ended = [f"{c.name} ended with {c.exit_code} ({c.reason or 'no reason'})" for c in pod.containers if c.exit_code]
    said = one_line(": ".join(t for t in (pod.reason, pod.message) if t) or "; ".join(ended) or "it does not say why")
    if kind in _REPLACED:
        fate = f"{pod.owner} replaces it, this one is only left over"
    elif kind in _MISSED:
        fate = f"{pod.owner} is short of it" if kind else "nobody replaces it"
    else:
        fate = f"{pod.owner} decides whether to try again"
    return f"{said}; {fate} (failed {lasting})"


CHECK = Check(
    name="PodFailed",
    about="No pod has failed.",
    parts=("pods",),
    reasons={
        EVICTED: "the pod was put off its node, which was short of something",
        NODE_LOST: "the pod ended with its node",
        REJECTED: "the kubelet would not take the pod",
        DEADLINE: "the pod has run longer than it may",
        FAILED: "a container of the pod has failed, and it is not started again",
    },
    evaluate=evaluate,
)
