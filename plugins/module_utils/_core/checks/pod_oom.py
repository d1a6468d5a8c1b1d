# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodOOM: no container ran out of its memory lately."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    State,
    evidence,
    known,
    live,
    pods_by_state,
    within,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Container
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

OOM = "OOMKilled"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod with such a container, about the one that was killed last."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        if state in (State.ENDED, State.TERMINATING):
            continue
        kills = [
            (at, c.name, c)
            for c in live(pod)
            if (at := _killed(c)) is not None and within(at, policy.pod_oom_window, now)
        ]
        if not kills:
            continue
        at, name, container = max(kills, key=lambda kill: kill[:2])
        yield CHECK.finding(
            policy,
            pod.ref,
            OOM,
            f"container {name} ran out of memory {seconds_between(at, now)} s ago and was killed"
            f" ({container.restarts} restarts)",
            known(at, now),
            place=pod.node,
            evidence=evidence(pod) | {"killed": sorted(name for _at, name, _container in kills)},
        )


def _killed(container: Container) -> datetime | None:
    if container.state == "terminated" and container.reason == OOM and not container.ready:
        return container.finished
    # A last state without a restart since contradicts itself, and the table does not show it.
    contradicts = container.ready and container.restarts <= 0
    return container.last_finished if container.last_reason == OOM and not contradicts else None


CHECK = Check(
    name="PodOOM",
    about="No container ran out of its memory lately.",
    parts=("pods",),
    reasons={OOM: "a container used more memory than it may and was killed"},
    evaluate=evaluate,
)
