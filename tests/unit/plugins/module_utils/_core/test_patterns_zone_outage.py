# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.zone_outage import PATTERN
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    fleet,
    lost,
    members,
    not_ready,
    silent,
    well,
    world,
)


def out(count: int, zone: str = "a", seconds: float = 600) -> list[Node]:
    return [lost(f"down-{zone}{number}", seconds, zone) for number in range(count)]


def zones_out(seen: Snapshot) -> list[str]:
    return [d.root.name for d in diagnose(PATTERN, seen) if d.root is not None]


@pytest.mark.parametrize(
    ("down", "up", "found"),
    [
        pytest.param(2, 0, True, id="all of a small zone"),
        pytest.param(1, 0, False, id="a zone of one node"),
        pytest.param(2, 1, True, id="two of three"),
        pytest.param(1, 1, False, id="one of two"),
        pytest.param(2, 2, False, id="half of four"),
        pytest.param(11, 9, True, id="55 percent to the point"),
        pytest.param(10, 9, False, id="52 percent"),
        pytest.param(54, 46, False, id="54 percent"),
    ],
)
def test_its_share_of_the_zone(down: int, up: int, found: bool) -> None:
    seen = world([*out(down), *fleet(up, "a"), *fleet(3, "b")])
    assert zones_out(seen) == (["a"] if found else [])


@pytest.mark.parametrize(("apart", "found"), [(0, True), (300, True), (301, False)])
def test_within_300_seconds_of_each_other(apart: float, found: bool) -> None:
    seen = world([lost("a1", 600 + apart, "a"), lost("a2", 600, "a"), well("a3", "a"), *fleet(3, "b")])
    assert zones_out(seen) == (["a"] if found else [])


@pytest.mark.parametrize(
    ("others", "found"),
    [
        pytest.param([], False, id="there is no other zone"),
        pytest.param(fleet(1, "b"), True, id="one other node is well"),
        pytest.param([*fleet(5, "b"), not_ready("b9", 600, "b")], True, id="one other node is sick"),
        pytest.param([*fleet(9, "b"), *out(2, "b")], True, id="18 percent of the others are down"),
        pytest.param([*fleet(8, "b"), *out(2, "b")], False, id="20 percent of the others are down"),
        pytest.param([*fleet(4, ""), *out(2, "b"), *out(2, "c")], False, id="more zones are out than well"),
        pytest.param([*out(2, "b"), *fleet(2, "c")], False, id="two of three zones"),
    ],
)
def test_the_rest_must_be_well(others: list[Node], found: bool) -> None:
    assert zones_out(world([*out(3), *others])) == (["a"] if found else [])


def test_half_of_the_zones_may_be_out() -> None:
    seen = world([*out(3, "a"), *out(2, "b"), *fleet(3, "c"), *fleet(3, "d")])
    assert zones_out(seen) == ["a", "b"]
    assert [members([d]) for d in diagnose(PATTERN, seen)] == [
        ["down-a0", "down-a1", "down-a2"],
        ["down-b0", "down-b1"],
    ]


def test_trouble_of_nodes_without_a_zone_counts_as_elsewhere() -> None:
    assert zones_out(world([*out(3), *out(2, ""), *fleet(3, "b")])) == []


def test_nodes_without_a_zone_make_none() -> None:
    assert zones_out(world([*out(3, ""), *fleet(6, "b")])) == []


def test_silent_nodes_that_seem_ready_count() -> None:
    nodes, leases = silent(3, 600, zone="a")
    assert zones_out(world([*nodes, *fleet(6, "b")], leases)) == ["a"]


def test_what_is_said() -> None:
    gone = [lost("a1", 700, "a"), not_ready("a2", 650, "a"), lost("a3", 90000, "a")]
    (found,) = diagnose(PATTERN, world([*gone, *fleet(9, "b")]))
    assert found.root == Ref("Zone", "a")
    assert members([found]) == ["a1", "a2", "a3"]  # the one of yesterday too: in a dead zone it cannot be repaired
    assert found.since == ago(700)
    assert found.message.startswith("zone a: 3 of 3 nodes are down, 2 of them since within 300 s; elsewhere 0 of 9")
    assert found.evidence["together"] == 2
    assert diagnose(PATTERN, world([*gone, *fleet(2, "a"), *fleet(9, "b")])) == []  # it does not count for the share
