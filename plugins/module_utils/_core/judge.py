# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a snapshot to findings and a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


@dataclass(frozen=True)
class Judgement:
    """What the checks make of a snapshot; ``unread`` maps each missing part to the reason it is missing."""

    observed_at: datetime
    findings: tuple[Finding, ...]
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Unhealthy beats unknown beats healthy; a part that was not read is unknown."""
        verdicts = {f.verdict for f in self.findings}
        if Verdict.UNHEALTHY in verdicts:
            return Verdict.UNHEALTHY
        if Verdict.UNKNOWN in verdicts or self.unread:
            return Verdict.UNKNOWN
        return Verdict.HEALTHY

    def worst(self, name: str) -> Finding | None:
        """The finding that a node is repaired for: the unhealthy one that has lasted longest."""
        sick = [f for f in self.of_node(name) if f.verdict is Verdict.UNHEALTHY]
        return min(sick, key=lambda f: (f.since or self.observed_at, f.check)) if sick else None

    def of_node(self, name: str) -> tuple[Finding, ...]:
        """The findings about one node."""
        return self._by_node.get(name, ())

    @property
    def unread_lines(self) -> list[str]:
        """What could not be read and why, each reason once."""
        reasons: dict[str, list[str]] = {}
        for part, why in sorted(self.unread.items()):
            reasons.setdefault(why, []).append(part)
        return [f"{', '.join(parts)}: {why}" for why, parts in reasons.items()]

    @cached_property
    def sick_nodes(self) -> int:
        """How many nodes have a finding, the unknown ones too."""
        return len(self._by_node)

    @cached_property
    def _by_node(self) -> Mapping[str, tuple[Finding, ...]]:
        found: dict[str, tuple[Finding, ...]] = {}
        for finding in self.findings:
            found[finding.node] = (*found.get(finding.node, ()), finding)
        return found


def judge(snapshot: Snapshot, policy: Policy) -> Judgement:
    """Run every check over the snapshot.

    A cluster without a single node is unknown, because no cluster that runs anything looks like that.
    """
    unread = dict(snapshot.unread)
    for part in sorted({part for check in CHECKS for part in check.parts}):
        if getattr(snapshot, part) is None:
            unread.setdefault(part, "not read")
    if snapshot.nodes == ():
        unread.setdefault("nodes", "the API server lists no node at all")
    findings = [finding for check in CHECKS for finding in check.evaluate(snapshot, policy)]
    findings.sort(key=lambda f: (f.verdict is not Verdict.UNHEALTHY, f.node, f.check))
    return Judgement(observed_at=snapshot.observed_at, findings=tuple(findings), unread=unread)
