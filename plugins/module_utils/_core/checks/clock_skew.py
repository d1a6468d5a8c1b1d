# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ClockSkew: the clocks of the API server, the nodes and ours agree.

A Lease carries the clock of its node. One renewed in the future of the API server's clock comes from a node that is
ahead; one that moves while somebody watches, and is out of date all the same, from a node that is behind. One that is
out of date and was not seen to move tells nothing about clocks. A watched Lease may be younger than the snapshot by the
time for which it was watched, so that much is allowed for.

Since when is not known: no clock says when it went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

AHEAD = "NodeClockAhead"
BEHIND = "NodeClockBehind"
OURS = "OurClockDiffers"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose clock is wrong, and one for ours."""
    now = snapshot.observed_at
    if snapshot.heartbeats is not None:
        for node in snapshot.nodes or ():
            heartbeat = snapshot.heartbeats.get(node.name)
            if heartbeat is None or heartbeat.renewed is None:
                continue
            reason, message = _reading(heartbeat, heartbeat.renewed, now, policy)
            if reason:
                evidence = {"renewed": format_time(heartbeat.renewed), "observed": format_time(now)}
                yield CHECK.finding(policy, node.ref, reason, message, None, evidence=evidence)
    if snapshot.local_time is not None:
        off = (snapshot.local_time - now).total_seconds()
        if abs(off) > policy.clock_skew:
            message = f"our clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the API server's"
            evidence = {"ours": format_time(snapshot.local_time), "observed": format_time(now)}
            target = Ref("Cluster", snapshot.cluster_uid or "cluster")
            yield CHECK.finding(policy, target, OURS, message, None, evidence=evidence)


def _reading(heartbeat: Heartbeat, renewed: datetime, now: datetime, policy: Policy) -> tuple[str, str]:
    age = (now - renewed).total_seconds()
    if -age > policy.clock_skew + heartbeat.watched:
        return AHEAD, f"the node's Lease was renewed {-age:.0f} s in the future of the API server's clock"
    if age > 0 and heartbeat.moved and heartbeat.expired(now):
        return BEHIND, f"the node's Lease moves, but by its own time it was renewed {age:.0f} s ago"
    return "", ""


CHECK = Check(
    name="ClockSkew",
    about="The clocks of nodes, API server and healer agree.",
    parts=("nodes", "heartbeats"),
    reasons={
        AHEAD: "the node's Lease was renewed in the future of the API server's clock",
        BEHIND: "the node's Lease moves, and is out of date by the API server's clock all the same",
        OURS: "our own clock and the API server's differ",
    },
    evaluate=evaluate,
    severity=Severity.WARNING,
    remedy=Remedy.NONE,
)
