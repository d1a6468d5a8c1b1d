# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pod_terminating import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, sick
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import findings, pod, seen

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def test_the_kubelet_does_not_end_it() -> None:
    (finding,) = findings(CHECK, pod(deleted=ago(400)))
    assert (finding.reason, finding.verdict, finding.severity) == ("PodStuckTerminating", Verdict.UNHEALTHY, ERROR)
    assert finding.message == "should have been gone for 400 s; its node w1 is Ready"


def test_a_finalizer_holds_it() -> None:
    (finding,) = findings(CHECK, pod(deleted=ago(400), finalizers=("a.io/x", "b.io/y")))
    assert (finding.reason, finding.severity) == ("PodHeldByFinalizers", ERROR)
    assert finding.message == "should have been gone for 400 s; its node w1 is Ready, finalizers a.io/x, b.io/y"
    assert finding.evidence["finalizers"] == ["a.io/x", "b.io/y"]


@pytest.mark.parametrize("finalizers", [(), ("a.io/x",)])
def test_its_node_cannot_say_that_it_has_stopped(finalizers: tuple[str, ...]) -> None:
    (finding,) = findings(CHECK, pod(deleted=ago(400), finalizers=finalizers), nodes=(sick("w1"),))
    assert (finding.reason, finding.severity) == ("PodTerminatingOnUnreadyNode", WARNING)
    assert "its node w1 is silent or not Ready" in finding.message
    (finding,) = findings(CHECK, pod(deleted=ago(400), node="w9", finalizers=finalizers))
    assert (finding.reason, finding.severity) == ("PodTerminatingOnUnreadyNode", WARNING)
    assert "its node w9 does not exist" in finding.message


def test_without_a_node_or_nodes() -> None:
    (finding,) = findings(CHECK, pod(deleted=ago(400), node=""))
    assert (finding.reason, finding.message) == (
        "PodStuckTerminating",
        "should have been gone for 400 s; it has no node",
    )
    (finding,) = CHECK.evaluate(replace(seen(pod(deleted=ago(400))), nodes=None), Policy())
    assert (finding.reason, finding.message) == (
        "PodStuckTerminating",
        "should have been gone for 400 s; its node w1 was not read",
    )


@pytest.mark.parametrize("threshold", [300, 10])
@pytest.mark.parametrize(("past", "told"), [(-1, False), (-0.001, False), (0, True), (1, True)])
@pytest.mark.parametrize("phase", ["Running", "Pending", "Failed", "Unknown", ""])
def test_from_the_threshold_on(threshold: int, past: float, told: bool, phase: str) -> None:
    policy = Policy(thresholds={} if threshold == 300 else {"PodTerminating": threshold})
    found = findings(CHECK, pod(deleted=ago(threshold + past), phase=phase), policy=policy)
    assert [f.since for f in found] == ([ago(threshold + past)] if told else [])


def test_in_its_grace_period_it_is_left_alone() -> None:
    assert findings(CHECK, pod(deleted=ago(-3600), created=ago(90000))) == []


def test_who_is_not_deleted_or_has_ended_well_is_not_told() -> None:
    assert findings(CHECK, pod(finalizers=("a.io/x",))) == []
    assert findings(CHECK, pod(deleted=ago(400), phase="Succeeded")) == []


def test_every_reason_is_given_above() -> None:
    assert set(CHECK.reasons) == {"PodStuckTerminating", "PodHeldByFinalizers", "PodTerminatingOnUnreadyNode"}
