# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NetworkPartition: many nodes fell silent in one moment, and somebody must ask which side we are on.

Rule: at least 2 nodes and 30 % of all let their Leases run out within 60 s of each other while the API server answers
us. Left out are nodes that a ZoneOutage accounts for, and those that a ControlPlaneBrownout does, unless we may be on
the minority's side, where the control plane looks browned out as well. (Gardener's dependency-watchdog protects nodes
from 60 % of expired Leases on; half of that is on the safe side.)

Which side we are on is told by who answers us. An API server is ready only while its etcd has a quorum, so a ready one
is not on the side of etcd's minority:

- no API server that answers is ready, and others do not answer: we may be on the minority's side;
- all of them answer and one is ready, or more than half of those that we found out ourselves: we are with the API;
- half of those or fewer: we may be on the minority's side;
- none but the one that we were told to use: a firewall looks like that too, so it cannot be told.

It errs on the side of blocking: every node in trouble is a member, also one that was sick before, because what is seen
of it comes through the same network.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import (
    _nodes,
    control_plane_brownout,
    zone_outage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

LEAST = 2
PERCENT = 30

WITH_API = "we are with the API server, the nodes are cut off from it"
MINORITY = "we see only some API servers: we may be on the minority side"
CANNOT_TELL = "which side we are on cannot be told"
_REMEDIES = {
    WITH_API: "find what cuts the nodes off from the API server (switch, routes, firewall, load balancer); they come"
    " back by themselves once it is mended",
    MINORITY: "look again from another place before anything is believed; then mend the network between the API"
    " servers",
    CANNOT_TELL: "look from another place, at the API servers one by one and at the silent nodes themselves, and mend"
    " the network",
}


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """At most one diagnosis."""
    answered, side = _side(snapshot)
    others = (zone_outage,) if side == MINORITY else (control_plane_brownout, zone_outage)
    explained = {
        member
        for pattern in others
        for diagnosis in pattern.evaluate(findings, snapshot, policy, incidents)
        for member in diagnosis.members
    }
    silent = {ref: at for ref, at in _nodes.silent(findings, snapshot.observed_at).items() if ref not in explained}
    cut = _nodes.together(silent, _nodes.TOGETHER_SECONDS)
    total = len(snapshot.nodes or ())
    if not _nodes.share(len(cut), total, LEAST, PERCENT):
        return
    lost = set(cut)
    zones = {node.zone for node in snapshot.nodes or () if node.ref in lost} - {""}
    yield Diagnosis(
        pattern=PATTERN.name,
        members=_nodes.members(_nodes.troubled(findings)),
        cause=f"many nodes fell silent in one moment, which is the network's doing and not theirs; {side}",
        remedy=_REMEDIES[side],
        message=f"{len(cut)} of {total} nodes fell silent within {_nodes.TOGETHER_SECONDS} s; {side}"
        f" ({sum(answered.values())} of {len(answered)} API servers answer) ({_nodes.names(cut)})",
        since=min(silent[ref] for ref in cut),
        evidence={
            "side": side,
            "silent": len(cut),
            "nodes": total,
            "percent": len(cut) * 100 // total,
            "zones": sorted(zones),
            "api_servers_that_answer": sorted(address for address, answers in answered.items() if answers),
            "api_servers_that_do_not": sorted(address for address, answers in answered.items() if not answers),
        },
    )


def _side(snapshot: Snapshot) -> tuple[dict[str, bool], str]:
    """Whether each API server answers from where we stand, and what that says about where that is."""
    endpoints = snapshot.endpoints or ()
    answered = {e.address: e.live is not None for e in endpoints}
    readiness = [e.ready for e in endpoints if answered[e.address]]
    if True not in readiness:
        return answered, MINORITY if False in readiness and not all(answered.values()) else CANNOT_TELL
    if all(answered.values()):
        return answered, WITH_API
    given = {e.address for e in endpoints if e.given}
    own = [answers for address, answers in answered.items() if address not in given]
    if not any(own):
        return answered, CANNOT_TELL
    return answered, WITH_API if 2 * sum(own) > len(own) else MINORITY


PATTERN = Pattern("NetworkPartition", "Many nodes fell silent in one moment while the API server answers us.", evaluate)
