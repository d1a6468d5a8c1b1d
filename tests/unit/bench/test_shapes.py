# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node, Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

from bench import shapes
from bench.plane import BATCH_BYTES, BATCH_OPERATIONS, batches

NOW = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
SMALL = shapes.SIZES["small"]
LARGE = shapes.SIZES["A"]
# Large enough for every fault, small enough for a test.
MIXED = shapes.Size("mixed", 50, 2000, 167, 200)


def size_of(made: object) -> int:
    return len(json.dumps(made, separators=(",", ":")))


@pytest.mark.parametrize(
    ("made", "expected", "tolerance"),
    [
        (shapes.pod(1000, LARGE, NOW), 10080, 300),
        (shapes.node(1, NOW), 13900, 300),
        (shapes.node_lease(1, NOW), 750, 50),
        (shapes.endpoint_slice(1, LARGE, NOW), 4400, 200),
    ],
    ids=["pod", "node", "lease", "slice"],
)
def test_objects_are_as_large_as_those_of_real_clusters(made: object, expected: int, tolerance: int) -> None:
    assert abs(size_of(made) - expected) <= tolerance


def test_half_of_a_pod_is_bookkeeping() -> None:
    made = shapes.pod(1000, LARGE, NOW)
    assert 0.4 < size_of(made["metadata"]["managedFields"]) / size_of(made) < 0.6


def test_a_node_has_50_images() -> None:
    assert len(shapes.node(7, NOW)["status"]["images"]) == 50


@pytest.mark.parametrize("size", [SMALL, MIXED], ids=lambda size: size.name)
def test_there_are_as_many_objects_as_the_size_says_each_under_a_key_of_its_own(size: shapes.Size) -> None:
    keys = [key for key, _value in shapes.objects(size, NOW)]
    assert len(set(keys)) == len(keys)
    kinds = Counter(key.split("/")[2] for key in keys)
    assert kinds == {
        "minions": size.nodes,
        "leases": size.nodes + 2,
        "daemonsets": 2,
        "pods": size.pods,
        "endpointslices": size.slices,
        "events": size.events,
    }


def test_a_key_says_what_the_object_says() -> None:
    for key, made in shapes.objects(SMALL, NOW):
        metadata = made["metadata"]
        expected = [part for part in (metadata.get("namespace"), metadata["name"]) if part]
        assert key.split("/")[3:] == expected


def test_names_are_names() -> None:
    for index in (0, 1, 11, 12, 499, 500, 149_999):
        for name in (shapes.pod_name(index), shapes.namespace_of(index), shapes.node_name(index)):
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", name)


def test_the_names_of_the_largest_cluster_differ() -> None:
    assert len({shapes.pod_name(index) for index in range(150_000)}) == 150_000


def test_the_same_moment_gives_the_same_bytes() -> None:
    assert list(shapes.stored(SMALL, NOW)) == list(shapes.stored(SMALL, NOW))


@pytest.mark.parametrize("size", [LARGE, shapes.SIZES["B"]], ids=lambda size: size.name)
def test_about_one_pod_in_a_hundred_is_sick_with_every_fault_among_them(size: shapes.Size) -> None:
    sick = shapes.sick_pods(size)
    assert 0.01 <= len(sick) / size.pods <= 0.012
    assert set(sick.values()) == {*shapes.FAULTS, shapes.DEAD_NODE}


def test_the_pods_of_a_dead_node_still_say_that_their_containers_are_ready() -> None:
    index = next(i for i in range(MIXED.pods) if shapes.fault_of(i, MIXED) == shapes.DEAD_NODE)
    made = Pod.from_api(shapes.pod(index, MIXED, NOW))
    assert made.phase == "Running" and all(c.ready for c in made.containers)
    assert made.node == shapes.node_name(shapes.DEAD_NODE_FIRST)


def snapshot(size: shapes.Size) -> Snapshot:
    """The cluster as it is seen when every pod is looked at in full."""
    indices = range(size.nodes)
    pods = tuple(Pod.from_api(shapes.pod(index, size, NOW)) for index in range(size.pods))
    return Snapshot(
        observed_at=NOW,
        nodes=tuple(Node.from_api(shapes.node(index, NOW)) for index in indices),
        heartbeats={shapes.node_name(i): Heartbeat.from_api(shapes.node_lease(i, NOW)) for i in indices},
        pods=Pods(len(pods), pods),
    )


def test_every_sick_pod_is_found_and_no_other() -> None:
    findings = judge(snapshot(MIXED), Policy()).findings
    found = {(f.target.namespace, f.target.name) for f in findings if f.target.kind == "Pod"}
    sick = shapes.sick_pods(MIXED)
    assert {sick.get(one, "healthy") for one in found ^ set(sick)} == set()


def test_only_the_dead_nodes_are_found() -> None:
    judgement = judge(snapshot(MIXED), Policy())
    dead = {shapes.node_name(index) for index in range(MIXED.nodes) if shapes.is_dead(index)}
    assert {f.node for f in judgement.findings if f.node} == dead


def test_a_service_has_the_ready_pods_that_stand_behind_it() -> None:
    index = shapes.SICK_POD_FIRST // shapes.PODS_IN_SERVICE
    made = shapes.endpoint_slice(index, MIXED, NOW)
    ready = [e["conditions"]["ready"] for e in made["endpoints"]]
    assert len(ready) == shapes.PODS_IN_SERVICE and ready.count(False) >= 1 and any(ready)


def test_one_event_in_three_is_a_warning() -> None:
    kinds = Counter(shapes.event(index, MIXED, NOW)["type"] for index in range(300))
    assert kinds == {"Warning": 100, "Normal": 200}


def test_batches_hold_everything_in_order_and_no_more_than_etcd_takes() -> None:
    content = [(f"/k/{number}", b"x" * (number * 97 % 30000)) for number in range(1000)]
    made = list(batches(content))
    assert [one for batch in made for one in batch] == content
    assert max(len(batch) for batch in made) <= BATCH_OPERATIONS
    assert max(sum(len(value) for _key, value in batch) for batch in made) <= BATCH_BYTES


def test_a_batch_is_full_before_the_next_begins() -> None:
    many = list(batches((f"/k/{number}", b"x") for number in range(BATCH_OPERATIONS + 1)))
    assert [len(batch) for batch in many] == [BATCH_OPERATIONS, 1]
    assert list(batches([])) == []
