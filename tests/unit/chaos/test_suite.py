# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is still to be run, and how healers are kept at work, found and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from chaosheal import suite as machinery
from chaosheal.healer import MARK, Healer, Schedule, mark_of, send
from chaosheal.history import History, read, wait_for
from chaosheal.model import ChaosError
from chaosheal.results import Result, Results
from chaosheal.runner import Healing, Promise, promise_of, with_patience
from chaosheal.suite import Suite, Wanted, result_of, wanted
from chaosheal.verdict import Arm, Timeline, Verdict, Word

from tests.chaos.ground import grounds, with_rights
from tests.e2e.gpus import with_gpus

NEVER = Timeline(None, None, None, None, None, None)
PROMISES = {
    "a": Promise("E02", "stopped", True, 180.0, faults=("kubelet_stop",)),
    "b": Promise("E12", "slow", False, 90.0, control=False, faults=("packet_loss",)),
}


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machinery, "load", str)
    monkeypatch.setattr(machinery, "promise_of", PROMISES.__getitem__)


def result(name: str, arm: Arm, word: Word = Word.PASS) -> Result:
    return result_of(PROMISES[name], arm, Verdict(word, "", NEVER), 0.0, 1.0, "", "x")


def left(times: int, *known: Result, arms: tuple[Arm, ...] = tuple(Arm)) -> list[str]:
    chosen = wanted([Path("a"), Path("b")], arms, times, known)
    return [f"{one.path} {one.arm.value}" for one in chosen]


def test_each_is_run_as_often_as_it_is_wanted_and_in_rounds() -> None:
    assert left(1) == ["a healed", "a control", "b healed"], "where nothing is repaired no healer is no control"
    assert left(2) == left(1) * 2
    assert left(1, arms=(Arm.CONTROL,)) == ["a control"]


def test_what_has_been_run_counts_whatever_it_has_shown() -> None:
    failed = result("a", Arm.HEALED, Word.DEVIATED)
    assert left(1, failed) == ["a control", "b healed"]
    assert left(2, failed, result("a", Arm.CONTROL)) == ["b healed", *left(1)]
    assert left(1, failed, result("a", Arm.CONTROL), result("b", Arm.HEALED)) == []


def test_a_sick_cluster_ends_the_suite_and_what_was_run_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = iter([Word.DEVIATED, Word.GATE, Word.PASS])
    done: list[str] = []

    class Fake:
        def __init__(self, path: Path, folder: Path, healing: Healing, arm: Arm, *more: object) -> None:
            assert folder.parts[-3:-1] == (PROMISES[str(path)].ident, arm.value) and more == ("k", 2.0)

        def carry_out(self) -> Verdict:
            return Verdict(next(words), "why", NEVER)

    monkeypatch.setattr(machinery, "Run", Fake)
    results = Results(tmp_path)
    suite = Suite(
        results, Healing("", "", {}), "k", before=lambda: done.append("before"), say=done.append, patience=2.0
    )
    ran = suite.carry_out(wanted([Path("a"), Path("b")], list(Arm), 1, []))
    assert [one.word for one in ran] == ["deviated", "gate"] and results.all() == ran
    assert done == ["before", "deviated  E02 healed: why", "before", "gate      E02 control: why"]


def test_gpus_and_rights_are_there_for_those_alone_that_need_them() -> None:
    gpu = Promise("gpu", "", True, 9.0, faults=("gpu_loss",))
    replaced = Promise("replaced", "", True, 9.0, {"selfheal_policy": {"replace_driver": "docker"}})
    other = Promise("other", "", True, 9.0, {"selfheal_policy": {"cooldown": 5}}, faults=("kubelet_stop",))
    runs = [Wanted(Path(one.ident), one, Arm.HEALED) for one in (gpu, replaced, other, gpu)]
    assert [(ground, [one.promise.ident for one in on_it]) for ground, on_it in grounds(runs)] == [
        (nullcontext, ["other"]),
        (with_rights, ["replaced"]),
        (with_gpus, ["gpu", "gpu"]),
    ]
    assert [ground for ground, _on_it in grounds(runs[2:3])] == [nullcontext] and list(grounds([])) == []


# --- what an experiment promises


EXPERIMENT: dict[str, Any] = {
    "title": "t",
    "configuration": {"budget": 60},
    "extensions": [{"name": "chaosheal", "id": "E99", "recovers": True}],
    "method": [
        {"type": "action", "provider": {"func": "inject_fault", "arguments": {"fault": "kubelet_stop"}}},
        {"type": "probe", "provider": {"func": "recovers"}},
        {"type": "action", "provider": {"func": "signal_healer", "arguments": {"name": "KILL"}}},
    ],
}


def test_a_promise_has_the_faults_in_their_order() -> None:
    assert promise_of(EXPERIMENT) == Promise("E99", "t", True, 60.0, faults=("kubelet_stop",))
    assert promise_of({**EXPERIMENT, "method": EXPERIMENT["method"][1:]}).faults == ()
    quiet = {**EXPERIMENT, "extensions": [{**EXPERIMENT["extensions"][0], "recovers": False}]}
    assert not promise_of(quiet).control, "where nothing is repaired no healer is no control"


def test_a_number_of_healers_that_cannot_be_is_refused() -> None:
    many = {**EXPERIMENT, "extensions": [{**EXPERIMENT["extensions"][0], "healers": 9}]}
    with pytest.raises(ChaosError, match="healers: expected a number from 1 to 5, got 9"):
        promise_of(many)


# --- healers


class Fake:
    """A run that ends when it is told to, or after a while by itself."""

    def __init__(self, log: list[str], which: int, lasts: float) -> None:
        self.log, self.which, self.lasts = log, which, lasts
        self.over = threading.Event()

    def start(self) -> None:
        self.log.append(f"start {self.which}")

    def wait(self) -> None:
        self.over.wait(self.lasts)

    def stop(self) -> None:
        self.log.append(f"stop {self.which}")
        self.over.set()


def test_a_healer_that_has_ended_is_begun_again_and_all_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaosheal.healer.PAUSE", 0.01)
    log: list[str] = []
    schedule = Schedule(2, lambda which: cast(Healer, Fake(log, which, 0.05 if which else 60)))
    schedule.start()
    end = time.monotonic() + 30
    while log.count("start 1") < 3 and time.monotonic() < end:
        time.sleep(0.01)
    schedule.stop()
    known = len(log)
    assert log.count("start 0") == 1 and log.count("start 1") >= 3 and {"stop 0", "stop 1"} <= set(log)
    time.sleep(0.2)
    assert len(log) == known, "nothing begins after the end"


def test_every_process_of_a_run_is_found_and_no_other(tmp_path: Path) -> None:
    child = [sys.executable, "-c", "import time; time.sleep(60)"]
    own, other = ({**os.environ, MARK: str(tmp_path / name)} for name in ("own", "other"))
    nested = "import subprocess, sys; subprocess.run(sys.argv[1:], start_new_session=True)"
    mine = subprocess.Popen([sys.executable, "-c", nested, *child], env=own)
    stranger = subprocess.Popen(child, env=other)
    try:
        end, hit = time.monotonic() + 30, 0
        while hit < 2 and time.monotonic() < end:
            hit = send(str(tmp_path / "own"), signal.SIGCONT)
        assert hit == 2 and send(str(tmp_path / "own"), signal.SIGKILL) == 2
        assert mine.wait(10) == -signal.SIGKILL and stranger.poll() is None
        # The child is nobody's to wait for here, and ends a moment after it has been told to.
        while left := send(str(tmp_path / "own"), signal.SIGKILL):
            assert time.monotonic() < end, f"{left} of the run still live"
    finally:
        mine.kill()
        stranger.kill()
        stranger.wait()


def test_the_latest_run_of_a_healer_is_meant() -> None:
    events = [
        {"kind": "healer", "what": "started", "which": n, "mark": mark} for n, mark in ((0, "a"), (1, "b"), (0, "c"))
    ]
    assert (mark_of(events, 0), mark_of(events, 1)) == ("c", "b")
    with pytest.raises(ChaosError, match="healer 2 is not at work in this run"):
        mark_of(events, 2)


def test_the_next_event_is_waited_for_and_not_one_that_was(tmp_path: Path) -> None:
    history = History(tmp_path / "events.jsonl")
    history.tell("healer", which=0, what="phase", phase="act")
    with pytest.raises(ChaosError, match="within 0 s there was no event with kind healer, phase act"):
        wait_for(tmp_path / "events.jsonl", {"kind": "healer", "phase": "act"}, 0.3)
    later = threading.Timer(0.2, lambda: history.tell("healer", which=1, phase="act"))
    later.start()
    assert wait_for(tmp_path / "events.jsonl", {"kind": "healer", "phase": "act"}, 30)["which"] == 1
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"half": ')
    assert len(read(tmp_path / "events.jsonl")) == 2


def test_results_have_the_times_of_the_verdict() -> None:
    times = replace(NEVER, seen=10.0, detected=12.0, acted=15.0, recovered=40.0)
    kept = result_of(PROMISES["a"], Arm.HEALED, Verdict(Word.PASS, "", times), 5.0, 90.04, "v", "f")
    assert (kept.to_detect, kept.to_act, kept.to_recover, kept.seconds) == (2.0, 5.0, 30.0, 90.0)


def test_patience_makes_a_budget_longer_and_nothing_else() -> None:
    more = with_patience(EXPERIMENT, 3)
    assert promise_of(more).budget == 180 and promise_of(EXPERIMENT).budget == 60
    assert {**more, "configuration": 0} == {**EXPERIMENT, "configuration": 0}
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ChaosError, match="patience: expected a number above 0"):
            with_patience(EXPERIMENT, wrong)
