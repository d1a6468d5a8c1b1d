# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each invariant is quiet about a history that is sound, and tells what is wrong with one that is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_micro_time, format_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    INCIDENTS,
    LEASES,
    RECORDS,
    START,
    Act,
    Process,
    SimNode,
    World,
    Written,
)

HEALING = Policy(monitor_only=False)
# Its trouble began so long before the healer looked.
SICK_SECONDS = 700
Change = Callable[[World], None]


def after(seconds: float) -> datetime:
    """So many seconds after the healer has looked."""
    return START + timedelta(seconds=seconds)


def cluster() -> World:
    """Three control-plane nodes and ten workers in a zone; w0 and cp2 have been silent for a while."""
    planes = [SimNode(f"cp{number}", control_plane=True) for number in range(3)]
    world = World([*planes, *(SimNode(f"w{number}", "a", gpu=number == 9) for number in range(10))])
    for name in ("w0", "cp2"):
        world.nodes[name].kubelet.set(False, after(-SICK_SECONDS))
    return world


def incident(phases: Iterable[str], attempted: Iterable[float] = (), node: str = "w0", **status: Any) -> dict[str, Any]:
    """A stored incident that went through these phases, with the beginnings of its attempts."""
    phases, attempted = list(phases), list(attempted)
    told: dict[str, Any] = {
        "phase": phases[-1],
        "attempts": len(attempted),
        "attemptedAt": [format_time(after(seconds)) for seconds in attempted],
        "history": [{"phase": phase, "message": str(number)} for number, phase in enumerate(phases)],
    }
    if phases[-1] in invariants.UNDER_REPAIR:
        told["deadline"] = format_time(after(600))
    if phases[-1] in invariants.CLOSED:
        told["closedAt"] = format_time(after(600))
        told["outcome"] = "Repaired"
    target = {"kind": "Node", "name": node, "uid": f"uid-{node}-0"}
    return {"metadata": {"name": f"{node}-1"}, "spec": {"target": target}, "status": {**told, **status}}


def lease(holder: str, token: int, renewed: float = 0) -> dict[str, Any]:
    """The healers' lease."""
    times = {"renewTime": format_micro_time(after(renewed)), "leaseDurationSeconds": 300}
    return {"metadata": {"name": "selfheal"}, "spec": {"holderIdentity": holder, "leaseTransitions": token, **times}}


def write(at: float, path: str, before: Any, made: Any, by: str = "h1", **more: Any) -> Written:
    """A write of a healer that holds the lease."""
    return Written(after(at), by, "PUT", path, before, made, looked_at=START, owner="h1", holder="h1", **more)


SUSPECTED = incident(["Suspected"])
UNHEALTHY = incident(["Suspected", "Unhealthy"])
REPAIRING = incident(["Suspected", "Unhealthy", "Repairing"], [5])
VERIFYING = incident(["Suspected", "Unhealthy", "Repairing", "Verifying"], [5])
RECOVERED = incident(["Suspected", "Unhealthy", "Repairing", "Verifying", "Recovered"], [5])
W0, LEASE, RECORD = f"{INCIDENTS}/w0-1", f"{LEASES}/selfheal", f"{RECORDS}/cluster"


def sound() -> World:
    """A repair as it should be: the lease taken, the attempt written down, one act, its proof, the record."""
    world = cluster()
    shown = world.snapshot(START)
    act = Act(
        at=after(10),
        by="h1",
        node="w0",
        uid="uid-w0-0",
        rung="reboot",
        looked_at=START,
        holder="h1",
        sick=frozenset({"w0", "cp2"}),
        allowed=True,
        meant="uid-w0-0",
        shown=shown,
        policy=HEALING,
        under_repair=frozenset({"w0"}),
    )
    world.acts.append(act)
    world.nodes["w0"].kubelet.set(True, after(12))
    status = {"healthy": "False", "unhealthyNodes": [{"name": "w0"}, {"name": "cp2"}]}
    world.writes += [
        write(1, LEASE, lease("", 1), lease("h1", 2, 1)),
        write(2, W0, None, SUSPECTED),
        write(3, W0, SUSPECTED, UNHEALTHY),
        write(4, LEASE, lease("h1", 2), lease("h1", 2, 4)),
        write(5, W0, UNHEALTHY, REPAIRING),
        write(11, W0, REPAIRING, VERIFYING),
        write(20, W0, VERIFYING, RECOVERED),
        write(21, RECORD, None, {"status": status}, shown=shown),
        write(22, LEASE, lease("h1", 2), lease("", 2)),
    ]
    return world


def acted(**changes: Any) -> Change:
    """The act is another one."""

    def change(world: World) -> None:
        world.acts[-1] = replace(world.acts[-1], **changes)

    return change


def by_policy(**changes: Any) -> Change:
    """The act was one of a healer with another policy."""
    return acted(policy=replace(HEALING, **changes))


def wrote(number: int, **changes: Any) -> Change:
    """One of the writes is another one."""

    def change(world: World) -> None:
        world.writes[number] = replace(world.writes[number], **changes)

    return change


def on_plane(**changes: Any) -> Change:
    """It was cp2 that was rebooted."""
    plane = {"node": "cp2", "uid": "uid-cp2-0", "meant": "uid-cp2-0", "under_repair": frozenset({"cp2"})}

    def change(world: World) -> None:
        acted(**{**plane, **changes})(world)

    return change


def seen(change: Change) -> Change:
    """Something was otherwise when the healer looked."""

    def changed(world: World) -> None:
        change(world)
        acted(shown=world.snapshot(START))(world)

    return changed


def stopped(*names: str, at: float = -SICK_SECONDS) -> Change:
    """These kubelets had stopped."""

    def change(world: World) -> None:
        for name in names:
            world.nodes[name].kubelet.set(True, after(-2000))
            world.nodes[name].kubelet.set(False, after(at))

    return change


def cordoned(*names: str) -> Change:
    """A person had cordoned these."""

    def change(world: World) -> None:
        for name in names:
            world.nodes[name].cordoned.set(True, after(-100))

    return change


def _well(world: World) -> None:
    world.nodes["w0"].kubelet.set(True, after(-600))


def _well_by_now(world: World) -> None:
    world.nodes["w0"].kubelet.set(True, after(-20))


def _paused(world: World) -> None:
    world.nodes["w0"].paused.set(True, after(-100))


def _ready(world: World) -> None:
    world.controllers.set(False, after(-SICK_SECONDS - 100))


def _no_members(world: World) -> None:
    world.nodes["cp1"].machine.set(False, after(-10))


def _again(world: World) -> None:
    """A second attempt comes after 290 s, where 300 must pass."""
    _healer(world)
    failed = incident(["Suspected", "Unhealthy", "Repairing", "Unhealthy"], [5])
    again = incident(["Suspected", "Unhealthy", "Repairing", "Unhealthy", "Repairing"], [5, 295])
    world.writes += [write(30, W0, VERIFYING, failed), write(295, W0, failed, again)]


def _third(world: World) -> None:
    """A third one comes 590 s after the second, where 600 must pass."""
    _healer(world)
    phases = ["Suspected", "Unhealthy", "Repairing", "Unhealthy", "Repairing", "Unhealthy"]
    second, failed = incident(phases[:-1], [5, 305]), incident(phases, [5, 305])
    third = incident([*phases, "Repairing"], [5, 305, 895])
    world.writes += [write(305, W0, UNHEALTHY, second), write(895, W0, failed, third)]


def _healer(world: World) -> None:
    process = Process("h1", lambda _process: None, world)
    process.turn_of = world.start("other", HEALING).turn_of
    world.processes["other"].kill()


def _fourth(world: World) -> None:
    """Three attempts are the limit, and this is the fourth."""
    begun = [replace(world.writes[4], at=after(-seconds)) for seconds in (3000, 2000, 1000)]
    world.writes[:0] = begun


def _unwritten(world: World) -> None:
    del world.writes[4]


def _endless(world: World) -> None:
    Process("h1", lambda _process: None, world).requests = invariants.ENDLESS + 1


def _strays(world: World) -> None:
    world.counts["forbidden"] += 1


def _record(**status: Any) -> Change:
    told = {"healthy": "False", "unhealthyNodes": [{"name": "w0"}, {"name": "cp2"}], **status}
    return wrote(7, after={"status": told})


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(world: World) -> None:
        for one in changes:
            one(world)

    return change


def status_of(body: dict[str, Any], **status: Any) -> dict[str, Any]:
    """The same object with another status; what is None is not there."""
    told = {**body["status"], **status}
    return {**body, "status": {name: value for name, value in told.items() if value is not None}}


GONE_ON = incident(["Suspected", "Unhealthy", "Repairing", "Verifying", "Recovered", "Unhealthy"], [5])
SEEN_WELL = status_of(
    RECOVERED, history=[*RECOVERED["status"]["history"][:-1], {"phase": "Recovered", "message": invariants.SEEN}]
)
STORM = {"since": "2026-11-21T02:00:00Z"}


def _turn_of_two(world: World) -> None:
    """Another node was repaired in the same turn, and was done before this one."""
    by_policy(max_repairs=1)(world)
    other = {"node": "cp2", "meant": "uid-cp2-0", "uid": "uid-cp2-0", "under_repair": frozenset({"cp2"})}
    world.acts.insert(0, replace(world.acts[0], at=after(2), **other))  # type: ignore[arg-type]


def _given_up(world: World) -> None:
    """It is handed to people after its first attempt."""
    _healer(world)
    phases = ["Suspected", "Unhealthy", "Repairing", "Unhealthy"]
    world.writes += [
        write(30, W0, VERIFYING, incident(phases, [5])),
        write(31, W0, incident(phases, [5]), incident([*phases, "Escalated"], [5])),
    ]


def _clock_behind(seconds: float) -> Change:
    """By the clock of who has shown the nodes it was earlier."""

    def change(world: World) -> None:
        shown = world.acts[-1].shown
        assert shown is not None
        acted(shown=replace(shown, observed_at=after(-seconds)))(world)

    return change


BAD: list[tuple[str, str, Change]] = [
    ("I1 shares", "node 2 of its turn, 1 may be", _turn_of_two),
    ("I10 attempts", "handed to people after 1 attempts, 3 may be", _given_up),
    ("I1 shares", "10 other nodes are under repair", acted(under_repair=frozenset(f"w{n}" for n in range(11)))),
    ("I1 shares", r"\['w1', 'w2'\] of zone a", acted(under_repair=frozenset({"w0", "w1", "w2"}))),
    ("I1 shares", r"\['w1', 'w2'\] of zone a", seen(cordoned("w1", "w2"))),
    ("I2 evidence", "61 s old", acted(at=after(61))),
    ("I2 evidence", "the node was well", _well),
    ("I2 evidence", "the node was well", _well_by_now),
    ("I2 evidence", "meant for uid-w0-0", acted(uid="uid-w0-1")),
    ("I3 control plane", "cp1 is under repair", on_plane(under_repair=frozenset({"cp1", "cp2"}))),
    ("I3 control plane", "no other control-plane node works", both(on_plane(), seen(cordoned("cp0", "cp1")))),
    ("I3 control plane", "leaves 1 healthy", both(on_plane(), seen(_no_members))),
    ("I6 lease", "held by h2", acted(holder="h2")),
    ("I6 lease", "held by nobody", acted(holder="")),
    ("I6 lease", "which h1 has until", wrote(0, before=lease("h1", 1, 0), by="h2")),
    ("I6 lease", "token 1 after 1", wrote(0, before=lease("", 1), after=lease("h1", 1))),
    ("I6 lease", "without another token", wrote(3, by="h2")),
    ("I6 lease", "lets go the lease of h1", wrote(8, by="h2")),
    ("I6 lease", "3 other things", wrote(7, holder="h2", asked=4)),
    ("I9 storms", "3 of 13 nodes are down", seen(stopped("w1", at=-60))),
    ("I9 storms", "nothing was seen", acted(shown=None)),
    ("I9 storms", "is not over", acted(storm=STORM)),
    ("I9 storms", "over for 599 s", acted(storm={**STORM, "ended": format_time(after(10 - 599))})),
    ("I10 attempts", "290 s after the last attempt, 1 have failed: 300 s", _again),
    ("I10 attempts", "590 s after the last attempt, 2 have failed: 600 s", _third),
    ("I10 attempts", "attempt 4 of 3", _fourth),
    ("I10 attempts", "no attempt was written down", _unwritten),
    ("I11 ends", "has asked 5001 things", _endless),
    ("I12 truth", "proven to be well, and was sick", stopped("w0")),
    ("I12 truth", "seen to be well, and was sick", both(stopped("w0", at=-42), wrote(6, after=SEEN_WELL))),
    ("I12 truth", "healthy is True", _record(healthy="True")),
    ("I12 truth", r"\['w0'\] are told to be sick", _record(unhealthyNodes=[{"name": "w0"}])),
    ("I12 truth", "w3", _record(unhealthyNodes=[{"name": name} for name in ("w0", "cp2", "w3")])),
    ("I13 people", "cordoned", seen(cordoned("w0"))),
    ("I13 people", "paused", _paused),
    ("I13 people", "switched off", by_policy(paused="by hand")),
    ("I13 people", "switched off", by_policy(monitor_only=True)),
    ("I13 people", "nobody has approved", by_policy(approval_required=(Remedy.REBOOT,))),
    ("I13 people", "no right to", _strays),
    (
        "table",
        "Suspected does not become Repairing",
        wrote(4, before=None, after=incident(["Suspected", "Repairing"], [5])),
    ),
    ("table", "Recovered does not become Unhealthy", wrote(6, before=RECOVERED, after=GONE_ON)),
    ("table", "its history is another one", wrote(4, before=incident(["Suspected", "Escalated"]))),
    ("table", "0 attempts are counted", wrote(4, after=status_of(REPAIRING, attempts=0, attemptedAt=[]))),
    ("table", "without a deadline", wrote(4, after=status_of(REPAIRING, deadline=None))),
    ("table", "without an end", wrote(6, after=status_of(RECOVERED, closedAt=None))),
    ("table", "its history ends with Unhealthy", wrote(2, after=status_of(UNHEALTHY, phase="Escalated"))),
    ("disruption", "lasted for 150 s, 300 s", seen(stopped("w0", at=-190))),
    ("disruption", "lasted for 80 s, 120 s", both(acted(rung="kubelet_restart"), seen(stopped("w0", at=-120)))),
    ("disruption", "Ready says", seen(_ready)),
    ("disruption", "no maintenance window", by_policy(maintenance_windows=(Window(0, 60),))),
    ("disruption", "GPU node", both(acted(node="w9", meant="uid-w9-0", rung="replace"), seen(stopped("w9")))),
]


def test_a_sound_history_passes() -> None:
    assert invariants.violations(sound()) == []


@pytest.mark.parametrize(("name", "told", "change"), BAD, ids=[f"{name}: {told}" for name, told, _change in BAD])
def test_a_bad_history_is_told(name: str, told: str, change: Change) -> None:
    world = sound()
    change(world)
    wrong = invariants.INVARIANTS[name](world, 0, 0)
    assert any(re.search(told, one) for one in wrong), wrong


def test_every_invariant_has_a_bad_history() -> None:
    assert {name for name, _told, _change in BAD} == set(invariants.INVARIANTS)


def test_what_was_looked_at_before_is_not_told_again() -> None:
    world = sound()
    both(acted(holder=""), wrote(3, by="h2"))(world)
    assert len(invariants.lease(world)) == 2
    assert invariants.lease(world, len(world.acts), 0) == invariants.lease(world)[1:]
    assert invariants.lease(world, len(world.acts), len(world.writes)) == []


def test_who_deletes_an_incident_allows_new_attempts() -> None:
    world = sound()
    _fourth(world)
    world.writes.insert(2, replace(world.writes[1], at=after(-1500), method="DELETE", before=REPAIRING, after=None))
    assert invariants.attempts(world) == []


def test_who_deletes_one_incident_allows_only_the_attempts_of_that() -> None:
    world = sound()
    _fourth(world)
    other = replace(world.writes[1], at=after(-1500), method="DELETE", path=f"{INCIDENTS}/w0-7")
    world.writes.insert(3, replace(other, before=REPAIRING, after=None))
    (wrong,) = invariants.attempts(world)
    assert "attempt 4 of 3" in wrong


def test_what_was_deleted_after_the_healer_has_looked_was_counted_by_it() -> None:
    world = sound()
    _given_up(world)
    gone = [replace(world.writes[4], at=after(-seconds), path=f"{INCIDENTS}/w0-0") for seconds in (3000, 2000)]
    deleted = replace(gone[0], method="DELETE", before=REPAIRING, after=None)
    world.writes[:0] = [*gone, replace(deleted, at=after(-10))]

    def given_up_early() -> bool:
        return any("handed to people after 1 attempts" in one for one in invariants.attempts(world))

    assert given_up_early()
    world.writes[2] = replace(deleted, at=after(25))
    assert not given_up_early()


def test_another_turn_may_repair_another_node() -> None:
    world = sound()
    _turn_of_two(world)
    world.acts[0] = replace(world.acts[0], token=1)
    assert invariants.shares(world) == []


@pytest.mark.parametrize(
    ("name", "change", "fits"),
    [
        ("I9 storms", acted(storm={**STORM, "ended": format_time(after(10 - 598))}), True),
        ("I9 storms", acted(storm={**STORM, "ended": format_time(after(10 - 597))}), False),
        ("I6 lease", wrote(0, before=lease("h9", 1, 1 - 298)), True),
        ("I6 lease", wrote(0, before=lease("h9", 1, 1 - 297)), False),
        ("disruption", both(seen(stopped("w0", at=-340)), _clock_behind(4)), True),
        ("disruption", both(seen(stopped("w0", at=-340)), _clock_behind(5)), False),
    ],
)
def test_what_the_clock_of_an_api_server_allows_is_allowed(name: str, change: Change, fits: bool) -> None:
    world = sound()
    change(world)
    assert invariants.INVARIANTS[name](world, 0, 0) != []
    world.clocks = (-2, 0, 2)
    assert (invariants.INVARIANTS[name](world, 0, 0) == []) is fits


def test_who_fell_silent_a_moment_ago_was_rightly_seen_well() -> None:
    world = sound()
    both(stopped("w0", at=-41), wrote(6, after=SEEN_WELL))(world)
    assert invariants.truth(world) == []


def test_one_write_that_was_under_way_when_the_lease_was_lost_is_no_fault() -> None:
    world = sound()
    wrote(7, holder="h2", asked=1)(world)
    assert invariants.lease(world) == []


# --- the end


def settled() -> World:
    """Nothing is left to do: one node is well again, one has been handed to people."""
    world = cluster()
    world.nodes["w0"].kubelet.set(True, after(-5))
    world.objects[INCIDENTS]["cp2-1"] = incident(["Suspected", "Unhealthy", "Escalated"], node="cp2")
    world.objects[INCIDENTS]["w0-1"] = RECOVERED
    world.objects[RECORDS]["cluster"] = {"status": {"healthy": "False"}}
    world.objects[LEASES]["selfheal"] = lease("", 2)
    return world


def _held(world: World) -> None:
    world.objects[LEASES]["selfheal"] = lease("h1", 2)
    world.owner = "h1"


def _stored(name: str, phase: str, **target: str) -> Change:
    def change(world: World) -> None:
        made = incident(["Suspected", phase], node=name)
        made["spec"]["target"].update(target)
        world.objects[INCIDENTS][f"{name}-1"] = made

    return change


def _healthy(world: World) -> None:
    world.objects[RECORDS]["cluster"] = {"status": {"healthy": "True"}}


@pytest.mark.parametrize(
    ("told", "change"),
    [
        ("the lease is still held by h1", _held),
        ("its node is well", _stored("w0", "Unhealthy")),
        ("its node has left", _stored("w0", "Unhealthy", uid="uid-w0-7")),
        ("nobody is at work on it", _stored("cp2", "Repairing")),
        ("nothing keeps it from being repaired", stopped("w1")),
        ("says healthy: True", _healthy),
    ],
)
def test_what_is_left_to_do_is_told(told: str, change: Change) -> None:
    world = settled()
    assert invariants.unsettled(world, {}) == []
    change(world)
    assert [told in one for one in invariants.unsettled(world, {})].count(True) == 1


def test_a_node_that_is_rightly_left_alone_is_no_fault() -> None:
    world = settled()
    stopped("w1")(world)
    assert invariants.unsettled(world, {"w1": "human_cordon"}) == []
