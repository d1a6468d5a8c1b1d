# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodRestarts: no container was restarted too often, and lately.

The count never goes down: without the second half a pod that fell over six times last year would be sick for ever.
Nor does a restart count that followed a good end, unless the container waits for its next start.
"""

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
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import RECENT
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

RESTARTS = "TooManyRestarts"
# Waiting for these is waiting for a first start, after a reboot of the node for example.
_STARTING = ("ContainerCreating", "PodInitializing")


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod with such a container, about the one that was restarted most."""
    now = snapshot.observed_at
    for pod, state in pods_by_state(snapshot):
        if state in (State.ENDED, State.FAILED, State.TERMINATING):
            continue
        often = [c for c in live(pod) if c.restarts > policy.pod_restart_threshold and _is_restless(c, now)]
        if not often:
            continue
        worst = max(often, key=lambda c: (c.restarts, c.name))
        since = known(worst.last_finished, now)
        told = "is waiting for the next" if since is None else f"the last {seconds_between(since, now)} s ago"
        yield CHECK.finding(
            policy,
            pod.ref,
            RESTARTS,
            f"container {worst.name} was restarted {worst.restarts} times, {told}"
            f" (more than {policy.pod_restart_threshold} are too many)",
            since,
            place=pod.node,
            evidence=evidence(pod) | {"restarts": {c.name: c.restarts for c in often}},
        )


def _is_restless(container: Container, now: datetime) -> bool:
    if container.state == "waiting" and not container.ready and container.reason not in _STARTING:
        return True
    # One that ended well was made to end, every night for example, and is started again.
    return container.last_exit_code != 0 and within(container.last_finished, RECENT, now)


CHECK = Check(
    name="PodRestarts",
    about="No container was restarted too often, and lately.",
    parts=("pods",),
    reasons={RESTARTS: "a container was restarted more often than the policy allows, and within the last hour"},
    evaluate=evaluate,
)
