# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan that has found something, made as small as it can be while it still does. Pure but for what plays it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from chaosheal.nemesis.plan import Plan, Step

REPLAYS = 3


@dataclass(frozen=True)
class Shrunk:
    """What is left.

    :ivar steady: whether it fails in at least two of three replays; otherwise it is flaky, and nothing was left out.
    :ivar played: how often a plan was played for it.
    :ivar whole: whether all was tried that there is to be tried, and the time was enough.
    """

    plan: Plan
    steady: bool
    played: int
    whole: bool


def shrink(
    plan: Plan, fails: Callable[[Plan], bool], seconds: float, clock: Callable[[], float], replays: int = REPLAYS
) -> Shrunk:
    """The smallest plan that is found within so many seconds.

    :param fails: plays a plan, and says whether it finds what was found.
    :param replays: of the plan as it is; one is enough where the same plan always does the same.
    """
    found = sum(fails(plan) for _time in range(replays))
    if found * 3 < replays * 2:
        return Shrunk(plan, False, replays, True)
    played, end = replays, clock() + seconds

    def smaller(candidates: Iterator[Plan]) -> Plan | None:
        nonlocal played
        for candidate in candidates:
            if clock() > end:
                return None
            played += 1
            if fails(candidate):
                return candidate
        return None

    while (after := smaller(_candidates(plan))) is not None:
        plan = after
    return Shrunk(plan, True, played, clock() <= end)


def _candidates(plan: Plan) -> Iterator[Plan]:
    """Plans that are smaller than this one, those that leave most out first."""
    count = len(plan.steps)
    size = max(1, count // 2)
    while count > 1:
        for begin in range(0, count, size):
            yield _with(plan, plan.steps[:begin] + plan.steps[begin + size :])
        if size == 1:
            break
        size //= 2
    if plan.quiet:
        yield replace(plan, quiet=())
    for number, step in enumerate(plan.steps):
        for simpler in _simpler(step, plan.steps[:number]):
            yield _with(plan, (*plan.steps[:number], simpler, *plan.steps[number + 1 :]))


def _simpler(step: Step, before: Sequence[Step]) -> Iterator[Step]:
    if step.lasts > 1:
        yield replace(step, lasts=max(1, step.lasts // 2))
    if step.index:
        yield replace(step, index=0)
    # One after the other is easier to understand than at once.
    end = max((one.until for one in before), default=0)
    if before and step.at < end:
        yield replace(step, at=end)
    rounded = step.at - step.at % 60
    if rounded != step.at:
        yield replace(step, at=rounded)


def _with(plan: Plan, steps: Sequence[Step]) -> Plan:
    return replace(plan, steps=tuple(sorted(steps, key=lambda step: (step.at, step.ident))))
