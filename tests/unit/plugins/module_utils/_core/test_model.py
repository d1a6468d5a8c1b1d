# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import STORY_LIMIT, Moment, Phase, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    NOW,
    ago,
    api_node,
    incident,
    node,
    sick,
    snapshot,
)


def test_a_node_as_the_api_gives_it() -> None:
    seen = Node.from_api(
        {
            "metadata": {
                "name": "w1",
                "uid": "u1",
                "labels": {"a": "b"},
                "annotations": {"c": "d"},
                "deletionTimestamp": "2026-11-21T02:00:00Z",
            },
            "spec": {"unschedulable": True},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": "10.0.0.11"},
                    {"type": "ExternalIP", "address": "192.0.2.1"},
                    {"type": "Hostname", "address": "w1"},
                    {"type": "InternalIP", "address": "fd00::11"},
                    {"type": "InternalIP", "address": ""},
                ],
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "False",
                        "reason": "KubeletNotReady",
                        "message": "no",
                        "lastTransitionTime": "2026-11-21T02:00:00Z",
                    }
                ],
            },
        }
    )
    assert (seen.name, seen.uid, seen.labels, seen.annotations) == ("w1", "u1", {"a": "b"}, {"c": "d"})
    assert seen.unschedulable and seen.deleting
    assert seen.addresses == ("10.0.0.11", "fd00::11")
    ready = seen.condition("Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.message) == ("False", "KubeletNotReady", "no")
    assert ready.last_transition == ago(3600)
    assert seen.condition("ready") is None


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"metadata": {"name": "w1"}}, id="only a name"),
        pytest.param({"metadata": {"name": "w1", "labels": None}, "spec": None, "status": None}, id="nulls"),
        pytest.param({"metadata": {"name": "w1"}, "status": {"conditions": None, "addresses": None}}, id="null lists"),
    ],
)
def test_what_the_api_leaves_out_is_empty(item: dict[str, object]) -> None:
    seen = Node.from_api(item)
    assert (seen.labels, seen.annotations, seen.conditions, seen.addresses) == ({}, {}, (), ())
    assert not seen.unschedulable and not seen.deleting
    assert judge(snapshot([seen]), Policy()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", [None, "", "Bad_Name", "a;b"])
def test_a_node_without_a_proper_name_is_not_read(name: str | None) -> None:
    with pytest.raises(InvalidName):
        Node.from_api(api_node("w1") | {"metadata": {"name": name}})


@pytest.mark.parametrize(
    ("label", "is_one"),
    [
        ("node-role.kubernetes.io/control-plane", True),
        ("node-role.kubernetes.io/master", True),
        ("node-role.kubernetes.io/worker", False),
        ("control-plane", False),
    ],
)
def test_control_plane(label: str, is_one: bool) -> None:
    assert node(labels={label: ""}).is_control_plane is is_one


def test_a_lease_as_the_api_gives_it() -> None:
    spec = {"holderIdentity": "w1", "leaseDurationSeconds": 60, "renewTime": "2026-11-21T02:59:30.500000Z"}
    assert Heartbeat.from_api({"spec": spec}) == Heartbeat(parse_time("2026-11-21T02:59:30.5Z"), 60, holder="w1")


@pytest.mark.parametrize("item", [{}, {"spec": None}, {"spec": {}}, {"spec": {"renewTime": "soon"}}])
def test_a_lease_that_says_nothing_has_expired(item: dict[str, object]) -> None:
    lease = Heartbeat.from_api(item)
    assert lease == Heartbeat(None, 40)
    assert lease.age(NOW) is None
    assert lease.expired(NOW)


@pytest.mark.parametrize(("age", "expired"), [(0, False), (40, False), (40.9, False), (41, True), (-10, False)])
def test_a_lease_expires_after_its_duration(age: float, expired: bool) -> None:
    assert Heartbeat(ago(age), 40).expired(NOW) is expired


def test_a_finding_as_modules_return_it() -> None:
    (finding,) = judge(snapshot([sick(seconds=300)]), Policy()).findings
    told = finding.to_dict(NOW)
    assert told["since"] == "2026-11-21T02:55:00Z"
    assert (told["persisted_seconds"], told["threshold_seconds"], told["past_threshold"]) == (300, 300, True)
    assert (told["verdict"], told["check"], told["node"]) == ("unhealthy", "NodeReady", "w1")


def test_the_story_in_one_line() -> None:
    first = Moment(NOW, Phase.SUSPECTED, "a", "x")
    assert incident(history=()).story == ""
    assert incident(history=(first,)).story == "Suspected 03:00:00Z"
    second = Moment(NOW + timedelta(seconds=61), Phase.UNHEALTHY, "b", "y")
    assert incident(history=(first, second)).story == "Suspected 03:00:00Z, Unhealthy +61 s"


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    first = Moment(NOW, Phase.SUSPECTED, "a", "x")
    rest = tuple(Moment(NOW + timedelta(seconds=n), Phase.REPAIRING, "a", "x") for n in range(1, 40))
    told = incident(history=(first, *rest)).story.split(", ")
    assert told[0] == "Suspected 03:00:00Z"
    assert told[1:] == [f"Repairing +{n} s" for n in range(40 - STORY_LIMIT, 40)]
