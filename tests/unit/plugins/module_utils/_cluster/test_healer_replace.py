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
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import APPLY, Answer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Forbidden
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import Proof, Result
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    CORDONED,
    MANAGER,
    Cordon,
    Mark,
    cordon_of,
)
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


# --- a cordon of ours that a replacement has left

MARK = Mark("healer-a", "w1-1", "2026-11-21T02:50:00Z", "uid-w1")
NODE = "/api/v1/nodes/w1"


def cordoned_place(mark: Mark = MARK, manager: str = MANAGER, **changes: Any) -> Place:
    """A node that is well, in the course of whose replacement it was cordoned, which has not come."""
    annotations = {CORDONED: mark.to_text(), **changes.pop("annotations", {})}
    seen = node("w1", unschedulable=True, cordoned_by_us=True, annotations=annotations, **changes)
    place = Place([seen, *fleet(9)], policy=POLICY)
    place.keep(repairing("node_replace", phase=Phase.UNHEALTHY, deadline=None))
    fields = {"f:metadata": {"f:annotations": {f"f:{CORDONED}": {}}}, "f:spec": {"f:unschedulable": {}}}
    metadata = {
        "name": "w1",
        "uid": "uid-w1",
        "annotations": dict(annotations),
        "managedFields": [{"manager": manager, "operation": "Apply", "fieldsV1": fields}],
    }
    place.api.put(NODE, {"metadata": metadata, "spec": {"unschedulable": True}})

    def patch(path: str, body: Any, kind: str, manager: str | None = None) -> Answer:
        """As the API server does it for who applies nothing any more: what was theirs goes."""
        assert (path, kind, manager, body.get("spec")) == (NODE, APPLY, MANAGER, None)
        bare = {"name": "w1", "uid": "uid-w1", "annotations": {}, "managedFields": []}
        place.api.writes.append(("PATCH", path))
        return Answer(place.api.put(path, {"metadata": bare, "spec": {}}), place.api.now)

    place.api.patch = patch  # type: ignore[method-assign]
    return place


def events(place: Place) -> list[str]:
    return [note["event"] for note in place.notes() if note["node"] == "w1"]


def test_a_cordon_of_ours_is_lifted_with_the_end_of_its_incident() -> None:
    place = cordoned_place()
    assert events(place) == ["recover", "uncordon"]
    notes = place.notes()
    place.healer.write_notes(notes)
    assert place.kept["w1-1"].phase is Phase.RECOVERED
    assert cordon_of(place.api.objects[NODE]) is Cordon.OURS
    assert place.healer.lift_cordons(notes) == (("w1",), ())
    assert cordon_of(place.api.objects[NODE]) is Cordon.NONE


def test_the_time_for_a_replacement_that_does_not_come_is_awaited_before() -> None:
    """The driver had no answer, so that it counted as asked, and the node is Ready again."""
    place = cordoned_place()
    place.keep(
        replace(place.kept["w1-1"], phase=Phase.WAITING, wait_until=ago(-300), deadline=ago(-840), boot_id="boot-1")
    )
    assert events(place) == []
    outcome = place.healer.verify("w1", "uid-w1", 300)
    assert outcome.message.startswith("not replaced, the old node is still there")
    assert events(place) == ["recover", "uncordon"]


def test_a_cordon_that_was_left_when_its_incident_was_closed_is_lifted_by_the_next_run() -> None:
    place = cordoned_place()
    place.healer.write_notes(place.notes())
    notes = place.notes()
    assert events(place) == ["uncordon"]
    assert place.healer.lift_cordons(notes) == (("w1",), ())


def test_a_node_whose_incident_stays_open_stays_cordoned() -> None:
    place = cordoned_place()
    assert place.healer.lift_cordons(place.notes()) == ((), ())
    assert cordon_of(place.api.objects[NODE]) is Cordon.OURS


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda: cordoned_place(replace(MARK, by="alice@desk")), id="somebody drains it in our way"),
        pytest.param(lambda: cordoned_place(replace(MARK, incident="")), id="for no incident"),
        pytest.param(lambda: cordoned_place(replace(MARK, incident="w1-2")), id="for another one"),
        pytest.param(lambda: cordoned_place(replace(MARK, node_uid="uid-old")), id="of another node of its name"),
        pytest.param(lambda: cordoned_place(labels={"selfheal.kubernetes/exclude": ""}), id="excluded"),
        pytest.param(lambda: cordoned_place(annotations={"selfheal.kubernetes/paused": "me"}), id="paused"),
    ],
)
def test_a_cordon_of_somebody_s_is_not_lifted(place: Any) -> None:
    assert events(place()) == ["recover"]


def test_what_somebody_has_made_theirs_in_the_meantime_is_not_lifted() -> None:
    for theirs in (cordoned_place(manager="kubectl-edit"), cordoned_place()):
        notes = theirs.notes()
        theirs.healer.write_notes(notes)
        if cordon_of(theirs.api.objects[NODE]) is Cordon.OURS:
            other = replace(MARK, by="alice@desk", incident="")
            theirs.api.objects[NODE]["metadata"]["annotations"][CORDONED] = other.to_text()
        assert theirs.healer.lift_cordons(notes) == ((), ())
        assert theirs.api.objects[NODE]["spec"]["unschedulable"]


def test_who_may_not_lift_it_tells_people_how() -> None:
    place = cordoned_place()
    notes = place.notes()
    place.healer.write_notes(notes)

    def refuse(*_args: Any, **_more: Any) -> Answer:
        raise Forbidden("no right to patch nodes")

    place.api.patch = refuse  # type: ignore[method-assign]
    lifted, [told] = place.healer.lift_cordons(notes)
    assert lifted == () and told.startswith("w1: cordoned for incident w1-1") and "kubectl uncordon w1" in told
