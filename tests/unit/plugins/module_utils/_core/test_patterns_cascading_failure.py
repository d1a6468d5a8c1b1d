# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.cascading_failure import PATTERN
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    event,
    evicted,
    fleet,
    lost,
    members,
    not_ready,
    pods,
    pressed,
    silent,
    well,
    world,
)


def fell(*seconds: float) -> list[object]:
    return [lost(f"w{number}", at) for number, at in enumerate(seconds)]


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        pytest.param((900, 600, 300), True, id="three waves"),
        pytest.param((900, 600), False, id="two"),
        pytest.param((300, 240, 180), True, id="60 s after each other"),
        pytest.param((300, 241, 180), False, id="59 s is the same wave"),
        pytest.param((300, 299, 298, 297), False, id="all at once"),
        pytest.param((300, 250, 200, 150), False, id="a wave begins with its first"),
        pytest.param((300, 250, 200, 150, 100), True, id="a trickle is a cascade too"),
        pytest.param((1800, 600, 300), True, id="just within the window"),
        pytest.param((1801, 600, 300), False, id="just outside"),
        pytest.param((600, 300, -60), True, id="the clock of one is ahead"),
    ],
)
def test_waves_within_the_window(seconds: tuple[float, ...], found: bool) -> None:
    assert bool(diagnose(PATTERN, world([*fell(*seconds), *fleet(20)]))) is found


@pytest.mark.parametrize(
    ("count", "total", "found"),
    [
        pytest.param(3, 3, True, id="all of three"),
        pytest.param(3, 60, True, id="5 percent"),
        pytest.param(3, 61, False, id="less: three nodes may fail by chance"),
        pytest.param(5, 100, True, id="5 percent of 100"),
        pytest.param(4, 100, False, id="4 percent of 100"),
    ],
)
def test_its_share_of_all(count: int, total: int, found: bool) -> None:
    nodes = fell(*(1700 - 100 * number for number in range(count)))
    assert bool(diagnose(PATTERN, world([*nodes, *fleet(total - count)]))) is found


LOW = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi."


def oom(name: str) -> object:
    return event(Ref("Node", name, uid=name), "SystemOOM", "System OOM encountered, victim process: java")


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        pytest.param({"events": (oom("w1"), oom("w2"))}, True, id="the later ones ran out of memory"),
        pytest.param({"events": (oom("w0"), oom("w1"))}, False, id="the first one is not a later one"),
        pytest.param({"events": (oom("w1"),)}, False, id="one of them"),
        pytest.param({"pods": pods(evicted("p", "w1", LOW), evicted("q", "w2", LOW))}, True, id="they evicted pods"),
    ],
)
def test_few_of_many_when_the_load_has_moved(parts: dict[str, object], found: bool) -> None:
    assert bool(diagnose(PATTERN, world([*fell(900, 600, 300), *fleet(200)], **parts))) is found


def test_a_beginning_in_the_future_is_now() -> None:
    (found,) = diagnose(PATTERN, world([*fell(600, 300, -60), *fleet(3)]))
    assert found.evidence["waves"] == [1, 1, 1]
    assert diagnose(PATTERN, world([*fell(600, 5, -300), *fleet(3)])) == []


def test_pressure_is_no_fall() -> None:
    seen = [pressed(f"w{n}", seconds=300 * n) for n in (1, 2, 3)]
    assert diagnose(PATTERN, world([*seen, *fleet(3)])) == []


def test_silent_nodes_that_seem_ready_have_fallen() -> None:
    nodes = [well("w0"), well("w1"), well("w2"), *fleet(3)]
    found = diagnose(PATTERN, world(nodes, {"w0": 900, "w1": 600, "w2": 300}))
    assert members(found) == ["w0", "w1", "w2"]


def test_nodes_that_fell_silent_together_are_one_wave() -> None:
    nodes, leases = silent(9, 500)
    assert diagnose(PATTERN, world([*nodes, lost("w1", 100)], leases)) == []


def test_what_is_said() -> None:
    nodes = [not_ready("w0", 900), lost("w1", 600), lost("w2", 590), lost("w3", 100), lost("old", 90000)]
    (found,) = diagnose(PATTERN, world([*nodes, *fleet(3)], events=(oom("w3"),)))
    assert members([found]) == ["w0", "w1", "w2", "w3"]
    assert found.message == (
        "4 of 8 nodes went down in 3 waves within 900 s, 1 of the later ones short of resources (first w0; last w3)"
    )
    assert found.since == ago(900)
    assert found.root is None
    assert found.evidence["waves"] == [1, 2, 1]
    assert found.evidence["strained"] == "w3"
