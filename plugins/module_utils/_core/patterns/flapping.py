# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Flapping: a node keeps going and coming back.

Rule: the node is in trouble now, and its incidents, closed ones too, tell of at least ``flapping_changes`` changes
(default 5) between sick and well within the last 3600 s: each opening of an incident and each recovery is one. Steps
of a repair are none, and neither is a node of the same name with another UID.

It errs on the side of silence: what no healer saw and wrote down is not counted, and neither are changes that are
dropped from a very long history.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Phase,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

WINDOW_SECONDS = 3600
CHANGES = (Phase.SUSPECTED, Phase.RECOVERED)


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """One diagnosis for each node that flaps."""
    now = snapshot.observed_at
    changed: dict[tuple[str, str], list[datetime]] = {}
    for incident in incidents:
        for moment in incident.history:
            if moment.phase in CHANGES and seconds_between(moment.at, now) < WINDOW_SECONDS:
                changed.setdefault((incident.node, incident.node_uid), []).append(moment.at)
    for ref in sorted(_nodes.troubled(findings)):
        times = changed.get((ref.name, ref.uid), [])
        if len(times) < policy.flapping_changes:
            continue
        yield Diagnosis(
            pattern=PATTERN.name,
            members=(ref,),
            cause="the node keeps going and coming back, so its last change proves nothing and neither does a repair",
            remedy="cordon the node, let its pods go elsewhere, and find what comes and goes (network link, memory,"
            " disk, power, clock) before it is trusted again",
            message=f"node {ref.name} changed between sick and well {len(times)} times within the last"
            f" {WINDOW_SECONDS} s; the limit is {policy.flapping_changes}",
            root=ref,
            since=min(times),
            evidence={"changes": len(times), "limit": policy.flapping_changes, "window_seconds": WINDOW_SECONDS},
        )


PATTERN = Pattern("Flapping", "A node changed between sick and well too often within an hour.", evaluate)
