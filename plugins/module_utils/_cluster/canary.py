# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Runs canary pods: on the node in question and, if that one does not do well, on a healthy one to compare with."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import (
    FAILED,
    LABEL,
    LABEL_VALUE,
    LEFTOVER_SECONDS,
    Proof,
    Result,
    Seen,
    claim_of,
    default_class,
    is_pulling,
    judge_canary,
    network_result,
    pod_of,
    read_pod,
    together,
    volume_result,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time, seconds_between

LOOK_SECONDS = 1.0
# For one pod from its making to its end, and for a claim to be bound.
POD_WAIT = 75.0
CLAIM_WAIT = 45.0
DELETE_SECONDS = 10.0
CONTROLS = 2
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_CLAIMS = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
_EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


class CanaryRunner:
    """Proves nodes by pods of one image.

    :param prove: proves that cluster and lease are the right ones, and tells the API server's clock; it is asked before
        each write and at each look, so that a canary may take longer than the lease lasts.
    :param storage_class: the class to try; the cluster's default one if empty.
    """

    def __init__(
        self,
        client: Client,
        prove: Callable[[], datetime],
        image: str,
        storage_class: str = "",
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prove = prove
        self._image = image
        self._class = storage_class
        self._sleep = sleep
        self._monotonic = monotonic

    def prove(self, node: str, others: Iterable[str], seconds: float) -> Proof:
        """Run a canary on the node and tell what to think of it, within so many seconds.

        :param others: healthy nodes to compare with, the best first.
        :raises LeaseLost: when the lease is not ours any more. What was made is removed all the same.
        """
        end = self._monotonic() + seconds
        self._sweep()
        storage, trouble = self._storage()
        result = self._try(node, storage, trouble, end, volume_matters=True)
        control: Result | None = None
        if result.failed:
            for other in list(others)[:CONTROLS]:
                if end - self._monotonic() < LOOK_SECONDS:
                    break
                seen = self._try(other, storage, trouble, end, volume_matters="volume" in result.failed)
                # One that could not be tried is none to compare with.
                if any(word in (FAILED, "passed") for word in seen.tests.values()):
                    control = seen
                    break
        return judge_canary(result, control)

    def _try(self, node: str, storage: str, trouble: str, end: float, volume_matters: bool) -> Result:
        seen, pulling = self._run(node, end)
        first = network_result(node, seen, pulling)
        if first.tests["start"] != "passed" or not volume_matters:
            return first
        if trouble or not storage:
            return together(first, volume_result(node, None, trouble))
        return together(first, self._volume(node, storage, end))

    def _volume(self, node: str, storage: str, end: float) -> Result:
        claim = _name()
        try:
            self._prove()
            try:
                self._client.create(_CLAIMS, claim_of(claim, node, storage))
            except (Conflict, Forbidden, NotFound, Rejected) as exc:
                return volume_result(node, None, f"no claim could be made: {exc}")
            until = min(end, self._monotonic() + CLAIM_WAIT)
            while (self._client.get(f"{_CLAIMS}/{claim}").body.get("status") or {}).get("phase") != "Bound":
                if self._monotonic() + LOOK_SECONDS >= until:
                    return volume_result(node, None, f"no volume of class {storage} was made in time")
                self._sleep(LOOK_SECONDS)
                self._prove()
            seen, pulling = self._run(node, end, claim)
            return volume_result(node, seen, "", pulling)
        except Unreachable as exc:
            return volume_result(node, None, f"the API server does not answer: {exc}")
        finally:
            self._remove(_CLAIMS, claim)

    def _run(self, node: str, end: float, claim: str = "") -> tuple[Seen, bool]:
        """Make a pod and watch it until its end or ours; what was seen, and whether its image is still on its way."""
        name = _name()
        until = min(end, self._monotonic() + POD_WAIT)
        seen, events = Seen(refused="there was no time left for it"), list[dict[str, Any]]()
        if until - self._monotonic() < LOOK_SECONDS:
            return seen, False
        try:
            self._prove()
            try:
                made = self._client.create(_PODS, pod_of(name, node, self._image, claim)).body
            except (Conflict, Forbidden, NotFound, Rejected) as exc:
                return Seen(refused=str(exc)), False
            uid = str((made.get("metadata") or {}).get("uid") or "")
            while True:
                seen = read_pod(self._client.get(f"{_PODS}/{name}").body)
                if seen.over or self._monotonic() + LOOK_SECONDS >= until:
                    break
                self._sleep(LOOK_SECONDS)
                self._prove()
            if not seen.told:
                events = self._events(uid)
                seen = read_pod(self._client.get(f"{_PODS}/{name}").body, events)
        except NotFound:
            # Somebody has removed it, and with it what it would have told.
            seen = Seen(refused="somebody has removed it")
        except Unreachable as exc:
            seen = Seen(refused=f"the API server does not answer: {exc}")
        finally:
            self._remove(_PODS, name)
        return seen, is_pulling(events)

    def _events(self, uid: str) -> list[dict[str, Any]]:
        try:
            return list(self._client.items(_EVENTS, {"fieldSelector": f"involvedObject.uid={uid}"}))
        except ClusterError:
            return []

    def _storage(self) -> tuple[str, str]:
        """The class to try, and why it cannot be told."""
        if self._class:
            return self._class, ""
        try:
            return default_class(self._client.items(_CLASSES)), ""
        except ClusterError as exc:
            return "", f"the classes of storage could not be read: {exc}"

    def _sweep(self) -> None:
        """Remove what runs that were killed have left; what is younger may be another's that is at work."""
        now = self._prove()
        for collection in (_PODS, _CLAIMS):
            try:
                for item in list(self._client.items(collection, {"labelSelector": f"{LABEL}={LABEL_VALUE}"})):
                    meta = item.get("metadata") or {}
                    made = parse_time(meta.get("creationTimestamp"))
                    if made is not None and seconds_between(made, now) > LEFTOVER_SECONDS:
                        self._remove(collection, str(meta.get("name")))
            except (Forbidden, NotFound, Unreachable):
                # A canary that cannot be tried tells so itself.
                continue

    def _remove(self, collection: str, name: str) -> None:
        """Remove what is ours; its name is nobody else's, so this needs no lease."""
        # One that stays for now ends by itself, and the next run removes it.
        with suppress(Unreachable):
            self._client.once("DELETE", f"{collection}/{name}", None, None, DELETE_SECONDS)


def _name() -> str:
    return f"{LABEL_VALUE}-{uuid.uuid4().hex[:12]}"
