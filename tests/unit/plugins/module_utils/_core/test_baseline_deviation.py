# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import Baseline, Look, metrics_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import baseline_deviation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pods, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID, ago, node, snapshot

USUAL = snapshot([node()], pods=Pods(1000))
AGES = range(5 * 86400, 0, -780)
LOOKS = tuple(Look(ago(age), metrics_of(USUAL)) for age in AGES)
METRICS = metrics_of(USUAL)
KNOWN = Baseline(LOOKS, dict.fromkeys(METRICS, len(LOOKS)), dict.fromkeys(METRICS, LOOKS[0].at))


def findings_of(policy: Policy = Policy(), **changes: object) -> list[Finding]:
    changes = {"pods": Pods(1000), "baseline": KNOWN, **changes}
    return list(baseline_deviation.CHECK.evaluate(snapshot([node()], **changes), policy))


def test_the_usual_is_not_told() -> None:
    assert findings_of() == []


CASES = {
    "more pods": (Pods(1300), "MetricUnusuallyHigh", 1300, 6.0),
    "fewer pods": (Pods(600), "MetricUnusuallyLow", 600, -8.0),
}


@pytest.mark.parametrize(("pods", "reason", "value", "deviations"), CASES.values(), ids=CASES)
def test_the_unusual_is_told_with_its_evidence(pods: Pods, reason: str, value: int, deviations: float) -> None:
    (finding,) = findings_of(pods=pods)
    assert (finding.reason, finding.verdict, finding.severity) == (reason, Verdict.UNHEALTHY, Severity.WARNING)
    assert finding.target == Ref("Cluster", UID)
    assert (finding.remedy, finding.since, finding.node) == (Remedy.NONE, None, "")
    assert finding.evidence == {
        "metric": "pods",
        "value": value,
        "median": 1000,
        "median_of_all_hours": 1000,
        "deviations": deviations,
        "samples": len(LOOKS),
        "samples_at_this_hour": sum(look.at.hour == NOW.hour for look in LOOKS),
    }
    assert finding.message == (
        f"pods is {value}, usually 1000 at this hour and 1000 by day and night:"
        f" {abs(deviations):.0f} deviations off (pods)"
    )


def test_every_reason_is_given_by_some_case() -> None:
    assert {reason for _pods, reason, *_rest in CASES.values()} == set(baseline_deviation.CHECK.reasons)


def test_each_unusual_metric_is_told() -> None:
    found = findings_of(pods=Pods(1000, left_out={"CrashLoopBackOff": 40}))
    assert [f.evidence["metric"] for f in found] == ["pods_restarting", "pods_suspect"]


def test_the_limit_and_the_warm_up_are_the_policys() -> None:
    assert findings_of(Policy(baseline_deviations=7), pods=Pods(1300)) == []
    assert findings_of(Policy(baseline_warmup=len(LOOKS) + 1), pods=Pods(1300)) == []
    assert len(findings_of(Policy(baseline_warmup=len(LOOKS)), pods=Pods(1300))) == 1


def test_now_is_the_moment_of_the_snapshot() -> None:
    # At an hour of which nothing is kept, nothing is usual.
    looks = tuple(look for look in LOOKS if look.at.hour != 12)
    known = Baseline(looks, KNOWN.learned, KNOWN.since)
    at_noon = NOW + timedelta(hours=9)
    assert len(findings_of(pods=Pods(1300), baseline=known)) == 1
    assert findings_of(pods=Pods(1300), baseline=known, observed_at=at_noon) == []


def test_a_cluster_without_a_name_is_a_cluster() -> None:
    (finding,) = findings_of(pods=Pods(1300), cluster_uid=None)
    assert finding.target == Ref("Cluster", "cluster")


@pytest.mark.parametrize("baseline", [None, Baseline()])
def test_it_says_nothing_without_a_baseline(baseline: Baseline | None) -> None:
    assert findings_of(pods=Pods(9999), baseline=baseline) == []


def test_it_says_nothing_about_parts_that_were_not_read() -> None:
    assert list(baseline_deviation.CHECK.evaluate(Snapshot(NOW, baseline=KNOWN), Policy())) == []
