# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as an API server keeps them: every write names the version that it was made from, and replies get lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    NotFound,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID

IDENTITY = "/api/v1/namespaces/kube-system"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases"
INCIDENTS = "/apis/selfheal.kubernetes/v1alpha1/incidents"
RECORDS = "/apis/selfheal.kubernetes/v1alpha1/clusterrecords"
LOST_REQUEST, LOST_REPLY = "request", "reply"


@dataclass
class FakeApi(Client):
    """The client and its server in one. ``fates`` are those of the next writes, ``errors`` answer paths in their way,
    and ``delays`` are how long it thinks about reads of a path.

    ``writes`` tells each write that was carried out as its method and path; its clock moves by ``sleep`` only.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    fates: list[str] = field(default_factory=list)
    errors: dict[str, ClusterError] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    slept: float = 0.0
    version: int = 0
    etcd: None = None

    @property
    def server(self) -> str:
        """Where it is."""
        return "https://here"

    @property
    def now(self) -> datetime:
        """Its clock."""
        return NOW + timedelta(seconds=self.slept)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept += seconds

    def monotonic(self) -> float:
        """The clock of who asks it."""
        return self.slept

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody else's write."""
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.objects[path] = {**body, "metadata": metadata}
        return self.objects[path]

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        self.sleep(self.delays.get(path, 0.0))
        if path in self.errors:
            raise self.errors[path]
        if path == IDENTITY:
            return Answer({"metadata": {"name": "kube-system", "uid": UID}}, self.now)
        if path == "/version":
            return Answer({"gitVersion": "v1.34.4"}, self.now)
        if path not in self.objects:
            raise NotFound(f"GET {path}: HTTP 404")
        return Answer(self.objects[path], self.now)

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        if path in self.errors:
            raise self.errors[path]
        yield from [one for place, one in self.objects.items() if place.rpartition("/")[0] == path]

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        place = f"{path}/{body['metadata']['name']}"
        if place in self.objects:
            raise Conflict(f"POST {place}: HTTP 409 it exists")
        return self._carry_out("POST", place, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        self._stored(path, body["metadata"].get("resourceVersion"))
        return self._carry_out("PUT", path, body)

    def delete(self, path: str, resource_version: str) -> Answer:
        self._stored(path, resource_version)
        return self._carry_out("DELETE", path, None)

    def _stored(self, path: str, version: str | None) -> None:
        if path not in self.objects:
            raise NotFound(f"{path}: HTTP 404")
        if version != self.objects[path]["metadata"]["resourceVersion"]:
            raise Conflict(f"{path}: HTTP 409 somebody else has written")

    def _carry_out(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        fate = self.fates.pop(0) if self.fates else ""
        if fate == LOST_REQUEST:
            raise Unreachable(f"{method} {path}: no answer")
        self.writes.append((method, path))
        answer = self.put(path, body) if body is not None else self.objects.pop(path)
        if fate == LOST_REPLY:
            raise Unreachable(f"{method} {path}: no answer")
        return Answer(answer, self.now)
