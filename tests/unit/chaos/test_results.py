# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results that are kept and counted, and what is told of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from chaosheal.model import ChaosError
from chaosheal.report import drawn, junit, page, table
from chaosheal.results import Result, Results, counts, spread, wilson

from tests.chaos import page as kept

GOOD = Result(
    experiment="E02",
    title="kubelet | stopped",
    faults=("kubelet_stop",),
    arm="healed",
    recovers=True,
    budget=180.0,
    word="pass",
    why="recovered 40 s after its effect was seen",
    at=1000.0,
    seconds=90.0,
    to_detect=5.0,
    to_act=10.0,
    to_recover=40.0,
    version="abc",
    folder="E02/healed/x",
)
SLOW = replace(GOOD, at=2000.0, to_detect=9.0, to_recover=60.0)
BAD = replace(GOOD, at=3000.0, word="deviated", why="it did not <recover>", to_recover=None)
CONTROL = replace(GOOD, arm="control", at=4000.0, to_detect=None, to_act=None, to_recover=None)
ODD = replace(GOOD, experiment="E12", recovers=False, word="inject", why="403", faults=("packet_loss",))


def test_what_is_kept_comes_back_and_what_is_no_result_is_named(tmp_path: Path) -> None:
    results = Results(tmp_path / "deep" / "er")
    assert results.all() == []
    for one in (GOOD, CONTROL):
        results.add(one)
    assert Results(results.folder).all() == [GOOD, CONTROL]
    with (results.folder / "results.jsonl").open("a") as file:
        file.write('{"experiment": "E02"}\n')
    with pytest.raises(ChaosError, match=r"results.jsonl, line 3: expected the result of a run"):
        results.all()


def test_runs_are_counted_by_experiment_and_arm() -> None:
    healed, control, other = counts([GOOD, ODD, BAD, CONTROL, SLOW])
    assert (healed.experiment, healed.arm, healed.runs, healed.passed) == ("E02", "healed", 3, 2)
    assert (healed.to_detect, healed.to_recover) == ((5.0, 9.0), (40.0, 60.0)), "of a run that failed no time counts"
    assert (control.arm, control.runs, control.passed, control.to_recover) == ("control", 1, 1, ())
    assert (other.experiment, other.passed) == ("E12", 0)


# Of a table of Wilson's intervals.
@pytest.mark.parametrize(
    ("passed", "runs", "low", "high"), [(0, 0, 0, 1), (3, 3, 0.4385, 1), (0, 3, 0, 0.5615), (8, 10, 0.4902, 0.9433)]
)
def test_the_interval_is_wilsons(passed: int, runs: int, low: float, high: float) -> None:
    assert wilson(passed, runs) == pytest.approx((low, high), abs=1e-4)


def test_times_are_told_with_their_spread() -> None:
    assert [spread(one) for one in ((), (40.2,), (40.0, 60.0, 200.0))] == ["-", "40 s", "60 s (40 to 200)"]


def test_the_table_has_a_line_for_each_experiment() -> None:
    lines = table([GOOD, BAD, SLOW, CONTROL, ODD]).splitlines()
    assert lines[2:] == [
        "| E02: kubelet \\| stopped | kubelet_stop | 2 of 3 recovered | 7 s (5 to 9) | 50 s (40 to 60)"
        " | 1 of 1 did not recover |",
        "| E12: kubelet \\| stopped | packet_loss | 0 of 1 left alone | - | - | - |",
    ]


def test_programs_are_told_failures_and_errors_apart() -> None:
    suite = ET.fromstring(junit([GOOD, BAD, ODD]))  # noqa: S314 (it is ours)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    good, bad, odd = suite.findall("testcase")
    assert good.find("failure") is None and good.find("error") is None
    assert {p.get("name"): p.get("value") for p in good.iter("property")}["to_recover"] == "40.0"
    failure, error = bad.find("failure"), odd.find("error")
    assert failure is not None and (failure.get("type"), failure.get("message")) == ("DEVIATED", "it did not <recover>")
    assert error is not None and error.get("type") == "INJECT"


def events() -> list[dict[str, Any]]:
    sick = {"good": False, "wrong": ["w-1: Ready is False"]}
    return [
        {"t": 1000, "kind": "begun"},
        {"t": 1010, "kind": "injected", "faults": []},
        *({"t": 1000 + t, "kind": "sample", "good": True, "wrong": []} for t in (2, 18)),
        *({"t": 1000 + t, "kind": "sample", **sick} for t in (20, 22)),
        {"t": 1025, "kind": "healer", "what": "detected", "nodes": ["w-1"]},
        *({"t": 1000 + t, "kind": "sample", "good": True, "wrong": []} for t in (40, 42, 44)),
        {"t": 1050, "kind": "invariant", "name": "one node at a time is cordoned", "why": "w-1, w-2"},
        {"t": 1100, "kind": "verdict"},
    ]


def test_a_run_is_drawn_in_the_order_of_its_moments() -> None:
    run = drawn(GOOD, events())
    assert [(mark.kind, mark.place) for mark in run.marks] == [
        ("injected", 10.0),
        ("seen", 20.0),
        ("detected", 25.0),
        ("recovered", 40.0),
    ]
    assert [(band.place, band.size) for band in run.bands] == [(20.0, 20.0)]
    assert run.acts == ("25 s: detected w-1",) and run.seconds == 100
    assert dict(run.rules)["one node at a time is cordoned"] == "w-1, w-2" and sum(bool(w) for _n, w in run.rules) == 1


def test_the_page_is_whole_and_nothing_in_it_is_markup_that_was_told() -> None:
    html = page([drawn(GOOD, events()), drawn(BAD, [])])

    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "meta":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    reader = Reader()
    reader.feed(html)
    reader.close()
    assert opened == []
    assert "it did not &lt;recover&gt;" in html and "<recover>" not in html
    assert "Chaos: 1 of 2 runs passed" in html and "http" not in html, "it needs nothing from elsewhere"


def test_the_page_of_the_documentation_is_of_the_results_that_are_kept() -> None:
    assert kept.PAGE.read_text(encoding="utf-8") == kept.text(Results(kept.RESULTS).all()), "run: make chaos-page"
