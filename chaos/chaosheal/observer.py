# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody who is neither the healer nor the one who breaks things, and looks at the cluster all the time."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

from chaosheal.hands import Hands
from chaosheal.history import History
from chaosheal.model import ChaosError
from chaosheal.verdict import GOOD_IN_A_ROW

SECONDS = 2.0
# Of a node whose kubelet is alive; it renews its Lease every ten seconds or oftener.
LEASE_SECONDS = 40.0
PRESSURES = ("DiskPressure", "MemoryPressure", "PIDPressure")
GPU = "nvidia.com/gpu"
# What a control plane needs besides its API server; whoever leads renews its Lease every two seconds.
LEADERS = (("kube-system", "kube-controller-manager"), ("kube-system", "kube-scheduler"))
# What every node needs to be of use: the DaemonSets of its network.
DAEMONSETS = (("kube-system", "kube-proxy"), ("kube-system", "calico-node"))


class Observer:
    """Takes a sample every two seconds, in a thread of its own, until it is told to end."""

    def __init__(self, hands: Hands, history: History, expected: int) -> None:
        self._hands, self._history, self._expected = hands, history, expected
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="observer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after as many samples more as make a recovery: who else has seen one may have looked a moment earlier."""
        self._end.set()
        self._thread.join(60)

    def _look(self) -> None:
        more = GOOD_IN_A_ROW
        while not self._end.is_set() or more:
            more -= self._end.is_set()
            wrong = look(self._hands, self._expected)
            self._history.tell("sample", good=not wrong, wrong=wrong[:10])
            (time.sleep if self._end.is_set() else self._end.wait)(SECONDS)


def look(hands: Hands, expected: int) -> list[str]:
    """What is wrong now; empty if nothing is."""
    try:
        items = json.loads(hands.kubectl("get", "nodes,leases,daemonsets", "-A", "-o", "json", seconds=15).output)[
            "items"
        ]
    except (ChaosError, ValueError) as exc:
        return [f"the API server does not answer: {' '.join(str(exc).split())[:200]}"]
    return wrong_with(items, expected, datetime.now(UTC))


def wait_until_well(hands: Hands, expected: int, seconds: float, sick: bool = True) -> bool:
    """Wait until the cluster is well so many times in a row as make a recovery; False after so many seconds.

    :param sick: whether it is known to have been sick; otherwise it has to be seen so first.
    """
    good, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        well = not look(hands, expected)
        sick, good = sick or not well, good + 1 if well else 0
        if sick and good >= GOOD_IN_A_ROW:
            return True
        time.sleep(SECONDS)
    return False


def wrong_with(items: list[dict[str, Any]], expected: int, now: datetime) -> list[str]:
    """What is wrong with a cluster that has these nodes, Leases and DaemonSets. Pure."""
    nodes = [item for item in items if item["kind"] == "Node"]
    leases = {_place(item): item for item in items if item["kind"] == "Lease"}
    wrong = [] if len(nodes) >= expected else [f"{len(nodes)} nodes, expected {expected}"]
    for node in nodes:
        name = node["metadata"]["name"]
        conditions = {one["type"]: one["status"] for one in node["status"].get("conditions") or ()}
        if conditions.get("Ready") != "True":
            wrong.append(f"{name}: Ready is {conditions.get('Ready', 'not told')}")
        wrong += [f"{name}: {kind}" for kind in PRESSURES if conditions.get(kind) == "True"]
        if node["spec"].get("unschedulable"):
            wrong.append(f"{name}: is cordoned")
        wrong += _stale(name, leases.get(("kube-node-lease", name)), now)
        wrong += _gpus_missing(node)
    for place in LEADERS:
        wrong += _stale(place[1], leases.get(place), now)
    for item in items:
        place = _place(item)
        if item["kind"] == "DaemonSet" and place in DAEMONSETS:
            ready = (item.get("status") or {}).get("numberReady", 0)
            if ready < len(nodes):
                wrong.append(f"{place[1]}: {ready} of {len(nodes)} pods are ready")
    return wrong


def _place(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _stale(name: str, lease: dict[str, Any] | None, now: datetime) -> list[str]:
    renewed = ((lease or {}).get("spec") or {}).get("renewTime")
    age = (now - datetime.fromisoformat(renewed)).total_seconds() if renewed else None
    if age is not None and age <= LEASE_SECONDS:
        return []
    return [f"{name}: its Lease is {'not there' if age is None else f'{age:.0f} s old'}"]


def _gpus_missing(node: dict[str, Any]) -> list[str]:
    """Fewer of them than the node's label says that it has."""
    told = (node["metadata"].get("labels") or {}).get(f"{GPU}.count", "")
    promised = int(told) if told.isdecimal() else 0
    offered = int((node["status"].get("allocatable") or {}).get(GPU, 0))
    return [f"{node['metadata']['name']}: {offered} of {promised} GPUs are allocatable"] if offered < promised else []
