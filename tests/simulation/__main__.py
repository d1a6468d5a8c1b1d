# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Thousands of simulated nights: ``python -m tests.simulation``. Says what was met how often, and tells each failure.

Exit status 1 when an invariant was broken, or when something that must happen now and then never did.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from ansible_collections.selfheal.kubernetes.tests.simulation.arguments import positive
from ansible_collections.selfheal.kubernetes.tests.simulation.stateful import (
    MUST,
    PROCESSES,
    RUNS,
    SEEDS,
    Result,
    never,
    pool,
    shard,
    submit,
)


def _results(options: argparse.Namespace) -> Iterator[Result]:
    shortest = not options.first
    if options.processes == 1:
        yield from (shard(number, options.runs, shortest) for number in options.seeds)
        return
    with pool(options.processes) as workers:
        for future in submit(options.seeds, options.runs, workers, shortest).values():
            yield future.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=positive, default=RUNS, help=f"runs made of each seed (default: {RUNS})")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="the seeds (default: the recorded ones)")
    parser.add_argument(
        "--processes", type=positive, default=PROCESSES, help=f"processes at once (default: {PROCESSES})"
    )
    parser.add_argument("--first", action="store_true", help="tell a failure as it was found, not its shortest story")
    options = parser.parse_args(arguments)
    begun, counts, failures = time.monotonic(), Counter[str](), []
    for result in _results(options):
        counts += result.counts
        failures += [result.failure] if result.failure else []
        word = "FAILED" if result.failure else "passed"
        print(f"{word}  seed {result.seed}: {result.counts['runs']} runs in {result.seconds:.0f} s", flush=True)
    seconds = time.monotonic() - begun
    for failure in failures:
        print(f"\n{failure}")
    print()
    for name, what in MUST.items():
        print(f"{counts[name]:8} times {what}")
    print(
        f"\n{counts['runs']} runs, {counts['steps']} steps, {counts['acts']} acts, {counts['writes']} writes"
        f" in {seconds:.0f} s ({counts['runs'] / seconds:.0f} runs/s);"
        f" {len(failures)} of {len(options.seeds)} seeds failed"
    )
    missed = never(counts)
    if missed:
        print(f"never seen: {'; '.join(missed)}")
    return 1 if failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
