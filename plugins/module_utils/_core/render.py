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

TABLE_LIMIT = 50


def health_lines(snapshot: Snapshot, judgement: Judgement) -> list[str]:
    """A verdict line, a table of the nodes, and what could not be read."""
    nodes = snapshot.nodes or ()
    lines = [
        f"cluster {snapshot.cluster_uid or '(unidentified)'} is {judgement.verdict.value.upper()},"
        f" {len(nodes)} nodes seen"
    ]
    rows = []
    # A large cluster has thousands of healthy nodes and a report must stay readable, so only the sick are told then.
    told = nodes if len(nodes) <= TABLE_LIMIT else [n for n in nodes if judgement.of_node(n.name)][:TABLE_LIMIT]
    for node in told:
        findings = judgement.of_node(node.name)
        age = None
        if snapshot.heartbeats is not None and node.name in snapshot.heartbeats:
            age = snapshot.heartbeats[node.name].age(snapshot.observed_at)
        worst = findings[0].verdict.value if findings else Verdict.HEALTHY.value
        why = "; ".join(
            f"{f.reason} for {f.persisted(judgement.observed_at)} s"
            + (" (past its threshold)" if f.past_threshold(judgement.observed_at) else f" (threshold {f.threshold} s)")
            for f in findings
        )
        rows.append((node.name, worst, "?" if age is None else f"{age} s", why))
    lines += _table(("NODE", "VERDICT", "HEARTBEAT", "WHY"), rows) if rows else []
    if len(told) < len(nodes):
        sick = len({f.node for f in judgement.findings})
        lines.append(
            f"{len(nodes) - sick} of {len(nodes)} nodes are healthy; {sick - len(told)} sick ones left out here"
        )
    lines += [f"could not read {line}" for line in judgement.unread_lines]
    return lines


def plan_lines(plan: Plan) -> list[str]:
    """What would be done, and what may not be done and why."""
    lines = [f"DO     {a.rung} on {a.node} (host {a.host or '?'}): {a.reason}, {a.message}" for a in plan.actions]
    lines += [f"NOTE   {n.event} {n.node}: {n.message}" for n in plan.notes]
    lines += [f"BLOCKED {plan.blocked}"] if plan.blocked else []
    lines += [f"REFUSE {r.rung} on {r.node}, guard {r.guard}: {r.message}" for r in plan.refusals]
    if len(lines) > TABLE_LIMIT:
        lines[TABLE_LIMIT:] = [f"and {len(lines) - TABLE_LIMIT} lines more, left out here"]
    return lines or ["nothing to do"]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table]
