# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.service_endpoints import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref, Service
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, snapshot
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import late, pod, seen

DOWN = Service("web", "shop", ready=0, total=3, changed=ago(90), unready=("web-1", "web-2", "web-3"))
EMPTY = Service("web", "shop", ready=0, total=0, changed=ago(90))


def found(*services: Service, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([], services=services), policy))


def test_none_is_ready() -> None:
    (finding,) = found(DOWN)
    assert (finding.reason, finding.verdict, finding.severity) == (
        "NoReadyEndpoints",
        Verdict.UNHEALTHY,
        Severity.ERROR,
    )
    assert (finding.target, finding.since) == (Ref("Service", "web", "shop"), ago(90))
    assert finding.message == "0 of 3 endpoints ready: web-1, web-2, web-3 (for 90 s)"


def test_there_is_none() -> None:
    (finding,) = found(EMPTY)
    assert (finding.reason, finding.verdict, finding.severity) == ("NoEndpoints", Verdict.UNHEALTHY, Severity.WARNING)
    assert finding.evidence == {"ready": 0, "total": 0, "unready": []}


@pytest.mark.parametrize(("namespace", "name"), [("default", "kubernetes"), ("kube-system", "kube-dns")])
@pytest.mark.parametrize("service", [DOWN, EMPTY])
def test_those_that_everything_hangs_on_are_critical(namespace: str, name: str, service: Service) -> None:
    (finding,) = found(replace(service, name=name, namespace=namespace))
    assert finding.severity is Severity.CRITICAL
    (finding,) = found(replace(service, name=name, namespace="elsewhere"))
    assert finding.severity is not Severity.CRITICAL


@pytest.mark.parametrize("threshold", [60, 10])
@pytest.mark.parametrize(("past", "told"), [(-1, False), (-0.001, False), (0, True), (1, True)])
@pytest.mark.parametrize("service", [DOWN, EMPTY])
def test_from_the_threshold_on(threshold: int, past: float, told: bool, service: Service) -> None:
    policy = Policy(thresholds={} if threshold == 60 else {"ServiceEndpoints": threshold})
    told_of = found(replace(service, changed=ago(threshold + past)), policy=policy)
    assert [f.since for f in told_of] == ([ago(threshold + past)] if told else [])


def test_without_a_time_it_is_a_fact_all_the_same() -> None:
    for changed in (None, ago(-60)):
        (finding,) = found(replace(DOWN, changed=changed))
        assert (finding.since, finding.verdict) == (None, Verdict.UNHEALTHY)
        assert "since when is not known" in finding.message


@pytest.mark.parametrize(("seconds", "told"), [(59, False), (60, True), (-30, False)])
@pytest.mark.parametrize("has_condition", [True, False])
def test_where_no_change_is_told_the_pods_behind_it_tell_since_when(
    seconds: float, told: bool, has_condition: bool
) -> None:
    old, other = late(name="web-1", seconds=500), late(name="web-2", namespace="elsewhere", seconds=1)
    last = late(name="web-2", seconds=seconds) if has_condition else pod("web-2", created=ago(seconds), conditions=())
    service = replace(DOWN, changed=None)
    findings = list(CHECK.evaluate(replace(seen(old, last, other), services=(service,)), Policy()))
    assert [f.since for f in findings] == ([ago(seconds)] if told else [])
    # What the API tells itself goes before.
    (finding,) = CHECK.evaluate(replace(seen(old, last, other), services=(DOWN,)), Policy())
    assert finding.since == ago(90)


def test_a_change_in_the_near_future_is_young() -> None:
    assert found(replace(DOWN, changed=ago(-59))) == []


def test_many_are_not_all_named() -> None:
    (finding,) = found(replace(DOWN, total=9, unready=tuple(f"p{n}" for n in range(9))))
    assert "p0, p1, p2, p3, p4 and 4 more" in finding.message
    assert len(finding.evidence["unready"]) == 5


def test_one_that_is_ready_is_enough() -> None:
    assert found(replace(DOWN, ready=1)) == []


def test_it_says_nothing_where_nothing_was_read() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []


def test_every_reason_is_given_above() -> None:
    assert set(CHECK.reasons) == {"NoReadyEndpoints", "NoEndpoints"}
