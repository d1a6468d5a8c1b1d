# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m bench.observe``: how much an observation of a large cluster costs, next to what others pay for it.

python -m bench.observe --size A --json bench/results/A.json
python -m bench.observe --size A --gate
python -m bench.observe --size grow --json bench/results/grow.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.contestants import Task
from bench.goals import goals
from bench.meter import MB, machine_busy
from bench.plane import BenchPlane
from bench.shapes import GROWTH, SIZES, Size
from lab import golang, shell, store
from lab.paths import CHECKOUT, cache_root, versions
from lab.progress import say, step
from lab.shell import LabError

# Rounds of what is over in seconds; the slow peers have one, and those that a machine may not hold get the sample.
ROUNDS, GATE_ROUNDS, GROWTH_ROUNDS = 5, 5, 3
QUICK = ("ours", "ours-stdlib", "sink", "sink-screening", "full-list")
QUICK_ALONE = ("screening", "screening-stdlib")
SLOW = ("exact", "official-client", "kubectl", "k8s_info-nothing", "k8s_info")
# The pods that each of them can be given on a machine like those of CI.
HOLDS = {"official-client": 20000, "kubectl": 20000, "k8s_info": 5000}
# Contestants that do not count what they receive.
UNCOUNTED = ("official-client", "kubectl", "k8s_info")
# So much memory is needed, in GB.
NEEDS = {"small": 2, "A": 6, "B": 17, "grow": 17}
# Nobody is to reach 127.0.0.1 by a detour, or another cluster.
UNWANTED = ("KUBECONFIG", "K8S_AUTH_", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
LIMIT_SECONDS = 1200
SETTLE_SECONDS = 0.5


@dataclass
class Arena:
    """A cluster that is up, and the contestants' task in it."""

    plane: BenchPlane
    task: Task

    def measure(self, name: str) -> dict[str, Any]:
        """Run one contestant in a process of its own; what it and the servers used."""
        task = replace(self.task, sampled=self.task.pods > HOLDS.get(name, self.task.pods))
        environ = {name: value for name, value in os.environ.items() if not name.upper().startswith(UNWANTED)}
        before = self.plane.answered_bytes() if name in UNCOUNTED else 0.0
        argv = [sys.executable, "-m", "bench.contestants", name]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT, env=environ
        ) as process:
            timer = threading.Timer(LIMIT_SECONDS, process.kill)
            timer.start()
            try:
                sample = self._watch(process, task)
            finally:
                timer.cancel()
        if name in UNCOUNTED and "error" not in sample:
            sample["bytes"] = self.plane.answered_bytes() - before
        sample["sampled"] = task.sampled
        return sample

    def _watch(self, process: subprocess.Popen[bytes], task: Task) -> dict[str, Any]:
        if not (process.stdin and process.stdout and process.stderr):
            raise AssertionError("all three are pipes")
        try:
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        if not process.stdout.readline():
            return _ended(process)
        time.sleep(SETTLE_SECONDS)
        meters = self.plane.meters
        for meter in meters.values():
            meter.begin()
        busy = machine_busy()
        try:
            process.stdin.write(b"go\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        said = process.stdout.readline()
        busy = machine_busy() - busy
        uses = {program: meter.end() for program, meter in meters.items()}
        if not said:
            return _ended(process)
        sample: dict[str, Any] = json.loads(said)
        for program, short in (("kube-apiserver", "api"), ("etcd", "etcd")):
            sample[f"{short}_cpu"], sample[f"{short}_growth"] = uses[program].cpu, uses[program].growth
        sample["others_cpu"] = max(0.0, busy - sample["cpu"] - sum(use.cpu for use in uses.values()))
        return sample


def _ended(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The sample of a contestant that has ended too early: its last words."""
    trouble = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
    if process.stdin:
        # What it did not take would be an error of its own when the pipe is closed.
        with suppress(BrokenPipeError):
            process.stdin.close()
    return {"error": trouble[-1500:] or f"ended with {process.wait()}"}


@contextmanager
def arena(size: Size, binaries: dict[str, Path]) -> Iterator[Arena]:
    """A cluster of that size with nothing else in it."""
    with store.locked("bench"), store.scratch("bench") as folder:
        plane = BenchPlane(folder / "plane", binaries, size)
        try:
            with step(f"start a control plane of size {size.name}"):
                plane.start()
                token = plane.bootstrap()
            task = Task(
                server=plane.url,
                token=token,
                ca=str(plane.ca_cert),
                folder=str(folder),
                kubectl=str(binaries["kubectl"]),
                nodes=size.nodes,
                pods=size.pods,
            )
            yield Arena(plane, task)
        finally:
            plane.stop()


def rounds(here: Arena, names: Sequence[str], count: int) -> dict[str, list[dict[str, Any]]]:
    """Every contestant once in each round, each round beginning with another one."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(count):
        # The sink needs requests whose continue tokens are fresh; it also warms whatever is cold.
        recording = here.measure("ours")
        if "error" in recording:
            raise LabError(f"the observation fails: {recording['error']}")
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            seen[name].append(here.measure(name))
            _tell(name, seen[name][-1])
    return seen


def run(size: Size, gate: bool, binaries: dict[str, Path], only: Sequence[str] = ()) -> dict[str, Any]:
    """All that is measured at one size."""
    with arena(size, binaries) as here:
        # Of the servers at rest, before anybody has asked for anything.
        servers = {program: meter.memory() / MB for program, meter in here.plane.meters.items()}
        quick = [name for name in (*QUICK, *(() if gate else QUICK_ALONE)) if not only or name in only]
        measured = rounds(here, quick, GATE_ROUNDS if gate else ROUNDS)
        for name in () if gate else SLOW:
            if not only or name in only:
                with step(name):
                    measured[name] = [here.measure(name)]
                _tell(name, measured[name][-1])
        return {
            "kind": "observe",
            "gate": gate,
            "size": {**asdict(size), "sampled": size.sampled, "bytes": here.plane.bytes_stored},
            "machine": machine(here.plane),
            "servers_mb": servers,
            "samples": measured,
        }


def grow(binaries: dict[str, Path]) -> dict[str, Any]:
    """The quick contestants at three sizes of one density."""
    points = []
    told: dict[str, Any] = {}
    for size in GROWTH:
        with arena(size, binaries) as here:
            points.append({"size": asdict(size), "samples": rounds(here, QUICK, GROWTH_ROUNDS)})
            told = machine(here.plane)
    return {"kind": "grow", "machine": told, "points": points}


def machine(plane: BenchPlane) -> dict[str, Any]:
    """Where and with what this was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = {name: _version(name) for name in ("ansible-core", "kubernetes", "msgspec", "urllib3")}
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpus": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "kubernetes": plane.version(),
        "etcd": versions()["cluster"]["etcd"],
        "kubernetes.core": versions()["python"]["collections"]["kubernetes.core"],
        "packages": packages,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _tell(name: str, sample: Mapping[str, Any]) -> None:
    if "error" in sample:
        say(f"  {name}: {str(sample['error']).splitlines()[-1]}")
        return
    figures = f"{sample['wall']:.2f} s, {sample['cpu']:.2f} s CPU, {sample['rss']:.0f} MB (+{sample['rss_growth']:.0f})"
    servers = f"API {sample['api_cpu']:.2f} s CPU, +{sample['api_growth']:.0f} MB"
    say(f"  {name}: {figures}; {servers}; others {sample['others_cpu']:.2f} s CPU")


def _free_gb() -> float:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1e6
    return 0.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.observe", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=[*SIZES, "grow"], default="small")
    parser.add_argument("--gate", action="store_true", help="only what the ratios need, best of five, without peers")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these contestants; judge no goal")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured, for bench.report")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when every goal is met, 1 when one falls short, 2 when nothing could be measured."""
    options = _parser().parse_args(arguments)
    try:
        with shell.interruptible():
            if _free_gb() < NEEDS[options.size]:
                raise LabError(f"size {options.size} needs {NEEDS[options.size]} GB of free memory")
            cache_root().mkdir(parents=True, exist_ok=True)
            binaries = golang.build(["etcd", "kube-apiserver", "kubectl"])
            if options.size == "grow":
                result = grow(binaries)
            else:
                result = run(SIZES[options.size], options.gate, binaries, options.only)
    except (LabError, RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    met = [] if options.only or options.size == "grow" else goals(result)
    result["goals"] = [asdict(goal) for goal in met]
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for goal in met:
        print(goal.line())
    short = sum(not goal.ok for goal in met)
    if met:
        print(f"size {options.size}: {len(met) - short} goals met, {short} short")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
