# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a run whose rung takes the node away: another one is waited for, and it is that one which is proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.canary import CanaryRunner
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import Proof, Result
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, fleet, incident, node, sick
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.test_healer import (
    Place,
    phases,
    repairing,
)

POLICY = Policy(
    monitor_only=False, reboot_driver="docker", replace_driver="docker", waiting_timeout_replace=300, cooldown=0
)


def new(name: str = "w1", **changes: Any) -> Node:
    made = node(name, uid=f"new-{name}", created=ago(30), provider_id=f"kind://docker/lab/{name}")
    return replace(made, **changes)


def waiting_place(*nodes: Node) -> Place:
    place = Place([*nodes, *fleet(9)], policy=POLICY)
    place.keep(repairing("node_replace", phase=Phase.WAITING, wait_until=ago(-300), deadline=ago(-840)))
    return place


def test_what_is_taken_away_is_told_when_it_begins() -> None:
    place = Place([sick(provider_id="kind://docker/lab/w1"), *fleet(9)], silent={"w1"}, policy=POLICY)
    place.keep(incident(attempted=[5000, 4000]))
    begun = place.healer.begin("w1", "uid-w1", "node_replace")
    assert begun.proceed, begun.message
    assert place.kept["w1-1"].history[-1].message == "attempt 3: node_replace of machine kind://docker/lab/w1"


@pytest.mark.parametrize("nodes", [[sick()], []])
def test_another_node_has_the_time_that_the_policy_gives_it(nodes: list[Node]) -> None:
    place = Place([*nodes, *fleet(9)], policy=POLICY)
    place.keep(repairing("node_replace"))
    assert place.healer.acted("w1", "uid-w1", "node_replace is done").proceed
    one = place.kept["w1-1"]
    assert (one.phase, one.wait_until) == (Phase.WAITING, NOW + timedelta(seconds=300))


@pytest.mark.parametrize("name", ["w1", "w9"])
def test_the_new_node_is_waited_for_and_proven(name: str) -> None:
    place = waiting_place(sick())
    sleep = place.api.sleep

    def until_it_comes(seconds: float) -> None:
        sleep(seconds)
        if place.api.slept >= 100:
            place.nodes[0] = new(name)
        elif place.api.slept >= 50:
            place.nodes[0] = new(name, conditions=sick().conditions)

    place.api.sleep = until_it_comes  # type: ignore[method-assign]
    outcome = place.healer.verify("w1", "uid-w1", 300)
    assert outcome.proceed, outcome.message
    assert phases(place) == ["Verifying", "Recovered"]
    one = place.kept["w1-1"]
    assert (one.outcome, one.successor, one.node_uid) == ("Repaired", f"new-{name}", "uid-w1")
    assert one.history[1].message == f"replaced by node {name}, machine kind://docker/lab/{name}"
    assert one.history[1].at >= NOW + timedelta(seconds=100), "it was not Ready before"


def test_a_new_node_that_falls_ill_again_is_no_proof() -> None:
    place = waiting_place(new("w9"))
    sleep = place.api.sleep

    def until_it_falls_ill(seconds: float) -> None:
        sleep(seconds)
        if seconds:
            place.nodes[0] = new("w9", conditions=sick(seconds=1).conditions)

    place.api.sleep = until_it_falls_ill  # type: ignore[method-assign]
    outcome = place.healer.verify("w1", "uid-w1", 60)
    assert not outcome.proceed and outcome.message.startswith("not healthy 60 s after node_replace: NodeStatusUnknown")
    assert phases(place) == ["Verifying", "Unhealthy"]
    # Its node is there and not well, so people are told, and it is not replaced once more in the old one's name.
    assert [note["event"] for note in place.notes() if note["node"] == "w1"] == ["exhaust"]


NOT_COME = {
    "the old node is still there": ([sick(), new("w9")], "not replaced, the old node is still there"),
    "nobody has come": ([], "not replaced, the old node has left and no new one is Ready"),
    "it is not Ready": (
        [new("w9", conditions=sick().conditions)],
        "not replaced, the old node has left and no new one is Ready",
    ),
    "it was there before": (
        [new("w9", created=ago(70))],
        "not replaced, the old node has left and no new one is Ready",
    ),
}


@pytest.mark.parametrize("case", NOT_COME)
def test_a_node_in_whose_place_none_comes_has_failed(case: str) -> None:
    nodes, message = NOT_COME[case]
    place = waiting_place(*nodes)
    outcome = place.healer.verify("w1", "uid-w1", 300)
    assert (outcome.proceed, outcome.message) == (False, f"{message} by 2026-11-21T03:05:00Z")
    assert phases(place) == ["Unhealthy"]
    assert 300 <= place.api.slept < 310


def test_the_successor_of_another_node_is_none_of_this_one() -> None:
    place = waiting_place(new("w9"))
    other = incident("w2", attempted=[90], rung="node_replace", phase=Phase.RECOVERED, successor="new-w9")
    place.keep(replace(other, closed_at=ago(5)))
    assert not place.healer.verify("w1", "uid-w1", 300).proceed


def test_what_a_killed_run_has_left_is_written_down_as_repaired() -> None:
    place = waiting_place(new("w9"))
    place.healer.write_notes(place.notes())
    one = place.kept["w1-1"]
    assert (one.phase, one.outcome, one.successor) == (Phase.RECOVERED, "Repaired", "new-w9")
    # One that died in the middle of the proof goes on with the same node.
    place = Place([new("w9"), *fleet(9)], policy=POLICY)
    place.keep(repairing("node_replace", phase=Phase.VERIFYING, successor="new-w9"))
    assert place.healer.verify("w1", "uid-w1", 60).proceed


@pytest.mark.parametrize("killed", [False, True])
def test_a_canary_proves_the_new_node_and_not_the_old_one(monkeypatch: pytest.MonkeyPatch, killed: bool) -> None:
    asked: list[str] = []

    def prove(_runner: CanaryRunner, name: str, _others: object, _seconds: float) -> Proof:
        asked.append(name)
        return Proof(Verdict.HEALTHY, "it starts", Result(name, {}))

    monkeypatch.setattr(CanaryRunner, "prove", prove)
    place = waiting_place(new("w9"))
    place.policy = replace(POLICY, canary_image="registry.example/busybox:1")
    if killed:
        place.healer.write_notes(place.notes())
    else:
        assert place.healer.verify("w1", "uid-w1", 300).proceed
    one = place.kept["w1-1"]
    assert (asked, one.phase, one.successor) == (["w9"], Phase.RECOVERED, "new-w9")
    assert "canary healthy: it starts" in one.history[-1].message
