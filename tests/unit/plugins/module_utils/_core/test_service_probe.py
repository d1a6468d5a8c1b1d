# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.service_probe import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ProbeResult, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, snapshot

SERVICE = Ref("Service", "web", "shop")


def found(probe: ProbeResult, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([], probes=(probe,)), policy))


def probed(sent: int = 5, failed: int = 0, *times: float, trouble: str = "") -> ProbeResult:
    return ProbeResult(SERVICE, "http", sent, failed, times or (5.0,) * (sent - failed), trouble)


READINGS = {
    "it answers": (probed(), None),
    "all fail": (probed(5, 5, trouble="503\nService Unavailable"), "ServiceDoesNotAnswer"),
    "some fail": (probed(5, 1), "ErrorRateTooHigh"),
    "it is slow": (probed(3, 0, 10, 1001, 2000), "ResponseTooSlow"),
    "it fails and is slow": (probed(3, 1, 2000, 2000), "ErrorRateTooHigh"),
    "one answer is slow": (probed(3, 0, 10, 10, 9000), None),
    "nothing was sent": (probed(0, 0, trouble="no such port"), "ServiceNotProbed"),
}


@pytest.mark.parametrize(("probe", "reason"), READINGS.values(), ids=READINGS)
def test_each_reading_has_its_reason(probe: ProbeResult, reason: str | None) -> None:
    findings = found(probe)
    assert [f.reason for f in findings] == ([] if reason is None else [reason])
    for finding in findings:
        assert finding.target == SERVICE
        assert finding.since is None
        assert finding.verdict is (Verdict.UNKNOWN if reason == "ServiceNotProbed" else Verdict.UNHEALTHY)
        assert "\n" not in finding.message


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reason for _probe, reason in READINGS.values() if reason} == set(CHECK.reasons)


@pytest.mark.parametrize(
    ("limit", "failed", "told"), [(5, 0, False), (5, 1, False), (5, 2, True), (0, 1, True), (4, 1, True)]
)
def test_over_the_rate_of_errors(limit: int, failed: int, told: bool) -> None:
    findings = found(probed(20, failed), Policy(error_rate_percent=limit))
    assert bool(findings) is told
    if told:
        assert findings[0].message == (
            f"http: {failed} of 20 probes failed, {failed * 5} % (over {limit} % is too many)"
        )


def test_all_failed_is_told_even_when_every_error_is_allowed() -> None:
    policy = Policy(error_rate_percent=100)
    assert [f.reason for f in found(probed(5, 5), policy)] == ["ServiceDoesNotAnswer"]
    assert found(probed(5, 4), policy) == []


@pytest.mark.parametrize(("limit", "told"), [(999, True), (1000, False), (1001, False)])
def test_over_the_response_time(limit: int, told: bool) -> None:
    findings = found(probed(4, 0, 10, 1000, 1000, 2000), Policy(response_time_ms=limit))
    assert bool(findings) is told
    if told:
        assert findings[0].message == "http: half of the answers took longer than 1000 ms (over 999 ms is slow)"
        assert findings[0].evidence == {"kind": "http", "sent": 4, "failed": 0, "median_ms": 1000.0}


def test_the_trouble_is_in_the_message() -> None:
    assert found(READINGS["all fail"][0])[0].message == "http: 5 of 5 probes failed (503 Service Unavailable)"
    assert found(READINGS["nothing was sent"][0])[0].message == "http: no probe was sent (no such port)"


def test_it_says_nothing_where_nothing_was_probed() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert list(CHECK.evaluate(snapshot([], probes=()), Policy())) == []
