# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""paused: a person says hands off, of a node by an annotation or of the whole cluster by a setting."""

from __future__ import annotations

from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time

ANNOTATION = "selfheal.kubernetes/paused"


def holds(value: str, now: datetime) -> bool:
    """Whether a pause still holds: for ever, unless its first word is a time that has passed.

    Any other value pauses, even "false": someone who wrote it at 3 a.m. wanted attention, not an argument.
    """
    until = parse_time((value.split() or [""])[0])
    return until is None or now < until


def objection_to(node: Node, situation: Situation) -> str | None:
    """Why a node is to be left as it is, whatever is to be done to it."""
    owner, job = situation.policy.owner_paused, situation.policy.paused
    if owner and holds(owner, situation.now):
        return f"the cluster is paused ({owner}); the playbook selfheal.kubernetes.resume ends that"
    if job and holds(job, situation.now):
        return f"this run is paused ({job}) by its own setting"
    value = node.annotations.get(ANNOTATION)
    if value is None or not holds(value, situation.now):
        return None
    return f"annotation {ANNOTATION}={value!r} is on the node; take it off to allow repairs"


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    return objection_to(candidate.node, situation)


GUARD = Guard(
    "paused",
    f"No repair in a paused cluster, nor of a node with the annotation {ANNOTATION}.",
    _objection,
    quiet=True,
    steered_by=("paused",),
)
