# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guards that know of repairs, storms, times and failure domains: each on both sides of its edge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.paused import holds
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase, Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.guard_kit import BY_NAME, ask
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CONTROL_PLANE,
    HEALING,
    NOW,
    REBOOT,
    REPLACE,
    ago,
    fleet,
    incident,
    node,
    sick,
    snapshot,
)

# --- what asks for nobody, and what does

QUIET = {
    *("monitor_only", "paused", "excluded", "human_cordon", "leaving", "under_repair", "storm_cooldown"),
    *("transient_tolerance", "cooldown", "maintenance_window", "budget"),
}


def test_which_guards_call_people() -> None:
    assert {name for name, guard in BY_NAME.items() if guard.quiet} == QUIET


# --- storms

STORM = [sick(f"w{n}") for n in range(3)]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(
            Storm("mass_failure", ago(2000), ago(599)),
            "mass_failure since 2026-11-21T02:26:40Z has been over for 599 s; nobody is touched for 600 s after it",
            id="a second too soon",
        ),
        pytest.param(Storm("mass_failure", ago(2000), ago(600)), None, id="at the edge"),
        pytest.param(
            Storm("NetworkPartition", ago(60)),
            "NetworkPartition since 2026-11-21T02:59:00Z has been over for 0 s; nobody is touched for 600 s after it",
            id="it is just over",
        ),
    ],
)
def test_storm_cooldown_after_a_storm(known: Storm | None, said: str | None) -> None:
    assert ask("storm_cooldown", [sick(), *fleet(9)], about={"storm": known}) == said


@pytest.mark.parametrize("seconds", [0, 1])
def test_how_long_is_for_the_policy_to_say(seconds: int) -> None:
    policy = Policy(monitor_only=False, storm_cooldown=seconds)
    said = ask("storm_cooldown", [sick(), *fleet(9)], policy, about={"storm": Storm("x", ago(9))})
    assert (said is None) is (seconds == 0)


def test_storm_cooldown_in_a_storm() -> None:
    said = ask("storm_cooldown", [*STORM, *fleet(7)])
    assert said == "mass_failure since 2026-11-21T03:00:00Z, and not over: nobody is touched"
    said = ask("storm_cooldown", [*STORM, *fleet(7)], about={"storm": Storm("mass_failure", ago(60))})
    assert said == "mass_failure since 2026-11-21T02:59:00Z, and not over: nobody is touched"


# --- the age of what was seen


@pytest.mark.parametrize(
    ("late", "limit", "refused"), [(60.9, 60, False), (61, 60, True), (31, 30, True), (-9, 30, False)]
)
def test_evidence_age(late: float, limit: int, refused: bool) -> None:
    said = ask("evidence_age", [sick()], Policy(monitor_only=False, evidence_age=limit), late=late)
    assert said == (f"the cluster was looked at {int(late)} s ago; the limit is {limit} s" if refused else None)


# --- what is under way


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.is_open])
def test_under_repair_is_a_node_that_is_waited_for(phase: Phase) -> None:
    waited = incident(phase=phase, rung="reboot", wait_until=ago(-1))
    said = ask("under_repair", [sick()], incident=waited)
    expected = "reboot was done, and the node has until 2026-11-21T03:00:01Z to come back"
    assert said == (expected if phase is Phase.WAITING else None)


def test_under_repair_ends_with_the_time_for_it() -> None:
    assert ask("under_repair", [sick()]) is None
    for until in (NOW, ago(1), None):
        assert ask("under_repair", [sick()], incident=incident(phase=Phase.WAITING, wait_until=until)) is None


@pytest.mark.parametrize(
    ("planned", "busy", "count"),
    [
        pytest.param({"a"}, {"b"}, None, id="two"),
        pytest.param({"a", "b"}, {"c"}, 3, id="both are counted"),
        pytest.param({"a", "b"}, {"a", "b"}, None, id="each once"),
        pytest.param({"a", "b"}, {"w1"}, None, id="the node itself is not"),
        pytest.param(set(), {"a", "b", "c", "d"}, 4, id="under repair"),
    ],
)
def test_budget(planned: set[str], busy: set[str], count: int | None) -> None:
    about = {"planned": frozenset(planned), "under_repair": frozenset(busy)}
    said = ask("budget", [sick()], Policy(monitor_only=False, max_repairs=3), about=about)
    assert said == (None if count is None else f"{count} repairs are planned or under way; the limit is 3")


# --- pauses

PAUSES = {
    # id: (the pause, whether it holds)
    "a word": ("moving", True),
    "false": ("false", True),
    "a space": (" ", True),
    "until a moment ago": ("2026-11-21T02:59:59Z", False),
    "until now": ("2026-11-21T03:00:00Z", False),
    "for a second yet": ("2026-11-21T03:00:01Z", True),
    "in another time zone, over": ("2026-11-21T03:59:59+01:00", False),
    "in another time zone, not over": ("2026-11-21T04:00:01+01:00", True),
    "with words, over": ("2026-11-21T02:00:00Z moving house", False),
    "with words, not over": ("2026-11-21T06:00:00Z moving house", True),
    "a time that is not in front": ("until 2026-11-21T02:00:00Z", True),
    "a time of no zone": ("2026-11-21T02:00:00", True),
    "a day": ("2026-11-20", True),
    "a time that is none": ("2026-11-31T02:00:00Z", True),
}


@pytest.mark.parametrize("case", PAUSES)
def test_a_pause_with_and_without_a_time(case: str) -> None:
    value, paused = PAUSES[case]
    assert holds(value, NOW) is paused
    said = ask("paused", [sick(annotations={"selfheal.kubernetes/paused": value})])
    told = f"annotation selfheal.kubernetes/paused={value!r} is on the node; take it off to allow repairs"
    assert said == (told if paused else None)
    said = ask("paused", [sick()], Policy(monitor_only=False, owner_paused=value))
    told = f"the cluster is paused ({value}); the playbook selfheal.kubernetes.resume ends that"
    assert said == (told if paused else None)
    said = ask("paused", [sick()], Policy(monitor_only=False, paused=value))
    assert said == (f"this run is paused ({value}) by its own setting" if paused else None)


@pytest.mark.parametrize("fields", [("owner_paused", "paused"), ("paused", "owner_paused")], ids=" is over, not ".join)
def test_a_pause_that_is_over_does_not_end_the_other(fields: tuple[str, str]) -> None:
    over, holding = fields
    pauses: dict[str, str] = {over: "2026-11-21T02:00:00Z by eve", holding: "freeze tonight"}
    assert "freeze tonight" in str(ask("paused", [sick()], Policy(monitor_only=False, **pauses)))  # type: ignore[arg-type]


def test_a_pause_of_the_cluster_that_is_over_leaves_that_of_the_node() -> None:
    policy = Policy(monitor_only=False, paused="2026-11-21T02:00:00Z")
    assert ask("paused", [sick()], policy) is None
    assert "on the node" in str(ask("paused", [sick(annotations={"selfheal.kubernetes/paused": ""})], policy))


# --- failure domains


def zone(name: str, count: int, **labels: str) -> list[Node]:
    return [node(f"{name}{n}", labels={"topology.kubernetes.io/zone": name, **labels}) for n in range(count)]


def in_zone(name: str, **changes: object) -> Node:
    return sick(labels={"topology.kubernetes.io/zone": name}, **changes)


@pytest.mark.parametrize(
    ("size", "percent", "limit"),
    [
        pytest.param(1, 20, 1, id="one always may be"),
        pytest.param(9, 20, 1, id="20 % of 9"),
        pytest.param(10, 20, 2, id="20 % of 10"),
        pytest.param(14, 20, 2, id="rounded down"),
        pytest.param(10, 100, 10, id="all"),
        pytest.param(30, 10, 3, id="10 % of 30"),
    ],
)
@pytest.mark.parametrize("rung", [KUBELET_RESTART, REBOOT], ids=["soft", "disruptive"])
def test_failure_domain_counts_those_under_repair(rung: Rung, size: int, percent: int, limit: int) -> None:
    policy = Policy(monitor_only=False, max_unavailable_percent=percent)
    nodes = [in_zone("a"), *zone("a", size - 1), *zone("b", 20)]

    def said(busy: int) -> str | None:
        names = frozenset([*(n.name for n in nodes[1 : 1 + busy]), *(n.name for n in nodes[size:])])
        return ask("failure_domain", nodes, policy, rung=rung, about={"under_repair": names})

    assert said(limit - 1) is None, "those of another zone do not count"
    if limit < size:
        names = ", ".join(sorted(n.name for n in nodes[1 : 1 + limit])[:3])
        assert said(limit) == (
            f"{limit} of {size} nodes of zone a are cordoned or under repair ({names});"
            f" with this one it would be more than {limit} ({percent} %, at least 1)"
        )


@pytest.mark.parametrize(
    ("about", "cordoned"),
    [({}, True), ({"planned_disruptive": frozenset({"a0"})}, False)],
    ids=["cordoned", "planned"],
)
def test_failure_domain_counts_more_for_what_is_disruptive(about: dict[str, Any], cordoned: bool) -> None:
    others = zone("a", 4)
    nodes = [in_zone("a"), replace(others[0], unschedulable=cordoned), *others[1:]]
    assert ask("failure_domain", nodes, rung=KUBELET_RESTART, about=about) is None
    said = ask("failure_domain", nodes, rung=REBOOT, about=about)
    assert said is not None and "1 of 5 nodes of zone a are cordoned or under repair (a0)" in said


def test_failure_domain_counts_soft_repairs_that_are_planned_for_nobody() -> None:
    nodes = [in_zone("a"), *zone("a", 4)]
    assert ask("failure_domain", nodes, rung=REBOOT, about={"planned": frozenset({"a0"})}) is None


def test_failure_domain_does_not_count_the_node_itself() -> None:
    nodes = [in_zone("a", unschedulable=True), *zone("a", 4)]
    assert ask("failure_domain", nodes, rung=REBOOT, about={"under_repair": frozenset({"w1"})}) is None


def test_failure_domain_knows_pools_as_well_as_zones() -> None:
    pool = {"karpenter.sh/nodepool": "gold"}
    nodes = [sick(labels={"topology.kubernetes.io/zone": "a", **pool}), *zone("b", 4, **pool), *zone("a", 4)]
    said = ask("failure_domain", nodes, about={"under_repair": frozenset({"b0"})})
    assert said is not None and "1 of 5 nodes of pool gold" in said
    said = ask("failure_domain", nodes, about={"under_repair": frozenset({"a0"})})
    assert said is not None and "1 of 5 nodes of zone a" in said


def test_nodes_of_no_domain_are_no_domain() -> None:
    assert ask("failure_domain", [sick(), *fleet(4)], about={"under_repair": frozenset({"other-0"})}) is None


# --- the control plane


def plane(*names: str, **changes: Any) -> list[Node]:
    return [node(name, labels=CONTROL_PLANE, **changes) for name in names]


PLANE = sick(labels=CONTROL_PLANE)


@pytest.mark.parametrize("about", ["under_repair", "planned"])
@pytest.mark.parametrize("rung", [KUBELET_RESTART, REBOOT], ids=["soft", "disruptive"])
def test_one_control_plane_node_at_a_time(rung: Rung, about: str) -> None:
    nodes = [PLANE, *plane("c2", "c3"), *fleet(6)]
    said = ask("control_plane", nodes, rung=rung, about={about: frozenset({"c3", "other-0"})})
    assert said == "control-plane node c3 is under repair or planned for it; one at a time"
    assert ask("control_plane", nodes, rung=rung, about={about: frozenset({"w1", "other-0"})}) is None
    assert ask("control_plane", [sick(), *nodes[1:]], rung=rung, about={about: frozenset({"c3"})}) is None


@pytest.mark.parametrize(
    ("others", "count"),
    [
        pytest.param(plane("c2"), None, id="another one works"),
        pytest.param([*plane("c2"), *plane("c3", unschedulable=True)], None, id="one of two works"),
        pytest.param([], 0, id="the only one"),
        pytest.param(plane("c2", unschedulable=True), 1, id="the other is cordoned"),
        pytest.param([sick("c2", labels=CONTROL_PLANE)], 1, id="the other is sick"),
        pytest.param([node("c2", labels=CONTROL_PLANE, conditions=())], 1, id="the other says nothing"),
    ],
)
def test_the_last_control_plane_node_that_works_is_not_taken_down(others: list[Node], count: int | None) -> None:
    nodes = [PLANE, *others, *fleet(9)]
    said = ask("control_plane", nodes, rung=REBOOT)
    expected = f"none of the {count} other control-plane nodes is Ready and in use: this would be the last one"
    assert said == (None if count is None else expected)
    assert ask("control_plane", nodes, rung=KUBELET_RESTART) is None
    assert ask("control_plane", [sick(), *nodes[1:]], rung=REBOOT) is None, "a worker is no control plane"


# --- etcd


def etcd(*healthy: bool | None, leader: str = "c2", learner: str = "", prefix: str = "") -> Etcd:
    """A cluster whose members are on w1, c2, c3 and so on."""
    names = [f"{prefix}{'w1' if n == 1 else f'c{n}'}" for n in range(1, len(healthy) + 1)]
    members = tuple(EtcdMember(name, well, name == learner) for name, well in zip(names, healthy, strict=True))
    return Etcd(members, leader=leader and f"{prefix}{leader}", direct=True)


QUORUMS = {
    # id: (etcd, the words of the refusal)
    "three, all well": (etcd(True, True, True), None),
    "three, this one is sick": (etcd(False, True, True), None),
    "three, another one is sick": (
        etcd(True, False, True),
        "without this node 1 of 3 etcd members would be healthy; 2",
    ),
    "three, another one says nothing": (etcd(True, None, True), "without this node 1 of 3 etcd members"),
    "five, two others are sick": (etcd(True, False, False, True, True), "without this node 2 of 5 etcd members"),
    "five, one other is sick": (etcd(True, False, True, True, True), None),
    "two": (etcd(True, True), "without this node 1 of 2 etcd members would be healthy; 2 must be"),
    "one": (etcd(True), "without this node 0 of 1 etcd members would be healthy; 1 must be"),
    "names of pods": (etcd(True, True, True, prefix="etcd-"), None),
    "names of pods, another one is sick": (etcd(True, False, True, prefix="etcd-"), "without this node 1 of 3"),
    "it leads": (etcd(True, True, True, leader="w1"), "etcd's leader is on this node: move it first"),
    "it leads, by the name of its pod": (
        etcd(True, True, True, leader="w1", prefix="etcd-"),
        "etcd's leader is on this node",
    ),
    "another one leads": (etcd(True, True, True, leader="c2"), None),
    "a member is being added": (etcd(True, True, True, True, learner="c4"), "etcd has a learner"),
    "nobody leads": (etcd(True, True, True, leader=""), "etcd itself was not asked, or names no leader"),
    "seen by its pods only": (replace(etcd(True, True, True), direct=False), "etcd itself was not asked"),
    "not looked at": (None, "etcd could not be looked at"),
    "on machines of its own": (
        Etcd(tuple(EtcdMember(f"e{n}", True) for n in range(3)), leader="e0", direct=True),
        None,
    ),
    "with a suffix, as k3s has it": (
        Etcd(
            tuple(EtcdMember(f"{name}-3f2a", well) for name, well in (("w1", True), ("c2", True), ("c3", False))),
            leader="c2-3f2a",
            direct=True,
        ),
        "without this node 1 of 3 etcd members would be healthy; 2 must be for it to work",
    ),
}


@pytest.mark.parametrize("case", QUORUMS)
def test_etcd_quorum(case: str) -> None:
    seen, words = QUORUMS[case]
    nodes = [PLANE, *plane("c2", "c3"), *fleet(6)]
    said = ask("etcd_quorum", nodes, rung=REBOOT, etcd=seen)
    assert (said is None) if words is None else (said is not None and words in said)
    assert ask("etcd_quorum", nodes, rung=KUBELET_RESTART, etcd=seen) is None
    assert ask("etcd_quorum", [sick(), *nodes[1:]], rung=REBOOT, etcd=seen) is None


# --- more than one witness

FRESH, OLD = Heartbeat(ago(5), 40), Heartbeat(ago(600), 40)
STOPPED, MOVING = Heartbeat(ago(600), 40, moved=False, watched=12), Heartbeat(ago(600), 40, moved=True, watched=12)


@pytest.mark.parametrize(
    ("status", "lease", "alive_by"),
    [
        pytest.param("Unknown", OLD, None, id="both call it dead"),
        pytest.param("Unknown", None, None, id="it has no Lease at all"),
        pytest.param("Unknown", FRESH, "its Lease", id="its Lease is in date"),
        pytest.param("Unknown", MOVING, "its Lease", id="its Lease is old, and moves"),
        pytest.param("False", FRESH, None, id="it says so itself"),
        pytest.param("False", OLD, None, id="it said so, and fell silent"),
        pytest.param("True", STOPPED, "Ready", id="Ready, and its Lease stands still"),
    ],
)
def test_vantage_points(status: str, lease: Heartbeat | None, alive_by: str | None) -> None:
    one = sick(status=status)
    leases = {n.name: FRESH for n in fleet(9)} | ({} if lease is None else {"w1": lease})
    said = ask("vantage_points", [one, *fleet(9)], rung=REBOOT, heartbeats=leases)
    assert said == (None if alive_by is None else f"the node is called dead, and alive by {alive_by}")
    assert ask("vantage_points", [one, *fleet(9)], rung=KUBELET_RESTART, heartbeats=leases) is None


def test_what_a_kubelet_says_of_its_own_machine_needs_no_second_witness() -> None:
    broken = node(labels={"nvidia.com/gpu.count": "8"}, allocatable={"nvidia.com/gpu": "0"})
    assert ask("vantage_points", [broken, *fleet(9)], rung=REBOOT) is None


# --- GPUs, windows, approvals


@pytest.mark.parametrize(("rung", "refused"), [(KUBELET_RESTART, False), (REBOOT, False), (REPLACE, True)])
def test_gpu_node(rung: Rung, refused: bool) -> None:
    said = ask("gpu_node", [sick(capacity={"nvidia.com/gpu": "4"})], rung=rung)
    assert said == ("it is a GPU node, which is never drained or replaced; replace would" if refused else None)
    assert ask("gpu_node", [sick(capacity={"cpu": "4"})], rung=rung) is None


@pytest.mark.parametrize(
    ("windows", "refused"),
    [
        pytest.param((), False, id="none"),
        pytest.param((Window(180, 240),), False, id="it begins now"),
        pytest.param((Window(120, 180),), True, id="it has just ended"),
        pytest.param((Window(0, 60), Window(180, 181)), False, id="one of two"),
        pytest.param((Window(180, 240, ("Sun",)),), True, id="another day"),
    ],
)
def test_maintenance_window(windows: tuple[Window, ...], refused: bool) -> None:
    policy = Policy(monitor_only=False, maintenance_windows=windows)
    said = ask("maintenance_window", [sick()], policy, rung=REBOOT)
    told = "; ".join(str(window) for window in windows)
    assert said == (f"a disruptive repair waits for a maintenance window: {told}" if refused else None)
    assert ask("maintenance_window", [sick()], policy, rung=KUBELET_RESTART) is None


def test_the_window_is_asked_for_now_and_not_for_the_look() -> None:
    policy = Policy(monitor_only=False, maintenance_windows=(Window(180, 181),))
    assert ask("maintenance_window", [sick()], policy, rung=REBOOT, late=59) is None
    assert ask("maintenance_window", [sick()], policy, rung=REBOOT, late=60) is not None


APPROVED = "selfheal.kubernetes/approved"


@pytest.mark.parametrize(
    ("annotations", "given"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({APPROVED: "reboot"}, True, id="the rung"),
        pytest.param({APPROVED: "reboot,replace"}, True, id="among others"),
        pytest.param({APPROVED: "replace reboot"}, True, id="among others without a comma"),
        pytest.param({APPROVED: "replace"}, False, id="another rung"),
        pytest.param({APPROVED: "true"}, False, id="no rung"),
        pytest.param({APPROVED: ""}, False, id="empty"),
        pytest.param({APPROVED: "no-reboot"}, False, id="a word that ends like it"),
        pytest.param({"approved": "reboot"}, False, id="another annotation"),
    ],
)
def test_approval(annotations: dict[str, str], given: bool) -> None:
    policy = Policy(monitor_only=False, approval_required=(Remedy.REBOOT,))
    said = ask("approval", [sick()], policy, incident(annotations=annotations), rung=REBOOT)
    told = f"reboot waits for approval: put annotation {APPROVED}=reboot on incident w1-1"
    assert said == (None if given else told)


@pytest.mark.parametrize(
    ("required", "rung", "asked"),
    [
        ((), REPLACE, False),
        ((Remedy.REBOOT,), REPLACE, False),
        ((Remedy.REPLACE,), REPLACE, True),
        ((Remedy.REBOOT, Remedy.REPLACE), KUBELET_RESTART, False),
    ],
)
def test_what_needs_approval_is_for_the_policy_to_say(required: tuple[Remedy, ...], rung: Rung, asked: bool) -> None:
    policy = Policy(monitor_only=False, approval_required=required)
    assert (ask("approval", [sick()], policy, incident(), rung=rung) is not None) is asked


def test_approval_before_there_is_an_incident() -> None:
    policy = Policy(monitor_only=False, approval_required=(Remedy.REBOOT,))
    assert "on incident of w1, once it is written" in str(ask("approval", [sick()], policy, rung=REBOOT))


def test_the_builder_builds_what_these_tests_say() -> None:
    assert snapshot([PLANE, *plane("c2")]).domain("zone", "a") == frozenset()
    assert HEALING.maintenance_windows == () and HEALING.approval_required == ()
