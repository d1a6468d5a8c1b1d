# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The same facts as lines for people."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import Plan


def health_lines(snapshot: Snapshot, judgement: Judgement) -> list[str]:
    """A verdict line, a table of the nodes, and what could not be read."""
    nodes = snapshot.nodes or ()
    lines = [f"cluster {snapshot.cluster_uid or '(unidentified)'} is {judgement.verdict.value.upper()}, {len(nodes)} nodes seen"]
    rows = []
    for node in nodes:
        findings = judgement.of_node(node.name)
        age = None
        if snapshot.heartbeats is not None and node.name in snapshot.heartbeats:
            age = snapshot.heartbeats[node.name].age(snapshot.observed_at)
        worst = findings[0].verdict.value if findings else Verdict.HEALTHY.value
        why = "; ".join(
            f"{f.reason} for {f.persisted(judgement.observed_at)} s"
            + (" (confirmed)" if f.confirmed(judgement.observed_at) else f" (threshold {f.threshold} s)")
            for f in findings
        )
        rows.append((node.name, worst, "?" if age is None else f"{age} s", why))
    lines += _table(("NODE", "VERDICT", "HEARTBEAT", "WHY"), rows) if rows else []
    lines += [f"could not read {part}: {why}" for part, why in sorted(judgement.unread.items())]
    return lines


def plan_lines(plan: Plan) -> list[str]:
    """What would be done, and what may not be done and why."""
    lines = [f"DO     {a.rung} on {a.node} (host {a.host or '?'}): {a.reason}, {a.message}" for a in plan.actions]
    lines += [f"REFUSE {r.rung} on {r.node}, guard {r.guard}: {r.message}" for r in plan.refusals]
    return lines or ["nothing to do"]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
