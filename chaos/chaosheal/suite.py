# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many experiments, each as often as it is wanted, in both arms; what has been shown before is not run again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaosheal.model import ChaosError
from chaosheal.results import Result, Results
from chaosheal.runner import Healing, Promise, Run, load, promise_of
from chaosheal.verdict import Arm, Verdict, Word


@dataclass(frozen=True)
class Wanted:
    """An experiment to be run in an arm."""

    path: Path
    promise: Promise
    arm: Arm


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Let it be said which runs are wanted."""
    parser.add_argument("--arm", choices=[arm.value for arm in Arm], help="only with a healer, or only without one")
    parser.add_argument("--patience", type=float, default=1.0, help="budgets are multiplied by it (default: 1)")
    parser.add_argument("--times", type=int, default=1, help="so often each, with those in the folder (default: 1)")


def chosen(options: argparse.Namespace, paths: Iterable[Path], known: Sequence[Result]) -> list[Wanted]:
    """What is still to be run of what was asked for.

    :raises ChaosError: it cannot be, or a file is no experiment.
    """
    if options.times < 1:
        raise ChaosError(f"--times: expected a number from 1 on, got {options.times}")
    return list(wanted(paths, [Arm(options.arm)] if options.arm else list(Arm), options.times, known))


def wanted(paths: Iterable[Path], arms: Sequence[Arm], times: int, known: Sequence[Result]) -> Iterator[Wanted]:
    """What is still to be run, so that each has been run so often: one round of all after the other.

    Whatever a run has shown, it counts: one that is run again until it passes shows nothing. Where nothing is to be
    repaired there is nothing that a run without a healer could show.

    :raises ChaosError: a file is no experiment.
    """
    promised = [(path, promise_of(load(path))) for path in paths]
    have: dict[tuple[str, str], int] = {}
    for result in known:
        have[result.experiment, result.arm] = have.get((result.experiment, result.arm), 0) + 1
    for turn in range(times):
        for path, promise in promised:
            for arm in arms:
                if have.get((promise.ident, arm.value), 0) <= turn and (promise.control or arm is Arm.HEALED):
                    yield Wanted(path, promise, arm)


class Suite:
    """Runs experiments on one cluster and keeps their results.

    :param before: called before each run, as to have the healer forget the last one.
    :param say: tells a person what goes on, a line at a time.
    :param version: of what is tried.
    :param patience: of each run.
    """

    def __init__(
        self,
        results: Results,
        healing: Healing,
        kubeconfig: str = "",
        before: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = print,
        version: str = "",
        patience: float = 1.0,
    ) -> None:
        self._results, self._healing, self._kubeconfig = results, healing, kubeconfig
        self._before, self._say, self._version, self._patience = before, say, version, patience

    def carry_out(self, runs: Iterable[Wanted]) -> list[Result]:
        """Run them one after the other; what each has shown.

        A cluster that is not well before a run ends it, since the next could not begin either.

        :raises ChaosError: a run could not be begun at all.
        """
        done = []
        for one in runs:
            self._before()
            result = self._run(one)
            self._results.add(result)
            done.append(result)
            self._say(f"{result.word:9} {result.experiment} {result.arm}: {result.why}")
            if result.word == Word.GATE.value:
                break
        return done

    def _run(self, one: Wanted) -> Result:
        begun = time.time()
        stamp = datetime.fromtimestamp(begun, UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = Path(one.promise.ident) / one.arm.value / stamp
        where = self._results.folder / folder
        run = Run(one.path, where, self._healing, one.arm, self._kubeconfig, self._patience)
        verdict = run.carry_out()
        return result_of(one.promise, one.arm, verdict, begun, time.time() - begun, self._version, str(folder))


def result_of(
    promise: Promise, arm: Arm, verdict: Verdict, begun: float, seconds: float, version: str, folder: str
) -> Result:
    """What is kept of a run."""
    times = verdict.times
    return Result(
        promise.ident,
        promise.title,
        promise.faults,
        arm.value,
        promise.recovers,
        promise.budget,
        verdict.word.value,
        verdict.why,
        round(begun, 1),
        round(seconds, 1),
        times.to_detect,
        times.to_act,
        times.to_recover,
        version,
        folder,
    )
