# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import control_plane_brownout
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.network_partition import (
    CANNOT_TELL,
    MINORITY,
    PATTERN,
    WITH_API,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    endpoint,
    findings_of,
    fleet,
    lost,
    members,
    not_ready,
    silent,
    well,
    world,
)


@pytest.mark.parametrize(
    ("count", "others", "found"),
    [
        pytest.param(3, 7, True, id="30 percent"),
        pytest.param(29, 71, False, id="29 percent"),
        pytest.param(2, 4, True, id="two of six"),
        pytest.param(1, 0, False, id="one node is no network"),
        pytest.param(1, 2, False, id="one of three"),
        pytest.param(2, 0, True, id="all of two"),
    ],
)
def test_so_many_of_all(count: int, others: int, found: bool) -> None:
    nodes, leases = silent(count, 600)
    assert bool(diagnose(PATTERN, world([*nodes, *fleet(others)], leases))) is found


@pytest.mark.parametrize(("apart", "found"), [(60, True), (61, False)])
def test_within_60_seconds_of_each_other(apart: float, found: bool) -> None:
    seen = world([well("a"), well("b"), *fleet(3)], {"a": 100 + apart, "b": 100})
    assert bool(diagnose(PATTERN, seen)) is found


def test_not_ready_with_a_fresh_lease_is_no_silence() -> None:
    assert diagnose(PATTERN, world([lost("a", 600), lost("b", 600), not_ready("c", 600), *fleet(2)])) == []


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(None, id="absent"),
        pytest.param(Heartbeat(None, 40), id="never renewed"),
        pytest.param(Heartbeat(ago(-600), 40), id="from the future"),
        pytest.param(Heartbeat(ago(600), 40, moved=True, watched=10), id="it moved"),
    ],
)
def test_what_is_no_silence(lease: Heartbeat | None) -> None:
    seen = world([well("a"), well("b"), *fleet(1)])
    others = {name: beat for name, beat in (seen.heartbeats or {}).items() if name not in ("a", "b")}
    both = {} if lease is None else {"a": lease, "b": lease}
    assert diagnose(PATTERN, replace(seen, heartbeats=others | both)) == []


def test_a_lease_that_nobody_watched_counts() -> None:
    beat = Heartbeat(ago(600), 40)
    assert members(diagnose(PATTERN, world([well("a"), well("b")], heartbeats={"a": beat, "b": beat}))) == ["a", "b"]


def test_leases_that_were_not_read_tell_nothing() -> None:
    assert diagnose(PATTERN, world([lost("a", 600), lost("b", 600)], heartbeats=None)) == []


def test_nobody_in_trouble_is_touched() -> None:
    nodes, leases = silent(4, 600)
    (found,) = diagnose(PATTERN, world([*nodes, not_ready("sick-before", 9000), *fleet(3)], leases))
    assert members([found]) == ["sick-before", *(n.name for n in nodes)]
    assert found.since == ago(600)
    assert found.root is None
    assert found.evidence["percent"] == 50
    assert found.message.startswith("4 of 8 nodes fell silent within 60 s; ")


def test_a_node_with_a_mere_warning_is_no_member() -> None:
    nodes, leases = silent(4, 600)
    seen = world([*nodes, well("ahead"), *fleet(3)], leases)
    ahead = Heartbeat(ago(-500), 40, moved=True, watched=10)
    seen = replace(seen, heartbeats={**(seen.heartbeats or {}), "ahead": ahead})
    assert [f.reason for f in findings_of(seen) if f.node == "ahead"] == ["NodeClockAhead"]
    assert members(diagnose(PATTERN, seen)) == [n.name for n in nodes]


def test_of_two_moments_with_as_many_nodes_the_later_one_is_told() -> None:
    before, earlier = silent(3, 900, "before")
    after, later = silent(3, 300, "after")
    (found,) = diagnose(PATTERN, world([*before, *after], earlier | later))
    assert found.since == ago(300)
    assert len(found.members) == 6


def test_long_lists_of_names_are_cut() -> None:
    nodes, leases = silent(12, 600)
    (found,) = diagnose(PATTERN, world(nodes, leases))
    assert found.message.endswith("silent-008, silent-009 and 2 more)")


def test_a_zone_that_is_out_is_left_to_its_own_pattern() -> None:
    nodes, leases = silent(4, 600, zone="a")
    assert diagnose(PATTERN, world([*nodes, *fleet(6, "b")], leases)) == []
    more, later = silent(3, 300, "more", zone="b")
    # Too much elsewhere for an outage of zone a alone.
    seen = world([*nodes, *more, *fleet(3, "b")], leases | later)
    assert len(diagnose(PATTERN, seen)) == 1


def api(*answers: tuple[bool | None, bool | None], given: bool = True) -> dict[str, object]:
    """API servers by what livez and readyz say; the first one is the given one."""
    return {
        "endpoints": tuple(
            endpoint(number, live=live, ready=ready, given=given and number == 1)
            for number, (live, ready) in enumerate(answers, 1)
        )
    }


UP, DOWN, NOT_READY, NOT_SAID = (True, True), (None, None), (True, False), (True, None)


def test_what_a_brownout_makes_up_is_left_to_it() -> None:
    nodes, leases = silent(4, 600)
    slow = {"endpoints": (endpoint(1, latency_ms=4000.0),)}
    assert diagnose(PATTERN, world([*nodes, *fleet(4)], leases, **slow)) == []
    assert diagnose(PATTERN, world([*nodes, *fleet(4)], leases, **api(NOT_READY, NOT_READY, NOT_READY))) == []


def test_on_the_side_of_the_minority_the_control_plane_looks_browned_out_and_both_are_told() -> None:
    nodes, leases = silent(4, 600)
    seen = world([*nodes, *fleet(4)], leases, **api(NOT_READY, DOWN, DOWN))
    assert diagnose(control_plane_brownout.PATTERN, seen)
    assert [d.evidence["side"] for d in diagnose(PATTERN, seen)] == [MINORITY]


@pytest.mark.parametrize(
    ("parts", "side", "answering"),
    [
        pytest.param({"endpoints": None}, CANNOT_TELL, 0, id="not asked"),
        pytest.param({"endpoints": ()}, CANNOT_TELL, 0, id="none known"),
        pytest.param(api(UP), WITH_API, 1, id="the only one"),
        pytest.param(api(UP, UP, UP), WITH_API, 3, id="all of three"),
        pytest.param(api(UP, UP, UP, DOWN), WITH_API, 3, id="two of three behind a balancer"),
        pytest.param(api(UP, UP, DOWN, DOWN), MINORITY, 2, id="one of three behind a balancer"),
        pytest.param(api(UP, UP, DOWN), MINORITY, 2, id="one of two behind a balancer"),
        pytest.param(api(UP, DOWN, DOWN, DOWN), CANNOT_TELL, 1, id="a firewall, or the network"),
        pytest.param(api(UP, UP, DOWN, given=False), WITH_API, 2, id="two of three"),
        pytest.param(api(NOT_READY, DOWN, DOWN), MINORITY, 1, id="the one that answers has no etcd"),
        pytest.param(api(NOT_SAID, DOWN, DOWN), CANNOT_TELL, 1, id="whether it is ready is not said"),
        pytest.param(api(DOWN, DOWN), CANNOT_TELL, 0, id="nobody answers any more"),
    ],
)
def test_which_side_we_are_on(parts: dict[str, object], side: str, answering: int) -> None:
    nodes, leases = silent(4, 600)
    (found,) = diagnose(PATTERN, world([*nodes, *fleet(4)], leases, **parts))
    assert found.evidence["side"] == side
    assert side in found.cause and side in found.message
    assert len(found.evidence["api_servers_that_answer"]) == answering


def test_each_side_has_a_remedy_of_its_own() -> None:
    nodes, leases = silent(4, 600)
    remedies = {
        diagnose(PATTERN, world([*nodes, *fleet(4)], leases, **parts))[0].remedy
        for parts in (api(UP), api(NOT_READY, DOWN), api(UP, DOWN))
    }
    assert len(remedies) == 3


def test_zones_are_evidence() -> None:
    seen = world([well("a1", "a"), well("b1", "b"), *fleet(1, "a"), *fleet(1, "b")], {"a1": 100, "b1": 100})
    (found,) = diagnose(PATTERN, seen)
    assert found.evidence["zones"] == ["a", "b"]
