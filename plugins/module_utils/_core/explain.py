# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Why a node was repaired, and why another one was not: an incident, told to people. Pure.

Everything that is said of an incident comes out of the incident, because by the time somebody asks, the cluster is
another one. Only a node without an incident is told of in the words of the ClusterRecord.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import excluded
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import REPAIRED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Moment, Phase, Refusal
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.render import clean
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.result import (
    RESULT_LIMIT,
    SCHEMA_VERSION,
    fit,
    plain,
    report_within,
    size,
    within,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, seconds_between

MESSAGE_LENGTH = 600
# Bytes and entries, for one incident in the result; its report has every line.
ENTRY_TEXT_BYTES = 200
ENTRY_NAME_BYTES = 80
ENTRY_STORY = 20
REPORT_BYTES = 24000
LINE_BYTES = 2000
UNREAD_BYTES = 4000
UNREAD_LINES = 5
_BEGUN = re.compile(r"attempt \d+: (\S+)")
_TIME_SETTLES = "nothing: time settles it, and the next run looks again"
# Guard to what people can do about its refusal.
ADVICE: Mapping[str, str] = {
    "approval": f"approve it: kubectl annotate incident {{incident}} {APPROVED}={{rung}}",
    "attempts": "repair node {node} by hand; the incident closes once the node is seen healthy",
    "budget": _TIME_SETTLES,
    "canary": "see why pods do not run well on node {node}, which looks well; the incident closes once a canary does",
    "control_plane": "look after the other control-plane nodes first, or wait until the one under repair is back",
    "cooldown": _TIME_SETTLES,
    "etcd_quorum": "mend etcd's other members first, or do what the message says",
    "evidence_age": "find out why it takes so long to look at the cluster: an API server that is slow, or far away",
    "excluded": f"let it be repaired again: kubectl label node {{node}} {excluded.LABEL}-",
    "failure_domain": "uncordon or repair the other nodes of its zone or pool, or wait until they are back",
    "gpu_node": "repair node {node} by hand: nothing that is left to do may be done to a GPU node",
    "host": "see why the host cannot be reached, give the node one in the inventory, or repair it by hand",
    "human_cordon": "when the work on it is done: kubectl uncordon {node}",
    "identity": "set selfheal_cluster_uid to the cluster that is meant",
    "ladder": "repair node {node} by hand; where a repair is known, the policy's remedies may allow it, see"
    " docs/policy.md",
    "leaving": "nothing: the node is on its way out of the cluster",
    "maintenance_window": "wait for the window, or change maintenance_windows in the policy",
    "mass_failure": "look for what the sick nodes have in common: the network, their storage, the control plane",
    "monitor_only": "switch healing on: selfheal_monitor_only=false, and no monitor_only in the cluster's ConfigMap",
    "pattern": "mend the cause that the message names",
    "paused": "end the pause, selfheal.kubernetes.resume: with selfheal_nodes={node} if it is the node's, without if it"
    " is the cluster's",
    "same_machine": "delete the Node that is no more: kubectl delete node ...",
    "silent_host": "see why the host does not answer; the policy's reboot_driver allows to reboot it by its provider",
    "storm_cooldown": _TIME_SETTLES,
    "transient_tolerance": _TIME_SETTLES,
    "under_repair": "nothing: the node has until then to come back",
    "vantage_points": "find out which of the witnesses is right: one of them alone is not enough",
}


@dataclass(frozen=True)
class Attempt:
    """One repair that was begun; ``ended`` is None for as long as nobody has seen its end."""

    number: int
    rung: str
    began: datetime
    by: str = ""
    ended: datetime | None = None
    how: str = ""
    message: str = ""
    told: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The attempt as the module returns it."""
        return {
            "number": self.number,
            "rung": fit(self.rung, ENTRY_NAME_BYTES),
            "began": format_time(self.began),
            "by": fit(self.by, ENTRY_NAME_BYTES),
            "ended": format_time(self.ended),
            "how": self.how,
            "message": self.message,
        }


def attempts_of(incident: Incident) -> tuple[Attempt, ...]:
    """The repairs of an incident that are remembered, the first one first."""
    begins = [index for index, moment in enumerate(incident.history) if moment.phase is Phase.REPAIRING]
    told: list[Attempt] = []
    # From the last one on: a long story loses its middle, and two attempts may have begun in the same second.
    for back, began in enumerate(reversed(incident.attempted_at)):
        found = begins.pop() if begins and incident.history[begins[-1]].at == began else None
        told.append(_attempt(incident, incident.attempts - back, began, found))
    return tuple(reversed(told))


def explain(incident: Incident, now: datetime) -> list[str]:
    """One incident as lines: what was seen, what was tried, what was not done and why, what people can do."""
    lines = [_head(incident, now)]
    lines += [f"  SEEN     {one}" for one in _seen(incident)]
    lines += [f"  TRIED    {one}" for one in _tried(incident, now)]
    lines += [f"  NOT DONE {one}" for one in _not_done(incident, now)]
    lines += [f"  PEOPLE   {one}" for one in _people(incident, now)]
    lines += [f"  STORY    {_moment(one)}" for one in incident.history]
    if incident.closed_at is not None:
        last = clean(incident.history[-1].message, MESSAGE_LENGTH) if incident.history else ""
        lines.append(f"  ENDED    {format_time(incident.closed_at)}, {incident.outcome}: {last}")
    return lines


def without_incident(node: str, status: Mapping[str, Any] | None, storm: Storm | None) -> str:
    """The one line about a node of which nothing is remembered.

    :param status: what the ClusterRecord says; None when there is none.
    :param storm: the last one that it remembers.
    """
    if status is None:
        return (
            f"{node}: no incident of it is kept, and there is no ClusterRecord: nobody has healed this cluster yet;"
            " a run in monitor-only writes nothing down"
        )
    told = [one for one in status.get("unhealthyNodes") or () if isinstance(one, Mapping)]
    count = _number(status.get("unhealthyNodeCount"))
    own = [clean(f"{one.get('reason')} since {one.get('since')}") for one in told if one.get("name") == node]
    if own:
        said = f"the ClusterRecord calls it unhealthy ({', '.join(own)})"
    elif count > len(told):
        said = f"the ClusterRecord names {len(told)} of {count} unhealthy nodes, and this is none of those"
    else:
        said = "the ClusterRecord does not call it unhealthy"
    told_storm = f"; {_storm(storm)}" if storm is not None else ""
    return f"{node}: no incident of it is kept; {said}{told_storm}; a run in monitor-only writes nothing down"


def report_result(
    cluster_uid: str | None,
    incidents: Iterable[Incident],
    status: Mapping[str, Any] | None,
    storm: Storm | None,
    now: datetime,
    nodes: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> dict[str, Any]:
    """The result of ``incident_info``, bounded in bytes whatever is kept; what was left out is counted.

    :param nodes: tell about these, with every incident of theirs. Without any, the open incidents are told, and the
        last closed one of each other node.
    :param unread: what could not be read, and why.
    """
    told, earlier = _chosen(tuple(incidents), frozenset(nodes))
    lines = [_record(cluster_uid, status, storm)]
    lines += [f"UNREAD {clean(one, MESSAGE_LENGTH)}" for one in unread[:UNREAD_LINES]]
    lines += [f"UNREAD and {len(unread) - UNREAD_LINES} more"] if len(unread) > UNREAD_LINES else []
    lines = [fit(line, LINE_BYTES) for line in lines]
    by_node: dict[str, list[Incident]] = {node: [] for node in nodes}
    for one in told:
        by_node.setdefault(one.node, []).append(one)
    waiting = list(by_node)
    # What has no room any more need not be put into words.
    while waiting and size(lines) <= REPORT_BYTES:
        node = waiting.pop(0)
        told_of_it = _of_node(node, by_node[node], earlier.get(node, 0), status, storm, now)
        lines += [fit(line, LINE_BYTES) for line in told_of_it]
    if not by_node:
        lines.append("no incident is kept; a run in monitor-only writes nothing down")
    report = report_within(lines, REPORT_BYTES)
    if waiting:
        report.append(f"and {len(waiting)} nodes more, left out here: selfheal_nodes tells of those that it names")
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "cluster_uid": plain(cluster_uid),
        "observed_at": format_time(now),
        "unread": within([plain(one) for one in unread], UNREAD_BYTES),
        "report": report,
        "incidents_left_out": len(told),
    }
    result["incidents"] = within((to_dict(one, now) for one in told), RESULT_LIMIT - size(result) - 100)
    result["incidents_left_out"] -= len(result["incidents"])
    return result


def to_dict(incident: Incident, now: datetime) -> dict[str, Any]:
    """One incident as the module returns it: the beginning of its story and the last of it, if that is long."""
    story = [
        {
            "at": format_time(m.at),
            "phase": m.phase.value,
            "by": fit(m.by, ENTRY_NAME_BYTES),
            "message": m.message,
        }
        for m in incident.history
    ]
    if len(story) > ENTRY_STORY:
        story = [story[0], *story[1 - ENTRY_STORY :]]
    whole = {
        "name": incident.name,
        "node": incident.node,
        "node_uid": incident.node_uid,
        "check": incident.check,
        "reason": incident.reason,
        "phase": incident.phase.value,
        "open": incident.phase.is_open,
        "since": format_time(incident.since),
        "evidence": incident.evidence,
        "evidence_bundle": _bundle(incident),
        "rung": incident.rung,
        "attempts": incident.attempts,
        "tried": [one.to_dict() for one in attempts_of(incident)],
        "deadline": format_time(incident.deadline),
        "wait_until": format_time(incident.wait_until),
        "refused": [
            {
                "rung": fit(one.rung, ENTRY_NAME_BYTES),
                "guard": fit(one.guard, ENTRY_NAME_BYTES),
                "message": one.message,
            }
            for one in incident.refusals
        ],
        "refused_at": format_time(incident.refused_at),
        "approved": incident.annotations.get(APPROVED, ""),
        "people": _people(incident, now),
        "outcome": incident.outcome,
        "closed_at": format_time(incident.closed_at),
        "history": story,
        "history_left_out": len(incident.history) - len(story),
    }
    told: dict[str, Any] = plain(whole, ENTRY_TEXT_BYTES)
    return told


def _bundle(incident: Incident) -> dict[str, Any]:
    bundle = incident.bundle
    if bundle is None:
        return {}
    if not bundle.name:
        return {"reason": bundle.reason}
    return {"name": bundle.name, "sha256": bundle.sha256, "bytes": bundle.size}


def _of_node(
    node: str,
    own: Sequence[Incident],
    earlier: int,
    status: Mapping[str, Any] | None,
    storm: Storm | None,
    now: datetime,
) -> list[str]:
    lines = [line for one in own for line in explain(one, now)] or [without_incident(node, status, storm)]
    if earlier:
        more = f"{earlier} earlier incident{'' if earlier == 1 else 's'} of {node}"
        lines.append(f"  and {more}: selfheal_nodes={node} tells of them")
    return lines


# --- which ones


def _chosen(incidents: Sequence[Incident], nodes: frozenset[str]) -> tuple[list[Incident], dict[str, int]]:
    """The incidents to tell of, and how many closed ones of each node are left for a question about that node."""
    open_ones = sorted((i for i in incidents if i.phase.is_open), key=lambda i: (i.since, i.name))
    closed = sorted((i for i in incidents if not i.phase.is_open), key=lambda i: i.name)
    closed.sort(key=lambda i: i.closed_at or i.since, reverse=True)
    if nodes:
        return [one for one in (*open_ones, *closed) if one.node in nodes], {}
    told, named, earlier = list(open_ones), {i.node for i in open_ones}, dict[str, int]()
    for one in closed:
        if one.node in named:
            earlier[one.node] = earlier.get(one.node, 0) + 1
        else:
            named.add(one.node)
            told.append(one)
    return told, earlier


# --- what happened


def _attempt(incident: Incident, number: int, began: datetime, index: int | None) -> Attempt:
    """The attempt that begins at that place of the story, or at none of it."""
    story = incident.history
    if index is None:
        return Attempt(number, "a repair", began, told=False)
    named = _BEGUN.match(story[index].message)
    last = number == incident.attempts
    rung = incident.rung if last else named[1] if named else "a repair"
    end = next((i for i in range(index + 1, len(story)) if not story[i].phase.under_repair), None)
    if end is None:
        return Attempt(number, rung, began, story[index].by)
    closing = story[end]
    how = _how(closing.phase, story[end - 1].phase)
    return Attempt(number, rung, began, story[index].by, closing.at, how, closing.message)


def _how(phase: Phase, before: Phase) -> str:
    if phase is Phase.RECOVERED:
        return "repaired" if before is Phase.VERIFYING else "the node recovered before it was done"
    return "the node left the cluster" if phase is Phase.GONE else "failed"


def _tried(incident: Incident, now: datetime) -> list[str]:
    if not incident.attempts:
        return ["nothing: no repair was begun"]
    lines = []
    attempts = attempts_of(incident)
    if incident.attempts > len(attempts):
        lines.append(f"{incident.attempts - len(attempts)} earlier attempts, of which nothing more is kept")
    for one in attempts:
        begun = f"attempt {one.number}, {one.rung} for {incident.reason}: begun {format_time(one.began)}"
        by = f" by {clean(one.by)}" if one.by else ""
        lines.append(f"{begun}{by}; {_end(one, incident, now)}")
    return lines


def _end(attempt: Attempt, incident: Incident, now: datetime) -> str:
    if not attempt.told:
        return "what became of it is not in the story any more"
    if attempt.ended is not None:
        lasted = seconds_between(attempt.began, attempt.ended)
        said = clean(attempt.message, MESSAGE_LENGTH)
        return f"{attempt.how} at {format_time(attempt.ended)}, after {lasted} s: {said}"
    limit, what = incident.deadline, "it must have proven itself"
    if incident.phase is Phase.WAITING:
        limit, what = incident.wait_until, "the node must be back"
    if limit is None:
        return "its end was not seen"
    if now >= limit:
        over = "which is over: its run has ended or is stuck, and the next run calls the attempt failed"
        return f"{what} by {format_time(limit)}, {over}"
    return f"under way, {what} by {format_time(limit)}, in {_span(seconds_between(now, limit))}"


def _head(incident: Incident, now: datetime) -> str:
    since, end = format_time(incident.since), incident.closed_at
    what = f"node {incident.node}, {incident.reason} (check {incident.check})"
    if end is None:
        lasts = _span(seconds_between(incident.since, now))
        return clean(f"INCIDENT {incident.name}: {what} since {since}, for {lasts}; now {incident.phase.value}", 1000)
    lasted = _span(seconds_between(incident.since, end))
    told = f"{what} from {since} to {format_time(end)}, {lasted}; {_outcome(incident.outcome)}"
    return clean(f"INCIDENT {incident.name}: {told}", 1000)


def _outcome(outcome: str) -> str:
    words = {
        REPAIRED: "repaired, and proven healthy",
        "RecoveredByItself": "it recovered by itself",
        "NodeLeft": "the node left the cluster",
    }
    return words.get(outcome, outcome or "closed")


def _seen(incident: Incident) -> list[str]:
    lines = []
    if incident.history:
        first = incident.history[0]
        lines.append(f"{clean(first.message, MESSAGE_LENGTH)} (first at {format_time(first.at)})")
    if incident.evidence:
        lines.append(f"evidence: {clean(incident.evidence, MESSAGE_LENGTH)}")
    bundle = incident.bundle
    if bundle is not None and bundle.name:
        lines.append(f"evidence bundle {clean(bundle.name, 300)}: {bundle.size} bytes, SHA-256 {clean(bundle.sha256)}")
    elif bundle is not None:
        lines.append(f"evidence bundle: none, because {clean(bundle.reason, MESSAGE_LENGTH)}")
    return lines


def _moment(moment: Moment) -> str:
    said = clean(moment.message, MESSAGE_LENGTH)
    return f"{format_time(moment.at)} {moment.phase.value}, by {clean(moment.by)}: {said}"


# --- what did not happen, and what to do


def _not_done(incident: Incident, now: datetime) -> list[str]:
    if incident.phase.under_repair:
        return []
    if not incident.refusals:
        if not incident.phase.is_open:
            return []
        return ["no run has written down a refusal since the last step: the next one with healing on decides"]
    seen = ""
    if incident.refused_at is not None:
        end, what = (now, "now") if incident.closed_at is None else (incident.closed_at, "its end")
        before = f"{_span(seconds_between(incident.refused_at, end))} before {what}"
        seen = f" (as seen at {format_time(incident.refused_at)}, {before})"
    return [
        f"{_repair(one)}, guard {clean(one.guard)}: {clean(one.message, MESSAGE_LENGTH)}{seen}"
        for one in incident.refusals
    ]


def _repair(refusal: Refusal) -> str:
    return "any repair" if refusal.rung in ("", "none") else clean(refusal.rung)


def _people(incident: Incident, now: datetime) -> list[str]:
    """What people have done about it, and what they can do."""
    lines = []
    given = incident.annotations.get(APPROVED)
    if given:
        lines.append(f"have approved {clean(given)} by annotation {APPROVED}")
    if not incident.phase.is_open:
        return lines
    if incident.phase.under_repair:
        over = incident.overdue(now) or (incident.phase is Phase.WAITING and not incident.awaited(now))
        return [*lines, f"nothing to do: {'the next run goes on from here' if over else 'the repair is under way'}"]
    if incident.phase is Phase.ESCALATED:
        lines += [
            f"repair node {incident.node} by hand; the incident closes once the node is seen healthy",
            f"or allow new attempts: kubectl delete incident {incident.name}, and the node's closed ones, whose"
            " attempts count as well",
        ]
    advice = [_advice(r, incident) for r in incident.refusals]
    lines += [one for one in dict.fromkeys(advice) if one not in lines]
    if not incident.refusals and incident.phase is not Phase.ESCALATED:
        lines.append(
            f"to keep healers away: ansible-playbook selfheal.kubernetes.pause -e selfheal_nodes={incident.node}"
            ' -e \'{"selfheal_reason": "..."}\''
        )
    return lines


def _advice(refusal: Refusal, incident: Incident) -> str:
    known = ADVICE.get(refusal.guard, "see what the guard's message says")
    # These lines are copied into a shell.
    rung = refusal.rung if re.fullmatch(r"[a-z0-9_]+", refusal.rung) else "RUNG"
    named = {"node": incident.node, "incident": incident.name, "rung": rung}
    return f"{clean(refusal.guard)}: {known.format(**named)}"


# --- the cluster


def _record(cluster_uid: str | None, status: Mapping[str, Any] | None, storm: Storm | None) -> str:
    named = f"cluster {clean(cluster_uid or '(unidentified)')}"
    if status is None:
        return f"{named}: no ClusterRecord"
    since = f" since {status['unhealthySince']}" if status.get("unhealthySince") else ""
    why = f" ({status['failureReason']})" if status.get("failureReason") else ""
    told = [f"healthy: {status.get('healthy')}{since}{why}", f"{_number(status.get('openIncidents'))} open incidents"]
    if status.get("lastRepair"):
        told.append(
            f"last repair {status['lastRepair']} at {status.get('lastRepairTime')}: {status.get('lastOutcome')}"
        )
    if storm is not None:
        told.append(_storm(storm))
    return clean(f"{named}, by its ClusterRecord: {'; '.join(told)}", 2 * MESSAGE_LENGTH)


def _storm(storm: Storm) -> str:
    cause = f"a storm ({clean(storm.cause)}) began at {format_time(storm.since)}"
    if storm.ended is None:
        return f"{cause} and is not over: nobody is touched, and no incident is opened"
    return f"{cause} and was over at {format_time(storm.ended)}"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _span(seconds: int) -> str:
    for unit, length, least in (("d", 86400, 172800), ("h", 3600, 7200), ("min", 60, 600)):
        if seconds >= least:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
