# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make chaos``: experiments on a real kind cluster, with the healer and without it.

What they show is added to chaos/results, and what has been shown there is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# It is no package of the environment's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos"))

from chaosheal.__main__ import report, ways_out
from chaosheal.model import ChaosError
from chaosheal.nemesis.experiment import experiment_of
from chaosheal.nemesis.generate import generate
from chaosheal.nemesis.guard import Model
from chaosheal.nemesis.plan import SHAPES
from chaosheal.results import Result, Results
from chaosheal.runner import end_as_with_ctrl_c
from chaosheal.suite import Suite, add_choices, chosen

from lab.kind import TIMERS
from lab.paths import CHECKOUT
from lab.progress import say
from lab.shell import LabError
from tests.chaos import page
from tests.chaos.ground import EXPERIMENTS, fair_game, grounds, healing

# The lab's clusters have short times, so that a node which needs every rung is well again within 5 minutes.
SHORT = Model(longest=180, quiet=300)
LEAST_SECONDS = 1200
SOAK_SECONDS = 1620


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns as ``python -m chaosheal run`` does; 2 for a problem of set-up, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Experiments on a real cluster.")
    parser.add_argument("experiments", nargs="*", help="names of files in chaos/experiments (default: all)")
    add_choices(parser)
    parser.add_argument("--seeds", type=int, nargs="+", help="plans of a nemesis instead, made of these numbers")
    parser.add_argument("--timers", choices=TIMERS, default="fast", help="of cluster and healer (default: fast)")
    parser.add_argument("--folder", type=Path, default=page.RESULTS, help="of the results")
    options = parser.parse_args(arguments)
    known = {path.stem: path for path in sorted(EXPERIMENTS.rglob("*.json"))}
    unknown = sorted(set(options.experiments) - set(known))
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}; expected any of {', '.join(known)}")
    end_as_with_ctrl_c()
    try:
        if options.seeds:
            return _run([_planned(seed) for seed in options.seeds], options)
        return _run([known[name] for name in options.experiments or known], options)
    except KeyboardInterrupt:
        print("chaos: interrupted; what was broken is taken back", file=sys.stderr)
        return 130
    except (ChaosError, LabError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2


def _planned(seed: int) -> Path:
    """The experiment that plays the plan of a seed, about 20 minutes of it, on three control planes and two workers."""
    plan = generate(seed, SHAPES[seed % len(SHAPES)], 2, 3, SOAK_SECONDS, SHORT)
    lasts = max((quiet.at + quiet.lasts for quiet in plan.quiet), default=0)
    if lasts < LEAST_SECONDS:
        raise ChaosError(f"--seeds: the plan of {seed} lasts {lasts} s, expected {LEAST_SECONDS}: choose another")
    path = CHECKOUT / "build" / "nemesis" / f"{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(experiment_of(plan), indent=2), encoding="utf-8")
    return path


def _run(paths: Sequence[Path], options: argparse.Namespace) -> int:
    results = Results(options.folder)
    runs = chosen(options, paths, results.all())
    done: list[Result] = []
    say(f"{len(runs)} runs are left")
    version = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout.strip()
    for shape, many in (("small", False), ("ha", True)):
        on_it = [one for one in runs if (one.promise.planes > 1) is many]
        if not on_it:
            continue
        with fair_game(shape, options.timers) as drill:
            suite = Suite(
                results,
                healing(drill),
                str(drill.cluster.kubeconfig),
                before=drill.forget,
                say=say,
                version=version,
                patience=options.patience,
            )
            for ground, there in grounds(on_it):
                with ground(drill):
                    done += suite.carry_out(there)
    report(options.folder)
    if options.folder == page.RESULTS:
        page.main()
    return ways_out(done)


if __name__ == "__main__":
    sys.exit(main())
