# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a judgement and the open incidents to a plan. Pure: check mode and the real run share every line of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.attempts import recent_attempts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import match_host
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import rung_for
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Action,
    Finding,
    Incident,
    Phase,
    Refusal,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between


@dataclass(frozen=True)
class Note:
    """One change that the memory of the healer needs before anything is done: open an incident, or move one."""

    node: str
    node_uid: str
    event: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The note as modules return it."""
        return {"node": self.node, "node_uid": self.node_uid, "event": self.event, "text": self.message}


OPEN = "open"


@dataclass(frozen=True)
class Plan:
    """What would be done now, what may not be done and why, and what has to be written down first."""

    actions: tuple[Action, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[Note, ...]

    def to_dict(self) -> dict[str, Any]:
        """The plan as modules return it."""
        return {
            "actions": [a.to_dict() for a in self.actions],
            "refused": [r.to_dict() for r in self.refusals],
            "notes": [n.to_dict() for n in self.notes],
        }


def make_plan(
    snapshot: Snapshot,
    judgement: Judgement,
    incidents: Iterable[Incident],
    policy: Policy,
    now: datetime,
    expected_uid: str | None,
    only: Iterable[str] = (),
) -> Plan:
    """Decide what to do.

    :param incidents: the incidents that are kept; closed ones say nothing here.
    :param expected_uid: the kube-system UID of the cluster that may be repaired.
    :param only: look at these nodes only; all when empty.
    """
    wanted = set(only)
    situation = Situation(snapshot=snapshot, judgement=judgement, policy=policy, now=now, expected_uid=expected_uid)
    # Back under the same name is another machine: what was tried on the old one says nothing about it.
    open_ones = {(i.node, i.node_uid): i for i in incidents if i.phase.is_open}
    actions: list[Action] = []
    refusals: list[Refusal] = []
    notes: list[Note] = list(_departures(snapshot, open_ones.values(), wanted))
    for node in sorted(snapshot.nodes or (), key=lambda n: (n.is_control_plane, n.name)):
        if wanted and node.name not in wanted:
            continue
        incident = open_ones.get((node.name, node.uid))
        finding = _worst(judgement.of_node(node.name))
        if finding is None:
            if incident is not None and not _is_unknown(judgement, node.name):
                notes.append(Note(node.name, node.uid, Event.RECOVER.value, "seen healthy"))
            continue
        since = finding.since or now
        if incident is not None:
            since = min(since, incident.since)
        notes.extend(_notes(finding, incident, policy, now, since))
        rung = rung_for(finding.reason, incident.attempts if incident else 0)
        if rung is None:
            continue
        candidate = Candidate(node=node, finding=finding, incident=incident, rung=rung, since=since)
        objections = [(guard.name, guard.objection(candidate, situation)) for guard in GUARDS]
        refused = [Refusal(node.name, rung.name, name, text) for name, text in objections if text]
        refusals.extend(refused)
        if not refused:
            actions.append(
                Action(
                    node=node.name,
                    node_uid=node.uid,
                    rung=rung.name,
                    role=rung.role,
                    reason=finding.reason,
                    message=finding.message,
                    disruptive=rung.disruptive,
                    deadline=rung.deadline,
                )
            )
    return Plan(actions=tuple(actions), refusals=tuple(refusals), notes=tuple(notes))


def with_hosts(plan: Plan, snapshot: Snapshot, hosts: Mapping[str, Iterable[str]]) -> Plan:
    """The plan with the inventory host of each action.

    :raises HostError: when a node that is to be repaired has no inventory host, or several.
    """
    nodes = {node.name: node for node in snapshot.nodes or ()}
    return replace(plan, actions=tuple(replace(a, host=match_host(nodes[a.node], hosts)) for a in plan.actions))


def _worst(findings: Iterable[Finding]) -> Finding | None:
    sick = [f for f in findings if f.verdict is Verdict.UNHEALTHY]
    return min(sick, key=lambda f: (f.since is None, f.since, f.check)) if sick else None


def _is_unknown(judgement: Judgement, node: str) -> bool:
    return bool(judgement.unread) or any(f.verdict is Verdict.UNKNOWN for f in judgement.of_node(node))


def _departures(snapshot: Snapshot, open_ones: Iterable[Incident], wanted: set[str]) -> Iterable[Note]:
    """Notes for the incidents of nodes that are not there any more; what was not read has not left."""
    if not snapshot.nodes:
        return
    present = {(n.name, n.uid) for n in snapshot.nodes}
    for incident in open_ones:
        if (incident.node, incident.node_uid) not in present and (not wanted or incident.node in wanted):
            message = "the node has left the cluster, or another one has its name now"
            yield Note(incident.node, incident.node_uid, Event.LEAVE.value, message)


def _notes(
    finding: Finding, incident: Incident | None, policy: Policy, now: datetime, since: datetime
) -> Iterable[Note]:
    def note(event: Event, message: str) -> Note:
        return Note(finding.node, finding.node_uid, event.value, message)

    if incident is None:
        yield Note(finding.node, finding.node_uid, OPEN, f"{finding.reason}: {finding.message}")
    elif incident.phase in (Phase.REPAIRING, Phase.VERIFYING):
        # Whoever plans holds the lease or writes nothing, so nobody is at work on this incident any more.
        yield note(Event.FAIL, f"a run ended in the middle of {incident.rung}")
    lasted = seconds_between(since, now)
    phase = Phase.SUSPECTED if incident is None else incident.phase
    if phase is Phase.SUSPECTED and lasted >= policy.transient_tolerance:
        yield note(Event.CONFIRM, f"sick for {lasted} s, tolerance {policy.transient_tolerance} s")
        phase = Phase.UNHEALTHY
    if incident is not None and phase in (Phase.UNHEALTHY, Phase.REPAIRING, Phase.VERIFYING):
        made = recent_attempts(incident, policy, now)
        if made >= policy.max_attempts:
            yield note(Event.EXHAUST, f"{made} attempts, the limit is {policy.max_attempts}")
