# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan does to the simulated cluster, and that each checker speaks of the history that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.selfheal.kubernetes.tests.nemesis.checkers import CHECKERS, violations
from ansible_collections.selfheal.kubernetes.tests.nemesis.effects import EFFECTS, NOT_MODELLED, Stage
from ansible_collections.selfheal.kubernetes.tests.nemesis.play import Played, plan_for, play
from ansible_collections.selfheal.kubernetes.tests.nemesis.soak import rules
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.world import ADMIN, LEASES, START, SimNode
from chaosheal.model import ChaosError
from chaosheal.nemesis.packages import PACKAGES
from chaosheal.nemesis.plan import Plan, Quiet, Step


def plan_of(*steps: Step, workers: int = 9, planes: int = 3, seed: int = 0) -> Plan:
    return Plan(seed, "isolated", 5400, workers, planes, steps)


def step(fault: str, index: int = 0, at: int = 60, lasts: int = 600, role: str = "", **params: object) -> Step:
    return Step(f"{fault}-{index}", at, fault, role or PACKAGES[fault].roles[0], index, lasts, params)


def test_each_fault_is_modelled_or_there_is_a_reason() -> None:
    assert set(EFFECTS) | set(NOT_MODELLED) == set(PACKAGES)
    assert not set(EFFECTS) & set(NOT_MODELLED)


def test_plans_for_the_simulation_have_no_other_faults() -> None:
    assert {step.fault for seed in range(200) for step in plan_for(seed).steps} == set(EFFECTS)


@pytest.mark.parametrize("fault", sorted(NOT_MODELLED))
def test_what_is_not_modelled_is_not_passed_over_in_silence(fault: str) -> None:
    with pytest.raises(ChaosError, match=f"{fault} cannot be played in the simulation: "):
        play(plan_of(step(fault)))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (step("kubelet_stop", 9), "there is no worker 9"),
        (step("etcd_loss", 3), "there is no control-plane 3"),
        (step("healer_kill", 2), "there is no healer 2"),
        (step("etcd_loss", role="worker"), "etcd_loss is nothing that befalls a worker"),
        (step("meteor", role="worker"), "it is no fault of a nemesis"),
    ],
)
def test_what_cannot_be_played_is_told(wrong: Step, told: str) -> None:
    with pytest.raises(ChaosError, match=told):
        play(plan_of(wrong))


def sick(world: Stage, name: str = "w000") -> bool:
    return not world.nodes[name].well(world.now)


# Of each fault what is different while it lasts, in a cluster with a single control plane.
SEEN: dict[str, Callable[[Stage], bool]] = {
    **dict.fromkeys(
        (
            "kubelet_stop",
            "kubelet_hang",
            "kubelet_crash_loop",
            "kubelet_bad_config",
            "kubelet_certificate_expired",
            "kubelet_kill",
            "partition",
        ),
        sick,
    ),
    **dict.fromkeys(
        ("node_crash", "node_freeze", "node_reboot"),
        lambda world: sick(world) and not world.nodes["w000"].machine.at(world.now),
    ),
    "api_server_slow": lambda world: world.slow == 1,
    "api_server_loss": lambda world: world.silent,
    "etcd_loss": lambda world: world.silent and not world.nodes["cp0"].etcd.at(world.now),
    "controller_manager_loss": lambda world: not world.controllers.at(world.now),
    "credentials_revoked": lambda world: world.revoked,
}


@pytest.mark.parametrize("fault", sorted(set(EFFECTS) - {"healer_kill", "healer_pause"}))
def test_each_fault_changes_the_world_and_is_taken_back(fault: str) -> None:
    world = Stage([SimNode("cp0", control_plane=True), SimNode("w000")])
    assert not SEEN[fault](world)
    one = step(fault)
    world.begin(one)
    assert SEEN[fault](world)
    # What passes by itself needs its time.
    world.advance(120)
    passes = PACKAGES[fault].lasts[1] <= 1
    assert SEEN[fault](world) != passes
    world.end(one)
    assert not SEEN[fault](world) and not sick(world) and not world.active


def test_of_two_faults_of_a_node_the_first_to_end_does_not_take_back_the_other() -> None:
    world = Stage([SimNode("cp0", control_plane=True), SimNode("w000")])
    one, other = step("kubelet_stop"), step("partition")
    world.begin(one)
    world.begin(other)
    world.end(one)
    assert sick(world)
    world.end(other)
    assert not sick(world)


def test_a_lost_api_server_among_several_is_left_out_soon() -> None:
    world = Stage([*(SimNode(f"cp{n}", control_plane=True) for n in range(3)), SimNode("w000")])
    world.begin(step("etcd_loss", 1))
    assert world.silent and world.snapshot(world.now).etcd.leader != "cp1"  # type: ignore[union-attr]
    world.advance(10)
    assert not world.silent


@pytest.mark.parametrize("fault", sorted(EFFECTS))
@pytest.mark.parametrize(("workers", "planes"), [(9, 3), (5, 1)])
def test_the_healer_breaks_no_rule_about_a_single_fault(fault: str, workers: int, planes: int) -> None:
    played = play(plan_of(step(fault), workers=workers, planes=planes))
    assert violations(played) == []
    assert played.world.counts[f"fault {fault}"] == 1


def test_a_stopped_kubelet_is_restarted_long_before_the_fault_is_taken_back() -> None:
    played = play(plan_of(step("kubelet_stop", lasts=900)))
    acts = [act for act in played.world.acts if act.node == "w000"]
    assert [act.rung for act in acts] == ["kubelet_restart"]
    assert acts[0].at < START + timedelta(seconds=400)


def test_what_outlives_a_restart_of_the_kubelet_is_rebooted() -> None:
    played = play(plan_of(step("kubelet_crash_loop", lasts=1200, under="run"), workers=5, planes=1))
    assert [act.rung for act in played.world.acts if act.node == "w000"] == ["kubelet_restart", "reboot"]


def test_a_healer_that_is_killed_in_its_turn_is_followed_by_a_whole_one() -> None:
    plan = plan_of(step("kubelet_stop", lasts=1200), *(step("healer_kill", n, at=120, lasts=1) for n in (0, 1)))
    played = play(plan)
    assert played.world.counts["signalled healer_kill"] >= 1
    assert violations(played) == []


def test_the_same_plan_does_the_same() -> None:
    plan = plan_for(3)
    assert play(plan).world.writes == play(plan).world.writes


# --- the checkers


def test_every_invariant_of_the_simulation_is_asked() -> None:
    assert set(CHECKERS) == {*invariants.INVARIANTS, "steady", "quiet", "leaks", "orderly", "neglect"}


def _forged(**changes: object) -> Callable[[Played], None]:
    def change(played: Played) -> None:
        played.world.acts[0] = replace(played.world.acts[0], **changes)  # type: ignore[arg-type]

    return change


def _late_write(played: Played) -> None:
    played.world.writes.append(replace(played.world.writes[0], at=played.world.now))


def _failed(played: Played) -> None:
    next(iter(played.world.processes.values())).error = KeyError("spec")


def _unhealed(played: Played) -> None:
    played.world.acts.clear()


BAD: list[tuple[str, Callable[[Played], object]]] = [
    ("steady", lambda played: played.unsteady.append("the lease is still held")),
    ("quiet", _late_write),
    ("leaks", lambda played: played.world.begin(step("api_server_slow"))),
    ("leaks", lambda played: played.world.nodes["w003"].machine.set(False, played.world.now)),
    ("leaks", lambda played: played.world.nodes["cp1"].etcd.set(False, played.world.now)),
    ("leaks", lambda played: played.world.nodes["w003"].cordoned.set(True, played.world.now)),
    ("leaks", lambda played: played.world.nodes["w008"].paused.set(False, played.world.now)),
    ("leaks", lambda played: played.world.controllers.set(False, played.world.now)),
    ("leaks", lambda played: played.world.create(ADMIN, LEASES, {"metadata": {"name": "of-a-turn"}, "spec": {}})),
    ("orderly", _failed),
    ("neglect", _unhealed),
    ("I6 lease", _forged(holder="")),
    ("I2 evidence", _forged(looked_at=START)),
    ("I13 people", _forged(meant="uid-w008-0")),
    ("I9 storms", _forged(storm={"since": START.isoformat()})),
]


@pytest.mark.parametrize(("checker", "spoil"), BAD)
def test_each_checker_speaks_of_what_it_is_there_for(checker: str, spoil: Callable[[Played], object]) -> None:
    played = play(plan_of(step("kubelet_stop", lasts=900)))
    assert violations(played) == []
    spoil(played)
    assert checker in rules(violations(played))


def test_each_checker_of_the_nemesis_own_is_shown_to_speak() -> None:
    assert set(CHECKERS) - set(invariants.INVARIANTS) <= {name for name, _spoil in BAD}


def test_a_cluster_that_is_not_steady_in_a_quiet_time_is_noticed() -> None:
    """A quiet time while a node is still broken stands for a healer that has not settled by then."""
    plan = replace(plan_of(step("kubelet_bad_config", lasts=900)), quiet=(Quiet(300, 60),))
    assert "steady" in rules(violations(play(plan)))


def test_a_node_that_falls_ill_when_all_is_over_is_healed() -> None:
    played = play(plan_of(step("node_reboot")))
    assert played.last is not None and played.world.acts[-1].node == played.last[0]
    played.world.acts.clear()
    assert rules(violations(played)) == ["neglect"]
