# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make chaos``: experiments on a real kind cluster, with the healer and without it.

What they show is added to chaos/results, and what has been shown there is not run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# It is no package of the environment's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos"))

from chaosheal.__main__ import report, ways_out
from chaosheal.model import ChaosError
from chaosheal.results import Results
from chaosheal.runner import end_as_with_ctrl_c
from chaosheal.suite import Suite, add_choices, chosen

from lab.paths import CHECKOUT
from lab.progress import say
from lab.shell import LabError
from tests.chaos.ground import EXPERIMENTS, fair_game, healing

RESULTS = CHECKOUT / "chaos" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns as ``python -m chaosheal run`` does; 2 for a problem of set-up, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Experiments on a real cluster.")
    parser.add_argument("experiments", nargs="*", help="names of files in chaos/experiments (default: all)")
    add_choices(parser)
    parser.add_argument("--folder", type=Path, default=RESULTS, help="of the results")
    options = parser.parse_args(arguments)
    known = {path.stem: path for path in sorted(EXPERIMENTS.glob("*.json"))}
    unknown = sorted(set(options.experiments) - set(known))
    if unknown:
        parser.error(f"there is no experiment {unknown[0]!r}; expected any of {', '.join(known)}")
    end_as_with_ctrl_c()
    try:
        return _run([known[name] for name in options.experiments or known], options)
    except KeyboardInterrupt:
        print("chaos: interrupted; what was broken is taken back", file=sys.stderr)
        return 130
    except (ChaosError, LabError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2


def _run(paths: Sequence[Path], options: argparse.Namespace) -> int:
    results = Results(options.folder)
    runs, done = chosen(options, paths, results.all()), []
    say(f"{len(runs)} runs are left")
    if runs:
        version = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, check=True, capture_output=True, text=True
        ).stdout.strip()
        with fair_game() as drill:
            kubeconfig = str(drill.cluster.kubeconfig)
            suite = Suite(results, healing(drill), kubeconfig, before=drill.forget, say=say, version=version)
            done = suite.carry_out(runs)
    report(options.folder)
    return ways_out(done)


if __name__ == "__main__":
    sys.exit(main())
