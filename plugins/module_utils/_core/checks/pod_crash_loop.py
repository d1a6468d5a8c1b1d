# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodCrashLoop: no container crashes again and again.

Told at once: the kubelet itself calls it so from the second crash on, and its pauses grow to five minutes, so that a
threshold counted from the last crash would never be reached.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    CRASH_LOOP,
    State,
    evidence,
    known,
    one_line,
    pods_by_state,
    since_of,
    waiting,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Container
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod with such a container."""
    for pod, state in pods_by_state(snapshot):
        if state is not State.CRASH_LOOP:
            continue
        crashing = waiting(pod, {CRASH_LOOP})
        yield CHECK.finding(
            policy,
            pod.ref,
            CRASH_LOOP,
            one_line("; ".join(_told(c) for c in crashing)),
            known(since_of(pod, state), snapshot.observed_at),
            place=pod.node,
            evidence=evidence(pod),
        )


def _told(container: Container) -> str:
    kind = "init container" if container.init else "container"
    code = "unknown" if container.last_exit_code is None else container.last_exit_code
    ended = f"{container.last_reason or 'no reason'}, exit code {code}"
    return f"{kind} {container.name} has crashed and is started again later ({ended}, {container.restarts} restarts)"


CHECK = Check(
    name="PodCrashLoop",
    about="No container crashes again and again.",
    parts=("pods",),
    reasons={CRASH_LOOP: "a container crashes again and again, and the kubelet pauses before the next start"},
    evaluate=evaluate,
)
