# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What several patterns ask of the findings: which nodes are down, since when, and which of them fell together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_heartbeat, node_ready
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref

# A kubelet renews its Lease every 10 s, so nodes that were cut off in one moment fall silent within little more.
TOGETHER_SECONDS = 60
NAMES_LIMIT = 10

_SILENT = {
    (node_heartbeat.CHECK.name, node_heartbeat.EXPIRED),
    (node_heartbeat.CHECK.name, node_heartbeat.STOPPED),
}
# What is said of a node by others than its kubelet, because they do not hear from it.
LATE = _SILENT | {(node_ready.CHECK.name, node_ready.STATUS_UNKNOWN)}
_SELF_TOLD = (node_ready.NOT_READY, node_ready.RUNTIME_DOWN, node_ready.NETWORK_DOWN)
_DOWN = LATE | {(node_ready.CHECK.name, reason) for reason in _SELF_TOLD}


def troubled(findings: Iterable[Finding]) -> dict[Ref, list[Finding]]:
    """The nodes that have a finding, with what is found; warnings left out."""
    found: dict[Ref, list[Finding]] = {}
    for finding in findings:
        if finding.node and not finding.is_warning:
            found.setdefault(finding.target, []).append(finding)
    return found


def silent(findings: Iterable[Finding], now: datetime) -> dict[Ref, datetime]:
    """The nodes whose Lease has run out, and when; one from the future proves a wrong clock and not silence."""
    return {
        f.target: f.since
        for f in findings
        if f.node and (f.check, f.reason) in _SILENT and f.since is not None and f.since <= now
    }


def down(findings: Iterable[Finding], now: datetime) -> dict[Ref, datetime]:
    """The nodes that are not Ready or silent, and since when; a beginning in the future counts as now."""
    return _earliest((f for f in findings if f.node and (f.check, f.reason) in _DOWN), now)


def late(findings: Iterable[Finding], now: datetime) -> dict[Ref, datetime]:
    """The nodes of which nothing is known but that they are not heard from, and since when."""
    alone = [own for own in troubled(findings).values() if all((f.check, f.reason) in LATE for f in own)]
    return _earliest((f for own in alone for f in own), now)


def together(times: Mapping[Ref, datetime], seconds: int) -> tuple[Ref, ...]:
    """The most nodes whose times lie within so many seconds, the latest such group if several are as large."""
    order = sorted((at, ref) for ref, at in times.items())
    width, first, best = timedelta(seconds=seconds), 0, (0, 0)
    for last, (at, _ref) in enumerate(order):
        while at - order[first][0] > width:
            first += 1
        if last + 1 - first >= best[1] - best[0]:
            best = (first, last + 1)
    return tuple(sorted(ref for _at, ref in order[best[0] : best[1]]))


def share(count: int, total: int, least: int, percent: int) -> bool:
    """Whether so many of all are at least that many, and at least that share."""
    return count >= least and count * 100 >= percent * total


def names(refs: Iterable[Ref]) -> str:
    """The names in order, cut when they are many."""
    known = sorted({ref.name for ref in refs})
    more = len(known) - NAMES_LIMIT
    return ", ".join(known[:NAMES_LIMIT]) + (f" and {more} more" if more > 0 else "")


def members(*groups: Iterable[Ref]) -> tuple[Ref, ...]:
    """Each object once, in order."""
    return tuple(sorted({ref for group in groups for ref in group}))


def _earliest(findings: Iterable[Finding], now: datetime) -> dict[Ref, datetime]:
    times: dict[Ref, datetime] = {}
    for finding in findings:
        # Since when is not told by a node whose clock is wrong; that it is down is true now.
        times[finding.target] = min(finding.since or now, now, times.get(finding.target, now))
    return times
