# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The same facts as lines for people, what matters most first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node, Pod, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import Plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

TABLE_LIMIT = 50
GROUPS_LIMIT = 20
WARNINGS_LIMIT = 10
PATTERNS_LIMIT = 3
NAMES_LIMIT = 3
CELL_LENGTH = 70
TEXT_LENGTH = 160
# Every mistake of a ConfigMap is in one such text.
UNREAD_LENGTH = 2000
UNKNOWN = Verdict.UNKNOWN.value
SEVERITIES = (*(s.value for s in (Severity.CRITICAL, Severity.ERROR)), UNKNOWN, Severity.WARNING.value)


def clean(text: object, limit: int = TEXT_LENGTH) -> str:
    """The text in one line that does nothing to a terminal, and not longer than that."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= limit else line[: limit - 3] + "..."


def weight(finding: Finding) -> str:
    """How a finding counts for people: by its severity, or as unknown, since then nobody knows how bad it is."""
    if finding.is_warning or finding.verdict is Verdict.UNHEALTHY:
        return finding.severity.value
    return UNKNOWN


def count_by_weight(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each weight there are, the heaviest first."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[weight(finding)] += 1
    return counts


def health_lines(snapshot: Snapshot, judgement: Judgement) -> list[str]:
    """The verdict with its counts, the patterns, the findings by what they are about, and then the rest.

    The rest is a table of the nodes, the warnings, the checks' own verdicts, and what could not be read.
    """
    owner_of = _owners(snapshot)
    heavy = [f for f in judgement.findings if not f.is_warning]
    lines = [_verdict_line(snapshot, judgement)]
    lines += _pattern_lines(judgement.patterns, judgement.observed_at)
    lines += _finding_lines(heavy, owner_of, judgement, GROUPS_LIMIT)
    lines += _node_lines(snapshot, judgement)
    lines += _finding_lines(judgement.warnings, owner_of, judgement, WARNINGS_LIMIT)
    lines += _check_lines(judgement.checks)
    if judgement.disabled:
        lines.append(f"switched off by the policy: {', '.join(judgement.disabled)}")
    lines += [f"could not read {clean(line, UNREAD_LENGTH)}" for line in judgement.missing_lines]
    return lines + [f"no warnings from {clean(line, UNREAD_LENGTH)}" for line in judgement.unwarned_lines]


def plan_lines(plan: Plan) -> list[str]:
    """What would be done, and what may not be done and why."""
    lines = [
        f"DO     {a.rung} on {a.node} (host {a.host or '?'}): {a.reason}, {clean(a.message)}" for a in plan.actions
    ]
    lines += [f"NOTE   {n.event} {n.node}: {clean(n.message)}" for n in plan.notes]
    lines += [f"BLOCKED {clean(plan.blocked, UNREAD_LENGTH)}"] if plan.blocked else []
    lines += [f"REFUSE {r.rung} on {r.node}, guard {r.guard}: {clean(r.message)}" for r in plan.refusals]
    if len(lines) > TABLE_LIMIT:
        lines[TABLE_LIMIT:] = [f"and {len(lines) - TABLE_LIMIT} lines more, left out here"]
    return lines or ["nothing to do"]


def _verdict_line(snapshot: Snapshot, judgement: Judgement) -> str:
    line = (
        f"cluster {snapshot.cluster_uid or '(unidentified)'} is {judgement.verdict.value.upper()},"
        f" {len(snapshot.nodes or ())} nodes seen"
    )
    counts = count_by_weight(judgement.findings)
    told = [f"{n} {name}{'s' if name in ('error', 'warning') and n > 1 else ''}" for name, n in counts.items() if n]
    if judgement.sick_nodes:
        told.insert(0, f"{judgement.sick_nodes} of them not well")
    if judgement.missing:
        told.append(f"{len(judgement.missing)} part{'s' if len(judgement.missing) > 1 else ''} not read")
    return f"{line}; {', '.join(told)}" if told else line


def _pattern_lines(patterns: Sequence[Diagnosis], now: datetime) -> list[str]:
    lines = []
    for one in patterns[:PATTERNS_LIMIT]:
        lasts = f" for {_age(one.since, now)}" if one.since else ""
        lines.append(f"PATTERN {one.pattern}, {len(one.members)} objects{lasts}: {clean(one.message, 2 * TEXT_LENGTH)}")
        root = f" ({clean(one.root)})" if one.root else ""
        cause, remedy = clean(one.cause, 2 * TEXT_LENGTH), clean(one.remedy, 2 * TEXT_LENGTH)
        lines.append(f"        probable cause: {cause}; to do: {remedy}{root}")
    if len(patterns) > PATTERNS_LIMIT:
        more = ", ".join(one.pattern for one in patterns[PATTERNS_LIMIT : PATTERNS_LIMIT + 10])
        lines.append(f"and {len(patterns) - PATTERNS_LIMIT} patterns more: {more}")
    return lines


@dataclass(frozen=True)
class _Group:
    """Findings that a person would tell in one breath."""

    owner: str
    pattern: str
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The one that speaks for all: the oldest, and of those the first by name."""
        return min(self.findings, key=lambda f: (f.since is None, f.since or 0, f.target))

    def what(self) -> str:
        target = self.first.target
        place = self.first.place if target.kind != "Node" else ""
        if len(self.findings) == 1:
            return f"{target} on {place}" if place else str(target)
        where = f" in {target.namespace}" if target.namespace else ""
        if self.owner:
            return f"{len(self.findings)} {target.kind}s of {self.owner}{where}"
        names = sorted(f.target.name for f in self.findings)
        more = ", ..." if len(names) > NAMES_LIMIT else ""
        return f"{len(names)} {target.kind}s{where}: {', '.join(names[:NAMES_LIMIT])}{more}"

    def row(self, now: datetime) -> tuple[str, ...]:
        first = self.first
        part = f"part of {self.pattern}; " if self.pattern else ""
        return (
            weight(first).upper(),
            first.reason,
            clean(self.what(), CELL_LENGTH),
            _age(first.since, now) if first.since else "?",
            clean(part + first.message),
        )


def _finding_lines(
    findings: Sequence[Finding], owner_of: Callable[[Ref], str], judgement: Judgement, limit: int
) -> list[str]:
    """A table with one line for each group: 300 pods of one Deployment are one line."""
    if not findings:
        return []
    parts: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        target, pattern = finding.target, judgement.pattern_of(finding.target)
        belongs = (owner_of(target), pattern.pattern if pattern else "")
        key = (weight(finding), finding.check, finding.reason, target.kind, target.namespace, *belongs)
        parts.setdefault(key, []).append(finding)
    groups = [_Group(key[-2], key[-1], tuple(own)) for key, own in parts.items()]
    # What came first keeps its place among groups of the same weight and size: the judge's own order.
    groups.sort(key=lambda g: (SEVERITIES.index(weight(g.findings[0])), -len(g.findings)))
    rows = [group.row(judgement.observed_at) for group in groups[:limit]]
    lines = _table(("SEVERITY", "REASON", "WHAT", "FOR", "WHY"), rows)
    if len(groups) > limit:
        more = sum(len(g.findings) for g in groups[limit:])
        lines.append(f"and {more} findings more in {len(groups) - limit} groups, left out here")
    return lines


def _owners(snapshot: Snapshot) -> Callable[[Ref], str]:
    """Tells what a pod belongs to; an empty text for everything else."""
    pods = {(p.namespace, p.name): p for p in (snapshot.pods.suspects if snapshot.pods else ())}

    def owner_of(target: Ref) -> str:
        pod = pods.get((target.namespace, target.name)) if target.kind == "Pod" else None
        return _workload(pod) if pod else ""

    return owner_of


def _workload(pod: Pod) -> str:
    """What people call the pod's controller: the Deployment of a ReplicaSet, the CronJob of a Job."""
    kind, _slash, name = pod.owner.partition("/")
    template = pod.labels.get("pod-template-hash", "")
    if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
        return f"Deployment {name.removesuffix(f'-{template}')}"
    if kind == "Job" and (made := re.fullmatch(r"(.+)-\d{8,10}", name)):
        return f"CronJob {made[1]}"
    return f"{kind} {name}" if name else ""


def _node_lines(snapshot: Snapshot, judgement: Judgement) -> list[str]:
    nodes = snapshot.nodes or ()
    rows = []
    # A large cluster has thousands of healthy nodes and a report must stay readable, so only the sick are told then.
    told: Sequence[Node] = nodes
    if len(nodes) > TABLE_LIMIT:
        told = [n for n in nodes if judgement.of_node(n.name) or n.name in judgement.hidden][:TABLE_LIMIT]
    for node in told:
        findings = judgement.of_node(node.name)
        age = None
        if snapshot.heartbeats is not None and node.name in snapshot.heartbeats:
            age = snapshot.heartbeats[node.name].age(snapshot.observed_at)
        unjudged = not findings and node.name in judgement.hidden
        worst = findings[0].verdict if findings else Verdict.UNKNOWN if unjudged else Verdict.HEALTHY
        why = "; ".join(
            f"{f.reason} for {f.persisted(judgement.observed_at)} s"
            + (" (past its threshold)" if f.past_threshold(judgement.observed_at) else f" (threshold {f.threshold} s)")
            for f in findings
        )
        if unjudged:
            why = "not Ready or silent, but the check that would tell is switched off"
        rows.append((clean(node.name, CELL_LENGTH), worst.value, "?" if age is None else f"{age} s", clean(why)))
    lines = _table(("NODE", "VERDICT", "HEARTBEAT", "WHY"), rows) if rows else []
    if len(told) < len(nodes):
        sick = judgement.nodes_down
        lines.append(
            f"{len(nodes) - sick} of {len(nodes)} nodes are healthy; {sick - len(told)} sick ones left out here"
        )
    return lines


def _check_lines(checks: Mapping[str, Verdict]) -> list[str]:
    """One line: how many checks are content, and the names of the others."""
    if not checks:
        return []
    by_verdict = {verdict: sorted(name for name, own in checks.items() if own is verdict) for verdict in Verdict}
    told = [f"{len(by_verdict[Verdict.HEALTHY])} of {len(checks)} checks are healthy"]
    told += [
        f"{verdict.value}: {', '.join(by_verdict[verdict])}"
        for verdict in (Verdict.UNHEALTHY, Verdict.UNKNOWN)
        if by_verdict[verdict]
    ]
    return ["; ".join(told)]


def _age(since: datetime | None, now: datetime) -> str:
    seconds = 0 if since is None else seconds_between(since, now)
    for unit, length, least in (("d", 86400, 172800), ("h", 3600, 7200), ("min", 60, 600)):
        if seconds >= least:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table]
