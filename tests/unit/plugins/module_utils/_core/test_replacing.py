# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which node may be replaced, when its machine may go, who has come in its place, and how the plan tells of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import Allowed, Cordon, NodePod, Progress
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import (
    LADDERS,
    NODE_REBOOT,
    NODE_REPLACE,
    replacing,
    rung_for,
    usable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase, Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.replacing import (
    is_alive,
    machine_of,
    objection_to_clear,
    objection_to_remove,
    objection_to_replace,
    successor_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import SETTINGS, Integer
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.guard_kit import ask
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CONTROL_PLANE,
    NOW,
    ago,
    fleet,
    incident,
    node,
    plan_for,
    sick,
    snapshot,
)

GPU = {"nvidia.com/gpu.count": "8"}
EMPTY = Progress().look((), Allowed())


def being_replaced(phase: Phase = Phase.WAITING, **changes: object) -> Incident:
    made = incident(phase=phase, attempted=[900, 500, 100], rung="node_replace", **changes)
    return replace(made, wait_until=ago(-500)) if phase is Phase.WAITING and "wait_until" not in changes else made


def new(name: str = "w9", seconds: float = 50, **changes: object) -> Node:
    return node(name, uid=f"new-{name}", created=ago(seconds), **changes)


# --- the ladders


def test_the_last_rung_is_for_standard_nodes_of_which_the_policy_says_how() -> None:
    for reason, rungs in LADDERS.items():
        assert (NODE_REPLACE in rungs) is ("GPU" not in reason), reason
        if NODE_REPLACE in rungs:
            assert rungs[-2:] == (NODE_REBOOT, NODE_REPLACE)
    assert replacing(LADDERS) == {"node_replace"}
    both = usable(LADDERS, Policy(reboot_driver="ec2", replace_driver="ec2_asg"))
    assert rung_for("NodeStatusUnknown", Remedy.REPLACE, 2, both) is NODE_REPLACE
    assert rung_for("NodeStatusUnknown", Remedy.REBOOT, 9, both) is NODE_REBOOT
    without = usable(LADDERS, Policy(reboot_driver="ec2"))
    assert rung_for("NodeStatusUnknown", Remedy.REPLACE, 9, without) is NODE_REBOOT


def test_what_follows_the_last_renewal_ends_before_the_shortest_lease() -> None:
    lease = SETTINGS["lease_duration"]
    assert isinstance(lease, Integer) and NODE_REPLACE.deadline < lease.low


@pytest.mark.parametrize(("labels", "what"), [(GPU, "GPU"), (CONTROL_PLANE, "control-plane")])
def test_neither_gpu_nodes_nor_control_planes_are_replaced(labels: dict[str, str], what: str) -> None:
    policy = Policy(monitor_only=False, reboot_driver="ec2", replace_driver="ec2_asg", max_attempts=9, cooldown=0)
    one = sick(labels=labels)
    memory = incident(attempted=[5000, 4000, 3000])
    plan = plan_for(snapshot([one, *fleet(9)], silent=["w1"]), [memory], policy)
    wished = {r.rung for r in plan.refusals} | {a.rung for a in plan.actions}
    assert wished == {"node_reboot"}
    alone = dict.fromkeys(LADDERS, (NODE_REPLACE,))
    left = plan_for(snapshot([one, *fleet(9)], silent=["w1"]), [memory], policy, ladders=alone)
    assert left.actions == () and left.people == (
        f"w1: NodeStatusUnknown, and it is a {what} node, which is given Reboot at most",
    )
    # Each guard says so by itself, whatever the plan has left out.
    said = ask("gpu_node" if what == "GPU" else "control_plane", [one, *fleet(2)], rung=NODE_REPLACE)
    assert said is not None and f"it is a {what} node, which is never" in said
    assert f"it is a {what} node, which is never" in str(objection_to_replace(one))


def test_our_own_cordon_keeps_nobody_from_the_next_repair() -> None:
    assert ask("human_cordon", [sick(unschedulable=True)]) == "the node is cordoned: somebody works on it"
    assert ask("human_cordon", [sick(unschedulable=True, cordoned_by_us=True)]) is None


# --- when a machine may go


def pods(**changes: object) -> object:
    return Progress().look([NodePod("shop", "web-1", "u1", controller="ReplicaSet/web", **changes)], Allowed())  # type: ignore[arg-type]


def test_what_is_alive_is_drained_and_what_is_dead_is_not_waited_for() -> None:
    renewed, silent = Heartbeat(ago(5), 40), Heartbeat(ago(600), 40)
    dead, failing = sick(), sick(status="False")
    assert not is_alive(dead, silent, NOW) and not is_alive(dead, None, NOW)
    assert is_alive(failing, renewed, NOW) and is_alive(node(), silent, NOW)
    assert objection_to_clear(dead, False, Cordon.NONE, pods()) is None  # type: ignore[arg-type]
    assert objection_to_clear(failing, True, Cordon.NONE, EMPTY) == "it is alive, and not cordoned: drain it first"
    assert objection_to_clear(failing, True, Cordon.OURS, pods()) == (  # type: ignore[arg-type]
        "it is alive, and not drained: shop/web-1 (not evicted yet)"
    )
    going = pods(deleting=True, deleted=ago(-30))
    assert "not drained: shop/web-1 (terminating" in str(objection_to_clear(failing, True, Cordon.OURS, going))  # type: ignore[arg-type]
    assert objection_to_clear(failing, True, Cordon.OTHERS, EMPTY) is None
    assert objection_to_clear(sick(labels=GPU), False, Cordon.OURS, EMPTY) is not None


def test_a_node_that_came_back_by_itself_is_left_alone() -> None:
    assert objection_to_clear(node(), True, Cordon.OURS, EMPTY) is None
    assert (
        objection_to_clear(node(), True, Cordon.OURS, EMPTY, unless_ready=True) == "it is Ready again, and left alone"
    )


def test_a_node_that_was_heard_of_since_is_not_removed() -> None:
    assert objection_to_remove(None, NOW) is None and objection_to_remove(Heartbeat(ago(1), 40), NOW) is None
    assert "its Lease was renewed at" in str(objection_to_remove(Heartbeat(ago(-1), 40), NOW))


def test_machines_are_told_by_what_names_them() -> None:
    assert machine_of(node(provider_id="kind://docker/lab/w1")) == "machine kind://docker/lab/w1"
    assert machine_of(node(machine_id="ab")) == "machine-id ab"
    assert len(machine_of(node(provider_id="x" * 9999))) < 300


# --- who has come in its place


def test_a_successor_is_ready_was_made_since_and_is_nobody_elses() -> None:
    one = being_replaced()
    assert successor_of([*fleet(3), new()], one) == new()
    for no in (
        new(seconds=101),
        replace(new(), created=None),
        replace(new(), conditions=sick().conditions),
        new(deleting=True),
        node("w1"),
    ):
        assert successor_of([*fleet(3), no], one) is None, no
    assert successor_of([new()], one, taken={"new-w9"}) is None
    assert successor_of([new("a"), new("w1", seconds=1)], one) == new("w1", seconds=1), "of the same name"
    assert successor_of([new("a", 10), new("b", 20)], one) == new("b", 20), "the oldest"
    assert successor_of([new("a"), new("b")], replace(one, successor="new-b")) == new("b"), "the one that it was before"
    assert successor_of([new()], incident()) is None


@pytest.mark.parametrize(
    ("phase", "events"),
    [
        (Phase.REPAIRING, ["acted", "recover"]),
        (Phase.WAITING, ["acted", "recover"]),
        (Phase.VERIFYING, ["recover"]),
        (Phase.UNHEALTHY, ["recover"]),
        (Phase.ESCALATED, ["recover"]),
    ],
)
def test_a_node_that_was_replaced_is_repaired_and_not_gone(phase: Phase, events: list[str]) -> None:
    seen = snapshot([*fleet(9), new(provider_id="kind://docker/lab/w9")])
    plan = plan_for(seen, [being_replaced(phase)])
    assert [(n.node_uid, n.event, n.successor) for n in plan.notes] == [("uid-w1", e, "new-w9") for e in events]
    assert "replaced by node w9, machine kind://docker/lab/w9" in plan.notes[-1].message
    assert plan.people == ()
    # Left without such a repair it has gone, as before.
    other = replace(being_replaced(phase), rung="node_reboot")
    assert [n.event for n in plan_for(seen, [other]).notes] == ["leave"]


def test_the_same_node_is_no_successor_of_two() -> None:
    first = being_replaced(Phase.ESCALATED)
    second = replace(being_replaced(), name="w2-1", node="w2", node_uid="uid-w2")
    plan = plan_for(snapshot([*fleet(9), new()]), [first, second])
    assert [(n.node, n.event) for n in plan.notes] == [("w1", "recover")]
    closed = replace(first, phase=Phase.RECOVERED, successor="new-w9", closed_at=ago(10))
    assert plan_for(snapshot([*fleet(9), new()]), [closed, second]).notes == ()


@pytest.mark.parametrize("phase", [Phase.REPAIRING, Phase.WAITING, Phase.VERIFYING])
def test_a_node_that_has_left_has_its_time_to_be_replaced(phase: Phase) -> None:
    waits = plan_for(snapshot(fleet(9)), [being_replaced(phase)])
    assert (waits.notes, waits.people) == ((), ())
    over = plan_for(snapshot(fleet(9)), [being_replaced(phase, deadline=ago(1), wait_until=ago(1))])
    assert [n.event for n in over.notes] == ["fail", "exhaust"]
    assert over.people == (
        "w1: node_replace has taken it away, and no node that is well has come in its place: see to a new one, or"
        " delete incident w1-1 if none is to come",
    )
    sick_one = replace(new(), conditions=sick().conditions)
    joined = plan_for(snapshot([*fleet(9), sick_one]), [being_replaced(phase)])
    assert [n for n in joined.notes if n.node == "w1"] == []


def test_people_are_asked_until_a_new_node_is_there() -> None:
    for phase, events in ((Phase.UNHEALTHY, ["exhaust"]), (Phase.ESCALATED, [])):
        plan = plan_for(snapshot(fleet(9)), [being_replaced(phase)])
        assert [n.event for n in plan.notes] == events and len(plan.people) == 1
    quiet = plan_for(snapshot(fleet(9)), [being_replaced(Phase.ESCALATED)], Policy())
    assert quiet.people == ()


def test_one_that_looks_well_has_still_to_leave() -> None:
    waits = plan_for(snapshot([node("w1", boot_id="b2"), *fleet(9)]), [being_replaced(boot_id="b1")])
    assert waits.notes == () and waits.actions == ()
    over = plan_for(snapshot([node("w1", boot_id="b2"), *fleet(9)]), [being_replaced(boot_id="b1", wait_until=ago(1))])
    assert [(n.event, n.message) for n in over.notes] == [
        ("fail", "the node never went down"),
        ("recover", "seen healthy"),
    ]
