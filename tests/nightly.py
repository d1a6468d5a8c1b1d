# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make nightly``: what takes too long for ``make test``, in parts of less than 90 minutes each.

A part that has passed on this very tree is not run again, so that a night that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import shell
from lab.paths import CHECKOUT
from lab.progress import say, step
from lab.shell import LabError

OUTPUT = CHECKOUT / "build" / "nightly"
LIMIT = 90 * 60.0
# Of experiments that are run once a night.
CHAOS = f"FOLDER={OUTPUT / 'chaos' / str(date.today())}"
# Each is a target of the Makefile with its arguments. The seeds are of the day, so that every night is another one.
TODAY = date.today().toordinal()
PARTS = {
    "mutants": ("mutants",),
    "explore": ("explore", "FAULTS=2"),
    "api": ("api", "THOROUGH=1"),
    "e2e": ("e2e-nightly",),
    "ha": ("e2e-ha",),
    "molecule": ("molecule", "THOROUGH=1"),
    "faults": ("chaos-nightly",),
    # With the times that Kubernetes and the healer have by default.
    "stock": ("chaos", "EXPERIMENT=kubelet-stopped runtime-stopped", "TIMERS=stock", "PATIENCE=3", CHAOS),
    "soak": ("soak", f"SEEDS={10 * TODAY + 1} {10 * TODAY + 2}", CHAOS),
    "nemesis-mutants": ("nemesis-mutants",),
    "nemesis": ("nemesis", f"SEEDS={2_000 * TODAY}", "RUNS=2000"),
    "simulation": ("simulation", f"SEEDS={' '.join(str(10 * TODAY + n) for n in range(10))}", "RUNS=2000"),
}


def tree() -> str:
    """What the parts are run on: the tree of the commit, and empty when the checkout differs from it."""
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    if changed.stdout.strip():
        return ""
    done = subprocess.run(["git", "rev-parse", "HEAD^{tree}"], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def passed(name: str, on: str) -> str:
    """What the part said when it passed on this tree; empty when it has not."""
    path = OUTPUT / f"{name}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(known["said"]) if on and known.get("tree") == on else ""


def carry_out(name: str, on: str) -> bool:
    """Run one part and keep what came of it; whether it has passed."""
    log = OUTPUT / f"{name}.log"
    log.unlink(missing_ok=True)
    begun = time.monotonic()
    try:
        with step(name):
            shell.run("make", *PARTS[name], cwd=CHECKOUT, log=log, timeout=LIMIT)
    except LabError as error:
        say(f"FAILED {name}: {error}")
        return False
    said = f"{shell.tail(log, 1)} ({time.monotonic() - begun:.0f} s)"
    (OUTPUT / f"{name}.json").write_text(json.dumps({"tree": on, "said": said}), encoding="utf-8")
    say(f"passed {name}: {said}")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when every part has passed on this tree."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.nightly", description="Run what takes long.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; expected one of {', '.join(PARTS)}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    on, failed = tree(), 0
    with shell.interruptible():
        for name in options.parts or PARTS:
            said = passed(name, on)
            if said:
                say(f"passed {name} before: {said}")
            elif not carry_out(name, on):
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
