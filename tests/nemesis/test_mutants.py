# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nemesis finds bugs that were planted, in plans of a few steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.tests.nemesis import mutants
from ansible_collections.selfheal.kubernetes.tests.nemesis.checkers import CHECKERS
from ansible_collections.selfheal.kubernetes.tests.nemesis.mutants import BUGS, RULES
from ansible_collections.selfheal.kubernetes.tests.thorough import THOROUGH

ONE = BUGS["pause-ignored"]
# Those that the first few plans find; all of them take half an hour, and are for the night.
QUICK = (
    *("given-up-at-once", "lease-taken-in-date", "never-recovered", "no-cooldown"),
    *("no-failure-domain", "pause-ignored", "record-says-well"),
)


@pytest.mark.parametrize("name", tuple(BUGS) if THOROUGH else QUICK)
def test_a_planted_bug_is_found_in_a_few_steps(name: str) -> None:
    verdict = mutants.try_out(BUGS[name], RULES[name])
    assert not verdict.trouble, verdict.trouble
    assert RULES[name] in verdict.rules and verdict.steps <= mutants.MOST_STEPS


def test_there_are_as_many_bugs_as_there_should_be() -> None:
    assert set(BUGS) == set(RULES) and len(BUGS) >= 6
    assert {"steady", "quiet", "neglect"} < set(RULES.values()) <= set(CHECKERS)


def test_without_a_bug_nothing_is_found() -> None:
    _status, told = mutants.hunt(None, runs=3)
    assert told.splitlines()[-1].endswith("; 0 plans broke a rule")


def test_a_bug_of_which_another_checker_speaks_is_not_found() -> None:
    assert mutants.try_out(ONE, "I1 shares").trouble.endswith("spoke, expected I1 shares")


def test_a_bug_that_leaves_too_much_of_a_plan_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "MOST_STEPS", 0)
    assert mutants.try_out(ONE, RULES[ONE.name]).trouble == "1 steps are left, at most 0 may be"


def test_a_bug_whose_place_is_gone_is_not_found() -> None:
    (edit,) = ONE.edits
    lost = replace(ONE, edits=(replace(edit, old="what nobody has written"),))
    assert "has the text to be replaced 0 times" in mutants.try_out(lost, RULES[ONE.name]).trouble


def test_an_unknown_name_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        mutants.main(["no-such-bug"])
    assert ended.value.code == 2
    assert "unknown bug 'no-such-bug'" in capsys.readouterr().err.splitlines()[-1]
