# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Storms: when the trouble is not in the nodes, nobody is touched, and for a while after it is over neither.

What was planned for in a storm must not all be done in the moment in which it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import network_partition
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, parse_time

MASS_FAILURE = "mass_failure"


@dataclass(frozen=True)
class Storm:
    """The last storm that is remembered; ``ended`` is None for as long as it lasts."""

    cause: str
    since: datetime
    ended: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """The storm as the ClusterRecord keeps it."""
        told = {"cause": self.cause, "since": format_time(self.since)}
        return told if self.ended is None else {**told, "ended": format_time(self.ended)}

    @classmethod
    def from_dict(cls, item: Mapping[str, Any]) -> Storm:
        """Read what ``to_dict`` has written.

        :raises ValueError: when it is something else.
        """
        since, ended = parse_time(item.get("since")), parse_time(item.get("ended"))
        if since is None or (ended is None and item.get("ended") is not None):
            raise ValueError(f"expected a storm with readable times, got {dict(item)!r}")
        return cls(str(item.get("cause") or ""), since, ended)


def later(one: Storm | None, other: Storm | None) -> Storm | None:
    """The one that began later, of two memories of the last storm; the first one where they are of the same."""
    if one is None or other is None:
        return one or other
    return other if other.since > one.since else one


def too_many(snapshot: Snapshot, judgement: Judgement, policy: Policy) -> str:
    """Why there are too many sick nodes for any of them to be repaired, with the numbers; empty when there are not."""
    nodes = snapshot.nodes
    if nodes is None or snapshot.heartbeats is None:
        return "the sick nodes cannot be counted, because nodes or their Leases could not be read"
    # NodeHeartbeat is among the checks, so that nodes which a stopped controller-manager leaves Ready count as well.
    sick = judgement.nodes_down
    percent = policy.mass_failure_percent
    limit = max(1, len(nodes) * percent // 100)
    return (
        ""
        if sick <= limit
        else (f"{sick} of {len(nodes)} nodes are sick or silent; the limit is {limit} ({percent} %, at least 1)")
    )


def cause_of(snapshot: Snapshot, judgement: Judgement, policy: Policy) -> str:
    """What makes it a storm now; empty when it is none."""
    if too_many(snapshot, judgement, policy):
        return MASS_FAILURE
    partition = network_partition.PATTERN.name
    return partition if any(found.pattern == partition for found in judgement.patterns) else ""


def follow(
    known: Storm | None, snapshot: Snapshot, judgement: Judgement, policy: Policy, now: datetime
) -> Storm | None:
    """The storm as it is to be remembered after this look; a look that could not see says nothing about it."""
    if judgement.blind:
        return known
    cause = cause_of(snapshot, judgement, policy)
    if cause:
        return Storm(cause, now) if known is None or known.ended is not None else known
    if known is not None and known.ended is None:
        # The clocks of two API servers may differ, and no storm is over before it began.
        return replace(known, ended=max(now, known.since))
    return known
