# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repair is proven by fresh looks at a Lease that moves, and by nothing less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import LeaseLost
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, view
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING, MakeHealer
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    HEALER_LEASE,
    LEASE_SECONDS,
    ControlPlane,
    micro,
)

NODES = ("w1", "w2", "w3", "w4", "w5")


@dataclass
class World:
    """A clock for the healer that moves by its sleeping only, and what happens in the cluster meanwhile."""

    happens: Callable[[int], None] = lambda _: None
    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps.append(seconds)
        self.happens(len(self.sleeps))

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def acted(cluster: ControlPlane, healer: MakeHealer, world: World) -> Healer:
    """A healer that has just restarted the kubelet of w1, which is as sick as before."""
    cluster.add_nodes(*NODES)
    cluster.make_sick("w1")
    one = healer(sleep=world.sleep, monotonic=world.monotonic)
    plan = view(cluster.client(), HEALING, cluster.uid).plan
    one.write_notes([note.to_dict() for note in plan.notes])
    uid = cluster.uid_of("w1")
    assert one.begin("w1", uid, "kubelet_restart").proceed
    one.acted("w1", uid, "restarted")
    return one


def stored(cluster: ControlPlane) -> dict[str, object]:
    found: dict[str, object] = cluster.incidents()["w1-1"]["status"]
    return found


def test_ready_and_a_moving_lease(cluster: ControlPlane, acted: Healer, world: World) -> None:
    cluster.make_well("w1")
    world.happens = lambda _: cluster.renew(["w1"])
    outcome = acted.verify("w1", cluster.uid_of("w1"), 60)
    assert outcome.proceed and outcome.message.startswith("proven healthy: 3 good observations")
    assert (stored(cluster)["phase"], stored(cluster)["outcome"]) == ("Recovered", "Repaired")
    assert len(world.sleeps) == 2


def test_ready_with_a_lease_that_stands_still_is_no_proof(cluster: ControlPlane, acted: Healer, world: World) -> None:
    """A stopped controller-manager leaves the conditions as they were."""
    cluster.make_well("w1")
    outcome = acted.verify("w1", cluster.uid_of("w1"), 20)
    assert not outcome.proceed
    assert "its Lease seen to move 0 times" in outcome.message
    assert (stored(cluster)["phase"], stored(cluster)["outcome"]) == ("Unhealthy", "RepairFailed")
    assert world.now < 20


def test_a_moving_lease_without_ready_is_no_proof(cluster: ControlPlane, acted: Healer, world: World) -> None:
    world.happens = lambda _: cluster.renew(["w1"])
    outcome = acted.verify("w1", cluster.uid_of("w1"), 20)
    assert not outcome.proceed and "NodeStatusUnknown" in outcome.message
    assert stored(cluster)["phase"] == "Unhealthy"


def test_an_expired_lease_is_no_proof(cluster: ControlPlane, acted: Healer, world: World) -> None:
    cluster.condition("w1", "True", 1)

    def late(count: int) -> None:
        cluster.renew(["w1"], 2 * LEASE_SECONDS - count)

    world.happens = late
    outcome = acted.verify("w1", cluster.uid_of("w1"), 20)
    assert not outcome.proceed and "HeartbeatExpired" in outcome.message


def test_no_lease_is_no_proof(cluster: ControlPlane, acted: Healer) -> None:
    cluster.condition("w1", "True", 1)
    cluster.must("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1")
    outcome = acted.verify("w1", cluster.uid_of("w1"), 10)
    assert not outcome.proceed and "HeartbeatAbsent" in outcome.message


def test_a_node_that_falls_again_must_prove_itself_anew(cluster: ControlPlane, acted: Healer, world: World) -> None:
    cluster.make_well("w1")

    def flap(count: int) -> None:
        cluster.renew(["w1"])
        if count == 2:
            cluster.condition("w1", "False", 0)
        if count == 3:
            cluster.condition("w1", "True", 0)

    world.happens = flap
    assert acted.verify("w1", cluster.uid_of("w1"), 60).proceed
    assert len(world.sleeps) == 5  # two good ones, a bad one, and then three good ones in a row


def test_a_node_that_recovers_late_but_in_time(cluster: ControlPlane, acted: Healer, world: World) -> None:
    def late(count: int) -> None:
        if count == 5:
            cluster.make_well("w1")
        if count > 5:
            cluster.renew(["w1"])

    world.happens = late
    assert acted.verify("w1", cluster.uid_of("w1"), 60).proceed


def test_another_machine_under_the_same_name_is_no_proof(cluster: ControlPlane, acted: Healer, world: World) -> None:
    uid = cluster.uid_of("w1")
    cluster.must("DELETE", "/api/v1/nodes/w1")
    cluster.must("POST", "/api/v1/nodes", {"metadata": {"name": "w1"}})
    cluster.make_well("w1")
    world.happens = lambda _: cluster.renew(["w1"])
    outcome = acted.verify("w1", uid, 10)
    assert not outcome.proceed and "the node is another one now" in outcome.message


def test_a_node_that_is_gone_is_no_proof(cluster: ControlPlane, acted: Healer) -> None:
    uid = cluster.uid_of("w1")
    cluster.must("DELETE", "/api/v1/nodes/w1")
    outcome = acted.verify("w1", uid, 10)
    assert not outcome.proceed and "the node was not seen" in outcome.message


def test_a_healer_that_loses_its_lease_while_it_waits_stops(cluster: ControlPlane, acted: Healer, world: World) -> None:
    world.happens = lambda _: cluster.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "another"}})
    with pytest.raises(LeaseLost, match="another holds it"):
        acted.verify("w1", cluster.uid_of("w1"), 60)
    assert stored(cluster)["phase"] == "Verifying"  # the next run takes it from here


def test_the_wait_keeps_the_lease(cluster: ControlPlane, acted: Healer, world: World) -> None:
    ages: list[str] = []

    def nearly_lost(_look: int) -> None:
        ages.append(cluster.get(HEALER_LEASE)["spec"]["renewTime"])
        cluster.must("PATCH", HEALER_LEASE, {"spec": {"renewTime": micro(HEALING.lease_duration - 20)}})

    world.happens = nearly_lost
    acted.verify("w1", cluster.uid_of("w1"), 10)
    assert len(ages) >= 3
    assert min(ages) > micro(HEALING.lease_duration / 2)  # renewed before each look, however old it was
