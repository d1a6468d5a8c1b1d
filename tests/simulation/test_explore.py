# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import healer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import machine, plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS, human_cordon
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event, MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase
from ansible_collections.selfheal.kubernetes.tests.simulation import explore, sequences
from ansible_collections.selfheal.kubernetes.tests.simulation.explore import Explorer, Local, Violation
from ansible_collections.selfheal.kubernetes.tests.simulation.scenes import SCENES, Scene

# The others are visited to their end, as ``make explore`` does with these.
LARGE = ("reboot", "half-way")
ENOUGH = 400_000
BY_NAME = {scene.name: scene for scene in SCENES}


def scenes(*names: str) -> pytest.MarkDecorator:
    chosen = [BY_NAME[name] for name in names] or SCENES
    return pytest.mark.parametrize("scene", chosen, ids=lambda scene: scene.name.replace(" ", "-"))


# --- what is explored


@scenes()
def test_no_rule_is_broken_with_one_fault_anywhere(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    figures = Explorer(scene).run(states=ENOUGH if scene.name in LARGE else 10**9)
    with capsys.disabled():
        print(f"\n{figures.line()}", end="")
    if scene.name in LARGE:
        assert figures.states >= ENOUGH and figures.depth >= 50
    else:
        assert figures.complete


@scenes("restart", "reboot", "half-way", "second plane", "young", "slow")
def test_without_faults_every_interleaving_ends_and_something_is_done(scene: Scene) -> None:
    figures = Explorer(scene, faults=0).run()
    assert figures.complete and figures.acts > 0 and figures.ends > 1


@scenes("storm", "quiet", "tired", "spent", "planes", "silent", "unreadable", "cordoned", "paused", "out of hours")
def test_without_faults_nobody_is_touched_who_must_not_be(scene: Scene) -> None:
    assert Explorer(scene, faults=0).run().acts == 0


# --- that the explorer sees what it says it sees


def seen_by(explorer: Explorer) -> tuple[set[object], int]:
    explorer.run()
    return set(explorer._numbers), explorer.figures.transitions


def test_a_healer_that_is_run_again_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = seen_by(Explorer(BY_NAME["half-way"], faults=0))
    monkeypatch.setattr(explore, "KEPT", 0)
    assert seen_by(Explorer(BY_NAME["half-way"], faults=0)) == kept


@scenes("restart", "second plane")
def test_what_is_taken_for_the_same_hides_no_world(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    merged, fewer = seen_by(Explorer(scene, faults=0))

    def apart(_self: Explorer, local: Local, _mark: str) -> Local:
        return local

    monkeypatch.setattr(Explorer, "_same", apart)
    worlds, transitions = seen_by(Explorer(scene, faults=0))
    assert merged == worlds
    assert fewer < transitions


def test_a_broken_rule_is_told_as_a_story(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    guards = tuple(guard for guard in GUARDS if guard is not human_cordon.GUARD)
    monkeypatch.setattr(plan, "GUARDS", guards)
    assert explore.main(["--faults", "0", "cordoned"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "scene cordoned: a person has cordoned the sick node"
    assert lines[1] == "+    0 s  healer-a: start"
    assert any("healer-a: act w1" in line for line in lines)
    assert lines[-1].startswith("** ") and "a person has cordoned the node" in lines[-1]


def test_a_healer_that_ends_with_a_traceback_is_a_broken_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_more: Any) -> Any:
        raise TypeError("not what was expected")

    monkeypatch.setattr(healer, "make_plan", broken)
    with pytest.raises(Violation, match="traceback: TypeError"):
        Explorer(BY_NAME["quiet"], faults=0).run()


def test_a_cluster_that_does_not_come_to_rest_is_a_broken_rule() -> None:
    hopeless = Scene("hopeless", "nobody may touch it, and healers must", BY_NAME["storm"].build, {})
    with pytest.raises(Violation, match="not healed: w1 is still down"):
        Explorer(hopeless, faults=0).run()


def test_it_ends_at_the_depth_that_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert explore.main(["--depth", "9", "--nodes", "4", "--healers", "3", "restart"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert "depth    9 (so far)" in first
    assert last.startswith("3 healers, 4 nodes, 1 faults, 1 scenes:") and last.endswith("no rule broken")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [(["nowhere"], "unknown scene 'nowhere'"), (["--nodes", "2"], "expected at least 3 nodes")],
    ids=["scene", "nodes"],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        explore.main(arguments)
    assert ended.value.code == 2
    assert wrong in capsys.readouterr().err.splitlines()[-1]


# --- the state machine on its own


def test_no_sequence_of_events_does_what_nobody_drew(capsys: pytest.CaptureFixture[str]) -> None:
    found = sequences.explore(8)
    with capsys.disabled():
        print(f"\n{found.line()}", end="")
    assert found.phases == {phase.value for phase in Phase} == set(sequences.DRAWN)
    assert found.sequences > 1000 and found.refused > found.sequences


def lenient(incident: Incident, event: Event, *others: Any, **more: Any) -> Incident:
    try:
        return machine.step(incident, event, *others, **more)
    except MachineError:
        return incident


def forgetful(incident: Incident, event: Event, *others: Any, **more: Any) -> Incident:
    moved = machine.step(incident, event, *others, **more)
    return replace(moved, attempts=0) if event is Event.FAIL else moved


def strict(incident: Incident, event: Event, *others: Any, **more: Any) -> Incident:
    if (incident.phase, event) == (Phase.ESCALATED, Event.RECOVER):
        raise MachineError("people must say so")
    return machine.step(incident, event, *others, **more)


@pytest.mark.parametrize(
    ("move", "wrong"),
    [
        (lenient, "Suspected after \\[\\], then begin: it leads to Suspected, and nothing was drawn"),
        (forgetful, "then fail: 1 attempts became 0"),
        (strict, "then recover: it is refused, and Recovered was drawn"),
    ],
    ids=["lenient", "forgetful", "strict"],
)
def test_a_machine_with_another_table_is_told_apart(move: sequences.Step, wrong: str) -> None:
    with pytest.raises(sequences.Wrong, match=wrong):
        sequences.explore(5, move)
