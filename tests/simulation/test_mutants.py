# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.tests.simulation import mutants
from ansible_collections.selfheal.kubernetes.tests.simulation.mutants import MUTANTS, Mutant

ONE = next(mutant for mutant in MUTANTS if mutant.name == "cordon-ignored")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    verdict = mutants.try_out(mutant)
    assert verdict.rule, verdict.trouble


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
    assert not verdict.rule
    assert verdict.trouble.endswith("has the text to be replaced 0 times: 'what nobody has written'")


def test_an_unknown_name_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        mutants.main(["no-such-bug"])
    assert ended.value.code == 2
    assert "unknown mutant 'no-such-bug'" in capsys.readouterr().err.splitlines()[-1]
