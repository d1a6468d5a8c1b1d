# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every interleaving of healers over a small cluster, request by request, with a fault or two anywhere.

``python -m tests.simulation.explore [--depth N] [--nodes 3] [--healers 2] [--faults 1] [SCENE ...]``

A state is what is stored, the machines, the time, and of each healer what it has been told so far. A healer does the
same whenever it is told the same, so it is run once for each sequence of answers, and then known: from one state to the
next nothing but the world has to be asked, once for each request in each of its states. States are visited in the order
of their depth. Two ways to the same state are one from there on, which is also what becomes of two reads in either
order; and a healer that begins a task knows what is handed to that task, as a process of the playbook does, and has
forgotten the rest.

At every state each healer may get its answer or, as long as faults are left, meet a fault: its request or its reply is
lost, or it dies before or after. Time passes when nobody has anything to do but to sleep. That it passes in other
places, by more than evidence may be old or than the lease lasts, counts as a fault, and so does a change that people or
machines make. Where all healers have ended, later ones that nothing disturbs must bring the cluster to rest.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import healer, lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Action, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants, rules
from ansible_collections.selfheal.kubernetes.tests.simulation.drive import Turn
from ansible_collections.selfheal.kubernetes.tests.simulation.scenes import JUMPS, SCENES, Branch, Scene
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    INCIDENTS,
    LEASES,
    SIM_LADDERS,
    START,
    UID,
    Fate,
    HostFailed,
    Process,
    SimClient,
    UnrealClient,
)
from greenlet import GreenletExit, getcurrent, greenlet

# Fewer looks while a healer waits: a wait is the same step again and again.
SAMPLE_SECONDS = 20.0
# Coroutines that are kept where they stand; the others are run again from their beginning when they are needed.
KEPT = 4000
READS = ("get", "items", "uptime")
WRITES = ("create", "replace", "delete", "act")
# A read whose request is lost is one whose reply is lost, and one that dies before it dies after it. A look may fail in
# two ways, and a host that was asked may have done it all the same.
FATES: Mapping[str, tuple[Fate, ...]] = {
    **dict.fromkeys(READS, (Fate.REQUEST_LOST, Fate.DIES_BEFORE)),
    **dict.fromkeys(WRITES, (Fate.REQUEST_LOST, Fate.REPLY_LOST, Fate.DIES_BEFORE, Fate.DIES_AFTER)),
    "look": (Fate.REQUEST_LOST, Fate.REPLY_LOST, Fate.DIES_BEFORE),
    "sleep": (Fate.DIES_BEFORE,),
    "start": (),
}
SETTLING_TURNS = 8
SETTLING_SECONDS = 3900


class Violation(Exception):
    """A rule was broken; the message is the story of how."""


@dataclass(frozen=True)
class Request:
    """What a healer asks for. Equal requests have the same ``key``."""

    op: str
    args: tuple[Any, ...]
    key: str

    def __str__(self) -> str:
        words = [str(one) for one in self.args if isinstance(one, (str, int, float)) and one != ""]
        return " ".join([self.op, *words])


@dataclass(frozen=True)
class Told:
    """What a healer is told, and when by the world's clock. Equal answers have the same ``key``."""

    value: Any
    error: Exception | None
    clock: datetime
    key: str


class Local:
    """A healer that has been told these things and no others: what it asks for next, or how it has ended."""

    __slots__ = (
        "asked",
        "asks",
        "by",
        "children",
        "coroutine",
        "ended",
        "fresh",
        "looked",
        "lost",
        "parent",
        "told",
        "wakes",
    )

    def __init__(self, by: int, parent: Local | None, told: Told | None) -> None:
        self.by = by
        self.parent = parent
        self.told = told
        self.children: dict[str, Local] = {}
        self.asks: Request | None = None
        self.ended = ""
        self.coroutine: Coroutine | None = None
        self.wakes = START
        # When it looked last, what it saw, and whether that was after its host had said who it is.
        self.looked: tuple[datetime, Snapshot | None] = (START, None) if parent is None else parent.looked
        self.fresh: bool = False if parent is None else parent.fresh
        # How much it has asked for since it wrote the lease.
        self.asked: int = 0 if parent is None else parent.asked + 1
        # The write of which it has not heard that it was done.
        self.lost: str = "" if parent is None else parent.lost

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.asks is None


# --- a healer that is told what it asks for


class Coroutine:
    """A healer on a stack of its own, which stops at each request."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.clock = START
        self.closed = False
        # What is known at the beginning of a task, up to its first request; how many there were; what a host has said.
        self.mark = ""
        self.tasks = 0
        self.uptime = 0.0
        self._name = name
        self._policy = policy
        self._stack = greenlet(self._run)

    def resume(self, told: Told | None) -> Request | str:
        """Its next request once it has been told this, or how it has ended."""
        answer: Request | str = self._stack.switch(told)
        return answer

    def close(self) -> None:
        """End it where it stands; nothing that should happen in the end happens."""
        self.closed = True
        if not self._stack.dead:
            self._stack.throw(GreenletExit)

    def ask(self, op: str, *args: Any) -> Any:
        """Hand over to the explorer. For the healer itself."""
        if self.closed:
            raise GreenletExit
        key = json.dumps([op, *args], sort_keys=True)
        told: Told = getcurrent().parent.switch(Request(op, args, key))
        self.clock = told.clock
        self.mark = ""
        if told.error is not None:
            raise type(told.error)(*told.error.args)
        return told.value

    def _monotonic(self) -> float:
        return (self.clock - START).total_seconds()

    def _run(self, _nothing: None) -> str:
        turn = Tasks(
            self,
            client=Wire(self),
            policy=self._policy,
            cluster_uid=UID,
            holder=self._name,
            look=lambda _client, _policy, uid=None, node=None: self.ask("look", uid, node),
            hosts=Hosts(self),
            sleep=lambda seconds: self.ask("sleep", seconds),
            monotonic=self._monotonic,
            ladders=SIM_LADDERS,
        )
        # Somebody else decides when it begins.
        self.ask("start")
        try:
            turn.run()
        except (ClusterError, MachineError, OSError) as exc:
            return f"{type(exc).__name__}:"
        except Exception as exc:
            return f"traceback: {type(exc).__name__}: {exc}"
        words = [f"{node} {word}" for node, word in turn.words]
        return " ".join([turn.ended, *words, *(f"{type(exc).__name__}:" for exc in turn.errors)])


class Tasks(Turn):
    """A turn that says when it begins a task, and what it remembers then of those before."""

    def __init__(self, line: Coroutine, **needed: Any) -> None:
        super().__init__(**needed)
        self._line = line

    def _healer(self, held: lease.Held) -> healer.Healer:
        # Each task is a process of its own in the playbook, and knows only what is handed to it.
        plan = None if self.seen is None else (self.seen.plan.notes, self.seen.plan.actions)
        self._line.tasks += 1
        known = (self._line.tasks, held.token, plan, self.words, self.errors, self._line.uptime)
        self._line.mark = repr(known)
        return super()._healer(held)


class Wire(UnrealClient):
    """The client of a healer that is told what it asks for."""

    def __init__(self, line: Coroutine) -> None:
        super().__init__()
        self._line = line

    def _read(self, path: str) -> Answer:
        answer: Answer = self._line.ask("get", path)
        return answer

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Every object of a list."""
        yield from self._line.ask("items", path)

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Create an object."""
        answer: Answer = self._line.ask("create", path, body)
        return answer

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write an object."""
        answer: Answer = self._line.ask("replace", path, body)
        return answer

    def delete(self, path: str, resource_version: str) -> Answer:
        """Remove an object."""
        answer: Answer = self._line.ask("delete", path, resource_version)
        return answer


@dataclass
class Hosts:
    """The machines, for a healer that is told what they say."""

    line: Coroutine

    def uptime(self, name: str) -> float:
        """How long the host has run."""
        self.line.uptime = seconds = float(self.line.ask("uptime", name))
        return seconds

    def act(self, action: Action, not_before: float, within: float) -> None:
        """Carry out the rung."""
        self.line.ask("act", action.node, action.node_uid, action.rung, not_before, within)


# --- the world's side


class Caller(Process):
    """Who asks the world: it hands over to nobody, because its fate is known."""

    def __init__(self, name: str, world: Branch, fate: Fate, local: Local, policy: Policy) -> None:
        self.name = name
        self.world = world
        self.last_look, self.shown = local.looked
        self.asked = local.asked + 1
        self.turn_of = Meant(policy)  # type: ignore[assignment]
        self._fate = fate

    def turn(self, _what: str) -> Fate:
        """What becomes of its request."""
        return self._fate

    def ask(self, request: Request) -> Any:
        """The world's answer."""
        client = SimClient(self)
        match request.op:
            case "items":
                return list(client.items(*request.args))
            case "look" | "uptime" | "act":
                return getattr(self.world, request.op)(self, *request.args)
            case _:
                return getattr(client, request.op)(*request.args)


@dataclass(frozen=True)
class Meant:
    """What a world asks of a caller's turn."""

    policy: Policy


def _key_of(request: Request, value: Any, world: Branch, fate: Fate) -> str:
    """Something that is equal for equal answers."""
    if request.op == "look":
        # What is seen is made of the machines and the time, which is part of every answer.
        return f"{fate.value} {hash(world.machines)}"
    if isinstance(value, Answer):
        value = value.body
    items = value if isinstance(value, list) else [value]
    versions = [one.get("metadata", {}) for one in items if isinstance(one, dict)]
    if versions and all("resourceVersion" in one for one in versions):
        return " ".join(f"{one['name']}@{one['resourceVersion']}" for one in versions)
    return repr(value)


State = tuple[int, datetime, tuple[Local, ...], int]


@dataclass
class Figures:
    """What an exploration has seen; ``complete`` when nothing was left to be visited."""

    scene: str
    states: int = 0
    transitions: int = 0
    depth: int = 0
    worlds: int = 0
    ends: int = 0
    acts: int = 0
    settled: int = 0
    seconds: float = 0.0
    complete: bool = False

    def line(self) -> str:
        """The figures as a line of a table."""
        how = "all" if self.complete else "so far"
        return (
            f"{self.scene:<13}{self.states:>9} states {self.transitions:>9} transitions  depth {self.depth:>4} ({how})"
            f" {self.worlds:>6} worlds {self.ends:>6} ends {self.acts:>5} acts {self.seconds:6.1f} s"
        )


class Explorer:
    """Visits the states that can be reached from one scene, in the order of their depth."""

    def __init__(self, scene: Scene, nodes: int = 3, healers: int = 2, faults: int = 1) -> None:
        self.scene = scene
        self.figures = Figures(scene.name)
        self._faults = faults
        self._nodes = nodes
        self._names = [f"healer-{chr(ord('a') + number)}" for number in range(healers)]
        self._worlds: list[Branch] = []
        self._numbers: dict[object, int] = {}
        self._served: dict[tuple[object, ...], tuple[int, Told]] = {}
        self._looks: dict[tuple[object, ...], Any] = {}
        self._kept: OrderedDict[int, Local] = OrderedDict()
        self._roots: dict[str, Local] = {}
        self._first: dict[tuple[object, ...], Local] = {}
        self._came: dict[State, tuple[State | None, str]] = {}

    def run(self, depth: int = 10_000, states: int = 10**9, seconds: float = 10**9) -> Figures:
        """Visit every state down to a depth, or as many as there is room and time for.

        :raises Violation: when a rule is broken; it tells the whole story.
        """
        begun, figures = time.monotonic(), self.figures
        with quick():
            first: State = (
                self._number(self.scene.build(self._nodes)),
                START,
                tuple(self._root(name) for name in self._names),
                self._faults,
            )
            self._came[first] = (None, "")
            layer = [first]
            while layer and figures.depth < depth:
                layer = self._visit(layer, states, begun + seconds)
                figures.depth += bool(layer)
                if len(self._came) >= states or time.monotonic() - begun > seconds:
                    break
            figures.complete = not layer
            figures.states, figures.worlds = len(self._came), len(self._worlds)
            figures.acts = len({act for world in self._worlds for act in world.signature[2]})  # type: ignore[attr-defined]
            self._close()
        figures.seconds = time.monotonic() - begun
        return figures

    def _visit(self, layer: list[State], states: int, until: float) -> list[State]:
        came, below = self._came, []
        for number, state in enumerate(layer):
            if number % 1024 == 0 and (len(came) >= states or time.monotonic() > until):
                break
            ended = True
            for what, after in self._next(state):
                ended = False
                self.figures.transitions += 1
                if after not in came:
                    came[after] = (state, what)
                    below.append(after)
            if ended:
                self.figures.ends += 1
                self._settles(state)
        return below

    # --- from one state to the next

    def _next(self, state: State) -> Iterator[tuple[str, State]]:
        world, now, healers, faults = state
        alive, idle = False, True
        wakes = None
        for number, local in enumerate(healers):
            request = local.asks
            if request is None:
                continue
            alive = True
            fates = (Fate.ANSWERED, *FATES[request.op]) if faults else (Fate.ANSWERED,)
            if request.op == "sleep" and local.wakes > now:
                wakes = local.wakes if wakes is None else min(wakes, local.wakes)
                fates = fates[1:]
            elif request.op != "start":
                idle = False
            for fate in fates:
                after, then = self._step(state, local, request, fate)
                changed = (*healers[:number], then, *healers[number + 1 :])
                yield f"{number}{fate.value}", (after, now, changed, faults - (fate is not Fate.ANSWERED))
        if wakes is not None and idle:
            yield "sleep", (world, wakes, healers, faults)
        if alive and faults:
            for seconds in JUMPS:
                yield "time", (world, now + timedelta(seconds=seconds), healers, faults - 1)
            for name, change in self.scene.changes.items():
                later = now + timedelta(seconds=1)
                yield name, (self._changed(world, later, name, change), later, healers, faults - 1)

    def _step(self, state: State, local: Local, request: Request, fate: Fate) -> tuple[int, Local]:
        world = state[0]
        if fate is Fate.DIES_BEFORE:
            return world, self._dead(local)
        after, told = self._serve(state, local, request, fate)
        if fate is Fate.DIES_AFTER:
            return after, self._dead(local)
        return after, self._follow(state, local, told, fate is Fate.REPLY_LOST and after != world)

    def _serve(self, state: State, local: Local, request: Request, fate: Fate) -> tuple[int, Told]:
        number, now = state[0], state[1]
        if request.op in ("sleep", "start"):
            return number, Told(None, None, now, str(now))
        fate = Fate.ANSWERED if fate is Fate.DIES_AFTER else fate
        key = (number, now, local.by, request.key, fate, local.looked[0] if request.op in WRITES else None)
        served = self._served.get(key)
        if served is None:
            served = self._served[key] = self._served_now(state, local, request, fate)
        return served

    def _served_now(self, state: State, local: Local, request: Request, fate: Fate) -> tuple[int, Told]:
        number, now = state[0], state[1]
        machines = request.op == "act"
        before = self._worlds[number]
        world = before.fork(machines) if request.op in WRITES else before
        world.now = now
        name = self._name(local)
        caller = Caller(name, world, fate, local, self.scene.policy)
        world.processes = {name: caller}
        value, error = None, None
        try:
            value = self._look(world, request, now, fate, caller) if request.op == "look" else caller.ask(request)
        except (ClusterError, HostFailed) as exc:
            error = exc
        told = Told(
            value,
            error,
            now,
            f"{now} {type(error).__name__} {error}" if error else f"{now} {_key_of(request, value, world, fate)}",
        )
        if world is before:
            return number, told
        world.settle(machines)
        self._check(state, local, before, world)
        return self._number(world), told

    def _look(self, world: Branch, request: Request, now: datetime, fate: Fate, caller: Caller) -> Any:
        # The same snapshot for the same sight, so that what was thought of it can be known again.
        key = (world.machines, now, request.key, fate)
        if key not in self._looks:
            self._looks[key] = caller.ask(request)
        return self._looks[key]

    def _check(self, state: State, local: Local, before: Branch, after: Branch) -> None:
        # An act changes the truth, and is held against what was true before it; no other request changes the machines.
        held = before.fork(machines=False)
        held.acts, held.writes, held.objects, held.processes = after.acts, after.writes, after.objects, after.processes
        told = rules.broken(before, after, self.scene.policy)
        try:
            told += _violated(held, before)
        except LookupError as exc:
            # They know what a healer may write, and this is something else.
            told.append(f"table: what is stored is nothing that a healer writes ({type(exc).__name__}: {exc})")
        if len(after.acts) > len(before.acts) and not local.fresh:
            told.append("fresh look: it acts without a look at the cluster since its host has said who it is")
        if told:
            raise Violation(self._story(state, told, local))

    def _changed(self, number: int, now: datetime, name: str, change: Callable[[Branch], None]) -> int:
        key = (number, now, name)
        if key not in self._served:
            world = self._worlds[number].fork(machines=True)
            world.now = now
            change(world)
            world.settle(machines=True)
            self._served[key] = (self._number(world), Told(None, None, now, ""))
        return self._served[key][0]

    def _number(self, world: Branch) -> int:
        signature = world.signature
        number = self._numbers.get(signature)
        if number is None:
            number = self._numbers[signature] = len(self._worlds)
            self._worlds.append(world)
        return number

    # --- healers

    def _root(self, name: str) -> Local:
        root = self._roots.get(name)
        if root is None:
            by = self._names.index(name) if name in self._names else len(self._names)
            root = self._roots[name] = Local(by, None, None)
            self._resume(root, self._coroutine(name), None)
        return root

    def _coroutine(self, name: str) -> Coroutine:
        return Coroutine(name, self.scene.policy)

    def _dead(self, local: Local) -> Local:
        dead = local.children.get("died")
        if dead is None:
            dead = Local(local.by, local, None)
            dead.ended, dead.lost = "died", ""
            dead = local.children["died"] = self._same(dead, "")
        return dead

    def _follow(self, state: State, local: Local, told: Told, done: bool) -> Local:
        # A reply that was lost tells the healer nothing else than a lost request; what must come of it does differ.
        key = f"{told.key} done" if done else told.key
        child = local.children.get(key)
        if child is not None:
            return child
        child = local.children[key] = Local(local.by, local, told)
        request = local.asks
        assert request is not None
        if request.op == "look":
            child.looked = (told.clock, told.value)
            child.fresh = True
        elif request.op == "uptime":
            child.fresh = False
        writes = request.op in ("create", "replace")
        if writes and str(request.args[0]).startswith(LEASES) and (done or told.error is None):
            child.asked = 0
        # A lease that was let go needs no second word.
        if writes and done and request.args[1].get("spec", {}).get("holderIdentity") != "":
            child.lost = str(request.args[0])
        elif isinstance(told.error, Unreachable):
            # That is a reason of its own to give up.
            child.lost = ""
        coroutine = self._at(local)
        self._resume(child, coroutine, told)
        if child.ended.startswith("traceback"):
            raise Violation(self._story(state, [child.ended], local))
        local.children[key] = child = self._same(child, coroutine.mark)
        return child

    def _same(self, local: Local, mark: str) -> Local:
        """The first healer that is as this one: one that has ended, or one that knows the same as it begins a task."""
        same: tuple[object, ...]
        if local.asks is None:
            same = (local.by, local.ended, local.lost)
        elif mark:
            clock = START if local.told is None else local.told.clock
            seen = (local.looked[0], id(local.looked[1]), local.fresh, local.asked, local.lost)
            same = (local.by, local.asks.key, clock, mark, *seen)
        else:
            return local
        first = self._first.setdefault(same, local)
        if first is not local:
            self._kept.pop(id(local), None)
            self._drop(local)
        return first

    def _resume(self, local: Local, coroutine: Coroutine, told: Told | None) -> None:
        answer = coroutine.resume(told)
        if isinstance(answer, str):
            local.ended = answer
            return
        local.asks = answer
        if answer.op == "sleep":
            local.wakes = coroutine.clock + timedelta(seconds=answer.args[0])
        local.coroutine = coroutine
        self._kept[id(local)] = local
        if len(self._kept) > KEPT:
            _number, oldest = self._kept.popitem(last=False)
            self._drop(oldest)

    def _at(self, local: Local) -> Coroutine:
        """A coroutine that has been told what this healer has; the one that stands there is taken away."""
        self._kept.pop(id(local), None)
        if local.coroutine is not None:
            coroutine, local.coroutine = local.coroutine, None
            return coroutine
        told: list[Told | None] = []
        at = local
        while at.parent is not None:
            told.append(at.told)
            at = at.parent
        told.append(None)
        name = next(name for name, root in self._roots.items() if root is at)
        coroutine = self._coroutine(name)
        for answer in reversed(told):
            coroutine.resume(answer)
        return coroutine

    def _drop(self, local: Local) -> None:
        if local.coroutine is not None:
            local.coroutine.close()
            local.coroutine = None

    def _close(self) -> None:
        while self._kept:
            self._drop(self._kept.popitem()[1])

    # --- what must come of it

    def _settles(self, state: State) -> None:
        """Bring the cluster to rest by later healers that nothing disturbs.

        :raises Violation: when it does not come to rest, or something is left behind.
        """
        told = [
            f"lost reply: {self._name(local)} ended with {local.ended}, though its write of {local.lost} was done"
            for local in state[2]
            if local.lost and f"{Unreachable.__name__}:" in local.ended
        ]
        number, now = state[0], state[1]
        for _turn in range(SETTLING_TURNS):
            if self._at_rest(self._worlds[number], now):
                break
            now += timedelta(seconds=SETTLING_SECONDS)
            number, now = self._alone(number, now)
        told += self._left_behind(self._worlds[number], now)
        if told:
            raise Violation(self._story(state, told))
        self.figures.settled += 1

    def _alone(self, number: int, now: datetime) -> tuple[int, datetime]:
        name = "later"
        local = self._root(name)
        while not local.over:
            if local.asks is not None and local.asks.op == "sleep":
                now = max(now, local.wakes)
            state: State = (number, now, (local,), 0)
            assert local.asks is not None
            number, local = self._step(state, local, local.asks, Fate.ANSWERED)
        return number, now

    def _at_rest(self, world: Branch, now: datetime) -> bool:
        return not any(True for _one in self._left_behind(world, now))

    def _left_behind(self, world: Branch, now: datetime) -> list[str]:
        told = []
        spec = world.objects[LEASES].get("selfheal", {}).get("spec", {})
        if spec.get("holderIdentity") and now < datetime.fromisoformat(spec["renewTime"]) + timedelta(
            seconds=spec["leaseDurationSeconds"]
        ):
            told.append(f"lock: the lease is still held by {spec['holderIdentity']}")
        for item in world.objects[INCIDENTS].values():
            name, phase, target = item["metadata"]["name"], item["status"]["phase"], item["spec"]["target"]
            node = world.nodes.get(target["name"])
            if phase in rules.UNDER_REPAIR:
                told.append(f"left behind: incident {name} is still {phase}")
            elif phase not in rules.CLOSED and (node is None or node.uid != target["uid"]):
                told.append(f"left behind: incident {name} is {phase}, and its node has left")
            elif phase not in rules.CLOSED and node is not None and node.well(now):
                told.append(f"left behind: incident {name} is {phase}, and its node is well")
        given_up = {
            item["spec"]["target"]["uid"]
            for item in world.objects[INCIDENTS].values()
            if item["status"]["phase"] == "Escalated"
        }
        if self.scene.heals and not told:
            told += [
                f"not healed: {node.name} is still down"
                for node in world.nodes.values()
                if not (node.well(now) or node.cordoned.at(now) or node.paused.at(now) or node.uid in given_up)
            ]
        return told

    # --- the story

    def _name(self, local: Local) -> str:
        return self._names[local.by] if local.by < len(self._names) else "later"

    def _story(self, state: State, told: Sequence[str], last: Local | None = None) -> str:
        lines = (
            [] if last is None else [f"+{(state[1] - START).total_seconds():5.0f} s  {self._name(last)}: {last.asks}"]
        )
        at: State | None = state
        while at is not None:
            before, what = self._came.get(at, (None, ""))
            if before is not None:
                lines.append(self._line(before, at, what))
            at = before
        lines.append(f"scene {self.scene.name}: {self.scene.about}")
        return "\n".join([*reversed(lines), *(f"** {text}" for text in told)])

    def _line(self, before: State, after: State, what: str) -> str:
        clock = f"+{(after[1] - START).total_seconds():5.0f} s"
        if what == "sleep":
            return f"{clock}  time passes until somebody wakes"
        if what == "time":
            return f"{clock}  everything is slow for {(after[1] - before[1]).total_seconds():.0f} s"
        if what in self.scene.changes:
            return f"{clock}  w1 {what}" if not what.startswith("w") else f"{clock}  {what}"
        number = int(what[0])
        fate = "" if what[1:] == Fate.ANSWERED.value else f"  << {what[1:]}"
        ended = f"  ({after[2][number].ended})" if after[2][number].over else ""
        return f"{clock}  {self._names[number]}: {before[2][number].asks}{fate}{ended}"


def _violated(held: Branch, before: Branch) -> Iterator[str]:
    """The invariants that new acts and writes have broken."""
    acts, writes = len(before.acts), len(before.writes)
    recovery = any(write.phase() == "Recovered" for write in held.writes[writes:])
    for name, check in invariants.INVARIANTS.items():
        # The looks of a wait are far apart here, and a node may fall ill again between two of them. What must have been
        # proven then is for the rules to say.
        if check is not invariants.truth or not recovery:
            yield from (f"{name}: {wrong}" for wrong in check(held, acts, writes))


# --- known thoughts


@contextmanager
def quick() -> Iterator[None]:
    """Judge and plan once for each snapshot and memory, with fewer looks in a wait, and no search for garbage."""
    changed: Any = healer
    judge, make_plan, sample = changed.judge, changed.make_plan, changed.SAMPLE_SECONDS
    judged: dict[object, Any] = {}
    planned: dict[object, Any] = {}

    def memory(incidents: Sequence[Any]) -> object:
        return tuple((one.name, one.resource_version) for one in incidents)

    def known_judge(snapshot: Snapshot, policy: Policy, incidents: Sequence[Any] = ()) -> Any:
        key = (id(snapshot), id(policy), memory(incidents))
        if key not in judged:
            judged[key] = (judge(snapshot, policy, incidents), snapshot)
        return judged[key][0]

    def known_plan(
        snapshot: Snapshot, judgement: Any, incidents: Sequence[Any], policy: Policy, now: datetime, *others: Any
    ) -> Any:
        uid, only, storm, ladders = others
        key = (id(snapshot), id(judgement), memory(incidents), id(policy), now, uid, tuple(only), storm, id(ladders))
        if key not in planned:
            planned[key] = make_plan(snapshot, judgement, incidents, policy, now, uid, only, storm, ladders)
        return planned[key]

    collected = gc.isenabled()
    gc.disable()
    changed.judge, changed.make_plan, changed.SAMPLE_SECONDS = known_judge, known_plan, SAMPLE_SECONDS
    try:
        yield
    finally:
        changed.judge, changed.make_plan, changed.SAMPLE_SECONDS = judge, make_plan, sample
        if collected:
            gc.enable()


# --- the command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore the named scenes, or all; 1 when a rule is broken, 2 when the command line is not understood."""
    names = [scene.name for scene in SCENES]
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.explore", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--depth", type=int, default=10_000, help="requests and moments from the beginning (default: all)"
    )
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--healers", type=int, default=2)
    parser.add_argument("--faults", type=int, default=1, help="how many faults, long waits and changes on one way")
    parser.add_argument("--states", type=int, default=10**9, help="end a scene after so many states")
    parser.add_argument("--seconds", type=float, default=10**9, help="end a scene after so many seconds")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"{', '.join(names)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.scenes if name not in names]
    if unknown:
        parser.error(f"unknown scene {unknown[0]!r}; expected one of {', '.join(names)}")
    if options.nodes < 3 or options.healers < 1 or options.faults < 0 or options.depth < 1:
        parser.error("expected at least 3 nodes, 1 healer, 0 faults, and depth 1")
    done: list[Figures] = []
    for scene in SCENES:
        if options.scenes and scene.name not in options.scenes:
            continue
        explorer = Explorer(scene, options.nodes, options.healers, options.faults)
        try:
            figures = explorer.run(options.depth, options.states, options.seconds)
        except Violation as found:
            print(found)
            return 1
        print(figures.line(), flush=True)
        done.append(figures)
    print(
        f"{options.healers} healers, {options.nodes} nodes, {options.faults} faults, {len(done)} scenes:"
        f" {sum(one.states for one in done)} states, {sum(one.transitions for one in done)} transitions,"
        f" depth {max(one.depth for one in done)}, {sum(one.ends for one in done)} distinct ends,"
        f" {sum(one.acts for one in done)} different acts, {sum(one.seconds for one in done):.0f} s, no rule broken"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
