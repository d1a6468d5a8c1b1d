# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.corpus.score``: precision and recall of each check and pattern over the corpus, and every mistake.

Exits with 1 when anything that is said differs from the labels, on healthy snapshots or on sick ones.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.selfheal.kubernetes.tests.corpus import load

VERDICT = "the verdict"
KINDS = ("healthy", "unknown", "unhealthy", "unlabelled")


@dataclass
class Score:
    """Counts of one check, one pattern, or all."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what was said that is right; 1 when nothing was said."""
        said = self.right + self.false
        return self.right / said if said else 1.0

    @property
    def recall(self) -> float:
        """The share of what should be said that was; 1 when there was nothing to say."""
        due = self.right + self.missed
        return self.right / due if due else 1.0


@dataclass
class Card:
    """The scores of everything, and the mistakes as lines."""

    scores: dict[str, Score] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    snapshots: Counter[str] = field(default_factory=Counter)
    false_on_healthy: int = 0

    def add(self, labelled: load.Labelled, seen: load.Expected) -> None:
        """Compare what was said about one snapshot with its label."""
        wanted = labelled.expected
        if wanted is None:
            self.snapshots["unlabelled"] += 1
            self.mistakes.append(f"{labelled.name}: nobody has labelled it yet")
            return
        self.snapshots[wanted.verdict] += 1
        self.snapshots[labelled.origin] += 1
        self._compare(labelled, Counter(_items(wanted)), Counter(_items(seen)))

    def _compare(self, labelled: load.Labelled, wanted: Counter[_Item], seen: Counter[_Item]) -> None:
        for item, count in sorted((wanted & seen).items(), key=str):
            self._score(item).right += count
        for item, count in sorted((seen - wanted).items(), key=str):
            self._score(item).false += count
            self.mistakes.append(f"{labelled.name}: false: {_told(item)}")
            if labelled.expected is not None and labelled.expected.healthy:
                self.false_on_healthy += count
        for item, count in sorted((wanted - seen).items(), key=str):
            self._score(item).missed += count
            self.mistakes.append(f"{labelled.name}: missed: {_told(item)}")

    def _score(self, item: _Item) -> Score:
        return self.scores.setdefault(item[0], Score())

    @property
    def total(self) -> Score:
        """All of them together, the verdicts left out."""
        kept = [score for name, score in self.scores.items() if name != VERDICT]
        return Score(sum(s.right for s in kept), sum(s.false for s in kept), sum(s.missed for s in kept))

    def table(self) -> Iterable[str]:
        """The lines of the table."""
        width = max([len(name) for name in self.scores] + [10])
        yield f"{'':<{width}}  right  false  missed  precision  recall"
        rows = sorted(item for item in self.scores.items() if item[0] != VERDICT)
        verdicts = [(VERDICT, self.scores[VERDICT])] if VERDICT in self.scores else []
        for name, score in [*rows, ("all", self.total), *verdicts]:
            yield (
                f"{name:<{width}}  {score.right:>5}  {score.false:>5}  {score.missed:>6}"
                f"  {score.precision:>9.3f}  {score.recall:>6.3f}"
            )

    def line(self) -> str:
        """The corpus and its score in one line."""
        verdicts = [f"{self.snapshots[kind]} {kind}" for kind in KINDS if self.snapshots[kind]]
        origins = [f"{self.snapshots[origin]} {origin}" for origin in load.FOLDERS if self.snapshots[origin]]
        return (
            f"{sum(self.snapshots[kind] for kind in KINDS)} snapshots ({', '.join(verdicts)}; {', '.join(origins)}):"
            f" precision {self.total.precision:.3f}, recall {self.total.recall:.3f},"
            f" {self.false_on_healthy} false on healthy ones, {len(self.mistakes)} mistakes"
        )


_Item = tuple[str, ...]


def _items(said: load.Expected) -> list[_Item]:
    items: list[_Item] = [(VERDICT, said.verdict)]
    items += said.findings
    items += [(f"pattern {name}", f"root {root or '-'}", f"{count} members") for name, root, count in said.patterns]
    return items


def _told(item: _Item) -> str:
    return f"{item[0]}: {', '.join(item[1:])}"


def main() -> int:
    """Print the card; 0 when there is no mistake."""
    card = Card()
    for labelled in load.corpus():
        card.add(labelled, load.seen(labelled.judged()))
    for line in card.table():
        print(line)
    for line in card.mistakes:
        print(f"mistake: {line}")
    print(card.line())
    return 1 if card.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
