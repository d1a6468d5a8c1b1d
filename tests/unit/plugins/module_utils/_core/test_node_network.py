# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_network
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, ready, snapshot

CHECK = node_network.CHECK
LONG_AGO = ago(700)


def networked(status: str, reason: str, since: datetime | None = LONG_AGO, message: str = "") -> Node:
    return node(conditions=(ready(), Condition("NetworkUnavailable", status, reason, message, since)))


def findings_of(one: Node, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([one]), policy))


# Status and reason of the condition -> reason and verdict of the finding.
READINGS = {
    "calico is up": ("False", "CalicoIsUp", None, None),
    "cilium is up": ("False", "CiliumIsUp", None, None),
    "calico is down": ("True", "CalicoIsDown", "CalicoIsDown", Verdict.UNHEALTHY),
    "cilium is down": ("True", "CiliumIsDown", "CiliumIsDown", Verdict.UNHEALTHY),
    "another word of calico": ("True", "CalicoNotReady", "CalicoIsDown", Verdict.UNHEALTHY),
    "another word of cilium": ("True", "CiliumAgentNotReady", "CiliumIsDown", Verdict.UNHEALTHY),
    "true, and up": ("True", "CalicoIsUp", "CalicoIsDown", Verdict.UNHEALTHY),
    "false, and down": ("False", "CalicoIsDown", "NetworkStatusUnknown", Verdict.UNKNOWN),
    "false, and another word": ("False", "CiliumSomething", "NetworkStatusUnknown", Verdict.UNKNOWN),
    "calico does not know": ("Unknown", "CalicoIsUp", "NetworkStatusUnknown", Verdict.UNKNOWN),
    "cilium says nothing": ("", "CiliumIsUp", "NetworkStatusUnknown", Verdict.UNKNOWN),
    "calico says nonsense": ("true", "CalicoIsDown", "NetworkStatusUnknown", Verdict.UNKNOWN),
    "flannel is up": ("False", "FlannelIsUp", None, None),
    "a route": ("False", "RouteCreated", None, None),
    "somebody": ("False", "", None, None),
    "another does not know": ("Unknown", "FlannelIsUp", None, None),
    "another says nothing": ("", "", None, None),
    "no route": ("True", "NoRouteCreated", "NetworkUnavailable", Verdict.UNHEALTHY),
    "another is down": ("True", "FlannelIsDown", "NetworkUnavailable", Verdict.UNHEALTHY),
    "true without a word": ("True", "", "NetworkUnavailable", Verdict.UNHEALTHY),
}


@pytest.mark.parametrize(("status", "said", "reason", "verdict"), READINGS.values(), ids=READINGS)
def test_each_reading(status: str, said: str, reason: str | None, verdict: Verdict | None) -> None:
    findings = findings_of(networked(status, said))
    assert [(f.reason, f.verdict) for f in findings] == ([] if reason is None else [(reason, verdict)])
    for finding in findings:
        assert (finding.check, finding.node, finding.since) == ("NodeNetwork", "w1", ago(700))
        assert finding.evidence == {"status": status, "reason": said}


def test_every_reason_is_given_or_is_that_of_a_node_that_is_well() -> None:
    given = {reason for _status, _said, reason, _verdict in READINGS.values() if reason}
    assert given | {"CalicoIsUp", "CiliumIsUp"} == set(CHECK.reasons)


def test_nobody_speaks() -> None:
    assert findings_of(node()) == []
    assert findings_of(node(conditions=())) == []


@pytest.mark.parametrize(("seconds", "past"), [(599, False), (600, True), (-60, False)])
def test_from_the_threshold_on(seconds: float, past: bool) -> None:
    (finding,) = findings_of(networked("True", "CalicoIsDown", ago(seconds)))
    assert finding.past_threshold(NOW) is past
    assert (finding.severity, finding.remedy) == (Severity.ERROR, Remedy.REBOOT)


@pytest.mark.parametrize(("seconds", "told"), [(599, False), (600, True)])
def test_others_are_told_once_it_lasts_and_never_repaired(seconds: float, told: bool) -> None:
    findings = findings_of(
        networked("True", "NoRouteCreated", ago(seconds)), Policy(remedies={"NodeNetwork": Remedy.REPLACE})
    )
    assert [(f.is_warning, f.remedy) for f in findings] == [(True, Remedy.NONE)] * told


def test_others_are_told_when_nobody_says_since_when() -> None:
    (finding,) = findings_of(networked("True", "NoRouteCreated", None))
    assert finding.is_warning


def test_down_since_nobody_knows_when_is_never_past_the_threshold() -> None:
    (finding,) = findings_of(networked("True", "CalicoIsDown", None))
    assert (finding.verdict, finding.since, finding.past_threshold(NOW)) == (Verdict.UNHEALTHY, None, False)


def test_the_words_of_calico_are_in_the_message() -> None:
    (finding,) = findings_of(networked("True", "CalicoIsDown", message="Calico is shutting down on this node"))
    assert finding.message == "NetworkUnavailable is True (CalicoIsDown: Calico is shutting down on this node)"


def test_the_policy_has_the_last_word_on_calico() -> None:
    policy = Policy(thresholds={"NodeNetwork": 60}, remedies={"NodeNetwork": Remedy.RESTART})
    (finding,) = findings_of(networked("True", "CalicoIsDown"), policy)
    assert (finding.threshold, finding.remedy) == (60, Remedy.RESTART)


def test_no_nodes_no_findings() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert CHECK.parts == ("nodes",)
