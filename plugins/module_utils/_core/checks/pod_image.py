# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodImage: the image of each container can be had."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    IMAGE_REASONS,
    State,
    evidence,
    known,
    one_line,
    pods_by_state,
    since_of,
    waiting,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each pod with a container that waits for its image."""
    for pod, state in pods_by_state(snapshot):
        if state is not State.IMAGE:
            continue
        first, *others = waiting(pod, IMAGE_REASONS)
        more = f" (and {len(others)} more containers)" if others else ""
        yield CHECK.finding(
            policy,
            pod.ref,
            first.reason,
            f"container {first.name} has no image: {one_line(first.message) or IMAGE_REASONS[first.reason]}{more}",
            known(since_of(pod, state), snapshot.observed_at),
            place=pod.node,
            evidence=evidence(pod),
        )


CHECK = Check(
    name="PodImage",
    about="The image of each container can be had.",
    parts=("pods",),
    reasons=IMAGE_REASONS,
    evaluate=evaluate,
)
