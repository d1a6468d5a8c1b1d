# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants, mutants
from ansible_collections.selfheal.kubernetes.tests.simulation.mutants import MUTANTS, Mutant
from ansible_collections.selfheal.kubernetes.tests.thorough import share

ONE = next(mutant for mutant in MUTANTS if mutant.name == "cordon-ignored")


@pytest.mark.parametrize("mutant", share(MUTANTS, 4), ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    verdict = mutants.try_out(mutant)
    assert not verdict.trouble, verdict.trouble
    assert mutant.rule in verdict.rules


def test_every_invariant_catches_a_planted_bug() -> None:
    """One that catches none may be one that cannot."""
    convergence, quiet = "I7 convergence", "I8 quiet"
    assert {*invariants.INVARIANTS, convergence, quiet} <= {mutant.rule for mutant in MUTANTS}


def test_the_same_copy_without_a_bug_is_explored_to_its_end() -> None:
    status, told = mutants.explore(None, ONE.scene, ["--faults", "0"])
    assert status == 0 and told.endswith("no rule broken\n")


def test_a_change_that_is_no_bug_survives(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (edit,) = ONE.edits
    harmless = replace(ONE, edits=(replace(edit, new=f"{edit.old}  # nothing else"),), options=("--faults", "0"))
    monkeypatch.setattr(mutants, "MUTANTS", (harmless,))
    assert mutants.main([]) == 1
    line, sum_ = capsys.readouterr().out.splitlines()
    assert "NOT CAUGHT: survived: 2 healers, 3 nodes" in line
    assert sum_.startswith("0 of 1 planted bugs caught")


def test_a_bug_whose_place_is_gone_is_not_caught() -> None:
    (edit,) = ONE.edits
    verdict = mutants.try_out(replace(ONE, edits=(replace(edit, old="what nobody has written"),)))
    assert not verdict.rules
    assert verdict.trouble.endswith("has the text to be replaced 0 times: 'what nobody has written'")


def test_a_bug_of_which_another_rule_speaks_is_not_caught(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "MUTANTS", (replace(ONE, rule="I1 shares"),))
    assert mutants.main([]) == 1
    line, sum_ = capsys.readouterr().out.splitlines()
    assert "NOT CAUGHT: I13 people spoke, expected I1 shares" in line
    assert sum_.startswith("0 of 1 planted bugs caught")


def test_a_night_tells_which_rules_were_broken() -> None:
    told = "seed 101: I7 convergence: node w1 is sick\nI9 storms: too early\n\n03:00:00 h1: table: no rule\n"
    assert mutants.spoken(f"FAILED  seed 101: 3 runs in 1 s\n\n{told}") == ("I7 convergence", "I9 storms")
    assert mutants.spoken("** I6 lease: held by nobody\n") == ("I6 lease",)
    assert mutants.spoken("passed  seed 101: 3 runs in 1 s\n") == ()


def test_what_takes_too_much_of_the_processor_is_told_apart_from_what_the_clock_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy machine has no verdict; one that was given its time has one."""
    long = replace(ONE, scene="reboot", edits=())
    assert mutants.try_out(long, 1).trouble == "nothing was found in 1 s of the processor's time"
    monkeypatch.setattr(mutants, "PATIENCE", 0.1)
    assert mutants.try_out(long, 5).trouble == "no end in 0 s by the clock"


def test_an_unknown_name_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        mutants.main(["no-such-bug"])
    assert ended.value.code == 2
    assert "unknown mutant 'no-such-bug'" in capsys.readouterr().err.splitlines()[-1]
