# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated cluster itself: its clock, its nodes, its API server, its hosts, and what becomes of requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    LeaseLost,
    NotFound,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase, Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    ADMIN,
    GRACE,
    INCIDENTS,
    LEASES,
    REBOOT_SECONDS,
    RECORDS,
    START,
    Fate,
    HostFailed,
    Process,
    SimHosts,
    SimNode,
    Timeline,
    World,
)

HEALING = Policy(monitor_only=False, recovery_timeout=60, waiting_timeout=120)


def after(seconds: float) -> datetime:
    """So many seconds after the beginning."""
    return START + timedelta(seconds=seconds)


@pytest.fixture
def world() -> Iterator[World]:
    """A control plane and five workers, all well, of which the record knows."""
    made = World([SimNode("cp", control_plane=True), *(SimNode(f"w{number}") for number in range(5))])
    made.start("first", HEALING).run()
    made.acts.clear()
    made.writes.clear()
    yield made
    made.close()


def upto(process: Process, what: str) -> None:
    """Let a healer go on until it is about to do this."""
    while not process.waits_for.startswith(what):
        assert not process.over, f"it ended: {process.error or process.result}"
        process.wake()
        process.step()


def phase_of(world: World, name: str = "w0-1") -> Phase:
    """The phase of a stored incident."""
    return Phase(world.objects[INCIDENTS][name]["status"]["phase"])


# --- time


def test_a_timeline_knows_its_past() -> None:
    line = Timeline("a", after(0))
    line.set("b", after(10))
    line.set("b", after(15))
    line.set("c", after(20))
    assert [line.at(after(second)) for second in (-5, 0, 9, 10, 19, 20, 99)] == list("aaabbcc")
    assert [line.since(after(second)) for second in (9, 19, 99)] == [after(0), after(10), after(20)]
    assert line.was("b", after(12), after(13)) and line.was("b", after(0), after(10))
    assert not line.was("b", after(21), after(30)) and not line.was("c", after(0), after(19))
    # What ended in the moment of the beginning was so until then.
    assert line.was("b", after(20), after(30))
    assert line.first("b", after(0), after(99)) == after(10)
    assert line.first("b", after(12), after(99)) == after(12)
    assert line.first("c", after(0), after(19)) is None
    assert line.first("c", after(40), after(30)) is None


def test_a_change_ends_what_was_planned_for_later() -> None:
    line = Timeline("up", after(0))
    line.set("down", after(10))
    line.set("up", after(100))
    line.set("broken", after(50))
    assert [line.at(after(second)) for second in (0, 10, 60, 200)] == ["up", "down", "broken", "broken"]


# --- nodes


def test_a_stopped_kubelet_is_noticed_after_the_grace_period(world: World) -> None:
    world.stop_kubelet("w0", "none")
    seen = {second: world.nodes["w0"].seen(after(second), world.controllers) for second in (0, GRACE - 1, GRACE, 500)}
    assert [node.is_ready for node in seen.values()] == [True, True, False, False]
    ready = seen[500].condition("Ready")
    assert ready is not None and (ready.status, ready.last_transition) == ("Unknown", after(GRACE))
    world.recover("w0")
    assert world.nodes["w0"].seen(after(0), world.controllers).is_ready


def test_nobody_notices_while_the_controller_manager_is_down(world: World) -> None:
    world.stop_kubelet("w0", "none")
    world.controllers.set(False, after(10))
    world.controllers.set(True, after(900))
    node = world.nodes["w0"]
    assert node.seen(after(899), world.controllers).is_ready
    ready = node.seen(after(1000), world.controllers).condition("Ready")
    assert ready is not None and ready.last_transition == after(900)


def test_a_lease_is_renewed_every_ten_seconds_and_then_runs_out(world: World) -> None:
    node = world.nodes["w0"]
    renewed = [node.lease(after(second)).renewed for second in (100, 104, 109, 110)]
    assert renewed == [after(100), after(100), after(100), after(110)]
    node.kubelet.set(False, after(115))
    last = node.lease(after(150))
    assert (last.renewed, last.moved) == (after(110), None)
    assert node.lease(after(151)).moved is False
    assert node.lease(after(151)).renewed == after(110)


def test_another_machine_under_the_same_name_is_another_node(world: World) -> None:
    old = world.nodes["w0"].uid
    world.advance(100)
    world.replace_node("w0")
    assert world.nodes["w0"].uid != old
    assert world.node_with(old) is world.gone[0]
    seen = {
        second: [n.uid for n in world.snapshot(after(second)).nodes or () if n.name == "w0"] for second in (99, 100)
    }
    assert seen == {99: [old], 100: [world.nodes["w0"].uid]}


# --- the API server


def body(name: str, version: str = "", **more: Any) -> dict[str, Any]:
    """An object."""
    return {"metadata": {"name": name, **({"resourceVersion": version} if version else {})}, **more}


def test_a_write_needs_the_version_that_is_stored(world: World) -> None:
    first = world.create(ADMIN, RECORDS, body("a", spec=1))
    version = first["metadata"]["resourceVersion"]
    second = world.replace(ADMIN, f"{RECORDS}/a", body("a", version, spec=2))
    with pytest.raises(Conflict):
        world.create(ADMIN, RECORDS, body("a"))
    with pytest.raises(Conflict):
        world.replace(ADMIN, f"{RECORDS}/a", body("a", version, spec=3))
    with pytest.raises(Conflict):
        world.delete(ADMIN, f"{RECORDS}/a", version)
    assert world.read(f"{RECORDS}/a")["spec"] == 2
    world.delete(ADMIN, f"{RECORDS}/a", second["metadata"]["resourceVersion"])
    with pytest.raises(NotFound):
        world.read(f"{RECORDS}/a")
    assert [(write.method, write.before is None, write.after is None) for write in world.writes] == [
        ("POST", True, False),
        ("PUT", False, False),
        ("DELETE", False, True),
    ]
    assert world.counts["conflict"] == 3


def test_a_write_that_nobody_has_a_right_to_is_counted(world: World) -> None:
    with pytest.raises(Forbidden):
        world.create("healer", "/api/v1/nodes", body("w9"))
    with pytest.raises(Forbidden):
        world.replace("healer", "/api/v1/nodes/w0", body("w0"))
    assert [one[:10] for one in invariants.violations(world)] == ["I13 people"]


@pytest.mark.parametrize(
    ("fate", "stored", "over", "died"),
    [
        (Fate.ANSWERED, True, False, False),
        (Fate.REQUEST_LOST, False, True, False),
        # A reply that is lost is no proof that nothing was done, so it looks, and goes on.
        (Fate.REPLY_LOST, True, False, False),
        (Fate.DIES_BEFORE, False, True, True),
        (Fate.DIES_AFTER, True, True, True),
    ],
)
def test_a_request_meets_its_fate(world: World, fate: Fate, stored: bool, over: bool, died: bool) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(100)
    process = world.start("h1", HEALING)
    upto(process, "PUT")
    before = len(world.writes)
    process.step(fate)
    while not process.over and process.waits_for != f"GET {INCIDENTS}" and process.waits_for.startswith("GET"):
        process.step()
    assert (len(world.writes) > before, process.over, process.died) == (stored, over, died)
    assert world.holder() == ("h1" if stored else "")


def test_a_process_that_was_killed_does_nothing_any_more(world: World) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    process = world.start("h1", HEALING)
    upto(process, "kubelet_restart on w0")
    written = len(world.writes)
    process.kill()
    assert (process.over, process.died, len(world.writes), world.acts) == (True, True, written, [])


def test_api_servers_may_differ_about_the_time() -> None:
    wrong = (-2.0, 0.0, 2.0)
    told = []
    for seed in (1, 1, 2):
        world = World([SimNode("w0")], wrong, seed)
        assert world.skew == 2
        told.append([(world.clock() - world.now).total_seconds() for _answer in range(50)])
        assert world.counts["skewed"] == sum(one != 0 for one in told[-1])
    assert set(told[0]) == set(wrong) and told[0] == told[1] != told[2]
    assert World([]).clock() == START and World([]).skew == 0


def test_each_answer_and_each_look_has_a_clock_of_its_own() -> None:
    world = World([SimNode("cp", control_plane=True), *(SimNode(f"w{number}") for number in range(5))], (-2, 2), 7)
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    process = world.start("h1", HEALING)
    process.run(slow=8)
    assert process.error is None and process.result.words == [("w0", "repaired")]
    seen = {abs((world.snapshot(world.now).observed_at - world.now).total_seconds()) for _look in range(9)}
    assert seen == {2}
    (act,) = world.acts
    assert act.shown is not None and abs((act.shown.observed_at - act.looked_at).total_seconds()) == 2
    assert act.token == 1 and invariants.violations(world) == []
    world.close()


def test_a_lease_has_run_out_by_the_clock_of_who_answers() -> None:
    world = World([SimNode("w0")], (2,))
    world.nodes["w0"].kubelet.set(False, after(9))
    world.now = after(40)
    seen = world.snapshot(world.now)
    (heartbeat,) = (seen.heartbeats or {}).values()
    assert (heartbeat.renewed, heartbeat.moved, heartbeat.alive(seen.observed_at)) == (START, False, False)
    world.clocks = (0,)
    (heartbeat,) = (world.snapshot(world.now).heartbeats or {}).values()
    assert heartbeat.moved is None and heartbeat.alive(world.now)


# --- hosts


def acting(world: World, rung: str, uid: str = "uid-w0-0", not_before: float = 0, within: float = 1e9) -> Process:
    """A process that is about to carry out a rung on w0."""

    def run(process: Process) -> None:
        world.act(process, "w0", uid, rung, not_before, within)

    process = Process("h1", run, world)
    process.step()
    return process


@pytest.mark.parametrize(
    ("cure", "rung", "well"),
    [
        ("kubelet_restart", "kubelet_restart", True),
        ("kubelet_restart", "reboot", True),
        ("reboot", "kubelet_restart", False),
        ("reboot", "reboot", True),
        ("reboot", "replace", True),
        ("replace", "reboot", False),
        ("none", "replace", False),
    ],
)
def test_a_rung_cures_what_it_can(world: World, cure: str, rung: str, well: bool) -> None:
    world.stop_kubelet("w0", cure)
    acting(world, rung).step()
    assert [act.rung for act in world.acts] == [rung]
    assert world.nodes["w0"].well(after(REBOOT_SECONDS)) is well


def test_a_reboot_takes_its_time_and_gives_another_boot_id(world: World) -> None:
    world.advance(100)
    world.stop_kubelet("w0", "reboot")
    acting(world, "reboot").step()
    node, back = world.nodes["w0"], 100 + REBOOT_SECONDS
    ids = [node.seen(after(second), world.controllers).boot_id for second in (99, 101, back - 1, back)]
    assert ids == ["boot-0", "boot-0", "boot-0", "boot-1"]
    assert [node.machine.at(after(second)) for second in (99, 101, back)] == [True, False, True]
    process = Process("h2", lambda one: world.uptime(one, "w0"), world)
    process.step()
    process.step()
    assert isinstance(process.error, HostFailed)


def test_a_kubelet_that_stays_dead_does_not_tell_its_new_boot_id(world: World) -> None:
    world.advance(100)
    world.stop_kubelet("w0", "none")
    acting(world, "reboot").step()
    assert world.nodes["w0"].seen(after(900), world.controllers).boot_id == "boot-0"


def test_a_host_refuses_a_command_that_comes_late_or_was_meant_for_another(world: World) -> None:
    world.advance(100)
    uptime = (world.now - world.nodes["w0"].boots.since(world.now)).total_seconds()
    early = acting(world, "reboot", not_before=uptime, within=60)
    late = acting(world, "reboot", not_before=uptime, within=60)
    world.advance(60)
    early.step()
    assert early.error is None and len(world.acts) == 1
    world.nodes["w0"].boots = Timeline(0, START - timedelta(days=1))
    world.nodes["w0"].machine.set(True, world.now)
    world.advance(1)
    late.step()
    assert isinstance(late.error, HostFailed) and len(world.acts) == 1
    stranger = acting(world, "reboot", not_before=uptime, within=60)
    world.replace_node("w0")
    stranger.step()
    assert isinstance(stranger.error, HostFailed) and len(world.acts) == 1


def test_a_dead_machine_is_not_reached(world: World) -> None:
    world.kill_machine("w0")
    process = Process("h1", lambda one: SimHosts(one).uptime("w0"), world)
    process.step()
    process.step()
    assert isinstance(process.error, HostFailed)
    world.advance(50)
    world.recover("w0")
    assert world.nodes["w0"].seen(world.now, world.controllers).boot_id == "boot-1"


# --- whole turns


def test_a_turn_in_a_healthy_cluster_asks_four_things_and_writes_nothing(world: World) -> None:
    process = world.start("h1", HEALING)
    process.run()
    assert (process.result.ended, process.requests, world.writes) == ("nothing to do", 4, [])


def test_the_ladder_is_climbed_until_the_node_is_well(world: World) -> None:
    world.stop_kubelet("w0", "replace")
    for number in range(12):
        world.advance(200)
        process = world.start(f"h{number}", HEALING)
        process.run(slow=8)
        assert process.error is None
    assert [act.rung for act in world.acts] == ["kubelet_restart", "reboot", "replace"]
    assert phase_of(world) is Phase.RECOVERED
    assert invariants.violations(world) == [] and invariants.unsettled(world, {}) == []


def test_what_a_dead_healer_has_begun_is_taken_up_by_the_next(world: World) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    process = world.start("h1", HEALING)
    upto(process, "kubelet_restart on w0")
    process.step(Fate.DIES_BEFORE)
    assert (process.died, phase_of(world)) == (True, Phase.REPAIRING)
    world.advance(200)
    busy = world.start("h2", HEALING)
    busy.run()
    assert (busy.result.ended, phase_of(world)) == ("busy", Phase.REPAIRING)
    world.advance(150)
    world.start("h3", HEALING).run()
    world.advance(10)
    assert [act.by for act in world.acts] == ["h3"]
    assert phase_of(world) is Phase.RECOVERED
    assert invariants.violations(world) == []


def test_a_healer_that_was_suspended_touches_nothing(world: World) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    stale = world.start("h1", HEALING)
    upto(stale, "kubelet_restart on w0")
    world.advance(310)
    world.start("h2", HEALING).run()
    stale.run()
    assert [act.by for act in world.acts] == ["h2"]
    assert isinstance(stale.error, LeaseLost)
    assert stale.turn_of is not None and stale.turn_of.words == [("w0", "failed")]
    assert world.counts["fence refused"] == 1
    assert invariants.violations(world) == []


def test_a_suspended_healer_does_not_tell_its_old_view(world: World) -> None:
    """The record of the next holder stands, also where nothing else stands in the way."""
    world.stop_kubelet("w0", "none")
    world.advance(100)
    stale = world.start("h1", HEALING)
    upto(stale, f"GET {RECORDS}")
    upto(stale, "look")
    stale.step()
    world.advance(310)
    world.recover("w0")
    world.start("h2", HEALING).run()
    assert world.objects[RECORDS]["cluster"]["status"]["healthy"] == "True"
    stale.run()
    assert world.objects[RECORDS]["cluster"]["status"]["healthy"] == "True"
    assert invariants.violations(world) == []


def test_a_look_that_takes_long_to_begin_does_not_shorten_a_cool_down(world: World) -> None:
    """What was asked for long before it was answered was seen when it was answered, and time has not run ahead."""
    world.stop_kubelet("w0", "none")
    world.advance(300)
    world.start("h1", HEALING).run()
    (first,) = world.acts
    world.now = first.at + timedelta(seconds=275)
    process = world.start("h2", HEALING)
    for delay in (13, 0, 6):
        upto(process, "look")
        world.advance(delay)
        process.step()
    process.run()
    assert invariants.violations(world) == []


def test_a_node_that_dies_during_its_proof_is_not_called_repaired(world: World) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    process = world.start("h1", HEALING)
    upto(process, "kubelet_restart on w0")
    process.step()
    world.stop_kubelet("w0", "none")
    process.run()
    assert process.result.words == [("w0", "failed")]
    assert phase_of(world) is Phase.UNHEALTHY
    assert invariants.violations(world) == []


def test_another_machine_of_that_name_says_who_it_is(world: World) -> None:
    """A look from the past still shows the node that is gone, and its host is another machine."""
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    world.replace_node("w0")
    world.advance(10)
    process = world.start("h1", HEALING)
    process.lag = 25
    process.run()
    assert (process.result.words, world.acts) == ([("w0", "not tried")], [])
    assert "is not node w0" in str(process.result.errors[0])


def test_an_approval_is_good_for_one_repair(world: World) -> None:
    careful = replace(HEALING, approval_required=(Remedy.REBOOT,), remedies={"NodeReady": Remedy.REBOOT})
    careful = replace(careful, remedies={**careful.remedies, "NodeHeartbeat": Remedy.REBOOT})
    world.stop_kubelet("w0", "none")
    approved = ["", "", "reboot", "", ""]
    for number, word in enumerate(approved):
        world.advance(700)
        if word:
            stored = world.objects[INCIDENTS]["w0-1"]
            annotated = {**stored["metadata"], "annotations": {APPROVED: word}}
            world.replace(ADMIN, f"{INCIDENTS}/w0-1", {**stored, "metadata": annotated})
        world.start(f"h{number}", careful).run(slow=8)
    assert [(act.by, act.rung, act.approved) for act in world.acts] == [
        ("h0", "kubelet_restart", ""),
        ("h2", "reboot", "reboot"),
    ]
    assert invariants.violations(world) == []


def test_a_stale_look_is_shown_when_it_is_asked_for(world: World) -> None:
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(300)
    process = world.start("h1", HEALING)
    process.lag = 25
    process.run()
    assert process.shown is not None
    assert (world.acts[0].looked_at, world.acts[0].lag) == (world.acts[0].at, 25)
    assert invariants.violations(world) == []


def test_a_turn_that_does_not_end_is_told(world: World) -> None:
    def forever(process: Process) -> None:
        while True:
            process.sleep(1)

    process = Process("h1", forever, world)
    process.step()
    with pytest.raises(RuntimeError, match="h1 does not end: it waits for sleep"):
        process.run(limit=100)


def test_the_lease_is_counted_as_held_until_it_runs_out(world: World) -> None:
    process = world.start("h1", HEALING)
    world.stop_kubelet("w0", "kubelet_restart")
    world.advance(100)
    upto(process, "PUT")
    process.step()
    assert world.holder() == "h1"
    world.advance(299)
    assert world.holder() == "h1"
    world.advance(1)
    assert (world.holder(), world.owner) == ("", "h1")
    assert world.objects[LEASES]["selfheal"]["spec"]["holderIdentity"] == "h1"
