# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes are meant, and how many may be broken."""

from __future__ import annotations

import pytest
from chaosheal.faults import FAULTS
from chaosheal.hands import NodeOf
from chaosheal.model import ChaosError
from chaosheal.targets import Radius, objection_to_cluster, select
from hypothesis import given
from hypothesis import strategies as st

STOP, LOST = FAULTS["kubelet_stop"], FAULTS["etcd_loss"]
NODES = [
    *(NodeOf(f"cp-{n}", "control-plane", f"10.0.0.{n}", (), True, False) for n in (1, 2, 3)),
    *(NodeOf(f"w-{n}", "worker", f"10.0.1.{n}", (("zone", "ab"[n % 2]),), True, False) for n in (1, 2, 3, 4)),
]


def names(*arguments: object, **options: object) -> list[str]:
    return [node.name for node in select(*arguments, **options)]  # type: ignore[arg-type]


def test_by_name_by_role_by_label_and_by_lot() -> None:
    wide = Radius(10, 100)
    assert names({"names": ["w-3", "w-3"]}, STOP, NODES, [], wide) == ["w-3"]
    assert names({}, STOP, NODES, [], wide) == ["w-1"]
    assert names({"role": "control-plane", "count": 2}, STOP, NODES, [], wide) == ["cp-1", "cp-2"]
    assert names({"label": "zone=a", "count": 2}, STOP, NODES, [], wide) == ["w-2", "w-4"]
    drawn = {tuple(names({"count": 2, "seed": seed}, STOP, NODES, [], wide)) for seed in range(50)}
    assert len(drawn) > 3 and all(len(set(one)) == 2 for one in drawn), "drawn without repetition"
    assert names({"count": 2, "seed": 7}, STOP, NODES, [], wide) == names(
        {"count": 2, "seed": 7}, STOP, NODES, [], wide
    )
    assert names({}, STOP, NODES, ["w-1"], wide) == ["w-2"], "what is broken already is not drawn"
    assert names({"broken": True}, STOP, NODES, ["w-2"], wide) == ["w-2"], "but for who wants just that"


@pytest.mark.parametrize(
    ("selector", "fault", "broken", "radius", "says"),
    [
        ({"names": ["w-9"]}, STOP, [], Radius(), "the cluster has no node 'w-9'"),
        ({"names": []}, STOP, [], Radius(), "expected a list of nodes' names"),
        ({"names": "w-1"}, STOP, [], Radius(), "expected a list of nodes' names, got 'w-1'"),
        ({"name": ["w-1"]}, STOP, [], Radius(), "there is no 'name'"),
        ({"role": "master"}, STOP, [], Radius(), "expected worker or control-plane"),
        ({"count": 0}, STOP, [], Radius(), "expected a number from 1 on"),
        ({"count": 5}, STOP, [], Radius(10, 100), "5 nodes are wanted, 4 fit"),
        ({"label": "zone"}, STOP, [], Radius(), "expected key=value"),
        ({"names": ["w-1"]}, LOST, [], Radius(), "is for nodes of control-plane, w-1 is of worker"),
        ({"names": ["w-1"]}, STOP, ["w-1"], Radius(), "is broken already"),
        ({"names": ["w-1", "w-2"]}, STOP, [], Radius(), "2 nodes would be broken at once .w-1, w-2., at most 1"),
        ({"names": ["w-2"]}, STOP, ["w-1"], Radius(), "2 nodes would be broken at once"),
        ({"names": ["w-1", "w-2", "w-3"]}, STOP, [], Radius(9, 50), "3 of 4 nodes of worker would be broken at once"),
        ({"role": "control-plane", "count": 2}, LOST, [], Radius(9, 50), "2 of 3 nodes of control-plane"),
    ],
)
def test_what_cannot_be_or_may_not_be_is_refused(selector, fault, broken, radius, says) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ChaosError, match=says):
        select(selector, fault, NODES, broken, radius)


@given(st.integers(1, 5), st.integers(1, 100), st.sets(st.sampled_from([n.name for n in NODES])), st.integers(1, 4))
def test_never_more_than_the_radius(nodes: int, percent: int, broken: set[str], count: int) -> None:
    try:
        chosen = select({"count": count}, STOP, NODES, broken, Radius(nodes, percent))
    except ChaosError:
        return
    after = broken | {node.name for node in chosen}
    workers = [name for name in after if name.startswith("w-")]
    assert len(after) <= nodes and len(workers) <= max(1, 4 * percent // 100)


def test_a_cluster_is_fair_game_only_if_its_owner_says_so() -> None:
    assert objection_to_cluster({"selfheal.kubernetes/chaos": "allowed"}) == ""
    for labels in ({}, {"selfheal.kubernetes/chaos": "true"}, {"chaos": "allowed"}):
        assert "kubectl label namespace kube-system selfheal.kubernetes/chaos=allowed" in objection_to_cluster(labels)
