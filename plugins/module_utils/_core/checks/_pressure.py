# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What the pressure conditions of a node have in common: DiskPressure, MemoryPressure, PIDPressure.

The kubelet posts all three with every status. When it falls silent, the controller-manager makes them Unknown together
with Ready; NodeReady says that already, so a condition that is absent or Unknown is told only while the node is Ready.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


def said(condition: Condition) -> str:
    """The condition in one line: its type, its status, and the words of whoever set it."""
    words = ": ".join(text for text in (condition.reason, condition.message) if text)
    # Some messages have several lines, and a finding has one.
    return " ".join(f"{condition.type} is {condition.status or 'empty'}{words and f' ({words})'}".split())


def pressure_check(name: str, about: str, condition: str, reason: str, unclear: str, remedy: Remedy) -> Check:
    """The check of one pressure condition.

    :param condition: the condition's type.
    :param reason: the reason of a node under pressure, which is the kubelet's own.
    :param unclear: the reason of a Ready node that does not say whether it is under pressure.
    """

    def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
        for node in snapshot.nodes or ():
            found = node.condition(condition)
            evidence = {"condition": condition, "status": None if found is None else found.status}
            if found is not None and found.status == "True":
                yield check.finding(policy, node.ref, reason, said(found), found.last_transition, evidence=evidence)
            elif (found is None or found.status != "False") and node.is_ready:
                message = f"the node is Ready and has no {condition} condition"
                if found is not None:
                    message = f"the node is Ready, but {said(found)}"
                since = None if found is None else found.last_transition
                yield check.finding(
                    policy, node.ref, unclear, message, since, verdict=Verdict.UNKNOWN, evidence=evidence
                )

    check = Check(
        name=name,
        about=about,
        parts=("nodes",),
        reasons={
            reason: f"{condition} is True",
            unclear: f"the node is Ready, and its {condition} condition is absent, Unknown or unreadable",
        },
        evaluate=evaluate,
        threshold=1800,
        severity=Severity.ERROR,
        remedy=remedy,
    )
    return check
