# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What the checks of pods share: which trouble a pod is in, so that two of them do not tell the same one.

A pod is in one state, and each state belongs to one check. Two checks look besides it, because what they tell is a
matter of history: PodRestarts and PodOOM. NodeDaemonSets speaks of a pod again, because its node is then without it.
"""

from __future__ import annotations

from collections.abc import Container as Collection
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Container, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import is_trusted
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

CRASH_LOOP = "CrashLoopBackOff"
# The kubelet's words for an image that it cannot get, each with what it means.
IMAGE_REASONS: Mapping[str, str] = {
    "ErrImagePull": "the image could not be pulled",
    "ImagePullBackOff": "the image could not be pulled again and again",
    "InvalidImageName": "the name of the image is not valid",
    "ErrImageNeverPull": "the image is not on the node, and its pull policy is Never",
    "RegistryUnavailable": "the registry does not answer",
    "ImageInspectError": "the image on the node cannot be read",
    "SignatureValidationFailed": "the signature of the image is not valid",
}
# Its words for a container that it cannot make or start, which waiting does not mend.
START_REASONS: Mapping[str, str] = {
    "CreateContainerConfigError": "something that the container's configuration names is missing",
    "CreateContainerError": "the container runtime could not make the container",
    "RunContainerError": "the container runtime could not start the container",
    "PreCreateHookError": "a hook before the container is made has failed",
    "PreStartHookError": "a hook before the container's start has failed",
    "PostStartHookError": "the container's postStart hook has failed",
}
TEXT_LIMIT = 200


class State(StrEnum):
    """What a pod's main trouble is, in the order in which they are looked for: the first one counts."""

    ENDED = "it has ended well"
    TERMINATING = "it is being deleted (PodTerminating)"
    FAILED = "it has failed (PodFailed)"
    UNTRUSTED = "nobody on its node keeps its status up to date (PodNotReady)"
    IMAGE = "an image is missing (PodImage)"
    CRASH_LOOP = "a container crashes again and again (PodCrashLoop)"
    START_ERROR = "a container cannot be started (PodPending)"
    UNSCHEDULED = "it has no node (PodPending)"
    STARTING = "its containers have not been started (PodPending)"
    UNREADABLE = "it has no phase that we know (PodNotReady)"
    NOT_READY = "it runs and is not ready (PodNotReady)"
    WELL = "it runs and is ready"


# What every young pod goes through: trouble only once it lasts.
PATIENT = frozenset({State.UNSCHEDULED, State.STARTING, State.UNREADABLE, State.NOT_READY, State.TERMINATING})


def state_of(pod: Pod, believed: bool) -> State:
    """The pod's main trouble.

    :param believed: whether its node keeps its status up to date.
    """
    if pod.phase == "Succeeded":
        return State.ENDED
    if pod.deleted is not None:
        return State.TERMINATING
    if pod.phase == "Failed":
        return State.FAILED
    if not believed:
        return State.UNTRUSTED
    for reasons, state in (
        (IMAGE_REASONS, State.IMAGE),
        ({CRASH_LOOP}, State.CRASH_LOOP),
        (START_REASONS, State.START_ERROR),
    ):
        if waiting(pod, reasons):
            return state
    if pod.phase == "Pending":
        return State.STARTING if pod.node else State.UNSCHEDULED
    if pod.phase != "Running":
        return State.UNREADABLE
    return State.NOT_READY if _is_not_ready(pod) else State.WELL


def pods_by_state(snapshot: Snapshot) -> Iterator[tuple[Pod, State]]:
    """Every pod that was read in full, with its state."""
    for pod in snapshot.pods.suspects if snapshot.pods is not None else ():
        yield pod, state_of(pod, is_believed(pod, snapshot))


def is_believed(pod: Pod, snapshot: Snapshot) -> bool:
    """Whether the pod's node, if it has one, keeps the pod's status up to date; it does where no nodes were read."""
    if not pod.node or snapshot.nodes is None:
        return True
    node = snapshot.node(pod.node)
    return node is not None and is_trusted(node, snapshot.heartbeats, snapshot.observed_at)


def waiting(pod: Pod, reasons: Collection[str]) -> list[Container]:
    """The containers that wait for one of these reasons."""
    return [c for c in unready(pod) if c.state == "waiting" and c.reason in reasons]


def live(pod: Pod) -> list[Container]:
    """The containers without the init containers that have done their work, which the API calls ready for ever."""
    return [c for c in pod.containers if not (c.init and has_done(c))]


def unready(pod: Pod) -> list[Container]:
    """The containers that are not ready."""
    return [c for c in live(pod) if not c.ready]


def has_done(container: Container) -> bool:
    """Whether the container has ended well."""
    return container.state == "terminated" and container.exit_code == 0


def unmet_gates(pod: Pod) -> list[str]:
    """The readiness gates that nobody has opened."""
    return [g for g in pod.gates if (met := pod.condition(g)) is None or met.status != "True"]


def down_since(pod: Pod) -> datetime | None:
    """Since when the pod has not been ready, by its Ready condition."""
    ready = pod.condition("Ready")
    return None if ready is None or ready.status == "True" else ready.last_transition


def since_of(pod: Pod, state: State) -> datetime | None:
    """When the pod's main trouble began, as far as the API tells."""
    if state is State.TERMINATING:
        return pod.deleted
    if state is State.UNSCHEDULED:
        scheduled = pod.condition("PodScheduled")
        return pod.created if scheduled is None else scheduled.last_transition
    if state is State.STARTING:
        # Before it had a node it was the scheduler's turn.
        scheduled = pod.condition("PodScheduled")
        return None if scheduled is None or scheduled.status != "True" else scheduled.last_transition
    if state is State.CRASH_LOOP:
        # Ready comes back for a moment at each start where there is no probe, so the older of the two is nearer.
        ends = [c.last_finished for c in waiting(pod, {CRASH_LOOP})]
        return min((t for t in (down_since(pod), *ends) if t is not None), default=None)
    if state is State.FAILED:
        return failed_at(pod)
    return down_since(pod)


def failed_at(pod: Pod) -> datetime | None:
    """When a failed pod's last container ended; for one that was turned off the node, when it was marked for that."""
    ends = [c.finished for c in pod.containers if c.finished is not None]
    marked = pod.condition("DisruptionTarget")
    return max(ends) if ends else (marked.last_transition if marked is not None else down_since(pod))


def known(since: datetime | None, now: datetime) -> datetime | None:
    """The moment itself unless it lies in the future, which says nothing about how long something has lasted."""
    return since if since is not None and since <= now else None


def is_young(check: Check, policy: Policy, since: datetime | None, pod: Pod, now: datetime) -> bool:
    """Whether the trouble has surely not lasted for the check's threshold: where nobody says, the pod's age tells."""
    began = pod.created if since is None else since
    return began is not None and not check.lasting(began, now, policy)


def within(moment: datetime | None, window: int, now: datetime) -> bool:
    """Whether the moment is less than so many seconds ago; one in the future is, because clocks differ."""
    return moment is not None and now - moment < timedelta(seconds=window)


def lasted(since: datetime | None, now: datetime) -> str:
    """How long, for a message."""
    return "since when is not known" if since is None else f"for {seconds_between(since, now)} s"


def one_line(text: str) -> str:
    """The text without line breaks, cut to what fits into a message."""
    words = " ".join(text.split())
    return words if len(words) <= TEXT_LIMIT else words[: TEXT_LIMIT - 3] + "..."


def names(containers: Iterable[Container]) -> str:
    """The names of the containers, for a message."""
    return ", ".join(c.name for c in containers)


def evidence(pod: Pod) -> dict[str, Any]:
    """What the pod is part of, and what each container that is not ready does."""
    return {
        "owner": pod.owner,
        "phase": pod.phase,
        "containers": {c.name: _doing(c) for c in unready(pod)},
    }


def _doing(container: Container) -> str:
    said = f"{container.state or 'unknown'} {container.reason}".strip()
    if container.state == "terminated":
        said += f", exit code {container.exit_code}"
    elif container.last_reason:
        said += f", before that {container.last_reason}, exit code {container.last_exit_code}"
    return f"{said}, {container.restarts} restarts"


def _is_not_ready(pod: Pod) -> bool:
    ready = pod.condition("Ready")
    if ready is not None and ready.status == "True":
        return False
    # A Ready condition that contradicts containers, gates and node is left over from before, until the kubelet corrects
    # it; the table of pods does not show it, so no check may depend on it.
    return bool(unready(pod) or unmet_gates(pod)) or all(c.init for c in pod.containers)
