# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an API server makes of a pod in its table: the rules of its printer, written down again for tests.

The releases have the same rules but for two, which OLD, USUAL and NEW tell apart: 1.29 calls a pod that has ended
Terminating when it is deleted, 1.34 does not; and later a failed container goes before a completed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time

COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates")
Object = Mapping[str, Any]
OLD, USUAL, NEW = 29, 34, 36


def print_pod(pod: Object, now: datetime, release: int = USUAL) -> tuple[list[Any], list[dict[str, str]]]:
    """The cells and the conditions of the pod's row.

    :param release: OLD, USUAL or NEW.
    """
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    phase = status.get("phase") or ""
    restarts = _Restarts()
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    total = len(spec["containers"]) + len(sidecars)
    word = status.get("reason") or phase
    if any(c["type"] == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in _conditions(pod)):
        word = "SchedulingGated"
    begun, ready = _init_containers(pod, sidecars, restarts)
    if begun is None or _is_true(pod, "Initialized"):
        restarts.keep(sidecars)
        word, more = _containers(pod, begun or word, restarts, release)
        ready += more
    else:
        word = begun
    if metadata.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            word = "Unknown"
        elif release == OLD or phase not in ("Succeeded", "Failed"):
            word = "Terminating"
    gates = [g["conditionType"] for g in spec.get("readinessGates") or ()]
    cells = [
        metadata["name"],
        f"{ready}/{total}",
        word,
        restarts.cell(now),
        _age(metadata.get("creationTimestamp"), now),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        "<none>",
        f"{sum(_is_true(pod, g) for g in gates)}/{len(gates)}" if gates else "<none>",
    ]
    ended = phase in ("Succeeded", "Failed")
    return cells, [{"type": "Completed", "status": "True", "reason": phase}] if ended else []


class _Restarts:
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, datetime | None]] = []

    def add(self, container: Object) -> None:
        last = (container.get("lastState") or {}).get("terminated") or {}
        self.seen.append((container["name"], container.get("restartCount", 0), parse_time(last.get("finishedAt"))))

    def keep(self, names: set[str]) -> None:
        self.seen = [one for one in self.seen if one[0] in names]

    def cell(self, now: datetime) -> str:
        count = sum(one[1] for one in self.seen)
        last = max((one[2] for one in self.seen if one[2]), default=None)
        return f"{count} ({human_duration((now - last).total_seconds())} ago)" if count and last else str(count)


def _init_containers(pod: Object, sidecars: set[str], restarts: _Restarts) -> tuple[str | None, int]:
    """The word for the first init container that has not done its part, and how many sidecars before it are ready."""
    ready = 0
    for number, one in enumerate(pod["status"].get("initContainerStatuses") or ()):
        restarts.add(one)
        state = one.get("state") or {}
        ended = state.get("terminated")
        if ended is not None and ended.get("exitCode", 0) == 0:
            continue
        if one["name"] in sidecars and one.get("started"):
            ready += bool(one.get("ready"))
            continue
        if ended is not None:
            return f"Init:{_word(ended)}", ready
        reason = (state.get("waiting") or {}).get("reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}", ready
        return f"Init:{number}/{len(pod['spec'].get('initContainers') or ())}", ready
    return None, ready


def _containers(pod: Object, word: str, restarts: _Restarts, release: int) -> tuple[str, int]:
    """The word for the containers, the first of them having the last say, and how many are ready."""
    ready, running, error = 0, False, ""
    for one in reversed(pod["status"].get("containerStatuses") or ()):
        restarts.add(one)
        state = one.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            word = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            word = _word(state["terminated"])
            if state["terminated"].get("exitCode", 0) != 0:
                error = word
        elif one.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    if word == "Completed":
        if running and _is_true(pod, "Ready"):
            word = "Running"
        elif error and release == NEW:
            word = error
        elif running:
            word = "NotReady"
    return word, ready


def _word(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _conditions(pod: Object) -> list[Object]:
    return list(pod["status"].get("conditions") or ())


def _is_true(pod: Object, kind: str) -> bool:
    first = next((c for c in _conditions(pod) if c["type"] == kind), None)
    return first is not None and first["status"] == "True"


def _age(text: str | None, now: datetime) -> str:
    moment = parse_time(text)
    return "<unknown>" if moment is None else human_duration((now - moment).total_seconds())


def human_duration(seconds: float) -> str:
    """A duration as Kubernetes prints it, with two or three figures, cut off."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole == -1 else "<invalid>"
    for below, big, small in (
        (120, "s", ""),
        (600, "m", "s"),
        (3 * 3600, "m", ""),
        (8 * 3600, "h", "m"),
        (48 * 3600, "h", ""),
        (8 * DAY, "d", "h"),
        (2 * YEAR, "d", ""),
        (8 * YEAR, "y", "d"),
    ):
        if whole < below:
            return _figures(whole, big, small)
    return _figures(whole, "y", "")


DAY = 86400
YEAR = 365 * DAY
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "y": YEAR}


def _figures(whole: int, big: str, small: str) -> str:
    count, rest = divmod(whole, _UNITS[big])
    little = rest // _UNITS[small] if small else 0
    return f"{count}{big}" + (f"{little}{small}" if little else "")
