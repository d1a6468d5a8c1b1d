# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds of every fault, whatever it does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from chaosheal import faults
from chaosheal.faults import FAULTS, fault_named
from chaosheal.model import ChaosError, Command, Fault, Target, Where

from lab.paths import CHECKOUT

FOLDER = CHECKOUT / "chaos" / "chaosheal" / "faults"
TARGET = Target("worker-1", "0a1b2c3d", planes=("10.0.0.1", "10.0.0.2"))


def commands(fault: Fault) -> list[Command]:
    params = fault.settle({})
    looks = fault.effect(TARGET, params)
    return [*fault.inject(TARGET, params), *fault.undo(TARGET, params), looks.command]


def test_each_file_is_one_fault_and_in_the_registry() -> None:
    files = {path.stem for path in FOLDER.glob("[a-z]*.py")}
    assert files == set(FAULTS) and len(FAULTS) >= 27
    for name in files:
        assert getattr(faults, name).FAULT is FAULTS[name]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_can_be_brought_about_taken_back_and_seen(fault: Fault) -> None:
    params = fault.settle({})
    assert fault.inject(TARGET, params) and fault.undo(TARGET, params) and fault.about
    assert fault.effect(TARGET, params).command not in fault.inject(TARGET, params), "who did it does not prove it"
    assert all(Command.from_dict(one.to_dict()) == one for one in commands(fault)), "it survives the journal"
    if not fault.passes:
        assert fault.effect(TARGET, params).says or fault.effect(TARGET, params).command.argv


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_script_is_one_for_a_shell(fault: Fault, tmp_path: Path) -> None:
    shell = shutil.which("dash") or "sh"
    for command in commands(fault):
        if command.where is Where.NODE and command.argv[:2] == ("sh", "-c"):
            script = tmp_path / "script"
            script.write_text(command.argv[2], encoding="utf-8")
            done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, (command.argv[2], done.stderr)


def test_a_parameter_is_checked() -> None:
    fault = fault_named("cpu_starvation")
    assert fault.settle({"percent": 7})["percent"] == 7
    for wrong, says in (
        ({"percent": 0}, "expected a number from 1 to 100, got 0"),
        ({"percent": "much"}, "expected int, got 'much'"),
        ({"percent": True}, "expected int, got True"),
        ({"speed": 1}, "has no parameter 'speed'; it has: percent"),
    ):
        with pytest.raises(ChaosError, match=says):
            fault.settle(wrong)
    with pytest.raises(ChaosError, match="under: expected one of run, etc, got 'usr'"):
        fault_named("kubelet_crash_loop").settle({"under": "usr"})
    with pytest.raises(ChaosError, match="there is no fault 'earthquake'; expected one of"):
        fault_named("earthquake")


def test_an_effect_that_takes_long_is_awaited_for_as_long() -> None:
    assert fault_named("kubelet_certificate_expired").seconds == 90
