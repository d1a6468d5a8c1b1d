# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each word of a verdict, from histories made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from chaosheal.verdict import EXIT, Arm, Word, judge, timeline

Events = list[dict[str, Any]]


def history(*changes: tuple[int, str, dict[str, Any]], recovers_at: int | None = 60) -> Events:
    """A run in which a fault at 10 is seen at 20 and is gone at 60, with changes."""
    events = [
        {"t": 0, "kind": "gate", "ok": True, "why": ""},
        {"t": 10, "kind": "injected", "faults": []},
        {"t": 25, "kind": "healer", "what": "detected", "nodes": ["w-1"]},
        {"t": 30, "kind": "healer", "what": "acted", "node": "w-1"},
        {"t": 55, "kind": "healer", "what": "repaired", "node": "w-1"},
        *(
            {"t": t, "kind": "sample", "good": t < 20 or (recovers_at is not None and t >= recovers_at), "wrong": []}
            for t in range(2, 120, 2)
        ),
        {"t": 130, "kind": "rollback", "left": []},
        {"t": 135, "kind": "settled", "wrong": []},
        {"t": 140, "kind": "fingerprint", "differences": []},
    ]
    events += [{"t": t, "kind": kind, **about} for t, kind, about in changes]
    return sorted(events, key=lambda event: event["t"])


def without(events: Events, kind: str) -> Events:
    return [event for event in events if event["kind"] != kind]


def test_the_times_are_those_of_somebody_who_is_not_the_healer() -> None:
    times = timeline(history())
    assert (times.injected, times.seen, times.detected, times.acted) == (10, 20, 25, 30)
    assert (times.repaired, times.recovered) == (55, 60)
    assert (times.to_detect, times.to_act, times.to_recover) == (5, 10, 40)
    # Two good samples are a moment's luck, and what was bad before the fault is not its effect.
    lucky = [{**e, "good": e["good"] or e["t"] in (40, 42)} if e["kind"] == "sample" else e for e in history()]
    assert timeline(lucky).recovered == 60
    early = [{**e, "good": False} if e["kind"] == "sample" and e["t"] == 4 else e for e in history()]
    assert timeline(early).seen == 20
    again = [{**e, "good": False} if e["kind"] == "sample" and e["t"] > 100 else e for e in history()]
    assert timeline(again).recovered is None, "what is sick again at the end has not recovered"


BROKEN = {"name": "I13", "node": "w-2", "why": "a person's cordon was lifted"}


@pytest.mark.parametrize(
    ("events", "arm", "recovers", "word", "why"),
    [
        (history(), Arm.HEALED, True, Word.PASS, "recovered 40 s after its effect was seen"),
        (history(recovers_at=None), Arm.CONTROL, True, Word.PASS, "did not recover without a healer"),
        (history(recovers_at=None), Arm.HEALED, True, Word.DEVIATED, "did not recover within 60 s"),
        (history(recovers_at=90), Arm.HEALED, True, Word.DEVIATED, "recovered after 70 s, at most 60 s"),
        (history(), Arm.CONTROL, True, Word.DEVIATED, "recovered after 40 s without a healer, so nothing is proven"),
        (history(recovers_at=2), Arm.HEALED, True, Word.DEVIATED, "nobody but the injection has seen an effect"),
        (history(), Arm.HEALED, False, Word.DEVIATED, "the healer acted, and there was nothing for it to do"),
        (without(history(), "healer"), Arm.HEALED, False, Word.PASS, "nothing was done about it"),
        (history((1, "gate", {"ok": False, "why": "w-3: Ready is False"}))[1:], Arm.HEALED, True, Word.GATE, "w-3"),
        (without(history(), "gate"), Arm.HEALED, True, Word.GATE, "nobody has looked"),
        (history((11, "inject_failed", {"why": "403"})), Arm.HEALED, True, Word.INJECT, "403"),
        (history((11, "interrupted", {"why": "a signal"})), Arm.HEALED, True, Word.INJECT, "a signal"),
        (without(history(), "injected"), Arm.HEALED, True, Word.INJECT, "no fault was brought about"),
        (history((50, "invariant", BROKEN)), Arm.HEALED, True, Word.INVARIANT, "I13: a person's cordon was lifted"),
        (history((131, "rollback", {"left": ["w-1: no"]})), Arm.HEALED, True, Word.ROLLBACK, "w-1: no"),
        (without(history(), "rollback"), Arm.HEALED, True, Word.ROLLBACK, "nothing was taken back"),
        (
            history((136, "settled", {"wrong": ["w-2: Ready is False"]})),
            Arm.HEALED,
            True,
            Word.ROLLBACK,
            "and yet: w-2",
        ),
        (
            without(history(), "settled"),
            Arm.HEALED,
            True,
            Word.ROLLBACK,
            "nobody has looked whether the cluster is well",
        ),
        (history((141, "fingerprint", {"differences": ["w-1: new: x"]})), Arm.HEALED, True, Word.LEAK, "w-1: new: x"),
        (without(history(), "fingerprint"), Arm.HEALED, True, Word.LEAK, "nobody has compared"),
    ],
)
def test_each_word(events: Events, arm: Arm, recovers: bool, word: Word, why: str) -> None:
    verdict = judge(events, arm, recovers, 60)
    assert verdict.word is word and why in verdict.why


def test_only_a_pass_ends_with_0() -> None:
    assert set(EXIT) == set(Word) and [word for word, code in EXIT.items() if code == 0] == [Word.PASS]


def test_where_nothing_is_meant_to_be_broken_nothing_has_to_be() -> None:
    healthy = [event for event in history(recovers_at=2) if event["kind"] not in ("injected", "healer")]
    assert judge(healthy, Arm.HEALED, False, 60, breaks=False).word is Word.PASS
    assert judge(healthy, Arm.HEALED, False, 60).word is Word.INJECT
    assert judge(history(), Arm.HEALED, False, 60, may_act=True).why == "what was done about it broke no rule"
    acted = [*healthy, {"t": 30, "kind": "healer", "what": "acted", "node": "w-1"}]
    assert judge(acted, Arm.HEALED, False, 60, breaks=False).word is Word.DEVIATED


def test_what_is_to_be_steady_has_to_be_well_at_the_end() -> None:
    sick = history(recovers_at=None)
    assert judge(history(), Arm.HEALED, False, 60, may_act=True, steady=True).word is Word.PASS
    assert judge(sick, Arm.HEALED, False, 60, may_act=True, steady=True).why == "it was not steady at the end"
    assert judge(sick, Arm.HEALED, False, 60, may_act=True).word is Word.PASS
