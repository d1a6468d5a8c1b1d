# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m chaosheal nemesis``: make plans, and experiments of them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from chaosheal.model import ChaosError
from chaosheal.nemesis.experiment import experiment_of
from chaosheal.nemesis.generate import generate
from chaosheal.nemesis.guard import SURVIVED, Model
from chaosheal.nemesis.plan import SHAPES, Plan, plan_of


def add_to(parser: argparse.ArgumentParser) -> None:
    """Say what can be asked for."""
    commands = parser.add_subparsers(dest="nemesis", required=True)
    plan = commands.add_parser("plan", help="print a plan that is made of a number")
    plan.add_argument("--seed", type=int, required=True, help="the number")
    plan.add_argument("--shape", choices=SHAPES, default="overlapping", help="how the faults follow each other")
    plan.add_argument("--workers", type=int, default=3)
    plan.add_argument("--planes", type=int, default=1)
    plan.add_argument("--minutes", type=int, default=60, help="how long it may be")
    plan.add_argument("--max-nodes", type=int, default=2, help="so many broken at once")
    plan.add_argument("--longest", type=int, default=SURVIVED.longest, help="seconds that a fault may last")
    plan.add_argument("--quiet", type=int, default=SURVIVED.quiet, help="seconds from the last of some to the next")
    plan.add_argument("--allow-quorum-loss", action="store_true", help="of the control plane")
    experiment = commands.add_parser("experiment", help="print an experiment that does what a plan says")
    experiment.add_argument("plan", type=Path, help="its file")


def carry_out(options: argparse.Namespace) -> int:
    """Print what was asked for; returns 0.

    :raises ChaosError: it cannot be made.
    """
    if options.nemesis == "plan":
        model = Model(
            nodes=options.max_nodes,
            quorum_loss=options.allow_quorum_loss,
            longest=options.longest,
            quiet=options.quiet,
        )
        size = options.workers, options.planes
        print(generate(options.seed, options.shape, *size, options.minutes * 60, model).to_json(), end="")
    else:
        print(json.dumps(experiment_of(read(options.plan)), indent=2))
    return 0


def read(path: Path) -> Plan:
    """A plan out of its file.

    :raises ChaosError: it cannot be read, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ChaosError(f"{path} cannot be read: {exc}") from None
    return plan_of(text, str(path))
