# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs planted into a copy of the collection, one at a time: the nemesis must find each, and make its plan small.

``python -m tests.nemesis.mutants [NAME ...]``

Most are the simulation's, each with the checker of the nemesis that must speak of it. Ends with 1 when a bug is not
found, when another checker speaks, or when more steps than a few are left of the plan that has found it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.selfheal.kubernetes.tests.simulation import mutants
from ansible_collections.selfheal.kubernetes.tests.simulation.mutants import Edit, Mutant, NoVerdict

PACKAGE = "ansible_collections.selfheal.kubernetes.tests.nemesis"
PARTS = (*mutants.PARTS, "tests/nemesis", "chaos/chaosheal")
SEED, RUNS = 1, 400
MOST_STEPS = 3
# By the names of the simulation's bugs: the checker that must speak.
CHECKED_BY: Mapping[str, str] = {
    "no-lease-check": "I6 lease",
    "lease-taken-in-date": "I6 lease",
    "same-token": "I6 lease",
    "no-breaker": "I9 storms",
    "no-storm-cooldown": "I9 storms",
    "no-cooldown": "I10 attempts",
    "no-backoff": "I10 attempts",
    "given-up-at-once": "I10 attempts",
    "attempts-without-end": "I10 attempts",
    "attempt-counted-at-its-end": "table",
    "pause-ignored": "I13 people",
    "cordon-ignored": "I13 people",
    "no-failure-domain": "I1 shares",
    "record-says-well": "I12 truth",
    "storm-cooldown-without-end": "neglect",
    "tolerance-without-end": "disruption",
}
# What the simulation's nights have no need of, because others stand for it there.
OWN = (
    Mutant(
        "never-recovered",
        "leaves an incident open though its node is seen well",
        mutants.NIGHTS,
        "steady",
        (
            Edit(
                f"{mutants.UTILS}/{mutants.PLAN}",
                '                notes.append(Note(node.name, node.uid, Event.RECOVER.value, "seen healthy"))\n',
                "",
            ),
        ),
    ),
    Mutant(
        "never-content",
        "takes the lease in every turn, as if its record were always out of date",
        mutants.NIGHTS,
        "quiet",
        (
            Edit(
                f"{mutants.UTILS}/{mutants.HEALER}",
                '    return stored is None or stored.get("status") != derive(',
                "    return stored is None or stored is not derive(",
            ),
        ),
    ),
)
RULES: Mapping[str, str] = {**CHECKED_BY, **{one.name: one.rule for one in OWN}}
BUGS = {one.name: one for one in (*mutants.MUTANTS, *OWN) if one.name in RULES}


@dataclass(frozen=True)
class Verdict:
    """What became of a bug: the checkers that spoke, the steps that are left, and why it counts as not found."""

    rules: tuple[str, ...]
    steps: int
    seconds: float
    trouble: str = ""


def hunt(mutant: Mutant | None, runs: int = RUNS, limit: float = mutants.LIMIT) -> tuple[int, str]:
    """Play plans in a copy with this bug, or without any, up to the first that finds something.

    :raises NoVerdict: when the machine was too busy.
    """
    command = [PACKAGE, "--first", "--seeds", str(SEED), "--runs", str(runs)]
    return mutants.run_with(mutant, command, limit, PARTS)


def try_out(mutant: Mutant, rule: str, limit: float = mutants.LIMIT) -> Verdict:
    """Plant the bug, and see whether the nemesis finds it and makes its plan small."""
    begun = time.monotonic()
    try:
        status, told = hunt(mutant, limit=limit)
    except (ValueError, NoVerdict) as exc:
        return Verdict((), 0, time.monotonic() - begun, str(exc))
    seconds, spoke = time.monotonic() - begun, mutants.spoken(told)
    small = re.search(r"^shrunk to (\d+) steps", told, re.MULTILINE)
    if small is None:
        last = (told.strip().splitlines() or ["nothing was said"])[-1]
        return Verdict((), 0, seconds, f"exit {status}: {last}")
    steps, trouble = int(small[1]), ""
    if rule not in spoke:
        trouble = f"{', '.join(spoke)} spoke, expected {rule}"
    elif steps > MOST_STEPS:
        trouble = f"{steps} steps are left, at most {MOST_STEPS} may be"
    return Verdict(spoke, steps, seconds, trouble)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the named bugs, or all; 1 when one is not found, 2 when the command line is not understood."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.nemesis.mutants", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BUGS]
    if unknown:
        parser.error(f"unknown bug {unknown[0]!r}; expected one of {', '.join(BUGS)}")
    found, names = 0, options.names or list(BUGS)
    for name in names:
        verdict = try_out(BUGS[name], RULES[name])
        found += not verdict.trouble
        told = f"NOT FOUND: {verdict.trouble}" if verdict.trouble else f"{verdict.steps} steps, {RULES[name]}"
        print(f"{name:<28}{BUGS[name].about:<72}{told} ({verdict.seconds:.0f} s)", flush=True)
    print(f"{found} of {len(names)} planted bugs found in {MOST_STEPS} steps or fewer")
    return 0 if found == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
