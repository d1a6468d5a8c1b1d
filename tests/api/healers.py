# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Healers as processes of their own, which a test can kill or stop at any step, and a way to let time pass for all.

A healer is one turn of ``heal`` (see ``tests.simulation.drive``) with the collection's own client against a real API
server. Its hosts are this machine: acting on one writes a line into a file that all processes share, and makes the
node well through the API.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.transport import BrokenConnection
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Action, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    HEALER_LEASE,
    INCIDENTS,
    RECORDS,
    ControlPlane,
    die_with_parent,
    micro,
)
from ansible_collections.selfheal.kubernetes.tests.simulation.drive import Turn

NODES = ("w1", "w2", "w3", "w4", "w5")
SICK = "w1"
BASELINE = "/api/v1/namespaces/self-healing/configmaps/selfheal-baseline"
# Inherits what the test has made, and is there in some milliseconds.
FORK = multiprocessing.get_context("fork")
# Seconds. A turn takes about one, on a busy machine more.
PATIENCE = 60.0
WRITES = ("POST", "PUT", "DELETE")
BEFORE, DURING, AFTER = "before", "during", "after"


def credential_of(token: str) -> str:
    """By what the audit log knows a token of a service account from its others."""
    payload = token.split(".")[1]
    return "JTI=" + str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


class Clock:
    """The time that the machines and the healers feel, across processes: the real one and what was let pass."""

    def __init__(self) -> None:
        # Without a lock, which a process could take to its grave; only the test itself writes.
        self._passed = FORK.RawValue("d", 0.0)

    def monotonic(self) -> float:
        return time.monotonic() + float(self._passed.value)

    def forward(self, seconds: float) -> None:
        self._passed.value += seconds


# --- steps


@dataclass
class Steps:
    """The steps of one turn, and what happens at one of them.

    A step is one request, one look (which only reads, many parts at once), or one touch of a host.
    """

    number: int = -1
    moment: str = BEFORE
    then: Callable[[], None] = lambda: None
    seen: list[str] = field(default_factory=list)
    looking: bool = False
    _inside: int = 0

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        if self.looking:
            # The second request of a look is one of those that run side by side.
            self._inside += 1
            if self._inside == 2:
                self.reached(DURING)
            yield
            return
        self.seen.append(what)
        self.reached(BEFORE)
        yield
        self.reached(AFTER)

    @contextmanager
    def look(self) -> Iterator[None]:
        with self.step("LOOK"):
            self.looking, self._inside = True, 0
            try:
                yield
            finally:
                self.looking = False

    def reached(self, moment: str) -> None:
        if (len(self.seen) - 1, moment) == (self.number, self.moment):
            self.then()


class SteppingClient(Client):
    """The collection's client, with each request as a step."""

    def __init__(self, *arguments: Any, steps: Steps) -> None:
        super().__init__(*arguments)
        self._steps = steps

    def _send(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
        with self._steps.step(f"{method} {path.partition('?')[0]}"):
            return super()._send(method, path, *rest, **options)


@dataclass(frozen=True)
class Point:
    """A place in a turn at which something may happen to its process."""

    number: int
    moment: str
    what: str

    def __str__(self) -> str:
        return f"{self.number:03} {self.moment} {self.what}"


def points_of(steps: list[str]) -> list[Point]:
    """Before each step, amid what takes its time, and after what has an effect.

    After any other step is before the next one.
    """
    points = []
    for number, what in enumerate(steps):
        kind = what.split()[0]
        moments = [BEFORE]
        if kind in ("LOOK", "ACT"):
            moments.append(DURING)
        if kind in WRITES or kind == "ACT":
            moments.append(AFTER)
        points += [Point(number, moment, what) for moment in moments]
    return points


# --- hosts


class Machines:
    """The hosts: each is this machine. ``acts`` tells who has done what, whatever became of him."""

    def __init__(self, cluster: ControlPlane, clock: Clock, file: Path, name: str = "test", steps: Steps | None = None):
        self._cluster, self._clock, self._file, self._name = cluster, clock, file, name
        self._steps = steps or Steps()

    def uptime(self, name: str) -> float:
        with self._steps.step(f"ASK {name}"):
            return self._clock.monotonic()

    def act(self, action: Action, not_before: float, within: float) -> None:
        with self._steps.step(f"ACT {action.rung} on {action.node}"):
            if not not_before <= self._clock.monotonic() <= not_before + within:
                raise OSError(f"{action.node}: this command comes too late, nothing was done")
            self._tell(f"{self._name} {action.rung} {action.node}\n")
            self._steps.reached(DURING)
            self._cluster.make_well(action.node)

    def _tell(self, line: str) -> None:
        target = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(target, line.encode())
        finally:
            os.close(target)

    def acts(self) -> list[str]:
        return self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


# --- healers


@dataclass(frozen=True)
class Ended:
    """How a turn has ended: the word for it, each repair's word, and the error if it has raised one."""

    ended: str
    words: tuple[tuple[str, str], ...]
    error: str = ""
    seconds: float = 0.0


@dataclass
class Stage:
    """A real cluster with one sick node, and what the healers of a test share."""

    cluster: ControlPlane
    policy: Policy
    folder: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def machines(self) -> Machines:
        return Machines(self.cluster, self.clock, self.folder / "acts")

    def set_up(self, *sick: str) -> None:
        """The cluster as at the beginning: nobody has healed it yet."""
        self.cluster.reset()
        self.cluster.request("DELETE", BASELINE)
        self.cluster.add_nodes(*NODES)
        for name in sick or (SICK,):
            self.cluster.make_sick(name)
        self.machines.forget()

    def again(self) -> None:
        """The same node sick again and nobody's memory left, cheaper than from nothing."""
        for path in (INCIDENTS, RECORDS, BASELINE, HEALER_LEASE):
            self.cluster.request("DELETE", path)
        self._healthy_ones_live()
        self.cluster.make_sick(SICK)
        self.machines.forget()

    def _healthy_ones_live(self) -> None:
        self.cluster.lead()
        self.cluster.renew(NODES[1:])

    def pass_time(self, seconds: float) -> None:
        """Let time pass for everything that remembers a moment: the machines' clock, the Lease, the healer's memory."""
        self.clock.forward(seconds)
        status, found = self.cluster.request("GET", HEALER_LEASE)
        if status == 200 and found["spec"].get("renewTime"):
            moments = {name: _earlier(found["spec"][name], seconds) for name in ("renewTime", "acquireTime")}
            self.cluster.must("PATCH", HEALER_LEASE, {"spec": moments})
        for item in (*self.cluster.get(INCIDENTS)["items"], *self.cluster.get(RECORDS)["items"]):
            kind = INCIDENTS if item["kind"] == "Incident" else RECORDS
            aged = _aged(item["status"], seconds)
            self.cluster.must("PATCH", f"{kind}/{item['metadata']['name']}", {"status": aged})
        for name in NODES:
            for condition in self.cluster.get(f"/api/v1/nodes/{name}")["status"]["conditions"]:
                if condition["type"] == "Ready" and condition["status"] != "True":
                    since = datetime.fromisoformat(condition["lastTransitionTime"])
                    self.cluster.condition(name, condition["status"], _age(since) + seconds)
                elif condition["type"] == "Ready" and name == SICK:
                    self.cluster.renew([name])
        self._healthy_ones_live()

    def turn(self, holder: str, token: str, steps: Steps | None = None, cluster: ControlPlane | None = None) -> Turn:
        """A turn of ``heal``, not begun yet."""
        plane, steps = cluster or self.cluster, steps or Steps()

        def look(client: Client, policy: Policy, uid: str | None = None, node: str | None = None) -> Snapshot:
            with steps.look():
                return observe(client, policy, uid, node)

        def sleep(_seconds: float) -> None:
            # A well kubelet renews its Lease while somebody waits for that. Nobody needs to wait for real.
            ready = plane.get(f"/api/v1/nodes/{SICK}")["status"]["conditions"]
            if any(c["type"] == "Ready" and c["status"] == "True" for c in ready):
                plane.renew([SICK])

        return Turn(
            SteppingClient(plane.settings(token), steps=steps),
            self.policy,
            plane.uid,
            holder,
            look,
            Machines(plane, self.clock, self.folder / "acts", holder, steps),
            sleep,
            self.clock.monotonic,
        )

    def start(self, holder: str, token: str, steps: Steps | None = None, barrier: Barrier | None = None) -> Healer:
        """A turn in a process of its own, from a barrier if one is given."""
        return Healer(self, holder, token, steps or Steps(), barrier)

    def run(self, holder: str, token: str) -> Ended:
        """A turn in a process of its own, to its end."""
        with self.start(holder, token) as healer:
            return healer.result()


class Healer:
    """The process of a turn. It ends with the block that it is used in, at the latest."""

    def __init__(self, stage: Stage, holder: str, token: str, steps: Steps, barrier: Barrier | None) -> None:
        self._end, theirs = FORK.Pipe(duplex=False)
        arguments = (theirs, stage, holder, token, steps, barrier)
        self.process: ForkProcess = FORK.Process(target=_live, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def __enter__(self) -> Healer:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _exc: BaseException | None, _t: TracebackType | None) -> None:
        self.process.kill()
        self.process.join(PATIENCE)
        self._end.close()

    def result(self) -> Ended:
        """How the turn has ended."""
        assert self._end.poll(PATIENCE), "the turn does not come to its end"
        ended: Ended = self._end.recv()
        self.process.join(PATIENCE)
        return ended

    def killed(self) -> bool:
        """Whether SIGKILL has ended it, and not its own end."""
        self.process.join(PATIENCE)
        return self.process.exitcode == -signal.SIGKILL

    def stopped(self) -> bool:
        """Wait until it stands still or has ended; whether it stands still."""
        assert self.process.pid is not None
        found = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def resume(self) -> None:
        """Let it go on."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)


def kill_me() -> None:
    """What an out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop_me() -> None:
    """What a hypervisor does to a machine that it moves."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _live(end: Connection, stage: Stage, holder: str, token: str, steps: Steps, barrier: Barrier | None) -> None:
    die_with_parent()
    # Connections cannot be shared with the process that this one was made from.
    turn = stage.turn(holder, token, steps, stage.cluster.with_own_connections())
    if barrier is not None:
        barrier.wait(PATIENCE)
    begun, error = time.monotonic(), ""
    try:
        turn.run()
    except (ClusterError, MachineError) as exc:
        error = f"{type(exc).__name__}: {exc}"
    end.send(Ended(turn.ended, tuple(turn.words), error, time.monotonic() - begun))
    end.close()


def recorded_steps(stage: Stage, token: str) -> tuple[list[str], Ended]:
    """Every step of a turn that nothing happens to."""
    steps = Steps()
    turn = stage.turn("recorder", token, steps)
    turn.run()
    return steps.seen, Ended(turn.ended, tuple(turn.words))


def held_by(cluster: ControlPlane) -> str:
    """Who has the one Lease that the healers have, in date; empty when nobody does."""
    leases = cluster.get(HEALER_LEASE.rpartition("/")[0])["items"]
    assert [item["metadata"]["name"] for item in leases] in ([], ["selfheal"]), leases
    for spec in (item["spec"] for item in leases):
        if _age(datetime.fromisoformat(spec["renewTime"])) < spec["leaseDurationSeconds"]:
            return str(spec.get("holderIdentity") or "")
    return ""


def touched_by_people(cluster: ControlPlane) -> dict[str, Any]:
    """What of the nodes belongs to people, and what a repair could leave behind on them."""
    return {
        item["metadata"]["name"]: (
            item["metadata"].get("annotations"),
            item["metadata"].get("labels"),
            item["spec"].get("taints"),
            item["spec"].get("unschedulable"),
        )
        for item in cluster.get("/api/v1/nodes")["items"]
    }


def make_lease(cluster: ControlPlane, stage: str, seconds: int) -> None:
    """The healers' Lease as it may be found: never held, released, or held by one that has died since."""
    if stage == "never held":
        cluster.request("DELETE", HEALER_LEASE)
        return
    spec = {
        "holderIdentity": "" if stage == "released" else "dead",
        "leaseDurationSeconds": seconds,
        "leaseTransitions": 7,
        "renewTime": micro(seconds + 5),
        "acquireTime": micro(seconds + 60),
    }
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "selfheal"}, "spec": spec}
    collection, _slash, _name = HEALER_LEASE.rpartition("/")
    if cluster.request("POST", collection, body)[0] == 409:
        cluster.must("PATCH", HEALER_LEASE, {"spec": spec})


MOMENTS = ("since", "deadline", "waitUntil", "refusedAt", "closedAt", "at", "ended")
RECORDED = ("unhealthySince", "lastRepairTime", "lastSucceededTime")


def _aged(value: Any, seconds: float) -> Any:
    """The same with every moment in it so many seconds earlier."""
    if isinstance(value, list):
        return [_aged(item, seconds) for item in value]
    if not isinstance(value, Mapping):
        return value
    aged = {}
    for name, inner in value.items():
        if name in (*MOMENTS, *RECORDED) and isinstance(inner, str):
            aged[name] = _earlier(inner, seconds)
        elif name == "attemptedAt":
            aged[name] = [_earlier(at, seconds) for at in inner]
        else:
            aged[name] = _aged(inner, seconds)
    return aged


def _earlier(moment: str, seconds: float) -> str:
    told = datetime.fromisoformat(moment) - timedelta(seconds=seconds)
    form = "microseconds" if "." in moment else "seconds"
    return f"{told.replace(tzinfo=None).isoformat(timespec=form)}Z"


def _age(moment: datetime) -> float:
    return (datetime.now(moment.tzinfo) - moment).total_seconds()


class Meddling(SteppingClient):
    """Lets something happen before the first request of a kind, and loses the reply of it if it shall."""

    def __init__(self, *arguments: Any, kind: str, before: Callable[[], object] = lambda: None, lose: bool = False):
        super().__init__(*arguments, steps=Steps())
        self.kind, self.before, self.lose = kind, before, lose
        # Shared by the copies of a client that have another deadline.
        self.done = threading.Event()

    def _send(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
        meant = not self.done.is_set() and f"{method} {path}".startswith(self.kind)
        if meant:
            self.done.set()
            self.before()
        answer = super()._send(method, path, *rest, **options)
        if meant and self.lose:
            raise BrokenConnection("the reply was lost")
        return answer
