# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of an experiment has shown, judged from what was written down of it. Pure.

The Chaos Toolkit calls a run completed whose fault never took effect, whose rollback failed, or whose method was not
carried out since the cluster was sick before. So nothing here rests on its word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

# So many good samples in a row are a recovery; one may be a moment's luck.
GOOD_IN_A_ROW = 3


class Word(Enum):
    """A verdict."""

    PASS = "pass"  # noqa: S105 (no password)
    GATE = "gate"
    INJECT = "inject"
    DEVIATED = "deviated"
    INVARIANT = "invariant"
    ROLLBACK = "rollback"
    LEAK = "leak"


# By which a program ends: what was shown to be wrong with the healer, apart from what is wrong with the experiment.
EXIT: Mapping[Word, int] = {
    Word.PASS: 0,
    Word.DEVIATED: 1,
    Word.INVARIANT: 2,
    Word.GATE: 3,
    Word.INJECT: 3,
    Word.ROLLBACK: 3,
    Word.LEAK: 4,
}


class Arm(Enum):
    """Whether a healer is at work. Without one nothing must recover, or the experiment proves nothing."""

    HEALED = "healed"
    CONTROL = "control"


@dataclass(frozen=True)
class Timeline:
    """When what happened, in seconds since 1970; None for what never did.

    :ivar injected: the last fault was seen to be there.
    :ivar seen: the first sample in which somebody who is not the healer saw its effect.
    :ivar detected: the healer first spoke of it.
    :ivar acted: the healer first began to do something.
    :ivar repaired: the healer first said that it is done.
    :ivar recovered: the first of as many good samples in a row as make a recovery.
    """

    injected: float | None
    seen: float | None
    detected: float | None
    acted: float | None
    repaired: float | None
    recovered: float | None

    @property
    def to_detect(self) -> float | None:
        """Seconds from the effect to the healer's first word."""
        return _between(self.seen, self.detected)

    @property
    def to_act(self) -> float | None:
        """Seconds from the effect to the moment at which the healer began to do something."""
        return _between(self.seen, self.acted)

    @property
    def to_recover(self) -> float | None:
        """Seconds from the effect to the recovery."""
        return _between(self.seen, self.recovered)


@dataclass(frozen=True)
class Verdict:
    """A word, why, and the times."""

    word: Word
    why: str
    times: Timeline


Event = Mapping[str, Any]


def timeline(events: Iterable[Event]) -> Timeline:
    """The times, from what was written down in the order in which it happened."""
    injected = seen = recovered = None
    said: dict[str, float] = {}
    row: list[float] = []
    for event in events:
        kind, moment = event["kind"], float(event["t"])
        if kind == "injected":
            injected = moment
        elif kind == "healer":
            said.setdefault(str(event.get("what")), moment)
        elif kind == "sample" and injected is not None:
            if not event["good"]:
                seen = moment if seen is None else seen
                row, recovered = [], None
            elif seen is not None and recovered is None:
                row.append(moment)
                if len(row) == GOOD_IN_A_ROW:
                    recovered = row[0]
    return Timeline(injected, seen, said.get("detected"), said.get("acted"), said.get("repaired"), recovered)


def judge(
    events: Sequence[Event],
    arm: Arm,
    recovers: bool,
    budget: float,
    breaks: bool = True,
    may_act: bool = False,
    steady: bool = False,
) -> Verdict:
    """What a run has shown.

    :param recovers: whether the fault is one whose effect is seen, and that the healer has to make good; otherwise
        nothing must be done about it.
    :param budget: seconds within which it has to.
    :param breaks: whether anything is meant to be broken at all.
    :param may_act: whether it is all right to do something about what need not be made good.
    :param steady: whether the cluster has to be well at the end.
    """
    times = timeline(events)

    def verdict(word: Word, why: str) -> Verdict:
        return Verdict(word, why, times)

    first = {
        kind: next((e for e in events if e["kind"] == kind), None) for kind in ("gate", "inject_failed", "interrupted")
    }
    gate = first["gate"]
    if gate is None or not gate["ok"]:
        return verdict(Word.GATE, str(gate["why"]) if gate else "nobody has looked whether the cluster was well before")
    failed = first["inject_failed"] or first["interrupted"]
    if failed is not None:
        return verdict(Word.INJECT, str(failed["why"]))
    if breaks and times.injected is None:
        return verdict(Word.INJECT, "no fault was brought about")
    broken = [event for event in events if event["kind"] == "invariant"]
    if broken:
        return verdict(Word.INVARIANT, "; ".join(f"{one['name']}: {one['why']}" for one in broken))
    wrong = _deviation(times, arm, recovers, budget, may_act, steady)
    if wrong:
        return verdict(Word.DEVIATED, wrong)
    rollback = [event for event in events if event["kind"] == "rollback"]
    if not rollback or rollback[-1]["left"]:
        return verdict(Word.ROLLBACK, "; ".join(rollback[-1]["left"]) if rollback else "nothing was taken back")
    settled = [event for event in events if event["kind"] == "settled"]
    if not settled or settled[-1]["wrong"]:
        told = "; ".join(settled[-1]["wrong"][:5]) if settled else "nobody has looked whether the cluster is well again"
        return verdict(Word.ROLLBACK, f"all was taken back, and yet: {told}" if settled else told)
    leak = [event for event in events if event["kind"] == "fingerprint"]
    if not leak or leak[-1]["differences"]:
        told = "; ".join(leak[-1]["differences"][:5]) if leak else "nobody has compared the cluster with what it was"
        return verdict(Word.LEAK, told)
    return verdict(Word.PASS, _story(times, arm, recovers))


def _deviation(times: Timeline, arm: Arm, recovers: bool, budget: float, may_act: bool, steady: bool) -> str:
    if steady and times.seen is not None and times.recovered is None:
        return "it was not steady at the end"
    if not recovers:
        return "" if times.acted is None or may_act else "the healer acted, and there was nothing for it to do"
    if times.seen is None:
        return "nobody but the injection has seen an effect"
    took = times.to_recover
    if arm is Arm.CONTROL:
        return "" if took is None else f"it recovered after {took:.0f} s without a healer, so nothing is proven"
    if took is None:
        return f"it did not recover within {budget:.0f} s"
    return "" if took <= budget else f"it recovered after {took:.0f} s, at most {budget:.0f} s were expected"


def _story(times: Timeline, arm: Arm, recovers: bool) -> str:
    if not recovers:
        return "nothing was done about it" if times.acted is None else "what was done about it broke no rule"
    if arm is Arm.CONTROL:
        return "it did not recover without a healer"
    return f"recovered {times.to_recover:.0f} s after its effect was seen"


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
