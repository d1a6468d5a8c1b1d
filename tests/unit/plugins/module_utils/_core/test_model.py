# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    STORY_LIMIT,
    Moment,
    Phase,
    Remedy,
    Verdict,
)
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


@pytest.mark.parametrize(
    ("labels", "domains"),
    [
        pytest.param({}, (), id="none"),
        pytest.param({"topology.kubernetes.io/zone": "a"}, (("zone", "a"),), id="a zone"),
        pytest.param({"failure-domain.beta.kubernetes.io/zone": "a"}, (("zone", "a"),), id="a zone of old"),
        pytest.param({"topology.kubernetes.io/zone": ""}, (), id="a zone without a name"),
        pytest.param({"karpenter.sh/nodepool": "gold"}, (("pool", "gold"),), id="karpenter"),
        pytest.param({"cloud.google.com/gke-nodepool": "p"}, (("pool", "p"),), id="gke"),
        pytest.param({"eks.amazonaws.com/nodegroup": "p"}, (("pool", "p"),), id="eks"),
        pytest.param({"kubernetes.azure.com/agentpool": "p"}, (("pool", "p"),), id="aks"),
        pytest.param({"doks.digitalocean.com/node-pool": "p"}, (("pool", "p"),), id="doks"),
        pytest.param({"cluster.x-k8s.io/deployment-name": "p"}, (("pool", "p"),), id="cluster api"),
        pytest.param(
            {"topology.kubernetes.io/zone": "x", "karpenter.sh/nodepool": "x"},
            (("zone", "x"), ("pool", "x")),
            id="both",
        ),
    ],
)
def test_failure_domains(labels: dict[str, str], domains: tuple[tuple[str, str], ...]) -> None:
    one = node("w1", labels=labels)
    assert one.domains == domains
    seen = snapshot([one, node("w2", labels=labels), node("w3")])
    for kind, name in domains:
        assert seen.domain(kind, name) == {"w1", "w2"}
        assert seen.domain(kind, "another") == frozenset()


def test_a_zone_and_a_pool_of_one_name_are_two() -> None:
    seen = snapshot(
        [node("w1", labels={"topology.kubernetes.io/zone": "x"}), node("w2", labels={"karpenter.sh/nodepool": "x"})]
    )
    assert (seen.domain("zone", "x"), seen.domain("pool", "x")) == ({"w1"}, {"w2"})


@pytest.mark.parametrize(
    ("changes", "has_gpu"),
    [
        pytest.param({}, False, id="nothing says so"),
        pytest.param({"capacity": {"nvidia.com/gpu": "8"}}, True, id="whole ones"),
        pytest.param({"capacity": {"nvidia.com/mig-1g.5gb": "7"}}, True, id="slices"),
        pytest.param({"capacity": {"amd.com/gpu": "1"}}, True, id="another maker's"),
        pytest.param({"capacity": {"gpu.intel.com/i915": "1"}}, True, id="a third maker's"),
        pytest.param({"capacity": {"habana.ai/gaudi": "8"}}, True, id="a fourth maker's"),
        pytest.param({"capacity": {"nvidia.com/gpu": "0"}}, False, id="none of them, and no label"),
        pytest.param({"capacity": {"cpu": "8", "ephemeral-storage": "1"}}, False, id="other things"),
        pytest.param({"labels": {"nvidia.com/gpu.present": "true"}}, True, id="labelled"),
        pytest.param({"labels": {"nvidia.com/gpu.count": "4"}}, True, id="counted"),
        pytest.param({"labels": {"nvidia.com/gpu.present": "false"}}, False, id="labelled as without"),
        pytest.param({"labels": {"nvidia.com/gpu.count": "0"}}, False, id="counted as none"),
        pytest.param(
            {"labels": {"nvidia.com/gpu.count": "4"}, "capacity": {"nvidia.com/gpu": "0"}}, True, id="not offered now"
        ),
    ],
)
def test_gpu_nodes(changes: dict[str, Any], has_gpu: bool) -> None:
    assert node(**changes).has_gpu is has_gpu


def test_the_weaker_of_two_remedies() -> None:
    order = [Remedy.NONE, Remedy.RESTART, Remedy.REBOOT, Remedy.REPLACE]
    for one, other in product(range(4), range(4)):
        assert order[one].at_most(order[other]) is order[min(one, other)]


def test_which_phases_are_those_of_a_repair() -> None:
    assert [phase.value for phase in Phase if phase.under_repair] == ["Repairing", "Waiting", "Verifying"]


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
