# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a judgement and the open incidents to a plan. Pure: check mode and the real run share every line of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import CORDONED, read_mark
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import bundle_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import (
    GUARDS,
    excluded,
    mass_failure,
    monitor_only,
    pattern,
    paused,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import HostError, NoHost, match_host
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import ALIVE, Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import (
    LADDERS,
    Ladders,
    Rung,
    replacing,
    rung_for,
    rung_from_afar,
    usable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Action,
    Finding,
    Incident,
    Phase,
    Refusal,
    Remedy,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import flapping
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.provider_id import MAX_LENGTH
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.replacing import machine_of, successor_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    count_within,
    format_time,
    seconds_between,
)


@dataclass(frozen=True)
class Note:
    """One change that the memory of the healer needs before anything is done: open an incident, move or forget one.

    ``refusals`` are the guards that say no, for a note that remembers them; ``successor`` is the UID of the node that
    has come in the place of this one; ``incident`` is the one for which a cordon was set that is to be lifted.
    """

    node: str
    node_uid: str
    event: str
    message: str
    refusals: tuple[Refusal, ...] = ()
    successor: str = ""
    incident: str = ""

    def to_dict(self) -> dict[str, str]:
        """The note as modules return it."""
        return {"node": self.node, "node_uid": self.node_uid, "event": self.event, "text": self.message}


OPEN, FORGET, UNCORDON = "open", "forget", "uncordon"
# What stands in the place of a guard's name where a node has no host that can be repaired, and where that host was
# asked and gave no answer at all.
HOST, SILENT = "host", "silent_host"
# The same where the node looks well, and pods do not run well on it.
CANARY = "canary"
# A storm must neither flood a job's log nor the API server; what is left out comes with the next run.
_SILENT_ATTEMPT = " (its host does not answer)"
LIST_LIMIT = 100
# How many hosts may show that it is not the way to them that is broken; not all of them are reached in the same way.
WITNESSES = 20
QUIET = frozenset(guard.name for guard in GUARDS if guard.quiet)


@dataclass(frozen=True)
class Plan:
    """What would be done now, what may not be done and why, and what has to be written down first.

    ``blocked`` says why nothing at all may be done or written; ``people`` names the nodes that only people can help.
    """

    actions: tuple[Action, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[Note, ...]
    blocked: str = ""
    people: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The plan as modules return it, bounded in size."""
        return {
            "blocked": self.blocked,
            "needs_people": list(self.people[:LIST_LIMIT]),
            "actions": [a.to_dict() for a in self.actions],
            "refused": [r.to_dict() for r in self.refusals[:LIST_LIMIT]],
            "refused_left_out": max(0, len(self.refusals) - LIST_LIMIT),
            "notes": [n.to_dict() for n in self.notes[:LIST_LIMIT]],
            "notes_left_out": max(0, len(self.notes) - LIST_LIMIT),
        }


def make_plan(
    snapshot: Snapshot,
    judgement: Judgement,
    incidents: Iterable[Incident],
    policy: Policy,
    now: datetime,
    expected_uid: str | None,
    only: Iterable[str] = (),
    storm: Storm | None = None,
    ladders: Ladders = LADDERS,
) -> Plan:
    """Decide what to do.

    :param incidents: the incidents that are kept; closed ones say nothing here.
    :param expected_uid: the kube-system UID of the cluster that may be repaired.
    :param only: look at these nodes only; all when empty.
    :param storm: the last one that is remembered.
    :param ladders: reason to its rungs.
    """
    waited_for = frozenset(rung.name for rungs in ladders.values() for rung in rungs if rung.waits)
    # A node that is being replaced is, whatever the policy says by now.
    wanted, incidents, replaced_by = set(only), tuple(incidents), replacing(ladders)
    ladders = usable(ladders, policy)
    situation = Situation(
        snapshot=snapshot,
        judgement=judgement,
        policy=policy,
        now=now,
        expected_uid=expected_uid,
        under_repair=frozenset(i.node for i in incidents if i.under_repair(now)),
        storm=storm,
        waited_for=waited_for,
    )
    # Back under the same name is another machine: what was tried on the old one says nothing about it.
    open_ones = {(i.node, i.node_uid): i for i in incidents if i.phase.is_open}
    tried: dict[tuple[str, str], list[datetime]] = {}
    for one in incidents:
        tried.setdefault((one.node, one.node_uid), []).extend(one.attempted_at)
    actions: list[Action] = []
    refusals: list[Refusal] = []
    people: list[str] = []
    urgent: list[Note] = []
    notes: list[Note] = []
    for note in _departures(snapshot, judgement, incidents, wanted, replaced_by, now):
        if note.event:
            notes.append(note)
        elif not policy.monitor_only:
            people.append(f"{note.node}: {note.message}")
    if not wanted:
        notes += _forgotten(incidents, policy, now)
    unreached = {i.node for i in open_ones.values() if is_out_of_reach(i)}
    # A host that did not answer is asked again, but the others first, and none of them waits for it.
    for node in sorted(snapshot.nodes or (), key=lambda n: (n.is_control_plane, n.name in unreached, n.name)):
        if wanted and node.name not in wanted:
            continue
        incident = open_ones.get((node.name, node.uid))
        finding = judgement.worst(node.name)
        if finding is None:
            unknown = judgement.of_node(node.name)
            # A node that is still joining has no finding yet, and is not healthy either.
            well = node.is_ready and not (unknown or judgement.blind)
            leaving = incident is not None and incident.rung in replaced_by
            if incident is not None and well and not _awaited(incident, node, now, leaving):
                if incident.phase is Phase.WAITING:
                    # Whether it is the reboot that has mended it is to be told.
                    back = not leaving and node.boot_id not in ("", incident.boot_id)
                    event, told = (
                        (Event.ACTED, "is back with another boot ID") if back else (Event.FAIL, "never went down")
                    )
                    notes.append(Note(node.name, node.uid, event.value, f"the node {told}"))
                notes.append(Note(node.name, node.uid, Event.RECOVER.value, "seen healthy"))
                notes += _left_cordoned(node, incidents, replaced_by, situation)
            elif incident is None and well:
                notes += _left_cordoned(node, incidents, replaced_by, situation)
            elif incident is not None and incident.overdue(now):
                # Whatever has become of the node, nobody is at work on it any more.
                notes.append(Note(node.name, node.uid, Event.FAIL.value, f"{incident.rung} was never seen to end"))
            if not policy.monitor_only:
                # What has no time of its own has lasted for as long as the node is there, at most.
                starts = [(f, f.since or node.created) for f in unknown]
                people += [
                    f"{node.name}: {f.reason}, {f.message}"
                    for f, start in starts
                    if start is None or seconds_between(start, now) >= policy.transient_tolerance
                ]
            continue
        # An incident that was left open by a healer which is gone says nothing about how long this trouble lasts; it
        # is believed only where the API has no time of its own, and only about the same trouble, which a dead kubelet
        # is by whichever of its signs.
        remembered = incident.since if incident is not None and _same_trouble(incident.check, finding.check) else now
        since = finding.since or remembered
        attempted_at = tuple(sorted(tried.get((node.name, node.uid), ())))
        wishes = list(_notes(finding, incident, policy, now, since, attempted_at))
        ahead = max((at for at in attempted_at if at > now + timedelta(seconds=policy.clock_skew)), default=None)
        if ahead is not None and not policy.monitor_only:
            people.append(
                f"{node.name}: its incidents tell of a repair at {format_time(ahead)}, which is still to come: a clock"
                " was wrong, delete them to allow new attempts before"
            )
        kept = "GPU" if node.has_gpu else "control-plane" if node.is_control_plane else ""
        most = finding.remedy.at_most(Remedy.REBOOT) if kept else finding.remedy
        afar = None
        if incident is not None and is_silent(incident) and not _is_alive(snapshot, node):
            afar = rung_from_afar(finding.reason, most, incident.rung, policy, ladders)
        rung = afar or rung_for(finding.reason, most, _tried_here(incident), ladders)
        if rung is None:
            known = rung_for(finding.reason, Remedy.REPLACE, 0, ladders) is not None
            allowed = "policy.remedies allows" if most is finding.remedy else f"it is a {kept} node, which is given"
            why = f"and {allowed} {most} at most" if known else "and no repair is known for it"
            notes.extend(
                _held(wishes, finding, incident, [Refusal(node.name, "none", "ladder", f"{finding.reason}, {why}")])
            )
            if seconds_between(since, now) >= finding.threshold and not policy.monitor_only:
                people.append(f"{node.name}: {finding.reason}, {why}")
            continue
        candidate = Candidate(
            node=node,
            finding=finding,
            incident=incident,
            rung=rung,
            since=since,
            attempted_at=attempted_at,
            silent=afar is not None,
        )
        now_situation = replace(
            situation,
            # One that most likely cannot be reached takes nobody's place, unless it can be repaired all the same.
            planned=frozenset(a.node for a in actions if a.silent or a.node not in unreached),
            planned_disruptive=frozenset(a.node for a in actions if a.disruptive),
        )
        objections = {guard.name: guard.objection(candidate, now_situation) for guard in GUARDS}
        refused = [Refusal(node.name, rung.name, name, text) for name, text in objections.items() if text]
        if [r.guard for r in refused] == [monitor_only.GUARD.name]:
            alone = f"{refused[0].message}; without it this run would {rung.about} on {node.name}"
            refused = [replace(refused[0], message=alone)]
        refusals.extend(refused)
        loud = [r for r in refused if r.guard not in QUIET]
        if loud and not policy.monitor_only:
            people.append(f"{node.name}: {finding.reason}, {loud[0].message}")
        if incident is None and _not_its_own(judgement, node, refused):
            # The trouble is not in the nodes, so it gets no story of each of them.
            continue
        if refused:
            notes.extend(_held(wishes, finding, incident, refused))
            continue
        urgent.extend(wishes)
        actions.append(
            Action(
                node=node.name,
                node_uid=node.uid,
                rung=rung.name,
                role=rung.role,
                reason=finding.reason,
                message=finding.message,
                disruptive=rung.disruptive,
                deadline=min(rung.deadline, policy.repair_deadline),
                machine_id=node.machine_id,
                driver=getattr(policy, rung.driver) if rung.driver else "",
                # Whoever may write nodes can write any text there; one that is longer than any names no machine.
                provider_id=node.provider_id[: MAX_LENGTH + 1] if rung.driver else "",
                silent=afar is not None,
                evidence=_evidence_due(rung, incident, node.name, snapshot.cluster_uid, now),
            )
        )
    blocked = _blocked(judgement, policy, expected_uid, snapshot.cluster_uid)
    if blocked or policy.monitor_only:
        urgent, notes = [], []
    # What a repair of this run needs comes first, because the list may be cut.
    return Plan(tuple(actions), tuple(refusals), (*urgent, *notes), blocked, tuple(people))


def _evidence_due(rung: Rung, incident: Incident | None, node: str, cluster_uid: str | None, now: datetime) -> str:
    """The name of the bundle to be kept before the rung: one for each incident, before the first that is disruptive."""
    if not rung.disruptive or (incident is not None and incident.bundle is not None and incident.bundle.name):
        return ""
    opened = incident.history[0].at if incident is not None and incident.history else now
    return bundle_name(cluster_uid, node, opened)


def with_hosts(plan: Plan, snapshot: Snapshot, hosts: Mapping[str, Iterable[str]]) -> Plan:
    """The plan with the inventory host of each action. A node without one is not repaired, and people are told.

    :raises HostError: when a node that is to be repaired has several inventory hosts, or shares one with another
        node, whether that is sick or not.
    """
    nodes = {node.name: node for node in snapshot.nodes or ()}
    placed: dict[str, Action] = {}
    homeless: list[Refusal] = []
    for action in plan.actions:
        try:
            host = match_host(nodes[action.node], hosts)
        except NoHost as exc:
            homeless.append(Refusal(action.node, action.rung, HOST, str(exc)))
            continue
        if host in placed:
            raise HostError(f"nodes {placed[host].node} and {action.node} are both inventory host {host}")
        if host == "localhost":
            raise HostError(f"node {action.node} is inventory host localhost: give the node a host of its own name")
        if action.silent and not {host, *map(str, hosts[host])} & set(nodes[action.node].addresses):
            # Nobody can ask it who it is, and one that is called alike may be another cluster's.
            why = f"inventory host {host} is silent, and has only the name of node {action.node}, none of its addresses"
            homeless.append(
                Refusal(action.node, action.rung, HOST, f"{why}: set selfheal_node_address or ansible_host")
            )
            continue
        placed[host] = replace(action, host=host)
    for host, action in placed.items():
        other = next((n for n in sorted({host, *map(str, hosts[host])} - {action.node}) if n in nodes), None)
        if other is not None:
            raise HostError(f"inventory host {host} is meant for node {action.node}, and is called like node {other}")
    refusals = tuple(_with_host(r, nodes[r.node], hosts) for r in plan.refusals)
    return replace(
        plan,
        actions=tuple(
            replace(a, witnesses=_witnesses(snapshot, hosts, nodes[a.node].zone)) if a.silent else a
            for a in placed.values()
        ),
        refusals=(*refusals, *homeless),
        people=(*plan.people, *(r.message for r in homeless)),
    )


def _witnesses(snapshot: Snapshot, hosts: Mapping[str, Iterable[str]], zone: str) -> tuple[str, ...]:
    """Inventory hosts of nodes that are Ready and renew their Leases, those of the same zone first."""
    found: list[str] = []
    for node in sorted(snapshot.nodes or (), key=lambda one: one.zone != zone):
        heartbeat = (snapshot.heartbeats or {}).get(node.name)
        alive = heartbeat is not None and heartbeat.alive(snapshot.observed_at)
        if len(found) == WITNESSES or not (node.is_ready and alive):
            continue
        try:
            host = match_host(node, hosts)
        except HostError:
            continue
        if host != "localhost" and host not in found:
            found.append(host)
    return tuple(found)


def _with_host(refusal: Refusal, node: Node, hosts: Mapping[str, Iterable[str]]) -> Refusal:
    """A run that only looks is when people can still give a node its host, so it says that one is missing."""
    if refusal.guard == monitor_only.GUARD.name:
        try:
            match_host(node, hosts)
        except HostError as exc:
            return replace(refusal, message=f"{refusal.message}; but {str(exc).partition(' (')[0]}")
    return refusal


def is_out_of_reach(incident: Incident) -> bool:
    """Whether the last that was to be done for the node came to nothing because of its host."""
    return any(refusal.guard in (HOST, SILENT) for refusal in incident.refusals)


def is_silent(incident: Incident) -> bool:
    """Whether the node's host was asked, and gave no answer, when something was to be done for it."""
    return any(refusal.guard == SILENT for refusal in incident.refusals)


def attempt_of(number: int, rung: str, silent: bool) -> str:
    """How the story of an incident tells that a repair begins."""
    return f"attempt {number}: {rung}{_SILENT_ATTEMPT if silent else ''}"


def _tried_here(incident: Incident | None) -> int:
    """How many rungs were tried on the host itself: a reboot for its silence has passed over them."""
    if incident is None:
        return 0
    begun = [moment.message for moment in incident.history if moment.phase is Phase.REPAIRING]
    return incident.attempts - sum(message.endswith(_SILENT_ATTEMPT) for message in begun)


def _is_alive(snapshot: Snapshot, node: Node) -> bool:
    """Whether the node speaks to the API server, so that only our own way to its host can be at fault."""
    heartbeat = (snapshot.heartbeats or {}).get(node.name)
    return node.is_ready or (heartbeat is not None and heartbeat.alive(snapshot.observed_at))


def _same_trouble(one: str, other: str) -> bool:
    signs = {check.name for check in ALIVE}
    return one == other or {one, other} <= signs


def _not_its_own(judgement: Judgement, node: Node, refused: Iterable[Refusal]) -> bool:
    """Whether the node's trouble has its cause elsewhere. A node that flaps is the cause, and its story tells so."""
    guards = {r.guard for r in refused}
    claimed = judgement.pattern_of(node.ref)
    return mass_failure.GUARD.name in guards or (
        pattern.GUARD.name in guards and claimed is not None and claimed.pattern != flapping.PATTERN.name
    )


def _blocked(judgement: Judgement, policy: Policy, expected_uid: str | None, uid: str | None) -> str:
    """Why nothing at all may be done, or an empty text."""
    if judgement.blind:
        parts = "; ".join(judgement.blind_lines)
        return f"not everything could be observed, so nothing is repaired ({parts})"
    if not policy.monitor_only and not expected_uid:
        return (
            "healing is on, but which cluster is meant is not said:"
            f" this one is {uid}, set cluster_uid (selfheal_cluster_uid for the playbooks) to that if it is the right"
            " one"
        )
    return ""


def _departures(
    snapshot: Snapshot,
    judgement: Judgement,
    incidents: tuple[Incident, ...],
    wanted: set[str],
    replaced_by: frozenset[str],
    now: datetime,
) -> Iterable[Note]:
    """Notes for the incidents of nodes that are not there any more; what was not read has not left.

    A note without an event is for people.
    """
    if not snapshot.nodes:
        return
    present = {(n.name, n.uid) for n in snapshot.nodes}
    taken = {i.successor for i in incidents if i.successor}
    for incident in incidents:
        gone = incident.phase.is_open and (incident.node, incident.node_uid) not in present
        if not gone or (wanted and incident.node not in wanted):
            continue
        if incident.rung in replaced_by:
            made = tuple(_replaced(snapshot, judgement, incident, taken - {incident.successor}, now))
            taken |= {note.successor for note in made if note.successor}
            yield from made
            continue
        message = "the node has left the cluster, or another one has its name now"
        yield Note(incident.node, incident.node_uid, Event.LEAVE.value, message)


def _replaced(
    snapshot: Snapshot, judgement: Judgement, incident: Incident, taken: set[str], now: datetime
) -> Iterable[Note]:
    """Notes for a node that was to be replaced and has left: repaired is what another node has come for."""

    def note(event: str, message: str, successor: str = "") -> Note:
        return Note(incident.node, incident.node_uid, event, message, successor=successor)

    new = successor_of(snapshot.nodes or (), incident, taken)
    if new is not None and not judgement.of_node(new.name) and not judgement.blind:
        message = f"replaced by node {new.name}, {machine_of(new)}"
        if incident.phase in (Phase.REPAIRING, Phase.WAITING):
            yield note(Event.ACTED.value, message, new.uid)
        yield note(Event.RECOVER.value, f"{message}, seen healthy", new.uid)
        return
    if incident.under_repair(now):
        # Its time is not over.
        return
    missing = f"{incident.rung} has taken it away, and no node that is well has come in its place"
    if incident.phase.under_repair:
        yield note(Event.FAIL.value, missing)
    if incident.phase is not Phase.ESCALATED:
        yield note(Event.EXHAUST.value, missing)
    yield note("", f"{missing}: see to a new one, or delete incident {incident.name} if none is to come")


def expired(incidents: Iterable[Incident], policy: Policy, now: datetime) -> tuple[Incident, ...]:
    """The closed incidents that need not be remembered any more."""
    kept = timedelta(seconds=max(policy.incident_retention, policy.attempt_window))
    return tuple(i for i in incidents if not i.phase.is_open and i.closed_at is not None and now - i.closed_at > kept)


def _forgotten(incidents: Iterable[Incident], policy: Policy, now: datetime) -> Iterable[Note]:
    old: dict[tuple[str, str], list[str]] = {}
    for incident in expired(incidents, policy, now):
        old.setdefault((incident.node, incident.node_uid), []).append(incident.name)
    for (node, uid), names in sorted(old.items()):
        yield Note(node, uid, FORGET, f"closed long ago: {', '.join(names)}")


def _awaited(incident: Incident, node: Node, now: datetime, leaving: bool) -> bool:
    """Whether a node that looks well is one that has still to go down for its reboot, or to leave."""
    return (leaving or node.boot_id == incident.boot_id) and incident.awaited(now)


def _left_cordoned(
    node: Node, incidents: Iterable[Incident], replaced_by: frozenset[str], situation: Situation
) -> Iterable[Note]:
    """A note that lifts the cordon which a replacement that has not come has left on a node that is well.

    Only one that a healer has set in the course of a repair of this very node: whoever drains a node by hand in our way
    leaves our mark as well, and works on it. Nothing is touched where people say hands off.
    """
    mark = read_mark(node.annotations.get(CORDONED), node.uid) if node.cordoned_by_us else None
    if mark is None or excluded.LABEL in node.labels or paused.objection_to(node, situation):
        return
    for one in incidents:
        named = (one.name, one.node, one.node_uid) == (mark.incident, node.name, node.uid)
        if named and one.rung in replaced_by and any(moment.by == mark.by for moment in one.history):
            message = f"cordoned for incident {one.name} at {mark.at}, whose {one.rung} has not come, and seen healthy"
            yield Note(node.name, node.uid, UNCORDON, message, incident=one.name)


def _held(
    wishes: Iterable[Note], finding: Finding, incident: Incident | None, refusals: Iterable[Refusal]
) -> Iterable[Note]:
    """The wishes, and the guards that say no where they are not the ones that are remembered."""
    # That its host was out of reach is forgotten only by a repair that begins: or else two such nodes would take turns
    # in keeping each other from being asked.
    unreached = () if incident is None else tuple(r for r in incident.refusals if r.guard in (HOST, SILENT))
    wishes, refusals = list(wishes), (*refusals, *unreached)
    yield from wishes
    if incident is not None and incident.phase.under_repair and not wishes:
        return
    known = {(r.rung, r.guard) for r in incident.refusals} if incident is not None else set()
    if {(r.rung, r.guard) for r in refusals} != known:
        message = ", ".join(r.guard for r in refusals)
        yield Note(finding.node, finding.node_uid, Event.HOLD.value, message, refusals)


def _notes(
    finding: Finding,
    incident: Incident | None,
    policy: Policy,
    now: datetime,
    since: datetime,
    attempted_at: tuple[datetime, ...],
) -> Iterable[Note]:
    def note(event: Event, message: str) -> Note:
        return Note(finding.node, finding.node_uid, event.value, message)

    if incident is None:
        yield Note(finding.node, finding.node_uid, OPEN, f"{finding.reason}: {finding.message}")
    elif incident.phase in (Phase.REPAIRING, Phase.VERIFYING):
        # Written down only by a run that holds the lease, and then nobody else is at work on it any more.
        yield note(Event.FAIL, f"a run is in the middle of {incident.rung}, or ended there")
    elif incident.phase is Phase.WAITING:
        if incident.awaited(now):
            return
        yield note(Event.FAIL, f"the node is not back by {format_time(incident.wait_until)}")
    lasted = seconds_between(since, now)
    phase = Phase.SUSPECTED if incident is None else incident.phase
    if phase is Phase.SUSPECTED and lasted >= policy.transient_tolerance:
        yield note(Event.CONFIRM, f"sick for {lasted} s, tolerance {policy.transient_tolerance} s")
        phase = Phase.UNHEALTHY
    if phase is Phase.UNHEALTHY or phase.under_repair:
        made = count_within(attempted_at, policy.attempt_window, now)
        if made >= policy.max_attempts:
            yield note(Event.EXHAUST, f"{made} attempts, the limit is {policy.max_attempts}")
