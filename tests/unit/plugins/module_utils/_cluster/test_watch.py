# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases that look dead are watched: what moves lives, and nothing is waited for that is not in doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import parts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.watch import Watched, watch
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster import fake_cluster as fake
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Clock,
    Reply,
    Server,
)

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
FUTURE = "2026-11-21T03:00:30.000000Z"


@pytest.fixture
def cluster(server: Server) -> fake.FakeCluster:
    made = fake.healthy("w1", "w2", "w3")
    server.script = made
    return made


def leases(cluster: fake.FakeCluster, path: str = fake.LEASES, **renewed: str | None) -> None:
    """Write Leases; underscores in names stand for dashes."""
    for word, moment in renewed.items():
        name = word.replace("_", "-")
        kept = [lease for lease in cluster.objects[path] if lease["metadata"]["name"] != name]
        seconds = 40 if path == fake.LEASES else 15
        cluster.objects[path] = [*kept, fake.lease(name, moment, seconds)]


def watched(
    client: Client,
    clock: Clock,
    meanwhile: Callable[[int], None] = lambda _: None,
    policy: Policy | None = None,
    now: datetime = NOW,
) -> Watched:
    nodes, beats = parts.read_nodes(client), parts.read_heartbeats(client)
    components = parts.read_components(client)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        meanwhile(len(clock.slept))

    return watch(client, nodes, beats, components, now, policy or Policy(), sleep, clock)


def moved(beats: Mapping[str, Heartbeat] | None) -> dict[str, tuple[bool | None, int]]:
    return {name: (beat.moved, beat.watched) for name, beat in (beats or {}).items() if beat.watched}


def test_without_doubt_nothing_is_watched(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    before = len(server.seen)
    result = watched(client, clock)
    assert (moved(result.heartbeats), moved(result.components), clock.slept) == ({}, {}, [])
    assert len(server.seen) - before == 4


def test_a_lease_that_stands_still(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    leases(cluster, w1=fake.OLD)
    result = watched(client, clock)
    assert moved(result.heartbeats) == {"w1": (False, 12)}
    assert sum(clock.slept) == 12


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_lease_that_moves(cluster: fake.FakeCluster, client: Client, clock: Clock, at: int) -> None:
    leases(cluster, w1=fake.OLD)
    newer = "2026-11-21T02:41:00.000000Z"  # as old as ever by the clocks
    result = watched(client, clock, lambda look: leases(cluster, w1=newer) if look == at else None)
    assert moved(result.heartbeats) == {"w1": (True, 3 * at)}
    assert (result.heartbeats or {})["w1"].renewed == datetime(2026, 11, 21, 2, 41, tzinfo=UTC)
    assert len(clock.slept) == at  # and not waited for any longer


def test_some_move_and_some_do_not(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    leases(cluster, w1=fake.OLD, w2=fake.OLD)
    result = watched(client, clock, lambda _: leases(cluster, w1=fake.FRESH))
    assert moved(result.heartbeats) == {"w1": (True, 12), "w2": (False, 12)}


def test_a_lease_that_was_never_renewed(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    leases(cluster, w1=None, w2=None)
    result = watched(client, clock, lambda _: leases(cluster, w1=fake.FRESH))
    assert moved(result.heartbeats) == {"w1": (True, 12), "w2": (False, 12)}


@pytest.mark.parametrize(("skew", "doubt"), [(10, True), (29, True), (30, False), (60, False)])
def test_a_lease_from_the_future(
    cluster: fake.FakeCluster, client: Client, clock: Clock, skew: int, doubt: bool
) -> None:
    """So near a future would not have run out by the clock, but a clock that far ahead proves nothing about now."""
    leases(cluster, w1=FUTURE)
    result = watched(client, clock, policy=Policy(clock_skew=skew))
    assert moved(result.heartbeats) == ({"w1": (False, 12)} if doubt else {})


def test_nobody_is_in_doubt_about_a_node_that_is_not_ready(
    cluster: fake.FakeCluster, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.NODES] = [fake.node("w1", "Unknown"), fake.node("w2", "False"), fake.node("w3")]
    leases(cluster, w1=fake.OLD, w2=fake.OLD, gone=fake.OLD)
    assert moved(watched(client, clock).heartbeats) == {}
    assert clock.slept == []


@pytest.mark.parametrize(("seconds", "verdict"), [(40, False), (44, False), (48, None), (300, None)])
def test_a_lease_that_need_not_have_moved_yet_is_not_said_to_stand_still(
    cluster: fake.FakeCluster, client: Client, clock: Clock, seconds: int, verdict: bool | None
) -> None:
    cluster.objects[fake.LEASES] = [fake.lease("w1", fake.OLD, seconds), fake.lease("w2"), fake.lease("w3")]
    result = watched(client, clock)
    assert (result.heartbeats or {})["w1"].moved is verdict


@pytest.mark.parametrize(
    ("fresh", "expected", "slept"),
    [
        pytest.param("2026-11-21T02:41:00.000000Z", {"w1": (False, 12)}, 12, id="still old"),
        pytest.param(fake.FRESH, {}, 0, id="in date"),
    ],
)
def test_a_memory_that_is_late_is_no_movement(
    cluster: fake.FakeCluster,
    client: Client,
    clock: Clock,
    fresh: str,
    expected: dict[str, tuple[bool, int]],
    slept: float,
) -> None:
    """The list comes out of the API server's memory; what has happened since then is no sign of life now."""
    late = [fake.lease("w1", fake.OLD), fake.lease("w2"), fake.lease("w3")]
    cluster.replies[fake.LEASES] = Reply(body={"items": late})
    leases(cluster, w1=fresh)
    result = watched(client, clock)
    assert (moved(result.heartbeats), sum(clock.slept)) == (expected, slept)
    assert (result.heartbeats or {})["w1"].renewed == datetime.fromisoformat(fresh)


def test_components(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    leases(cluster, fake.SYSTEM_LEASES, kube_scheduler=fake.OLD, kube_controller_manager=fake.OLD)
    result = watched(client, clock, lambda _: leases(cluster, fake.SYSTEM_LEASES, kube_scheduler=fake.FRESH))
    assert moved(result.components) == {"kube-scheduler": (True, 12), "kube-controller-manager": (False, 12)}
    assert moved(result.heartbeats) == {}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503),
        Reply(404),
        Reply(403),
        Reply(body={"spec": None}),
        Reply(body={"spec": {"leaseDurationSeconds": "x"}}),
        Reply(body={"spec": 5}),
    ],
)
def test_a_lease_that_cannot_be_read_again_says_nothing(
    cluster: fake.FakeCluster, client: Client, clock: Clock, reply: Reply
) -> None:
    leases(cluster, w1=fake.OLD)
    cluster.replies[f"{fake.LEASES}/w1"] = reply
    result = watched(client, clock)
    beat = (result.heartbeats or {})["w1"]
    assert beat.moved is (False if reply.body == {"spec": None} else None)


def test_a_server_that_does_not_answer_is_not_asked_for_each(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    """Twenty times the deadline of a request would be ten minutes."""
    for name in crowd(cluster, 20):
        cluster.replies[f"{fake.LEASES}/{name}"] = Reply(503)
    result = watched(client, clock)
    assert moved(result.heartbeats) == {}
    assert clock.now < 100
    assert {r.path for r in server.seen if r.path.startswith(f"{fake.LEASES}/")} == {f"{fake.LEASES}/n00"}


def crowd(cluster: fake.FakeCluster, count: int) -> Iterable[str]:
    names = [f"n{number:02}" for number in range(count)]
    cluster.objects[fake.NODES] = [fake.node(name) for name in names]
    cluster.objects[fake.LEASES] = [fake.lease(name, fake.OLD) for name in names]
    return names


def asked(server: Server, path: str) -> int:
    return [request.path for request in server.seen].count(path)


def test_so_many_are_watched_one_by_one(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    names = crowd(cluster, 20)
    result = watched(client, clock)
    assert moved(result.heartbeats) == dict.fromkeys(names, (False, 12))
    assert asked(server, fake.LEASES) == 1


def test_a_crowd_is_looked_at_once_more_all_together(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    names = list(crowd(cluster, 21))
    result = watched(client, clock, lambda _: leases(cluster, n00=fake.FRESH))
    assert moved(result.heartbeats) == {**dict.fromkeys(names, (False, 12)), "n00": (True, 12)}
    assert (asked(server, fake.LEASES), asked(server, f"{fake.LEASES}/n01")) == (2, 0)
    assert sum(clock.slept) == 12


def test_a_crowd_that_cannot_be_looked_at_again(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    crowd(cluster, 21)
    result = watched(client, clock, lambda _: cluster.replies.update({fake.LEASES: Reply(403)}))
    assert moved(result.heartbeats) == {}


@pytest.mark.parametrize("item", [{"metadata": {"name": "a;b"}}, {}, {"metadata": {"name": "n00"}, "spec": 5}])
def test_a_crowd_of_which_one_has_become_odd(
    cluster: fake.FakeCluster, client: Client, clock: Clock, item: dict[str, Any]
) -> None:
    crowd(cluster, 21)
    result = watched(client, clock, lambda _: cluster.replies.update({fake.LEASES: Reply(body={"items": [item]})}))
    assert moved(result.heartbeats) == {}


@pytest.mark.parametrize("missing", ["nodes", "heartbeats", "components"])
def test_what_was_not_read_is_not_watched(
    cluster: fake.FakeCluster, client: Client, clock: Clock, missing: str
) -> None:
    leases(cluster, w1=fake.OLD)
    leases(cluster, fake.SYSTEM_LEASES, kube_scheduler=fake.OLD)
    given: dict[str, Any] = {
        "nodes": parts.read_nodes(client),
        "heartbeats": parts.read_heartbeats(client),
        "components": parts.read_components(client),
    }
    given[missing] = None
    result = watch(client, **given, now=NOW, policy=Policy(), sleep=clock.sleep, monotonic=clock)
    assert moved(result.components) == ({} if missing == "components" else {"kube-scheduler": (False, 12)})
    assert moved(result.heartbeats) == ({"w1": (False, 12)} if missing == "components" else {})
    assert (result.heartbeats is None) == (missing == "heartbeats")
    assert (result.components is None) == (missing == "components")


def test_the_age_is_counted_by_the_api_servers_clock(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    assert moved(watched(client, clock, now=NOW + timedelta(hours=1)).heartbeats) == dict.fromkeys(
        ("w1", "w2", "w3"), (False, 12)
    )
