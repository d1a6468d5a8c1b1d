# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS, node_heartbeat
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, fleet, node, plan_for, sick, snapshot

# Ready is True, but the Lease, which moves every 10 s, may say that nobody is there.
LEASES = {
    "in date": (Heartbeat(ago(5), 40), None),
    "just in date": (Heartbeat(ago(40), 40), None),
    "just expired": (Heartbeat(ago(41), 40), "HeartbeatExpired"),
    "with a duration of its own": (Heartbeat(ago(41), 60), None),
    "renewed in the near future": (Heartbeat(ago(-40), 40), None),
    "renewed in the far future": (Heartbeat(ago(-41), 40), "HeartbeatExpired"),
    "expired, but seen to move": (Heartbeat(ago(100), 40, moved=True), None),
    "from the future, and nobody can say whether it moves": (Heartbeat(ago(-100), 40, moved=False), "HeartbeatExpired"),
    "never renewed": (Heartbeat(None, 40), "HeartbeatAbsent"),
    "absent": (None, "HeartbeatAbsent"),
}
STILL = Heartbeat(ago(100), 40, moved=False, watched=12)


@pytest.mark.parametrize(("lease", "reason"), LEASES.values(), ids=LEASES)
def test_ready_without_a_heartbeat_is_unknown(lease: Heartbeat | None, reason: str | None) -> None:
    seen = snapshot([node("w1")], heartbeats={} if lease is None else {"w1": lease})
    judgement = judge(seen, Policy())
    assert [f.reason for f in judgement.of_node("w1")] == ([] if reason is None else [reason])
    assert judgement.verdict is (Verdict.HEALTHY if reason is None else Verdict.UNKNOWN)
    assert plan_for(seen).actions == ()


def test_evidence_is_the_last_renewal_if_there_was_one() -> None:
    def told(lease: Heartbeat | None) -> list[object]:
        seen = snapshot([node("w1")], heartbeats={} if lease is None else {"w1": lease})
        return [f.evidence["heartbeat"] for f in judge(seen, Policy()).of_node("w1")]

    assert told(Heartbeat(ago(100), 40)) == ["2026-11-21T02:58:20Z"]
    assert told(Heartbeat(None, 40)) == [None]
    assert told(None) == [None]


def test_every_reason_is_given_by_some_lease() -> None:
    given = {reason for _lease, reason in LEASES.values() if reason}
    assert given | {"HeartbeatStopped"} == set(node_heartbeat.CHECK.reasons)


def test_a_lease_that_stood_still_while_it_was_watched_is_unhealthy_whatever_the_conditions_say() -> None:
    seen = snapshot([node("w1"), *fleet(9)])
    seen = replace(seen, heartbeats={**seen.heartbeats, "w1": STILL})
    (finding,) = judge(seen, Policy()).findings
    assert (finding.reason, finding.verdict, finding.since) == ("HeartbeatStopped", Verdict.UNHEALTHY, ago(60))
    assert finding.message.endswith("and was not renewed while it was watched for 12 s")


@pytest.mark.parametrize(("seconds", "acts"), [(119, False), (120, True)])
def test_a_node_whose_lease_stands_still_gets_a_soft_repair_once_it_has_lasted(seconds: int, acts: bool) -> None:
    # This is a dead node under a stopped controller-manager: Ready for ever, and nobody else would notice.
    seen = snapshot([node("w1"), *fleet(9)])
    stood = replace(STILL, renewed=ago(seconds + 40))
    plan = plan_for(replace(seen, heartbeats={**seen.heartbeats, "w1": stood}))
    assert [a.rung for a in plan.actions] == (["kubelet_restart"] if acts else [])


def test_since_is_the_moment_at_which_the_lease_ran_out() -> None:
    (finding,) = judge(snapshot([node()], heartbeats={"w1": Heartbeat(ago(100), 40)}), Policy()).findings
    assert finding.since == ago(60)
    assert finding.message == "the node's Lease is 100 s old, it lasts 40 s"
    assert not finding.past_threshold(ago(-100000))  # unknown is never confirmed, however long it lasts


def test_it_says_nothing_when_no_lease_was_read() -> None:
    assert list(node_heartbeat.CHECK.evaluate(snapshot([node()], heartbeats=None), Policy())) == []


def test_a_sick_and_silent_node_is_unhealthy_all_the_same() -> None:
    judgement = judge(snapshot([sick()], silent=["w1"]), Policy())
    assert [f.reason for f in judgement.findings] == ["NodeStatusUnknown", "HeartbeatExpired"]
    assert judgement.verdict is Verdict.UNHEALTHY


def test_ladders_are_for_reasons_that_some_check_gives() -> None:
    assert set(LADDERS) <= {reason for check in CHECKS for reason in check.reasons}


def test_no_ladder_for_what_is_unknown() -> None:
    # Absence of data is no reason to touch a node.
    assert set(LADDERS) == {
        *("NodeNotReady", "NodeStatusUnknown", "HeartbeatStopped"),
        *("ContainerRuntimeDown", "GPUCountMismatch", "NoAllocatableGPU"),
        *("CalicoIsDown", "CiliumIsDown", "PodNetworkDown"),
    }


def test_checks_and_their_reasons_have_names_of_their_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    reasons = [reason for check in CHECKS for reason in check.reasons]
    assert len(set(reasons)) == len(reasons)
