# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Controllers: kube-controller-manager and kube-scheduler renew their Leases in kube-system.

While nobody leads, nodes that die stay Ready, pods are not replaced or not scheduled, and the API answers as if nothing
were wrong. What a Lease proves stands in _leases.py.

Managed control planes keep these Leases as well, because leader election is on by default. Where it was switched off
(k3s with a single server), there is no Lease and no other sign of life in the API: the component is unknown, and the
check can be disabled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._leases import Silence, doubt
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

# What both ask for by default.
LEASE_SECONDS = 15
COMPONENTS = ("kube-controller-manager", "kube-scheduler")

ABSENT = "ControllerLeaseAbsent"
EXPIRED = "ControllerLeaseExpired"
STOPPED = "ControllerLeaseStopped"
REASONS = {Silence.ABSENT: ABSENT, Silence.EXPIRED: EXPIRED, Silence.STOPPED: STOPPED}


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each component whose Lease is absent or was never renewed, or has run out and did not move."""
    if snapshot.components is None:
        return
    now = snapshot.observed_at
    for name in COMPONENTS:
        lease = snapshot.components.get(name)
        if lease is not None:
            # One that stops properly gives its Lease back with a second left, and the next one takes some to begin.
            lease = replace(lease, duration=max(lease.duration, LEASE_SECONDS))
        found = doubt(lease, name, f"the Lease of {name}", now)
        if found is None:
            continue
        held = "" if lease is None or found.silence is Silence.ABSENT else f" (last held by {lease.holder or 'nobody'})"
        yield CHECK.finding(
            policy,
            Ref("ControlPlane", name),
            REASONS[found.silence],
            found.message + held,
            found.since,
            verdict=found.verdict,
            evidence={
                "lease": format_time(lease.renewed) if lease else None,
                "holder": lease.holder if lease else None,
            },
        )


CHECK = Check(
    name="Controllers",
    about="kube-controller-manager and kube-scheduler have a leader, which renews its Lease.",
    parts=("components",),
    reasons={
        ABSENT: "the component has no Lease in kube-system that was ever renewed",
        EXPIRED: "the Lease has run out by the clock, and nobody has watched whether it moves",
        STOPPED: "the Lease has run out and did not move while it was watched: nobody leads",
    },
    evaluate=evaluate,
    threshold=60,
    severity=Severity.CRITICAL,
)
