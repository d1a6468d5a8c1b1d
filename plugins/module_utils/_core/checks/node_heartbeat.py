# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeHeartbeat: the Lease of each node is renewed.

A stopped controller-manager leaves dead nodes Ready, so conditions alone prove nothing. What a Lease proves stands in
_leases.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._leases import Silence, doubt
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

ABSENT = "HeartbeatAbsent"
EXPIRED = "HeartbeatExpired"
STOPPED = "HeartbeatStopped"
REASONS = {Silence.ABSENT: ABSENT, Silence.EXPIRED: EXPIRED, Silence.STOPPED: STOPPED}


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose Lease is absent, was never renewed, or has run out and was not seen to move."""
    if snapshot.heartbeats is None:
        return
    now = snapshot.observed_at
    for node in snapshot.nodes or ():
        heartbeat = snapshot.heartbeats.get(node.name)
        found = doubt(heartbeat, "the node", "the node's Lease", now)
        if found is None:
            continue
        yield CHECK.finding(
            policy,
            node.ref,
            REASONS[found.silence],
            found.message,
            found.since,
            verdict=found.verdict,
            evidence={"heartbeat": format_time(heartbeat.renewed) if heartbeat else None},
        )


CHECK = Check(
    name="NodeHeartbeat",
    about="The kubelet renews the node's Lease.",
    parts=("nodes", "heartbeats"),
    reasons={
        ABSENT: "the node has no Lease that was ever renewed",
        EXPIRED: "the Lease has run out by the clock, and nobody has watched whether it moves",
        STOPPED: "the Lease has run out and did not move while it was watched",
    },
    evaluate=evaluate,
    threshold=300,
    severity=Severity.CRITICAL,
    remedy=Remedy.REPLACE,
)
