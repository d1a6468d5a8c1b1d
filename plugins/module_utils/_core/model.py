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
from functools import cached_property
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import Baseline
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    DaemonSet,
    DiskUsage,
    Etcd,
    Event,
    Heartbeat,
    Node,
    Pods,
    ProbeResult,
    Ref,
    Service,
    Usage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, seconds_between

STORY_LIMIT = 8


class Verdict(StrEnum):
    """Three-valued on purpose: what could not be read is unknown, and never healthy."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"


class Severity(StrEnum):
    """How much a finding matters. Warnings are told, but do not make a cluster unhealthy and are never repaired."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Remedy(StrEnum):
    """The strongest thing that may be done about a check's findings; each includes the ones before it."""

    NONE = "None"
    RESTART = "Restart"
    REBOOT = "Reboot"
    REPLACE = "Replace"

    def includes(self, other: Remedy) -> bool:
        """Whether the other one may be done where this one may."""
        order = list(Remedy)
        return order.index(other) <= order.index(self)

    def at_most(self, other: Remedy) -> Remedy:
        """The weaker of the two."""
        return other if self.includes(other) else self


class Phase(StrEnum):
    """Where an incident stands."""

    SUSPECTED = "Suspected"
    UNHEALTHY = "Unhealthy"
    REPAIRING = "Repairing"
    WAITING = "Waiting"
    VERIFYING = "Verifying"
    RECOVERED = "Recovered"
    ESCALATED = "Escalated"
    GONE = "Gone"

    @property
    def is_open(self) -> bool:
        """Whether the incident still asks for attention."""
        return self not in (Phase.RECOVERED, Phase.GONE)

    @property
    def under_repair(self) -> bool:
        """Whether a repair of the node has begun and its end has not been seen."""
        return self in (Phase.REPAIRING, Phase.WAITING, Phase.VERIFYING)


@dataclass(frozen=True)
class Snapshot:
    """One look at a cluster.

    A part that could not be read is None, and ``unread`` says why; an empty part was read and is empty.
    ``observed_at`` is the API server's own clock, so that ages do not depend on ours; ``local_time`` is ours at that
    moment. ``PARTS`` of objects.py tells what each part is.
    """

    observed_at: datetime
    cluster_uid: str | None = None
    nodes: tuple[Node, ...] | None = None
    heartbeats: Mapping[str, Heartbeat] | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    pods: Pods | None = None
    daemonsets: tuple[DaemonSet, ...] | None = None
    services: tuple[Service, ...] | None = None
    events: tuple[Event, ...] | None = None
    components: Mapping[str, Heartbeat] | None = None
    endpoints: tuple[ApiEndpoint, ...] | None = None
    etcd: Etcd | None = None
    metrics: Mapping[str, Usage] | None = None
    disks: Mapping[str, DiskUsage] | None = None
    probes: tuple[ProbeResult, ...] | None = None
    baseline: Baseline | None = None
    local_time: datetime | None = None

    def node(self, name: str) -> Node | None:
        """The node of that name, if it was seen."""
        return self._by_name.get(name)

    def marked(self, mark: str) -> tuple[str, ...]:
        """The names of the nodes that have this one of ``Node.marks``."""
        return tuple(self._by_mark.get(mark, ()))

    def domain(self, kind: str, name: str) -> frozenset[str]:
        """The names of the nodes in one of ``Node.domains``."""
        return frozenset(self._by_domain.get((kind, name), ()))

    @cached_property
    def _by_domain(self) -> Mapping[tuple[str, str], list[str]]:
        names: dict[tuple[str, str], list[str]] = {}
        for node in self.nodes or ():
            for domain in node.domains:
                names.setdefault(domain, []).append(node.name)
        return names

    @cached_property
    def _by_mark(self) -> Mapping[str, list[str]]:
        names: dict[str, list[str]] = {}
        for node in self.nodes or ():
            for mark in node.marks:
                names.setdefault(mark, []).append(node.name)
        return {mark: sorted(own) for mark, own in names.items()}

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {n.name: n for n in self.nodes or ()}


@dataclass(frozen=True)
class Finding:
    """What one check says about one object. Checks give no finding for what is well.

    ``place`` is the node that the object lives on, if it lives on one; ``threshold`` is in seconds.
    """

    check: str
    target: Ref
    verdict: Verdict
    reason: str
    message: str
    since: datetime | None
    threshold: int
    severity: Severity = Severity.ERROR
    remedy: Remedy = Remedy.NONE
    place: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def node(self) -> str:
        """The name of the node that the finding is about; empty when it is about something else."""
        return self.target.name if self.target.kind == "Node" else ""

    @property
    def node_uid(self) -> str:
        """The UID of that node."""
        return self.target.uid if self.target.kind == "Node" else ""

    @property
    def is_warning(self) -> bool:
        """Whether it is only told."""
        return self.severity is Severity.WARNING

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
            "kind": self.target.kind,
            "namespace": self.target.namespace,
            "name": self.target.name,
            "uid": self.target.uid,
            "node": self.node or self.place,
            "verdict": self.verdict.value,
            "severity": self.severity.value,
            "reason": self.reason,
            "message": self.message,
            "since": format_time(self.since),
            "persisted_seconds": self.persisted(now),
            "threshold_seconds": self.threshold,
            "past_threshold": self.past_threshold(now),
            "remedy": self.remedy.value,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True)
class Diagnosis:
    """A cause that several findings have in common.

    ``members`` are the objects that must not be repaired one by one for as long as it holds; ``remedy`` says in words
    what to do about the cause, and ``root`` names the object to do it to, where there is one.
    """

    pattern: str
    members: tuple[Ref, ...]
    cause: str
    remedy: str
    message: str
    root: Ref | None = None
    since: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self, limit: int = 20) -> dict[str, Any]:
        """The diagnosis as modules return it, with so many members by name."""
        return {
            "pattern": self.pattern,
            "cause": self.cause,
            "remedy": self.remedy,
            "message": self.message,
            "root": None if self.root is None else str(self.root),
            "since": format_time(self.since),
            "members": [str(m) for m in self.members[:limit]],
            "members_left_out": max(0, len(self.members) - limit),
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
class Refusal:
    """A repair that a guard forbids, and the numbers it saw."""

    node: str
    rung: str
    guard: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The refusal as modules return it."""
        return {"node": self.node, "rung": self.rung, "guard": self.guard, "message": self.message}


@dataclass(frozen=True)
class Bundle:
    """The evidence that was kept before a repair that ends what runs on a node, or the reason that there is none.

    ``size`` is in bytes, and ``sha256`` that of the file.
    """

    name: str = ""
    sha256: str = ""
    size: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Incident:
    """One sick node, from first suspicion to its end.

    ``attempts`` counts the repairs that were begun, ``deadline`` is when the one that is under way must have proven
    itself, ``wait_until`` when its node must be back from a reboot or replaced, and ``boot_id`` what the node's was
    before. ``successor`` is the UID of the node that has come in the place of one that was replaced.
    ``refusals`` are the guards that keep the node from its next repair, as they were when one of them joined or left,
    at ``refused_at``. ``bundle`` is what was kept before the first disruptive repair. ``annotations`` and ``labels``
    are other people's, and kept as they are.
    """

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
    deadline: datetime | None = None
    wait_until: datetime | None = None
    boot_id: str = ""
    successor: str = ""
    refusals: tuple[Refusal, ...] = ()
    refused_at: datetime | None = None
    bundle: Bundle | None = None
    outcome: str = ""
    closed_at: datetime | None = None
    history: tuple[Moment, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    resource_version: str = ""

    @property
    def story(self) -> str:
        """The phases with their times, in one line; the last ones if they are many."""
        if not self.history:
            return ""
        start = self.history[0].at
        told = [f"{m.phase.value} +{seconds_between(start, m.at)} s" for m in self.history[1:]]
        return ", ".join([f"{self.history[0].phase.value} {start:%H:%M:%S}Z", *told[-STORY_LIMIT:]])

    def under_repair(self, now: datetime) -> bool:
        """Whether a repair has begun, its end has not been seen, and its time is not over either."""
        return self.phase.under_repair and self.deadline is not None and now < self.deadline

    def overdue(self, now: datetime) -> bool:
        """Whether a repair has begun, and the time for it and for its proof is over."""
        return self.phase.under_repair and not self.under_repair(now)

    def awaited(self, now: datetime) -> bool:
        """Whether the node restarts or is replaced, and there is still time for that."""
        return self.phase is Phase.WAITING and self.wait_until is not None and now < self.wait_until

    @property
    def last_attempt(self) -> datetime | None:
        """When the last repair was begun."""
        return self.attempted_at[-1] if self.attempted_at else None


@dataclass(frozen=True)
class Action:
    """A repair that every guard allows; ``driver`` and ``provider_id`` are for a rung that has drivers.

    ``silent`` says that it was chosen because the host does not answer, so that nothing softer can be done for it. It
    needs one of the ``witnesses``, inventory hosts of nodes that are well, to show that the way to the hosts is open.
    ``evidence`` is the name of the bundle that has to be kept before it; empty when none is due.
    """

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
    driver: str = ""
    provider_id: str = ""
    silent: bool = False
    witnesses: tuple[str, ...] = ()
    evidence: str = ""

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
            "driver": self.driver,
            "provider_id": self.provider_id,
            "silent": self.silent,
            "witnesses": list(self.witnesses),
            "evidence": self.evidence,
        }
