# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ControlPlaneBrownout: the control plane itself is in trouble, so what it says of the nodes is not to be trusted.

Signs, by the findings of ApiServer, EtcdMembers and Controllers:

- API: of the API servers that answered, the given one or more than half are not live, not ready or slow;
- etcd: its quorum or leader is lost or it has raised an alarm, or those API servers say that their etcd fails;
- controllers: a Lease of kube-controller-manager or kube-scheduler has run out.

Rule: two of the three signs, or one of them and at least 2 nodes and 30 % of all that went missing within 60 s of each
other. Only nodes of which nothing else is known than that they are not heard from count, and only since 60 s before the
controllers' Leases ran out, where they did. Members are the parts of the control plane that the signs are about, and
those nodes; where the controllers tell no time, the nodes that went missing together and later.

API servers that do not answer are no sign: they are as likely out of our reach, see NetworkPartition. One stopped
controller or one sick server of three is none either, because the nodes' Leases tell the truth all the same.

It errs on the side of blocking once there are two signs: a node that dies by itself during a brown-out waits for its
end. A node whose kubelet itself says that it is not ready is no member, because the control plane did not make that up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    api_server,
    controllers,
    etcd_members,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

SIGNS = 2
LEAST = 2
PERCENT = 30

_API = {api_server.NOT_LIVE, api_server.NOT_READY, api_server.SLOW}
_ETCD = {
    etcd_members.QUORUM_LOST,
    etcd_members.NO_LEADER,
    etcd_members.NOSPACE,
    etcd_members.CORRUPT,
    etcd_members.ALARM,
}
_CONTROLLERS = {controllers.STOPPED, controllers.EXPIRED}


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """At most one diagnosis."""
    now = snapshot.observed_at
    signs = _signs(findings, snapshot)
    began = min((f.since for own in signs.values() for f in own if f.since is not None), default=None)
    late = _nodes.late(findings, now)
    if began is not None:
        start = began - timedelta(seconds=_nodes.TOGETHER_SECONDS)
        late = {ref: at for ref, at in late.items() if at >= start}
    fell = _nodes.together(late, _nodes.TOGETHER_SECONDS)
    many = _nodes.share(len(fell), len(snapshot.nodes or ()), LEAST, PERCENT)
    if len(signs) < SIGNS and not (signs and many):
        return
    if began is None:
        first = min((late[ref] for ref in fell), default=now)
        late = {ref: at for ref, at in late.items() if many and at >= first}
    claimed = _nodes.members(late)
    parts = _nodes.members(f.target for own in signs.values() for f in own)
    yield Diagnosis(
        pattern=PATTERN.name,
        members=_nodes.members(parts, claimed),
        cause="the control plane itself is in trouble, so nodes seem lost that may be well",
        remedy="mend the control plane first: etcd (members, disk latency, space), then the API servers (load, memory,"
        " certificates), then kube-controller-manager and kube-scheduler; look at the nodes again after that",
        message=f"trouble with {', '.join(sorted(signs))} ({', '.join(str(part) for part in parts)});"
        f" {len(claimed)} of {len(snapshot.nodes or ())} nodes are not heard from since then"
        + (f" ({_nodes.names(claimed)})" if claimed else ""),
        root=_root(signs, parts),
        since=min([at for at in (began, *(late[ref] for ref in claimed)) if at is not None], default=None),
        evidence={
            "signs": {sign: sorted({f.reason for f in own}) for sign, own in sorted(signs.items())},
            "not_heard_from": len(claimed),
            "together": len(fell),
            "nodes": len(snapshot.nodes or ()),
        },
    )


def _signs(findings: tuple[Finding, ...], snapshot: Snapshot) -> dict[str, list[Finding]]:
    """The signs that are seen, each with the findings that make it."""
    now = snapshot.observed_at
    answered = {e.address: e for e in snapshot.endpoints or () if e.live is not None}
    sick = [f for f in findings if f.check == api_server.CHECK.name and f.reason in _API and f.target.name in answered]
    without_etcd = [f for f in sick if any(name.startswith("etcd") for name in answered[f.target.name].failed)]
    etcd = [f for f in findings if f.check == etcd_members.CHECK.name and f.reason in _ETCD]
    if _most(without_etcd, answered):
        etcd += without_etcd
    signs = {
        "API": sick if _most(sick, answered) else [],
        "etcd": etcd,
        "controllers": [
            f
            for f in findings
            if f.check == controllers.CHECK.name and f.reason in _CONTROLLERS and f.since is not None and f.since <= now
        ],
    }
    return {sign: own for sign, own in signs.items() if own}


def _most(sick: list[Finding], answered: Mapping[str, ApiEndpoint]) -> bool:
    addresses = {f.target.name for f in sick}
    return 2 * len(addresses) > len(answered) or any(answered[address].given for address in addresses)


def _root(signs: Mapping[str, list[Finding]], parts: tuple[Ref, ...]) -> Ref | None:
    """etcd, which everything else stands on, or else the only part that is in trouble."""
    etcd = [part for part in parts if part.kind == "Etcd"]
    if "etcd" in signs:
        return etcd[0] if etcd else Ref("Etcd", "etcd")
    return parts[0] if len(parts) == 1 else None


PATTERN = Pattern(
    "ControlPlaneBrownout", "The control plane is in trouble, and nodes were last heard of when that began.", evaluate
)
