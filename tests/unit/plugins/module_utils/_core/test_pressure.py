# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the three pressure checks have in common."""

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    node_disk_pressure,
    node_memory_pressure,
    node_pid_pressure,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import said
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, ready, snapshot

A_MINUTE_AGO = ago(60)
CHECKS = {
    "DiskPressure": node_disk_pressure,
    "MemoryPressure": node_memory_pressure,
    "PIDPressure": node_pid_pressure,
}
each_check = pytest.mark.parametrize(("kind", "file"), CHECKS.items(), ids=CHECKS)


def findings_of(check: Check, one: Node, policy: Policy = Policy()) -> list[Finding]:
    return list(check.evaluate(snapshot([one]), policy))


def pressed(
    kind: str, status: str | None, ready_status: str | None = "True", since: datetime | None = A_MINUTE_AGO
) -> Node:
    conditions = [] if ready_status is None else [ready(ready_status)]
    if status is not None:
        conditions.append(Condition(kind, status, "KubeletSays", "how it is", since))
    return node(conditions=tuple(conditions))


# Status of the condition, status of Ready (None: absent) -> the verdict.
READINGS = {
    "no pressure": ("False", "True", None),
    "no pressure, not ready": ("False", "False", None),
    "pressure": ("True", "True", Verdict.UNHEALTHY),
    "pressure, not ready": ("True", "False", Verdict.UNHEALTHY),
    "pressure, ready is unknown": ("True", "Unknown", Verdict.UNHEALTHY),
    "pressure, no ready": ("True", None, Verdict.UNHEALTHY),
    "unknown, ready": ("Unknown", "True", Verdict.UNKNOWN),
    "absent, ready": (None, "True", Verdict.UNKNOWN),
    "empty, ready": ("", "True", Verdict.UNKNOWN),
    "nonsense, ready": ("true", "True", Verdict.UNKNOWN),
    "unknown as ready is": ("Unknown", "Unknown", None),
    "absent, ready is unknown": (None, "Unknown", None),
    "absent, not ready": (None, "False", None),
    "nothing at all": (None, None, None),
}


@each_check
@pytest.mark.parametrize(("status", "ready_status", "verdict"), READINGS.values(), ids=READINGS)
def test_each_reading(kind, file, status, ready_status, verdict) -> None:
    findings = findings_of(file.CHECK, pressed(kind, status, ready_status))
    reason = file.PRESSURE if verdict is Verdict.UNHEALTHY else file.UNCLEAR
    assert [(f.verdict, f.reason) for f in findings] == ([] if verdict is None else [(verdict, reason)])
    assert all(f.node == "w1" and f.node_uid == "uid-w1" for f in findings)
    assert all(f.evidence == {"condition": kind, "status": status} for f in findings)


@each_check
def test_other_conditions_say_nothing_about_it(kind, file) -> None:
    others = [Condition(other, "True", "", "", ago(9)) for other in CHECKS if other != kind]
    well = Condition(kind, "False", "", "", ago(9))
    assert findings_of(file.CHECK, node(conditions=(ready(), *others, well))) == []


@each_check
@pytest.mark.parametrize(
    ("seconds", "policy", "past"),
    [
        (1799, Policy(), False),
        (1800, Policy(), True),
        (-60, Policy(), False),
        (59, "lowered", False),
        (60, "lowered", True),
    ],
)
def test_from_the_threshold_on(kind, file, seconds, policy, past) -> None:
    if policy == "lowered":
        policy = Policy(thresholds={file.CHECK.name: 60})
    (finding,) = findings_of(file.CHECK, pressed(kind, "True", since=ago(seconds)), policy)
    assert finding.past_threshold(NOW) is past
    assert finding.since == ago(seconds)


@each_check
def test_pressure_since_nobody_knows_when_is_never_past_the_threshold(kind, file) -> None:
    (finding,) = findings_of(file.CHECK, pressed(kind, "True", since=None))
    assert (finding.verdict, finding.since) == (Verdict.UNHEALTHY, None)
    assert not finding.past_threshold(NOW)


@each_check
def test_unknown_is_never_past_the_threshold(kind, file) -> None:
    (finding,) = findings_of(file.CHECK, pressed(kind, "Unknown", since=ago(90000)))
    assert finding.since == ago(90000)
    assert not finding.past_threshold(NOW)


@each_check
def test_the_words_of_the_kubelet_are_in_the_message(kind, file) -> None:
    (finding,) = findings_of(file.CHECK, pressed(kind, "True"))
    assert finding.message == f"{kind} is True (KubeletSays: how it is)"
    (finding,) = findings_of(file.CHECK, pressed(kind, "Unknown"))
    assert finding.message == f"the node is Ready, but {kind} is Unknown (KubeletSays: how it is)"
    (finding,) = findings_of(file.CHECK, pressed(kind, None))
    assert finding.message == f"the node is Ready and has no {kind} condition"


@each_check
def test_no_nodes_no_findings(kind, file) -> None:
    assert list(file.CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []


@each_check
def test_the_policy_has_the_last_word_on_the_remedy(kind, file) -> None:
    policy = Policy(remedies={file.CHECK.name: Remedy.RESTART})
    (finding,) = findings_of(file.CHECK, pressed(kind, "True"), policy)
    assert finding.remedy is Remedy.RESTART


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("Ready", "False", "Why", "what", None), "Ready is False (Why: what)"),
        (Condition("Ready", "False", "Why", "", None), "Ready is False (Why)"),
        (Condition("Ready", "False", "", "what", None), "Ready is False (what)"),
        (Condition("Ready", "", "", "", None), "Ready is empty"),
        (Condition("Ready", "False", "Why", "one\n  two\n", None), "Ready is False (Why: one two )"),
    ],
)
def test_a_condition_in_one_line(condition: Condition, words: str) -> None:
    assert said(condition) == words
