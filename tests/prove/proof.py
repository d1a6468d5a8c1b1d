# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proofs share: a list of items, each a claim with its goal and what was measured, and makes in a clone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab import store
from lab.paths import CHECKOUT, cache_root
from lab.progress import say, step

LOGS = CHECKOUT / "build" / "prove"
# What passes is kept outside the checkout, since a proof can take longer than a machine lives.
KEPT = cache_root() / "proofs"
# What no test that is kept reads: a change of these does not make it run again.
APART = (
    *("bench/", "changelogs/", "chaos/", "docs/", "tests/chaos/", "tests/nemesis/", "tests/prove/"),
    *("tests/simulation/", "tests/unit/chaos/", "tests/run.py", ".gitignore", "Makefile", "README.md"),
)


@dataclass(frozen=True)
class Item:
    """One claim: its goal, what was measured, and whether that is good enough."""

    claim: str
    goal: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Made:
    """A make that has ended."""

    code: int
    seconds: float
    output: str

    @property
    def last(self) -> str:
        """The last line that it said, make's own words left out."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip() and not line.startswith("make")]
        return lines[-1] if lines else "nothing said"


class Proof:
    """A fresh clone, and the items that were shown in it.

    :param apart: beginnings of paths that its tests do not read.
    """

    def __init__(self, clone: Path, apart: tuple[str, ...] = APART) -> None:
        self.clone, self._apart = clone, apart
        self.items: list[Item] = []

    def make(self, target: str, log: str, interrupt_after: float | None = None) -> Made:
        """Run make in the clone; with a time, interrupt it then as a person would with Ctrl-C."""
        path = LOGS / f"{log}.log"
        begun = time.monotonic()
        with step(f"make {shlex.split(target)[0]} ({log})"), path.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                ["make", *shlex.split(target)],
                cwd=self.clone,
                env=_bare_environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout=interrupt_after)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGINT)
                code = process.wait(timeout=300)
        return Made(code, time.monotonic() - begun, path.read_text(encoding="utf-8", errors="replace"))

    def _kept(self, name: str, tests: str = "") -> Path:
        """Where it is kept that this has passed with these very files, less its extension."""
        KEPT.mkdir(parents=True, exist_ok=True)
        return KEPT / f"{name}-{store.key(tests, key_of(self._listing, tests, self._apart))}"

    @cached_property
    def _listing(self) -> str:
        git = ["git", "ls-tree", "-r", "HEAD"]
        return subprocess.run(git, cwd=self.clone, check=True, capture_output=True, text=True).stdout

    def pytest(self, name: str, tests: str, extra: str = "") -> Path | None:
        """Run tests in the clone, unless they have passed with these very files; their report, if there is one."""
        kept = self._kept(name, tests).with_suffix(".xml")
        if kept.exists():
            say(f"{name}: has passed with these files")
            return kept
        made = self.make(
            f"pytest REPORT={name} TESTS={shlex.quote(tests)}" + (f" EXTRA={extra}" if extra else ""), name
        )
        report = self.clone / "build" / "test" / f"{name}.xml"
        if made.code == 0 and report.exists():
            shutil.copyfile(report, kept)
        return report if report.exists() else None

    def once(self, target: str, name: str) -> str:
        """Run make in the clone, unless that has ended well with these very files; how it ended, as ``exit 0, 7 s``."""
        kept = self._kept(name).with_suffix(".txt")
        if kept.exists():
            return kept.read_text(encoding="utf-8")
        made = self.make(target, name)
        said = f"exit {made.code}, {made.seconds:.0f} s"
        if made.code == 0:
            kept.write_text(said, encoding="utf-8")
        return said

    def show(self, claim: str, goal: str, measured: str, ok: bool) -> None:
        """Keep an item and tell it."""
        item = Item(claim, goal, measured, ok)
        self.items.append(item)
        say(_line(item))

    def timed(self, claim: str, limit: int, made: Made) -> None:
        """An item about a make that must end well within a time."""
        measured = f"exit {made.code}, {made.seconds:.0f} s"
        self.show(claim, f"exit 0 within {limit} s", measured, made.code == 0 and made.seconds <= limit)

    def tests(self, claim: str, reports: Iterable[Path], *patterns: str) -> None:
        """An item that a set of tests shows: every one whose name matches has passed, and each pattern has one."""
        passed, bad, lacking = 0, [], set(patterns)
        for report in reports:
            for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 (pytest wrote it a moment ago)
                name = f"{case.get('classname')}.{case.get('name')}"
                own = {pattern for pattern in patterns if re.search(pattern, name)}
                lacking -= own
                if own:
                    if case.find("failure") is None and case.find("error") is None and case.find("skipped") is None:
                        passed += 1
                    else:
                        bad.append(case.get("name"))
        told = f"{passed} passed" + (f", not passed: {', '.join(map(str, bad))}" if bad else "")
        told += f", not there: {', '.join(sorted(lacking))}" if lacking else ""
        self.show(claim, "all its tests pass", told, passed > 0 and not bad and not lacking)


def key_of(listing: str, tests: str = "", apart: tuple[str, ...] = APART) -> str:
    """By what it is kept which tests have passed, from what git lists of a tree. Pure.

    :param tests: those that are run; no test reads the file of another.
    """
    files = {line.partition("\t")[2]: line for line in listing.splitlines()}
    own = {test.partition("::")[0] for test in tests.split()}
    read = [line for path, line in files.items() if not path.startswith(apart) and (path in own or not _is_test(path))]
    return store.key(*read)


def _is_test(path: str) -> bool:
    return path.startswith("tests/") and path.rpartition("/")[2].startswith("test_")


def exactly(name: str) -> str:
    """The pattern of one test, whatever its parameters; or of one set of them, if the name has any."""
    return rf"(^|\.){re.escape(name)}" + ("$" if name.endswith("]") else r"(\[|$)")


def beginning(name: str) -> str:
    """The pattern of all tests whose names begin so."""
    return rf"(^|\.){re.escape(name)}"


def prove(name: str, show: Callable[[Proof], None], apart: tuple[str, ...] = APART) -> int:
    """Show every item in a fresh clone of HEAD, then tell them all again; 0 when none is short."""
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="selfheal-prove-") as folder:
        clone = Path(folder) / "kubernetes"
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True)
        proof = Proof(clone, apart)
        show(proof)
    print()
    for item in proof.items:
        print(_line(item))
    short = sum(not item.ok for item in proof.items)
    minutes = (time.monotonic() - begun) / 60
    print(f"{name}: {len(proof.items) - short} ok, {short} short, {minutes:.0f} min, logs in build/prove")
    return 1 if short or not proof.items else 0


def _line(item: Item) -> str:
    return f"{'ok   ' if item.ok else 'SHORT'} {item.claim} | goal: {item.goal} | measured: {item.measured}"


def _bare_environment() -> dict[str, str]:
    """The environment without what the toolchain put into it, so that the clone sets itself up."""
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTHON", "VIRTUAL_ENV", "MYPYPATH"))
    }
    environ["PATH"] = os.pathsep.join(p for p in environ["PATH"].split(os.pathsep) if "/selfheal/venv/" not in p)
    return environ
