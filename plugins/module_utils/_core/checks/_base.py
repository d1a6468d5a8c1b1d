# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


@dataclass(frozen=True)
class Check:
    """One aspect of one kind of object.

    ``parts`` names the parts of a snapshot without which the check can say nothing. ``reasons`` maps each reason that
    a finding may have to what it means. ``evaluate`` gives a finding for each object that is not well, and none for
    one that is; objects in doubt get one with the verdict unknown. ``threshold`` is how many seconds trouble must last
    before its ``remedy`` may be disruptive; a check of kind ``patient`` says nothing before that, because young
    objects of its kind are always in trouble for a moment.
    """

    name: str
    about: str
    parts: tuple[str, ...]
    reasons: Mapping[str, str]
    evaluate: Callable[[Snapshot, Policy], Iterable[Finding]]
    threshold: int = 0
    severity: Severity = Severity.ERROR
    remedy: Remedy = Remedy.NONE
    patient: bool = False

    def threshold_in(self, policy: Policy) -> int:
        """Seconds for which trouble must last, by this policy."""
        return policy.thresholds.get(self.name, self.threshold)

    def lasting(self, since: datetime | None, now: datetime, policy: Policy) -> bool:
        """Whether trouble that began then has lasted for the threshold."""
        return since is not None and (now - since).total_seconds() >= self.threshold_in(policy)

    def finding(
        self,
        policy: Policy,
        target: Ref,
        reason: str,
        message: str,
        since: datetime | None,
        verdict: Verdict = Verdict.UNHEALTHY,
        severity: Severity | None = None,
        place: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> Finding:
        """A finding of this check.

        :param reason: one of ``reasons``; anything else is a mistake of the check, and a KeyError.
        :param severity: where it differs from the check's own.
        """
        if reason not in self.reasons:
            raise KeyError(reason)
        return Finding(
            check=self.name,
            target=target,
            verdict=verdict,
            reason=reason,
            message=message,
            since=since,
            threshold=self.threshold_in(policy),
            severity=severity or self.severity,
            remedy=policy.remedies.get(self.name, self.remedy),
            place=place or (target.name if target.kind == "Node" else ""),
            evidence=evidence or {},
        )
