# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver must not take a part for passed that was not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lab.shell import LabError
from tests import run


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "OUTPUT", tmp_path)
    return tmp_path


def outcome_of(tmp_path, body: str) -> run.Outcome:
    """What the driver makes of a real pytest run of this file."""
    (tmp_path / "test_it.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    report, log = tmp_path / "it.xml", tmp_path / "it.log"
    argv = [sys.executable, "-m", "pytest", "--color=no", "-c", "/dev/null", f"--junitxml={report}", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    log.write_text(done.stdout, encoding="utf-8")
    return run.read_report("it", done.returncode, report, log)


@pytest.mark.parametrize(
    ("body", "passed", "failed", "skipped", "problem"),
    [
        pytest.param("def test_a(): pass\ndef test_b(): pass", 2, 0, 0, "", id="passed"),
        pytest.param("def test_a(): pass\ndef test_b(): raise ValueError", 1, 1, 0, "exit 1", id="failed"),
        pytest.param("def test_a(): pass\n@pytest.mark.skip\ndef test_b(): pass", 1, 0, 1, "", id="skipped"),
        pytest.param("@pytest.mark.skip\ndef test_a(): pass", 0, 1, 1, "no test to run", id="all-skipped"),
        pytest.param("", 0, 1, 0, "no test to run", id="no-test"),
        pytest.param("raise ValueError", 0, 1, 0, "exit 2", id="not-importable"),
    ],
)
def test_counts_are_pytests_own(tmp_path, body, passed, failed, skipped, problem):
    outcome = outcome_of(tmp_path, body)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (passed, failed, skipped)
    assert problem in outcome.problem
    assert bool(problem) == bool(outcome.failed)


def test_a_pytest_that_died_without_a_report_has_failed(tmp_path):
    outcome = run.read_report("it", -9, tmp_path / "none.xml", tmp_path / "none.log")
    assert (outcome.passed, outcome.failed) == (0, 1)


@pytest.mark.parametrize(
    ("code", "passed", "failed"),
    [pytest.param("pass", 1, 0, id="exit-0"), pytest.param("raise ValueError", 0, 1, id="exit-1")],
)
def test_a_command_counts_as_one(monkeypatch, code, passed, failed):
    monkeypatch.setattr(run.toolchain, "environment", lambda lane: {})
    outcome = run.carry_out(run.command("some command", "new", sys.executable, "-c", code))
    assert (outcome.passed, outcome.failed) == (passed, failed)


def test_a_command_that_does_not_end_has_failed(monkeypatch):
    monkeypatch.setattr(run.toolchain, "environment", lambda lane: {})
    part = run.command("endless", "new", sys.executable, "-c", "import time; time.sleep(60)", limit=0.5)
    outcome = run.carry_out(part)
    assert outcome.failed == 1
    assert "no end within" in outcome.problem


def test_the_last_line_sums_up_and_a_failure_shows_its_log(output, capsys):
    (output / "two.log").write_text("the reason\n", encoding="utf-8")
    outcomes = [run.Outcome("one", 1.0, 40, 0, 2, "== 40 passed, 2 skipped =="), run.Outcome("two", 1.0, 0, 1)]
    assert run._conclude(outcomes, 2.0) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "40 passed, 1 failed, 2 skipped"
    assert "the reason" in lines
    assert any(line.endswith("== 40 passed, 2 skipped ==") for line in lines)
    assert run._conclude(outcomes[:1], 2.0) == 0


def test_what_went_wrong_stands_under_the_part_that_failed_at_the_end(output, capsys):
    log = "TASK [Stop kubelet]\nFAILED - RETRYING: [one]: it\n[ERROR]: Task failed: exit 5\n  rc: 5\n" + "more\n" * 100
    (output / "two.log").write_text(log, encoding="utf-8")
    outcomes = [run.Outcome("two", 1.0, 0, 1), run.Outcome("one", 1.0, 40, 0)]
    assert run._conclude(outcomes, 2.0) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAILED  two"))
    assert lines[at + 1].endswith("| [ERROR]: Task failed: exit 5")
    assert lines[at + 2].endswith("|   rc: 5")
    assert lines[-3].startswith("passed  one")


def test_the_plan_has_every_group_and_its_last_lane_is_the_main_one():
    names = [part.name for chain in run.plan(run.GROUPS, ["py311", "new"]) for part in chain]
    assert {"ruff", "mypy", "ansible-lint", "package", "sanity py311", "sanity new", "providers new"} < set(names)
    assert [name for name in names if name.startswith(("unit", "api", "e2e"))] == [
        *("e2e smoke py311", "e2e new", "api new", "unit py311", "unit new")
    ]
    assert [part.name for chain in run.plan(["unit"], ["new"]) for part in chain] == ["unit new"]


def test_each_scenario_of_molecule_is_a_part_and_the_cluster_is_taken_away_after_the_last():
    (clusters,) = run.plan(["molecule"], ["py311", "new"])
    names = [part.name for part in clusters]
    scenarios = [
        path.parent.name
        for path in run.CHECKOUT.glob("extensions/molecule/*/molecule.yml")
        if run.THOROUGH or path.parent.name in run.BY_DAY
    ]
    assert names[0] == "node image" and names[-1] == "molecule cluster"
    assert names[1:-1] == [f"molecule {name}" for name in sorted(scenarios)]
    assert {"default", "kubelet_restart"} < set(scenarios)
    both = run.plan(["e2e", "molecule"], ["py311", "new"])[0]
    assert [part.name for part in both].count("node image") == 1, "they share an image, and take turns"


def test_what_takes_long_is_left_to_the_night():
    by_day, at_night = ({part.name for part in run.molecule("new", thorough)} for thorough in (False, True))
    assert by_day == {f"molecule {name}" for name in (*run.BY_DAY, "cluster")}
    assert by_day < at_night and "molecule kubelet_restart_rare" in at_night - by_day


@pytest.mark.parametrize(
    ("script", "problem"),
    [("exit 0", None), ("echo Executed: Missing playbook", "a step has no playbook"), ("exit 1", "exit 1")],
)
def test_a_scenario_that_passes_over_a_step_has_failed(monkeypatch, tmp_path, script, problem):
    program = tmp_path / "molecule"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setattr(run.toolchain, "environment", lambda lane: {**os.environ, "PATH": path})
    monkeypatch.setenv("PATH", path)
    outcome = run.carry_out(run._scenario("some", "new"))
    assert outcome.failed == (1 if problem else 0)
    assert (problem or "") in outcome.problem


def test_a_tarball_with_something_unknown_is_refused():
    with pytest.raises(LabError, match=r"holds lab, notes: list them in galaxy.yml's build_ignore"):
        run.check_contents("it.tar.gz", ["README.md", *run.NEEDED, "plugins/modules/x.py", "lab/x.py", "notes"])
    with pytest.raises(LabError, match=r"lacks playbooks, README\.md"):
        run.check_contents("it.tar.gz", ["meta", "plugins", "roles"])
    run.check_contents("it.tar.gz", ["README.md", *run.NEEDED])


def test_a_part_of_an_extra_runs_in_its_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(run.toolchain, "environment", lambda lane: pytest.fail("this is the lane's own"))
    asked = []

    def environment_with(extra, lane):
        asked.append((extra, lane))
        return {"PATH": str(tmp_path)}

    monkeypatch.setattr(run.toolchain, "environment_with", environment_with)
    (tmp_path / "pytest").write_text("#!/bin/sh\necho in its own environment; exit 3\n", encoding="utf-8")
    (tmp_path / "pytest").chmod(0o755)
    [[part]] = run.plan(["providers"], ["new"])
    outcome = run.carry_out(part)
    assert asked == [("providers", "new")]
    assert (outcome.failed, outcome.summary) == (1, "in its own environment")
