# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a snapshot to findings, the patterns in them, and a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    CHECKS,
    node_heartbeat,
    node_ready,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import PATTERNS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

# Who switches one of them off does not want to hear of it, and has not asked for a mass failure to be overlooked.
ALIVE = (node_ready.CHECK, node_heartbeat.CHECK)
_RANK = {Verdict.HEALTHY: 0, Verdict.UNKNOWN: 1, Verdict.UNHEALTHY: 2}


@dataclass(frozen=True)
class Judgement:
    """What the checks make of a snapshot.

    ``unread`` maps each missing part to the reason it is missing, ``checks`` each check that is switched on to its own
    verdict. ``patterns`` are what several findings have in common. ``disabled`` are the checks that are
    switched off, and ``hidden`` the nodes of which one of them would have said that they are not Ready or silent.
    """

    observed_at: datetime
    findings: tuple[Finding, ...]
    unread: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, Verdict] = field(default_factory=dict)
    patterns: tuple[Diagnosis, ...] = ()
    hidden: frozenset[str] = frozenset()
    disabled: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings, warnings left out; unknown, if one that matters could not be looked for."""
        verdicts = [f.verdict for f in self.findings if not f.is_warning]
        if self.missing:
            verdicts.append(Verdict.UNKNOWN)
        return max(verdicts, key=_RANK.__getitem__, default=Verdict.HEALTHY)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are only told."""
        return tuple(f for f in self.findings if f.is_warning)

    @property
    def missing(self) -> Mapping[str, str]:
        """The missing parts without which nobody can call the cluster healthy; those for warnings are left out."""
        heavy = {p for c in CHECKS if c.name in self.checks and c.severity is not Severity.WARNING for p in c.parts}
        return {part: why for part, why in self.unread.items() if part in heavy} | dict(self.blind)

    @property
    def blind(self) -> Mapping[str, str]:
        """The missing parts without which no node may be repaired."""
        needed = {"identity", "policy"} | {p for c in CHECKS if c.remedy is not Remedy.NONE for p in c.parts}
        return {part: why for part, why in self.unread.items() if part in needed}

    def worst(self, name: str) -> Finding | None:
        """The finding that a node is repaired for: of the unhealthy ones the one that has lasted longest.

        One that something can be done about goes before one that nothing can.
        """
        sick = [f for f in self.of_node(name) if f.verdict is Verdict.UNHEALTHY]
        return min(sick, key=self._urgency) if sick else None

    def of_node(self, name: str) -> tuple[Finding, ...]:
        """The findings about one node itself, without the warnings."""
        return self._by_node.get(name, ())

    def pattern_of(self, target: Ref) -> Diagnosis | None:
        """The first pattern that the object is a member of."""
        return self._by_member.get(target)

    @property
    def missing_lines(self) -> list[str]:
        """What could not be read and why, each reason once; what only warnings come from is left out."""
        return _lines(self.missing)

    @property
    def unwarned_lines(self) -> list[str]:
        """The missing parts that only warnings come from, and why they are missing."""
        missing = self.missing
        return _lines({part: why for part, why in self.unread.items() if part not in missing})

    @property
    def blind_lines(self) -> list[str]:
        """The same for what no repair can do without."""
        return _lines(self.blind)

    @cached_property
    def sick_nodes(self) -> int:
        """How many nodes have a finding, the unknown ones too."""
        return len(self._by_node)

    @cached_property
    def nodes_down(self) -> int:
        """How many nodes must not be forgotten when failures are counted: those with a finding, and the hidden ones."""
        return len(self._by_node.keys() | self.hidden)

    @cached_property
    def _by_member(self) -> Mapping[Ref, Diagnosis]:
        claimed: dict[Ref, Diagnosis] = {}
        for pattern in self.patterns:
            for member in pattern.members:
                claimed.setdefault(member, pattern)
        return claimed

    def _urgency(self, finding: Finding) -> tuple[bool, datetime, str]:
        return finding.remedy is Remedy.NONE, finding.since or self.observed_at, finding.check

    @cached_property
    def _by_node(self) -> Mapping[str, tuple[Finding, ...]]:
        found: dict[str, tuple[Finding, ...]] = {}
        for finding in self.findings:
            if finding.node and not finding.is_warning:
                found[finding.node] = (*found.get(finding.node, ()), finding)
        return found


def judge(snapshot: Snapshot, policy: Policy, incidents: Iterable[Incident] = ()) -> Judgement:
    """Run every check over the snapshot, then look for patterns in what they found.

    A cluster without a single node is unknown, because no cluster that runs anything looks like that.

    :param incidents: what is remembered, closed ones too; only patterns over time look at it.
    """
    active = [check for check in CHECKS if check.name not in policy.disabled_checks]
    unread = dict(snapshot.unread)
    if policy.trouble:
        unread.setdefault("policy", policy.trouble)
    for part in sorted({part for check in active for part in check.parts}):
        if getattr(snapshot, part) is None:
            unread.setdefault(part, "not read")
    if snapshot.nodes == ():
        unread.setdefault("nodes", "the API server lists no node at all")
    findings: list[Finding] = []
    verdicts: dict[str, Verdict] = {}
    for check in active:
        own = list(check.evaluate(snapshot, policy))
        findings += own
        worst = max((f.verdict for f in own), key=_RANK.__getitem__, default=Verdict.HEALTHY)
        if worst is Verdict.HEALTHY and any(part in unread for part in check.parts):
            worst = Verdict.UNKNOWN
        verdicts[check.name] = worst
    findings.sort(key=_order)
    found = tuple(findings)
    memory = tuple(sorted(incidents, key=lambda i: i.name))
    patterns = tuple(d for pattern in PATTERNS for d in pattern.evaluate(found, snapshot, policy, memory))
    off = [check for check in ALIVE if check.name in policy.disabled_checks]
    hidden = frozenset(f.node for check in off for f in check.evaluate(snapshot, policy))
    return Judgement(
        snapshot.observed_at, found, unread, verdicts, patterns, hidden, tuple(sorted(policy.disabled_checks))
    )


def _order(finding: Finding) -> tuple[object, ...]:
    weight = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING).index(finding.severity)
    return (
        finding.is_warning,
        finding.verdict is not Verdict.UNHEALTHY,
        weight,
        finding.target,
        finding.check,
        finding.reason,
        finding.message,
    )


def _lines(parts_to_reasons: Mapping[str, str]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for part, why in sorted(parts_to_reasons.items()):
        reasons.setdefault(why, []).append(part)
    return [f"{', '.join(parts)}: {why}" for why, parts in reasons.items()]
