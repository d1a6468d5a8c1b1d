# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays many plans, each made of a number, and makes one that finds something as small as it can be."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ansible_collections.selfheal.kubernetes.tests.nemesis.checkers import violations
from ansible_collections.selfheal.kubernetes.tests.nemesis.effects import EFFECTS
from ansible_collections.selfheal.kubernetes.tests.nemesis.play import Played, plan_for, play, story
from ansible_collections.selfheal.kubernetes.tests.simulation import stateful
from chaosheal.nemesis.plan import Plan, plan_of
from chaosheal.nemesis.shrink import Shrunk, shrink

CORPUS = Path(__file__).resolve().parent / "corpus"
# How long a plan is made smaller, at most.
SHRINK_SECONDS = 120
# What many plans must meet now and then, or they prove nothing about it; of what the nights must meet, that which a
# nemesis can bring about. No fault lasts until the third repair but by chance, so nothing has to be installed anew.
MUST: Mapping[str, str] = {
    **{f"fault {name}": f"{name} was played" for name in sorted(EFFECTS)},
    "signalled healer_kill": "a healer was killed in its turn",
    "signalled healer_pause": "a healer was suspended in its turn",
    **{
        name: stateful.MUST[name]
        for name in (
            "refused by mass_failure",
            "refused by storm_cooldown",
            "refused by cooldown",
            "refused by human_cordon",
            "refused by paused",
            "refused by failure_domain",
            "refused by under_repair",
            "refused by pattern",
            "turn busy",
            "turn blocked",
            "conflict",
            "LeaseLost",
            "Unreachable",
            "HostFailed",
            "killed",
            "stale",
            "taken up after a dead healer",
            "act kubelet_restart",
            "act reboot",
            "Repaired",
            "RecoveredByItself",
            "phase Escalated",
        )
    },
    "Forbidden": "a healer was refused what it had no right to any more",
}


@dataclass(frozen=True)
class Found:
    """A plan that breaks rules: as it was made, what was broken, and the smallest one that breaks the first of them."""

    seed: int
    wrong: tuple[str, ...]
    shrunk: Shrunk | None = None
    left: tuple[str, ...] = ()

    @property
    def smallest(self) -> Plan:
        """The plan to look at."""
        return plan_for(self.seed) if self.shrunk is None else self.shrunk.plan


@dataclass(frozen=True)
class Result:
    """What became of some plans in a row."""

    counts: Counter[str]
    found: tuple[Found, ...] = ()


def rules(wrong: Sequence[str]) -> list[str]:
    """The names of the checkers that spoke, each once."""
    return list(dict.fromkeys(one.partition(":")[0] for one in wrong))


def tried(plan: Plan) -> tuple[Played, list[str]]:
    """Play a plan, and say what was wrong."""
    played = play(plan)
    return played, violations(played)


def shrunk(plan: Plan, rule: str, seconds: float = SHRINK_SECONDS) -> Shrunk:
    """The smallest plan of which the same checker speaks."""
    # The same plan always does the same, so once is enough.
    return shrink(plan, lambda one: rule in rules(tried(one)[1]), seconds, time.monotonic, replays=1)


def told(plan: Plan) -> list[str]:
    """A plan and what it does, for people."""
    played, wrong = tried(plan)
    return [*(f"** {one}" for one in wrong), *story(played), "", *stateful.story(played.world)]


def run(seeds: Sequence[int], first: bool = False, smallest: bool = True) -> Result:
    """Play the plans of these numbers.

    :param first: end with the first one that finds something.
    :param smallest: make what finds something small.
    """
    coverage, found = stateful.Coverage(), []
    for seed in seeds:
        plan = plan_for(seed)
        played, wrong = tried(plan)
        coverage.counts["plans"] += 1
        coverage.counts["faults"] += len(plan.steps)
        coverage.take(played.world)
        if not wrong:
            continue
        one = Found(seed, tuple(wrong))
        if smallest:
            small = shrunk(plan, rules(wrong)[0])
            one = replace(one, shrunk=small, left=tuple(tried(small.plan)[1]))
        found.append(one)
        if first:
            break
    return Result(coverage.counts, tuple(found))


def spread(seeds: Sequence[int], processes: int, first: bool = False) -> Iterator[Result]:
    """Play them in so many processes, a few plans at a time."""
    if processes == 1 or first:
        yield run(seeds, first)
        return
    parts = [seeds[begin : begin + 25] for begin in range(0, len(seeds), 25)]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(partial(run, first=first), parts)


def never(counts: Counter[str]) -> list[str]:
    """What should have been met now and then, and never was."""
    return [what for name, what in MUST.items() if not counts[name]]


def keep(found: Found, folder: Path = CORPUS) -> Path:
    """Put the smallest plan into the corpus, named after what it has broken and its number."""
    rule = rules(found.wrong)[0].lower().replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rule}-{found.seed}.json"
    path.write_text(found.smallest.to_json(), encoding="utf-8")
    return path


def corpus(folder: Path = CORPUS) -> dict[str, Plan]:
    """The plans that have once found something, by name.

    :raises ChaosError: a file is no plan.
    """
    return {path.stem: plan_of(path.read_text(encoding="utf-8"), path.name) for path in sorted(folder.glob("*.json"))}
