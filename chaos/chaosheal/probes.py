# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes: what a cluster looks like to somebody who is not its healer."""

# The Chaos Toolkit reads annotations as they stand, so they must not be turned into strings by a future import.
import json
import time
from typing import Any

from chaoslib.types import Configuration

from chaosheal.activities import told
from chaosheal.journal import still_broken
from chaosheal.observer import SECONDS, look, wait_until_well
from chaosheal.setup import breaker_of, hands_of, journal_of

__all__ = [
    "all_nodes_are_ready",
    "api_answers",
    "cluster_is_well",
    "faults_are_there",
    "nodes",
    "nothing_is_broken",
    "pods_are_ready",
    "recovers",
    "stays_as_it_is",
    "stays_well",
]


@told
def nodes(configuration: Configuration = None) -> list[dict[str, Any]]:
    """Name, role, readiness and cordon of each node."""
    found = hands_of(configuration).nodes()
    return [{"name": n.name, "role": n.role, "ready": n.ready, "cordoned": n.cordoned} for n in found]


@told
def all_nodes_are_ready(cordoned: bool = False, configuration: Configuration = None) -> bool:
    """Whether every node is Ready, and none is cordoned unless that is all right."""
    return all(node.ready and (cordoned or not node.cordoned) for node in hands_of(configuration).nodes())


@told
def api_answers(configuration: Configuration = None) -> bool:
    """Whether the API server says of itself that it is ready, within 20 seconds."""
    done = hands_of(configuration).kubectl("get", "--raw", "/readyz", may_fail=True)
    return done.code == 0 and done.output.strip() == "ok"


@told
def pods_are_ready(namespace: str, selector: str, count: int = 1, configuration: Configuration = None) -> bool:
    """Whether at least so many pods are Ready, and not on their way out."""
    words = ("get", "pods", "-n", namespace, "-l", selector, "-o", "json")
    items = json.loads(hands_of(configuration).kubectl(*words).output)["items"]
    return sum(_is_ready(item) for item in items) >= count


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


@told
def faults_are_there(configuration: Configuration = None) -> bool:
    """Whether each fault that the journal knows of is still seen; False if one has gone, or there is none."""
    breaker = breaker_of(configuration)
    known = still_broken(journal_of(configuration).entries())
    return bool(known) and all(breaker.is_there(entry) for entry in known)


@told
def nothing_is_broken(configuration: Configuration = None) -> bool:
    """Whether the journal knows of no fault that is not taken back."""
    return not still_broken(journal_of(configuration).entries())


@told
def cluster_is_well(nodes: int = 1, configuration: Configuration = None) -> bool:
    """Whether at least so many nodes are there, and all are Ready, not cordoned, under no pressure, and heard of."""
    return not look(hands_of(configuration), nodes)


@told
def recovers(within: float, configuration: Configuration = None) -> bool:
    """Wait for the cluster to be seen sick, and then to be well three times in a row; False after so many seconds."""
    return wait_until_well(hands_of(configuration), 1, float(within), sick=False)


@told
def stays_as_it_is(seconds: float, configuration: Configuration = None) -> bool:
    """Let so many seconds pass, and say whether the faults that the journal knows are all still there."""
    time.sleep(float(seconds))
    return faults_are_there(configuration)


@told
def stays_well(seconds: float, configuration: Configuration = None) -> bool:
    """Whether the cluster is well for so many seconds, whenever it is looked at."""
    hands, end = hands_of(configuration), time.monotonic() + float(seconds)
    expected = len(hands.nodes())
    while time.monotonic() < end:
        if look(hands, expected):
            return False
        time.sleep(SECONDS)
    return True
