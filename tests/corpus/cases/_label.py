# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a made snapshot is written down: a function that makes a healthy cluster sick, and the label beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.tests.corpus.build import NOW, Cluster, Raw, ago

Found = tuple[str, str, str]
Diagnosed = tuple[str, str | None, int]

MADE: dict[str, Raw] = {}
# Pattern to the snapshots that look like it and are something else.
NEAR_MISSES: dict[str, list[str]] = {}


def snapshot(
    cluster: Callable[[], Cluster],
    about: str,
    *findings: Found,
    patterns: Iterable[Diagnosed] = (),
    verdict: str | None = None,
    policy: Raw | None = None,
    incidents: Iterable[Raw] = (),
    near_miss: str = "",
) -> Callable[[Callable[[Cluster], None]], None]:
    """Register the snapshot that a function makes of a healthy cluster, under the function's name.

    :param verdict: "unhealthy" where there are findings and "healthy" where there are none, if not given.
    :param near_miss: the pattern that it looks like and is not.
    """

    def register(make: Callable[[Cluster], None]) -> None:
        name = make.__name__.replace("_", "-")
        made = cluster()
        make(made)
        said = sorted(findings)
        content: Raw = {"name": name, "about": about, "origin": "made", "observed_at": ago(0)}
        content["local_time"] = made.local_time
        content["cluster_uid"] = made.cluster_uid
        if policy:
            content["policy"] = policy
        if incidents:
            content["incidents"] = list(incidents)
        content["objects"] = made.objects()
        content["unread"] = made.unread
        content["expected"] = {
            "verdict": verdict or ("unhealthy" if said else "healthy"),
            "findings": [list(one) for one in said],
            "patterns": [list(one) for one in patterns],
        }
        if name in MADE:
            raise ValueError(f"two snapshots are called {name}")
        MADE[name] = content
        if near_miss:
            NEAR_MISSES.setdefault(near_miss, []).append(name)

    return register


def pods(check: str, reason: str, *names: str) -> list[Found]:
    """The same finding about each of these pods (namespace/name)."""
    return [(check, reason, f"Pod {name}") for name in names]


def incident(node: str, number: int, node_uid: str, *moments: tuple[float, str]) -> Raw:
    """An Incident as the healer keeps it: its phases, each with how many seconds ago it began."""
    (opened, _first), (_last, phase) = moments[0], moments[-1]
    status: Raw = {
        "phase": phase,
        "since": ago(opened),
        "attempts": 0,
        "attemptedAt": [],
        "history": [{"at": ago(at), "phase": said, "by": "awx-1", "message": said} for at, said in moments],
    }
    if phase in ("Recovered", "Gone"):
        status["closedAt"] = ago(moments[-1][0])
    return {
        "metadata": {"name": f"{node}-{number}"},
        "spec": {
            "target": {"kind": "Node", "name": node, "uid": node_uid},
            "check": "NodeReady",
            "reason": "NodeStatusUnknown",
        },
        "status": status,
    }


def hour(days_ago: int, minute: int = 0, shift: int = 0) -> int:
    """The moment in the same hour of an earlier day, in seconds since 1970."""
    return int((NOW - timedelta(days=days_ago, hours=-shift, minutes=-minute)).timestamp())
