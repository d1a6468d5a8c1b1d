# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""etcd_quorum: etcd must agree without the node that is taken away."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    node = candidate.node
    if not (node.is_control_plane and candidate.rung.disruptive):
        return None
    etcd = situation.snapshot.etcd
    if etcd is None:
        return "etcd could not be looked at, so nobody knows whether it can do without this node"
    if not (etcd.direct and etcd.leader):
        return "etcd itself was not asked, or names no leader, so nobody knows who leads and who is being added"
    if any(member.learner for member in etcd.members):
        return "etcd has a learner: a member is being added, and must become a voter first"
    nodes = {one.name for one in situation.snapshot.nodes or ()} - {node.name}
    # k3s and RKE2 call a member by its node's name and a suffix. Members of etcd on machines of its own are not lost.
    own = {node.name, f"etcd-{node.name}"} | {
        member.name for member in etcd.members if member.name.startswith(f"{node.name}-") and member.name not in nodes
    }
    remaining = [member for member in etcd.members if member.name not in own]
    healthy = sum(member.healthy is True for member in remaining)
    if healthy < etcd.quorum:
        return (
            f"without this node {healthy} of {len(etcd.members)} etcd members would be healthy;"
            f" {etcd.quorum} must be for it to work"
        )
    if etcd.leader in own:
        return f"etcd's leader is on this node: move it first (etcdctl move-leader), {healthy} others are healthy"
    return None


GUARD = Guard("etcd_quorum", "etcd keeps its quorum after the node is gone, and its leader is elsewhere.", _objection)
