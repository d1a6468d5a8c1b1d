# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as shown of an experiment, and that every claim of the proof of chaos is of tests that are there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from chaosheal.results import Result, counts
from chaosheal.runner import Promise

from lab.paths import CHECKOUT
from tests.prove.chaos import VERDICTS, experiments, shown

TOLD = Promise("E02", "a kubelet is stopped", True, 60.0)


def runs(arm: str, words: Sequence[str]) -> list[Result]:
    return [
        Result("E02", "", ("kubelet_stop",), arm, True, 60.0, word, "", 0.0, 1.0, 5.0, 6.0, 7.0, "", "")
        for word in words
    ]


@pytest.mark.parametrize(
    ("healed", "control", "measured", "enough"),
    [
        (
            ["pass"] * 3,
            ["pass"],
            "3 of 3, detected after 5 s (5 to 5), recovered after 7 s (7 to 7), without one 1 of 1",
            True,
        ),
        (["pass"] * 2, ["pass"], "2 of 2", False),
        (["pass", "deviated", "pass", "pass"], ["pass"], "3 of 4", False),
        (["pass"] * 3, [], "no run without one", False),
        (["pass"] * 3, ["deviated"], "without one 0 of 1", False),
        ([], ["pass"], "no run", False),
    ],
)
def test_what_is_shown(healed: Sequence[str], control: Sequence[str], measured: str, enough: bool) -> None:
    told, good = shown(TOLD, counts(runs("healed", healed) + runs("control", control)))
    assert measured in told and good is enough


def test_one_without_a_control_run_needs_none() -> None:
    known = counts(runs("healed", ["pass"] * 3))
    assert shown(Promise("E02", "", True, 60.0, control=False), known)[1] and not shown(TOLD, known)[1]


def test_every_claim_is_of_something_that_is_there() -> None:
    text = (CHECKOUT / "tests" / "chaos" / "test_verdicts.py").read_text(encoding="utf-8")
    assert all(f"def {name}(" in text for names in VERDICTS.values() for name in names)
    idents = [told.ident for told in experiments(CHECKOUT / "chaos" / "experiments")]
    assert len(idents) == len(set(idents)) > 40
