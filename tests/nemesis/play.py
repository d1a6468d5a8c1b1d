# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays a plan of a nemesis against the simulated cluster, in which two real healers do turn after turn.

Everything random that the plan does not say is drawn from its seed, so the same plan always does the same. Each draw
is one of its own, so that a plan without some of its steps does the rest as before, and can be made smaller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART
from ansible_collections.selfheal.kubernetes.tests.nemesis.effects import EFFECTS, Stage, cure_of, known
from ansible_collections.selfheal.kubernetes.tests.simulation.invariants import ENDLESS, unsettled
from ansible_collections.selfheal.kubernetes.tests.simulation.stateful import POLICIES, WELL
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    ADMIN,
    RECORDS,
    RUNGS,
    START,
    Fate,
    Process,
    SimNode,
)
from chaosheal.model import ChaosError
from chaosheal.nemesis.generate import generate
from chaosheal.nemesis.guard import SURVIVED, Model
from chaosheal.nemesis.plan import SHAPES, Plan, Step

# How large the clusters are: workers, and nodes of the control plane.
SIZES = ((9, 3), (5, 1))
# So many nodes may be broken at once: where it is one, healers have most to do, where it is more, storms come.
BROKEN = (1, 2, 3, 4)
HORIZON = 5400
# Of the nights' policies; which one is the healers' is said by the plan's seed.
POLICY_NAMES = ("default", "bold", "one at a time")
HEALERS = 2
# Between two turns of a healer, as a schedule has it.
PAUSE_SECONDS = 60
# How long a request takes, how much longer if the API server is slow, and how late is then what it shows.
REQUEST_SECONDS = (0.05, 0.2, 1.0)
SLOW_SECONDS = 5.0
SLOW_LAG = 25.0
TIMEOUT_SECONDS = 10.0
# Where a signal meets a healer: anywhere, before a write, or before the host is told to act. One that comes between two
# turns hits one that comes later, after at most so many requests.
SIGNAL_WHERE = ("", "", "PUT", "act")
SIGNAL_REQUESTS = 12
# After so long a signal that has met nobody meets nobody any more.
SIGNAL_SECONDS = 300
# How long a node is broken at the end: long enough for it to be noticed, repaired and proven.
LAST_SECONDS = 480
# For so long at the end nobody may have anything to write.
CALM_SECONDS = 300


@dataclass
class Healer:
    """A healer and the turn that it does. ``fate`` is what becomes of the request that it waits for, at ``ready``.

    ``signal`` is the step of a signal that is on its way: it comes after so many requests more (``left``), before
    something of this kind (``where``).
    """

    index: int
    ready: datetime
    process: Process | None = None
    fate: Fate = Fate.ANSWERED
    slow: bool = False
    paused: bool = False
    turns: int = 0
    signal: Step | None = None
    left: int = 0
    where: str = ""

    @property
    def hit(self) -> bool:
        """Whether the signal comes here and now."""
        process = self.process
        if self.signal is None or self.left > 0 or process is None or process.over:
            return False
        acts = process.waits_for.partition(" ")[0] in RUNGS
        return acts if self.where == "act" else process.waits_for.startswith(self.where)


@dataclass
class Played:
    """What a plan has done: the world with its whole history, and what was wrong when it had to be steady.

    ``cures`` is the rung that each step on a worker was in need of, by its ident; ``last`` the node that was broken
    when all was over, and when, to see whether anybody still heals.
    """

    plan: Plan
    world: Stage
    unsteady: list[str] = field(default_factory=list)
    cures: dict[str, str] = field(default_factory=dict)
    last: tuple[str, datetime] | None = None
    calm_since: datetime = START


def plan_for(seed: int) -> Plan:
    """The plan of this number: within what the simulation can show, with every shape, size and limit in turn."""
    workers, planes = SIZES[seed // len(SHAPES) % len(SIZES)]
    broken = BROKEN[seed // (len(SHAPES) * len(SIZES)) % len(BROKEN)]
    model = Model(nodes=broken, quorum_loss=planes == 1, faults=frozenset(EFFECTS))
    return generate(seed, SHAPES[seed % len(SHAPES)], workers, planes, HORIZON, model)


def nodes_of(plan: Plan) -> list[SimNode]:
    """A cluster of the plan's size in two zones. People have its last worker paused, and cordoned another one of many.

    :raises ChaosError: a plan for a cluster without workers or without a control plane.
    """
    if plan.workers < 1 or plan.planes < 1:
        raise ChaosError(f"expected at least one worker and one control plane, got {plan.workers} and {plan.planes}")
    workers = [SimNode(f"w{number:03}", "ab"[number % 2], gpu=number == 1) for number in range(plan.workers)]
    if plan.workers > 4:
        workers[-1].paused.set(True, START)
    if plan.workers > 8:
        workers[-2].cordoned.set(True, START)
    return [*(SimNode(f"cp{number}", control_plane=True) for number in range(plan.planes)), *workers]


def play(plan: Plan) -> Played:
    """Play it to its end, and some quiet time more.

    :raises ChaosError: it has a step that cannot be played here.
    """
    for step in plan.steps:
        known(step)
    return Player(plan).run()


class Player:
    """The clock of one play: whatever comes next happens next, be it a fault or a healer's request."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._policy = POLICIES[POLICY_NAMES[plan.seed % len(POLICY_NAMES)]]
        self._world = Stage(nodes_of(plan))
        self._played = Played(plan, self._world)
        # They do not begin at the same time, as two schedules do not.
        self._healers = [Healer(index, START + timedelta(seconds=17 * index)) for index in range(HEALERS)]
        for step in plan.steps:
            self._healer(step)
            if step.role != "healer":
                self._world.target(step)
        self._world.create(ADMIN, RECORDS, {"metadata": {"name": store.RECORD_NAME}, "status": dict(WELL)})

    def run(self) -> Played:
        """Play to the end."""
        try:
            for at, what in self._moments():
                self._until(START + timedelta(seconds=at))
                if what is None:
                    self._look()
                elif what.ident in self._world.active:
                    self._end(what)
                else:
                    self._begin(what)
            self._last()
            self._played.calm_since = self._world.now
            self._until(self._world.now + timedelta(seconds=CALM_SECONDS))
        finally:
            self._world.close()
        return self._played

    def _moments(self) -> list[tuple[int, Step | None]]:
        """When something is to be done: a step begun or ended, or a look whether all is steady."""
        moments: list[tuple[int, int, int, Step | None]] = []
        for number, step in enumerate(self._plan.steps):
            moments += [(step.at, 1, number, step), (max(step.until, step.at + 1), 0, number, step)]
        moments += [(quiet.at + quiet.lasts, 0, -1, None) for quiet in self._plan.quiet]
        end = max((step.until for step in self._plan.steps), default=0) + SURVIVED.quiet
        if not any(at >= end for at, *_rest in moments):
            moments.append((end, 0, -1, None))
        return [(at, step) for at, _order, _number, step in sorted(moments, key=lambda one: one[:3])]

    def _drawn(self, *what: object) -> Random:
        return Random(f"{self._plan.seed} {what}")

    # --- faults

    def _healer(self, step: Step) -> Healer | None:
        if step.role != "healer":
            return None
        if step.index >= len(self._healers):
            raise ChaosError(f"{step.ident}: there is no healer {step.index}")
        return self._healers[step.index]

    def _begin(self, step: Step) -> None:
        self._world.begin(step)
        if healer := self._healer(step):
            drawn = self._drawn(step.ident)
            idle = healer.process is None or healer.process.over
            healer.signal, healer.left = step, drawn.randint(1, SIGNAL_REQUESTS) if idle else 0
            healer.where = drawn.choice(SIGNAL_WHERE)
            self._strike(healer)
        elif cure := cure_of(self._world, step):
            self._played.cures[step.ident] = cure

    def _end(self, step: Step) -> None:
        self._world.end(step)
        if (healer := self._healer(step)) and step.fault == "healer_pause":
            healer.paused, healer.signal = False, None

    def _strike(self, healer: Healer) -> None:
        """Let the signal come, if this is where it comes."""
        step, process = healer.signal, healer.process
        if step is not None and (self._world.now - START).total_seconds() > step.at + SIGNAL_SECONDS:
            healer.signal = None
        if not healer.hit or step is None or process is None:
            return
        self._world.counts[f"signalled {step.fault}"] += 1
        healer.signal = None
        if step.fault == "healer_pause":
            healer.paused = True
        else:
            self._kill(healer, process, self._drawn(step.ident, "sent"))

    def _kill(self, healer: Healer, process: Process, drawn: Random) -> None:
        # What it has sent may still be carried out, but nobody hears the answer.
        sent = process.waits_for != "sleep" and not healer.paused and healer.fate is Fate.ANSWERED
        if sent and not (_is_api(process) and self._world.silent) and drawn.random() < 0.5:
            process.step(Fate.DIES_AFTER)
        process.kill()
        healer.ready = self._world.now + timedelta(seconds=PAUSE_SECONDS)

    def _last(self) -> None:
        """Break one more node, one that nothing has befallen, and give the healers their time for it."""
        world = self._world
        touched = {world.target(step) for step in self._plan.steps if step.role == "worker"}
        free = [
            node.name
            for node in world.nodes.values()
            if not (node.control_plane or node.name in touched or node.paused.at(START) or node.cordoned.at(START))
        ]
        if not free:
            return
        self._played.last = free[0], world.now
        world.stop_kubelet(free[0], KUBELET_RESTART.name)
        self._until(world.now + timedelta(seconds=LAST_SECONDS))
        world.recover(free[0])
        self._until(world.now + timedelta(seconds=2 * PAUSE_SECONDS))
        self._look()

    def _look(self) -> None:
        clock = f"{self._world.now:%H:%M:%S}"
        self._played.unsteady += [f"{clock} {one}" for one in unsettled(self._world, {})]

    # --- healers

    def _until(self, end: datetime) -> None:
        while True:
            able = [one for one in self._healers if not one.paused]
            following = min(able, key=lambda one: (one.ready, one.index), default=None)
            if following is None or following.ready > end:
                break
            self._world.now = max(self._world.now, following.ready)
            self._go(following)
        self._world.now = max(self._world.now, end)

    def _go(self, healer: Healer) -> None:
        """A healer hears what has become of its request, and sends the next one; or it begins a turn."""
        process = healer.process
        if process is None or process.over:
            healer.turns += 1
            name = f"healer-{healer.index}-{healer.turns}"
            process = healer.process = self._world.start(name, self._policy)
        elif process.requests > ENDLESS:
            # That is told by the invariant, and nobody has to wait for more of it.
            process.kill()
        else:
            fate = healer.fate
            if fate is Fate.ANSWERED and _is_api(process) and self._world.silent:
                # It had been sent before nobody answered any more.
                fate = Fate.REPLY_LOST
            process.lag = SLOW_LAG if healer.slow else 0.0
            self._world.counts["stale"] += healer.slow and process.waits_for == "look"
            process.step(fate)
        self._send(healer, process)
        if healer.signal is not None:
            healer.left -= 1
            self._strike(healer)

    def _send(self, healer: Healer, process: Process) -> None:
        now = self._world.now
        healer.fate, healer.slow = Fate.ANSWERED, False
        if process.over:
            healer.ready = now + timedelta(seconds=PAUSE_SECONDS)
            return
        if process.waits_for == "sleep":
            healer.ready = process.wakes
            return
        drawn = self._drawn(healer.index, healer.turns, process.requests)
        takes = drawn.choice(REQUEST_SECONDS)
        if _is_api(process):
            healer.slow = drawn.random() < self._world.slow
            takes += SLOW_SECONDS if healer.slow else 0
            if self._world.silent:
                healer.fate, takes = Fate.REQUEST_LOST, TIMEOUT_SECONDS
            elif process.waits_for == "look" and self._world.revoked:
                # Who may read nothing knows as much as one who is not answered.
                healer.fate = Fate.REQUEST_LOST
        healer.ready = now + timedelta(seconds=takes)


def _is_api(process: Process) -> bool:
    """Whether it waits for the API server, and not for a host or for its time."""
    word = process.waits_for.partition(" ")[0]
    return word not in ("sleep", "identify", *RUNGS)


def story(played: Played) -> Iterator[str]:
    """The steps of a plan as they were played, for people."""
    for step in played.plan.steps:
        begin, end = (START + timedelta(seconds=at) for at in (step.at, step.until))
        target = f"healer {step.index}" if step.role == "healer" else played.world.target(step)
        params = " ".join(f"{key}={value}" for key, value in step.params.items())
        yield f"{begin:%H:%M:%S} to {end:%H:%M:%S}  {step.fault} {params}".rstrip() + f" on {target}"
