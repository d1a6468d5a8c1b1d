# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ZoneOutage: the nodes of one zone are down while the others are well.

Rule: at least 2 nodes and 55 % of a zone (the share at which kube-controller-manager calls a zone disrupted) went down
within 300 s of each other; not more zones are out than are not; and outside of them at most one node, or less than
20 %, is down. Two of three zones "out" are as likely one zone cut off with us in it, which is for NetworkPartition to
tell.

It errs on the side of silence: a zone that goes bit by bit, nodes without a zone label, or trouble outside as well,
make no outage. Members are only that zone's nodes, so a false one blocks no repair elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

LEAST = 2
PERCENT = 55
WINDOW_SECONDS = 300
ELSEWHERE_LEAST = 2
ELSEWHERE_PERCENT = 20


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """One diagnosis for each zone that is out."""
    down = _nodes.down(findings, snapshot.observed_at)
    if not down:
        return
    sizes: Counter[str] = Counter()
    down_in: dict[str, dict[Ref, datetime]] = {}
    for node in snapshot.nodes or ():
        sizes[node.zone] += 1
        if node.ref in down:
            down_in.setdefault(node.zone, {})[node.ref] = down[node.ref]
    zones = sizes.keys() - {""}
    out: dict[str, tuple[Ref, ...]] = {}
    for zone in zones & down_in.keys():
        fell = _nodes.together(down_in[zone], WINDOW_SECONDS)
        if _nodes.share(len(fell), sizes[zone], LEAST, PERCENT):
            out[zone] = fell
    elsewhere = sum(size for zone, size in sizes.items() if zone not in out)
    down_elsewhere = sum(len(fell) for zone, fell in down_in.items() if zone not in out)
    if len(out) > len(zones) - len(out) or _nodes.share(down_elsewhere, elsewhere, ELSEWHERE_LEAST, ELSEWHERE_PERCENT):
        return
    for zone, fell in sorted(out.items()):
        lost = _nodes.members(down_in[zone])
        yield Diagnosis(
            pattern=PATTERN.name,
            members=lost,
            cause="the nodes of one zone went down together while the rest of the cluster is well: the zone has failed",
            remedy="look at the zone itself (power, network, the provider's status page) and let Kubernetes move its"
            " pods to the other zones; nodes made anew in it would fail as well",
            message=f"zone {zone}: {len(lost)} of {sizes[zone]} nodes are down, {len(fell)} of them since within"
            f" {WINDOW_SECONDS} s; elsewhere {down_elsewhere} of {elsewhere} ({_nodes.names(lost)})",
            root=Ref("Zone", zone),
            since=min(down[ref] for ref in fell),
            evidence={
                "down": len(lost),
                "nodes": sizes[zone],
                "together": len(fell),
                "down_elsewhere": down_elsewhere,
                "nodes_elsewhere": elsewhere,
            },
        )


PATTERN = Pattern("ZoneOutage", "The nodes of one zone are down while the others are well.", evaluate)
