# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Event, Node, Pod, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import resource_exhaustion
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.resource_exhaustion import PATTERN
from ansible_collections.selfheal.kubernetes.tests.unit.plugins import kit
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    conditions,
    diagnose,
    event,
    evicted,
    findings_of,
    fleet,
    lost,
    members,
    pods,
    pressed,
    unplaced,
    world,
)

NO_MEMORY = (
    "0/6 nodes are available: 1 node(s) had untolerated taint {x: y}, 5 Insufficient memory. preemption: 0/6 nodes are"
    " available: 6 No preemption victims found for incoming pod."
)
LOW = "The node was low on resource: {}. Threshold quantity: 100Mi, available: 80Mi. "
OWN_LIMIT = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "


def resources(diagnoses: list) -> list[str]:
    return [d.evidence["resource"] for d in diagnoses]


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("MemoryPressure", "memory"), ("DiskPressure", "ephemeral-storage"), ("PIDPressure", "pids")],
)
def test_pressure_on_several_nodes(kind: str, resource: str) -> None:
    seen = world([pressed("w1", kind), pressed("w2", kind), *fleet(8)])
    (found,) = diagnose(PATTERN, seen)
    assert (resources([found]), members([found])) == ([resource], ["w1", "w2"])
    assert resource in found.cause and resource in found.remedy
    assert found.message == f"{resource}: 2 of 10 nodes are short of it, 0 pods wait for it (w1, w2)"
    assert found.since == ago(2000)
    assert found.root is None


@pytest.mark.parametrize(
    ("count", "total", "found"),
    [
        pytest.param(1, 1, False, id="one"),
        pytest.param(2, 2, True, id="both"),
        pytest.param(2, 20, True, id="10 percent"),
        pytest.param(2, 21, False, id="less than 10 percent"),
    ],
)
def test_its_share_of_all_nodes(count: int, total: int, found: bool) -> None:
    nodes = [pressed(f"w{n}") for n in range(count)]
    assert bool(diagnose(PATTERN, world([*nodes, *fleet(total - count)]))) is found


def test_different_resources_do_not_add_up() -> None:
    assert diagnose(PATTERN, world([pressed("w1"), pressed("w2", "DiskPressure"), *fleet(3)])) == []


def test_a_pressure_that_is_not_known_is_none() -> None:
    unclear = [kit.node(f"w{n}", conditions=(kit.ready(),)) for n in range(3)]
    assert findings_of(world(unclear))
    assert diagnose(PATTERN, world(unclear)) == []


def test_a_node_with_other_trouble_counts_and_is_no_member() -> None:
    down = kit.node("w2", conditions=conditions(kit.ready("False", ago(900)), {"MemoryPressure": 900}))
    found = diagnose(PATTERN, world([pressed("w1"), down, *fleet(8)]))
    assert members(found) == ["w1"]
    silent = diagnose(PATTERN, world([pressed("w1"), pressed("w2"), *fleet(8)], {"w2": 600}))
    assert members(silent) == ["w1"]


def test_two_pressures_are_no_other_trouble() -> None:
    both = kit.node("w2", conditions=conditions(kit.ready(), {"MemoryPressure": 900, "DiskPressure": 900}))
    assert members(diagnose(PATTERN, world([pressed("w1"), both, *fleet(8)]))) == ["w1", "w2"]


WORDS = {
    "memory": (NO_MEMORY, ["memory"]),
    "two resources": ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", ["cpu", "memory"]),
    "at the end of the sentence": ("0/3 nodes are available: 3 Insufficient cpu.", ["cpu"]),
    "an extended one": ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", ["nvidia.com/gpu"]),
    "huge pages": ("0/3 nodes are available: 3 Insufficient hugepages-2Mi.", ["hugepages-2Mi"]),
    "places for pods": ("0/3 nodes are available: 3 Too many pods.", ["pods"]),
    "taints only": ("0/3 nodes are available: 3 node(s) had untolerated taint {a: b}.", []),
    "only preemption speaks of it": ("0/3 nodes are available: 3 x. preemption: 3 Insufficient cpu.", []),
    "not the scheduler's words": ("3 Insufficient cpu", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("said", "wanted"), WORDS.values(), ids=WORDS)
def test_what_pods_wait_for(said: str, wanted: list[str]) -> None:
    seen = world(fleet(3), pods=pods(unplaced("p", said), unplaced("q", said)))
    diagnoses = diagnose(PATTERN, seen)
    assert resources(diagnoses) == wanted
    assert all(members([d]) == ["p", "q"] for d in diagnoses)


def test_one_pod_may_ask_for_too_much() -> None:
    assert diagnose(PATTERN, world(fleet(3), pods=pods(unplaced("p", NO_MEMORY)))) == []


def test_a_pod_without_a_finding_is_not_counted() -> None:
    young = unplaced("q", NO_MEMORY)
    young = Pod(**{**young.__dict__, "conditions": (kit.Condition("PodScheduled", "False", "", NO_MEMORY, ago(5)),)})
    assert diagnose(PATTERN, world(fleet(3), pods=pods(unplaced("p", NO_MEMORY), young))) == []


@pytest.mark.parametrize(
    ("kind", "owners", "claimed"),
    [
        pytest.param("MemoryPressure", ("a", "b"), True, id="two owners"),
        pytest.param("MemoryPressure", ("a", "a"), False, id="one application asks for too much"),
        pytest.param("MemoryPressure", ("", ""), True, id="two pods of nobody"),
        pytest.param("DiskPressure", ("a", "b"), False, id="short of something else"),
    ],
)
def test_one_node_is_claimed_when_pods_wait_for_the_same(kind: str, owners: tuple[str, str], claimed: bool) -> None:
    waiting = pods(*(unplaced(f"p{n}", NO_MEMORY, owner=owner) for n, owner in enumerate(owners)))
    (found,) = diagnose(PATTERN, world([pressed("w1", kind), *fleet(30)], pods=waiting))
    assert members([found]) == (["w1"] if claimed else []) + ["p0", "p1"]


EVICTIONS = {
    "memory": (LOW.format("memory"), ["memory"]),
    "disk": (LOW.format("ephemeral-storage"), ["ephemeral-storage"]),
    "inodes": (LOW.format("inodes"), ["ephemeral-storage"]),
    "pids": (LOW.format("pids"), ["pids"]),
    "a condition": ("Pod was rejected: The node had condition: [DiskPressure]. ", ["ephemeral-storage"]),
    "two conditions": ("The node had condition: [MemoryPressure, PIDPressure]. ", ["memory", "pids"]),
    "an unknown condition": ("The node had condition: [MoonPressure]. ", []),
    "its own limit": (OWN_LIMIT, []),
    "the limit of an emptyDir": ('Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". ', []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("said", "resource"), EVICTIONS.values(), ids=EVICTIONS)
def test_evictions_show_what_a_node_is_short_of(said: str, resource: list[str]) -> None:
    thrown_out = pods(evicted("p", "w1", said), evicted("q", "w2", said))
    diagnoses = diagnose(PATTERN, world(fleet(3, name="w") + nodes("w1", "w2"), pods=thrown_out))
    assert resources(diagnoses) == resource
    assert all(members([d]) == ["p", "q"] for d in diagnoses)


def test_evictions_from_nodes_that_are_gone_tell_nothing_of_those_that_are_there() -> None:
    thrown_out = pods(evicted("p", "gone-1", LOW.format("memory")), evicted("q", "gone-2", LOW.format("memory")))
    assert diagnose(PATTERN, world(fleet(3), pods=thrown_out)) == []


def nodes(*names: str) -> list[Node]:
    return [kit.node(name, conditions=conditions(kit.ready())) for name in names]


def out_of_memory(name: str, seconds: float | None = 60, kind: str = "Node") -> Event:
    return event(Ref(kind, name, uid=name), "SystemOOM", "System OOM encountered, victim process: java", seconds)


@pytest.mark.parametrize(
    ("seconds", "recent"), [(3599, True), (3600, False), pytest.param(-5, True, id="a clock ahead")]
)
def test_only_what_happened_within_the_hour(seconds: float, recent: bool) -> None:
    seen = world([*nodes("w1"), pressed("w2"), *fleet(3)], events=(out_of_memory("w1", seconds),))
    assert bool(diagnose(PATTERN, seen)) is recent
    thrown_out = pods(evicted("p", "w1", LOW.format("memory"), seconds))
    seen = world([*nodes("w1"), pressed("w2"), *fleet(3)], pods=thrown_out)
    # A moment in the future is no moment that a check would tell.
    assert bool(diagnose(PATTERN, seen)) is (recent and seconds > 0)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(out_of_memory("w1", None), id="without a time"),
        pytest.param(out_of_memory("elsewhere"), id="of a node that is gone"),
        pytest.param(out_of_memory("w1", kind="Pod"), id="of a pod"),
    ],
)
def test_events_that_do_not_count(one: Event) -> None:
    assert diagnose(PATTERN, world([*nodes("w1"), pressed("w2"), *fleet(3)], events=(one,))) == []


def test_an_eviction_that_only_an_event_tells() -> None:
    gone = event(Ref("Pod", "p", "shop", "uid-p"), "Evicted", LOW.format("memory"))
    running = kit.replace(evicted("p", "w1", ""), phase="Running", reason="")
    seen = world([*nodes("w1"), pressed("w2"), *fleet(3)], events=(gone,), pods=pods(running))
    assert members(diagnose(PATTERN, seen)) == ["w2"]


def test_nodes_that_are_well_are_no_members_and_make_no_diagnosis() -> None:
    seen = world(nodes("w1", "w2"), events=(out_of_memory("w1"), out_of_memory("w2")))
    assert resource_exhaustion.strained(findings_of(seen), seen) == {"memory": {"w1", "w2"}}
    assert diagnose(PATTERN, seen) == []


def test_a_lost_node_among_them_is_no_member() -> None:
    seen = world([lost("w1", 600), pressed("w2"), *fleet(3)], events=(out_of_memory("w1"),))
    assert members(diagnose(PATTERN, seen)) == ["w2"]


def test_names_of_resources_that_somebody_makes_up_are_bounded() -> None:
    said = "0/3 nodes are available: " + ", ".join(f"1 Insufficient example.com/r{n:02}" for n in range(50)) + "."
    diagnoses = diagnose(PATTERN, world(fleet(3), pods=pods(unplaced("p", said), unplaced("q", said))))
    assert resources(diagnoses) == [f"example.com/r{n:02}" for n in range(10)]
