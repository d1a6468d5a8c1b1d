# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest

from bench import goals
from bench.goals import Missing


def sample(**changes: Any) -> dict[str, Any]:
    made = {
        "wall": 1.0,
        "observe_wall": 0.9,
        "cpu": 0.5,
        "cpu_before": 0.2,
        "rss": 80.0,
        "rss_growth": 30.0,
        "api_cpu": 0.1,
        "api_growth": 0.0,
        "bytes": 3_000_000,
        "result_bytes": 10_000,
        "sampled": False,
    }
    return {**made, **changes}


def result(name: str = "B", gate: bool = False) -> dict[str, Any]:
    """A run in which every goal is just met."""
    return {
        "gate": gate,
        "size": {"name": name, "nodes": 2000, "pods": 20000, "sampled": 5000},
        "samples": {
            "ours": [sample(wall=1.2, cpu=1.0, rss=100.0, api_cpu=2.5, api_growth=20.0, result_bytes=65536)],
            "ours-stdlib": [sample(wall=2.0)],
            "sink": [sample()],
            "sink-screening": [sample(bytes=160 * 20000, api_cpu=0.1)],
            "full-list": [sample(api_cpu=1.8)],
            "screening": [sample(cpu=0.04, rss_growth=20.0)],
            "k8s_info-nothing": [sample(cpu=1.0, rss=100.0)],
            "k8s_info": [sample(cpu=11.0, rss=600.0, pods=5000)],
            "exact": [{"missed": [], "extra": [], "unseen": [], "findings": 10, "objects": 9, "planted": 9}],
        },
    }


def short(made: dict[str, Any]) -> list[str]:
    return [goal.claim for goal in goals.goals(made) if not goal.ok]


def test_what_is_just_enough_is_enough() -> None:
    assert short(result()) == []
    assert len(goals.goals(result())) == len(goals.CLAIMS)


@pytest.mark.parametrize(
    ("contestant", "figure", "value", "word"),
    [
        ("ours", "wall", 1.201, "with msgspec"),
        ("ours-stdlib", "wall", 2.001, "without msgspec"),
        ("sink", "wall", 0.99, "with msgspec"),
        ("sink-screening", "bytes", 160 * 20000 + 1, "bytes of an answer"),
        ("sink-screening", "api_cpu", 0.101, "one full list over"),
        ("full-list", "api_cpu", 1.79, "one full list over"),
        ("ours", "cpu", 1.001, "client CPU of an observation"),
        ("ours", "rss", 100.1, "peak memory"),
        ("ours", "api_cpu", 2.501, "API server CPU of an observation"),
        ("ours", "api_growth", 20.1, "memory growth"),
        ("ours", "result_bytes", 65537, "size of the module's result"),
        ("screening", "cpu", 0.0401, "client CPU for each pod"),
        ("k8s_info", "cpu", 10.99, "client CPU for each pod"),
        ("screening", "rss_growth", 20.1, "client memory for each pod"),
        ("k8s_info", "rss", 599.0, "client memory for each pod"),
    ],
)
def test_what_is_not_enough_is_told(contestant: str, figure: str, value: float, word: str) -> None:
    made = result()
    made["samples"][contestant][0][figure] = value
    assert any(word in claim for claim in short(made)), goals.goals(made)


@pytest.mark.parametrize("part", ["missed", "extra", "unseen"])
def test_one_pod_that_only_one_of_the_two_finds_is_too_many(part: str) -> None:
    made = result()
    made["samples"]["exact"][0][part] = ["Pod a/b"]
    assert short(made) == ["screening finds what full objects show"]


def test_that_nothing_was_found_proves_nothing() -> None:
    made = result()
    made["samples"]["exact"][0].update(findings=0, objects=0)
    assert short(made) == ["screening finds what full objects show"]


def test_a_contestant_without_a_result_falls_short() -> None:
    made = result()
    made["samples"]["k8s_info"] = [{"error": "first line\nit was killed"}]
    told = [goal for goal in goals.goals(made) if not goal.ok]
    assert len(told) == 2 and all("it was killed" in goal.measured for goal in told)
    del made["samples"]["k8s_info"]
    assert len(short(made)) == 2


def test_the_gate_needs_no_peers() -> None:
    made = result("A", gate=True)
    for name in ("k8s_info", "k8s_info-nothing", "screening", "exact"):
        del made["samples"][name]
    made["samples"]["ours"][0].update(cpu=5.0, api_cpu=5.0, rss=500.0, api_growth=500.0)
    assert short(made) == []
    assert len(goals.goals(made)) == 5


def test_the_gate_fails_on_a_ratio() -> None:
    made = result("A", gate=True)
    made["samples"]["full-list"][0]["api_cpu"] = 1.7
    assert short(made) == ["API server CPU: one full list over the screening"]


@pytest.mark.parametrize(
    ("name", "what", "guard", "goal"),
    [("ours", "with msgspec", 4.0, "1.2x"), ("ours-stdlib", "without msgspec", 6.0, "2x")],
)
def test_the_gate_guards_a_goal_that_is_not_met(name: str, what: str, guard: float, goal: str) -> None:
    made = result("A", gate=True)
    made["samples"][name][0]["wall"] = guard
    assert short(made) == []
    assert any(goal in g.measured for g in goals.goals(made) if what in g.claim), "it says what the goal is"
    made["samples"][name][0]["wall"] = guard + 0.01
    assert short(made) == [f"wall {what} over a byte sink"]


def test_what_only_the_largest_size_shows_is_not_asked_of_others() -> None:
    made = result("A")
    made["samples"]["ours"][0].update(cpu=5.0, api_cpu=5.0, rss=500.0)
    assert short(made) == []


def test_ratios_of_moments_are_not_judged_at_the_small_size() -> None:
    made = result("small")
    made["samples"]["ours"][0].update(wall=100.0, result_bytes=65537)
    assert short(made) == ["size of the module's result"]


def test_a_figure_is_that_of_the_least_disturbed_round_or_of_the_middle_one() -> None:
    made = result()
    made["samples"]["ours"] = [sample(wall=w) for w in (3.0, 1.0, 2.0)]
    assert goals.best(made, "ours", "wall") == 1.0
    assert goals.middle(made, "ours", "wall") == 2.0
    assert goals.worst(made, "ours", "wall") == 3.0


def test_rounds_that_failed_do_not_count() -> None:
    made = result()
    made["samples"]["ours"] = [{"error": "x"}, sample(wall=4.0)]
    assert goals.best(made, "ours", "wall") == 4.0
    made["samples"]["ours"] = [{"error": "x"}]
    with pytest.raises(Missing, match="ours: x"):
        goals.best(made, "ours", "wall")


def test_nothing_is_infinitely_less() -> None:
    assert goals.ratio(1.0, 0.0) == float("inf")
    assert goals.ratio(6.0, 3.0) == 2.0


def test_a_peer_is_charged_for_its_pods_only() -> None:
    made = result()
    assert goals.peer_cpu_per_pod(made) == pytest.approx(10.0 / 5000)
    assert goals.peer_memory_per_pod(made) == pytest.approx(500.0 / 5000)


def test_a_line_says_the_claim_the_number_and_the_goal() -> None:
    lines = [goal.line() for goal in goals.goals(result())]
    assert (
        "ok     wall with msgspec over a byte sink: 1.20x (1.20 s, without judging 0.90 s, and 1.00 s) (goal: <= 1.2x)"
        in lines
    )
    made = copy.deepcopy(result())
    made["samples"]["ours"][0]["wall"] = 3.0
    assert goals.goals(made)[0].line().startswith("SHORT  wall with msgspec")
