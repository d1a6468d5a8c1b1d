# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What the checks of nodes' resources share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Usage
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

# metrics-server measures each 15 s to 60 s; what is older than this was measured by nobody who still lives.
STALE_AFTER = 300


@dataclass(frozen=True)
class Share:
    """How much of something is in use."""

    used: float
    capacity: float

    @property
    def percent(self) -> float:
        """The same in percent."""
        return 100 * self.used / self.capacity

    def over(self, percent: int) -> bool:
        """Whether more than so many percent are in use."""
        return 100 * self.used > percent * self.capacity


def share(used: float | None, capacity: float | None) -> Share | None:
    """The share, or None when the numbers cannot tell it."""
    if used is None or capacity is None or not (isfinite(used) and isfinite(capacity)):
        return None
    return Share(used, capacity) if capacity > 0 and used >= 0 else None


@dataclass(frozen=True)
class Resource:
    """One column of the metrics API: its name, its number of a node, how people write it, and the three reasons."""

    name: str
    read: Callable[[Usage], Share | None]
    show: Callable[[float], str]
    high: str
    absent: str
    stale: str

    def reasons(self, setting: str) -> dict[str, str]:
        """The reasons of its check with their meanings."""
        return {
            self.high: f"the node uses more of its {self.name} than {setting}",
            self.absent: f"the metrics API does not tell the node's use of {self.name} or what it has of it",
            self.stale: f"what the metrics API tells is not of the last {STALE_AFTER} s",
        }


def findings(check: Check, resource: Resource, limit: int, snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that uses more than the limit, and for each that nobody has measured."""
    if snapshot.metrics is None:
        return
    for node in snapshot.nodes or ():
        usage = snapshot.metrics.get(node.name)
        known = None if usage is None else resource.read(usage)
        verdict, evidence = Verdict.UNKNOWN, {}
        if usage is None:
            reason, message = resource.absent, f"the metrics API has nothing about node {node.name}"
        elif known is None:
            reason = resource.absent
            message = f"the metrics API does not tell how much of its {resource.name} node {node.name} uses"
        elif usage.at is not None and abs((snapshot.observed_at - usage.at).total_seconds()) > STALE_AFTER:
            age = (snapshot.observed_at - usage.at).total_seconds()
            reason = resource.stale
            message = f"the last metrics of node {node.name} are {age:.0f} s old"
        elif known.over(limit):
            reason, verdict = resource.high, Verdict.UNHEALTHY
            message = (
                f"node {node.name} uses {known.percent:.1f} % of its {resource.name}"
                f" ({resource.show(known.used)} of {resource.show(known.capacity)}), {limit} % are allowed"
            )
            evidence = {"percent": round(known.percent, 1), "used": known.used, "capacity": known.capacity}
        else:
            continue
        yield check.finding(policy, node.ref, reason, message, None, verdict=verdict, evidence=evidence)


def gib(number: float) -> str:
    """Bytes for people."""
    return f"{number / 2**30:.1f} GiB"
