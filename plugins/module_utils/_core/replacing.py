# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Which node may be replaced, when its machine may be taken away, and which node has come in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import Cordon, Sorted, in_a_line, why_left
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time


def objection_to_replace(node: Node) -> str | None:
    """Why a node is never replaced, or None. The plan's guards say the same; whoever acts asks again."""
    if node.has_gpu:
        return "it is a GPU node, which is never drained or replaced"
    if node.is_control_plane:
        return "it is a control-plane node, which is never replaced"
    return None


def is_alive(node: Node, heartbeat: Heartbeat | None, now: datetime) -> bool:
    """Whether somebody on the node still does what the API server says: its pods end when they are evicted."""
    return node.is_ready or (heartbeat is not None and heartbeat.alive(now))


def objection_to_clear(node: Node, alive: bool, cordon: Cordon, pods: Sorted, unless_ready: bool = False) -> str | None:
    """Why the machine of a node may not be taken away yet, or None.

    What is alive has to be drained. What is dead cannot be: its pods go when its machine is gone for certain.

    :param unless_ready: a node that is Ready by now is left alone.
    """
    never = objection_to_replace(node)
    if never:
        return never
    if unless_ready and node.is_ready:
        return "it is Ready again, and left alone"
    if not alive:
        return None
    if cordon is Cordon.NONE:
        return "it is alive, and not cordoned: drain it first"
    left = [*pods.block, *((pod, why_left(pod, None, {})) for pod in pods.left)]
    return f"it is alive, and not drained: {in_a_line(left)}" if left else None


def objection_to_remove(heartbeat: Heartbeat | None, gone: datetime) -> str | None:
    """Why a Node may not be removed although its machine was seen to be gone at that time, or None."""
    renewed = None if heartbeat is None else heartbeat.renewed
    if renewed is not None and renewed > gone:
        said = f"after its machine was said to be gone at {format_time(gone)}"
        return f"its Lease was renewed at {format_time(renewed)}, {said}"
    return None


def machine_of(node: Node) -> str:
    """The machine of a node, for people."""
    if node.provider_id:
        return f"machine {node.provider_id[:200]}"
    return f"machine-id {node.machine_id}" if node.machine_id else "a machine that is not known"


def successor_of(nodes: Iterable[Node], incident: Incident, taken: Collection[str] = ()) -> Node | None:
    """The Ready node that has come in the place of one that was replaced; None as long as there is none.

    It was made after the replacement began. One of the same name it is for certain; among others the oldest is taken,
    unless it has come in the place of another node.

    :param taken: the UIDs of nodes that have.
    """
    begun = incident.last_attempt
    if begun is None:
        return None
    own = [
        node
        for node in nodes
        if node.uid not in ("", incident.node_uid)
        and node.uid not in taken
        and node.created is not None
        and node.created > begun
        and node.is_ready
        and not node.deleting
    ]
    own.sort(key=lambda node: (node.uid != incident.successor, node.name != incident.node, node.created, node.name))
    return own[0] if own else None
