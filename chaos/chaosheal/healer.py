# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The healer as AWX runs it: a playbook under ansible-runner, and what it says of itself, event by event."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaosheal.history import History
from chaosheal.model import ChaosError

PLAYBOOK = "selfheal.kubernetes.heal"
# Each process of a run has this variable, by which all of them are found, whatever they have become.
MARK = "CHAOSHEAL_HEALER"
# Seconds from the end of a run to the next one, as a schedule has it.
PAUSE = 5.0
# What the modules of the collection say of a run, by the end of their names.
_PLAN, _INCIDENT, _LEASE = "remediation_plan_info", "incident", "remediation_lease"
# Where a run is, by the role that it is in. A role of a rung that is not named here is the repair itself.
_ROLES = {"node_evidence": "evidence", "node_drain": "drain", "node_fence": "fence", "node_canary": "canary"}
_RUNGS = ("_restart", "_reboot", "_replace", "_reapply", "_certificates")
PHASES = ("detect", "lock", "begin", *_ROLES.values(), "act", "verify", "unlock")


def words_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What one event of ansible-runner says of the healer, as events of ours. Pure.

    A plan with a repair in it, or with an incident to be opened, is a detection; a repair that was begun is an act.
    """
    kind, data = event.get("event"), event.get("event_data") or {}
    if kind == "playbook_on_stats":
        return [{"what": "stats", "changed": sum((data.get("changed") or {}).values())}]
    phase = phase_of(event)
    if phase:
        return [{"what": "phase", "phase": phase}]
    result = data.get("res") or {}
    module = _module(data)
    if kind != "runner_on_ok" or not isinstance(result, Mapping):
        return []
    if module == _PLAN:
        sick = [action["node"] for action in result.get("actions") or ()]
        sick += [refusal["node"] for refusal in result.get("refused") or () if refusal.get("node")]
        return [{"what": "detected", "nodes": sorted(set(sick))}] if sick else []
    # An incident is called by its node and a number.
    node = next((str(name).rpartition("-")[0] for name in result.get("incidents") or ()), "")
    if module == _INCIDENT and result.get("proceed") and "act_within_seconds" in result:
        return [{"what": "acted", "node": node}]
    if module == _INCIDENT and result.get("proceed") and result.get("phase") == "Recovered":
        return [{"what": "repaired", "node": node}]
    return []


def phase_of(event: Mapping[str, Any]) -> str:
    """Which of ``PHASES`` a task that begins belongs to; empty if none. Pure."""
    data = event.get("event_data") or {}
    if event.get("event") != "runner_on_start":
        return ""
    module, role = _module(data), str(data.get("role") or "").rpartition(".")[2]
    asked = str(data.get("task_args") or "").split(", ")
    if module == _PLAN:
        return "detect"
    if module == _LEASE:
        return "unlock" if "state=released" in asked else "lock"
    if module == _INCIDENT:
        return next((phase for phase in ("begin", "verify") if f"event={phase}" in asked), "")
    return _ROLES.get(role) or ("act" if role.endswith(_RUNGS) else "")


def _module(data: Mapping[str, Any]) -> str:
    return str(data.get("task_action") or "").rpartition(".")[2]


class Healer:
    """One run of the playbook, which goes on turn after turn until it is ended.

    :param which: its number among those that are at work at once.
    :param variables: of the run, such as ``selfheal_policy``.
    :raises ChaosError: ansible-runner is not there.
    """

    def __init__(
        self,
        which: int,
        playbook: str,
        inventory: str,
        variables: Mapping[str, Any],
        environ: Mapping[str, str],
        history: History,
    ) -> None:
        try:
            import ansible_runner
        except ImportError:
            raise ChaosError("the healer needs the Python package ansible-runner") from None
        self._runner, self._which, self._history = ansible_runner, which, history
        self._folder = Path(tempfile.mkdtemp(prefix="chaosheal-"))
        self._end = threading.Event()
        self._phase = ""
        self._options = {
            "private_data_dir": str(self._folder),
            "playbook": playbook,
            "inventory": inventory,
            "extravars": dict(variables),
            # By a task's arguments its phase is known.
            "envvars": {**environ, MARK: str(self._folder), "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"},
            "quiet": True,
            "event_handler": self._event,
            "cancel_callback": self._end.is_set,
        }
        self._thread: threading.Thread | None = None
        self._run: Any = None

    def start(self) -> None:
        """Begin, and come back at once."""
        self._tell("started", mark=str(self._folder))
        self._thread, self._run = self._runner.run_async(**self._options)

    def wait(self) -> None:
        """Come back when it has ended, by itself or by somebody's hand."""
        if self._thread is not None:
            self._thread.join()
        if not self._end.is_set():
            self._over(self._run.status)

    def stop(self, seconds: float = 90.0) -> None:
        """End it as AWX ends a job that is cancelled, and wait for that."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._over("still runs" if self._thread.is_alive() else self._run.status)

    def _over(self, status: str) -> None:
        self._tell("ended", status=status, rc=getattr(self._run, "rc", None))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _event(self, event: Mapping[str, Any]) -> bool:
        for said in words_of(event):
            # A role has many tasks of one phase; each turn detects anew.
            if said["what"] != "phase" or said["phase"] != self._phase or said["phase"] == "detect":
                self._phase = said.get("phase", self._phase)
                self._history.tell("healer", which=self._which, **said)
        # Nothing of it has to be kept on the disk.
        return False

    def _tell(self, what: str, **about: Any) -> None:
        self._history.tell("healer", which=self._which, what=what, **about)


class Schedule:
    """So many healers at once, each begun again when it has ended, as a schedule does, until all are ended.

    :param make: makes the run of this number.
    """

    def __init__(self, count: int, make: Callable[[int], Healer]) -> None:
        self._make = make
        self._end = threading.Event()
        self._together = threading.Barrier(count)
        self._now: dict[int, Healer] = {}
        self._threads = [threading.Thread(target=self._keep, args=(n,), daemon=True) for n in range(count)]

    def start(self) -> None:
        """Begin with all of them at the same moment, and come back at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all that are at work, as AWX ends jobs that are cancelled, and wait for that."""
        self._end.set()
        for healer in list(self._now.values()):
            healer.stop()
        for thread in self._threads:
            thread.join(PAUSE)

    def _keep(self, which: int) -> None:
        healer = self._make(which)
        self._together.wait()
        while not self._end.is_set():
            self._now[which] = healer
            healer.start()
            healer.wait()
            self._end.wait(PAUSE)
            healer = self._make(which)


def mark_of(events: Sequence[Mapping[str, Any]], which: int) -> str:
    """By which the processes of the latest run of this healer are known.

    :raises ChaosError: there is none.
    """
    marks = [e["mark"] for e in events if e["kind"] == "healer" and e["what"] == "started" and e["which"] == which]
    if not marks:
        raise ChaosError(f"healer {which} is not at work in this run")
    return str(marks[-1])


def send(mark: str, number: signal.Signals) -> int:
    """Send a signal to every process of a run at once; to how many."""
    word, hit = f"{MARK}={mark}".encode(), 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and word in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), number)
                hit += 1
        except OSError:
            # It has ended in the meantime.
            continue
    return hit
