# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plans that have once found something, new ones of every day, and what becomes of a plan that finds something."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import cooldown
from ansible_collections.selfheal.kubernetes.tests.nemesis.__main__ import main
from ansible_collections.selfheal.kubernetes.tests.nemesis.soak import (
    MUST,
    corpus,
    keep,
    never,
    rules,
    run,
    told,
    tried,
)
from chaosheal.nemesis.plan import Plan

CORPUS = corpus()
# Of the day, so that every day plays others; a failure tells their numbers.
TODAY = 1000 * date.today().toordinal()
PLANS, AT_ONCE = 50, 10


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 6
    assert all(1 <= len(plan.steps) <= 3 for plan in CORPUS.values())


@pytest.mark.parametrize("plan", CORPUS.values(), ids=CORPUS)
def test_what_has_once_found_something_finds_nothing(plan: Plan) -> None:
    assert tried(plan)[1] == [], "\n".join(told(plan))


@pytest.mark.parametrize("first", range(TODAY, TODAY + PLANS, AT_ONCE))
def test_new_plans_find_nothing(first: int) -> None:
    result = run(range(first, first + AT_ONCE), smallest=False)
    assert result.counts["plans"] == AT_ONCE
    assert not result.found, f"plan {result.found[0].seed}: {result.found[0].wrong}"


def test_what_was_never_met_is_told() -> None:
    counts = Counter(dict.fromkeys(MUST, 1))
    assert never(counts) == []
    del counts["turn busy"]
    assert never(counts) == ["the lease was contended"]


def test_a_plan_that_finds_something_is_made_small_kept_and_played_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(cooldown, "seconds_between", lambda _earlier, _later: 10**6)
        (found,) = run(range(1, 200), first=True).found
        assert rules(found.wrong)[0] == "I10 attempts" and found.shrunk is not None
        assert len(found.smallest.steps) == 1 and "I10 attempts" in rules(found.left)
        path = keep(found, tmp_path)
        assert path.name == f"i10-attempts-{found.seed}.json"
        assert corpus(tmp_path) == {path.stem: found.smallest}
        assert main(["--again", str(path)]) == 1
        assert "** I10 attempts: " in capsys.readouterr().out
        assert main(["--first", "--seeds", str(found.seed), "--runs", "1"]) == 1
        said = capsys.readouterr().out
        assert f"FAILED plan {found.seed}: I10 attempts: " in said and "shrunk to 1 steps in " in said
    assert main(["--again", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 plans, 0 of them broke a rule"


def test_a_file_that_is_no_plan_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.json"
    path.write_text("{", encoding="utf-8")
    assert main(["--again", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"nemesis: {path}: expected JSON")


def test_too_few_plans_meet_too_little(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--processes", "1", "--seeds", "1", "--runs", "1"]) == 1
    *_others, missed, last = capsys.readouterr().out.splitlines()
    assert missed.startswith("never seen: ") and last.endswith("; 0 plans broke a rule")
