# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each word of a verdict, brought about on purpose on a real cluster by the whole runner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from chaosheal import faults
from chaosheal.hands import Hands
from chaosheal.injection import Breaker
from chaosheal.journal import Journal
from chaosheal.model import ChaosError, Command, Look, inside
from chaosheal.observer import wait_until_well
from chaosheal.runner import Run
from chaosheal.verdict import Arm, Verdict, Word

from lab.drill import Drill
from tests.chaos.ground import EXPERIMENTS, healing

LIAR = Path(__file__).with_name("liar") / "liar.yml"


@pytest.fixture(autouse=True)
def well(drill: Drill, hands: Hands) -> Iterator[None]:
    """A cluster that is well before and afterwards, whatever a test does to its nodes."""
    drill.forget()
    assert wait_until_well(hands, len(hands.nodes()), 240)
    yield
    for node in hands.nodes():
        drill.mend(node.name)
    assert wait_until_well(hands, len(hands.nodes()), 240)


def run(
    drill: Drill, folder: Path, arm: Arm = Arm.CONTROL, budget: int = 40, playbook: str = "", **extension: Any
) -> Verdict:
    """Run the experiment of a stopped kubelet with a budget and a promise of its own."""
    experiment = json.loads((EXPERIMENTS / "kubelet-stopped.json").read_text(encoding="utf-8"))
    experiment["configuration"]["budget"] = budget
    experiment["extensions"][0].update(extension)
    path = folder / "experiment.json"
    path.write_text(json.dumps(experiment), encoding="utf-8")
    healer = healing(drill)
    if playbook:
        healer = replace(healer, playbook=playbook)
    return Run(path, folder / "run", healer, arm, str(drill.cluster.kubeconfig)).carry_out()


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a changed fault in the place of kubelet_stop."""

    def put(**changes: Any) -> None:
        changed = replace(faults.FAULTS["kubelet_stop"], **changes)
        monkeypatch.setattr(faults, "FAULTS", MappingProxyType({**faults.FAULTS, "kubelet_stop": changed}))

    return put


def test_gate_a_cluster_that_is_sick_before(drill: Drill, hands: Hands, tmp_path: Path) -> None:
    drill.cluster.kubectl("cordon", drill.worker())
    try:
        verdict = run(drill, tmp_path)
    finally:
        drill.cluster.kubectl("uncordon", drill.worker())
    assert verdict.word is Word.GATE and f"{drill.worker()}: is cordoned" in verdict.why
    assert Journal(tmp_path / "run" / "faults.jsonl").entries() == [], "nothing was broken"


def test_gate_a_cluster_that_is_too_small(drill: Drill, tmp_path: Path) -> None:
    verdict = run(drill, tmp_path, planes=3)
    assert verdict.word is Word.GATE and "expected at least 3 nodes of a control plane, found 1" in verdict.why
    assert Journal(tmp_path / "run" / "faults.jsonl").entries() == [], "nothing was broken"


def test_inject_an_action_that_does_nothing(drill: Drill, instead: Any, tmp_path: Path) -> None:
    instead(inject=lambda target, params: (inside("true"),), seconds=5)
    verdict = run(drill, tmp_path)
    assert verdict.word is Word.INJECT and "did not take effect" in verdict.why


@pytest.mark.nightly
def test_deviated_a_budget_that_nobody_can_keep(drill: Drill, tmp_path: Path) -> None:
    verdict = run(drill, tmp_path, Arm.HEALED, healer={"selfheal_monitor_only": True})
    assert verdict.word is Word.DEVIATED and "did not recover within 40 s" in verdict.why
    assert verdict.times.detected is not None and verdict.times.acted is None


@pytest.mark.nightly
def test_deviated_what_recovers_without_a_healer_proves_nothing(drill: Drill, instead: Any, tmp_path: Path) -> None:
    # It comes back by itself after a while.
    back = "systemd-run --collect --on-active=35 systemctl start kubelet"
    instead(inject=lambda target, params: (inside(f"systemctl stop kubelet; {back}"),))
    verdict = run(drill, tmp_path, budget=120)
    assert verdict.word is Word.DEVIATED and "without a healer, so nothing is proven" in verdict.why


def test_invariant_a_healer_that_lies(drill: Drill, tmp_path: Path) -> None:
    verdict = run(drill, tmp_path, Arm.HEALED, budget=90, playbook=str(LIAR))
    assert verdict.word is Word.INVARIANT, verdict
    assert "who says that it is well is right" in verdict.why and "nobody else saw it well" in verdict.why


@pytest.mark.nightly
def test_rollback_what_cannot_be_taken_back(drill: Drill, instead: Any, tmp_path: Path) -> None:
    instead(undo=lambda target, params: (inside("exit 3"),))
    verdict = run(drill, tmp_path)
    assert verdict.word is Word.ROLLBACK and "could not be taken back" in verdict.why


@pytest.mark.nightly
def test_rollback_what_was_taken_back_and_is_still_sick(
    drill: Drill, instead: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaosheal.runner.SETTLE_SECONDS", 20.0)
    instead(undo=lambda target, params: (inside("true"),))
    verdict = run(drill, tmp_path)
    assert verdict.word is Word.ROLLBACK and "all was taken back, and yet" in verdict.why


@pytest.mark.nightly
def test_leak_a_file_that_stays(drill: Drill, instead: Any, tmp_path: Path) -> None:
    litter = "/var/lib/kubelet/left.chaosheal"

    def inject(target: Any, params: Any) -> tuple[Command, ...]:
        return (*faults.FAULTS["kubelet_hang"].inject(target, params), inside(f"touch {litter}"))

    hang = faults.FAULTS["kubelet_hang"]
    instead(inject=inject, undo=hang.undo, effect=hang.effect)
    try:
        verdict = run(drill, tmp_path)
    finally:
        for node in drill.cluster.nodes():
            drill.cluster.exec(node.name, "rm", "-f", litter)
    assert verdict.word is Word.LEAK and f"new: left {litter}" in verdict.why


def test_the_effect_of_a_fault_is_looked_for_where_it_is(
    drill: Drill, hands: Hands, instead: Any, tmp_path: Path
) -> None:
    instead(effect=lambda target, params: Look(inside("false")), seconds=3)
    with pytest.raises(ChaosError, match="did not take effect"):
        Breaker(hands, Journal(tmp_path / "faults.jsonl")).inject("kubelet_stop", {"role": "worker"})
    drill.wait_ready(drill.worker(), "True")
