# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m chaosheal``: run experiments and report on them, take faults back, and list what there is."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from chaosheal.faults import FAULTS
from chaosheal.hands import Hands
from chaosheal.history import read
from chaosheal.injection import Breaker
from chaosheal.journal import Journal, still_broken
from chaosheal.model import ChaosError
from chaosheal.nemesis.cli import add_to, carry_out
from chaosheal.report import drawn, junit, page, table
from chaosheal.results import Result, Results
from chaosheal.runner import EVENTS, Healing, end_as_with_ctrl_c
from chaosheal.suite import Suite, add_choices, chosen
from chaosheal.verdict import EXIT, Word


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when what was asked for is done, 1 when something is left, 2 when it cannot be done, 130 when ended.

    A command that runs experiments ends as they do, see ``verdict.EXIT``.
    """
    parser = argparse.ArgumentParser(prog="python -m chaosheal", description="Faults for clusters that may be broken.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("faults", help="list every fault, with what may be chosen about it")
    for name, about in (("broken", "say what is broken"), ("undo", "take back all that is broken")):
        command = commands.add_parser(name, help=about)
        command.add_argument("journal", type=Path, help="the journal of what was broken")
        command.add_argument("kubeconfig", help="of the cluster, with all rights")
        command.add_argument("--engine", default="docker", help="what runs the nodes (default: docker)")
    run = commands.add_parser("run", help="run experiments with a healer at work and without one, and judge them")
    run.add_argument("experiments", type=Path, nargs="+", help="their files")
    add_choices(run)
    run.add_argument("--folder", type=Path, required=True, help="of the results, which come to those that it has")
    run.add_argument("--inventory", default="", help="of the healer")
    run.add_argument("--healer-kubeconfig", default="", help="of the healer")
    run.add_argument("--variables", default="{}", help="of the healer's runs, as JSON")
    run.add_argument("--before", default="", help="a command that is run before each, such as one that tidies up")
    written = commands.add_parser(
        "report", help="write what a folder of results shows: table.md, junit.xml, report.html"
    )
    written.add_argument("folder", type=Path, help="of the results")
    add_to(commands.add_parser("nemesis", help="make plans of many faults, and experiments of them"))
    dead_man = commands.add_parser("dead-man", help="wait, then take one fault back")
    for word in ("journal", "kubeconfig", "engine", "ident", "seconds"):
        dead_man.add_argument(word)
    options = parser.parse_args(arguments)
    end_as_with_ctrl_c()
    try:
        if options.command == "faults":
            return _list()
        if options.command == "run":
            return _run(options)
        if options.command == "report":
            return report(options.folder)
        if options.command == "nemesis":
            return carry_out(options)
        journal = Journal(Path(options.journal))
        if options.command == "broken":
            return _broken(journal)
        breaker = Breaker(Hands(options.kubeconfig, options.engine), journal)
        if options.command == "undo":
            return _undo(breaker, None)
        return _wait(breaker, journal, options.ident, float(options.seconds))
    except KeyboardInterrupt:
        print("chaosheal: ended from outside; a run that was under way has taken back what it broke", file=sys.stderr)
        return 130
    except ChaosError as error:
        print(f"chaosheal: {error}", file=sys.stderr)
        return 2


def _list() -> int:
    for name, fault in sorted(FAULTS.items()):
        print(f"{name}: {fault.about}")
        for called, param in fault.params.items():
            limits = f", {param.limits[0]} to {param.limits[1]}" if param.limits else ""
            words = f", one of {', '.join(param.choices)}" if param.choices else ""
            print(f"    {called} ({param.kind.__name__}{limits}{words}; default {param.default}): {param.about}")
    return 0


def _run(options: argparse.Namespace) -> int:
    try:
        variables = json.loads(options.variables)
    except ValueError as exc:
        raise ChaosError(f"--variables: expected JSON, got {options.variables[:80]!r}: {exc}") from None
    results = Results(options.folder)
    runs = chosen(options, options.experiments, results.all())
    healing = Healing(options.inventory, options.healer_kubeconfig, variables)
    done = Suite(results, healing, before=lambda: _before(options.before), patience=options.patience).carry_out(runs)
    report(options.folder)
    return ways_out(done)


def ways_out(done: Iterable[Result]) -> int:
    """By which a program ends that has seen these results: that of the worst."""
    return max((EXIT[Word(result.word)] for result in done), default=0)


def _before(command: str) -> None:
    done = subprocess.run(shlex.split(command), check=False) if command else None
    if done and done.returncode:
        raise ChaosError(f"--before: {command!r} ended with {done.returncode}")


def report(folder: Path) -> int:
    """Write what a folder of results shows, for people and for programs; returns 0.

    :raises ChaosError: it has none, or they cannot be read.
    """
    results = Results(folder).all()
    if not results:
        raise ChaosError(f"{folder} has no results; they come from: python -m chaosheal run")
    runs = [drawn(one, read(path)) for one in results if (path := folder / one.folder / EVENTS).exists()]
    written = {"table.md": table(results), "junit.xml": junit(results), "report.html": page(runs)}
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


def _broken(journal: Journal) -> int:
    for entry in still_broken(journal.entries()):
        print(f"{entry.ident} {entry.fault} on {entry.node}, {entry.phase}")
    return 0


def _undo(breaker: Breaker, idents: Sequence[str] | None) -> int:
    left = breaker.undo(idents)
    for line in left:
        print(f"chaosheal: {line}", file=sys.stderr)
    return 1 if left else 0


def _wait(breaker: Breaker, journal: Journal, ident: str, seconds: float) -> int:
    end = time.time() + seconds
    while time.time() < end:
        # Whoever takes it back before ends the wait as well.
        if not [one for one in still_broken(journal.entries()) if one.ident == ident]:
            return 0
        time.sleep(min(5.0, max(0.1, end - time.time())))
    return _undo(breaker, [ident])


if __name__ == "__main__":
    sys.exit(main())
