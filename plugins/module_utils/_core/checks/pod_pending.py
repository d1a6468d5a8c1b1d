# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodPending: each pod gets a node, and its containers are started.

Waiting for a node and for containers is what every young pod does, so it is told once it lasts; a container that cannot
be started as it is described is told at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    START_REASONS,
    State,
    evidence,
    has_done,
    is_young,
    known,
    lasted,
    one_line,
    pods_by_state,
    since_of,
    unready,
    waiting,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

UNSCHEDULABLE = "Unschedulable"
GATED = "SchedulingGated"
IGNORED = "NotScheduled"
CREATING = "ContainersNotCreated"
INITIALIZING = "InitContainersNotDone"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod that has waited for the check's threshold, or that cannot be started."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        if state not in (State.START_ERROR, State.UNSCHEDULED, State.STARTING):
            continue
        since = known(since_of(pod, state), now)
        at_once = state is State.START_ERROR
        if not at_once and is_young(CHECK, policy, since, pod, now):
            continue
        reason, message = _reading(pod, state)
        yield CHECK.finding(
            policy,
            pod.ref,
            reason,
            f"{message} ({lasted(since, now)})",
            since,
            verdict=Verdict.UNHEALTHY if at_once or since is not None else Verdict.UNKNOWN,
            # Somebody holds the pod on purpose; an init container may have much to do.
            severity=Severity.WARNING if reason in (GATED, INITIALIZING) else None,
            place=pod.node,
            evidence=evidence(pod),
        )


def _reading(pod: Pod, state: State) -> tuple[str, str]:
    if state is State.START_ERROR:
        stuck = waiting(pod, START_REASONS)[0]
        return stuck.reason, f"container {stuck.name}: {one_line(stuck.message) or START_REASONS[stuck.reason]}"
    if state is State.UNSCHEDULED:
        scheduled = pod.condition("PodScheduled")
        if scheduled is None or scheduled.status == "True":
            return IGNORED, "no scheduler has looked at the pod"
        if scheduled.reason == GATED:
            return GATED, "the pod is held back by its scheduling gates"
        return UNSCHEDULABLE, one_line(scheduled.message or scheduled.reason) or "no node takes the pod"
    late = unready(pod)
    at_work = [c.name for c in late if c.init and c.state != "waiting"]
    done = sum(c.init and has_done(c) for c in pod.containers)
    if at_work:
        return INITIALIZING, f"init container {', '.join(at_work)} has not done its work, {done} have"
    why = "; ".join(f"{c.name} is {c.state or 'not told of'} {c.reason}".strip() for c in late)
    return CREATING, f"{pod.node} has not started the pod's containers: {one_line(why) or 'it says nothing of them'}"


CHECK = Check(
    name="PodPending",
    about="Each pod gets a node, and its containers are started.",
    parts=("pods",),
    reasons={
        UNSCHEDULABLE: "no node takes the pod",
        GATED: "the pod is held back by its scheduling gates",
        IGNORED: "no scheduler has looked at the pod",
        CREATING: "the pod has a node, which does not start its containers (image, volumes or network)",
        INITIALIZING: "an init container has not done its work",
        **START_REASONS,
    },
    evaluate=evaluate,
    threshold=300,
    patient=True,
)
