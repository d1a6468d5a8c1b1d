# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every check of the project: ``python3 tests/run.py [GROUP ...]``, all but the bench when none is named.

Sets up what is missing, runs independent parts side by side, keeps a log of each in build/test, and closes with
pytest's own summaries and a line ``N passed, N failed`` over all tests and parts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import shell, store, toolchain
from lab.paths import CHECKOUT
from lab.progress import step
from lab.shell import LabError
from tests.thorough import THOROUGH

OUTPUT = CHECKOUT / "build" / "test"
GROUPS = ("lint", "sanity", "unit", "providers", "simulation", "api", "e2e", "molecule", "chaos", "bench")
# Seconds after which a part has failed. The long one is for building the node image and for tests on a cluster, real or
# of an API server alone.
LIMIT = 1200.0
LONG_LIMIT = 3600.0
# Chains of parts. More of them, on two cores, and the tests of one would run into the deadlines of the others.
SIDE_BY_SIDE = 2
# What a user gets. Something new in the tarball is either meant for users, and belongs here, or in build_ignore.
SHIPPED = {
    *("CHANGELOG.md", "CHANGELOG.rst", "COPYING", "FILES.json", "LICENSES", "MANIFEST.json", "README.md"),
    *("changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"),
}
# The scenarios of molecule that every run has time for; the others are left to the night.
BY_DAY = ("container_runtime_restart", "default", "kube_proxy_restart", "kubelet_restart")
# How programs begin a line that says what went wrong; what follows on the next lines belongs to it.
COMPLAINTS = ("FAILED tests/", "ERROR ", "E   ", "[ERROR]: ", "fatal: ")
# A collection has to work with these alone.
NEEDED = ("meta", "playbooks", "plugins", "roles")


@dataclass(frozen=True)
class Outcome:
    """How a part ended: counts of tests, or of itself as one."""

    name: str
    seconds: float
    passed: int
    failed: int
    skipped: int = 0
    summary: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Part:
    """One check. run() gets the log's path, may raise LabError, and returns what it knows beyond "passed"."""

    name: str
    run: Callable[[Path], Outcome | None]


def _log(name: str) -> Path:
    return OUTPUT / f"{name.replace(' ', '-')}.log"


def carry_out(part: Part) -> Outcome:
    """Run one part; whatever goes wrong in it is its outcome.

    :raises shell.Stopped: the run as a whole is being ended.
    """
    log = _log(part.name)
    log.unlink(missing_ok=True)
    begun = time.monotonic()
    outcome = None
    try:
        with step(part.name):
            outcome = part.run(log)
            if outcome and outcome.failed:
                raise LabError(outcome.problem)
    except shell.Stopped:
        raise
    except (LabError, OSError) as error:
        seconds = time.monotonic() - begun
        if outcome:
            return Outcome(**{**vars(outcome), "seconds": seconds})
        return Outcome(part.name, seconds, 0, 1, problem=str(error))
    seconds = time.monotonic() - begun
    return Outcome(**{**vars(outcome), "seconds": seconds}) if outcome else Outcome(part.name, seconds, 1, 0)


# --- parts that are a command


def command(name: str, lane: str, *argv: str, limit: float = LIMIT) -> Part:
    """A part that passes when the command exits 0 in the lane's environment."""

    def run(log: Path) -> None:
        shell.run(*argv, cwd=CHECKOUT, env=toolchain.environment(lane), log=log, timeout=limit)

    return Part(name, run)


def lint(lane: str) -> list[Part]:
    """The checks of the text itself, quick ones first."""
    return [
        command("ruff", lane, "ruff", "check", "."),
        command("ruff format", lane, "ruff", "format", "--check", "."),
        command("yamllint", lane, "yamllint", "--strict", "."),
        command("reuse", lane, "reuse", "lint", "--lines"),
        command("changelog", lane, "antsibull-changelog", "lint"),
        command("performance tables", lane, "python", "-m", "bench.report", "--check"),
        command("mypy", lane, "mypy"),
        command("ansible-lint", lane, "ansible-lint", "--nocolor"),
        Part("package", lambda log: package(lane, log)),
    ]


def sanity(lane: str) -> Part:
    """All of ansible-test's sanity tests."""
    return command(f"sanity {lane}", lane, sys.executable, "-m", "lab.sanity", "--lane", lane)


def check_contents(tarball: str, names: Sequence[str]) -> None:
    """Look at the names of what a tarball holds.

    :raises LabError: something is in it that is not for users, or something they need is not.
    """
    strangers = sorted({name.split("/")[0] for name in names} - SHIPPED)
    if strangers:
        raise LabError(f"{tarball} holds {', '.join(strangers)}: list them in galaxy.yml's build_ignore")
    absent = [name for name in (*NEEDED, "README.md") if name not in names]
    if absent:
        raise LabError(f"{tarball} lacks {', '.join(absent)}")


def package(lane: str, log: Path) -> None:
    """Build the tarball, look at what is in it, and use it as a user would, with only the folders that count."""
    environ = toolchain.environment(lane)
    built = OUTPUT / "package"
    store.remove(built)
    built.mkdir(parents=True)
    shell.run("ansible-galaxy", "collection", "build", "--output-path", built, cwd=CHECKOUT, env=environ, log=log)
    (tarball,) = built.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    check_contents(tarball.name, names)
    install = ("ansible-galaxy", "collection", "install", "--no-deps", "--force", "-p", str(built), str(tarball))
    shell.run(*install, env=environ, log=log)
    toolchain.link(built, toolchain.collections(toolchain.lane_named(lane)))
    installed = built / "ansible_collections" / toolchain.COLLECTION.replace(".", "/")
    for path in installed.iterdir():
        if path.name not in (*NEEDED, "MANIFEST.json", "FILES.json"):
            store.remove(path)
    alone = {**environ, "ANSIBLE_COLLECTIONS_PATH": str(built), "PYTHONPATH": ""}
    modules = [f"{toolchain.COLLECTION}.{path.stem}" for path in sorted((installed / "plugins/modules").glob("*.py"))]
    names = [path.stem for path in sorted((installed / "playbooks").glob("*.yml"))]
    playbooks = [f"{toolchain.COLLECTION}.{name}" for name in names if not name.endswith(".meta")]
    shell.run("ansible-doc", "--type", "module", *modules, cwd=built, env=alone, log=log)
    shell.run("ansible-playbook", "--syntax-check", "-i", "localhost,", *playbooks, cwd=built, env=alone, log=log)


# --- parts that are pytest


def pytest(
    name: str, lane: str, folder: str, *options: str, keep: bool = False, limit: float = LIMIT, extra: str = ""
) -> Part:
    """A part made of tests; that it found none is a failure.

    :param keep: leave the cluster of the end-to-end tests to the part that comes after.
    :param extra: of whose environment it is, where it needs more than the lane has.
    """

    def run(log: Path) -> Outcome:
        report = log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        argv = ["pytest", "--color=no", "-p", "no:cacheprovider", f"--junitxml={report}", *options, folder]
        environ = toolchain.environment_with(extra, lane) if extra else toolchain.environment(lane)
        if keep:
            environ["SELFHEAL_KEEP"] = "1"
        done = shell.run(*argv, cwd=CHECKOUT, env=environ, log=log, check=False, timeout=limit)
        return read_report(name, done.returncode, report, log)

    return Part(name, run)


def read_report(name: str, status: int, report: Path, log: Path) -> Outcome:
    """What pytest's exit status and its JUnit file say. Time is filled in by the caller."""
    summary = shell.tail(log, 1)
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    if report.exists():
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 (pytest wrote it a moment ago)
            for key in counts:
                counts[key] += int(suite.get(key, 0))
    failed = counts["failures"] + counts["errors"]
    passed = max(0, counts["tests"] - failed - counts["skipped"])
    problem = ""
    if status or not passed:
        failed = max(1, failed)
        problem = "it found no test to run" if status in (0, 5) else f"pytest: exit {status} (log: {log})"
    return Outcome(name, 0.0, passed, failed, counts["skipped"], summary, problem)


# --- parts that are molecule


def molecule(lane: str, thorough: bool = THOROUGH, only: str = "") -> list[Part]:
    """A part for each scenario, so that one that fails does not keep the others from running; they share a cluster.

    :param thorough: with those that are left to the night, too.
    :param only: the one that is wanted.
    :raises LabError: there is no such scenario.
    """
    scenarios = sorted(path.parent.name for path in CHECKOUT.glob("extensions/molecule/*/molecule.yml"))
    if only and only not in scenarios:
        raise LabError(f"there is no scenario {only!r}; expected one of {', '.join(scenarios)}")
    names = [only] if only else [name for name in scenarios if thorough or name in BY_DAY]
    cluster = os.environ.get("SELFHEAL_CLUSTER") or "selfheal-molecule"
    away = command("molecule cluster", lane, sys.executable, "-m", "lab", "down", "--name", cluster)
    return [*(_scenario(name, lane) for name in names), *([] if os.environ.get("SELFHEAL_KEEP") else [away])]


def _scenario(name: str, lane: str) -> Part:
    def run(log: Path) -> None:
        environ = {**toolchain.environment(lane), "SELFHEAL_KEEP": "1", "NO_COLOR": "1"}
        shell.run("molecule", "test", "--scenario-name", name, cwd=CHECKOUT, env=environ, log=log, timeout=LIMIT)
        # A step whose playbook is not there is passed over by molecule, which is content with that.
        if "Missing playbook" in log.read_text(encoding="utf-8", errors="replace"):
            raise LabError(f"a step has no playbook (log: {log})")

    return Part(f"molecule {name}", run)


def plan(groups: Sequence[str], lanes: Sequence[str], scenario: str = "") -> list[list[Part]]:
    """The parts as chains, two of which run at any time, begun in this order; the last lane is the newest.

    The longest come first, so that none of them is left to run alone at the end.
    """
    newest = lanes[-1]
    chain: list[Part] = []
    clusters: list[Part] = []
    api: list[Part] = []
    simulation: list[Part] = []
    chaos: list[Part] = []
    if "lint" in groups:
        chain += lint(newest)
    if "unit" in groups:
        chain += [pytest(f"unit {lane}", lane, "tests/unit") for lane in lanes]
    if "providers" in groups:
        chain.append(pytest(f"providers {newest}", newest, "tests/providers", extra="providers"))
    if "sanity" in groups:
        chain += [sanity(lane) for lane in lanes]
    if "api" in groups:
        api.append(pytest(f"api {newest}", newest, "tests/api", limit=LONG_LIMIT))
    if "simulation" in groups:
        simulation.append(pytest(f"simulation {newest}", newest, "tests/simulation", limit=LONG_LIMIT))
        simulation.append(pytest(f"nemesis {newest}", newest, "tests/nemesis"))
    if {"e2e", "molecule"} & set(groups):
        clusters.append(command("node image", newest, sys.executable, "-m", "lab", "image", limit=LONG_LIMIT))
    if "e2e" in groups:
        quick = ("-m", "not nightly and not ha")
        # The few come first: what the many leave behind, such as restarts that are counted, is none of their business.
        clusters += [
            pytest(f"e2e smoke {lane}", lane, "tests/e2e", "-m", "smoke", keep=True, limit=LONG_LIMIT)
            for lane in lanes[:-1]
        ]
        clusters.append(pytest(f"e2e {newest}", newest, "tests/e2e", *quick, limit=LONG_LIMIT))
    if "molecule" in groups:
        clusters += molecule(newest, only=scenario)
    if "chaos" in groups:
        quick = ("-m", "not nightly")
        chaos.append(pytest(f"chaos {newest}", newest, "tests/chaos", *quick, extra="chaos", limit=LONG_LIMIT))
    # Chaos has a cluster of its own, and comes when the image of its nodes has long been made.
    return [one for one in (clusters, api, chain, simulation, chaos) if one]


def measurements(groups: Sequence[str], lanes: Sequence[str]) -> list[Part]:
    """The parts that want the machine for themselves, because they compare times."""
    if "bench" not in groups:
        return []
    return [command("bench", lanes[-1], "python", "-m", "bench.observe", "--size", "A", "--gate")]


# --- all of them


def complaint(log: Sequence[str], lines: int = 6, width: int = 240) -> list[str]:
    """The first lines of a log that say what went wrong, for who sees only the end of the output."""
    begin = next((number for number, line in enumerate(log) if line.startswith(COMPLAINTS)), None)
    if begin is None:
        return []
    return [line[:width] for line in log[begin:] if line.strip()][:lines]


def _conclude(outcomes: Sequence[Outcome], wall: float) -> int:
    failures = [one for one in outcomes if one.failed]
    for one in failures:
        print(f"\n--- {one.name}: {one.problem.splitlines()[0] if one.problem else 'failed'}")
        print(shell.tail(_log(one.name), 40) or one.problem)
    print()
    for one in outcomes:
        print(f"{'FAILED' if one.failed else 'passed'}  {one.name:<22} {one.seconds:7.1f} s  {one.summary}".rstrip())
        if one.failed:
            print("".join(f"        | {line}\n" for line in complaint(shell.read_lines(_log(one.name)))), end="")
    print(f"{len(outcomes)} parts in {wall:.0f} s; logs: {os.path.relpath(OUTPUT, CHECKOUT)}")
    counts = [sum(getattr(one, key) for one in outcomes) for key in ("passed", "failed", "skipped")]
    print(f"{counts[0]} passed, {counts[1]} failed" + (f", {counts[2]} skipped" if counts[2] else ""))
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named groups; returns 0 when everything passed, 1 when not, 2 without a set-up, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python3 tests/run.py", description="Run the project's checks.")
    parser.add_argument("--lane", help="only this lane (default: all of this machine)")
    parser.add_argument("--scenario", default="", help="only this one of molecule's (default: those of the day)")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = [group for group in options.groups if group not in GROUPS]
    if unknown:
        parser.error(f"unknown group {unknown[0]!r}; expected one of {', '.join(GROUPS)}")
    begun = time.monotonic()
    try:
        with shell.interruptible():
            OUTPUT.mkdir(parents=True, exist_ok=True)
            lanes = [toolchain.lane_named(options.lane).name] if options.lane else list(toolchain.ensure_all())
            chains = plan(options.groups or GROUPS, lanes, options.scenario)
            with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
                running = [pool.submit(lambda chain=chain: [carry_out(part) for part in chain]) for chain in chains]
                outcomes = [one for future in running for one in future.result()]
            outcomes += [carry_out(part) for part in measurements(options.groups or GROUPS, lanes)]
    except shell.Stopped:
        return 130
    except KeyboardInterrupt:
        print("tests: interrupted; what it had started is ended", file=sys.stderr)
        return 130
    except LabError as error:
        print(f"tests: {error}", file=sys.stderr)
        return 2
    return _conclude(outcomes, time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())
