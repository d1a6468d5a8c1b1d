# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What is seen (Snapshot), what is thought of it (Finding), and what is done about it (Incident, Plan).

Every class is frozen: the core makes new values and changes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    format_time,
    parse_time,
    seconds_between,
)

STORY_LIMIT = 8
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


class Verdict(StrEnum):
    """Three-valued on purpose: what could not be read is unknown, and never healthy."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"


class Phase(StrEnum):
    """Where an incident stands."""

    SUSPECTED = "Suspected"
    UNHEALTHY = "Unhealthy"
    REPAIRING = "Repairing"
    VERIFYING = "Verifying"
    RECOVERED = "Recovered"
    ESCALATED = "Escalated"
    GONE = "Gone"

    @property
    def is_open(self) -> bool:
        """Whether the incident still asks for attention."""
        return self not in (Phase.RECOVERED, Phase.GONE)


@dataclass(frozen=True)
class Condition:
    """One entry of a node's status.conditions."""

    type: str
    status: str
    reason: str
    message: str
    last_transition: datetime | None


@dataclass(frozen=True)
class Node:
    """The part of a Node object that the checks read."""

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    unschedulable: bool
    deleting: bool
    addresses: tuple[str, ...]
    machine_id: str
    conditions: tuple[Condition, ...]

    @property
    def is_control_plane(self) -> bool:
        """Whether the node carries one of the control-plane role labels."""
        return any(label in self.labels for label in CONTROL_PLANE_LABELS)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if the node has it."""
        return next((c for c in self.conditions if c.type == kind), None)

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Node:
        """Read a Node object as the API gives it.

        :raises InvalidName: when its name could not be a node's name.
        """
        metadata = item.get("metadata") or {}
        spec = item.get("spec") or {}
        status = item.get("status") or {}
        return cls(
            name=check_node_name(metadata.get("name")),
            uid=str(metadata.get("uid") or ""),
            labels=dict(metadata.get("labels") or {}),
            annotations=dict(metadata.get("annotations") or {}),
            unschedulable=bool(spec.get("unschedulable")),
            deleting=bool(metadata.get("deletionTimestamp")),
            addresses=tuple(
                a["address"]
                for a in status.get("addresses") or ()
                if a.get("type") == "InternalIP" and a.get("address")
            ),
            machine_id=str((status.get("nodeInfo") or {}).get("machineID") or ""),
            conditions=tuple(
                Condition(
                    type=str(c.get("type") or ""),
                    status=str(c.get("status") or ""),
                    reason=str(c.get("reason") or ""),
                    message=str(c.get("message") or ""),
                    last_transition=parse_time(c.get("lastTransitionTime")),
                )
                for c in status.get("conditions") or ()
            ),
        )


@dataclass(frozen=True)
class Heartbeat:
    """A node's Lease in namespace kube-node-lease."""

    renewed: datetime | None
    duration: int

    def age(self, now: datetime) -> int | None:
        """Seconds since the Lease was renewed, or None when it says nothing."""
        return None if self.renewed is None else seconds_between(self.renewed, now)

    def expired(self, now: datetime) -> bool:
        """Whether the Lease has run out; one that was never renewed has.

        So has one from the future: a clock that far ahead proves nothing about now.
        """
        if self.renewed is None:
            return True
        return abs((now - self.renewed).total_seconds()) >= self.duration + 1

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Heartbeat:
        """Read a Lease object as the API gives it."""
        spec = item.get("spec") or {}
        return cls(renewed=parse_time(spec.get("renewTime")), duration=int(spec.get("leaseDurationSeconds") or 40))


@dataclass(frozen=True)
class Snapshot:
    """One look at a cluster.

    A part that could not be read is None, and ``unread`` says why; an empty part was read and is empty.
    ``observed_at`` is the API server's own clock, so that ages do not depend on ours.
    """

    observed_at: datetime
    cluster_uid: str | None = None
    nodes: tuple[Node, ...] | None = None
    heartbeats: Mapping[str, Heartbeat] | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    def node(self, name: str) -> Node | None:
        """The node of that name, if it was seen."""
        return next((n for n in self.nodes or () if n.name == name), None)


@dataclass(frozen=True)
class Finding:
    """What one check says about one object. Checks give no finding for what is well."""

    check: str
    node: str
    node_uid: str
    verdict: Verdict
    reason: str
    message: str
    since: datetime | None
    threshold: int
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def persisted(self, now: datetime) -> int:
        """Seconds for which the trouble has lasted; 0 when nobody can say."""
        return 0 if self.since is None else seconds_between(self.since, now)

    def past_threshold(self, now: datetime) -> bool:
        """Whether the trouble has lasted for the check's threshold."""
        return self.verdict is Verdict.UNHEALTHY and self.since is not None and self.persisted(now) >= self.threshold

    def to_dict(self, now: datetime) -> dict[str, Any]:
        """The finding as modules return it."""
        return {
            "check": self.check,
            "node": self.node,
            "node_uid": self.node_uid,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "message": self.message,
            "since": format_time(self.since),
            "persisted_seconds": self.persisted(now),
            "threshold_seconds": self.threshold,
            "past_threshold": self.past_threshold(now),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True)
class Moment:
    """One line of an incident's story."""

    at: datetime
    phase: Phase
    by: str
    message: str


@dataclass(frozen=True)
class Incident:
    """One sick node, from first suspicion to its end."""

    name: str
    node: str
    node_uid: str
    check: str
    reason: str
    phase: Phase
    since: datetime
    evidence: str = ""
    rung: str = ""
    attempts: int = 0
    attempted_at: tuple[datetime, ...] = ()
    outcome: str = ""
    closed_at: datetime | None = None
    history: tuple[Moment, ...] = ()
    resource_version: str = ""

    @property
    def story(self) -> str:
        """The phases with their times, in one line; the last ones if they are many."""
        if not self.history:
            return ""
        start = self.history[0].at
        told = [f"{m.phase.value} +{seconds_between(start, m.at)} s" for m in self.history[1:]]
        return ", ".join([f"{self.history[0].phase.value} {start:%H:%M:%S}Z", *told[-STORY_LIMIT:]])

    @property
    def last_attempt(self) -> datetime | None:
        """When the last repair was begun."""
        return self.attempted_at[-1] if self.attempted_at else None


@dataclass(frozen=True)
class Action:
    """A repair that every guard allows."""

    node: str
    node_uid: str
    rung: str
    role: str
    reason: str
    message: str
    disruptive: bool
    deadline: int
    machine_id: str
    host: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The action as modules return it."""
        return {
            "node": self.node,
            "node_uid": self.node_uid,
            "host": self.host,
            "rung": self.rung,
            "role": self.role,
            "reason": self.reason,
            "message": self.message,
            "disruptive": self.disruptive,
            "deadline_seconds": self.deadline,
            "machine_id": self.machine_id,
        }


@dataclass(frozen=True)
class Refusal:
    """A repair that a guard forbids, and the numbers it saw."""

    node: str
    rung: str
    guard: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The refusal as modules return it."""
        return {"node": self.node, "rung": self.rung, "guard": self.guard, "message": self.message}
