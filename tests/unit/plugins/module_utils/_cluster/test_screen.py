# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods in two steps: the table's traps, exact identities, and limits that are counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode, screen
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import Rules, is_suspect_pod
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster import fake_cluster as fake
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_cluster import (
    Cells,
    crashing,
    pending,
    pod,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Clock,
    Reply,
    Request,
    Server,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
SMALL = Policy(suspects_limit=10)
DEAD = {"conditions": [{"type": "Ready", "status": "False"}]}


@pytest.fixture
def cluster(server: Server) -> fake.FakeCluster:
    made = fake.healthy("w1", "w2", "w3")
    made.objects[fake.PODS] = []
    server.script = made
    return made


def pods_of(client: Client, clock: Clock, policy: Policy | None = None) -> Pods:
    seen = observe(client, policy or Policy(), sleep=clock.sleep, monotonic=clock)
    assert seen.pods is not None, seen.unread
    return seen.pods


def named(pods: Pods) -> list[str]:
    return [f"{p.namespace}/{p.name}" for p in pods.suspects]


def details_asked(server: Server) -> list[str]:
    asked = [r.query["fieldSelector"][0] for r in server.seen if r.path == fake.PODS and "fieldSelector" in r.query]
    return sorted(asked)


# --- which pods

CASES = {
    "well": (pod("x"), False),
    "well, two containers": (pod("x", cells=Cells("2/2")), False),
    "done": (fake.ended("x"), False),
    "done on a dead node": (fake.ended("x", "dead"), False),
    "crash loop": (crashing("x"), True),
    "no image": (pod("x", cells=Cells("0/1", "ImagePullBackOff"), phase="Pending"), True),
    "out of memory, running again": (
        pod(
            "x",
            cells=Cells(restarts="1 (3m ago)"),
            containerStatuses=[
                {
                    "name": "app",
                    "ready": True,
                    "restartCount": 1,
                    "state": {"running": {}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "finishedAt": "2026-11-21T02:57:00Z"}},
                }
            ],
        ),
        True,
    ),
    "not ready": (
        pod("x", cells=Cells("0/1"), containerStatuses=[{"name": "a", "ready": False, "state": {"running": {}}}]),
        True,
    ),
    "a gate that is closed": (
        {**pod("x", cells=Cells(gates="0/1")), "spec": {"nodeName": "w1", "readinessGates": [{"conditionType": "g"}]}},
        True,
    ),
    "a gate that is open": (pod("x", cells=Cells(gates="1/1")), False),
    "init": (pod("x", cells=Cells("0/1", "Init:0/1"), phase="Pending", containerStatuses=[]), True),
    "init crash": (pod("x", cells=Cells("0/1", "Init:CrashLoopBackOff"), phase="Pending"), True),
    "no node": (pending("x"), True),
    "terminating": (
        {
            **pod("x", cells=Cells(status="Terminating")),
            "metadata": {"name": "x", "namespace": "default", "deletionTimestamp": "2026-11-21T02:00:00Z"},
        },
        True,
    ),
    "evicted, though it says Completed": (
        pod(
            "x",
            cells=Cells("0/1", "Completed", conditions=({"type": "Completed", "reason": "Failed"},)),
            phase="Failed",
        ),
        True,
    ),
    "between two restarts": (pod("x", cells=Cells("0/1", "Completed"), containerStatuses=[{"name": "a"}]), True),
    "a word that nobody knows": (pod("x", cells=Cells(status="Dreaming"), phase="Dreaming"), True),
    "1/1 on a node that is not Ready": (pod("x", "dead"), True),
    "1/1 on a node whose Lease has run out": (pod("x", "silent"), True),
    "1/1 on a node without a Lease": (pod("x", "leaseless"), True),
    "1/1 on a node that is gone": (pod("x", "gone"), True),
    "restarts as a number": (pod("x", cells=Cells(restarts=0)), False),
}


@pytest.mark.parametrize(("thing", "suspect"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("tables", [True, False], ids=["table", "no table"])
@pytest.mark.parametrize("fast", [True, False], ids=["msgspec", "json"])
def test_which_pods_are_suspects(
    cluster: fake.FakeCluster,
    client: Client,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    thing: dict[str, Any],
    suspect: bool,
    tables: bool,
    fast: bool,
) -> None:
    if not fast:
        monkeypatch.setattr(decode, "msgspec", None)
    cluster.tables = tables
    cluster.objects[fake.NODES] += [fake.node("dead", "Unknown"), fake.node("silent"), fake.node("leaseless")]
    cluster.objects[fake.LEASES] += [fake.lease("dead", fake.OLD), fake.lease("silent", fake.OLD)]
    cluster.objects[fake.PODS] = [pod("other", "w1"), thing, pod("another", "w2")]
    pods = pods_of(client, clock)
    assert named(pods) == (["default/x"] if suspect else [])
    assert (pods.total, pods.left_out) == (3, {})


def test_the_details_are_the_pods_own(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.PODS] = [crashing("x", "w2", "shop")]
    (found,) = pods_of(client, clock).suspects
    assert (found.namespace, found.node, found.uid) == ("shop", "w2", "uid-shop-x")
    assert (found.containers[0].reason, found.containers[0].restarts) == ("CrashLoopBackOff", 7)


@pytest.mark.parametrize("node", ["w1", ""], ids=["with a node", "without"])
def test_one_name_in_two_namespaces(cluster: fake.FakeCluster, client: Client, clock: Clock, node: str) -> None:
    """Rows have no namespace; only the sick one is kept."""
    sick, well = (crashing("x", node, "b"), pod("x", node, "a")) if node else (pending("x", "b"), pod("x", "w1", "a"))
    cluster.objects[fake.PODS] = [well, sick, pod("y", "w1")]
    assert named(pods_of(client, clock)) == ["b/x"]


def test_one_name_in_two_namespaces_and_both_are_sick(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.PODS] = [crashing("x", "w1", "a"), crashing("x", "w1", "b"), crashing("x", "w2", "c")]
    assert named(pods_of(client, clock)) == ["a/x", "b/x", "c/x"]


def test_a_pod_that_has_recovered_meanwhile_is_none(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.PODS] = [pod("x", cells=Cells("0/1"))]
    assert named(pods_of(client, clock)) == []


def test_a_node_that_is_not_known_to_be_dead_is_believed(
    cluster: fake.FakeCluster, client: Client, clock: Clock
) -> None:
    """The nodes could not be read: what the rows themselves say still counts, and the verdict is unknown anyway."""
    cluster.replies[fake.NODES] = Reply(403)
    cluster.objects[fake.PODS] = [pod("x", "gone"), crashing("y", "w1")]
    assert named(pods_of(client, clock)) == ["default/y"]


# --- which requests


def test_a_healthy_cluster_needs_no_details(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.PODS] = [pod(f"p{number}", "w1") for number in range(20)]
    pods_of(client, clock)
    assert [request.path for request in server.seen].count(fake.PODS) == 1


def test_few_on_a_node_by_name_many_by_node(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.PODS] = [
        *(crashing(f"a{number}", "w1") for number in range(3)),
        *(crashing(f"b{number}", "w2") for number in range(4)),
        pending("c0"),
        pod("well", "w2"),
    ]
    assert len(named(pods_of(client, clock))) == 8
    assert details_asked(server) == [
        "spec.nodeName=,metadata.name=c0",
        *(f"spec.nodeName=w1,metadata.name=a{number}" for number in range(3)),
        "spec.nodeName=w2",
    ]
    asked = [r for r in server.seen if r.path == fake.PODS and "fieldSelector" in r.query]
    assert {r.query["resourceVersion"][0] for r in asked} == {"0"}


def test_the_pods_of_a_dead_node_come_at_once(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.NODES].append(fake.node("dead", "Unknown"))
    cluster.objects[fake.PODS] = [pod(f"p{n}", "dead") for n in range(5)] + [
        crashing("c", "dead"),
        fake.ended("e", "dead"),
    ]
    assert named(pods_of(client, clock)) == ["default/c", *(f"default/p{n}" for n in range(5))]
    assert details_asked(server) == ["spec.nodeName=dead"]


def test_a_crowd_without_a_node_is_not_fetched_whole(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "UNSCHEDULED_AT_ONCE", 20)
    cluster.objects[fake.PODS] = [pending(f"p{number:02}") for number in range(50)]
    pods = pods_of(client, clock, SMALL)
    assert (len(pods.suspects), pods.left_out) == (10, {"Pending": 40})
    (asked,) = [r for r in server.seen if r.path == fake.PODS and "fieldSelector" in r.query]
    assert asked.query == {"fieldSelector": ["spec.nodeName="], "limit": ["10"]}


def test_a_page_after_the_other(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "ROWS", 7)
    cluster.objects[fake.PODS] = [pod(f"p{n}", f"w{n % 3 + 1}") for n in range(30)] + [crashing("last")]
    pods = pods_of(client, clock)
    assert (pods.total, named(pods)) == (31, ["default/last"])
    assert sum(pods.per_node.values()) == 31
    assert len([r for r in server.seen if "includeObject" in r.query]) == 5


def test_a_table_whose_pages_ran_out_is_counted_once(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "ROWS", 10)
    cluster.objects[fake.PODS] = [crashing(f"p{number}") for number in range(25)]
    gone = [True]

    def once(request: Request) -> Reply | None:
        if request.query.get("continue") == ["20"] and gone:
            gone.pop()
            return Reply(410, {"message": "too old"})
        return None

    cluster.replies[fake.PODS] = once
    pods = pods_of(client, clock)
    assert (pods.total, len(pods.suspects), pods.per_node) == (25, 25, {"w1": 25})


def test_details_that_cannot_be_read_make_the_pods_unknown(
    cluster: fake.FakeCluster, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.PODS] = [crashing("x")]
    cluster.replies[fake.PODS] = lambda r: Reply(400, {"message": "no"}) if "fieldSelector" in r.query else None
    seen = observe(client, Policy(), sleep=clock.sleep, monotonic=clock)
    assert seen.pods is None and "HTTP 400 no" in seen.unread["pods"]


# --- traps of the table


def test_columns_are_found_by_name(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.columns = ("New", "Node", "Readiness Gates", "Restarts", "Status", "Ready", "Name")
    cluster.objects[fake.PODS] = [crashing("x"), pod("y")]
    assert named(pods_of(client, clock)) == ["default/x"]


@pytest.mark.parametrize("missing", ["Name", "Ready", "Status", "Restarts", "Node", "Readiness Gates"])
def test_a_table_that_does_not_tell_enough_is_left_for_the_pods(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, missing: str
) -> None:
    cluster.columns = tuple(name for name in fake.COLUMNS if name != missing)
    cluster.objects[fake.PODS] = [crashing("x"), pod("y", "w2")]
    pods = pods_of(client, clock)
    assert (named(pods), pods.per_node) == (["default/x"], {"w1": 1, "w2": 1})
    assert details_asked(server) == []


def test_pages_without_columns_have_those_of_the_first(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "ROWS", 2)
    cluster.objects[fake.PODS] = [pod("a"), pod("b"), crashing("c")]

    def bare(request: Request) -> Reply | None:
        if "continue" not in request.query:
            return None
        reply = cluster._list(request)
        assert isinstance(reply.body, dict)
        return replace(reply, body={**reply.body, "columnDefinitions": None})

    cluster.replies[fake.PODS] = bare
    assert named(pods_of(client, clock)) == ["default/c"]


def test_a_page_that_is_no_table_is_no_end_of_it(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a page without rows, it would hide the pods that were on it."""
    monkeypatch.setattr(screen, "ROWS", 2)
    cluster.objects[fake.PODS] = [pod("a"), pod("b"), crashing("c")]
    cluster.replies[fake.PODS] = lambda request: Reply(body={}) if "continue" in request.query else None
    assert named(pods_of(client, clock)) == ["default/c"]


def test_rows_of_nothing(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    definitions = [{"name": name} for name in fake.COLUMNS]
    cluster.replies[fake.PODS] = Reply(body={"kind": "Table", "columnDefinitions": definitions, "rows": None})
    assert pods_of(client, clock) == Pods(total=0)


def test_without_tables_all_pods_are_read_in_pages(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE_SIZE", 10)
    cluster.tables = False
    cluster.objects[fake.PODS] = [pod(f"p{number}", "w2") for number in range(25)] + [crashing("x"), pending("y")]
    pods = pods_of(client, clock)
    assert (pods.total, named(pods), pods.per_node) == (27, ["default/x", "default/y"], {"w2": 25, "w1": 1})
    assert details_asked(server) == []


# --- limits


def test_each_status_gets_its_share(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.PODS] = [
        *(crashing(f"crash-{number:02}", "w1") for number in range(40)),
        *(pod(f"image-{n}", "w2", cells=Cells("0/1", "ErrImagePull"), phase="Pending") for n in range(2)),
        *(pending(f"pending-{number:02}") for number in range(30)),
    ]
    pods = pods_of(client, clock, SMALL)
    assert Counter(p.name.split("-")[0] for p in pods.suspects) == {"crash": 4, "pending": 4, "image": 2}
    assert pods.left_out == {"CrashLoopBackOff": 36, "Pending": 26}
    assert pods.total == 72


def test_each_status_of_pods_without_a_node_gets_its_share(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.PODS] = [
        *(pending(f"a-{number:02}") for number in range(30)),
        *({**pending(f"gated-{number}"), "cells": Cells("0/1", "SchedulingGated")} for number in range(3)),
    ]
    names = named(pods_of(client, clock, SMALL))
    assert len(names) == 10 and len([name for name in names if "gated" in name]) == 3
    assert details_asked(server) == ["spec.nodeName="]


def test_pods_that_a_node_cannot_do_without_are_not_crowded_out(
    cluster: fake.FakeCluster, client: Client, clock: Clock
) -> None:
    cluster.objects[fake.PODS] = [
        *(crashing(f"app-{number:02}", "w1") for number in range(40)),
        crashing("calico-node-x1", "w2", "kube-system"),
        crashing("kube-proxy-x2", "w3", "kube-system"),
    ]
    names = named(pods_of(client, clock, SMALL))
    assert len(names) == 10 and {"kube-system/calico-node-x1", "kube-system/kube-proxy-x2"} <= set(names)


def test_the_pods_of_many_dead_nodes_are_counted(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    dead = [f"dead{number:02}" for number in range(30)]
    cluster.objects[fake.NODES] += [fake.node(name, "Unknown") for name in dead]
    cluster.objects[fake.PODS] = [pod(f"{name}-{n}", name) for name in dead for n in range(4)] + [crashing("x", "w1")]
    pods = pods_of(client, clock, Policy(suspects_limit=41))
    assert len(pods.suspects) == 17 and pods.left_out == {"Running": 104}
    assert len(details_asked(server)) == 5
    assert len({p.node for p in pods.suspects}) == 5


def test_with_room_enough_no_dead_node_is_left_out(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    dead = [f"dead{number:02}" for number in range(30)]
    cluster.objects[fake.NODES] += [fake.node(name, "Unknown") for name in dead]
    cluster.objects[fake.PODS] = [pod(f"{name}-{n}", name) for name in dead for n in range(4)]
    pods = pods_of(client, clock, Policy(suspects_limit=5000))
    assert (len(pods.suspects), pods.left_out) == (120, {})


def test_memory_is_bounded_however_many_are_sick(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.objects[fake.PODS] = [
        pod(f"p{n}", cells=Cells("0/1", f"Strange{n % 100}"), phase="Pending") for n in range(1000)
    ]
    seen = screen.screen(client, SMALL, NOW)
    assert len(seen.counted) == screen.STRATA + 1
    assert sum(seen.counted.values()) == 1000
    assert max(len(rows) for rows in seen.suspects.values()) == 10
    pods = pods_of(client, clock, SMALL)
    assert len(pods.suspects) + sum(pods.left_out.values()) == 1000


@given(
    st.integers(0, 50),
    st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=12),
)
def test_shares_are_fair(limit: int, wanted: dict[str, int]) -> None:
    shares = screen.share(limit, wanted)
    assert set(shares) == set(wanted)
    assert all(0 <= shares[key] <= wanted[key] for key in wanted)
    assert sum(shares.values()) == min(limit, sum(wanted.values()))
    # Who gets less than wanted gets no less than anybody else, but for what cannot be divided.
    short = [shares[key] for key in wanted if shares[key] < wanted[key]]
    assert all(max(shares.values(), default=0) - got <= 1 or limit < len(wanted) for got in short)


# --- the same question asked of the table and of the pods in full


@pytest.mark.parametrize("thing", [thing for thing, _suspect in CASES.values()], ids=CASES)
def test_no_pod_in_full_is_in_doubt_whose_row_is_not(thing: dict[str, Any]) -> None:
    trusted = frozenset({"w1"})
    full = is_suspect_pod(Pod.from_api(fake.plain(thing)), Rules(trusted, 3720, NOW))
    row = screen.Screen(fake.COLUMNS, Rules(trusted, 3720, NOW)).is_suspect(
        fake.row_of(thing, fake.COLUMNS)["cells"], thing["cells"].conditions
    )
    assert row or not full
