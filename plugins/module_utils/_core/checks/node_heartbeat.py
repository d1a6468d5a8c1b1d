# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeHeartbeat: the Lease of each node is renewed.

A stopped controller-manager leaves dead nodes Ready, so conditions alone prove nothing. Neither does the age of a Lease
alone, because two clocks are in it: a Lease that is out of date makes its node unknown, and only one that did not move
while somebody watched it makes it unhealthy. One that moved is alive, whatever its age.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

ABSENT = "HeartbeatAbsent"
EXPIRED = "HeartbeatExpired"
STOPPED = "HeartbeatStopped"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose Lease is absent, was never renewed, or has run out and was not seen to move."""
    if snapshot.heartbeats is None:
        return
    now = snapshot.observed_at
    for node in snapshot.nodes or ():
        heartbeat = snapshot.heartbeats.get(node.name)
        if heartbeat is not None and (heartbeat.moved or not heartbeat.expired(now)):
            continue
        verdict = Verdict.UNKNOWN
        if heartbeat is None or heartbeat.renewed is None:
            reason, message, since = ABSENT, "the node has no Lease that was ever renewed", None
        else:
            message = f"the node's Lease is {heartbeat.age(now)} s old, it lasts {heartbeat.duration} s"
            since = heartbeat.renewed + timedelta(seconds=heartbeat.duration)
            if heartbeat.moved is False and heartbeat.renewed <= now:
                reason, verdict = STOPPED, Verdict.UNHEALTHY
                message += f" and was not renewed while it was watched for {heartbeat.watched} s"
            else:
                reason = EXPIRED
        yield CHECK.finding(
            policy,
            node.ref,
            reason,
            message,
            since,
            verdict=verdict,
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
