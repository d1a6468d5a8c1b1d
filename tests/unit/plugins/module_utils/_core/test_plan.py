# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import bundle_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import HostError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import (
    KUBELET_RESTART,
    LADDERS,
    Ladders,
    rung_for,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Bundle,
    Incident,
    Moment,
    Phase,
    Refusal,
    Remedy,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import (
    Plan,
    is_out_of_reach,
    with_hosts,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.provider_id import (
    MAX_LENGTH,
    ProviderIdError,
    parse_provider_id,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CONTROL_PLANE,
    HEALING,
    NOW,
    REBOOT,
    REBOOTING,
    REPLACE,
    UID,
    ago,
    fleet,
    incident,
    node,
    plan_for,
    sick,
    snapshot,
)

HEALING_ONE = Policy(monitor_only=False, max_repairs=1)


def planned(one: Node, incidents: tuple[Incident, ...] = (), policy: Policy = HEALING) -> Plan:
    return plan_for(snapshot([one, *fleet(9)]), incidents, policy)


def events(plan: Plan) -> list[str]:
    return [n.event for n in plan.notes]


def held(*guards: str) -> tuple[Refusal, ...]:
    """Refusals as an incident remembers them, with numbers of another day."""
    return tuple(Refusal("w1", "kubelet_restart", guard, "as it was then") for guard in guards)


def waiting(until: datetime | None, attempted: tuple[float, ...] | list[float] = (400,)) -> Incident:
    """An incident of a node that is restarting."""
    return incident(phase=Phase.WAITING, attempted=attempted, wait_until=until, boot_id="boot-1")


# --- what is to be remembered

NOTES = {
    # id: (the node, its incident, the events that must be noted, whether the plan acts)
    "healthy, no incident": (node(), None, [], False),
    "sick for a moment": (sick(seconds=5), None, ["open", "hold"], False),
    "sick, a second short of the tolerance": (sick(seconds=119), None, ["open", "hold"], False),
    "sick for the tolerance": (sick(seconds=120), None, ["open", "confirm"], True),
    "suspected, still short": (sick(seconds=60), incident(phase=Phase.SUSPECTED, since=60), ["hold"], False),
    "suspected for long": (sick(seconds=120), incident(phase=Phase.SUSPECTED, since=120), ["confirm"], True),
    "flapping, suspected for long": (sick(seconds=5), incident(phase=Phase.SUSPECTED, since=120), ["hold"], False),
    "suspected, still short, as is remembered": (
        sick(seconds=60),
        incident(phase=Phase.SUSPECTED, since=60, refusals=held("transient_tolerance")),
        [],
        False,
    ),
    "suspected, still short, another guard is remembered": (
        sick(seconds=60),
        incident(phase=Phase.SUSPECTED, since=60, refusals=held("paused")),
        ["hold"],
        False,
    ),
    "suspected, still short, one guard more is remembered": (
        sick(seconds=60),
        incident(phase=Phase.SUSPECTED, since=60, refusals=held("paused", "transient_tolerance")),
        ["hold"],
        False,
    ),
    "unhealthy, held by nobody any more": (sick(), incident(refusals=held("paused")), [], True),
    "unhealthy": (sick(), incident(), [], True),
    "unhealthy, tried once": (sick(), incident(attempted=[400]), [], True),
    "unhealthy, tried three times": (sick(), incident(attempted=[4000, 3000, 2000]), ["exhaust", "hold"], False),
    "unhealthy, three attempts but one is old": (sick(), incident(attempted=[90000, 3000, 1200]), [], True),
    "unhealthy, three attempts, and the cool-down has grown": (
        sick(),
        incident(attempted=[90000, 3000, 1199]),
        ["hold"],
        False,
    ),
    "a run died in the repair": (sick(), incident(phase=Phase.REPAIRING, attempted=[400]), ["fail"], True),
    "a run died in the repair a moment ago": (
        sick(),
        incident(phase=Phase.REPAIRING, attempted=[10]),
        ["fail", "hold"],
        False,
    ),
    "a run died in the verification": (sick(), incident(phase=Phase.VERIFYING, attempted=[400]), ["fail"], True),
    "a run died in the last repair": (
        sick(),
        incident(phase=Phase.REPAIRING, attempted=[2000, 1000, 400]),
        ["fail", "exhaust", "hold"],
        False,
    ),
    "it restarts": (sick(), waiting(ago(-1)), [], False),
    "it restarts, and other guards speak as well": (sick(unschedulable=True), waiting(ago(-1)), [], False),
    "it has not come back": (sick(), waiting(NOW), ["fail"], True),
    "it has not come back, nobody said by when": (sick(), waiting(None), ["fail"], True),
    "it has not come back, and the cool-down is not over": (
        sick(),
        waiting(NOW, attempted=[299]),
        ["fail", "hold"],
        False,
    ),
    "it has not come back from the last one": (
        sick(),
        waiting(NOW, attempted=[4000, 3000, 2000]),
        ["fail", "exhaust", "hold"],
        False,
    ),
    "escalated": (sick(), incident(phase=Phase.ESCALATED, attempted=[4000, 3000, 2000]), ["hold"], False),
    "escalated, as is remembered": (
        sick(),
        incident(phase=Phase.ESCALATED, attempted=[4000, 3000, 2000], refusals=held("attempts")),
        [],
        False,
    ),
    "escalated, its attempts are old": (
        sick(),
        incident(phase=Phase.ESCALATED, attempted=[90002, 90001, 90000]),
        ["hold"],
        False,
    ),
    "an incident that is over": (sick(), incident(phase=Phase.RECOVERED), ["open", "confirm"], True),
    "an incident of a node that left": (sick(), incident(phase=Phase.GONE), ["open", "confirm"], True),
    "back while suspected": (node(), incident(phase=Phase.SUSPECTED), ["recover"], False),
    "back while unhealthy": (node(), incident(), ["recover"], False),
    "back while repairing": (node(), incident(phase=Phase.REPAIRING), ["recover"], False),
    "it has still to go down": (node(boot_id="boot-1"), waiting(ago(-1)), [], False),
    "it has never gone down": (node(boot_id="boot-1"), waiting(NOW), ["fail", "recover"], False),
    "back with another boot ID": (node(boot_id="boot-2"), waiting(ago(-1)), ["acted", "recover"], False),
    "back with another boot ID, and late": (node(boot_id="boot-2"), waiting(NOW), ["acted", "recover"], False),
    "back while verifying": (node(), incident(phase=Phase.VERIFYING), ["recover"], False),
    "back after people helped": (node(), incident(phase=Phase.ESCALATED), ["recover"], False),
    "well for long": (node(), incident(phase=Phase.RECOVERED), [], False),
    "says nothing, no incident": (node(conditions=()), None, [], False),
    "says nothing, with an incident": (node(conditions=()), incident(), [], False),
}


@pytest.mark.parametrize(("one", "memory", "noted", "acts"), NOTES.values(), ids=NOTES)
def test_notes_and_actions(one: Node, memory: Incident | None, noted: list[str], acts: bool) -> None:
    plan = planned(one, () if memory is None else (memory,))
    assert events(plan) == noted
    assert [a.node for a in plan.actions] == (["w1"] if acts else [])
    assert {(n.node, n.node_uid) for n in plan.notes} <= {("w1", "uid-w1")}


def test_every_phase_is_planned_for_sick_and_for_back() -> None:
    for well in (True, False):
        phases = {m.phase for one, m, *_rest in NOTES.values() if m is not None and one.is_ready is well}
        assert phases >= {phase for phase in Phase if phase.is_open}


def test_messages_of_notes_tell_the_numbers() -> None:
    plan = planned(sick(seconds=130))
    assert [n.message for n in plan.notes] == [
        "NodeStatusUnknown: Ready is Unknown (KubeletReady: kubelet is posting ready status)",
        "sick for 130 s, tolerance 120 s",
    ]
    plan = planned(sick(), (incident(phase=Phase.REPAIRING, attempted=[2000, 1000, 400]),))
    assert [n.message for n in plan.notes] == [
        "a run is in the middle of kubelet_restart, or ended there",
        "3 attempts, the limit is 3",
        "cooldown, attempts",
    ]
    (note,) = planned(sick(), (waiting(ago(5)),)).notes
    assert note.message == "the node is not back by 2026-11-21T02:59:55Z"


def test_a_hold_has_the_refusals_with_their_numbers() -> None:
    one = sick(seconds=100, unschedulable=True)
    (note,) = planned(one, (incident(phase=Phase.SUSPECTED, refusals=held("human_cordon")),)).notes
    assert (note.event, note.message) == ("hold", "human_cordon, transient_tolerance")
    assert [(r.node, r.rung, r.guard) for r in note.refusals] == [
        ("w1", "kubelet_restart", "human_cordon"),
        ("w1", "kubelet_restart", "transient_tolerance"),
    ]
    assert "has lasted 100 s" in note.refusals[1].message
    # The module gets no more of it than what is to be done: the healer that writes it down asks afresh.
    assert note.to_dict().keys() == {"node", "node_uid", "event", "text"}


def test_another_rung_is_another_refusal() -> None:
    held_soft = incident(refusals=held("human_cordon"))
    assert planned(sick(unschedulable=True), (held_soft,)).notes == ()
    seen = snapshot([sick(unschedulable=True), *fleet(9)], silent=["w1"])
    assert [n.event for n in plan_for(seen, [held_soft], ladders=REBOOTING).notes] == ["hold"]


def test_where_nothing_may_be_tried_the_incident_says_so() -> None:
    policy = Policy(monitor_only=False, remedies={"NodeReady": Remedy.NONE})
    (note,) = planned(sick(), (incident(),), policy).notes
    why = "NodeStatusUnknown, and policy.remedies allows None at most"
    assert (note.event, note.refusals) == ("hold", (Refusal("w1", "none", "ladder", why),))
    assert planned(sick(), (incident(refusals=note.refusals),), policy).notes == ()


def test_a_storm_gives_no_stories_to_nodes_that_have_none() -> None:
    crowd = [sick(f"w{n}") for n in range(5)]
    plan = plan_for(snapshot([*crowd, *fleet(5)]), [incident("w0")])
    assert [(n.node, n.event) for n in plan.notes] == [("w0", "hold")]


def test_a_silent_node_that_seems_ready_keeps_its_incident() -> None:
    # A stopped controller-manager leaves a dead node Ready.
    plan = plan_for(snapshot([node("w1"), *fleet(9)], silent=["w1"]), [incident()])
    assert (plan.actions, plan.refusals, plan.notes) == ((), (), ())
    assert plan.people == ("w1: HeartbeatExpired, the node's Lease is 600 s old, it lasts 40 s",)


@pytest.mark.parametrize("part", ["heartbeats", "identity"])
def test_nobody_is_declared_well_while_a_part_is_missing(part: str) -> None:
    missing = {"cluster_uid" if part == "identity" else part: None}
    seen = snapshot([node("w1")], **missing, unread={part: "HTTP 500"})
    plan = plan_for(seen, [incident()])
    assert (plan.actions, plan.notes) == ((), ())
    assert plan.blocked == f"not everything could be observed, so nothing is repaired ({part}: HTTP 500)"


def test_a_start_in_the_future_with_no_tolerance_is_confirmed_before_it_is_acted_on() -> None:
    policy = Policy(monitor_only=False, transient_tolerance=0, node_failure_threshold=0)
    plan = planned(sick(seconds=-3), policy=policy)
    assert (events(plan), len(plan.actions)) == (["open", "confirm"], 1)


def test_an_old_open_incident_does_not_make_new_trouble_old() -> None:
    # The healer may have been switched off for a week while the incident was open.
    assert not planned(sick(seconds=5), (incident(since=604800),)).actions


# --- nodes that left


def test_an_incident_of_a_node_that_is_gone_is_closed() -> None:
    plan = plan_for(snapshot(fleet(3)), [incident("w1")])
    assert [(n.node, n.node_uid, n.event) for n in plan.notes] == [("w1", "uid-w1", "leave")]


def test_another_machine_under_the_same_name_starts_anew() -> None:
    old = incident("w1", attempted=[2000, 1000, 400])
    plan = plan_for(snapshot([sick("w1", uid="uid-new"), *fleet(9)]), [old])
    assert [(n.node_uid, n.event) for n in plan.notes] == [
        ("uid-new", "open"),
        ("uid-new", "confirm"),
        ("uid-w1", "leave"),
    ]
    assert [(a.node, a.node_uid) for a in plan.actions] == [("w1", "uid-new")]


@pytest.mark.parametrize("nodes", [None, ()])
def test_nobody_left_when_nobody_was_seen(nodes: tuple[Node, ...] | None) -> None:
    plan = plan_for(Snapshot(NOW, UID, nodes, {}, {"nodes": "HTTP 500"}), [incident("w1")])
    assert (plan.actions, plan.notes) == ((), ())
    assert "nodes: HTTP 500" in plan.blocked


# --- what closed incidents still say: a node that comes back and fails again is not restarted for ever


def test_attempts_of_closed_incidents_count() -> None:
    closed = incident(phase=Phase.RECOVERED, attempted=[3000, 2000, 1000])
    plan = planned(sick(seconds=200), (closed,))
    assert plan.actions == ()
    assert events(plan) == ["open", "confirm", "exhaust", "hold"]
    assert [r.guard for r in plan.refusals] == ["attempts"]
    assert len(plan.people) == 1 and plan.people[0].startswith("w1: NodeStatusUnknown, 3 attempts in the last")


def test_attempts_add_up_over_incidents() -> None:
    closed = incident(phase=Phase.RECOVERED, attempted=[3000, 2000])
    now_open = incident(phase=Phase.UNHEALTHY, attempted=[1000], since=200)
    assert events(planned(sick(seconds=200), (closed, now_open))) == ["exhaust", "hold"]
    assert planned(sick(seconds=200), (now_open,)).actions


def test_the_cooldown_holds_over_incidents() -> None:
    plan = planned(sick(seconds=200), (incident(phase=Phase.RECOVERED, attempted=[250]),))
    assert [r.guard for r in plan.refusals] == ["cooldown"]


def test_attempts_on_another_machine_of_that_name_do_not_count() -> None:
    old = incident(phase=Phase.GONE, attempted=[3000, 2000, 1000], node_uid="uid-of-before")
    assert planned(sick(seconds=200), (old,)).actions


# --- what blocks a whole run


def test_healing_without_a_named_cluster_is_blocked() -> None:
    plan = plan_for(snapshot([sick("w1"), *fleet(9)]), expected_uid="")
    assert (plan.actions, plan.notes) == ((), ())
    assert plan.blocked.startswith("healing is on, but which cluster is meant is not said") and UID in plan.blocked


def test_monitor_only_without_a_named_cluster_is_not_blocked() -> None:
    plan = plan_for(snapshot([sick("w1"), *fleet(9)]), policy=Policy(), expected_uid=None)
    assert (plan.actions, plan.notes, plan.blocked) == ((), (), "")


def test_a_storm_is_told_in_few_words() -> None:
    told = plan_for(snapshot([sick(f"w{n}") for n in range(300)])).to_dict()
    # Two guards for each: one says so, one will for a while after.
    assert (len(told["refused"]), told["refused_left_out"]) == (100, 500)
    assert len(told["needs_people"]) == 100
    assert told["notes"] == [], "a storm is no story of the single nodes"


def test_what_a_repair_needs_is_noted_first() -> None:
    gone = [incident(f"gone{n}") for n in range(200)]
    told = plan_for(snapshot([sick("w1"), *fleet(9)]), gone).to_dict()
    assert [n["event"] for n in told["notes"][:3]] == ["open", "confirm", "leave"]
    assert (len(told["notes"]), told["notes_left_out"]) == (100, 102)


@pytest.mark.parametrize(("limit", "planned_nodes"), [(1, ["w1"]), (2, ["w1", "w2"]), (10, ["w1", "w2", "w3"])])
def test_a_run_repairs_a_few_nodes(limit: int, planned_nodes: list[str]) -> None:
    policy = Policy(monitor_only=False, max_repairs=limit)
    plan = plan_for(snapshot([sick("w1"), sick("w2"), sick("w3"), *fleet(27)]), policy=policy)
    assert [a.node for a in plan.actions] == planned_nodes
    assert {r.guard for r in plan.refusals} == ({"budget"} if limit < 3 else set())
    assert plan.people == (), "the rest waits for the next run"


# --- which nodes, in which order


def test_only_the_nodes_that_are_asked_for() -> None:
    seen = snapshot([sick("w1"), sick("w2"), *fleet(18)])
    plan = plan_for(seen, [incident("gone")], only=["w2"])
    assert {a.node for a in plan.actions} == {"w2"} == {n.node for n in plan.notes}
    assert {a.node for a in plan_for(seen).actions} == {"w1", "w2"}


def test_the_others_are_counted_all_the_same() -> None:
    seen = snapshot([sick("w1"), sick("w2"), node("w3")])
    plan = plan_for(seen, only=["w1"])
    assert [(r.node, r.guard) for r in plan.refusals] == [("w1", "mass_failure"), ("w1", "storm_cooldown")]


def test_a_name_that_is_not_there_plans_nothing() -> None:
    assert plan_for(snapshot([sick("w1"), *fleet(9)]), only=["w9"]) == Plan((), (), ())


def test_workers_come_before_the_control_plane_and_by_name() -> None:
    nodes = [sick("a", labels=CONTROL_PLANE), sick("c"), sick("b"), *fleet(27)]
    assert [a.node for a in plan_for(snapshot(nodes)).actions] == ["b", "c", "a"]


# --- what is forgotten


@pytest.mark.parametrize(
    ("closed", "changes", "forgotten"),
    [
        pytest.param(604800, {}, False, id="as old as is kept"),
        pytest.param(604801, {}, True, id="older"),
        pytest.param(604801, {"attempt_window": 604800}, True, id="as long as an attempt counts"),
        pytest.param(86401, {"incident_retention": 86400}, True, id="kept for a day"),
        pytest.param(
            86401, {"incident_retention": 86400, "attempt_window": 90000}, False, id="its attempts still count"
        ),
        pytest.param(90001, {"incident_retention": 86400, "attempt_window": 90000}, True, id="they count no more"),
    ],
)
@pytest.mark.parametrize("phase", [Phase.RECOVERED, Phase.GONE])
def test_closed_incidents_are_forgotten(phase: Phase, closed: int, changes: dict[str, int], forgotten: bool) -> None:
    old = incident(phase=phase, closed_at=ago(closed))
    plan = plan_for(snapshot(fleet(3)), [old], Policy(monitor_only=False, **changes))
    assert [(n.node, n.node_uid, n.event, n.message) for n in plan.notes] == (
        [("w1", "uid-w1", "forget", "closed long ago: w1-1")] if forgotten else []
    )


def test_what_is_open_or_has_no_end_is_not_forgotten() -> None:
    ancient = ago(10**8)
    kept = [incident("other-0", Phase.ESCALATED, closed_at=ancient), incident("w2", Phase.GONE)]
    events_of = [n.event for n in plan_for(snapshot([node("w1"), *fleet(3)]), kept).notes]
    assert "forget" not in events_of


def test_one_note_forgets_all_of_a_machine_and_of_that_one_only() -> None:
    old = [incident(phase=Phase.RECOVERED, closed_at=ago(10**7)) for _number in range(3)]
    old = [replace(one, name=f"w1-{n}", node_uid="uid-b" if n == 2 else "uid-a") for n, one in enumerate(old)]
    notes = plan_for(snapshot(fleet(3)), old[::-1]).notes
    assert [(n.node_uid, n.event, n.message) for n in notes] == [
        ("uid-a", "forget", "closed long ago: w1-1, w1-0"),
        ("uid-b", "forget", "closed long ago: w1-2"),
    ]


def test_a_look_at_one_node_forgets_nothing() -> None:
    old = incident("w1", Phase.RECOVERED, closed_at=ago(10**7))
    assert plan_for(snapshot([node("w1"), *fleet(3)]), [old], only=["w1"]).notes == ()


# --- ladders


@pytest.mark.parametrize(
    ("labels", "remedy", "rungs"),
    [
        pytest.param({}, Remedy.REPLACE, ["kubelet_restart", "reboot", "replace", "replace"], id="all of it"),
        pytest.param({}, Remedy.REBOOT, ["kubelet_restart", "reboot", "reboot", "reboot"], id="up to a reboot"),
        pytest.param({}, Remedy.RESTART, ["kubelet_restart"] * 4, id="restarts only"),
        pytest.param(
            {"nvidia.com/gpu.present": "true"},
            Remedy.REPLACE,
            ["kubelet_restart", "reboot", "reboot", "reboot"],
            id="a GPU node is rebooted at most",
        ),
        pytest.param({"nvidia.com/gpu.present": "true"}, Remedy.RESTART, ["kubelet_restart"] * 4, id="or less"),
    ],
)
def test_a_ladder_is_climbed_as_far_as_may_be(labels: dict[str, str], remedy: Remedy, rungs: list[str]) -> None:
    seen = snapshot([sick(seconds=20000, labels=labels), *fleet(9)], silent=["w1"])
    policy = Policy(monitor_only=False, remedies={"NodeReady": remedy}, max_attempts=10)
    ladders = dict.fromkeys(LADDERS, (KUBELET_RESTART, REBOOT, REPLACE))
    taken = []
    for attempts in range(4):
        past = incident(attempted=[15000 - n for n in range(attempts)])
        taken += [a.rung for a in plan_for(seen, [past], policy, ladders=ladders).actions]
    assert taken == rungs


@pytest.mark.parametrize(
    ("driver", "remedy", "rungs"),
    [
        pytest.param("", Remedy.REPLACE, ["kubelet_restart"] * 3, id="without a driver"),
        pytest.param("docker", Remedy.REPLACE, ["kubelet_restart", "node_reboot", "node_reboot"], id="with one"),
        pytest.param("docker", Remedy.RESTART, ["kubelet_restart"] * 3, id="with one that a check may not use"),
    ],
)
@pytest.mark.parametrize("labels", [{}, {"nvidia.com/gpu.present": "true"}], ids=["any node", "a GPU node"])
def test_a_machine_is_rebooted_only_by_a_driver_that_the_policy_names(
    labels: dict[str, str], driver: str, remedy: Remedy, rungs: list[str]
) -> None:
    lost = replace(sick(seconds=20000, labels=labels), provider_id="kind://docker/k/w1")
    seen = snapshot([lost, *fleet(9)], silent=["w1"])
    policy = Policy(monitor_only=False, remedies={"NodeReady": remedy}, max_attempts=10, reboot_driver=driver)
    taken = []
    for attempts in range(3):
        past = incident(attempted=[15000 - n for n in range(attempts)])
        taken += plan_for(seen, [past], policy).actions
    assert [a.rung for a in taken] == rungs
    assert [(a.driver, a.provider_id) for a in taken] == [
        ("docker", "kind://docker/k/w1") if rung == "node_reboot" else ("", "") for rung in rungs
    ]


def test_evidence_is_due_once_before_the_first_repair_that_is_disruptive() -> None:
    lost = sick(seconds=20000)
    policy = Policy(monitor_only=False, max_attempts=10, reboot_driver="docker")
    seen = snapshot([lost, *fleet(9)], silent=["w1"])

    def due(attempts: int, bundle: Bundle | None = None) -> str:
        past = replace(incident(attempted=[15000 - n for n in range(attempts)]), bundle=bundle)
        (action,) = plan_for(seen, [past], policy).actions
        assert action.disruptive is (attempts > 0)
        return action.evidence

    assert due(0) == "", "a restart of a service takes nothing away"
    opened = incident(attempted=[15000]).history[0].at
    name = bundle_name(seen.cluster_uid, "w1", opened)
    assert due(1) == name
    assert due(2, Bundle(reason="no folder is set for it")) == name, "there is none yet"
    assert due(2, Bundle(name, "ab", 7)) == ""


def test_a_provider_id_without_end_stays_too_long_to_be_one() -> None:
    lost = replace(sick(seconds=20000), provider_id="kind://docker/k/" + "w" * 2000)
    policy = Policy(monitor_only=False, reboot_driver="docker")
    (action,) = plan_for(snapshot([lost, *fleet(9)], silent=["w1"]), [incident(attempted=[15000])], policy).actions
    assert len(action.provider_id) == MAX_LENGTH + 1
    with pytest.raises(ProviderIdError):
        parse_provider_id(action.provider_id)


def test_a_gpu_node_for_which_there_is_only_replacing_is_for_people() -> None:
    seen = snapshot([sick(capacity={"amd.com/gpu": "1"}), *fleet(9)], silent=["w1"])
    plan = plan_for(seen, ladders=dict.fromkeys(LADDERS, (REPLACE,)))
    assert (plan.actions, plan.refusals) == ((), ())
    assert plan.people == ("w1: NodeStatusUnknown, and it is a GPU node, which is given Reboot at most",)


def test_soft_repairs_take_no_place_from_disruptive_ones() -> None:
    zone = {"topology.kubernetes.io/zone": "a"}
    ladders = {"NodeNotReady": (KUBELET_RESTART,), "NodeStatusUnknown": (REBOOT,)}
    a, b = sick("a", status="False", labels=zone), sick("b", labels=zone)
    others = [node(f"c{n}", labels=zone) for n in range(8)]
    policy = Policy(monitor_only=False, max_unavailable_percent=10, disabled_checks=frozenset({"NodeHeartbeat"}))
    both = plan_for(snapshot([a, b, *others], silent=["b"]), policy=policy, ladders=ladders)
    assert [(x.node, x.disruptive) for x in both.actions] == [("a", False), ("b", True)]
    two = plan_for(snapshot([sick("a", labels=zone), b, *others], silent=["a", "b"]), policy=policy, ladders=ladders)
    assert [x.node for x in two.actions] == ["a"]
    assert [(r.node, r.guard) for r in two.refusals] == [("b", "failure_domain")]


def test_a_role_gets_no_longer_than_the_whole_repair() -> None:
    short = Policy(monitor_only=False, repair_deadline=300)
    slow = dict.fromkeys(LADDERS, (replace(KUBELET_RESTART, deadline=900),))
    assert [a.deadline for a in plan_for(snapshot([sick(), *fleet(9)]), policy=short, ladders=slow).actions] == [300]


def test_the_age_of_the_look_is_counted() -> None:
    seen = snapshot([sick(seconds=90), *fleet(9)])
    assert [r.guard for r in plan_for(seen, late=29).refusals] == ["transient_tolerance"]
    assert [a.node for a in plan_for(seen, late=30).actions] == ["w1"]


# --- the action


def test_an_action_as_modules_return_it() -> None:
    (action,) = planned(sick()).actions
    assert action.to_dict() == {
        "node": "w1",
        "node_uid": "uid-w1",
        "host": "",
        "rung": "kubelet_restart",
        "role": "selfheal.kubernetes.kubelet_restart",
        "reason": "NodeStatusUnknown",
        "message": "Ready is Unknown (KubeletReady: kubelet is posting ready status)",
        "disruptive": False,
        "deadline_seconds": 240,
        "machine_id": "00000000000000000000000000007731",
        "driver": "",
        "provider_id": "",
        "silent": False,
        "witnesses": [],
        "evidence": "",
    }


@pytest.mark.parametrize("reason", LADDERS)
def test_ladders_climb_and_stay_on_the_last_rung(reason: str) -> None:
    ladder = LADDERS[reason]
    assert [rung_for(reason, Remedy.REPLACE, n) for n in range(len(ladder))] == list(ladder)
    assert rung_for(reason, Remedy.REPLACE, len(ladder) + 5) is ladder[-1]


@pytest.mark.parametrize("ahead", [3600, -86400], ids=["an hour behind", "a day ahead"])
def test_a_node_with_a_wrong_clock_has_its_time_from_the_incident(ahead: int) -> None:
    one = sick("w1", seconds=5 + ahead, status="False")
    seen = snapshot([one, *fleet(9)])
    seen = replace(seen, heartbeats={**(seen.heartbeats or {}), "w1": Heartbeat(ago(5 + ahead), 40)})
    first = plan_for(seen)
    assert (first.actions, [n.event for n in first.notes]) == ((), ["open", "hold"])
    for since, acts in ((119, False), (120, True)):
        assert bool(plan_for(seen, [incident(since=since)]).actions) is acts


@pytest.mark.parametrize("remedy", list(Remedy))
def test_nothing_beyond_the_remedy_is_planned(remedy: Remedy) -> None:
    """Whoever says None wants to be told, and so do those who are left with nothing that may be tried."""
    policy = Policy(monitor_only=False, remedies={"NodeReady": remedy, "NodeHeartbeat": remedy})
    plan = planned(sick(seconds=600), policy=policy)
    if remedy is Remedy.NONE:
        assert plan.actions == () and plan.refusals == ()
        assert plan.people == ("w1: NodeStatusUnknown, and policy.remedies allows None at most",)
    else:
        assert [a.rung for a in plan.actions] == ["kubelet_restart"]


def test_no_ladder_no_rung() -> None:
    assert rung_for("ReadyConditionMissing", Remedy.REPLACE, 0) is None
    assert rung_for("NodeNotReady", Remedy.RESTART, 0) is KUBELET_RESTART


# --- hosts


def test_every_action_gets_its_host() -> None:
    seen = snapshot([sick("w1"), sick("w2", addresses=("10.0.0.12",)), *fleet(18)])
    plan = with_hosts(plan_for(seen), seen, {"w1": [], "db": ["10.0.0.12"]})
    assert [(a.node, a.host) for a in plan.actions] == [("w1", "w1"), ("w2", "db")]


def test_a_missing_host_is_for_people_and_stops_nobody_else() -> None:
    seen = snapshot([sick("w1"), sick("w2"), *fleet(18)])
    plan = with_hosts(plan_for(seen), seen, {"w1": []})
    assert [action.node for action in plan.actions] == ["w1"]
    [refusal] = plan.refusals
    assert (refusal.node, refusal.guard) == ("w2", "host")
    assert refusal.message.startswith("node w2: no inventory host matches it")
    assert refusal.message in plan.people


def test_a_host_that_was_out_of_reach_keeps_nobody_waiting() -> None:
    """It comes last the next time, and neither the budget nor the rule of one control plane counts it."""
    off = incident("w1", attempted=(), refusals=(Refusal("w1", "kubelet_restart", "host", "w1 cannot be reached"),))
    seen = snapshot([sick("w1"), sick("w2"), *fleet(18)])
    told = incident("w2", attempted=())
    assert [a.node for a in plan_for(seen, [off, told], policy=HEALING_ONE).actions] == ["w2"]
    before = [a.node for a in plan_for(seen, [replace(off, refusals=()), told], policy=HEALING_ONE).actions]
    assert before == ["w1"]


# --- hosts that give no answer

ZONE_A = {"topology.kubernetes.io/zone": "a"}
BY_PROVIDER = replace(HEALING, reboot_driver="docker")


def silent_since(*attempted: float, guard: str = "silent_host", rung: str = "", **changes: object) -> Incident:
    refusals = (Refusal("w1", "kubelet_restart", guard, "w1 cannot be reached: Connection timed out"),)
    return incident("w1", attempted=attempted, refusals=refusals, rung=rung, **changes)


def dead_for(seconds: float) -> Snapshot:
    return snapshot([sick("w1", seconds=seconds, provider_id="kind://docker/lab/w1"), *fleet(9)], silent=["w1"])


def test_a_silent_host_is_rebooted_by_its_provider_without_what_needs_the_host() -> None:
    [action] = plan_for(dead_for(600), [silent_since()], BY_PROVIDER).actions
    assert (action.rung, action.silent, action.disruptive) == ("node_reboot", True, True)
    assert (action.driver, action.provider_id) == ("docker", "kind://docker/lab/w1")


@pytest.mark.parametrize(
    ("guard", "driver"),
    [
        pytest.param("host", "docker", id="it answers, and is another machine"),
        pytest.param("silent_host", "ssh", id="the driver needs the host"),
        pytest.param("silent_host", "", id="there is no driver"),
        pytest.param("paused", "docker", id="something else"),
    ],
)
def test_what_is_no_silence_or_has_no_provider_begins_with_the_softest(guard: str, driver: str) -> None:
    policy = replace(HEALING, reboot_driver=driver)
    [action] = plan_for(dead_for(600), [silent_since(guard=guard)], policy).actions
    assert (action.rung, action.silent) == ("kubelet_restart", False)


def test_a_reboot_for_silence_waits_for_the_threshold_and_asks_every_guard() -> None:
    assert plan_for(dead_for(299), [silent_since()], BY_PROVIDER).actions == ()
    paused = snapshot([sick("w1", annotations={"selfheal.kubernetes/paused": "x"}), *fleet(9)], silent=["w1"])
    assert {r.guard for r in plan_for(paused, [silent_since()], BY_PROVIDER).refusals} == {"paused"}


@pytest.mark.parametrize(("gpu", "seconds"), [(False, 600), (True, 2400)])
def test_it_waits_for_as_long_as_a_boot_of_somebody_else_may_take(gpu: bool, seconds: int) -> None:
    for lasted, acts in ((seconds - 1, False), (seconds, True)):
        labels = {"nvidia.com/gpu.count": "8"} if gpu else {}
        one = sick("w1", seconds=lasted, provider_id="kind://docker/lab/w1", labels=labels)
        plan = plan_for(snapshot([one, *fleet(9)], silent=["w1"]), [silent_since()], BY_PROVIDER)
        assert [a.rung for a in plan.actions] == (["node_reboot"] if acts else []), plan.refusals


@pytest.mark.parametrize("trouble", ["Unknown", "False", "GPUs"])
def test_a_node_that_speaks_to_the_api_server_is_not_rebooted_for_the_silence_of_its_host(trouble: str) -> None:
    """The way from us to the host may be closed, and what runs on the node runs on."""
    if trouble == "GPUs":
        labels, capacity = {"nvidia.com/gpu.count": "8"}, {"nvidia.com/gpu": "7"}
        one = node("w1", labels=labels, capacity=capacity, allocatable=capacity)
    else:
        one = sick("w1", seconds=6000, status=trouble)
    seen = snapshot([replace(one, provider_id="kind://docker/lab/w1"), *fleet(9)])
    plan = plan_for(seen, [silent_since(since=6000, check="NodeGPU")], BY_PROVIDER)
    assert not [a for a in plan.actions if a.silent or a.disruptive], plan.actions


def test_a_reboot_for_silence_takes_no_softer_rung_away() -> None:
    """The host is back and answers, and its kubelet may need no more than a restart."""
    said = "attempt 1: node_reboot (its host does not answer)"
    story = (Moment(ago(4000), Phase.REPAIRING, "me", said),)
    back = incident("w1", attempted=[4000], rung="node_reboot", history=story)
    [action] = plan_for(dead_for(6000), [back], BY_PROVIDER).actions
    assert (action.rung, action.silent) == ("kubelet_restart", False)


@pytest.mark.parametrize("phase", [Phase.REPAIRING, Phase.UNHEALTHY])
def test_a_machine_that_may_be_booting_is_not_rebooted_again_because_a_run_was_killed(phase: Phase) -> None:
    story = (
        Moment(ago(599), Phase.REPAIRING, "me", "attempt 1: node_reboot"),
        *((Moment(ago(400), Phase.UNHEALTHY, "me", "no answer"),) if phase is Phase.UNHEALTHY else ()),
    )
    for began, acts in ((599, False), (600, True)):
        killed = silent_since(began, rung="node_reboot", phase=phase, history=story)
        assert bool(plan_for(dead_for(6000), [killed], BY_PROVIDER).actions) is acts
    # One that was waited for has had its time.
    waited = (*story, Moment(ago(390), Phase.WAITING, "me", "asked"), Moment(ago(350), Phase.UNHEALTHY, "me", "back"))
    tried = silent_since(400, rung="node_reboot", history=waited)
    assert plan_for(dead_for(6000), [tried], BY_PROVIDER).actions


def test_two_nodes_of_one_machine_by_their_provider_are_not_touched() -> None:
    """The healthy one would be rebooted for the dead one."""
    seen = snapshot([*(dead_for(600).nodes or ()), node("w2", provider_id="kind://docker/lab/w1")], silent=["w1"])
    plan = plan_for(seen, [silent_since()], BY_PROVIDER)
    assert plan.actions == () and "same_machine" in {r.guard for r in plan.refusals}


def test_above_a_reboot_that_has_not_helped_there_is_only_what_is_stronger() -> None:
    one = replace(REBOOT, driver="reboot_driver")
    other = replace(REPLACE, driver="reboot_driver")
    ladders = dict.fromkeys(LADDERS, (KUBELET_RESTART, KUBELET_RESTART, one, other))
    wanted = {"": "reboot", "kubelet_restart": "reboot", "reboot": "replace", "replace": "replace"}
    for last, rung in wanted.items():
        [action] = plan_for(dead_for(6000), [silent_since(4000, rung=last)], BY_PROVIDER, ladders=ladders).actions
        assert (action.rung, action.silent) == (rung, True)


def test_a_repair_that_can_be_done_takes_its_place_in_the_budget() -> None:
    seen = snapshot(
        [sick(name, seconds=600, provider_id=f"kind://docker/lab/{name}") for name in ("w1", "w2")] + fleet(18),
        silent=["w1", "w2"],
    )
    both = [silent_since(), replace(silent_since(), name="w2-1", node="w2", node_uid="uid-w2")]
    policy = replace(BY_PROVIDER, max_repairs=1)
    assert [a.node for a in plan_for(seen, both, policy).actions] == ["w1"]


def test_witnesses_are_hosts_of_nodes_that_are_well() -> None:
    dead = sick("w1", provider_id="kind://docker/lab/w1", addresses=("10.0.0.1",), labels=ZONE_A)
    nodes = [dead, *fleet(9), sick("w2", seconds=5), *(node(f"w{number}") for number in range(3, 12))]
    nodes.append(node("near", labels=ZONE_A))
    seen = snapshot(nodes, silent=["w1", "other-0"])
    hosts = {n.name: [] for n in nodes if n.name != "other-1"} | {"localhost": ["other-2"], "w1": ["10.0.0.1"]}
    hosts.pop("other-2")
    plan = with_hosts(plan_for(seen, [silent_since()], BY_PROVIDER), seen, hosts)
    [action] = [a for a in plan.actions if a.node == "w1"]
    assert action.witnesses[:3] == ("near", "other-3", "other-4")
    assert not {"w1", "w2", "other-0", "localhost"} & set(action.witnesses)
    soft = with_hosts(plan_for(seen, [incident("w1")], BY_PROVIDER), seen, hosts)
    assert [a.witnesses for a in soft.actions] == [()]


def test_a_silent_host_that_only_has_the_node_s_name_may_be_another_machine() -> None:
    one = sick("w1", provider_id="kind://docker/lab/w1", addresses=("10.0.0.1",))
    seen = snapshot([one, *fleet(9)], silent=["w1"])
    planned = plan_for(seen, [silent_since()], BY_PROVIDER)
    for aliases, acts in ((["192.168.9.9"], False), ([], False), (["10.0.0.1"], True)):
        plan = with_hosts(planned, seen, {"w1": aliases})
        assert [a.node for a in plan.actions] == (["w1"] if acts else [])
        assert acts or "has only the name of node w1" in plan.people[-1]


def test_silence_is_remembered_until_a_repair_begins() -> None:
    """Or else two runs would take turns in asking the host and its provider."""
    paused = snapshot([sick("w1", annotations={"selfheal.kubernetes/paused": "x"}), *fleet(9)], silent=["w1"])
    [note] = plan_for(paused, [silent_since()], BY_PROVIDER).notes
    assert {r.guard for r in note.refusals} == {"paused", "silent_host"}


def test_two_nodes_on_one_host_stop_the_plan() -> None:
    seen = snapshot([sick("w1"), sick("w2"), *fleet(18)])
    with pytest.raises(HostError, match="^nodes w1 and w2 are both inventory host h"):
        with_hosts(plan_for(seen), seen, {"h": ["w1", "w2"]})


def test_a_control_plane_out_of_reach_does_not_keep_the_others_from_their_repair() -> None:
    off = incident("c1", attempted=(), refusals=(Refusal("c1", "kubelet_restart", "host", "c1 cannot be reached"),))
    planes = [sick(name, labels=CONTROL_PLANE) for name in ("c1", "c2")]
    seen = snapshot([*planes, node("c3", labels=CONTROL_PLANE), *fleet(18)])
    told = incident("c2", attempted=())
    assert [a.node for a in plan_for(seen, [off, told]).actions] == ["c2"]
    assert [a.node for a in plan_for(seen, [replace(off, refusals=()), told]).actions] == ["c1"]


def test_two_control_planes_out_of_reach_come_to_rest() -> None:
    """What is remembered of them stays the same from run to run, so that nothing is written any more."""
    planes = [sick(name, labels=CONTROL_PLANE) for name in ("c1", "c2")]
    seen = snapshot([*planes, node("c3", labels=CONTROL_PLANE), *fleet(18)])
    kept = {name: incident(name, attempted=()) for name in ("c1", "c2")}
    for turn in range(5):
        plan = plan_for(seen, kept.values())
        held = [note for note in plan.notes if note.event == "hold"]
        for note in held:
            kept[note.node] = replace(kept[note.node], refusals=note.refusals)
        tried = [a.node for a in plan.actions if not is_out_of_reach(kept[a.node])]
        for name in tried:
            kept[name] = replace(kept[name], refusals=(Refusal(name, "kubelet_restart", "host", "it is off"),))
        assert bool(held or tried) == (turn < 2), (turn, held, tried)
    assert [a.node for a in plan.actions] == ["c1", "c2"]


def test_a_repair_that_is_still_to_come_calls_people() -> None:
    """A clock was wrong, and the cool-down would last until then."""
    seen = snapshot([sick("w1"), *fleet(9)])
    plan = plan_for(seen, [incident("w1", attempted=[-100000])])
    assert plan.actions == ()
    assert [line for line in plan.people if "2026-11-22T06:46:40Z, which is still to come" in line]
    assert plan_for(seen, [incident("w1", attempted=[-9])]).people == ()


@pytest.mark.parametrize("hosts", [{"w2": ["w1"]}, {"h": ["w1", "w2"]}], ids=["its name", "an alias"])
def test_a_host_that_is_called_like_another_node_is_not_touched(hosts: dict[str, list[str]]) -> None:
    seen = snapshot([sick("w1"), node("w2"), *fleet(8)])
    with pytest.raises(HostError, match="is meant for node w1, and is called like node w2$"):
        with_hosts(plan_for(seen), seen, hosts)


def test_the_controller_is_no_node() -> None:
    seen = snapshot([sick("w1"), *fleet(9)])
    with pytest.raises(HostError, match="^node w1 is inventory host localhost"):
        with_hosts(plan_for(seen), seen, {"localhost": ["w1"]})


def test_no_host_is_needed_for_what_is_refused() -> None:
    seen = snapshot([sick("w1"), *fleet(9)])
    plan = plan_for(seen, policy=HEALING, expected_uid="other")
    assert plan.refusals and with_hosts(plan, seen, {}) == plan


def test_monitor_only_says_what_would_be_done_only_if_nothing_else_speaks_against_it() -> None:
    def said(seconds: int, hosts: dict[str, list[str]]) -> list[tuple[str, str]]:
        seen = snapshot([sick("w1", seconds=seconds), *fleet(9)])
        plan = with_hosts(plan_for(seen, policy=Policy()), seen, hosts)
        assert plan.actions == ()
        return [(r.guard, r.message) for r in plan.refusals]

    would = "monitor-only is on; without it this run would restart kubelet on w1"
    assert said(600, {"w1": []}) == [("monitor_only", would)]
    assert said(600, {"w9": []}) == [("monitor_only", f"{would}; but node w1: no inventory host matches it")]
    short = said(5, {"w1": []})
    assert [guard for guard, _message in short] == ["monitor_only", "transient_tolerance"]
    assert short[0][1] == "monitor-only is on"


def test_as_modules_return_it() -> None:
    told = planned(sick(seconds=119)).to_dict()
    assert told["actions"] == []
    assert told["notes"][0].keys() == {"node", "node_uid", "event", "text"}
    assert told["refused"] == [
        {
            "node": "w1",
            "rung": "kubelet_restart",
            "guard": "transient_tolerance",
            "message": "the trouble has lasted 119 s; a soft repair waits for 120 s"
            " (transient tolerance 120 s, soft rungs from 90 s)",
        }
    ]


def test_a_recent_attempt_of_a_closed_incident_counts_for_the_cool_down() -> None:
    past = incident("w1", phase=Phase.RECOVERED, attempted=[200])
    plan = plan_for(snapshot([sick("w1"), *fleet(9)]), [past])
    assert [r.guard for r in plan.refusals] == ["cooldown"]


def test_one_host_cannot_be_two_nodes_nor_the_controller() -> None:
    nodes = [sick("w1"), sick("w2"), *fleet(18)]
    seen = snapshot(nodes)
    with pytest.raises(HostError, match="^nodes w1 and w2 are both inventory host h$"):
        with_hosts(plan_for(seen), seen, {"h": ["w1", "w2"]})
    with pytest.raises(HostError, match="^node w1 is inventory host localhost"):
        with_hosts(plan_for(seen), seen, {"localhost": ["w1"], "w2": []})


def test_no_rung_outlives_the_lease_under_which_it_was_begun() -> None:
    rungs = {rung for ladder in LADDERS.values() for rung in ladder}
    assert max(rung.deadline for rung in rungs) + 30 <= SETTINGS["lease_duration"].low


def test_nodes_of_one_cause_get_no_story_each_but_one_that_flaps_does() -> None:
    zones = [{"topology.kubernetes.io/zone": zone} for zone in "ab"]
    out = [sick(f"w{n}", labels=zones[0]) for n in range(2)]
    plan = plan_for(snapshot([*out, *(node(f"b{n}", labels=zones[1]) for n in range(18))]))
    assert {r.guard for r in plan.refusals} == {"pattern"} and len(plan.people) == 2
    assert plan.notes == ()
    moments = tuple(
        Moment(ago(seconds), phase, "a", "")
        for seconds in (3000, 2000, 1000)
        for phase in (Phase.SUSPECTED, Phase.RECOVERED)
    )
    told = incident("w1", phase=Phase.RECOVERED, history=moments)
    plan = plan_for(snapshot([sick("w1"), *fleet(9)]), [told])
    assert {r.guard for r in plan.refusals} == {"pattern"}
    assert events(plan) == ["open", "confirm", "hold"]


def test_where_the_api_has_no_time_the_incident_has_one() -> None:
    # Without a ladder, so that the plan names the trouble as soon as it is old enough.
    ladders: Ladders = {}
    labels = {"nvidia.com/gpu.count": "8"}
    broken = node("gpu", labels=labels, allocatable={"nvidia.com/gpu": "0"})
    young = plan_for(snapshot([broken, *fleet(9)]), [incident("gpu", check="NodeGPU", since=599)], ladders=ladders)
    assert young.people == ()
    old = plan_for(snapshot([broken, *fleet(9)]), [incident("gpu", check="NodeGPU", since=600)], ladders=ladders)
    assert old.people == ("gpu: NoAllocatableGPU, and no repair is known for it",)
    # Another trouble's age says nothing about this one.
    other = plan_for(snapshot([broken, *fleet(9)]), [incident("gpu", check="NodeReady", since=9999)], ladders=ladders)
    assert other.people == ()


def test_a_node_that_is_still_joining_is_not_declared_well() -> None:
    joining = sick("w1", seconds=20, status="False", created=ago(20))
    plan = plan_for(snapshot([joining, *fleet(9)]), [incident()])
    assert (plan.actions, plan.notes) == ((), ())
