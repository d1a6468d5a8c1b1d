# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make prove-first-heal``: what the first heal must show, run again, one line for each item.

Works on a fresh clone of HEAD, and with the standard library only: the cold items first remove everything that the lab
has on this machine, environments too. They take an hour in all; PROVE_COLD=0 leaves them out, which is told as short.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.paths import CHECKOUT
from lab.progress import say, step

LOGS = CHECKOUT / "build" / "prove"
INTERRUPT_AFTER = 60.0


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


class Proof:
    """A fresh clone, and the items that were shown in it."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.items: list[Item] = []

    def make(self, target: str, log: str, interrupt_after: float | None = None) -> Made:
        """Run make in the clone; with a time, interrupt it then as a person would with Ctrl-C."""
        path = LOGS / f"{log}.log"
        begun = time.monotonic()
        with step(f"make {target} ({log})"), path.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                ["make", target],
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

    def show(self, claim: str, goal: str, measured: str, ok: bool) -> None:
        """Keep an item and tell it."""
        item = Item(claim, goal, measured, ok)
        self.items.append(item)
        say(_line(item))

    def timed(self, claim: str, limit: int, made: Made) -> None:
        """An item about a make that must end well within a time."""
        measured = f"exit {made.code}, {made.seconds:.0f} s"
        self.show(claim, f"exit 0 within {limit} s", measured, made.code == 0 and made.seconds <= limit)

    def tests(self, claim: str, reports: Iterable[Path], pattern: str) -> None:
        """An item that a set of tests shows: every one whose name matches has passed, and there is one."""
        passed, bad = 0, []
        for report in reports:
            for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 (pytest wrote it a moment ago)
                name = f"{case.get('classname')}.{case.get('name')}"
                if re.search(pattern, name):
                    if case.find("failure") is None and case.find("error") is None and case.find("skipped") is None:
                        passed += 1
                    else:
                        bad.append(case.get("name"))
        told = f"{passed} passed" + (f", not passed: {', '.join(map(str, bad))}" if bad else "")
        self.show(claim, "all its tests pass", told, passed > 0 and not bad)


def main() -> int:
    """Returns 0 when no item is short."""
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    cold = os.environ.get("PROVE_COLD", "1") != "0"
    with tempfile.TemporaryDirectory(prefix="selfheal-prove-") as folder:
        clone = Path(folder) / "kubernetes"
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], check=True)
        proof = Proof(clone)
        if cold:
            _cold(proof)
        else:
            for claim in ("make demo, cold", "make test, cold, interrupted and started again"):
                proof.show(claim, "measured", "left out by PROVE_COLD=0", False)
        _warm(proof)
    print()
    for item in proof.items:
        print(_line(item))
    short = sum(not item.ok for item in proof.items)
    minutes = (time.monotonic() - begun) / 60
    print(f"first-heal: {len(proof.items) - short} ok, {short} short, {minutes:.0f} min, logs in build/prove")
    return 1 if short else 0


def _cold(proof: Proof) -> None:
    proof.make("clean", "clean-1")
    proof.timed("make demo, cold", 1200, proof.make("demo", "demo-cold"))
    proof.make("clean", "clean-2")
    first = proof.make("test", "test-cold-interrupted", interrupt_after=INTERRUPT_AFTER)
    second = proof.make("test", "test-cold")
    both = Made(second.code if first.code != 0 else 1, first.seconds + second.seconds, second.output)
    claim = f"make test, cold, interrupted after {INTERRUPT_AFTER:.0f} s (exit {first.code}) and started again"
    proof.timed(claim, 2700, both)


def _warm(proof: Proof) -> None:
    # With the image in the cache; the cluster itself is made anew.
    proof.make("demo", "demo-before-warm")
    in_lane = [sys.executable, "-m", "lab.toolchain", "run", "--"]
    subprocess.run([*in_lane, "python", "-m", "lab", "down", "--name", "selfheal-demo"], cwd=proof.clone, check=True)
    interrupted = proof.make("demo", "demo-interrupted", interrupt_after=12)
    demo = proof.make("demo", "demo-warm")
    proof.timed("make demo, image in the cache", 180, demo)
    both = f"exit {interrupted.code}, then exit {demo.code}"
    proof.show(
        "make demo, interrupted while it makes the cluster, started again",
        "not 0, then 0",
        both,
        interrupted.code != 0 and demo.code == 0,
    )
    for claim, words in {
        "demo: monitor-only finds the node, touches nothing": "ok    monitor-only found the node and touched nothing",
        "demo: the node ends healthy": "ok    the node is healthy again",
        "demo: the second run is changed=0": "ok    the second run changed nothing",
        "demo: the audit log shows no write to a node": "ok    the healer wrote only its own memory",
    }.items():
        proof.show(claim, "told by the demo", "told" if words in demo.output else "not told", words in demo.output)

    test = proof.make("test", "test-warm")
    proof.timed("make test, warm", 900, test)
    reports = proof.clone / "build" / "test"
    e2e = sorted(path for path in reports.glob("e2e-*.xml") if "smoke" not in path.name)
    smoke = sorted(reports.glob("e2e-smoke-*.xml"))
    api = sorted(reports.glob("api-*.xml"))
    proof.tests(
        "kubectl get incidents tells the story; only the sick host is touched (audit log, Docker)",
        e2e,
        "stopped_kubelet_is_healed",
    )
    proof.tests("control run: without the healer the node does not come back", e2e, "without_a_repair")
    proof.tests("monitor-only and check mode change nothing (audit log)", e2e, "looking_changes_nothing")
    for claim, pattern in BAD_INPUT.items():
        proof.tests(f"bad input: {claim}", api, pattern)
    proof.tests("the oldest ansible-core heals, too", smoke, "stopped_kubelet_is_healed")
    for part in ("ruff", "mypy", "ansible-lint", "sanity new", "sanity py311", "unit new", "unit py311"):
        found = re.search(rf"^(passed|FAILED)  {re.escape(part)} .*$", test.output, re.MULTILINE)
        measured = " ".join(found.group(0).split()) if found else "did not run"
        proof.show(f"make test runs {part}", "passed", measured, bool(found) and found.group(1) == "passed")
    lanes = subprocess.run(
        [sys.executable, "-m", "lab.toolchain", "lanes"], cwd=proof.clone, check=True, text=True, capture_output=True
    ).stdout
    told = "; ".join(line.split(" (")[0] for line in lanes.splitlines())
    proof.show(
        "lanes: newest Python present; ansible-core 2.19 to 2.21",
        "2.19 and 2.21",
        told,
        "2.19" in told and "2.21" in told,
    )


BAD_INPUT = {
    "no kubeconfig": r"\[(no kubeconfig|health without a kubeconfig)\]",
    "API not reachable, verdict unknown": r"\[(nobody answers|health when nobody answers)\]",
    "wrong cluster identity": r"\[(another cluster|a bootstrap of another cluster)\]",
    "a node that no inventory host matches": r"\[a sick node without a host\]",
    "a node name that is no valid name": r"\[a name that is none\]",
    "nothing is changed by any of them (audit log)": "none_of_these_runs_has_changed_anything",
}


def _line(item: Item) -> str:
    return f"{'ok   ' if item.ok else 'SHORT'} {item.claim} | goal: {item.goal} | measured: {item.measured}"


def _bare_environment() -> dict[str, str]:
    """The environment without what the toolchain put into it, so that the clone sets itself up."""
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "PYTHON", "VIRTUAL_ENV", "MYPYPATH"))
    }
    environ["PATH"] = os.pathsep.join(p for p in environ["PATH"].split(os.pathsep) if "/selfheal/venv/" not in p)
    return environ


if __name__ == "__main__":
    sys.exit(main())
