# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold of a simulated cluster, whatever happens. Pure: each looks at what was done and says what was wrong.

The numbers are those of the list of invariants of the chaos experiments. None of them asks the core, so that a mistake
there cannot hide itself: they know the nodes' true story, and count for themselves. What is right by an API server's
clock is right: it may be wrong by ``world.skew`` seconds, and two of them may differ by twice that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import is_open
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    ADMIN,
    INCIDENTS,
    LEASE_SECONDS,
    LEASES,
    RECORDS,
    RUNGS,
    Act,
    World,
    Written,
)

# Requests after which a turn is held to be endless; the longest wait that a policy of the simulation allows has 1500.
ENDLESS = 5000
DISRUPTIVE_AFTER = 300
# What an incident says of a node that was not proven to be well, but seen to be.
SEEN = "seen healthy"
TABLE = {
    "": {"Suspected"},
    "Suspected": {"Unhealthy", "Recovered", "Gone"},
    "Unhealthy": {"Repairing", "Recovered", "Escalated", "Gone"},
    "Repairing": {"Waiting", "Verifying", "Unhealthy", "Recovered", "Gone"},
    "Waiting": {"Verifying", "Unhealthy", "Gone"},
    "Verifying": {"Unhealthy", "Recovered", "Gone"},
    "Escalated": {"Recovered", "Gone"},
    "Recovered": set[str](),
    "Gone": set[str](),
}
UNDER_REPAIR = ("Repairing", "Waiting", "Verifying")
CLOSED = ("Recovered", "Gone")
# The world, and the numbers of the first act and the first write to look at: those before have been looked at.
Invariant: TypeAlias = Callable[[World, int, int], list[str]]


def shares(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I1: no more nodes of a failure domain, and no more in all, are under repair at once than the policy allows.

    Nor are more repaired in one turn, which is what is done under one token of the lease.
    """
    found = []
    for number, act in enumerate(world.acts[acts:], start=acts):
        node = _shown(act)
        turn = {one.meant for one in world.acts[: number + 1] if (one.by, one.token) == (act.by, act.token)}
        if len(turn) > act.policy.max_repairs:
            found.append(f"{_tell(act)}: it is node {len(turn)} of its turn, {act.policy.max_repairs} may be")
        others = act.under_repair - {act.node}
        if len(others) + 1 > act.policy.max_repairs:
            found.append(f"{_tell(act)}: {len(others)} other nodes are under repair, {act.policy.max_repairs} may be")
        if act.shown is None or node is None:
            continue
        if RUNGS[act.rung].disruptive:
            others |= {one.name for one in act.shown.nodes or () if one.unschedulable} - {act.node}
        for kind, name in node.domains:
            members = {one.name for one in act.shown.nodes or () if (kind, name) in one.domains}
            limit = max(1, len(members) * act.policy.max_unavailable_percent // 100)
            if len(others & members) + 1 > limit:
                found.append(
                    f"{_tell(act)}: {sorted(others & members)} of {kind} {name} are out as well, {limit} of"
                    f" {len(members)} may be"
                )
    return found


def evidence(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I2: every act rests on fresh evidence, and its node was truly sick; nobody else is touched in its place."""
    found = []
    for act in world.acts[acts:]:
        age = (act.at - act.looked_at).total_seconds()
        if age > act.policy.evidence_age:
            found.append(f"{_tell(act)}: on evidence that is {age:.0f} s old, {act.policy.evidence_age} s may be")
        if act.uid != act.meant:
            found.append(f"{_tell(act)}: it was meant for {act.meant}, which is not there any more")
            continue
        node = world.node_with(act.uid)
        seen = act.looked_at - timedelta(seconds=act.lag)
        if node is None or not node.kubelet.was(False, seen, act.at):
            found.append(f"{_tell(act)}: the node was well from {seen:%H:%M:%S} on")
    return found


def control_plane(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I3: one control-plane node at a time, never the last, and etcd can do without the one that is taken down."""
    found = []
    for act in world.acts[acts:]:
        node = _shown(act)
        if act.shown is None or node is None or not node.is_control_plane:
            continue
        others = [one for one in act.shown.nodes or () if one.is_control_plane and one.name != act.node]
        busy = sorted(one.name for one in others if one.name in act.under_repair)
        if busy:
            found.append(f"{_tell(act)}: control-plane node {busy[0]} is under repair")
        if not RUNGS[act.rung].disruptive:
            continue
        if not any(one.is_ready and not one.unschedulable for one in others):
            found.append(f"{_tell(act)}: no other control-plane node works")
        etcd = act.shown.etcd
        members = () if etcd is None else etcd.members
        left = sum(bool(member.healthy) for member in members if member.name != act.node)
        if left < len(members) // 2 + 1:
            found.append(f"{_tell(act)}: leaves {left} healthy etcd members of {len(members)}")
    return found


def lease(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I6: nobody acts without the lease, takes it from one who has it, or writes long after having lost it."""
    found = [
        f"{_tell(act)}: the lease is held by {act.holder or 'nobody'}"
        for act in world.acts[acts:]
        if act.holder != act.by
    ]
    for write in world.writes[writes:]:
        if write.by == ADMIN:
            continue
        if write.kind == LEASES:
            found += [f"{_tell(write)}: {wrong}" for wrong in _lease_write(write, world.skew)]
        elif write.holder != write.by and write.asked > 1:
            found.append(
                f"{_tell(write)}: {write.holder or 'nobody'} holds the lease, and the writer has asked"
                f" {write.asked - 1} other things since it last proved to hold it"
            )
    return found


def _lease_write(write: Written, skew: float) -> Iterable[str]:
    if write.before is None:
        return
    before, after = write.before["spec"], (write.after or {}).get("spec", {})
    if not after.get("holderIdentity"):
        if write.by != write.owner:
            yield f"lets go the lease of {write.owner}"
        return
    if after["leaseTransitions"] == before.get("leaseTransitions") and before.get("holderIdentity"):
        if write.by != write.owner:
            yield f"renews the lease of {write.owner}, or takes it without another token"
        return
    ends = datetime.fromisoformat(before["renewTime"]) + timedelta(seconds=before["leaseDurationSeconds"])
    if before.get("holderIdentity") and ends > write.at + timedelta(seconds=skew):
        yield f"takes the lease, which {write.owner} has until {ends:%H:%M:%S}"
    if after["leaseTransitions"] <= before["leaseTransitions"]:
        yield f"takes the lease with token {after['leaseTransitions']} after {before['leaseTransitions']}"


def storms(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I9: nobody is touched while more than a share of the nodes is down, or soon after that."""
    found = []
    for act in world.acts[acts:]:
        if act.shown is None or act.shown.nodes is None:
            found.append(f"{_tell(act)}: nothing was seen")
            continue
        down = sorted(node.name for node in act.shown.nodes if is_down(act.shown, node))
        limit = max(1, len(act.shown.nodes) * act.policy.mass_failure_percent // 100)
        if len(down) > limit:
            found.append(f"{_tell(act)}: {len(down)} of {len(act.shown.nodes)} nodes are down, the limit is {limit}")
        if act.storm is None:
            continue
        ended = act.storm.get("ended")
        passed = None if ended is None else (act.at - datetime.fromisoformat(ended)).total_seconds()
        if passed is None or passed + world.skew < act.policy.storm_cooldown:
            when = "is not over" if passed is None else f"has been over for {passed:.0f} s"
            found.append(f"{_tell(act)}: the storm of {act.storm['since']} {when}")
    return found


def attempts(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I10: attempts on a node are few and far between, each is written down first, and then come people, not before."""
    found, doubt = [], 2 * world.skew
    for act in world.acts[acts:]:
        made = within(all_attempts(world, act.meant, act.at), act.at, act.policy.attempt_window - doubt)
        done = [one for one in world.acts if one.meant == act.meant and one.at <= act.at]
        begun = [one for one in world.writes if one.phase() == "Repairing" and one.target == act.meant]
        if made > act.policy.max_attempts:
            found.append(f"{_tell(act)}: attempt {made} of {act.policy.max_attempts}")
        if len(done) > len(begun):
            found.append(f"{_tell(act)}: no attempt was written down before it")
    for number, write in enumerate(world.writes[writes:], start=writes):
        writer = world.processes.get(write.by)
        if write.after is None or writer is None or writer.turn_of is None:
            continue
        policy = writer.turn_of.policy
        if write.phase() == "Escalated":
            # What a person has deleted since the healer looked, it has counted.
            known = all_attempts(world, write.target, write.at, number, write.looked_at)
            made = within(known, write.at, policy.attempt_window + doubt)
            if made < policy.max_attempts:
                found.append(f"{_tell(write)}: handed to people after {made} attempts, {policy.max_attempts} may be")
        if write.phase() != "Repairing":
            continue
        own = all_attempts(world, write.target, write.at, number)
        if len(own) < 2:
            continue
        failed = int(write.after["status"]["attempts"]) - 1
        needed = min(policy.cooldown * 2 ** max(0, failed - 1), max(policy.cooldown, policy.cooldown_max))
        gap = (own[-1] - own[-2]).total_seconds()
        if gap + doubt < needed:
            found.append(
                f"{_tell(write)}: {gap:.0f} s after the last attempt, {failed} have failed: {needed} s must pass"
            )
    return found


def attempts_by_incident(
    world: World, uid: str, until: datetime, last: int | None = None, deleted_by: datetime | None = None
) -> dict[str, list[datetime]]:
    """When attempts on a node began, by its incidents' names. Who deletes an incident allows as many new ones.

    :param last: the number of the last write that counts.
    :param deleted_by: what was deleted later than that counts all the same.
    """
    begun: dict[str, list[datetime]] = {}
    for write in world.writes[: None if last is None else last + 1]:
        if write.kind != INCIDENTS or write.at > until or write.target != uid:
            continue
        if write.after is None:
            if deleted_by is None or write.at <= deleted_by:
                begun.pop(write.name, None)
            continue
        times = [datetime.fromisoformat(at) for at in write.after["status"].get("attemptedAt") or ()]
        if write.before is None:
            # A scene may begin with an incident that has a past.
            begun.setdefault(write.name, []).extend(times)
        elif write.phase() == "Repairing":
            # That an attempt was not counted is for the table to say.
            begun.setdefault(write.name, []).append(times[-1] if times else write.at)
    return begun


def all_attempts(
    world: World, uid: str, until: datetime, last: int | None = None, deleted_by: datetime | None = None
) -> list[datetime]:
    """When attempts on a node began, oldest first, those of closed incidents too."""
    return sorted(at for own in attempts_by_incident(world, uid, until, last, deleted_by).values() for at in own)


def within(begun: Iterable[datetime], moment: datetime, window: float) -> int:
    """How many of them began within so many seconds before a moment."""
    return sum((moment - at).total_seconds() < window for at in begun)


def ends(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I11: every turn ends."""
    return [
        f"{process.name} has asked {process.requests} things and waits for {process.waits_for}"
        for process in world.processes.values()
        if process.requests > ENDLESS
    ]


def truth(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I12: who is called repaired is well, and the ClusterRecord tells what was seen."""
    found = []
    for write in world.writes[writes:]:
        if write.after is None or write.by == ADMIN or write.looked_at is None:
            continue
        if write.phase() == "Recovered":
            proven = write.after["status"]["history"][-1]["message"] != SEEN
            # Who is only seen well, once, may have fallen silent since its Lease was renewed.
            unsure = timedelta(seconds=write.lag if proven else max(write.lag, LEASE_SECONDS + 1))
            node = world.node_with(write.target)
            if node is None or not node.kubelet.was(True, write.looked_at - unsure, write.at):
                word = "proven" if proven else "seen"
                found.append(
                    f"{_tell(write)}: {word} to be well, and was sick all the time since {write.looked_at:%H:%M:%S}"
                )
        if write.kind == RECORDS and write.shown is not None:
            found += [f"{_tell(write)}: {wrong}" for wrong in _record(write.after["status"], write.shown)]
    return found


def _record(status: Mapping[str, Any], shown: Snapshot) -> Iterable[str]:
    told = {one["name"] for one in status["unhealthyNodes"]}
    if shown.nodes is None:
        if status["healthy"] != "Unknown":
            yield f"healthy is {status['healthy']}, and no node was seen"
        return
    down = {node.name for node in shown.nodes if is_down(shown, node)}
    # A node whose silence nobody has watched is in doubt, and not sick.
    doubtful = {name for name, one in (shown.heartbeats or {}).items() if one.moved is None}
    if status["healthy"] == "True" and down:
        yield f"healthy is True, and {sorted(down)} are down"
    if not down - doubtful <= told <= down:
        yield f"{sorted(told)} are told to be sick, and {sorted(down)} are down"


def people(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """I13: what people have taken into their hands is not touched, and nobody changes a node but they."""
    found = []
    for act in world.acts[acts:]:
        node = world.node_with(act.meant)
        seen = act.looked_at - timedelta(seconds=act.lag)
        if node is not None and node.cordoned.at(seen):
            found.append(f"{_tell(act)}: a person has cordoned the node")
        if node is not None and node.paused.at(seen):
            found.append(f"{_tell(act)}: a person has paused the node")
        if act.policy.paused or act.policy.monitor_only:
            found.append(f"{_tell(act)}: healing is switched off")
        if RUNGS[act.rung].remedy in act.policy.approval_required and act.rung not in act.approved.split():
            found.append(f"{_tell(act)}: nobody has approved it")
    if world.counts["forbidden"]:
        found.append("something was written that a healer has no right to")
    return found


def table(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """Every change of an incident is a step of the machine's table, and an attempt is counted when it begins."""
    found = []
    for write in world.writes[writes:]:
        if write.kind == INCIDENTS and write.after is not None:
            found += [f"{_tell(write)}: {wrong}" for wrong in _steps(write.before, write.after)]
    return found


def _steps(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterable[str]:
    old: Mapping[str, Any] = {"phase": "", "attempts": 0, "history": []} if before is None else before["status"]
    new = after["status"]
    known = len(old["history"])
    if new["history"][:known] != old["history"]:
        yield "its history is another one"
        return
    phase, begun = old["phase"], 0
    for moment in new["history"][known:]:
        if moment["phase"] not in TABLE[phase]:
            yield f"{phase or 'nothing'} does not become {moment['phase']}"
        phase = moment["phase"]
        begun += phase == "Repairing"
    if phase != new["phase"]:
        yield f"its phase is {new['phase']}, its history ends with {phase}"
    if new["attempts"] != old["attempts"] + begun or len(new.get("attemptedAt") or ()) != new["attempts"]:
        yield f"{new['attempts']} attempts are counted, it were {old['attempts']} and {begun} have begun"
    if (phase in UNDER_REPAIR) != ("deadline" in new):
        yield f"{phase} {'without a' if phase in UNDER_REPAIR else 'with a'} deadline"
    if (phase in CLOSED) != ("closedAt" in new):
        yield f"{phase} {'without an' if phase in CLOSED else 'with an'} end"


def disruption(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """Trouble lasts before it is repaired; what is disruptive has its threshold, two witnesses and its hours."""
    found = []
    for act in world.acts[acts:]:
        node = _shown(act)
        if act.shown is None or node is None:
            continue
        disruptive = RUNGS[act.rung].disruptive
        soft = max(act.policy.transient_tolerance, act.policy.soft_rung_after)
        needed = max(act.policy.transient_tolerance, DISRUPTIVE_AFTER) if disruptive else soft
        lasted = (act.shown.observed_at - _since(act.shown, node)).total_seconds()
        if lasted + 2 * world.skew < needed:
            found.append(f"{_tell(act)}: the trouble had lasted for {lasted:.0f} s, {needed} s must pass")
        if not disruptive:
            continue
        alive = (act.shown.heartbeats or {})[act.node].alive(act.shown.observed_at)
        if node.is_ready or alive:
            found.append(f"{_tell(act)}: {'Ready' if node.is_ready else 'its Lease'} says that the node is alive")
        windows, doubt = act.policy.maintenance_windows, timedelta(seconds=world.skew)
        if not any(is_open(windows, at) for at in (act.looked_at - doubt, act.looked_at, act.at, act.at + doubt)):
            found.append(f"{_tell(act)}: no maintenance window is open")
        if node.has_gpu and act.rung == "replace":
            found.append(f"{_tell(act)}: it is a GPU node")
    return found


INVARIANTS: Mapping[str, Invariant] = {
    "I1 shares": shares,
    "I2 evidence": evidence,
    "I3 control plane": control_plane,
    "I6 lease": lease,
    "I9 storms": storms,
    "I10 attempts": attempts,
    "I11 ends": ends,
    "I12 truth": truth,
    "I13 people": people,
    "table": table,
    "disruption": disruption,
}


def violations(world: World, acts: int = 0, writes: int = 0) -> list[str]:
    """Everything that is wrong, each with the invariant's name."""
    return [f"{name}: {wrong}" for name, check in INVARIANTS.items() for wrong in check(world, acts, writes)]


def unsettled(world: World, excused: Mapping[str, str]) -> list[str]:
    """I7: what is left to do when healers have had their time without any more trouble.

    A node that was handed to people is theirs, whether that was right is for I10 to say.

    :param excused: the sick nodes that are rightly left alone, and why.
    """
    found = []
    if world.holder():
        found.append(f"the lease is still held by {world.holder()}")
    open_ones = {}
    for name, one in sorted(world.objects[INCIDENTS].items()):
        phase, target = one["status"]["phase"], one["spec"]["target"]
        if phase in CLOSED:
            continue
        node = world.nodes.get(target["name"])
        open_ones[target["name"]] = phase
        if node is None or node.uid != target["uid"]:
            found.append(f"incident {name} is {phase}, and its node has left")
        elif node.well(world.now):
            found.append(f"incident {name} is {phase}, and its node is well")
        elif phase in UNDER_REPAIR:
            found.append(f"incident {name} is {phase}, and nobody is at work on it")
    sick = [node for node in world.nodes.values() if not node.well(world.now)]
    found += [
        f"node {node.name} is sick (cure: {node.cure}), and nothing keeps it from being repaired"
        for node in sick
        if open_ones.get(node.name) != "Escalated" and node.name not in excused
    ]
    record = world.objects[RECORDS].get("cluster", {}).get("status", {})
    if (record.get("healthy") == "True") != (not sick):
        found.append(f"the ClusterRecord says healthy: {record.get('healthy')}")
    return found


def is_down(shown: Snapshot, node: Node) -> bool:
    """Whether a node is not Ready or silent, as it was seen."""
    heartbeat = (shown.heartbeats or {}).get(node.name)
    return not node.is_ready or heartbeat is None or not heartbeat.alive(shown.observed_at)


def _since(shown: Snapshot, node: Node) -> datetime:
    """Since when a node was in trouble, as it was seen."""
    heartbeat = (shown.heartbeats or {}).get(node.name)
    ready = node.condition("Ready")
    times = [] if node.is_ready or ready is None or ready.last_transition is None else [ready.last_transition]
    if heartbeat is not None and heartbeat.runs_out is not None and not heartbeat.alive(shown.observed_at):
        times.append(heartbeat.runs_out)
    return min(times, default=shown.observed_at)


def _shown(act: Act) -> Node | None:
    """The node as the healer saw it."""
    return None if act.shown is None else next((one for one in act.shown.nodes or () if one.uid == act.meant), None)


def _tell(what: Act | Written) -> str:
    if isinstance(what, Act):
        return f"{what.at:%H:%M:%S} {what.by}: {what.rung} on {what.node}"
    phase = what.phase()
    return f"{what.at:%H:%M:%S} {what.by}: {what.method} {what.name}{f' ({phase})' if phase else ''}"
