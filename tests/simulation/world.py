# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster in memory, with a clock of its own, for healers that run as coroutines of each other.

Real are the core and the store: judge, plan, guards, state machine, incidents, lease, healer. Made up are the nodes,
the API server (resource versions, conflicts, lists) and the hosts. Every request and every sleep of a healer hands
over to whoever drives the world, who says what becomes of it: it is answered, its request or its reply is lost, or the
process dies there, before or after.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import OF_ONE_NODE, PARTS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_heartbeat, node_ready
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import paused
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART, Ladders, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Action, Phase, Remedy, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Condition,
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.simulation.drive import Turn
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import quiet_parts
from greenlet import GreenletExit, getcurrent, greenlet

T = TypeVar("T")
UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
START = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
YESTERDAY = START - timedelta(days=1)
LEASE_SECONDS = 40
# How often a kubelet renews its Lease.
RENEWAL_SECONDS = 10
CONTROLLER_LEASE_SECONDS = 15
# For how long the healer watches a Lease that has run out.
WATCHED_SECONDS = 12
# How long the controller-manager waits for a kubelet before it calls its node Unknown.
GRACE = 50
REBOOT_SECONDS = 90
LEASES = "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases"
INCIDENTS = "/apis/selfheal.kubernetes/v1alpha1/incidents"
RECORDS = "/apis/selfheal.kubernetes/v1alpha1/clusterrecords"
KINDS = (LEASES, INCIDENTS, RECORDS)
# What a person signs with.
ADMIN = "admin"
CALM = tuple(
    Condition(kind, "False", f"KubeletHasNo{kind}", "", YESTERDAY)
    for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
)
REBOOT = Rung("reboot", "simulated", "reboot", Remedy.REBOOT, deadline=120, waits=True)
REPLACE = Rung("replace", "simulated", "install anew", Remedy.REPLACE, deadline=120, waits=True)
RUNGS = {rung.name: rung for rung in (KUBELET_RESTART, REBOOT, REPLACE)}
# Each rung cures what the ones before it cure. Beyond the last there is trouble that none of them cures.
CURES = (*RUNGS, "none")
SIM_LADDERS: Ladders = MappingProxyType(
    {
        node_ready.NOT_READY: tuple(RUNGS.values()),
        node_ready.STATUS_UNKNOWN: tuple(RUNGS.values()),
        node_heartbeat.STOPPED: tuple(RUNGS.values()),
    }
)


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"


class Died(GreenletExit):  # type: ignore[misc]
    """The process was killed here, and nothing of it runs any more."""


class HostFailed(OSError):
    """A host could not be reached, or its command failed."""


class Timeline(Generic[T]):
    """A value that changes, and what it was at any time."""

    def __init__(self, value: T, at: datetime = YESTERDAY) -> None:
        self._times = [at]
        self._values = [value]

    def set(self, value: T, at: datetime) -> None:
        """From then on it is that, whatever was planned for later."""
        while len(self._times) > 1 and self._times[-1] > at:
            self._times.pop()
            self._values.pop()
        if value != self._values[-1]:
            self._times.append(at)
            self._values.append(value)

    def at(self, moment: datetime) -> T:
        """What it was then."""
        if moment >= self._times[-1]:
            return self._values[-1]
        return self._values[max(0, bisect.bisect_right(self._times, moment) - 1)]

    def since(self, moment: datetime) -> datetime:
        """Since when it was that."""
        if moment >= self._times[-1]:
            return self._times[-1]
        return self._times[max(0, bisect.bisect_right(self._times, moment) - 1)]

    def was(self, value: T, begin: datetime, end: datetime) -> bool:
        """Whether it was that at any moment between."""
        return self.first(value, begin, end) is not None

    def first(self, value: T, begin: datetime, end: datetime) -> datetime | None:
        """The first moment between at which it was that; what ended in the moment of the beginning counts."""
        if begin > end:
            return None
        first = max(0, bisect.bisect_left(self._times, begin) - 1)
        for time, one in zip(self._times[first:], self._values[first:], strict=True):
            if time > end:
                return None
            if one == value:
                return max(time, begin)
        return None


@dataclass
class SimNode:
    """A machine and its kubelet. ``cure`` is the weakest rung that brings its kubelet back when it has stopped.

    ``left`` is when another machine took its name.
    """

    name: str
    zone: str = ""
    control_plane: bool = False
    gpu: bool = False
    cure: str = "kubelet_restart"
    born: datetime = YESTERDAY
    generation: int = 0
    left: datetime | None = None

    def __post_init__(self) -> None:
        self.kubelet = Timeline(True, self.born)
        self.machine = Timeline(True, self.born)
        self.boots = Timeline(0, self.born)
        self.etcd = Timeline(True, self.born)
        self.cordoned = Timeline(False, self.born)
        self.paused = Timeline(False, self.born)
        self.labels = {"topology.kubernetes.io/zone": self.zone} if self.zone else {}
        if self.control_plane:
            self.labels["node-role.kubernetes.io/control-plane"] = ""
        self._objects: dict[tuple[object, ...], Node] = {}

    @property
    def uid(self) -> str:
        """Its UID, another one each time that a node of this name joins."""
        return f"uid-{self.name}-{self.generation}"

    @property
    def machine_id(self) -> str:
        """What its host says of itself."""
        return f"{self.name}-{self.generation}"

    def well(self, moment: datetime) -> bool:
        """Whether it was truly well then."""
        return self.kubelet.at(moment)

    def present(self, moment: datetime) -> bool:
        """Whether it was a node of the cluster then."""
        return self.born <= moment and (self.left is None or moment < self.left)

    def seen(self, moment: datetime, controllers: Timeline[bool]) -> Node:
        """The Node object as the API server had it then."""
        status, since, told = "True", self.kubelet.since(moment), moment
        if not self.kubelet.at(moment):
            # Its kubelet's last words were spoken before it stopped.
            told = max(self.born, since - timedelta(seconds=1))
            noticed = controllers.first(True, since + timedelta(seconds=GRACE), moment)
            if noticed is not None:
                status, since = "Unknown", noticed
        key = (status, since, self.cordoned.at(moment), self.paused.at(moment), self.boots.at(told))
        if key not in self._objects:
            self._objects[key] = Node(
                name=self.name,
                uid=self.uid,
                labels=self.labels,
                annotations={paused.ANNOTATION: "by hand"} if self.paused.at(moment) else {},
                unschedulable=self.cordoned.at(moment),
                deleting=False,
                addresses=(),
                machine_id=self.machine_id,
                conditions=(Condition("Ready", status, "Kubelet", "", since), *CALM),
                created=self.born,
                boot_id=f"boot-{self.boots.at(told)}",
                kubelet_version="v1.34.4",
                capacity={"nvidia.com/gpu": "4"} if self.gpu else {},
            )
        return self._objects[key]

    def lease(self, moment: datetime, clock: datetime | None = None) -> Heartbeat:
        """Its Lease then. One that has run out, by the clock of who is asked, was watched, and did not move."""
        stopped = not self.kubelet.at(moment)
        end = self.kubelet.since(moment) if stopped else moment
        begun = self.kubelet.since(end - timedelta(seconds=1)) if stopped else self.kubelet.since(end)
        renewed = end - timedelta(seconds=(end - begun).total_seconds() % RENEWAL_SECONDS)
        made = Heartbeat(renewed, LEASE_SECONDS)
        if not made.expired(clock or moment):
            return made
        return Heartbeat(renewed, LEASE_SECONDS, moved=False, watched=WATCHED_SECONDS)


@dataclass(frozen=True)
class Act:
    """Something that was done to a host: by whom, when, to which node, and what was true at that moment.

    ``meant`` is the UID of the node that it was meant for, ``holder`` the process that held the lease in date,
    ``shown`` what the healer saw last, so many seconds late (``lag``), ``under_repair`` the nodes whose stored
    incidents said so, ``storm`` what the ClusterRecord told of storms when the healer looked, ``approved`` the repairs
    that a person had approved when it began, ``token`` how often the lease had changed hands.
    """

    at: datetime
    by: str
    node: str
    uid: str
    rung: str
    looked_at: datetime
    holder: str
    sick: frozenset[str]
    allowed: bool
    meant: str = ""
    lag: float = 0.0
    shown: Snapshot | None = None
    policy: Policy = field(default_factory=Policy)
    under_repair: frozenset[str] = frozenset()
    storm: Mapping[str, Any] | None = None
    approved: str = ""
    token: int = 0


@dataclass(frozen=True)
class Written:
    """A write that the API server has carried out, and what its writer had seen last.

    ``owner`` is the process that had taken the lease last before it, ``holder`` the same as long as that was in date,
    ``asked`` how many requests its writer has sent since it last wrote the lease, this one included.
    """

    at: datetime
    by: str
    method: str
    path: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    looked_at: datetime | None = None
    lag: float = 0.0
    shown: Snapshot | None = None
    owner: str = ""
    holder: str = ""
    asked: int = 1

    @property
    def kind(self) -> str:
        """Which of KINDS it is about."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The object's name."""
        return self.path.rpartition("/")[2]

    @property
    def target(self) -> str:
        """The UID of the node that an incident is about."""
        body = self.after or self.before
        return str(body["spec"]["target"]["uid"]) if self.kind == INCIDENTS and body else ""

    def phase(self) -> str:
        """The phase that it brought an incident to; empty when it is about something else, or changed none."""
        if self.kind != INCIDENTS or self.after is None:
            return ""
        now = str(self.after["status"]["phase"])
        return "" if self.before is not None and self.before["status"]["phase"] == now else now


@dataclass(repr=False)
class Process:
    """A healer's process. ``waits_for`` is what it is about to do, ``wakes`` when it goes on by itself.

    ``lag`` is by how many seconds late it is shown the nodes.
    """

    name: str
    body: Callable[[Process], Any]
    world: World
    waits_for: str = ""
    wakes: datetime = START
    result: Any = None
    error: BaseException | None = None
    died: bool = False
    requests: int = 0
    lag: float = 0.0
    last_look: datetime = START
    last_lag: float = 0.0
    shown: Snapshot | None = None
    turn_of: Turn | None = None
    begun: datetime = START
    asked: int = 0
    _coroutine: greenlet = field(init=False)

    def __post_init__(self) -> None:
        self._coroutine = greenlet(self._run)
        self.wakes = self.begun = self.world.now
        self.world.processes[self.name] = self

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._coroutine.dead or self.died

    def step(self, fate: Fate = Fate.ANSWERED) -> None:
        """Let it go on to its next request or sleep; what it was about to ask meets this fate."""
        self._coroutine.switch(fate)

    def run(self, slow: float = 0.0, limit: int = 20_000) -> None:
        """Let it go on to its end, time passing as it sleeps, each time ``slow`` seconds longer than it asked for.

        :raises RuntimeError: when it does not come to an end.
        """
        for _hand_over in range(limit):
            if self.over:
                return
            self.wake(slow)
            self.step()
        raise RuntimeError(f"{self.name} does not end: it waits for {self.waits_for}")

    def wake(self, slow: float = 0.0) -> None:
        """Let the time pass that it sleeps for, and so much more."""
        if self.waits_for == "sleep":
            self.world.now = max(self.world.now, self.wakes + timedelta(seconds=slow))

    def kill(self) -> None:
        """End it where it stands."""
        self.died = True
        if not self._coroutine.dead:
            self._coroutine.throw(Died)

    def turn(self, what: str) -> Fate:
        """Hand over to whoever drives the world, and hear what becomes of it. For the process itself."""
        if self.died:
            # Nothing that should happen in the end happens in a process that was killed.
            raise Died
        self.waits_for = what
        self.requests += 1
        if LEASES not in what:
            self.asked += 1
        fate: Fate = getcurrent().parent.switch()
        self.waits_for = ""
        if fate is Fate.DIES_BEFORE:
            self.die()
        return fate

    def die(self) -> None:
        """Be killed here and now. For the process itself."""
        self.died = True
        self.world.counts["killed"] += 1
        raise Died

    def sleep(self, seconds: float) -> None:
        """Wait for so long by the world's clock. For the process itself."""
        self.wakes = self.world.now + timedelta(seconds=seconds)
        if self.turn("sleep") is Fate.DIES_AFTER:
            self.die()

    def monotonic(self) -> float:
        """The process's clock. For the process itself."""
        return (self.world.now - START).total_seconds()

    def _run(self, _fate: Fate) -> None:
        try:
            self.result = self.body(self)
        except GreenletExit:
            self.died = True
        except Exception as exc:
            self.error = exc


class UnrealClient(Client):
    """A client of no server; ``_read`` is how it comes by an object."""

    def __init__(self) -> None:
        self.etcd = None

    @property
    def server(self) -> str:
        """The address of the API server."""
        return "https://simulated"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Read one object."""
        if "/configmaps/" in path:
            # What is usual for a cluster is a statistic and no part of this; nobody may keep any here.
            raise Forbidden(f"GET {path}: HTTP 403")
        return self._read(path)

    def _read(self, path: str) -> Answer:
        raise NotImplementedError


class SimClient(UnrealClient):
    """The client of one process: real answers from the world, and whatever fate its driver has for them."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process
        self.world = process.world

    def _read(self, path: str) -> Answer:
        return self._ask("GET", path, partial(self.world.read, path))

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a list."""
        answer = self._ask("GET", path, partial(self.world.listing, path))
        yield from answer.body["items"]

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Create an object."""
        return self._ask("POST", path, partial(self.world.create, self.process.name, path, body))

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write an object."""
        return self._ask("PUT", path, partial(self.world.replace, self.process.name, path, body))

    def delete(self, path: str, resource_version: str) -> Answer:
        """Remove an object."""
        return self._ask("DELETE", path, partial(self.world.delete, self.process.name, path, resource_version))

    def _ask(self, method: str, path: str, serve: Callable[[], dict[str, Any]]) -> Answer:
        fate = self.process.turn(f"{method} {path}")
        if fate is Fate.REQUEST_LOST:
            raise Unreachable(f"{method} {path}: no answer")
        # A refusal is an answer that can be lost as well.
        refusal, body = None, {}
        try:
            body = serve()
        except (Conflict, Forbidden, NotFound) as exc:
            refusal = exc
        if fate is Fate.REPLY_LOST:
            raise Unreachable(f"{method} {path}: no answer")
        if fate is Fate.DIES_AFTER:
            self.process.die()
        if refusal is not None:
            raise refusal
        return Answer(body, self.world.clock())


class World:
    """The cluster, its clock, and everything that was ever done to it.

    ``owner`` is the process that took the lease last; ``counts`` is what happened how often. ``clocks`` are by how many
    seconds the clocks of the API servers are wrong; which of them answers a request is drawn from ``seed``.
    """

    def __init__(self, nodes: list[SimNode], clocks: Sequence[float] = (0,), seed: int = 0) -> None:
        self.now = START
        self.clocks = tuple(clocks)
        self._drawn = Random(seed)
        self.nodes = {node.name: node for node in nodes}
        self.gone: list[SimNode] = []
        self.controllers = Timeline(True)
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.acts: list[Act] = []
        self.writes: list[Written] = []
        self.processes: dict[str, Process] = {}
        self.owner = ""
        self.counts: Counter[str] = Counter()
        self._version = 0
        self._parts = quiet_parts()

    # --- time and trouble

    @property
    def skew(self) -> float:
        """By how many seconds an API server's clock may be wrong."""
        return max(map(abs, self.clocks))

    def clock(self) -> datetime:
        """What it is by the clock of the API server that happens to answer."""
        if len(self.clocks) == 1:
            return self.now + timedelta(seconds=self.clocks[0])
        wrong = self._drawn.choice(self.clocks)
        self.counts["skewed"] += wrong != 0
        return self.now + timedelta(seconds=wrong)

    def advance(self, seconds: float) -> None:
        """Let time pass; whoever is in the middle of something is slow."""
        self.now += timedelta(seconds=seconds)

    def stop_kubelet(self, name: str, cure: str) -> None:
        """A kubelet stops, and this brings it back."""
        self.nodes[name].cure = cure
        self.nodes[name].kubelet.set(False, self.now)

    def kill_machine(self, name: str) -> None:
        """A machine loses its power; nobody reaches it any more."""
        self.nodes[name].machine.set(False, self.now)
        self.nodes[name].boots.set(self.nodes[name].boots.at(self.now), self.now)
        self.stop_kubelet(name, "none")

    def restart_machine(self, name: str, cured: bool) -> None:
        """A machine restarts; its kubelet is back with it if that is all that it needs."""
        node, back = self.nodes[name], self.now + timedelta(seconds=REBOOT_SECONDS)
        node.kubelet.set(False, self.now)
        node.machine.set(False, self.now)
        node.machine.set(True, back)
        node.boots.set(node.boots.at(self.now) + 1, back)
        if cured:
            node.kubelet.set(True, back)

    def recover(self, name: str) -> None:
        """A node comes back by itself."""
        node = self.nodes[name]
        if not node.machine.at(self.now):
            node.boots.set(node.boots.at(self.now) + 1, self.now)
            node.machine.set(True, self.now)
        node.kubelet.set(True, self.now)

    def replace_node(self, name: str) -> None:
        """Another machine joins under the name of one that is gone."""
        old = self.nodes[name]
        old.left = self.now
        self.gone.append(old)
        self.nodes[name] = SimNode(
            name, old.zone, old.control_plane, old.gpu, born=self.now, generation=old.generation + 1
        )

    def node_with(self, uid: str) -> SimNode | None:
        """The node that has or had this UID."""
        return next((node for node in (*self.nodes.values(), *self.gone) if node.uid == uid), None)

    # --- healers

    def start(
        self,
        name: str,
        policy: Policy,
        ladders: Ladders = SIM_LADDERS,
        holder: str = "",
    ) -> Process:
        """A healer's process that is to do one turn; it has not done anything yet.

        :param holder: what it calls itself to the others; its name when not given.
        """

        def body(process: Process) -> Turn:
            client = SimClient(process)

            def look(_client: Client, _policy: Policy, uid: str | None, node: str | None = None) -> Snapshot:
                return self.look(process, uid, node)

            process.turn_of = Turn(
                client=client,
                policy=policy,
                cluster_uid=UID,
                holder=holder or name,
                look=look,
                hosts=SimHosts(process),
                sleep=process.sleep,
                monotonic=process.monotonic,
                ladders=ladders,
            )
            return process.turn_of.run()

        process = Process(name, body, self)
        # Up to its first request, which has not been sent yet.
        process.step()
        return process

    def close(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.kill()

    # --- the API server

    def read(self, path: str) -> dict[str, Any]:
        """One object."""
        if path == "/api/v1/namespaces/kube-system":
            return {"metadata": {"name": "kube-system", "uid": UID}}
        if path == "/version":
            return {"gitVersion": "v1.34.4"}
        kind, _slash, name = path.rpartition("/")
        if kind not in self.objects:
            raise Forbidden(f"GET {path}: HTTP 403")
        if name not in self.objects[kind]:
            raise NotFound(f"GET {path}: HTTP 404")
        return self.objects[kind][name]

    def listing(self, path: str) -> dict[str, Any]:
        """Every object of a kind."""
        return {"items": list(self.objects[path].values())}

    def create(self, by: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new object, if its name is free."""
        if path not in self.objects:
            self.counts["forbidden"] += 1
            raise Forbidden(f"POST {path}: HTTP 403")
        name = body["metadata"]["name"]
        if name in self.objects[path]:
            raise self._conflict(f"POST {path}: HTTP 409 {name} already exists")
        return self._store(by, "POST", path, name, body, None)

    def replace(self, by: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new version of an object, if nobody has written it since."""
        kind, _slash, name = path.rpartition("/")
        if kind not in self.objects:
            self.counts["forbidden"] += 1
        stored = self.read(path)
        version = body["metadata"].get("resourceVersion")
        if version is not None and version != stored["metadata"]["resourceVersion"]:
            raise self._conflict(f"PUT {path}: HTTP 409 the object has been modified")
        return self._store(by, "PUT", kind, name, body, stored)

    def delete(self, by: str, path: str, resource_version: str) -> dict[str, Any]:
        """Remove an object, if nobody has written it since."""
        kind, _slash, name = path.rpartition("/")
        stored = self.read(path)
        if resource_version != stored["metadata"]["resourceVersion"]:
            raise self._conflict(f"DELETE {path}: HTTP 409 the object has been modified")
        del self.objects[kind][name]
        self._keep(by, "DELETE", path, stored, None)
        return {}

    def _conflict(self, message: str) -> Conflict:
        self.counts["conflict"] += 1
        return Conflict(message)

    def _store(
        self, by: str, method: str, kind: str, name: str, body: Mapping[str, Any], before: dict[str, Any] | None
    ) -> dict[str, Any]:
        self._version += 1
        made = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self.objects[kind][name] = made
        self._keep(by, method, f"{kind}/{name}", before, made)
        if kind == LEASES:
            old = {} if before is None else before["spec"]
            if not made["spec"].get("holderIdentity"):
                self.owner = ""
            elif old.get("leaseTransitions") != made["spec"]["leaseTransitions"] or not old.get("holderIdentity"):
                self.owner = by
            if by in self.processes:
                self.processes[by].asked = 0
        return made

    def _keep(
        self, by: str, method: str, path: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        writer = self.processes.get(by)
        if writer is None:
            self.writes.append(Written(self.now, by, method, path, before, after))
            return
        seen = (writer.last_look, writer.last_lag, writer.shown)
        right = (self.owner, "" if path.startswith(LEASES) else self.holder(), writer.asked)
        self.writes.append(Written(self.now, by, method, path, before, after, *seen, *right))

    # --- what a healer does with it

    def look(self, process: Process, expected_uid: str | None = None, node: str | None = None) -> Snapshot:
        """What ``observe`` would see. A process may be shown the past, as a slow API server shows it."""
        fate = process.turn("look")
        if fate is Fate.DIES_AFTER:
            process.die()
        if expected_uid not in (None, UID):
            raise WrongCluster(f"wrong cluster: expected {expected_uid}")
        process.last_look, process.last_lag = self.now, process.lag
        if fate is Fate.REQUEST_LOST:
            missing = ("identity", *(PARTS if node is None else OF_ONE_NODE))
            process.shown = Snapshot(self.clock(), unread=dict.fromkeys(missing, "no answer"))
        elif fate is Fate.REPLY_LOST:
            process.shown = Snapshot(self.clock(), UID, unread=dict.fromkeys(OF_ONE_NODE, "no answer"))
        else:
            process.shown = self.snapshot(self.now - timedelta(seconds=process.lag), node)
        return process.shown

    def snapshot(self, moment: datetime, only: str | None = None) -> Snapshot:
        """The cluster as it was then, by the clock of who answers now."""
        clock = self.clock()
        there = [node for node in self.nodes.values() if only in (None, node.name) and node.present(moment)]
        there += [node for node in self.gone if only in (None, node.name) and node.present(moment)]
        nodes = tuple(node.seen(moment, self.controllers) for node in there)
        heartbeats = {node.name: node.lease(moment, moment + (clock - self.now)) for node in there}
        if only is not None:
            return Snapshot(clock, UID, nodes, heartbeats)
        parts = {**self._parts, "local_time": self.now}
        planes = [node for node in there if node.control_plane]
        if planes:
            members = tuple(EtcdMember(node.name, node.etcd.at(moment) and node.machine.at(moment)) for node in planes)
            leader = next((member.name for member in members if member.healthy), "")
            parts["etcd"] = Etcd(members, leader=leader, direct=True)
        renewed = moment if self.controllers.at(moment) else self.controllers.since(moment)
        lease = Heartbeat(renewed, CONTROLLER_LEASE_SECONDS)
        if lease.expired(moment):
            lease = Heartbeat(renewed, CONTROLLER_LEASE_SECONDS, moved=False, watched=WATCHED_SECONDS)
        parts["components"] = dict.fromkeys(("kube-controller-manager", "kube-scheduler"), lease)
        return Snapshot(clock, UID, nodes, heartbeats, **parts)

    def uptime(self, process: Process, name: str, machine_id: str = "") -> float:
        """Ask a host whether it is the machine that is meant, and how long it has run, in seconds."""
        fate = process.turn(f"identify {name}")
        if fate is Fate.DIES_AFTER:
            process.die()
        if fate is not Fate.ANSWERED or not self.nodes[name].machine.at(self.now):
            raise HostFailed(f"{name} cannot be reached")
        if machine_id not in ("", self.nodes[name].machine_id):
            raise HostFailed(f"inventory host {name} is not node {name}: its machine-id is another one")
        return (self.now - self.nodes[name].boots.since(self.now)).total_seconds()

    def act(self, process: Process, name: str, uid: str, rung: str, not_before: float, within: float) -> None:
        """Carry out a rung on a host, if it comes in time by the host's own clock.

        The host knows nothing of UIDs: whatever machine has the name now gets the command.
        """
        fate = process.turn(f"{rung} on {name}")
        node = self.nodes[name]
        if fate is Fate.REQUEST_LOST or not node.machine.at(self.now):
            raise HostFailed(f"{name} cannot be reached")
        uptime = (self.now - node.boots.since(self.now)).total_seconds()
        if not not_before <= uptime <= not_before + within:
            self.counts["fence refused"] += 1
            raise HostFailed(f"{name}: this command comes too late, nothing was done")
        self._note(process, node, uid, rung)
        cured = CURES.index(node.cure) <= CURES.index(rung)
        if not RUNGS[rung].disruptive:
            if cured:
                node.kubelet.set(True, self.now)
        else:
            self.restart_machine(name, cured)
        if fate is Fate.REPLY_LOST:
            raise HostFailed(f"{name} did not answer to the end")
        if fate is Fate.DIES_AFTER:
            process.die()

    def holder(self) -> str:
        """The process that holds the lease, as long as it is in date."""
        spec = self.objects[LEASES].get("selfheal", {}).get("spec", {})
        renewed = spec.get("renewTime")
        if not spec.get("holderIdentity") or renewed is None:
            return ""
        ends = datetime.fromisoformat(renewed) + timedelta(seconds=spec["leaseDurationSeconds"])
        return self.owner if self.now < ends else ""

    def _note(self, process: Process, node: SimNode, meant: str, rung: str) -> None:
        sick = frozenset(one.name for one in self.nodes.values() if not one.well(self.now))
        incidents = [one for one in self.objects[INCIDENTS].values() if Phase(one["status"]["phase"]).is_open]
        # An approval is used up by the repair that it allows.
        begun = [one.before for one in self.writes if one.phase() == "Repairing" and one.target == meant and one.before]
        told = [one.after for one in self.writes if one.kind == RECORDS and one.at <= process.last_look and one.after]
        turn = process.turn_of
        lease = self.objects[LEASES].get("selfheal", {}).get("spec", {})
        self.acts.append(
            Act(
                at=self.now,
                by=process.name,
                node=node.name,
                uid=node.uid,
                rung=rung,
                looked_at=process.last_look,
                holder=self.holder(),
                sick=sick,
                allowed=not (node.cordoned.at(self.now) or node.paused.at(self.now)),
                meant=meant,
                lag=process.last_lag,
                shown=process.shown,
                policy=Policy() if turn is None else turn.policy,
                under_repair=frozenset(
                    one["spec"]["target"]["name"] for one in incidents if Phase(one["status"]["phase"]).under_repair
                ),
                storm=told[-1]["status"].get("storm") if told else None,
                approved=(begun[-1]["metadata"].get("annotations") or {}).get(APPROVED, "") if begun else "",
                token=lease.get("leaseTransitions", 0),
            )
        )


@dataclass
class SimHosts:
    """The machines as one process reaches them."""

    process: Process

    def uptime(self, name: str) -> float:
        """How long the host has run, if it is the machine that the plan means."""
        turn = self.process.turn_of
        planned = turn.seen.plan.actions if turn is not None and turn.seen is not None else ()
        meant = next((action.machine_id for action in planned if action.node == name), "")
        return self.process.world.uptime(self.process, name, meant)

    def act(self, action: Action, not_before: float, within: float) -> None:
        """Carry out the rung."""
        self.process.world.act(self.process, action.node, action.node_uid, action.rung, not_before, within)
