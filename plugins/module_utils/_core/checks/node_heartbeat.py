# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeHeartbeat: the Lease of each node is there and in date.

A stopped controller-manager leaves dead nodes Ready, so a node without a heartbeat is unknown whatever its conditions
say. It is not unhealthy on that alone: the Lease may be what is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

ABSENT = "HeartbeatAbsent"
EXPIRED = "HeartbeatExpired"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose Lease is absent, was never renewed, or has run out."""
    if snapshot.heartbeats is None:
        return
    for node in snapshot.nodes or ():
        heartbeat = snapshot.heartbeats.get(node.name)
        if heartbeat is not None and not heartbeat.expired(snapshot.observed_at):
            continue
        if heartbeat is None or heartbeat.renewed is None:
            reason, message, since = ABSENT, "the node has no Lease that was ever renewed", None
        else:
            reason = EXPIRED
            message = (
                f"the node's Lease is {heartbeat.age(snapshot.observed_at)} s old, it lasts {heartbeat.duration} s"
            )
            since = heartbeat.renewed + timedelta(seconds=heartbeat.duration)
        yield Finding(
            check=CHECK.name,
            node=node.name,
            node_uid=node.uid,
            verdict=Verdict.UNKNOWN,
            reason=reason,
            message=message,
            since=since,
            threshold=policy.node_ready_threshold,
            evidence={"heartbeat": format_time(heartbeat.renewed) if heartbeat else None},
        )


CHECK = Check(
    name="NodeHeartbeat",
    about="The kubelet renews the node's Lease.",
    parts=("nodes", "heartbeats"),
    reasons=(ABSENT, EXPIRED),
    evaluate=evaluate,
)
