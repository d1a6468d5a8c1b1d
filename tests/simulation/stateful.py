# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated cluster under Hypothesis: thousands of bad nights, each made of a seed, and what must hold in all.

A run begins with a small cluster and lets up to three healers loose in it, while nodes break, machines die, people
interfere, requests and replies are lost, and healers are killed or suspended between any two requests. The invariants
are asked after every step. At the end the trouble stops, and healers of later turns must bring everything to rest.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.excuses import excused
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    ADMIN,
    CURES,
    INCIDENTS,
    LEASES,
    RECORDS,
    RUNGS,
    START,
    Fate,
    Process,
    SimNode,
    World,
)
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

STEPS = 30
# One shard for each: so many runs all made from one number, so that what was found once is found again.
SEEDS = tuple(range(101, 121))
RUNS = 500
PROCESSES = 2
# What the simulated cluster has nothing of needs no check.
CHECKED = {"NodeReady", "NodeHeartbeat", "NodeNeverJoined", "EtcdMembers", "Controllers"}
# The waits are as short as a policy allows, because each of them is a few requests every two seconds.
HEALING = Policy(
    monitor_only=False,
    recovery_timeout=60,
    waiting_timeout=120,
    waiting_timeout_gpu=180,
    disabled_checks=frozenset(check.name for check in CHECKS) - CHECKED,
)
POLICIES: Mapping[str, Policy] = {
    "default": HEALING,
    "one at a time": replace(HEALING, max_repairs=1, max_attempts=2),
    "old evidence": replace(HEALING, evidence_age=300, lease_duration=400),
    "at night": replace(HEALING, maintenance_windows=(Window(3 * 60 + 20, 3 * 60 + 50),)),
    "approved": replace(HEALING, approval_required=(Remedy.REBOOT,)),
    "bold": replace(HEALING, mass_failure_percent=50, max_unavailable_percent=34, storm_cooldown=60),
    "paused": replace(HEALING, paused="by hand"),
    "monitor": replace(HEALING, monitor_only=True),
}
# By how many seconds the clocks of a cluster's API servers are wrong.
CLOCKS = ((0,), (0,), (-2, 2), (-2, -1, 0, 1, 2), (1.5, 0.5, -1.5))
SHAPES = ("small", "small", "planes", "zones")


def shape(kind: str) -> list[SimNode]:
    """The nodes of a cluster, control plane first."""
    if kind == "small":
        return [SimNode("cp", control_plane=True), *(SimNode(f"w{n}") for n in range(4)), SimNode("gpu", gpu=True)]
    if kind == "planes":
        return [*(SimNode(f"cp{n}", control_plane=True) for n in range(3)), *(SimNode(f"w{n}") for n in range(7))]
    return [
        SimNode("cp", "a", control_plane=True),
        *(SimNode(f"a{n}", "a") for n in range(5)),
        *(SimNode(f"b{n}", "b", gpu=n == 0) for n in range(4)),
    ]


# What the ClusterRecord says of a cluster that has always been well.
WELL = derive(judge(World(shape("small")).snapshot(START), HEALING), ())
# How long after each other the turns at the end come, in seconds: past every tolerance, cool-down and window. The long
# ones are enough for two control-plane nodes, one after the other, to use up their attempts.
TURNS = (1, 130, 310, 310, 610, 610, 1210, *(3700,) * 10)
# A turn that nobody disturbs: two repairs fail after their waits, or ten are made and proven.
TURN_SECONDS = 3600


@dataclass
class Coverage:
    """What the runs of a shard have met: each of ``MUST`` has to be met sometimes."""

    counts: Counter[str] = field(default_factory=Counter)

    def take(self, world: World) -> None:
        """Add what happened in a world."""
        counts = self.counts
        counts.update(world.counts)
        counts["acts"] += len(world.acts)
        counts["writes"] += len(world.writes)
        counts.update(f"act {act.rung}" for act in world.acts)
        for act in world.acts:
            node = None if act.shown is None else act.shown.node(act.node)
            if node is not None and RUNGS[act.rung].disruptive:
                counts["GPU node rebooted"] += node.has_gpu
                counts["control-plane node rebooted"] += node.is_control_plane
        for write in world.writes:
            phase = write.phase()
            if not phase or write.after is None:
                continue
            status = write.after["status"]
            counts[f"phase {phase}"] += 1
            if phase == "Recovered":
                counts[status["outcome"]] += 1
            if phase == "Verifying" and "boot ID" in status["history"][-1]["message"]:
                counts["reboot waited for"] += 1
            if phase == "Unhealthy":
                counts["taken up after a dead healer"] += "in the middle of" in str(status["history"][-2:])
        for process in world.processes.values():
            self._of(process)

    def _of(self, process: Process) -> None:
        turn = process.turn_of
        troubles = [] if process.error is None else [process.error]
        if turn is not None:
            self.counts[f"turn {turn.ended}"] += 1
            self.counts["died in its turn"] += process.died
            troubles += turn.errors
            if turn.seen is not None:
                self.counts.update({f"refused by {r.guard}" for r in turn.seen.plan.refusals})
        self.counts.update(type(trouble).__name__ for trouble in troubles)


# What has to happen now and then, or the runs prove nothing about it.
MUST: Mapping[str, str] = {
    "refused by mass_failure": "the breaker tripped",
    "refused by storm_cooldown": "the cluster was left in peace after a storm",
    "refused by cooldown": "a node got time after an attempt",
    "refused by attempts": "a node's attempts were used up",
    "refused by human_cordon": "a person's cordon was respected",
    "refused by paused": "a pause was respected",
    "refused by maintenance_window": "a disruptive repair waited for its hours",
    "refused by approval": "a reboot waited for a person",
    "refused by failure_domain": "a zone had its share under repair",
    "refused by budget": "as many repairs as may be at once were planned or under way",
    "refused by under_repair": "a node that restarts was waited for by the next healer",
    "refused by control_plane": "the last control-plane node was spared",
    "refused by etcd_quorum": "etcd's quorum or leader was spared",
    "refused by vantage_points": "one witness was not enough",
    "refused by pattern": "a pattern explained a node",
    "refused by evidence_age": "evidence was too old",
    "turn busy": "the lease was contended",
    "turn blocked": "nothing could be seen, and nothing was done",
    "LeaseLost": "a stale holder was stopped",
    "fence refused": "a host refused a command that came late",
    "conflict": "a write met another's",
    "Unreachable": "no answer came",
    "HostFailed": "a host failed",
    "killed": "a healer was killed between two requests",
    "taken up after a dead healer": "the next healer took up what a dead one had begun",
    "act kubelet_restart": "a service was restarted",
    "act reboot": "a machine was rebooted",
    "act replace": "a machine was installed anew",
    "reboot waited for": "a node came back with another boot ID",
    "GPU node rebooted": "a GPU node was rebooted",
    "control-plane node rebooted": "a control-plane node was rebooted",
    "Repaired": "a repair was proven",
    "RecoveredByItself": "a node came back by itself",
    "phase Escalated": "a node was handed to people",
    "phase Gone": "a node left",
    "stale": "a healer was shown the past",
    "skewed": "an API server answered whose clock was wrong",
    "frozen": "a healer was suspended for longer than its lease",
    "note": "a person wrote on an incident",
    "delete": "a person deleted an incident",
}


NODE_EVENTS = ("dead", "back", "back", "replaced", "controllers", "storm", "all back", "all back")


class Night(RuleBasedStateMachine):
    """One run."""

    coverage: ClassVar[Coverage] = Coverage()

    def __init__(self) -> None:
        super().__init__()
        self.world = World([])
        self.acts = self.writes = self.started = 0
        self.failed = False

    # --- the cluster and its healers

    @initialize(
        kind=st.sampled_from(SHAPES),
        known=st.sampled_from((True, True, True, False)),
        clocks=st.sampled_from(CLOCKS),
        answering=st.integers(0, 2**16),
    )
    def begin(self, kind: str, known: bool, clocks: tuple[float, ...], answering: int) -> None:
        """The cluster is well, and sometimes its record says so already; its API servers may not agree on the time."""
        self.world = World(shape(kind), clocks, answering)
        if known:
            self.world.create(ADMIN, RECORDS, {"metadata": {"name": store.RECORD_NAME}, "status": dict(WELL)})

    @rule(
        policy=st.sampled_from(("default",) * 6 + tuple(POLICIES)), same=st.booleans(), lag=st.sampled_from((0, 0, 25))
    )
    def start(self, policy: str, same: bool, lag: int) -> None:
        """A healer starts, under a name of its own or under everybody's."""
        if len(self._alive()) < 3:
            process = self._start(policy, "awx-job-7" if same else "")
            process.lag = lag
            self.world.counts["stale"] += lag > 0

    @precondition(lambda self: self._alive())
    @rule(
        which=st.integers(0, 2),
        requests=st.sampled_from((1, 2, 3, 5, 8, 12, 20, 34, 80)),
        fate=st.sampled_from((Fate.ANSWERED, *Fate)),
        slow=st.sampled_from((0, 8, 25)),
    )
    def go(self, which: int, requests: int, fate: Fate, slow: int) -> None:
        """A healer goes on for so many requests, and the last of them meets its fate."""
        process = self._pick(which)
        for left in reversed(range(requests)):
            if process.over:
                break
            self._step(process, Fate.ANSWERED if left else fate, slow)
        self._hold()

    @precondition(lambda self: len(self._alive()) > 1)
    @rule(requests=st.sampled_from((3, 8, 20, 60)))
    def race(self, requests: int) -> None:
        """All healers go on, turn by turn."""
        for _request in range(requests):
            for process in self._alive():
                self._step(process, Fate.ANSWERED, 8)
        self._hold()

    @precondition(lambda self: self._alive())
    @rule(which=st.integers(0, 2), slow=st.sampled_from((0, 8, 8)))
    def finish(self, which: int, slow: int) -> None:
        """A healer goes on to its end."""
        self._finish(self._pick(which), slow)

    @rule(
        policy=st.sampled_from(("default",) * 6 + tuple(POLICIES)),
        after=st.sampled_from((0, 130, 330, 630)),
        upto=st.sampled_from(("", "", "PUT", *(rung + " on" for rung in RUNGS), "sleep", "sleep")),
        fate=st.sampled_from((Fate.ANSWERED, *Fate)),
    )
    def turn(self, policy: str, after: int, upto: str, fate: Fate) -> None:
        """After a while a healer does its turn; or it stops where it is about to do something of this kind."""
        self.world.advance(after)
        if len(self._alive()) < 3:
            process = self._start(policy)
            while not process.over and not (upto and process.waits_for.startswith(upto)):
                self._step(process, Fate.ANSWERED, 25)
            if not process.over and fate is not Fate.ANSWERED:
                self._step(process, fate, 25)
            self._hold()

    @precondition(lambda self: self._alive())
    @rule(which=st.integers(0, 2))
    def freeze(self, which: int) -> None:
        """A healer is suspended until its lease has passed; another may do its turn, and then it goes on."""
        process = self._pick(which)
        self.world.counts["frozen"] += self.world.holder() == process.name
        self.world.advance(410)
        other = self._start("default")
        self._finish(other, 25)
        self._finish(process, 25)

    @rule(seconds=st.sampled_from((5, 20, 45, 70, 130, 200, 320, 620, 1300)))
    def wait(self, seconds: int) -> None:
        """Time passes, and healers are slow."""
        self.world.advance(seconds)

    # --- nodes

    @precondition(lambda self: self._room())
    @rule(which=st.integers(0, 9), cure=st.sampled_from(CURES), seconds=st.sampled_from((0, 45, 180, 400)))
    def break_node(self, which: int, cure: str, seconds: int) -> None:
        """A kubelet stops, only this repair brings it back, and nobody looks for a while."""
        self.world.stop_kubelet(self._node(which), cure)
        self.world.advance(seconds)

    @precondition(lambda self: len(self.world.nodes) > 6 and self._room())
    @rule(
        which=st.integers(0, 9),
        cure=st.sampled_from(CURES),
        cordoned=st.booleans(),
        policy=st.sampled_from(("default", "one at a time", "one at a time")),
    )
    def break_two(self, which: int, cure: str, cordoned: bool, policy: str) -> None:
        """Two neighbours fall ill, not at the same time, or a person has taken the one out of use; a healer comes."""
        first, second = self._node(which), self._node(which + 1)
        self.world.stop_kubelet(first, cure)
        if cordoned:
            self.world.nodes[second].cordoned.set(True, self.world.now)
        else:
            self.world.advance(90)
            self.world.stop_kubelet(second, cure)
        for pause in (320, 330):
            self.world.advance(pause)
            if len(self._alive()) < 3:
                self._finish(self._start(policy), 25)

    @rule(which=st.integers(0, 9), kind=st.sampled_from(NODE_EVENTS))
    def change_nodes(self, which: int, kind: str) -> None:
        """A machine dies, comes back by itself, or is replaced by another one; or many nodes stop at once."""
        world, name = self.world, self._node(which)
        if kind == "dead" and self._room():
            world.kill_machine(name)
        elif kind == "replaced":
            world.replace_node(name)
        elif kind == "controllers":
            world.controllers.set(not world.controllers.at(world.now), world.now)
        elif kind == "storm":
            for number in range(max(2, len(world.nodes) * 4 // 10)):
                world.stop_kubelet(self._node(which + number), "kubelet_restart")
        elif kind == "back":
            world.recover(name)
        elif kind == "all back":
            world.controllers.set(True, world.now)
            for one in world.nodes:
                world.recover(one)

    # --- people

    @rule(
        which=st.integers(0, 9), what=st.sampled_from(("cordon", "pause", "free", "free", "approve", "note", "delete"))
    )
    def person(self, which: int, what: str) -> None:
        """A person takes a node into his hands, lets all go again, or writes on an incident or deletes it."""
        node = self.world.nodes[self._node(which)]
        if what == "cordon":
            node.cordoned.set(True, self.world.now)
        elif what == "pause":
            node.paused.set(True, self.world.now)
        elif what == "free":
            for one in self.world.nodes.values():
                one.cordoned.set(False, self.world.now)
                one.paused.set(False, self.world.now)
        elif self.world.objects[INCIDENTS]:
            self._write_incident(which, what)

    def _write_incident(self, which: int, what: str) -> None:
        names = sorted(self.world.objects[INCIDENTS])
        name = names[which % len(names)]
        stored = self.world.objects[INCIDENTS][name]
        self.world.counts[what] += 1
        if what == "delete":
            self.world.delete(ADMIN, f"{INCIDENTS}/{name}", stored["metadata"]["resourceVersion"])
            return
        note = {APPROVED: "reboot"} if what == "approve" else {"ticket": "OPS-1"}
        annotations = {**(stored["metadata"].get("annotations") or {}), **note}
        body = {**stored, "metadata": {**stored["metadata"], "annotations": annotations}}
        self.world.replace(ADMIN, f"{INCIDENTS}/{name}", body)

    # --- the end

    def teardown(self) -> None:
        """The trouble stops, and later healers bring everything to rest."""
        try:
            if sys.exc_info()[1] is None and self.world.nodes and not self.failed:
                self._hold()
                self._settle()
        finally:
            self.world.close()
            if not self.failed and sys.exc_info()[1] is None:
                self.coverage.counts["runs"] += 1
                self.coverage.take(self.world)

    def _settle(self) -> None:
        world = self.world
        for process in self._alive():
            process.kill()
        world.controllers.set(True, world.now)
        left = ["no turn"]
        holder = world.objects[LEASES].get("selfheal", {}).get("spec", {}).get("holderIdentity")
        world.advance(410 if holder else 0)
        for pause in TURNS:
            world.advance(pause)
            # Whatever is still wrong after it must be mended by waiting. A host that cannot be reached has not been
            # tried, and every turn that would says so.
            words = self._undisturbed().result.words
            tried = {node for node, word in words if word == "not tried"}
            left = invariants.unsettled(world, excused(world, HEALING, tried))
            if not left:
                break
        self._hold()
        self._report([f"I7 convergence: {one}" for one in left])
        # A clock that is wrong may set a guard against itself.
        world.clocks = (0,)
        # The guards that say no may have changed since, which is written down; then there is nothing more to tell.
        self._undisturbed()
        before = len(world.acts), len(world.writes)
        last = self._undisturbed()
        # Who tries a host that cannot be reached takes the lease for it.
        asked = bool(last.result.words)
        wrote = [f"{one.method} {one.path}" for one in world.writes[before[1] :] if not (asked and one.kind == LEASES)]
        if wrote or len(world.acts) > before[0]:
            self._report([f"I8 quiet: {last.name} had nothing to do, and did {wrote}, {last.result.words}"])
        well = all(node.well(world.now) for node in world.nodes.values())
        if well and last.result.ended != "nothing to do":
            self._report([f"I8 quiet: in a healthy cluster the turn ended with {last.result.ended!r}"])

    def _undisturbed(self) -> Process:
        begun = self.world.now
        process = self._start("default")
        self._finish(process, 25)
        took = (self.world.now - begun).total_seconds()
        if took > TURN_SECONDS:
            self._report([f"I11 ends: an undisturbed turn took {took:.0f} s"])
        if process.error is not None or process.result.ended in ("busy", "blocked"):
            ended = process.error or process.result.ended
            self._report([f"I7 convergence: an undisturbed turn ended with {ended!r}"])
        return process

    # --- ways and means

    def _alive(self) -> list[Process]:
        return [process for process in self.world.processes.values() if not process.over]

    def _pick(self, which: int) -> Process:
        alive = self._alive()
        return alive[which % len(alive)]

    def _node(self, which: int) -> str:
        names = list(self.world.nodes)
        return names[which % len(names)]

    def _room(self) -> bool:
        """Whether another node may be sick without its being a storm."""
        sick = sum(not node.well(self.world.now) for node in self.world.nodes.values())
        return sick < max(1, len(self.world.nodes) // 5)

    def _start(self, policy: str, holder: str = "") -> Process:
        self.started += 1
        return self.world.start(f"healer-{self.started}", POLICIES[policy], holder=holder)

    def _step(self, process: Process, fate: Fate, slow: float) -> None:
        self.coverage.counts["steps"] += 1
        process.wake(slow)
        process.step(fate)

    def _finish(self, process: Process, slow: float = 8) -> None:
        while not process.over:
            self._step(process, Fate.ANSWERED, slow)
            if process.requests > invariants.ENDLESS:
                self._report([f"I11 ends: {wrong}" for wrong in invariants.ends(self.world)])
        self._hold()

    def _hold(self) -> None:
        """Ask every invariant about what is new."""
        world = self.world
        if (self.acts, self.writes) == (len(world.acts), len(world.writes)):
            self._report(self._misunderstood())
            return
        wrong = invariants.violations(world, self.acts, self.writes)
        self.acts, self.writes = len(world.acts), len(world.writes)
        self._report(wrong + self._misunderstood())

    def _misunderstood(self) -> list[str]:
        """Repairs that were begun where none can be; who looks again before it begins never asks for that.

        A later step may well find that another healer has settled its repair since.
        """
        turns = [(name, process.turn_of) for name, process in self.world.processes.items()]
        errors = [(name, error) for name, turn in turns if turn is not None for error in turn.errors]
        return [
            f"table: {name} has begun what is none: {error}"
            for name, error in errors
            if isinstance(error, MachineError) and "'begin'" in str(error)
        ]

    def _report(self, wrong: list[str]) -> None:
        if not wrong:
            return
        self.failed = True
        raise AssertionError("\n".join([*wrong, "", *story(self.world)]))


def story(world: World) -> list[str]:
    """What happened, for people: every act, and every write but the renewals of the lease."""
    lines = [(act.at, f"{act.by}: {act.rung} on {act.node} ({act.uid})") for act in world.acts]
    for write in world.writes:
        if write.kind == LEASES:
            spec = (write.after or {}).get("spec", {})
            old = (write.before or {}).get("spec", {})
            if spec.get("holderIdentity") == old.get("holderIdentity") and write.by == write.owner:
                continue
            told = f"lease: {spec.get('holderIdentity') or 'free'}, token {spec.get('leaseTransitions')}"
        elif write.kind == RECORDS:
            told = f"record: {(write.after or {}).get('status', {}).get('healthy')}"
        else:
            told = f"{write.method} {write.name} {write.phase()}".rstrip()
        lines.append((write.at, f"{write.by}: {told}"))
    return [f"{at:%H:%M:%S} {line}" for at, line in sorted(lines, key=lambda one: one[0])]


@dataclass(frozen=True)
class Result:
    """What became of a shard: its failure as Hypothesis tells it, or an empty text."""

    seed: int
    seconds: float
    counts: Counter[str]
    failure: str = ""


def shard(number: int, runs: int, shortest: bool = True) -> Result:
    """So many runs made of one seed; of a failure the shortest story is looked for, which takes its time."""
    begun = time.monotonic()

    class Shard(Night):
        """The runs of this seed."""

        coverage = Coverage()

    Shard.__name__ = Shard.__qualname__ = "Night"
    seed(number)(Shard)
    failure = ""
    try:
        run_state_machine_as_test(Shard, settings=_settings(runs, shortest))
    except Exception as exc:
        notes = "\n".join(getattr(exc, "__notes__", ()))
        failure = f"seed {number}: {exc}\n{notes}"
    return Result(number, time.monotonic() - begun, Shard.coverage.counts, failure)


def submit(seeds: Iterable[int], runs: int, pool: Executor, shortest: bool = True) -> dict[int, Future[Result]]:
    """Begin a shard for each seed."""
    return {number: pool.submit(shard, number, runs, shortest) for number in seeds}


def pool(processes: int) -> Executor:
    """Processes that inherit nothing, for shards to run in."""
    return ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))


def never(counts: Counter[str]) -> list[str]:
    """What should have happened now and then, and never did."""
    return [what for name, what in MUST.items() if not counts[name]]


def _settings(runs: int, shortest: bool) -> settings:
    options: dict[str, Any] = {
        "max_examples": runs,
        "stateful_step_count": STEPS,
        "database": None,
        "deadline": None,
        "derandomize": False,
        "suppress_health_check": list(HealthCheck),
        "phases": (Phase.generate, Phase.shrink) if shortest else (Phase.generate,),
        "verbosity": Verbosity.normal,
        "print_blob": False,
    }
    return settings(**options)
