# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-chaos``: what the chaos harness must show, run again, one line for each item.

Experiments and a nemesis's plans add to chaos/results of this checkout, and what has been shown there is not run
again: all of it takes longer than a night. What an experiment has shown once counts for ever, a failure too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lab.paths import CHECKOUT
from tests.prove.proof import Proof, beginning, exactly, prove

# It is no package of any environment's.
sys.path.insert(0, str(CHECKOUT / "chaos"))

from chaosheal.results import Count, Results, counts, spread
from chaosheal.runner import Promise, promise_of
from chaosheal.verdict import Arm

RESULTS = CHECKOUT / "chaos" / "results"
TIMES = 3
SEEDS = (1, 2, 3)
# What neither the tests of the harness read nor the simulation.
APART = ("bench/", "changelogs/", "chaos/results/", "docs/", "tests/prove/", "README.md")

VERDICTS: Mapping[str, tuple[str, ...]] = {
    "verdict gate, on purpose: a cluster that is sick before, or too small": (
        "test_gate_a_cluster_that_is_sick_before",
        "test_gate_a_cluster_that_is_too_small",
    ),
    "verdict inject, on purpose: an action that does nothing": ("test_inject_an_action_that_does_nothing",),
    "verdict deviated, on purpose: a budget that nobody can keep; what recovers by itself": (
        "test_deviated_a_budget_that_nobody_can_keep",
        "test_deviated_what_recovers_without_a_healer_proves_nothing",
    ),
    "verdict invariant, on purpose: a healer that lies": ("test_invariant_a_healer_that_lies",),
    "verdict rollback, on purpose: what cannot be taken back; what was and is still sick": (
        "test_rollback_what_cannot_be_taken_back",
        "test_rollback_what_was_taken_back_and_is_still_sick",
    ),
    "verdict leak, on purpose: a file that stays": ("test_leak_a_file_that_stays",),
}


def main() -> int:
    """Returns 0 when no item is short."""
    return prove("chaos", _show, APART)


def _show(proof: Proof) -> None:
    verdicts = proof.pytest("chaos-verdicts", "tests/chaos/test_verdicts.py", "chaos")
    for claim, names in VERDICTS.items():
        proof.tests(claim, [verdicts] if verdicts else [], *map(exactly, names))
    faults = proof.pytest("chaos-faults", "tests/chaos/test_faults.py", "chaos")
    claim = "every fault takes effect, seen by another way, and is taken back without a trace"
    patterns = beginning("test_it_takes_effect_and_is_taken_back["), exactly("test_gpus_are_lost_and_come_back")
    proof.tests(claim, [faults] if faults else [], *patterns)
    said = proof.once("nemesis-mutants", "nemesis-mutants")
    proof.show("bugs planted into the healer are found by the nemesis and shrunk", "exit 0", said, "exit 0" in said)
    where = f"FOLDER={RESULTS}"
    proof.make(f"chaos ARM=healed TIMES={TIMES} {where}", "chaos-healed")
    proof.make(f"chaos ARM=control {where}", "chaos-control")
    proof.make(f"soak SEEDS='{' '.join(map(str, SEEDS))}' {where}", "chaos-soak")
    known = counts(Results(RESULTS).all())
    for told in experiments(proof.clone / "chaos" / "experiments"):
        measured, ok = shown(told, known)
        goal = f"{TIMES} runs or more, all pass" + (", and one without a healer that does not recover" * told.control)
        proof.show(f"{told.ident}: {told.title}", goal, measured, ok)
    for seed in SEEDS:
        runs = [one for one in known if one.experiment.startswith(f"N{seed}-")]
        passed, all_of = sum(one.passed for one in runs), sum(one.runs for one in runs)
        claim = (
            f"nemesis of seed {seed} on three control planes, 20 minutes: nothing leaked or broken, steady at the end"
        )
        proof.show(claim, "every run passes", f"{passed} of {all_of}", 0 < passed == all_of)


def experiments(folder: Path) -> Iterator[Promise]:
    """What each of the experiments in a folder says of itself."""
    for path in sorted(folder.rglob("*.json")):
        yield promise_of(json.loads(path.read_text(encoding="utf-8")))


def shown(told: Promise, known: Sequence[Count], times: int = TIMES) -> tuple[str, bool]:
    """What its runs have shown, and whether that is enough. Pure."""
    by_arm = {one.arm: one for one in known if one.experiment == told.ident}
    healed, control = by_arm.get(Arm.HEALED.value), by_arm.get(Arm.CONTROL.value)
    if healed is None:
        return "no run", False
    measured = f"{healed.passed} of {healed.runs}"
    if healed.to_recover:
        measured += f", detected after {spread(healed.to_detect)}, recovered after {spread(healed.to_recover)}"
    good = healed.passed == healed.runs >= times
    if told.control:
        measured += f", without one {control.passed} of {control.runs}" if control else ", no run without one"
        good = good and control is not None and control.passed == control.runs
    return measured, good


if __name__ == "__main__":
    sys.exit(main())
