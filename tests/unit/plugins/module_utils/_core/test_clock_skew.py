# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import clock_skew
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID, ago, node, snapshot

CHECK = clock_skew.CHECK


def findings_of(lease: Heartbeat | None, policy: Policy = Policy(), **changes: Any) -> list[Finding]:
    leases = {} if lease is None else {"w1": lease}
    return list(CHECK.evaluate(replace(snapshot([node()], heartbeats=leases), **changes), policy))


# A Lease that lasts 40 s -> the reason given.
LEASES = {
    "in time": (Heartbeat(ago(5), 40), Policy(), None),
    "as far ahead as may be": (Heartbeat(ago(-10), 40), Policy(), None),
    "ahead": (Heartbeat(ago(-10.001), 40), Policy(), "NodeClockAhead"),
    "an hour ahead": (Heartbeat(ago(-3600), 40), Policy(), "NodeClockAhead"),
    "an hour ahead, and moves": (Heartbeat(ago(-3600), 40, moved=True, watched=12), Policy(), "NodeClockAhead"),
    "an hour ahead, and stands": (Heartbeat(ago(-3600), 40, moved=False, watched=12), Policy(), "NodeClockAhead"),
    "as far ahead as the policy lets it": (Heartbeat(ago(-60), 40), Policy(clock_skew=60), None),
    "ahead by the policy": (Heartbeat(ago(-61), 40), Policy(clock_skew=60), "NodeClockAhead"),
    "renewed while it was watched": (Heartbeat(ago(-22), 40, moved=True, watched=12), Policy(), None),
    "ahead while it was watched": (Heartbeat(ago(-23), 40, moved=True, watched=12), Policy(), "NodeClockAhead"),
    "silent": (Heartbeat(ago(3600), 40), Policy(), None),
    "silent, and stands": (Heartbeat(ago(3600), 40, moved=False, watched=12), Policy(), None),
    "behind": (Heartbeat(ago(3600), 40, moved=True, watched=12), Policy(), "NodeClockBehind"),
    "behind, just out of date": (Heartbeat(ago(41), 40, moved=True, watched=12), Policy(), "NodeClockBehind"),
    "moves, just in date": (Heartbeat(ago(40), 40, moved=True, watched=12), Policy(), None),
    "ahead, but not by the policy": (Heartbeat(ago(-60), 40, moved=True, watched=0), Policy(clock_skew=60), None),
    "never renewed": (Heartbeat(None, 40), Policy(), None),
    "never renewed, moves": (Heartbeat(None, 40, moved=True), Policy(), None),
    "absent": (None, Policy(), None),
}


@pytest.mark.parametrize(("lease", "policy", "reason"), LEASES.values(), ids=LEASES)
def test_each_lease(lease: Heartbeat | None, policy: Policy, reason: str | None) -> None:
    findings = findings_of(lease, policy)
    assert [f.reason for f in findings] == ([] if reason is None else [reason])
    for finding in findings:
        assert (finding.check, finding.node, finding.node_uid) == ("ClockSkew", "w1", "uid-w1")
        assert (finding.verdict, finding.since) == (Verdict.UNHEALTHY, None)
        assert (finding.severity, finding.remedy) == (Severity.WARNING, Remedy.NONE)


@pytest.mark.parametrize(
    ("seconds", "policy", "message"),
    [
        (0, Policy(), None),
        (10, Policy(), None),
        (-10, Policy(), None),
        (10.5, Policy(clock_skew=9), "our clock is 10 s behind the API server's"),
        (11, Policy(), "our clock is 11 s behind the API server's"),
        (-11, Policy(), "our clock is 11 s ahead of the API server's"),
        (11, Policy(clock_skew=11), None),
    ],
)
def test_our_own_clock(seconds: float, policy: Policy, message: str | None) -> None:
    findings = findings_of(Heartbeat(ago(5), 40), policy, local_time=ago(seconds))
    assert [(f.reason, f.message) for f in findings] == ([] if message is None else [("OurClockDiffers", message)])
    for finding in findings:
        assert finding.target == Ref("Cluster", UID)
        assert (finding.node, finding.since, finding.severity) == ("", None, Severity.WARNING)


def test_a_cluster_that_does_not_say_who_it_is_has_a_clock_too() -> None:
    (finding,) = findings_of(None, cluster_uid=None, local_time=ago(60))
    assert finding.target == Ref("Cluster", "cluster")


def test_our_clock_is_told_without_any_lease() -> None:
    assert [f.reason for f in findings_of(None, heartbeats=None, local_time=ago(60))] == ["OurClockDiffers"]
    assert [f.reason for f in findings_of(None, nodes=None, local_time=ago(60))] == ["OurClockDiffers"]


def test_our_clock_was_not_read() -> None:
    assert findings_of(Heartbeat(ago(5), 40), local_time=None) == []


def test_every_reason_is_given() -> None:
    given = {reason for _lease, _policy, reason in LEASES.values() if reason}
    assert given | {"OurClockDiffers"} == set(CHECK.reasons)


def test_the_numbers_are_in_the_message_and_in_the_evidence() -> None:
    (finding,) = findings_of(Heartbeat(ago(-60), 40))
    assert finding.message == "the node's Lease was renewed 60 s in the future of the API server's clock"
    assert finding.evidence == {"renewed": "2026-11-21T03:01:00Z", "observed": "2026-11-21T03:00:00Z"}
    (finding,) = findings_of(Heartbeat(ago(60), 40, moved=True))
    assert finding.message == "the node's Lease moves, but by its own time it was renewed 60 s ago"


def test_leases_of_nodes_that_are_gone_say_nothing() -> None:
    seen = snapshot([node()], heartbeats={"w1": Heartbeat(ago(5), 40), "gone": Heartbeat(ago(-60), 40)})
    assert list(CHECK.evaluate(seen, Policy())) == []


@pytest.mark.parametrize("part", ["nodes", "heartbeats"])
def test_no_parts_no_findings(part: str) -> None:
    seen = replace(snapshot([node()], heartbeats={"w1": Heartbeat(ago(-60), 40)}), **{part: None})
    assert list(CHECK.evaluate(seen, Policy())) == []
    assert list(CHECK.evaluate(Snapshot(observed_at=NOW), Policy())) == []
    assert part in CHECK.parts
