# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Say that a dead node is out of service, once it is proven, and take that back when the node has come back.

The taint and the annotation with its proof are one write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import MERGE, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor, NodeHands
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import NotFenced, NotFound, StoreError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import (
    FENCED,
    MANAGER,
    OUT_OF_SERVICE,
    Fence,
    FenceMark,
    FencingProof,
    LastSigns,
    fence_mark_of,
    fence_of,
    objection_to_fence,
    objection_to_unfence,
    signs_of,
    taint_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True)
class FenceReport:
    """Whose out-of-service taint the node has, and whether that has changed."""

    changed: bool
    message: str
    fence: Fence
    mark: FenceMark | None

    def to_dict(self) -> dict[str, Any]:
        """The report as modules return it."""
        return {"fence": {"by": self.fence.value, "mark": None if self.mark is None else self.mark.to_dict()}}


class Fencer:
    """Sets and takes away the out-of-service taint of one node."""

    def __init__(self, client: Client, actor: Actor) -> None:
        self._client = client
        self._actor = actor
        self._hands = NodeHands(client, actor)

    def fence(self, proof: FencingProof | None, dry_run: bool = False) -> FenceReport:
        """Set the taint, unless somebody has done so already.

        :raises NotFenced: without a proof that holds.
        """
        name = self._actor.node

        def make(node: dict[str, Any], now: datetime) -> tuple[dict[str, Any], str, str | None] | None:
            if fence_of(node) is not Fence.NONE:
                return None
            signs = self._signs(node)
            objection = objection_to_fence(signs, proof, now)
            if objection or proof is None:
                raise NotFenced(f"node {name} is not said to be out of service: {objection}")
            mark = FenceMark(
                by=self._actor.holder,
                incident=self._actor.incident,
                at=format_time(now) or "",
                node_uid=self._actor.node_uid,
                boot_id=signs.boot_id,
                proof=proof.kind.value,
                evidence=proof.evidence,
                seen=format_time(proof.seen) or "",
            )
            taints = [*((node.get("spec") or {}).get("taints") or ()), taint_of(mark)]
            patch = {"metadata": {"annotations": {FENCED: mark.to_text()}}, "spec": {"taints": taints}}
            return patch, MERGE, MANAGER

        if dry_run:
            node = self._hands.read()
            if make(node, self._hands.prove()) is not None:
                return self._told(node, f"would say that node {name} is out of service", changed=True)
            return self._as_it_was(node)
        written = self._hands.write(make)
        if written is None:
            return self._as_it_was(self._hands.read())
        if fence_of(written) is not Fence.OURS:
            raise StoreError(f"node {name}: the taint {OUT_OF_SERVICE} is not as it was set")
        return self._told(written, f"node {name} is said to be out of service", changed=True)

    def unfence(self, dry_run: bool = False) -> FenceReport:
        """Take our taint away once the node is back. Somebody else's stays.

        :raises NotFenced: when the node is not back.
        """
        name = self._actor.node

        def make(node: dict[str, Any], _now: datetime) -> tuple[dict[str, Any], str, str | None] | None:
            fence, mark = fence_of(node), fence_mark_of(node)
            # Our mark without a taint is what is left when somebody has taken the taint away by hand.
            if fence is Fence.OTHERS or mark is None:
                return None
            if fence is Fence.OURS:
                objection = objection_to_unfence(self._signs(node), mark)
                if objection:
                    raise NotFenced(f"node {name} stays out of service: {objection}")
            taints = [t for t in (node.get("spec") or {}).get("taints") or () if t.get("key") != OUT_OF_SERVICE]
            return {"metadata": {"annotations": {FENCED: None}}, "spec": {"taints": taints}}, MERGE, MANAGER

        if dry_run:
            node = self._hands.read()
            if make(node, self._hands.prove()) is not None:
                return self._told(node, f"would say that node {name} is in service again", changed=True)
            return self._as_it_was(node)
        written = self._hands.write(make)
        if written is None:
            return self._as_it_was(self._hands.read())
        return self._told(written, f"node {name} is in service again", changed=True)

    def _signs(self, node: Mapping[str, Any]) -> LastSigns:
        try:
            lease: dict[str, Any] | None = self._client.get(f"{_LEASES}/{self._actor.node}").body
        except NotFound:
            lease = None
        return signs_of(node, lease)

    def _as_it_was(self, node: Mapping[str, Any]) -> FenceReport:
        words = {
            Fence.NONE: f"node {self._actor.node} is not said to be out of service",
            Fence.OURS: f"node {self._actor.node} is said to be out of service by us already",
            Fence.OTHERS: f"node {self._actor.node} is said to be out of service by somebody else, which stays so",
        }
        return self._told(node, words[fence_of(node)], changed=False)

    def _told(self, node: Mapping[str, Any], message: str, changed: bool) -> FenceReport:
        return FenceReport(changed, message, fence_of(node), fence_mark_of(node))
