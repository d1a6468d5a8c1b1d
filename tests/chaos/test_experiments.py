# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The extension as the Chaos Toolkit sees it, and experiments on a real cluster, with a healer and without one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chaosheal.history import History
from chaosheal.runner import Run, load, play, promise_of
from chaosheal.verdict import Arm, Word

from lab.drill import Drill
from tests.chaos.ground import EXPERIMENTS, healing

ROOT = Path(__file__).resolve().parents[2] / "chaos"


def chaos(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chaos") or str(Path(sys.executable).with_name("chaos"))
    argv = [program, "--no-version-check", "--no-log-file", *words]
    return subprocess.run(
        argv, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )


def test_it_is_discovered(tmp_path: Path) -> None:
    import chaosheal

    found = {one["name"]: one for one in chaosheal.discover()["activities"]}
    assert {"inject_fault", "undo_faults", "recovers", "cluster_is_well", "nothing_is_broken"} <= set(found)
    arguments = {one["name"]: one for one in found["inject_fault"]["arguments"]}
    assert list(arguments) == ["fault", "target", "params", "lasts", "configuration"]
    assert arguments["fault"]["type"] == "string" and "default" not in arguments["fault"]
    assert all(one["doc"] for one in found.values())


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.rglob("*.json")), ids=lambda path: path.stem)
def test_each_experiment_is_valid_and_says_what_it_promises(path: Path) -> None:
    done = chaos("validate", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert promise_of(load(path)).budget > 0


def _ends_this_process() -> bool:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    return True


def test_what_is_ended_from_outside_is_no_result(tmp_path: Path) -> None:
    activity = {"provider": {"type": "python", "module": __name__, "func": _ends_this_process.__name__}}
    method = [{"type": "action", "name": name, **activity} for name in ("first", "second")]
    history = History(tmp_path / "events.jsonl")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        play({"title": "one", "description": "one", "method": method}, history)
    assert [event["name"] for event in history.events if event["kind"] == "activity"] == ["first"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.HEALED])
def test_a_stopped_kubelet_comes_back_with_a_healer_and_not_without(drill: Drill, tmp_path: Path, arm: Arm) -> None:
    drill.forget()
    path = EXPERIMENTS / "kubelet-stopped.json"
    # With a healer it comes back in half of the budget.
    patience = 0.6 if arm is Arm.CONTROL else 1.0
    run = Run(path, tmp_path / arm.value, healing(drill), arm, str(drill.cluster.kubeconfig), patience)
    verdict = run.carry_out()
    events = (tmp_path / arm.value / "events.jsonl").read_text(encoding="utf-8")
    assert verdict.word is Word.PASS, f"{verdict.why}\n{events}"
    if arm is Arm.HEALED:
        assert verdict.times.detected is not None and verdict.times.acted is not None
