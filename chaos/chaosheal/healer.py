# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The healer as AWX runs it: a playbook under ansible-runner, and what it says of itself, event by event."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosheal.history import History
from chaosheal.model import ChaosError

PLAYBOOK = "selfheal.kubernetes.heal"
# What the modules of the collection say of a run, by the end of their names.
_PLAN, _INCIDENT = "remediation_plan_info", "incident"


def words_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What one event of ansible-runner says of the healer, as events of ours. Pure.

    A plan with a repair in it, or with an incident to be opened, is a detection; a repair that was begun is an act.
    """
    data = event.get("event_data") or {}
    result = data.get("res") or {}
    module = str(data.get("task_action") or "").rpartition(".")[2]
    if event.get("event") != "runner_on_ok" or not isinstance(result, Mapping):
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


class Healer:
    """One run of the playbook, which goes on turn after turn until it is ended.

    :param variables: of the run, such as ``selfheal_policy``.
    :raises ChaosError: ansible-runner is not there.
    """

    def __init__(
        self, inventory: str, variables: Mapping[str, Any], environ: Mapping[str, str], history: History
    ) -> None:
        try:
            import ansible_runner
        except ImportError:
            raise ChaosError("the healer needs the Python package ansible-runner") from None
        self._runner = ansible_runner
        self._history = history
        self._folder = Path(tempfile.mkdtemp(prefix="chaosheal-"))
        self._end = threading.Event()
        self._options = {
            "private_data_dir": str(self._folder),
            "playbook": PLAYBOOK,
            "inventory": inventory,
            "extravars": dict(variables),
            "envvars": dict(environ),
            "quiet": True,
            "event_handler": self._event,
            "cancel_callback": self._end.is_set,
        }
        self._thread: threading.Thread | None = None
        self._run: Any = None

    def start(self) -> None:
        """Begin, and come back at once."""
        self._thread, self._run = self._runner.run_async(**self._options)
        self._history.tell("healer", what="started")

    def stop(self, seconds: float = 90.0) -> None:
        """End it as AWX ends a job that is cancelled, and wait for that."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(seconds)
            status = "still runs" if self._thread.is_alive() else self._run.status
            self._history.tell("healer", what="ended", status=status, rc=getattr(self._run, "rc", None))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _event(self, event: Mapping[str, Any]) -> bool:
        for said in words_of(event):
            self._history.tell("healer", **said)
        # Nothing of it has to be kept on the disk.
        return False
