# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import certificate_expiry
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, snapshot

CHECK = certificate_expiry.CHECK
DAY = 86400
HERE = "https://10.0.0.1:6443"


def endpoint(expires: datetime | None, address: str = HERE) -> ApiEndpoint:
    return ApiEndpoint(address, True, True, 5.0, certificate_expires=expires)


def findings_of(*endpoints: ApiEndpoint, policy: Policy = Policy()) -> list[Finding]:
    return list(CHECK.evaluate(snapshot([], endpoints=endpoints), policy))


# Seconds that are left -> the reason given.
READINGS = {
    "a year": (365 * DAY, Policy(), None),
    "a moment more than 30 days": (30 * DAY + 1, Policy(), None),
    "30 days": (30 * DAY, Policy(), "CertificateExpiring"),
    "a day": (DAY, Policy(), "CertificateExpiring"),
    "the last moment": (0, Policy(), "CertificateExpiring"),
    "a moment too late": (-1, Policy(), "CertificateExpired"),
    "a year too late": (-365 * DAY, Policy(), "CertificateExpired"),
    "a moment more than the policy asks": (7 * DAY + 1, Policy(certificate_days=7), None),
    "what the policy asks": (7 * DAY, Policy(certificate_days=7), "CertificateExpiring"),
}


@pytest.mark.parametrize(("left", "policy", "reason"), READINGS.values(), ids=READINGS)
def test_each_reading(left: float, policy: Policy, reason: str | None) -> None:
    findings = findings_of(endpoint(ago(-left)), policy=policy)
    assert [f.reason for f in findings] == ([] if reason is None else [reason])
    for finding in findings:
        assert (finding.check, str(finding.target)) == ("CertificateExpiry", f"Endpoint {HERE}")
        assert (finding.verdict, finding.remedy, finding.node) == (Verdict.UNHEALTHY, Remedy.NONE, "")
        expired = reason == "CertificateExpired"
        assert finding.severity is (Severity.ERROR if expired else Severity.WARNING)
        days = policy.certificate_days
        assert finding.since == (ago(-left) if expired else ago(days * DAY - left))


def test_every_reason_is_given_by_some_reading() -> None:
    assert {reason for _left, _policy, reason in READINGS.values() if reason} == set(CHECK.reasons)


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (12 * DAY + 5, "the certificate expires in 12 days, at 2026-12-03T03:00:05Z"),
        (3 * 3600 + 125, "the certificate expires in 3 h 2 min, at 2026-11-21T06:02:05Z"),
        (-90, "the certificate expired 0 h 1 min ago, at 2026-11-21T02:58:30Z"),
        (-2 * DAY, "the certificate expired 2 days ago, at 2026-11-19T03:00:00Z"),
    ],
)
def test_how_long_is_in_the_message(left: float, message: str) -> None:
    (finding,) = findings_of(endpoint(ago(-left)))
    assert finding.message == message
    assert finding.evidence == {"expires": message.split(" at ")[1], "certificate_days": 30}


def test_what_is_not_known_is_not_told() -> None:
    assert findings_of(endpoint(None)) == []


def test_each_endpoint_is_told_by_itself() -> None:
    findings = findings_of(
        endpoint(ago(9), "https://a:6443"), endpoint(None, "https://b:6443"), endpoint(ago(-9), "https://c:6443")
    )
    assert [(f.target.name, f.reason) for f in findings] == [
        ("https://a:6443", "CertificateExpired"),
        ("https://c:6443", "CertificateExpiring"),
    ]


def test_no_endpoints_no_findings() -> None:
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert findings_of() == []
    assert CHECK.parts == ("endpoints",)
