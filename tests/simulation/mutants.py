# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs planted into a copy of the collection, one at a time; the simulation must catch every one of them.

``python -m tests.simulation.mutants [NAME ...]``

Each is a small patch of the source, the scene in which it shows, and the rule that must speak of it. The copy is
explored by a process of its own, or lives through nights made of a seed where the scene is ``NIGHTS``. What it may take
is counted in seconds of the processor, so that a busy machine does not change the verdict. Ends with 1 when a bug
survives, when another rule speaks, or when the text that it replaces is not there any more.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
UTILS = "plugins/module_utils"
# Seconds of the processor's time that a mutant may take; after so many times as many by the clock there is no verdict.
LIMIT = 150
PATIENCE = 8
# In the place of a scene: nights of this seed, so many at most.
NIGHTS, SEED, RUNS = "nights", 101, 200
# What the simulation is made of.
PARTS = ("plugins", "tests/simulation", "tests/unit/plugins")
PACKAGE = "ansible_collections.selfheal.kubernetes.tests.simulation"
# The exit status of an exploration that has found something.
FOUND = 1


@dataclass(frozen=True)
class Edit:
    """A text that occurs once in a file, and what stands there instead."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A bug: what is wrong, how it is made, the scene in which it shows, and the rule that must speak of it."""

    name: str
    about: str
    scene: str
    rule: str
    edits: tuple[Edit, ...]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the rules that spoke of it, and why it counts as not caught; empty when it was."""

    mutant: Mutant
    rules: tuple[str, ...]
    seconds: float
    trouble: str = ""


class NoVerdict(Exception):
    """The exploration was ended by the clock, and nobody knows what it would have found."""


def _mutant(name: str, about: str, scene: str, rule: str, path: str, old: str, new: str, *options: str) -> Mutant:
    return Mutant(name, about, scene, rule, (Edit(f"{UTILS}/{path}", old, new),), options)


HEALER, LEASE, STORE = "_cluster/healer.py", "_cluster/lease.py", "_cluster/store.py"
PLAN, MACHINE, STORM = "_core/plan.py", "_core/machine.py", "_core/storm.py"
GUARDS = "_core/guards"
# Not among them, because it does no harm: to renew a lease that has run out, as long as nobody has taken it.

MUTANTS = (
    # --- the lease
    _mutant(
        "no-lease-check",
        "writes and acts without a proof that the lease is still ours",
        "restart",
        "I6 lease",
        HEALER,
        "        lease.renew(self._client, self._holder, self._token, self._policy.lease_duration)\n",
        "",
    ),
    _mutant(
        "lease-taken-in-date",
        "takes over a lease that has not run out",
        "restart",
        "I6 lease",
        LEASE,
        "        if expires > now:\n",
        "        if False:\n",
    ),
    _mutant(
        "same-token",
        "does not raise the fencing token",
        "restart",
        "I6 lease",
        LEASE,
        "holder, _token(spec) + 1, duration",
        "holder, _token(spec), duration",
    ),
    _mutant(
        "lets-go-any-lease",
        "lets go a lease that somebody else holds",
        "restart",
        "I6 lease",
        LEASE,
        '    if spec.get("holderIdentity") != holder or _token(spec) != token:\n        return False\n    if dry_run',
        "    if dry_run",
    ),
    # --- storms
    _mutant(
        "no-breaker",
        "repairs while too many nodes are sick",
        "storm",
        "I9 storms",
        STORM,
        "        if sick <= limit\n",
        "        if sick <= len(nodes)\n",
    ),
    _mutant(
        "no-storm-cooldown",
        "repairs in the moment in which a storm ends",
        "storm",
        "I9 storms",
        f"{GUARDS}/storm_cooldown.py",
        "    if elapsed < needed:\n",
        "    if False:\n",
    ),
    # --- evidence
    # The host's fence counts from before the look: evidence grows old only where both forget it.
    Mutant(
        "evidence-of-any-age",
        "does not ask how old is what it begins on, here or on the host",
        "reboot",
        "I2 evidence",
        (
            Edit(
                f"{UTILS}/{HEALER}",
                "        stale = evidence_age.too_old(fresh.snapshot, self._policy, now)\n",
                "        stale = None\n",
            ),
            Edit(
                f"{UTILS}/{HEALER}",
                "within = min(self._policy.evidence_age - age, self._policy.lease_duration - action.deadline)\n",
                "within = self._policy.lease_duration - action.deadline\n",
            ),
        ),
    ),
    _mutant(
        "no-host-fence",
        "lets a command be carried out whenever it reaches its host",
        "restart",
        "I2 evidence",
        HEALER,
        "        within = min(self._policy.evidence_age - age, self._policy.lease_duration - action.deadline)\n",
        "        within = 10**6\n",
    ),
    _mutant(
        "no-second-look",
        "begins on what it saw at first",
        "restart",
        "fresh look",
        HEALER,
        "        return view(self._client, self._policy, self._uid, only, self._look, self._ladders,"
        " self._monotonic, known)\n",
        "        client: Any = self._client\n"
        "        if not hasattr(client, 'first_view'):\n"
        "            client.first_view = view(\n"
        "                client, self._policy, self._uid, only, self._look, self._ladders, self._monotonic\n"
        "            )\n"
        "        return client.first_view\n",
    ),
    _mutant(
        "one-witness",
        "restarts a machine that one of two witnesses calls alive",
        "silent",
        "disruption",
        f"{GUARDS}/vantage_points.py",
        "    return None if own_words or not alive else",
        "    return None if True else",
    ),
    _mutant(
        "no-threshold",
        "ignores the threshold of what is disruptive",
        "young",
        "disruption",
        f"{GUARDS}/transient_tolerance.py",
        "    rung_after = candidate.finding.threshold if candidate.rung.disruptive else policy.soft_rung_after\n",
        "    rung_after = policy.soft_rung_after\n",
    ),
    # --- attempts
    _mutant(
        "no-cooldown",
        "repairs again at once",
        "tired",
        "I10 attempts",
        f"{GUARDS}/cooldown.py",
        "    if elapsed < needed:\n",
        "    if False:\n",
    ),
    _mutant(
        "no-backoff",
        "waits after many failures as long as after one",
        "tired",
        "I10 attempts",
        f"{GUARDS}/cooldown.py",
        "policy.cooldown * 2 ** min(max(0, failed - 1), 20)",
        "policy.cooldown",
    ),
    Mutant(
        "attempt-counted-at-its-end",
        "counts an attempt when it has failed, and not when it begins",
        "restart",
        "table",
        (
            Edit(
                f"{UTILS}/{MACHINE}",
                "            attempts=incident.attempts + 1,\n"
                "            attempted_at=(*incident.attempted_at, now)[-ATTEMPTS_KEPT:],\n",
                "",
            ),
            Edit(
                f"{UTILS}/{MACHINE}",
                '        changes["outcome"] = "RepairFailed"\n',
                '        changes["outcome"] = "RepairFailed"\n'
                '        changes["attempts"] = incident.attempts + 1\n'
                '        changes["attempted_at"] = (*incident.attempted_at, now)[-ATTEMPTS_KEPT:]\n',
            ),
        ),
    ),
    Mutant(
        "attempts-without-end",
        "goes on however often it has failed",
        "spent",
        "I10 attempts",
        (
            Edit(f"{UTILS}/{GUARDS}/attempts.py", "    if made >= limit:\n", "    if False:\n"),
            Edit(f"{UTILS}/{PLAN}", "        if made >= policy.max_attempts:\n", "        if False:\n"),
        ),
    ),
    # --- what is stored
    _mutant(
        "write-over-others",
        "writes an incident whatever others have written since",
        "restart",
        "lost update",
        STORE,
        '    if incident.resource_version:\n        metadata["resourceVersion"] = incident.resource_version\n',
        "",
    ),
    _mutant(
        "lost-reply-is-no-write",
        "takes a lost reply for a write that was not done",
        "restart",
        "lost reply",
        STORE,
        "        if stored is None:\n            raise\n        return stored\n",
        "        raise\n",
    ),
    _mutant(
        "unknown-phase-is-suspected",
        "reads a phase that it does not know as Suspected",
        "unreadable",
        "unreadable state",
        STORE,
        'phase=Phase(status["phase"]),',
        'phase=Phase(status["phase"]) if status["phase"] in list(Phase) else Phase.SUSPECTED,',
    ),
    # --- proof
    _mutant(
        "ready-is-proof",
        "calls a node repaired that is Ready, whether its Lease moves or not",
        "restart",
        "proof",
        HEALER,
        "                if good >= GOOD_SAMPLES and len(renewals) > 1:\n",
        "                if good >= GOOD_SAMPLES:\n",
    ),
    _mutant(
        "waiting-is-recovered",
        "calls a node recovered that has still to go down for its reboot",
        "going down",
        "proof",
        PLAN,
        "    return (leaving or node.boot_id == incident.boot_id) and incident.awaited(now)\n",
        "    return False\n",
    ),
    _mutant(
        "no-deadline",
        "goes on with a repair that took longer than it may",
        "slow",
        "deadline",
        HEALER,
        "        if _left(incident, now) <= 0:\n",
        "        if False:\n",
    ),
    # --- who it is
    _mutant(
        "namesake-is-proof",
        "calls a node repaired that was replaced by another one of its name",
        "restart",
        "another node",
        HEALER,
        "    if machine.uid != uid:\n",
        "    if False:\n",
    ),
    _mutant(
        "namesake-inherits",
        "gives a node the incident of another one that had its name",
        "restart",
        "left behind",
        PLAN,
        "        incident = open_ones.get((node.name, node.uid))\n",
        "        incident = next((one for (name, _uid), one in open_ones.items() if name == node.name), None)\n",
    ),
    _mutant(
        "departures-unseen",
        "keeps the incidents of nodes that have left",
        "restart",
        "left behind",
        PLAN,
        "        gone = incident.phase.is_open and (incident.node, incident.node_uid) not in present\n",
        "        gone = False\n",
    ),
    # --- people
    _mutant(
        "cordon-ignored",
        "repairs a node that a person has cordoned",
        "cordoned",
        "I13 people",
        f"{GUARDS}/human_cordon.py",
        " if cordoned else None",
        " if False else None",
    ),
    _mutant(
        "pause-ignored",
        "repairs a node that a person has paused",
        "paused",
        "I13 people",
        f"{GUARDS}/paused.py",
        "    if value is None or not holds(value, situation.now):\n",
        "    if True:\n",
    ),
    _mutant(
        "approval-ignored",
        "does not wait for a person's word",
        "unapproved",
        "I13 people",
        f"{GUARDS}/approval.py",
        "    if rung.remedy not in situation.policy.approval_required:\n",
        "    if True:\n",
    ),
    _mutant(
        "any-hour",
        "reboots outside of the maintenance windows",
        "out of hours",
        "disruption",
        f"{GUARDS}/maintenance_window.py",
        "    if candidate.rung.disruptive and not is_open(windows, situation.now):\n",
        "    if False:\n",
    ),
    # --- how many at once
    _mutant(
        "no-budget",
        "repairs more nodes in a turn than the policy allows",
        "one each",
        "I1 shares",
        f"{GUARDS}/budget.py",
        "    if len(busy) >= limit:\n",
        "    if False:\n",
    ),
    _mutant(
        "no-failure-domain",
        "takes down a node of a zone that has its share under repair",
        "zone",
        "I1 shares",
        f"{GUARDS}/failure_domain.py",
        "        if len(others) + 1 > limit:\n",
        "        if False:\n",
    ),
    # --- what is told
    _mutant(
        "record-says-well",
        "calls the cluster healthy in its record, whatever was seen",
        "restart",
        "I12 truth",
        "_core/record.py",
        '        "healthy": _HEALTHY[judgement.verdict],\n',
        '        "healthy": "True",\n',
    ),
    # --- the other way: what refuses for ever, or never ends
    _mutant(
        "storm-cooldown-without-end",
        "repairs nobody ever again after a storm",
        NIGHTS,
        "I7 convergence",
        f"{GUARDS}/storm_cooldown.py",
        "    if elapsed < needed:\n",
        "    if True:\n",
    ),
    _mutant(
        "cooldown-without-end",
        "repairs no node twice",
        NIGHTS,
        "I7 convergence",
        f"{GUARDS}/cooldown.py",
        "    if elapsed < needed:\n",
        "    if True:\n",
    ),
    _mutant(
        "tolerance-without-end",
        "waits for ever whether trouble passes by itself",
        NIGHTS,
        "I7 convergence",
        f"{GUARDS}/transient_tolerance.py",
        "    if persisted < needed:\n",
        "    if candidate.rung.disruptive:\n",
    ),
    _mutant(
        "given-up-at-once",
        "hands a node to people after its first attempt",
        NIGHTS,
        "I10 attempts",
        PLAN,
        "        if made >= policy.max_attempts:\n",
        "        if made:\n",
    ),
    _mutant(
        "proof-without-end",
        "waits for a proof for ever",
        NIGHTS,
        "I11 ends",
        HEALER,
        "        timeout = min(timeout, _left(incident, now))\n",
        "        timeout = 10.0**9\n",
    ),
    _mutant(
        "written-every-time",
        "writes the record though it says the same",
        NIGHTS,
        "I8 quiet",
        STORE,
        '    if stored is not None and stored.get("status") == status:\n        return False\n',
        "",
    ),
    # --- control planes, GPUs
    _mutant(
        "two-control-planes",
        "repairs a control plane while another one is under repair",
        "second plane",
        "I3 control plane",
        f"{GUARDS}/control_plane.py",
        "    if busy:\n",
        "    if False:\n",
    ),
    _mutant(
        "quorum-counted-before",
        "counts etcd's quorum with the member that it takes away",
        "planes",
        "I3 control plane",
        f"{GUARDS}/etcd_quorum.py",
        "[member for member in etcd.members if member.name not in own]",
        "list(etcd.members)",
    ),
    Mutant(
        "gpu-replaced",
        "replaces a GPU node",
        "gpu",
        "disruption",
        (
            Edit(
                f"{UTILS}/{PLAN}",
                "        most = finding.remedy.at_most(Remedy.REBOOT) if kept else finding.remedy\n",
                "        most = finding.remedy\n",
            ),
            Edit(f"{UTILS}/{GUARDS}/__init__.py", "    gpu_node.GUARD,\n", ""),
        ),
    ),
)


def planted(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """The files that the bug changes, and what they say then.

    :raises ValueError: when a text that is to be replaced does not occur once.
    """
    files: dict[str, str] = {}
    for edit in mutant.edits:
        text = files.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
        found = text.count(edit.old)
        if found != 1:
            raise ValueError(f"{edit.path} has the text to be replaced {found} times: {edit.old.strip()[:80]!r}")
        files[edit.path] = text.replace(edit.old, edit.new)
    return files


def copy_to(folder: Path, root: Path = ROOT, parts: Sequence[str] = PARTS) -> Path:
    """A copy of what the simulation needs, importable from the folder by the collection's own name."""
    made = folder / "ansible_collections" / "selfheal" / "kubernetes"
    kept = shutil.ignore_patterns("__pycache__")
    for part in parts:
        shutil.copytree(root / part, made / part, ignore=kept)
    return made


def explore(mutant: Mutant | None, scene: str, options: Sequence[str] = (), limit: float = LIMIT) -> tuple[int, str]:
    """Explore a scene in a copy of the collection with this bug, or without any; exit status and what was printed.

    :raises NoVerdict: when the machine was too busy.
    """
    nights = [PACKAGE, "--first", "--processes", "1", "--seeds", str(SEED), "--runs", str(RUNS), *options]
    return run_with(mutant, nights if scene == NIGHTS else [f"{PACKAGE}.explore", *options, scene], limit)


def run_with(
    mutant: Mutant | None, command: Sequence[str], limit: float = LIMIT, parts: Sequence[str] = PARTS
) -> tuple[int, str]:
    """Run a module in a copy of these parts with this bug, or without any; exit status and what was printed.

    The status is that of a signal when so many seconds of the processor's time were not enough.

    :raises NoVerdict: when the machine was too busy to give it those.
    """
    with tempfile.TemporaryDirectory(prefix="selfheal-mutant-") as name:
        folder = Path(name)
        made = copy_to(folder, parts=parts)
        for path, text in planted(mutant).items() if mutant is not None else ():
            (made / path).write_text(text, encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-B", "-m", *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            seconds = max(1, round(limit))
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (seconds, seconds))
            try:
                told, _nothing = process.communicate(timeout=limit * PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise NoVerdict(f"no end in {limit * PATIENCE:.0f} s by the clock") from None
    return process.returncode, told


def spoken(told: str) -> tuple[str, ...]:
    """The rules that were broken, by the words of an exploration or of a night."""
    lines = told.splitlines()
    broken = [line.removeprefix("** ") for line in lines if line.startswith("** ")]
    first = next((number for number, line in enumerate(lines) if re.match(r"seed \d+: ", line)), None)
    if first is not None:
        own = [re.sub(r"^seed \d+: ", "", line) for line in lines[first:]]
        # Its story comes after an empty line.
        broken += own[: own.index("")] if "" in own else own
    return tuple(dict.fromkeys(line.partition(":")[0] for line in broken))


def try_out(mutant: Mutant, limit: float = LIMIT) -> Verdict:
    """Plant the bug, and see whether the rule that it breaks catches it."""
    begun = time.monotonic()
    try:
        status, told = explore(mutant, mutant.scene, mutant.options, limit)
    except (ValueError, NoVerdict) as exc:
        return Verdict(mutant, (), time.monotonic() - begun, str(exc))
    seconds = time.monotonic() - begun
    rules = spoken(told) if status == FOUND else ()
    if mutant.rule in rules:
        return Verdict(mutant, rules, seconds)
    if rules:
        return Verdict(mutant, rules, seconds, f"{', '.join(rules)} spoke, expected {mutant.rule}")
    last = told.strip().splitlines()[-1:] or ["nothing was said"]
    if status < 0:
        why = f"nothing was found in {limit:.0f} s of the processor's time"
    elif status == 0 or mutant.scene == NIGHTS:
        why = f"survived: {last[0]}"
    else:
        why = f"exit {status}: {last[0]}"
    return Verdict(mutant, (), seconds, why)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the named mutants, or all; 1 when one survives, 2 when the command line is not understood."""
    known = {mutant.name: mutant for mutant in MUTANTS}
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.mutants", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"processor seconds for each (default: {LIMIT})")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"unknown mutant {unknown[0]!r}; expected one of {', '.join(known)}")
    begun = time.monotonic()
    verdicts = []
    for mutant in [known[name] for name in options.names] or MUTANTS:
        verdict = try_out(mutant, options.limit)
        verdicts.append(verdict)
        outcome = f"NOT CAUGHT: {verdict.trouble}" if verdict.trouble else f"caught by {mutant.rule}"
        print(f"{mutant.name:<28}{mutant.about:<72}{outcome} ({mutant.scene}, {verdict.seconds:.1f} s)", flush=True)
    caught = sum(not verdict.trouble for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} planted bugs caught, {time.monotonic() - begun:.0f} s")
    return 0 if caught == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
