# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
    Ref,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.control_plane_brownout import PATTERN
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    endpoint,
    fleet,
    lost,
    members,
    not_ready,
    pressed,
    silent,
    well,
    world,
)

MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"


def leases(manager: float = 1, scheduler: float = 1, moved: bool | None = False) -> dict[str, Heartbeat]:
    """The controllers' Leases, which last 15 s, by their age."""
    return {
        name: Heartbeat(ago(age), 15, "cp", moved if age > 15 else None, 10 if age > 15 and moved is not None else 0)
        for name, age in ((MANAGER, manager), (SCHEDULER, scheduler))
    }


def servers(*sick: int, count: int = 3, **changes: object) -> tuple[ApiEndpoint, ...]:
    """Three API servers, those sick in that way; number 1 is the given one."""
    return tuple(endpoint(n, **(changes if n in sick else {})) for n in range(1, count + 1))


def etcd(*healthy: bool | None, alarms: tuple[str, ...] = (), leader: str = "m0") -> Etcd:
    return Etcd(tuple(EtcdMember(f"m{n}", state) for n, state in enumerate(healthy)), alarms, leader, direct=True)


SLOW = {"latency_ms": 4000.0}
UNREADY = {"ready": False, "failed": ("etcd",)}
SIGNS = {
    "API": {"endpoints": servers(1, **SLOW)},
    "etcd": {"etcd": etcd(True, False, False)},
    "controllers": {"components": leases(manager=600)},
}


@pytest.mark.parametrize("sign", SIGNS)
def test_one_sign_alone_is_no_brownout(sign: str) -> None:
    assert diagnose(PATTERN, world([lost("w1", 500), *fleet(9)], **SIGNS[sign])) == []


@pytest.mark.parametrize(("one", "other"), [("API", "etcd"), ("API", "controllers"), ("etcd", "controllers")])
def test_two_signs_are_one(one: str, other: str) -> None:
    (found,) = diagnose(PATTERN, world(fleet(9), **SIGNS[one], **SIGNS[other]))
    assert set(found.evidence["signs"]) == {one, other}
    assert found.evidence["not_heard_from"] == 0
    assert not [m for m in found.members if m.kind == "Node"]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("count", "others", "found"),
    [
        pytest.param(3, 7, True, id="30 percent"),
        pytest.param(29, 71, False, id="29 percent"),
        pytest.param(1, 1, False, id="half, but one node only"),
    ],
)
def test_one_sign_and_many_nodes_in_one_moment(sign: str, count: int, others: int, found: bool) -> None:
    nodes, quiet = silent(count, 560)
    seen = world([*nodes, *fleet(others)], quiet, **SIGNS[sign])
    claimed = [m.name for d in diagnose(PATTERN, seen) for m in d.members if m.kind == "Node"]
    assert claimed == ([n.name for n in nodes] if found else [])


def test_a_clock_that_is_ahead_is_no_second_sign() -> None:
    assert diagnose(PATTERN, world(fleet(9), components=leases(manager=-600), **SIGNS["API"])) == []


def test_many_nodes_at_different_times_are_not_enough() -> None:
    seen = world([lost("a", 800), lost("b", 700), lost("c", 600), *fleet(3)], **SIGNS["API"])
    assert diagnose(PATTERN, seen) == []


def test_without_a_sign_it_is_no_brownout() -> None:
    nodes, quiet = silent(9, 500)
    assert diagnose(PATTERN, world(nodes, quiet)) == []


SIGNS_OF = {
    "the given API server is slow": ({"endpoints": servers(1, **SLOW)}, {"API"}),
    "it is just quick enough": ({"endpoints": servers(1, latency_ms=1000.0)}, set()),
    "one of three is slow": ({"endpoints": servers(2, **SLOW)}, set()),
    "two of three are slow": ({"endpoints": servers(2, 3, **SLOW)}, {"API"}),
    "half of two is not more than half": ({"endpoints": servers(2, count=2, **SLOW)}, set()),
    "livez fails": ({"endpoints": servers(1, live=False, ready=False)}, {"API"}),
    "readyz fails": ({"endpoints": servers(1, ready=False)}, {"API"}),
    "readyz fails for etcd": ({"endpoints": servers(1, **UNREADY)}, {"API", "etcd"}),
    "readyz fails for etcd on one of three": ({"endpoints": servers(2, **UNREADY)}, set()),
    "readyz fails for something else": ({"endpoints": servers(1, ready=False, failed=("informer-sync",))}, {"API"}),
    "two of three do not answer": ({"endpoints": servers(2, 3, live=None, ready=None)}, set()),
    "one sick, the other two do not answer": (
        {"endpoints": (endpoint(2, **SLOW), *servers(3, 4, live=None, ready=None, count=4)[2:])},
        {"API"},
    ),
    "quorum lost": ({"etcd": etcd(True, False, False)}, {"etcd"}),
    "quorum at risk": ({"etcd": etcd(True, True, False)}, set()),
    "unknown members are not lost": ({"etcd": etcd(True, None, None)}, set()),
    "no space": ({"etcd": etcd(True, alarms=("NOSPACE",))}, {"etcd"}),
    "corrupt": ({"etcd": etcd(True, alarms=("CORRUPT",))}, {"etcd"}),
    "another alarm": ({"etcd": etcd(True, alarms=("MOON",))}, {"etcd"}),
    "no leader": ({"etcd": etcd(True, True, True, leader="")}, {"etcd"}),
    "no member to be seen": ({"etcd": Etcd(())}, set()),
    "the controller-manager's Lease ran out": ({"components": leases(manager=600)}, {"controllers"}),
    "the scheduler's": ({"components": leases(scheduler=600)}, {"controllers"}),
    "nobody watched it": ({"components": leases(manager=600, moved=None)}, {"controllers"}),
    "it moved": ({"components": leases(manager=600, moved=True)}, set()),
    "a Lease from the future": ({"components": leases(manager=-600)}, set()),
    "absent": ({"components": {}}, set()),
    "nothing was read": ({"components": None, "etcd": None, "endpoints": None}, set()),
}


@pytest.mark.parametrize(("parts", "signs"), SIGNS_OF.values(), ids=SIGNS_OF)
def test_what_is_a_sign(parts: dict[str, object], signs: set[str]) -> None:
    nodes, quiet = silent(9, 560)
    assert {s for d in diagnose(PATTERN, world(nodes, quiet, **parts)) for s in d.evidence["signs"]} == signs


def claimed(*nodes: Node, quiet: dict[str, float] | None = None, began: float = 600, **parts: object) -> list[str]:
    """The nodes that are claimed when the controllers' Leases ran out so many seconds ago, and the API is slow."""
    parts = {"components": leases(manager=began + 15), **SIGNS["API"], **parts}
    return [n for n in members(diagnose(PATTERN, world([*nodes, *fleet(30)], quiet, **parts))) if n.startswith("w-")]


@pytest.mark.parametrize(
    ("seconds", "mine"),
    [
        pytest.param(660, True, id="60 s before"),
        pytest.param(661, False, id="61 s before"),
        pytest.param(600, True, id="with it"),
        pytest.param(10, True, id="long after it began"),
    ],
)
def test_nodes_lost_since_it_began(seconds: float, mine: bool) -> None:
    assert claimed(lost("w-1", seconds)) == (["w-1"] if mine else [])
    assert claimed(well("w-1"), quiet={"w-1": seconds}) == (["w-1"] if mine else [])


def test_the_earliest_that_is_known_of_a_node_counts() -> None:
    assert claimed(lost("w-1", 500), quiet={"w-1": 700}) == []
    assert claimed(lost("w-1", 700), quiet={"w-1": 500}) == []
    assert claimed(lost("w-1", 500), quiet={"w-1": 500}) == ["w-1"]


def test_what_the_control_plane_did_not_make_up_is_not_claimed() -> None:
    assert claimed(not_ready("w-1", 500), pressed("w-2", "DiskPressure", 500)) == []
    both = pressed("w-3", "DiskPressure", 500)
    assert claimed(both, quiet={"w-3": 500}) == []


def test_without_a_time_only_those_that_fell_together_and_later_are_claimed() -> None:
    nodes, quiet = silent(4, 600)
    seen = world([*nodes, lost("before", 661), lost("after", 100), *fleet(4)], quiet, **SIGNS["API"], **SIGNS["etcd"])
    (found,) = diagnose(PATTERN, seen)
    assert [m.name for m in found.members if m.kind == "Node"] == ["after", *(n.name for n in nodes)]
    assert found.since == ago(600)


def test_without_a_time_and_without_many_nobody_is_claimed() -> None:
    (found,) = diagnose(PATTERN, world([lost("w1", 100), *fleet(9)], **SIGNS["API"], **SIGNS["etcd"]))
    assert not [m for m in found.members if m.kind == "Node"]
    assert found.since is None


@pytest.mark.parametrize(
    ("parts", "root"),
    [
        pytest.param({**SIGNS["etcd"], **SIGNS["API"]}, Ref("Etcd", "etcd"), id="etcd, on which all stand"),
        pytest.param({"endpoints": servers(1, count=1, **UNREADY)}, Ref("Etcd", "etcd"), id="etcd by hearsay"),
        pytest.param({**SIGNS["API"], **SIGNS["controllers"]}, None, id="several"),
        pytest.param(SIGNS["API"], Ref("Endpoint", "https://10.0.0.1:6443"), id="the only server"),
        pytest.param(SIGNS["controllers"], Ref("ControlPlane", MANAGER), id="the only controller"),
    ],
)
def test_root(parts: dict[str, object], root: Ref | None) -> None:
    nodes, quiet = silent(9, 560)
    (found,) = diagnose(PATTERN, world(nodes, quiet, **parts))
    assert found.root == root


def test_many_that_went_missing_long_before_are_another_trouble() -> None:
    nodes, quiet = silent(5, 900)
    controllers = {"components": leases(manager=615)}
    assert diagnose(PATTERN, world([*nodes, *fleet(5)], quiet, **controllers)) == []
    (found,) = diagnose(PATTERN, world([*nodes, *fleet(5)], quiet, **controllers, **SIGNS["API"]))
    assert not [m for m in found.members if m.kind == "Node"]


def test_a_warning_is_no_other_trouble() -> None:
    ahead = Heartbeat(ago(-500), 40, moved=True, watched=10)
    seen = world([lost("w-1", 500), *fleet(30)], components=leases(manager=615), **SIGNS["API"])
    assert "w-1" in members(diagnose(PATTERN, replace(seen, heartbeats={**(seen.heartbeats or {}), "w-1": ahead})))


def test_what_is_said() -> None:
    nodes, quiet = silent(4, 590)
    (found,) = diagnose(PATTERN, world([*nodes, *fleet(6)], quiet, components=leases(615, 700), **SIGNS["API"]))
    assert found.message == (
        "trouble with API, controllers (ControlPlane kube-controller-manager, ControlPlane kube-scheduler, "
        "Endpoint https://10.0.0.1:6443); 4 of 10 nodes are not heard from since then "
        "(silent-000, silent-001, silent-002, silent-003)"
    )
    assert found.since == ago(685)
    assert found.evidence["signs"] == {"API": ["ApiServerSlow"], "controllers": ["ControllerLeaseStopped"]}
