# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs of experiments have shown, kept run after run in one folder, and counted.

A folder of results has ``results.jsonl``, one line for each run, and a folder for each run with its events.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from math import sqrt
from pathlib import Path

from chaosheal.model import ChaosError
from chaosheal.verdict import Arm, Word

# Of the normal distribution, for an interval of 95 %.
_Z = 1.959964
# In a table, where nothing was measured.
NOTHING = "-"


@dataclass(frozen=True)
class Result:
    """One run of one experiment.

    :ivar experiment: by which it is called in tables.
    :ivar faults: that it brings about.
    :ivar at: when it began, in seconds since 1970.
    :ivar seconds: that it took, with all that comes before and after.
    :ivar to_detect: seconds from the effect to the healer's first word, None if there was none; so the others.
    :ivar version: of what was tried, such as a commit.
    :ivar folder: of its events, under the folder of the results.
    """

    experiment: str
    title: str
    faults: tuple[str, ...]
    arm: str
    recovers: bool
    budget: float
    word: str
    why: str
    at: float
    seconds: float
    to_detect: float | None
    to_act: float | None
    to_recover: float | None
    version: str
    folder: str

    @property
    def passed(self) -> bool:
        """Whether it has shown what it was to show."""
        return self.word == Word.PASS.value


class Results:
    """A folder of results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "results.jsonl"

    def add(self, result: Result) -> None:
        """Keep the result of a run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def all(self) -> list[Result]:
        """Every result, oldest first.

        :raises ChaosError: the file cannot be read, or holds something else.
        """
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise ChaosError(f"{self._path} cannot be read: {exc}") from None
        return [_result(self._path, number, line) for number, line in enumerate(lines, 1)]


def _result(path: Path, number: int, line: str) -> Result:
    try:
        told = json.loads(line)
        return Result(**{**{one.name: told[one.name] for one in fields(Result)}, "faults": tuple(told["faults"])})
    except (ValueError, KeyError, TypeError) as exc:
        raise ChaosError(f"{path}, line {number}: expected the result of a run: {exc!r}") from None


@dataclass(frozen=True)
class Count:
    """What the runs of one experiment in one arm have shown. Times are in seconds, of those that have passed.

    :ivar low: of the interval in which the share of runs that pass lies, at a confidence of 95 % (Wilson).
    """

    experiment: str
    title: str
    faults: tuple[str, ...]
    recovers: bool
    budget: float
    arm: str
    runs: int
    passed: int
    low: float
    high: float
    to_detect: tuple[float, ...]
    to_recover: tuple[float, ...]


def counts(results: Iterable[Result]) -> list[Count]:
    """One for each experiment and arm, by the experiments' names, with a healer first."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.experiment, result.arm), []).append(result)
    order = [Arm.HEALED.value, Arm.CONTROL.value]
    return [_count(groups[key]) for key in sorted(groups, key=lambda key: (key[0], order.index(key[1])))]


def _count(runs: Sequence[Result]) -> Count:
    last, good = runs[-1], [run for run in runs if run.passed]
    low, high = wilson(len(good), len(runs))
    return Count(
        last.experiment,
        last.title,
        last.faults,
        last.recovers,
        last.budget,
        last.arm,
        len(runs),
        len(good),
        low,
        high,
        tuple(sorted(run.to_detect for run in good if run.to_detect is not None)),
        tuple(sorted(run.to_recover for run in good if run.to_recover is not None)),
    )


def wilson(passed: int, runs: int) -> tuple[float, float]:
    """Between what shares the true one lies, at a confidence of 95 %; everything is possible after no run."""
    if not runs:
        return 0.0, 1.0
    share, square = passed / runs, _Z * _Z
    middle = (share + square / (2 * runs)) / (1 + square / runs)
    half = _Z * sqrt(share * (1 - share) / runs + square / (4 * runs * runs)) / (1 + square / runs)
    return max(0.0, middle - half), min(1.0, middle + half)


def spread(times: Sequence[float]) -> str:
    """The median, and the shortest and the longest; a dash if there is none."""
    if not times:
        return NOTHING
    median = f"{statistics.median(times):.0f} s"
    return median if len(times) == 1 else f"{median} ({min(times):.0f} to {max(times):.0f})"
