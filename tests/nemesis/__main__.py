# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many plans of a nemesis in a simulated cluster: ``python -m tests.nemesis``. Tells each that finds something.

Exit status 1 when a rule was broken, or when something that must happen now and then never did.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

# It is no package of the environment's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos"))

from ansible_collections.selfheal.kubernetes.tests.nemesis.soak import (
    MUST,
    Found,
    corpus,
    keep,
    never,
    spread,
    told,
    tried,
)
from ansible_collections.selfheal.kubernetes.tests.simulation.arguments import positive
from ansible_collections.selfheal.kubernetes.tests.simulation.stateful import PROCESSES
from chaosheal.model import ChaosError
from chaosheal.nemesis.cli import read

SEEDS, RUNS = (1,), 1000


def _tell(found: Found) -> None:
    print(f"\nFAILED plan {found.seed}: {found.wrong[0]}")
    small = found.smallest
    if found.shrunk is not None:
        whole = "" if found.shrunk.whole else ", and the time was over"
        print(f"shrunk to {len(small.steps)} steps in {found.shrunk.played} plays{whole}")
    print("\n".join([*told(small), "", small.to_json()]), flush=True)


def _again(plans: Sequence[Path]) -> int:
    named = {str(path): read(path) for path in plans} or corpus()
    failed = 0
    for name, plan in named.items():
        wrong = tried(plan)[1]
        failed += bool(wrong)
        print(f"{'FAILED' if wrong else 'passed'}  {name}: {len(plan.steps)} steps")
        if wrong:
            print("\n".join(told(plan)))
    print(f"{len(named)} plans, {failed} of them broke a rule")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Play them."""
    parser = argparse.ArgumentParser(prog="python -m tests.nemesis", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="the numbers of the first plans")
    parser.add_argument("--runs", type=positive, default=RUNS, help=f"plans from each on (default: {RUNS})")
    parser.add_argument("--processes", type=positive, default=PROCESSES, help=f"at once (default: {PROCESSES})")
    parser.add_argument("--first", action="store_true", help="end with the first plan that breaks a rule")
    parser.add_argument("--keep", action="store_true", help="put what such plans are shrunk to into the corpus")
    parser.add_argument("--again", type=Path, nargs="*", metavar="FILE", help="play these plans (default: the corpus)")
    options = parser.parse_args(arguments)
    if options.again is not None:
        try:
            return _again(options.again)
        except ChaosError as error:
            print(f"nemesis: {error}", file=sys.stderr)
            return 2
    numbers = sorted({seed + number for seed in options.seeds for number in range(options.runs)})
    begun, counts, failed = time.monotonic(), Counter[str](), 0
    for result in spread(numbers, options.processes, options.first):
        counts += result.counts
        for found in result.found:
            failed += 1
            _tell(found)
            if options.keep:
                print(f"kept as {keep(found)}")
    seconds = time.monotonic() - begun
    missed = never(counts)
    for name, what in MUST.items():
        print(f"{counts[name]:8} times {what}")
    if missed:
        print(f"never seen: {'; '.join(missed)}")
    print(
        f"{counts['plans']} plans, {counts['faults']} faults, {counts['acts']} acts, {counts['writes']} writes in"
        f" {seconds:.0f} s ({counts['plans'] / seconds:.0f} plans/s); {failed} plans broke a rule"
    )
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
