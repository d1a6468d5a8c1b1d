# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import controllers
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, snapshot

NAMES = ("kube-controller-manager", "kube-scheduler")
GOOD = Heartbeat(ago(2), 15, holder="cp1_1")


def findings_of(name: str, lease: Heartbeat | None, policy: Policy = Policy()) -> list[Finding]:
    leases = {other: GOOD for other in NAMES if other != name}
    if lease is not None:
        leases[name] = lease
    return list(controllers.CHECK.evaluate(snapshot([], components=leases), policy))


LEASES = {
    "in date": (GOOD, None, None),
    "just in date": (Heartbeat(ago(15), 15), None, None),
    "in date and moving": (Heartbeat(ago(2), 15, moved=True, watched=5), None, None),
    "in date and not moving": (Heartbeat(ago(2), 15, moved=False, watched=1), None, None),
    "out of date but moving": (Heartbeat(ago(900), 15, moved=True, watched=5), None, None),
    "just expired, unwatched": (Heartbeat(ago(16), 15), "ControllerLeaseExpired", Verdict.UNKNOWN),
    "renewed in the far future, unwatched": (Heartbeat(ago(-16), 15), "ControllerLeaseExpired", Verdict.UNKNOWN),
    "renewed in the far future, not moving": (
        Heartbeat(ago(-16), 15, moved=False, watched=9),
        "ControllerLeaseExpired",
        Verdict.UNKNOWN,
    ),
    "just expired, not moving": (
        Heartbeat(ago(16), 15, moved=False, watched=9),
        "ControllerLeaseStopped",
        Verdict.UNHEALTHY,
    ),
    "let go of and taken by nobody": (
        Heartbeat(ago(100), 1, moved=False, watched=9),
        "ControllerLeaseStopped",
        Verdict.UNHEALTHY,
    ),
    "never renewed": (Heartbeat(None, 15), "ControllerLeaseAbsent", Verdict.UNKNOWN),
    "never renewed while it was watched": (
        Heartbeat(None, 15, moved=False, watched=9),
        "ControllerLeaseAbsent",
        Verdict.UNKNOWN,
    ),
    "absent": (None, "ControllerLeaseAbsent", Verdict.UNKNOWN),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("lease", "reason", "verdict"), LEASES.values(), ids=LEASES)
def test_each_lease_has_its_reason(
    name: str, lease: Heartbeat | None, reason: str | None, verdict: Verdict | None
) -> None:
    found = findings_of(name, lease)
    assert [(f.target, f.reason, f.verdict) for f in found] == (
        [] if reason is None else [(Ref("ControlPlane", name), reason, verdict)]
    )


def test_every_reason_is_given_by_some_lease() -> None:
    assert {reason for _lease, reason, _verdict in LEASES.values() if reason} == set(controllers.CHECK.reasons)


@pytest.mark.parametrize("threshold", [60, 10])
@pytest.mark.parametrize(("past", "reached"), [(-1, False), (-0.001, False), (0, True), (1, True)])
def test_from_the_threshold_on(threshold: int, past: float, reached: bool) -> None:
    # Trouble begins when the Lease runs out, 15 s after it was renewed.
    policy = Policy() if threshold == 60 else Policy(thresholds={"Controllers": threshold})
    lease = Heartbeat(ago(15 + threshold + past), 15, moved=False, watched=9)
    (finding,) = findings_of("kube-scheduler", lease, policy)
    assert finding.past_threshold(NOW) is reached
    assert finding.threshold == threshold


def test_the_message_tells_ages_and_the_holder() -> None:
    lease = Heartbeat(ago(100), 15, holder="cp2_7f", moved=False, watched=9)
    (finding,) = findings_of("kube-scheduler", lease)
    assert finding.message == (
        "the Lease of kube-scheduler is 100 s old, it lasts 15 s and was not renewed while it was watched for 9 s"
        " (last held by cp2_7f)"
    )
    assert finding.evidence == {"lease": "2026-11-21T02:58:20Z", "holder": "cp2_7f"}
    (finding,) = findings_of("kube-scheduler", Heartbeat(ago(100), 15))
    assert finding.message.endswith("(last held by nobody)")


def test_it_is_critical_and_never_to_be_repaired() -> None:
    (finding,) = findings_of("kube-scheduler", None)
    assert (finding.severity, finding.remedy) == (Severity.CRITICAL, Remedy.NONE)


def test_both_may_be_absent_and_other_leases_do_not_count() -> None:
    others = {"cloud-controller-manager": Heartbeat(ago(900), 15, moved=False, watched=9)}
    found = controllers.CHECK.evaluate(snapshot([], components=others), Policy())
    assert [f.target.name for f in found] == list(NAMES)


def test_it_says_nothing_when_no_lease_was_read() -> None:
    assert list(controllers.CHECK.evaluate(Snapshot(NOW), Policy())) == []


@pytest.mark.parametrize(("age", "told"), [(3, False), (15, False), (16, True)])
def test_a_leader_that_gave_its_lease_back_leaves_the_next_one_time_to_take_it(age: float, told: bool) -> None:
    given_back = Heartbeat(ago(age), 1, holder="", moved=False, watched=12)
    seen = snapshot([], components={"kube-controller-manager": given_back, "kube-scheduler": Heartbeat(ago(1), 15)})
    assert [f.reason for f in controllers.CHECK.evaluate(seen, Policy())] == ["ControllerLeaseStopped"] * told
