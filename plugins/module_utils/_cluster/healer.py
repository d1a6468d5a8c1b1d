# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The steps of a healing run against the API: plan, write down, begin, verify. Each one observes afresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import baseline_store, lease, store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.canary import CanaryRunner
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor, Drainer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    MonitorOnly,
    NodeGone,
    NotBootstrapped,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify, observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import learn, metrics_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import Proof, controls
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import (
    evidence_age,
    mass_failure,
    storm_cooldown,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement, judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS, Ladders, replacing
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event, open_incident, step
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Bundle,
    Incident,
    Phase,
    Refusal,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import (
    CANARY,
    FORGET,
    HOST,
    OPEN,
    SILENT,
    UNCORDON,
    Note,
    Plan,
    attempt_of,
    expired,
    is_silent,
    make_plan,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.replacing import machine_of, successor_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm, follow, later
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, seconds_between

SAMPLE_SECONDS = 2.0
GOOD_SAMPLES = 3
# Seconds without which a canary is not worth beginning.
CANARY_LEAST = 20.0
STORMY = frozenset((mass_failure.GUARD.name, storm_cooldown.GUARD.name))
# Observes the cluster: the client, the policy, the UID that the cluster must have, and the node that matters most.
Look: TypeAlias = "Callable[..., Snapshot]"


@dataclass(frozen=True)
class View:
    """A snapshot with what was made of it; ``storm`` is the one to remember after it."""

    snapshot: Snapshot
    judgement: Judgement
    incidents: tuple[Incident, ...]
    plan: Plan
    storm: Storm | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one step: whether to go on, why, and the incident as it is now.

    ``act_within`` is how many seconds a repair may wait before it touches its host: what was seen must not be too old
    by then, and the lease must last to the repair's end. ``people`` is what people must look at if it does not go on.
    """

    proceed: bool
    message: str
    incident: Incident | None
    changed: bool
    act_within: int = 0
    people: tuple[str, ...] = ()


def assess(client: Client, policy: Policy, cluster_uid: str | None) -> tuple[Snapshot, Judgement]:
    """Observe and judge, for a run that only looks.

    What the healer remembers adds to the picture where it can be read; most who look do not have that right.
    """
    snapshot = observe(client, policy, cluster_uid)
    incidents: tuple[Incident, ...] = ()
    if snapshot.nodes is not None:
        try:
            incidents = store.read_incidents(client)
        except (NotBootstrapped, Forbidden):
            pass
        except (StoreError, Unreachable) as exc:
            snapshot = replace(snapshot, unread={**snapshot.unread, "incidents": str(exc)})
    return snapshot, judge(snapshot, policy, incidents)


def view(
    client: Client,
    policy: Policy,
    cluster_uid: str | None,
    only: Iterable[str] = (),
    look: Look = observe,
    ladders: Ladders = LADDERS,
    monotonic: Callable[[], float] = time.monotonic,
    known: Storm | None = None,
) -> View:
    """Observe, judge and plan. Reads only.

    A cluster without the healer's kinds has no incidents, which is enough for a run that only looks.

    :param known: a storm that this run has seen before, and that may not be stored yet.
    :raises StoreError: when the incidents or the record cannot be read while the rest can.
    """
    begun = monotonic()
    snapshot = look(client, policy, cluster_uid)
    # A look takes its time, and what it saw first is as old as that. What was waited for before it began is in that as
    # well and must shorten no cool-down, so the API server's own clock is better where it answers.
    now = snapshot.observed_at + timedelta(seconds=monotonic() - begun)
    incidents: tuple[Incident, ...] = ()
    storm = None
    if snapshot.nodes is not None:
        try:
            incidents = store.read_incidents(client)
            record, read_at = store.read_record_at(client)
            storm, now = later(store.storm_in(record), known), read_at or now
        except NotBootstrapped:
            if not policy.monitor_only:
                raise
    judgement = judge(snapshot, policy, incidents)
    plan = make_plan(snapshot, judgement, incidents, policy, now, cluster_uid, only, storm, ladders)
    return View(snapshot, judgement, incidents, plan, follow(storm, snapshot, judgement, policy, now))


class Healer:
    """A run that holds the lease; every write is preceded by a proof that it still does."""

    def __init__(
        self,
        client: Client,
        policy: Policy,
        cluster_uid: str,
        holder: str,
        token: int,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        look: Look = observe,
        ladders: Ladders = LADDERS,
    ) -> None:
        if policy.monitor_only:
            raise MonitorOnly(
                "the cluster's ConfigMap self-healing-config sets monitor_only, so nothing is written: its owner has to"
                " lift it"
                if policy.braked
                else "policy.monitor_only is on, so nothing is written: set it to false to heal"
            )
        self._client = client
        self._policy = policy
        self._uid = cluster_uid
        self._holder = holder
        self._token = token
        self._sleep = sleep
        self._monotonic = monotonic
        self._look = look
        self._ladders = ladders
        self._replacing = replacing(ladders)

    def write_notes(self, notes: Iterable[Mapping[str, str]]) -> tuple[Incident, ...]:
        """Write down what a plan wants remembered, as far as a fresh plan still wants it."""
        wanted = {(n["node"], n["node_uid"], n["event"]) for n in notes}
        self._renew()
        seen = self._view()
        now = seen.snapshot.observed_at
        moved: dict[tuple[str, str], Incident] = {}
        forgotten: set[tuple[str, str]] = set()
        # What a plan wants of one node builds on each other, so what comes after an unwanted step waits, too.
        waits: set[tuple[str, str]] = set()
        canaries_end = self._monotonic() + self._policy.canary_timeout
        for note in seen.plan.notes:
            key = (note.node, note.node_uid)
            if (*key, note.event) not in wanted:
                waits.add(key)
            elif key in waits:
                continue
            elif note.event == UNCORDON:
                # Only once its incident is closed.
                continue
            elif note.event == FORGET:
                forgotten.add(key)
            elif note.event == OPEN:
                moved[key] = self._opened(seen, note.node, now)
            else:
                current = moved.get(key) or _one_open(seen.incidents, *key)
                if note.event == Event.RECOVER and current.attempts and self._policy.canary_image:
                    # Something was done to it and has not been proven; that it looks well is what it did before.
                    waits.add(key)
                    # All of them together have the time of one; those that are left are the next run's.
                    left = canaries_end - self._monotonic()
                    enough = left >= CANARY_LEAST
                    settled = self._closed(current, seen.snapshot, note, left) if enough else None
                    if settled is not None:
                        moved[key] = settled
                    continue
                event, by = Event(note.event), self._holder
                moved[key] = step(
                    current, event, now, by, note.message, refusals=note.refusals, successor=note.successor
                )
        written = tuple(self._write(incident) for incident in moved.values())
        for old in expired(seen.incidents, self._policy, now):
            if (old.node, old.node_uid) in forgotten:
                self._renew()
                store.delete_incident(self._client, old)
        return written

    def lift_cordons(self, notes: Iterable[Mapping[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Lift the cordons that replacements which have not come have left on nodes that are well again.

        As far as a fresh plan still wants it, and after the notes are written: a node whose incident stays open,
        because a pod on it shows that it is not well, stays cordoned.

        :returns: the nodes that were uncordoned, and what people must do.
        """
        wanted = {(n["node"], n["node_uid"]) for n in notes if n["event"] == UNCORDON}
        if not wanted:
            return (), ()
        self._renew()
        seen = self._view()
        wanted -= {(i.node, i.node_uid) for i in seen.incidents if i.phase.is_open}
        lifted, people = [], []
        for note in seen.plan.notes:
            if note.event != UNCORDON or (note.node, note.node_uid) not in wanted:
                continue
            actor = Actor(self._uid, note.node, note.node_uid, self._holder, self._token, self._policy.lease_duration)
            try:
                if Drainer(self._client, actor).uncordon(incident=note.incident).changed:
                    lifted.append(note.node)
            except NodeGone:
                continue
            except Forbidden as exc:
                people.append(f"{note.node}: {note.message}; kubectl uncordon {note.node} has to be run by hand: {exc}")
        return tuple(lifted), tuple(people)

    def begin(self, node: str, node_uid: str, rung: str, bundle: Bundle | None = None) -> Outcome:
        """Look again, ask every guard again, and only then say go.

        What a plan of some seconds ago said does not matter: a node that came back by itself is left alone.

        :param bundle: the evidence that was kept before a disruptive repair, or why there is none.
        """
        self._renew()
        fresh = self._view(only=[node])
        if fresh.plan.blocked:
            return Outcome(False, fresh.plan.blocked, None, False, people=(f"{node}: {fresh.plan.blocked}",))
        action = next((a for a in fresh.plan.actions if (a.node, a.node_uid, a.rung) == (node, node_uid, rung)), None)
        if action is None:
            if STORMY & {refusal.guard for refusal in fresh.plan.refusals}:
                # A storm that is over before the next look would be forgotten, and its cool-down with it.
                status = derive(fresh.judgement, fresh.incidents, fresh.storm)
                store.write_record(self._client, status, self._renew)
            reasons = [f"{r.guard}: {r.message}" for r in fresh.plan.refusals]
            why = "; ".join(reasons) or f"{rung} on {node} is not called for any more"
            held = self._hold(fresh, node, node_uid)
            return Outcome(False, why, held, held is not None, people=fresh.plan.people)
        if any(n.event in (OPEN, Event.CONFIRM, Event.FAIL) for n in fresh.plan.notes):
            # By the clock of another API server the tolerance may be over a second earlier than by the last look's.
            return Outcome(False, f"what is known of {node} is not written down yet", None, False)
        incident = _one_open(fresh.incidents, node, node_uid)
        now = self._renew()
        stale = evidence_age.too_old(fresh.snapshot, self._policy, now)
        if stale:
            why = f"{evidence_age.GUARD.name}: {stale}"
            return Outcome(False, why, None, False, people=(f"{node}: {stale}",))
        age = seconds_between(fresh.snapshot.observed_at, now)
        machine = fresh.snapshot.node(node)
        # What is taken away can be told of only here.
        of = f" of {machine_of(machine)}" if machine is not None and rung in self._replacing else ""
        begun = step(
            incident,
            Event.BEGIN,
            now,
            self._holder,
            attempt_of(incident.attempts + 1, f"{rung}{of}", action.silent),
            rung=rung,
            seconds=self._policy.repair_deadline,
            boot_id=machine.boot_id if machine is not None else "",
            bundle=bundle,
        )
        within = min(self._policy.evidence_age - age, self._policy.lease_duration - action.deadline)
        return Outcome(True, action.message, store.write_incident(self._client, begun), True, within)

    def _hold(self, fresh: View, node: str, node_uid: str) -> Incident | None:
        """Write down the guards that say no now, if they are others than the incident tells; the incident if it was."""
        note = next(
            (n for n in fresh.plan.notes if (n.node, n.node_uid, n.event) == (node, node_uid, Event.HOLD)), None
        )
        incident = next(
            (i for i in fresh.incidents if (i.node, i.node_uid) == (node, node_uid) and i.phase.is_open), None
        )
        if note is None or incident is None or incident.phase.under_repair:
            return None
        now = fresh.snapshot.observed_at
        return self._write(step(incident, Event.HOLD, now, self._holder, note.message, refusals=note.refusals))

    def hold(self, node: str, node_uid: str, rung: str, message: str, silent: bool = False) -> Outcome:
        """The host could not be reached, or is not the node: nothing was tried, and the next plan asks others first.

        :param silent: it was asked, and gave no answer at all, so that the next plan may do what needs none.
        """
        now = self._renew()
        incident = self._current(node, node_uid)
        guard = SILENT if silent else HOST
        if incident.phase.under_repair or any(refusal.guard == guard for refusal in incident.refusals):
            return Outcome(True, message, None, False)
        # Every guard has agreed, so what they said before is over.
        refusals = (Refusal(node, rung, guard, message),)
        moved = step(incident, Event.HOLD, now, self._holder, message, refusals=refusals)
        return Outcome(True, message, self._write(moved), True)

    def answered(self, node: str, node_uid: str, message: str) -> Outcome:
        """A host that was silent answers, so that the next plan begins with what is softer than a reboot."""
        now = self._renew()
        incident = self._current(node, node_uid)
        if incident.phase.under_repair or not is_silent(incident):
            return Outcome(True, message, None, False)
        refusals = tuple(refusal for refusal in incident.refusals if refusal.guard != SILENT)
        moved = step(incident, Event.HOLD, now, self._holder, message, refusals=refusals)
        return Outcome(True, message, self._write(moved), True)

    def acted(self, node: str, node_uid: str, message: str) -> Outcome:
        """The rung's role has ended well; what it is worth is for ``verify`` to say.

        After one that ends before its node is back, the node is waited for. A role that took longer than the repair
        may take has failed, whatever it says.
        """
        now = self._renew()
        incident = self._current(node, node_uid)
        if _left(incident, now) <= 0:
            return self._settle(incident, Event.FAIL, now, f"{incident.rung} took longer than the repair may take")
        if incident.rung in {rung.name for ladder in self._ladders.values() for rung in ladder if rung.waits}:
            seconds = self._waiting_timeout(incident)
            moved = step(incident, Event.WAIT, now, self._holder, message, seconds=seconds)
        else:
            moved = step(incident, Event.ACTED, now, self._holder, message)
        return Outcome(True, message, self._write(moved), True)

    def _waiting_timeout(self, incident: Incident) -> int:
        if incident.rung in self._replacing:
            return self._policy.waiting_timeout_replace
        machine = self._look(self._client, self._policy, self._uid, incident.node).node(incident.node)
        return self._policy.waiting_time(machine is None or machine.has_gpu)

    def fail(self, node: str, node_uid: str, message: str) -> Outcome:
        """The rung's role has failed."""
        now = self._renew()
        moved = step(self._current(node, node_uid), Event.FAIL, now, self._holder, message)
        return Outcome(True, message, self._write(moved), True)

    def verify(self, node: str, node_uid: str, timeout: float, restarted: bool = False) -> Outcome:
        """Wait until fresh observations prove the node healthy, or the time is over.

        A node that restarts is waited for first, until it is back with another boot ID: one that is merely Ready may
        not have gone down yet. In the place of one that is replaced, the node that has come is waited for and proven.
        Proof is: no finding about the node in several looks in a row, a Lease that is in date, and that Lease seen to
        move since the wait began, because a stopped controller-manager leaves the conditions of a dead node as they
        were.

        :param restarted: the host itself has told of another start since the reboot was asked for. Containers show the
            boot ID of the machine that they share, so theirs says nothing.
        """
        now = self._renew()
        incident = self._current(node, node_uid)
        if incident.phase is Phase.WAITING:
            replaced = incident.rung in self._replacing
            back = self._wait_for_another(incident, now) if replaced else self._wait(incident, now, restarted)
            if not back.proceed or back.incident is None:
                return back
            incident, now = back.incident, self._renew()
        timeout = min(timeout, _left(incident, now))
        end = self._monotonic() + timeout
        # Of a node that was replaced only the UID of the new one is remembered, which is never another one's.
        uid = incident.successor or incident.node_uid
        name = node if uid == node_uid else self._name_of(uid) or node
        good, renewals, last = 0, set[datetime | None](), "not observed yet"
        while True:
            try:
                now = self._renew()
                snapshot = self._look(self._client, self._policy, self._uid, name)
                incident = self._current(node, node_uid)
                trouble = _trouble(snapshot, judge(snapshot, self._policy), name, uid)
            except Unreachable as exc:
                # An API server that is away for a moment says nothing about the node; for longer, the lease is gone.
                if self._monotonic() + SAMPLE_SECONDS >= end:
                    raise
                trouble = str(exc)
            if trouble is None:
                good += 1
                renewals.add((snapshot.heartbeats or {})[name].renewed)
                last = f"{good} good observations, its Lease seen to move {len(renewals) - 1} times"
                if good >= GOOD_SAMPLES and len(renewals) > 1:
                    return self._proven(incident, name, f"proven healthy: {last}")
            else:
                good, renewals, last = 0, set(), trouble
            if self._monotonic() + SAMPLE_SECONDS >= end:
                message = f"not healthy {timeout:.0f} s after {incident.rung}: {last}"
                return self._settle(incident, Event.FAIL, now, message)
            self._sleep(SAMPLE_SECONDS)

    def _proven(self, incident: Incident, node: str, message: str) -> Outcome:
        """Close the incident of a node that all signs call healthy, unless a pod on it shows that it is not.

        What the pod cannot tell is told, and takes nothing away from the signs.

        :param node: the node itself, or the one that has come in its place.
        """
        event = Event.RECOVER
        if self._policy.canary_image:
            # What was looked at before is this node alone, and there are others to compare it with.
            seconds = min(float(self._policy.canary_timeout), _left(incident, self._renew()))
            proof = self._canary(node, self._look(self._client, self._policy, self._uid), seconds)
            message = f"{message}; canary {proof.verdict.value}: {proof.message}"
            if proof.verdict is Verdict.UNHEALTHY:
                event, message = Event.FAIL, f"Ready, but the canary is unhealthy: {proof.message}"
        now = self._renew()
        # It has taken its time, and somebody may have written to the incident meanwhile.
        return self._settle(self._current(incident.node, incident.node_uid), event, now, message)

    def _closed(self, incident: Incident, snapshot: Snapshot, note: Note, seconds: float) -> Incident | None:
        """The incident after its end, or with the reason why it does not end; None if that is written down already."""
        new = next((node.name for node in snapshot.nodes or () if node.uid == note.successor), incident.node)
        proof = self._canary(new, snapshot, seconds)
        now = self._renew()
        told = f"canary {proof.verdict.value}: {proof.message}"
        if proof.verdict is not Verdict.UNHEALTHY:
            message = f"{note.message}; {told}"
            return step(incident, Event.RECOVER, now, self._holder, message, successor=note.successor)
        if incident.phase.under_repair:
            return step(incident, Event.FAIL, now, self._holder, told)
        if [refusal.guard for refusal in incident.refusals] == [CANARY]:
            return None
        refusals = (Refusal(incident.node, "none", CANARY, told),)
        return step(incident, Event.HOLD, now, self._holder, told, refusals=refusals)

    def _canary(self, node: str, snapshot: Snapshot, seconds: float) -> Proof:
        runner = CanaryRunner(
            self._client,
            self._renew,
            self._policy.canary_image,
            self._policy.canary_storage_class,
            self._sleep,
            self._monotonic,
        )
        judgement = judge(snapshot, self._policy)
        sick = {finding.node or finding.place for finding in judgement.findings if not finding.is_warning}
        others = controls(snapshot.nodes or (), node, sick)
        return runner.prove(node, others, seconds)

    def _wait(self, incident: Incident, now: datetime, restarted: bool) -> Outcome:
        """Wait until the node is back from its reboot, or its time for that is over."""
        proof = "after another start of its host" if restarted else "with another boot ID"

        def back(snapshot: Snapshot) -> tuple[Node | None, str]:
            machine = snapshot.node(incident.node)
            there = machine is not None and machine.uid == incident.node_uid and machine.is_ready
            if machine is not None and there and (restarted or machine.boot_id not in ("", incident.boot_id)):
                return machine, f"back {proof}"
            return None, f"not back {proof}"

        return self._wait_until(incident, now, incident.node, back)

    def _wait_for_another(self, incident: Incident, now: datetime) -> Outcome:
        """Wait until the node has left and another one is Ready in its place, or the time for that is over."""
        taken = {other.successor for other in store.read_incidents(self._client)}

        def come(snapshot: Snapshot) -> tuple[Node | None, str]:
            if snapshot.nodes is None:
                return None, "not replaced, as far as anybody could see,"
            if any(one.uid == incident.node_uid for one in snapshot.nodes):
                return None, "not replaced, the old node is still there"
            new = successor_of(snapshot.nodes, incident, taken)
            if new is None:
                return None, "not replaced, the old node has left and no new one is Ready"
            return new, f"replaced by node {new.name}, {machine_of(new)}"

        return self._wait_until(incident, now, "", come)

    def _wait_until(
        self, incident: Incident, now: datetime, node: str, seen: Callable[[Snapshot], tuple[Node | None, str]]
    ) -> Outcome:
        """Wait until a look shows the node that is waited for.

        :param node: at which node to look, all of them if empty.
        :param seen: says which node has come, None as long as none has, and in words what it sees.
        """
        until = incident.wait_until or now
        end = self._monotonic() + (until - now).total_seconds()
        told = "not seen"
        while True:
            try:
                now = self._renew()
                machine, told = seen(self._look(self._client, self._policy, self._uid, node))
                if machine is not None:
                    new = "" if machine.uid == incident.node_uid else machine.uid
                    moved = step(incident, Event.ACTED, now, self._holder, told, successor=new)
                    return Outcome(True, told, self._write(moved), True)
            except Unreachable:
                # An API server that is away for a moment says nothing about the node; for longer, the lease is gone.
                if self._monotonic() >= end:
                    raise
            if self._monotonic() >= end:
                return self._settle(incident, Event.FAIL, now, f"{told} by {format_time(until)}")
            self._sleep(SAMPLE_SECONDS)

    def _name_of(self, uid: str) -> str:
        """The name of the node that has this UID, if it is there."""
        nodes = self._look(self._client, self._policy, self._uid, "").nodes or ()
        return next((node.name for node in nodes if node.uid == uid), "")

    def write_record(self, known: Storm | None = None) -> tuple[bool, Verdict, dict[str, Any]]:
        """Bring the ClusterRecord up to date; whether that took a write, the verdict, and what it says.

        :param known: the storm that the plan has seen. One that is over by now is remembered for its cool-down.
        """
        self._renew()
        seen = self._view(known=known)
        snapshot, judgement = seen.snapshot, seen.judgement
        status = derive(judgement, seen.incidents, seen.storm)
        written = store.write_record(self._client, status, self._renew)
        self._learn(snapshot)
        return written, judgement.verdict, status

    def _learn(self, snapshot: Snapshot) -> None:
        """Add this look to what is usual for the cluster. It is a statistic, so no run fails for want of it."""
        try:
            stored = baseline_store.read_baseline(self._client)
            learned = learn(stored.baseline, metrics_of(snapshot), snapshot.observed_at)
            baseline_store.write_baseline(self._client, stored, learned)
        except ClusterError:
            pass

    def _view(self, only: Iterable[str] = (), known: Storm | None = None) -> View:
        return view(self._client, self._policy, self._uid, only, self._look, self._ladders, self._monotonic, known)

    def _renew(self) -> datetime:
        """Prove that this is the cluster and that its lease is ours; the API server's clock."""
        now = identify(self._client, self._uid).date
        lease.renew(self._client, self._holder, self._token, self._policy.lease_duration)
        return now

    def _write(self, incident: Incident) -> Incident:
        self._renew()
        return store.write_incident(self._client, incident)

    def _settle(self, incident: Incident, event: Event, now: datetime, message: str) -> Outcome:
        settled = self._write(step(incident, event, now, self._holder, message))
        return Outcome(event is Event.RECOVER, message, settled, True)

    def _opened(self, seen: View, node: str, now: datetime) -> Incident:
        finding = seen.judgement.worst(node)
        if finding is None:
            raise StoreError(f"node {node} has no finding to open an incident for")
        return open_incident(finding, store.next_ordinal(seen.incidents, node), now, self._holder)

    def _current(self, node: str, node_uid: str) -> Incident:
        return _one_open(store.read_incidents(self._client), node, node_uid)


def _left(incident: Incident, now: datetime) -> float:
    """Seconds that a repair has left to prove itself."""
    return 0.0 if incident.deadline is None else (incident.deadline - now).total_seconds()


def _one_open(incidents: Iterable[Incident], node: str, node_uid: str) -> Incident:
    found = [i for i in incidents if (i.node, i.node_uid) == (node, node_uid) and i.phase.is_open]
    if len(found) != 1:
        names = f" ({', '.join(i.name for i in found)}): delete all but one" if found else ""
        raise StoreError(f"node {node} ({node_uid}) has {len(found)} open incidents, expected 1{names}")
    return found[0]


def _trouble(snapshot: Snapshot, judgement: Judgement, node: str, uid: str) -> str | None:
    """What speaks against the node being healthy, or None."""
    machine = snapshot.node(node)
    if machine is None:
        why = snapshot.unread.get("nodes", "it is not in the list of nodes")
        return f"the node was not seen: {why}"
    if machine.uid != uid:
        return f"the node is another one now: its UID is {machine.uid}, it was {uid}"
    findings = judgement.of_node(node)
    if not findings and not machine.is_ready:
        # A node that is still joining has no finding yet, and is not healthy either.
        return "it is not Ready"
    if findings:
        return "; ".join(f"{f.reason}: {f.message}" for f in findings)
    if snapshot.heartbeats is None or node not in snapshot.heartbeats:
        return f"its Lease was not seen: {snapshot.unread.get('heartbeats', 'it has none')}"
    return None


def learning_due(snapshot: Snapshot) -> bool:
    """Whether this look would add to what is known of the usual, which takes a write now and then."""
    known = snapshot.baseline
    return known is not None and learn(known, metrics_of(snapshot), snapshot.observed_at) is not known


def stale_record(client: Client, seen: View) -> bool:
    """Whether the stored ClusterRecord says something else than what was just seen."""
    stored = store.read_record(client)
    return stored is None or stored.get("status") != derive(seen.judgement, seen.incidents, seen.storm)
