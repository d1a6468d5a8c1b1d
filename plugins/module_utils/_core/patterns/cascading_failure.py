# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""CascadingFailure: nodes go down one after the other, as when the load of the fallen brings down the next.

Rule: of the nodes that went down within the last 1800 s there are at least 3 waves (nodes within 60 s of a wave's first
are of that wave), and either at least 3 nodes and 5 % of all, or at least 2 nodes of the later waves that are short of
memory, disk or processes, which is what moved pods do to a node. The share keeps three chance failures in a very large
cluster from being a cascade. It is over when 1800 s have passed without enough of them.

It errs on the side of blocking in small clusters, where 3 nodes are always 5 %: a node that comes back takes pods again
and can fall again, so waiting costs less than feeding the cascade. In large ones it errs on the side of silence, where
mass_failure still counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import _nodes, resource_exhaustion
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

WINDOW_SECONDS = 1800
WAVES = 3
LEAST = 3
PERCENT = 5
STRAINED_LEAST = 2


def evaluate(
    findings: tuple[Finding, ...], snapshot: Snapshot, policy: Policy, incidents: tuple[Incident, ...]
) -> Iterable[Diagnosis]:
    """At most one diagnosis."""
    now = snapshot.observed_at
    fresh = now - timedelta(seconds=WINDOW_SECONDS)
    fell = {ref: at for ref, at in _nodes.down(findings, now).items() if at >= fresh}
    waves = _waves(fell)
    if len(waves) < WAVES:
        return
    total = len(snapshot.nodes or ())
    short = resource_exhaustion.strained(findings, snapshot)
    strained = {ref for wave in waves[1:] for ref in wave for nodes in short.values() if ref.name in nodes}
    if not _nodes.share(len(fell), total, LEAST, PERCENT) and len(strained) < STRAINED_LEAST:
        return
    first = min(fell.values())
    yield Diagnosis(
        pattern=PATTERN.name,
        members=_nodes.members(fell),
        cause="nodes go down one after the other: the load of those that fell, or whatever they all get, brings down"
        " the next",
        remedy="stop what spreads before any node is restarted: take load away or add nodes, hold the newest roll-out,"
        " and look at what the first node to fall was running",
        message=f"{len(fell)} of {total} nodes went down in {len(waves)} waves within"
        f" {int((now - first).total_seconds())} s, {len(strained)} of the later ones short of resources"
        f" (first {_nodes.names(waves[0])}; last {_nodes.names(waves[-1])})",
        since=first,
        evidence={
            "down": len(fell),
            "nodes": total,
            "waves": [len(wave) for wave in waves],
            "first": _nodes.names(waves[0]),
            "strained": _nodes.names(strained),
        },
    )


def _waves(fell: dict[Ref, datetime]) -> list[list[Ref]]:
    waves: list[list[Ref]] = []
    begun: datetime | None = None
    for at, ref in sorted((at, ref) for ref, at in fell.items()):
        if begun is None or (at - begun).total_seconds() >= _nodes.TOGETHER_SECONDS:
            waves.append([])
            begun = at
        waves[-1].append(ref)
    return waves


PATTERN = Pattern("CascadingFailure", "Nodes go down one after the other.", evaluate)
