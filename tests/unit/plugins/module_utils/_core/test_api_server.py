# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import api_server
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, node, snapshot

GIVEN = ApiEndpoint("https://api.example:6443", True, True, 5.0, given=True)
FOUND = ApiEndpoint("https://10.0.0.1:6443", True, True, 5.0)
OTHER = ApiEndpoint("https://10.0.0.2:6443", True, True, 5.0)
UNHEALTHY, UNKNOWN = Verdict.UNHEALTHY, Verdict.UNKNOWN
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def silent(endpoint: ApiEndpoint, trouble: str = "connection refused") -> ApiEndpoint:
    return replace(endpoint, live=None, ready=None, latency_ms=None, trouble=trouble)


def findings_of(*endpoints: ApiEndpoint, policy: Policy = Policy()) -> list[Finding]:
    return list(api_server.CHECK.evaluate(snapshot([], endpoints=endpoints), policy))


def told(findings: list[Finding]) -> list[tuple[str, str, Verdict, Severity]]:
    return [(f.target.name, f.reason, f.verdict, f.severity) for f in findings]


# One look at the endpoints -> what is told of them.
LOOKS = {
    "all well": ([GIVEN, FOUND, OTHER], []),
    "one of several is down": (
        [GIVEN, silent(FOUND), OTHER],
        [(FOUND.address, "ApiServerUnreachable", UNHEALTHY, CRITICAL)],
    ),
    "an answer that it is not live is an answer from its network": (
        [silent(FOUND), replace(OTHER, live=False)],
        [
            (FOUND.address, "ApiServerUnreachable", UNHEALTHY, CRITICAL),
            (OTHER.address, "ApiServerNotLive", UNHEALTHY, CRITICAL),
        ],
    ),
    "we stand outside": (
        [GIVEN, silent(FOUND), silent(OTHER)],
        [
            (FOUND.address, "ApiServerOutOfSight", UNKNOWN, WARNING),
            (OTHER.address, "ApiServerOutOfSight", UNKNOWN, WARNING),
        ],
    ),
    "the given address is down, a server is not": (
        [silent(GIVEN), FOUND],
        [(GIVEN.address, "ApiServerUnreachable", UNHEALTHY, CRITICAL)],
    ),
    "nobody answers": (
        [silent(GIVEN), silent(FOUND)],
        [
            (GIVEN.address, "ApiServerUnreachable", UNKNOWN, CRITICAL),
            (FOUND.address, "ApiServerOutOfSight", UNKNOWN, WARNING),
        ],
    ),
    "not live": (
        [replace(GIVEN, live=False, ready=False, failed=("etcd",))],
        [(GIVEN.address, "ApiServerNotLive", UNHEALTHY, CRITICAL)],
    ),
    "not live, and whether ready nobody knows": (
        [replace(GIVEN, live=False, ready=None)],
        [(GIVEN.address, "ApiServerNotLive", UNHEALTHY, CRITICAL)],
    ),
    "not ready": (
        [replace(GIVEN, ready=False, failed=("etcd-readiness",))],
        [(GIVEN.address, "ApiServerNotReady", UNHEALTHY, CRITICAL)],
    ),
    "not ready and slow": (
        [replace(GIVEN, ready=False, latency_ms=9000.0)],
        [(GIVEN.address, "ApiServerNotReady", UNHEALTHY, CRITICAL)],
    ),
    "nobody knows whether it is ready": (
        [replace(GIVEN, ready=None, trouble="HTTP 403")],
        [(GIVEN.address, "ApiServerReadinessUnknown", UNKNOWN, CRITICAL)],
    ),
    "we may not ask": (
        [replace(GIVEN, live=None, ready=None, trouble="HTTP 403")],
        [(GIVEN.address, "ApiServerReadinessUnknown", UNKNOWN, CRITICAL)],
    ),
    "whether it is live nobody knows": (
        [replace(GIVEN, live=None)],
        [(GIVEN.address, "ApiServerReadinessUnknown", UNKNOWN, CRITICAL)],
    ),
    "whether it is live nobody knows, ready it is not": (
        [replace(GIVEN, live=None, ready=False)],
        [(GIVEN.address, "ApiServerNotReady", UNHEALTHY, CRITICAL)],
    ),
    "a refusal is an answer from its network": (
        [silent(FOUND), replace(OTHER, live=None, ready=None, trouble="HTTP 403")],
        [
            (FOUND.address, "ApiServerUnreachable", UNHEALTHY, CRITICAL),
            (OTHER.address, "ApiServerReadinessUnknown", UNKNOWN, CRITICAL),
        ],
    ),
    "the given address is down, a server refuses to tell": (
        [silent(GIVEN), replace(FOUND, live=None, ready=None)],
        [
            (GIVEN.address, "ApiServerUnreachable", UNHEALTHY, CRITICAL),
            (FOUND.address, "ApiServerReadinessUnknown", UNKNOWN, CRITICAL),
        ],
    ),
    "slow": ([replace(GIVEN, latency_ms=1000.1)], [(GIVEN.address, "ApiServerSlow", UNHEALTHY, WARNING)]),
    "just quick enough": ([replace(GIVEN, latency_ms=1000.0)], []),
    "how quick is not known": ([replace(GIVEN, latency_ms=None)], []),
    "nobody was asked": ([], [("kube-apiserver", "ApiServerNotAsked", UNKNOWN, CRITICAL)]),
}


@pytest.mark.parametrize(("endpoints", "expected"), LOOKS.values(), ids=LOOKS)
def test_each_look_is_told(endpoints: list[ApiEndpoint], expected: list[tuple[object, ...]]) -> None:
    assert told(findings_of(*endpoints)) == expected


@pytest.mark.parametrize(("endpoints", "expected"), LOOKS.values(), ids=LOOKS)
def test_the_order_of_the_endpoints_does_not_matter(endpoints: list[ApiEndpoint], expected: list[object]) -> None:
    assert sorted(told(findings_of(*reversed(endpoints)))) == sorted(expected)


def test_every_reason_is_given_by_some_look() -> None:
    assert {reason for _look, told_of in LOOKS.values() for _name, reason, *_rest in told_of} == set(
        api_server.CHECK.reasons
    )


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        pytest.param("https://10.0.0.9:6443", UNHEALTHY, id="the given address is a node's"),
        pytest.param("https://[fd00::9]:6443", UNHEALTHY, id="by IPv6, too"),
        pytest.param("https://10.0.0.99:6443", UNKNOWN, id="it is nobody's"),
        pytest.param("https://[10.0.0.9", UNKNOWN, id="it cannot be read"),
    ],
)
def test_a_nodes_own_address_that_answers_shows_that_we_stand_inside(given: str, verdict: Verdict) -> None:
    # A kubeconfig may name one of three servers and no load balancer; the others were found out.
    endpoints = (replace(GIVEN, address=given), silent(FOUND))
    nodes = [node("cp", addresses=("10.0.0.9", "fd00::9"))]
    (finding,) = api_server.CHECK.evaluate(snapshot(nodes, endpoints=endpoints), Policy())
    assert finding.verdict is verdict


def test_a_given_node_address_that_is_silent_shows_nothing() -> None:
    endpoints = (silent(replace(GIVEN, address="https://10.0.0.9:6443")), silent(FOUND))
    nodes = [node("cp", addresses=("10.0.0.9",))]
    findings = api_server.CHECK.evaluate(snapshot(nodes, endpoints=endpoints), Policy())
    assert {f.verdict for f in findings} == {UNKNOWN}


def test_without_nodes_it_still_speaks() -> None:
    seen = Snapshot(NOW, endpoints=(GIVEN, silent(FOUND)))
    assert [f.reason for f in api_server.CHECK.evaluate(seen, Policy())] == ["ApiServerOutOfSight"]


def test_the_limit_of_the_latency_is_the_policys() -> None:
    slow = replace(GIVEN, latency_ms=51.0)
    (finding,) = findings_of(slow, policy=Policy(api_latency_ms=50))
    assert finding.message == "the API server at https://api.example:6443 took 51 ms to answer livez, 50 ms are allowed"
    assert findings_of(slow, policy=Policy(api_latency_ms=51)) == []


def test_the_failed_checks_are_named() -> None:
    (finding,) = findings_of(replace(GIVEN, ready=False, failed=("etcd", "etcd-readiness")))
    assert finding.message == "readyz of the API server at https://api.example:6443 fails: etcd, etcd-readiness"
    assert finding.evidence["failed"] == ["etcd", "etcd-readiness"]


def test_many_failed_checks_are_counted() -> None:
    (finding,) = findings_of(replace(GIVEN, live=False, failed=tuple(f"check-{n}" for n in range(10))))
    assert finding.message.endswith("check-6, check-7 and 2 more")
    assert len(finding.evidence["failed"]) == 8


@pytest.mark.parametrize(
    ("endpoint", "end"),
    [
        (silent(GIVEN, "timed out"), "does not answer (timed out), and no other one does"),
        (silent(GIVEN, ""), "does not answer (no reason is known), and no other one does"),
        (replace(GIVEN, ready=False, trouble="HTTP 500"), "fails (HTTP 500)"),
        (replace(GIVEN, ready=False), "fails, which check of its own does is not said"),
        (replace(GIVEN, ready=None), "does not say whether it is live and ready"),
        (replace(GIVEN, ready=None, trouble="HTTP 429"), "does not say whether it is live and ready (HTTP 429)"),
    ],
)
def test_why_is_told_as_far_as_it_is_known(endpoint: ApiEndpoint, end: str) -> None:
    (finding,) = findings_of(endpoint)
    assert finding.message.endswith(end)


def test_it_is_about_the_endpoint_and_never_to_be_repaired() -> None:
    (finding,) = findings_of(replace(GIVEN, live=False))
    assert finding.target == Ref("Endpoint", GIVEN.address)
    assert finding.remedy is Remedy.NONE
    assert finding.since is None
    assert finding.node == finding.place == ""


def test_it_says_nothing_when_no_endpoint_was_read() -> None:
    assert list(api_server.CHECK.evaluate(Snapshot(NOW), Policy())) == []
