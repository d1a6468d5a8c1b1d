# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The API server's side of a replacement: whether a node may go, its Node removed, and another one seen to come.

A Node is removed only when its machine is gone for certain, because with it go its pods, and their volumes move.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import parts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import (
    TRIES,
    Actor,
    NodeHands,
    pods_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    NodeGone,
    NotFound,
    NotReplaced,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cluster_api import MACHINE, NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    Allowed,
    NodePod,
    Progress,
    cordon_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.replacing import (
    is_alive,
    machine_of,
    objection_to_clear,
    objection_to_remove,
    objection_to_replace,
)

LOOK_SECONDS = 2.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True)
class Old:
    """The node that is to be replaced, as it is now, and the UIDs of all that are there beside it."""

    node: Node
    alive: bool
    known: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The node as modules return it."""
        annotations = self.node.annotations
        return {
            "alive": self.alive,
            "ready": self.node.is_ready,
            "provider_id": self.node.provider_id,
            "machine": {
                "name": annotations.get(MACHINE, ""),
                "namespace": annotations.get(NAMESPACE, ""),
            },
            "known": list(self.known),
        }


class Replacer:
    """Sees to one node that is to be replaced."""

    def __init__(
        self,
        client: Client,
        actor: Actor,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._actor = actor
        self._hands = NodeHands(client, actor)
        self._sleep = sleep
        self._monotonic = monotonic

    def survey(self) -> Old:
        """The node, if it is one that may be replaced. Nothing is written, and no lease is renewed.

        :raises NotReplaced: it may not.
        """
        body = self._hands.read()
        node = Node.from_api(body)
        self._refuse(objection_to_replace(node))
        known = tuple(one.uid for one in parts.read_nodes(self._client))
        return Old(node, self._alive(node), known)

    def clear(self, unless_ready: bool = False, dry_run: bool = False) -> Old:
        """Prove that the machine of the node may be taken away now, under a lease that has just been renewed.

        :param unless_ready: a node that is Ready by now is left alone.
        :raises NotReplaced: it may not.
        """
        if not dry_run:
            self._hands.prove()
        body = self._hands.read()
        node = Node.from_api(body)
        alive = self._alive(node)
        pods = pods_of(self._client, self._actor.node, lambda items: list(map(NodePod.from_api, items)))
        # What a drain was allowed to evict is gone by now, so nothing more is allowed here; what tolerates a cordon may
        # have come back since.
        left = Progress().look((pod for pod in pods if not pod.tolerates_cordon), Allowed())
        self._refuse(objection_to_clear(node, alive, cordon_of(body), left, unless_ready))
        return Old(node, alive)

    def remove(self, gone: datetime, dry_run: bool = False) -> tuple[bool, str]:
        """Remove the Node of a machine that was seen to be gone at that time; whether it was there, and what was done.

        :raises NotReplaced: something says that the machine is alive.
        """
        name = self._actor.node
        last: ClusterError = Conflict(f"node {name} is written to all the time")
        for _attempt in range(TRIES):
            self._hands.prove()
            try:
                body = self._hands.read()
            except NodeGone:
                # Such as by a cloud's controller, or by us if the reply was lost.
                return isinstance(last, Unreachable), f"node {name} has left the cluster"
            node = Node.from_api(body)
            self._refuse(objection_to_replace(node) or objection_to_remove(self._heartbeat(), gone))
            if dry_run:
                return True, f"would remove node {name}"
            try:
                self._client.delete(self._hands.path, body["metadata"]["resourceVersion"])
                return True, f"node {name}, {machine_of(node)}, is removed"
            except NotFound:
                return False, f"node {name} has left the cluster"
            except (Conflict, Unreachable) as exc:
                last = exc
        raise last

    def wait(self, known: Collection[str], timeout: float) -> Node:
        """Wait until the node has left, and one that was not known before is Ready: that one.

        :raises NotReplaced: the time is over.
        """
        end = self._monotonic() + timeout
        last = "not looked yet"
        while True:
            try:
                self._hands.prove()
                nodes = parts.read_nodes(self._client)
                old = any(one.uid == self._actor.node_uid for one in nodes)
                new = [one for one in nodes if one.uid not in known and one.uid != self._actor.node_uid]
                ready = sorted((one.name != self._actor.node, one.name) for one in new if one.is_ready)
                if ready and not old:
                    return next(one for one in new if one.name == ready[0][1])
                joined = (
                    f"{', '.join(one.name for one in new[:3])} joined and not Ready" if new else "no new one joined"
                )
                last = (
                    f"the old node is {'still there' if old else 'gone'}, {'a new one is Ready' if ready else joined}"
                )
            except Unreachable as exc:
                last = str(exc)
            if self._monotonic() + LOOK_SECONDS >= end:
                raise NotReplaced(f"node {self._actor.node} is not replaced after {timeout:.0f} s: {last}")
            self._sleep(LOOK_SECONDS)

    def _alive(self, node: Node) -> bool:
        now = self._client.get("/version").date
        return is_alive(node, self._heartbeat(), now)

    def _heartbeat(self) -> Heartbeat | None:
        try:
            return Heartbeat.from_api(self._client.get(f"{_LEASES}/{self._actor.node}").body)
        except NotFound:
            return None

    def _refuse(self, objection: str | None) -> None:
        if objection:
            raise NotReplaced(f"node {self._actor.node} is not replaced: {objection}")
