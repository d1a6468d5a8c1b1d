# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each rule, from histories made by hand: one that keeps it, and one that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from chaosheal.invariants import RULES, Broken, broken

INJECTED = {"t": 10, "kind": "injected", "faults": [{"node": "w-1"}]}


def healer(t: float, what: str, **about: Any) -> dict[str, Any]:
    return {"t": t, "kind": "healer", "what": what, **about}


def sample(t: float, *wrong: str) -> dict[str, Any]:
    return {"t": t, "kind": "sample", "good": not wrong, "wrong": list(wrong)}


KEPT = [
    INJECTED,
    sample(20, "w-1: Ready is False", "w-1: is cordoned"),
    healer(25, "acted", node="w-1"),
    sample(40, "kube-proxy: 1 of 2 pods are ready"),
    healer(41, "repaired", node="w-1"),
    sample(50),
    healer(60, "ended", status="canceled"),
]


def test_a_run_that_keeps_them_all() -> None:
    assert broken(KEPT) == [] and broken([]) == []


@pytest.mark.parametrize("over", [{"what": "ended"}, {"what": "phase", "phase": "unlock"}])
def test_healers_may_act_one_after_the_other(over: dict[str, Any]) -> None:
    first, second = (healer(t, "acted", node="w-1", which=which) for t, which in ((25, 0), (40, 1)))
    assert broken([INJECTED, first, {"t": 30, "kind": "healer", "which": 0, **over}, second]) == []
    assert broken([INJECTED, first, {"t": 30, "kind": "healer", "which": 1, **over}, second]) != []


@pytest.mark.parametrize(
    ("events", "name", "why"),
    [
        (
            [INJECTED, healer(25, "acted", node="w-2")],
            "only what is broken is touched",
            "a repair was begun on w-2, to which nothing had been done",
        ),
        (
            [INJECTED, sample(20, "w-1: is cordoned", "w-2: is cordoned")],
            "one node at a time is cordoned",
            "w-1: is cordoned, w-2: is cordoned",
        ),
        (
            [healer(25, "repaired", node="w-1"), sample(30, "x"), sample(80, "x")],
            "who says that it is well is right",
            "w-1 was called repaired, and for 60 s nobody else saw it well",
        ),
        (
            [INJECTED, healer(25, "acted", node="w-1", which=0), healer(26, "acted", node="w-1", which=1)],
            "one healer at a time acts",
            "healer 1 began while healer 0 was at work",
        ),
        (
            [healer(60, "ended", status="still runs")],
            "a healer ends when it is told to",
            "it was cancelled, and went on",
        ),
    ],
)
def test_a_run_that_breaks_one(events: list[dict[str, Any]], name: str, why: str) -> None:
    assert broken(events) == [Broken(name, why)] and name in RULES
