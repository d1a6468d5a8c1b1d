# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans of many faults: made of a number, within what a cluster survives, read back, and made small."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chaosheal.__main__ import main
from chaosheal.faults import FAULTS
from chaosheal.model import ChaosError
from chaosheal.nemesis.experiment import experiment_of
from chaosheal.nemesis.generate import PER_BLOCK, generate
from chaosheal.nemesis.guard import SURVIVED, Model, objection
from chaosheal.nemesis.packages import HEALER, LEFT_OUT, PACKAGES, usable
from chaosheal.nemesis.plan import SHAPES, Plan, Step, plan_of
from chaosheal.nemesis.shrink import shrink
from chaosheal.runner import promise_of
from hypothesis import given, settings
from hypothesis import strategies as st

HOURS = 3 * 3600


@pytest.mark.parametrize("name", sorted({*FAULTS, *PACKAGES, *LEFT_OUT}))
def test_each_fault_may_be_used_or_there_is_a_reason(name: str) -> None:
    assert (name in PACKAGES) != (name in LEFT_OUT)
    if name in PACKAGES and name not in HEALER:
        assert any(name in usable(role) for role in PACKAGES[name].roles), "it can be done to none of its roles"
        for params in PACKAGES[name].params:
            FAULTS[name].settle(params)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_number_gives_the_same_plan_and_another_one_another(shape: str) -> None:
    def made(seed: int) -> Plan:
        return generate(seed, shape, 8, 3, HOURS, Model(nodes=4))

    assert len({made(seed).to_json() for seed in range(20)}) == 20
    plan = made(7)
    assert made(7).to_json() == plan.to_json()
    assert plan_of(plan.to_json()) == plan and len(plan.steps) > PER_BLOCK


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from(SHAPES),
    workers=st.integers(1, 9),
    planes=st.sampled_from((1, 3, 5)),
    nodes=st.integers(1, 4),
)
def test_no_plan_breaks_more_than_a_cluster_survives(
    seed: int, shape: str, workers: int, planes: int, nodes: int
) -> None:
    plan = generate(seed, shape, workers, planes, HOURS, Model(nodes=nodes))
    for moment in {step.at for step in plan.steps}:
        hit = [step.target for step in plan.steps if step.role != "healer" and step.at <= moment < step.until]
        assert len(hit) == len(set(hit)), "one fault on top of another"
        broken = set(hit)
        assert len(broken) <= nodes
        assert sum(role == "worker" for role, _index in broken) <= max(1, workers * 40 // 100)
        assert sum(role == "control-plane" for role, _index in broken) <= (planes - 1) // 2
    assert all(
        quiet.at >= step.until or quiet.at + quiet.lasts <= step.at for quiet in plan.quiet for step in plan.steps
    )
    assert all(quiet.lasts == SURVIVED.quiet and quiet.at + quiet.lasts <= HOURS for quiet in plan.quiet)


def step(at: int, role: str = "worker", index: int = 0, lasts: int = 100, fault: str = "kubelet_stop") -> Step:
    return Step(f"{fault}-{at}-{index}", at, fault, role, index, lasts)


@pytest.mark.parametrize(
    ("new", "others", "model", "why"),
    [
        (step(50), [step(0)], Model(), "the node is broken already"),
        (step(100), [step(0)], Model(), ""),
        (step(50, index=2), [step(0), step(0, index=1)], Model(2, 100), "more than 2 nodes"),
        (step(50, index=1), [step(0)], Model(5, 40), "more than 40 % of the workers"),
        (step(0, index=1, lasts=200), [step(150)], Model(5, 40), "more than 40 % of the workers"),
        (step(50, "control-plane", 1), [step(0, "control-plane")], Model(5), "would lose its quorum"),
        (step(50, "control-plane", 1), [step(0, "control-plane")], Model(5, quorum_loss=True), ""),
        (step(50, "healer", 1, fault="healer_kill"), [step(0, "healer", fault="healer_pause")], Model(), "the healer"),
        (step(50, "healer", fault="healer_kill"), [step(0), step(0, "control-plane")], Model(), ""),
        (step(50), [], Model(faults=frozenset({"node_crash"})), "there is no kubelet_stop"),
    ],
)
def test_what_goes_too_far_is_left_out(new: Step, others: list[Step], model: Model, why: str) -> None:
    said = objection(new, others, 3, 3, model)
    assert why in said and bool(said) == bool(why)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_plan_has_no_other_faults_than_there_are(shape: str) -> None:
    few = frozenset({"kubelet_stop", "etcd_loss", "healer_kill"})
    made = [generate(seed, shape, 8, 3, HOURS, Model(faults=few)) for seed in range(20)]
    assert {step.fault for plan in made for step in plan.steps} == few


@pytest.mark.parametrize(("faults", "told"), [(["meteor"], "got meteor"), ([], "got none")])
def test_what_is_no_fault_of_a_nemesis_is_told(faults: list[str], told: str) -> None:
    with pytest.raises(ChaosError, match=f"faults: expected some of api_server_loss, .*, {told}"):
        generate(7, "isolated", 3, 3, HOURS, Model(faults=frozenset(faults)))


GOOD = generate(7, "overlapping", 3, 3, HOURS)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: told.pop("seed"), "p.json: expected horizon, planes, quiet, seed, shape, steps, workers, got"),
        (lambda told: told.update(seed="7"), "p.json: seed: expected a whole number from 0 on, got '7'"),
        (lambda told: told.update(shape="odd"), "p.json: shape: expected one of isolated, overlapping"),
        (lambda told: told.update(steps={}), "p.json: steps: expected a list"),
        (
            lambda told: told["steps"][1].update(at=-1),
            r"p.json, steps\[1\]: at: expected a whole number from 0 on, got -1",
        ),
        (lambda told: told["steps"][1].update(role="master"), r"p.json, steps\[1\]: role: expected one of worker"),
        (lambda told: told["steps"][1].update(params=[]), r"p.json, steps\[1\]: params: expected a mapping"),
        (lambda told: told["steps"][1].update(fault=""), r"p.json, steps\[1\]: fault: expected a text"),
        (lambda told: told["steps"][1].update(more=1), r"p.json, steps\[1\]: expected at, fault, ident"),
        (lambda told: told["steps"].append(told["steps"][0]), "p.json: steps: expected each ident once"),
        (lambda told: told["quiet"].append({"at": 1}), r"p.json, quiet\[\d+\]: expected at, lasts, got at"),
    ],
)
def test_what_is_no_plan_is_told_in_one_line(change: Callable[[dict[str, object]], object], why: str) -> None:
    told = json.loads(GOOD.to_json())
    change(told)
    with pytest.raises(ChaosError, match=why):
        plan_of(json.dumps(told), "p.json")
    with pytest.raises(ChaosError, match="expected JSON"):
        plan_of("{")


# --- made small


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    found = shrink(plan, fails, 1e9, lambda: 0.0)
    assert found.steady and found.whole
    return found.plan


def test_only_what_is_needed_is_left() -> None:
    wanted = {GOOD.steps[1].fault, GOOD.steps[-1].fault}

    def fails(plan: Plan) -> bool:
        return wanted <= {step.fault for step in plan.steps}

    small = shrunk(GOOD, fails)
    assert {step.fault for step in small.steps} == wanted and len(small.steps) == len(wanted) and small.quiet == ()
    assert all(step.lasts == 1 and step.index == 0 and step.at % 60 == 0 for step in small.steps)


def test_what_has_to_overlap_stays_so_and_is_no_longer_than_it_must_be() -> None:
    first, second = step(0, lasts=400), step(100, index=1, lasts=400)
    plan = replace(GOOD, steps=(first, second, step(300, index=2)))

    def fails(plan: Plan) -> bool:
        hit = [one for one in plan.steps if one.index < 2]
        return len(hit) > 1 and hit[0].at < hit[1].until and hit[1].at < hit[0].until

    small = shrunk(plan, fails)
    assert len(small.steps) == 2 and fails(small)
    assert sum(step.lasts for step in small.steps) < 300


def test_what_fails_now_and_then_is_called_flaky_and_left_as_it_is() -> None:
    answers = iter([True, False, False])
    found = shrink(GOOD, lambda plan: next(answers), 1e9, lambda: 0.0)
    assert not found.steady and found.plan == GOOD and found.played == 3


def test_it_ends_when_its_time_is_over() -> None:
    now = iter(range(10**6))
    found = shrink(GOOD, lambda plan: bool(plan.steps), 3, lambda: float(next(now)), replays=1)
    assert found.steady and not found.whole and found.played <= 5
    assert len(found.plan.steps) < len(GOOD.steps)


# --- as an experiment, and from the command line


def test_an_experiment_does_the_same_at_the_same_time() -> None:
    steps = (step(60), step(90, "healer", 1, 30, "healer_pause"), step(90, "control-plane", 2, fault="etcd_loss"))
    made = experiment_of(replace(GOOD, steps=steps))
    at, told = 0, []
    for activity in made["method"][:-1]:
        at += activity.get("pauses", {}).get("before", 0)
        arguments = activity["provider"]["arguments"]
        told.append((at, arguments.get("fault") or arguments["name"], arguments.get("target") or arguments["which"]))
    assert told == [
        (60, "kubelet_stop", {"role": "worker", "index": 0}),
        (90, "STOP", 1),
        (90, "etcd_loss", {"role": "control-plane", "index": 2}),
        (120, "CONT", 1),
    ]
    promise = promise_of(made)
    assert (
        promise.may_act and promise.steady and not promise.recovers and promise.faults == ("kubelet_stop", "etcd_loss")
    )
    # It ends with the last quiet time, and looks whether the cluster is well then.
    last = max(*(step.until for step in steps), *(quiet.at + quiet.lasts for quiet in GOOD.quiet))
    assert at + made["method"][-1]["pauses"]["before"] == promise.budget == last
    assert made["method"][-1]["provider"]["func"] == "cluster_is_well"
    with pytest.raises(ChaosError, match="a plan with steps"):
        experiment_of(replace(GOOD, steps=()))


def test_people_make_plans_and_experiments_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nemesis", "plan", "--seed", "7", "--shape", "cascade", "--planes", "3"]) == 0
    path = tmp_path / "plan.json"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["nemesis", "experiment", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["title"].endswith("of seed 7, cascade")
    assert main(["nemesis", "experiment", str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read" in capsys.readouterr().err
    assert main(["nemesis", "plan", "--seed", "7", "--minutes", "5"]) == 2
    assert capsys.readouterr().err.startswith("chaosheal: expected at least 1800 s, got 300")


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from(SHAPES))
def test_a_short_plan_has_short_faults_and_short_quiet_times(seed: int, shape: str) -> None:
    plan = generate(seed, shape, 2, 3, 1600, Model(longest=180, quiet=240))
    # Those that are made good in another order than they were broken wait for each other.
    assert shape == "swizzle" or all(step.lasts <= 180 for step in plan.steps)
    assert all(quiet.lasts == 240 for quiet in plan.quiet) and len(plan.quiet) >= 1
