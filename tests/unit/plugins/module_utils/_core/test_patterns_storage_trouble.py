# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Container, Event, Pod, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.storage_trouble import PATTERN
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, replace
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    event,
    fleet,
    lost,
    members,
    not_ready,
    pod,
    pods,
    unplaced,
    well,
    world,
)

MOUNT = 'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32'
HELD = 'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node'


def failed(name: str, message: str = MOUNT, reason: str = "FailedMount", seconds: float | None = 60) -> Event:
    return event(Ref("Pod", name, "shop", "uid-of-the-event"), reason, message, seconds)


def two(
    *messages: str, events: tuple[Event, ...] = (), nodes: tuple[str, str] = ("w1", "w2"), **changes: object
) -> list:
    """What is made of two pods on two nodes that wait for their containers, with such events."""
    first, second = (*messages, messages[0])[:2] if messages else ("", "")
    own = events or (failed("p", first), failed("q", second))
    parts = {"pods": pods(pod("p", nodes[0]), pod("q", nodes[1])), "events": own, **changes}
    return diagnose(PATTERN, world([well("w1"), well("w2"), *fleet(3)], **parts))


def test_two_pods_that_cannot_mount() -> None:
    (found,) = two(MOUNT)
    assert [str(m) for m in found.members] == ["Pod shop/p", "Pod shop/q"]
    assert found.message == "2 pods on 2 nodes wait for volumes (FailedMount; p, q)"
    assert found.root is None
    assert found.since == ago(3600)


def test_one_pod_is_no_pattern() -> None:
    assert two(events=(failed("p"), failed("p", reason="FailedAttachVolume"))) == []


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        pytest.param(failed("q", seconds=3599), True, id="just within the hour"),
        pytest.param(failed("q", seconds=3600), False, id="an hour ago"),
        pytest.param(failed("q", seconds=None), False, id="without a time"),
        pytest.param(failed("q", reason="FailedAttachVolume"), True, id="attach"),
        pytest.param(failed("q", reason="FailedMapVolume"), True, id="map"),
        pytest.param(failed("q", reason="BackOff"), False, id="something else"),
        pytest.param(failed("r"), False, id="another pod"),
        pytest.param(event(Ref("Pod", "q", "other"), "FailedMount", MOUNT), False, id="another namespace"),
        pytest.param(event(Ref("Node", "q", "shop"), "FailedMount", MOUNT), False, id="not a pod"),
        pytest.param(failed("q", 'MountVolume.SetUp failed: configmap "c" not found'), False, id="ConfigMap"),
        pytest.param(failed("q", 'MountVolume.SetUp failed: secret "s" not found'), False, id="Secret"),
        pytest.param(failed("q", 'object "shop"/"cfg" not registered'), False, id="not registered"),
        pytest.param(failed("q", "references non-existent config key: a"), False, id="a key"),
        pytest.param(failed("q", 'persistentvolumeclaim "data" not found'), False, id="no such claim"),
        pytest.param(failed("q", 'MountVolume.SetUp failed for volume "kube-api-access-x"'), False, id="its token"),
        pytest.param(failed("q", ""), True, id="no message"),
    ],
)
def test_what_counts_as_an_event_about_storage(one: Event, counts: bool) -> None:
    assert bool(two(events=(failed("p"), one))) is counts


def test_a_pod_with_an_event_of_its_application_is_not_affected_at_all() -> None:
    timeout = "Unable to attach or mount volumes: unmounted volumes=[cfg]: timed out waiting for the condition"
    assert two(events=(failed("p"), failed("q", timeout)))
    assert two(events=(failed("p"), failed("q", timeout), failed("q", 'configmap "c" not found'))) == []


RUNNING = Container("c", True, 0, "running")
STATES = {
    "it waits for its containers": (pod("q", "w2"), True),
    "it is young": (
        replace(pod("q", "w2"), conditions=(pod("q", "w2").conditions[0]._replace(last_transition=ago(20)),)),
        False,
    ),
    "it hangs in its deletion": (pod("q", "w2", deleted=ago(3000)), True),
    "it runs by now": (pod("q", "w2", phase="Running", containers=(RUNNING,)), False),
    "it crashes": (
        pod("q", "w2", phase="Running", containers=(Container("c", False, 9, "waiting", "CrashLoopBackOff"),)),
        False,
    ),
}


@pytest.mark.parametrize(("second", "counts"), STATES.values(), ids=STATES)
def test_the_pod_must_be_stuck(second: Pod, counts: bool) -> None:
    found = two(MOUNT, pods=pods(pod("p", "w1"), second))
    assert bool(found) is counts


UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: none."


def claim(message: str, namespace: str = "shop", reason: str = "ProvisioningFailed") -> Event:
    return event(Ref("PersistentVolumeClaim", "data", namespace), reason, message)


@pytest.mark.parametrize(
    ("said", "one", "counts"),
    [
        pytest.param(UNBOUND, claim("rpc error"), True, id="unbound, and it could not be made"),
        pytest.param(UNBOUND, claim("rpc error", "other"), False, id="in another namespace"),
        pytest.param(UNBOUND, claim("rpc error", reason="WaitForFirstConsumer"), False, id="another event"),
        pytest.param("0/3 nodes are available: 3 x.", claim("rpc error"), False, id="it waits for something else"),
    ],
)
def test_pods_that_wait_for_their_claims(said: str, one: Event, counts: bool) -> None:
    waiting = pods(unplaced("p", said), unplaced("q", said))
    found = two(pods=waiting, events=(one,))
    assert members(found) == (["p", "q"] if counts else [])


DRIVER = Ref("CSIDriver", "ebs.csi.aws.com")
CLASS = Ref("StorageClass", "fast")
REGISTERED = (
    "attacher.MountDevice failed to create newCsiDriverClient: driver name {} not found in the list of"
    " registered CSI drivers"
)
NAMED = {
    "not registered": ((REGISTERED.format("ebs.csi.aws.com"),), DRIVER),
    "no attacher": (
        ("timed out waiting for external-attacher of ebs.csi.aws.com CSI driver to attach volume v",),
        DRIVER,
    ),
    "not on the node": (("CSINode w1 does not contain driver ebs.csi.aws.com",), DRIVER),
    "in the name of the volume": (('(UniqueName: "kubernetes.io/csi/ebs.csi.aws.com^vol-1") failed',), DRIVER),
    "two wordings, one driver": (
        (REGISTERED.format("ebs.csi.aws.com"), "CSINode w1 does not contain driver ebs.csi.aws.com"),
        DRIVER,
    ),
    "two drivers": ((REGISTERED.format("a.csi"), REGISTERED.format("b.csi")), None),
    "only one of them names it": ((REGISTERED.format("a.csi"), MOUNT), None),
    "not a name": ((REGISTERED.format("$(rm -rf)"),), None),
    "no name": ((MOUNT,), None),
}


@pytest.mark.parametrize(("messages", "root"), NAMED.values(), ids=NAMED)
def test_the_driver_that_the_messages_agree_on(messages: tuple[str, ...], root: Ref | None) -> None:
    (found,) = two(*messages)
    assert found.root == root


@pytest.mark.parametrize(
    ("naming", "silent", "agreed"),
    [(2, 2, True), pytest.param(2, 3, False, id="less than half of them name it"), (1, 0, None)],
)
def test_enough_of_them_must_name_it(naming: int, silent: int, agreed: bool | None) -> None:
    names = [f"p{n}" for n in range(naming + silent)]
    events = tuple(failed(name, REGISTERED.format("a.csi") if n < naming else MOUNT) for n, name in enumerate(names))
    several = pods(*(pod(name, f"n{n}") for n, name in enumerate(names)))
    nodes = [well(f"n{n}") for n in range(len(names))]
    found = diagnose(PATTERN, world(nodes, events=events, pods=several))
    assert [d.root is not None for d in found] == ([] if agreed is None else [agreed])


@pytest.mark.parametrize(
    ("message", "root"),
    [
        ('failed to provision volume with StorageClass "fast": rpc error: no quota', CLASS),
        ('storageclass.storage.k8s.io "fast" not found', CLASS),
        ("rpc error: no quota", None),
    ],
)
def test_the_class_that_the_messages_agree_on(message: str, root: Ref | None) -> None:
    (found,) = two(pods=pods(unplaced("p", UNBOUND), unplaced("q", UNBOUND)), events=(claim(message),))
    assert found.root == root


@pytest.mark.parametrize(
    ("nodes", "root"),
    [
        pytest.param(("w1", "w1"), well("w1").ref, id="all on one node"),
        pytest.param(("w1", "w2"), None, id="on two"),
        pytest.param(("w1", ""), None, id="one has no node"),
    ],
)
def test_the_node_that_all_live_on(nodes: tuple[str, str], root: Ref | None) -> None:
    events = tuple(failed(name) for name in "pq")
    affected = pods(*(pod(n, place, deleted=ago(3000)) for n, place in zip("pq", nodes, strict=True)))
    (found,) = diagnose(PATTERN, world([well("w1"), well("w2"), *fleet(3)], pods=affected, events=events))
    assert found.root == root


def test_volumes_that_a_dead_node_holds() -> None:
    parts = {"pods": pods(pod("p", "w1"), pod("q", "w2")), "events": (failed("p", HELD), failed("q", HELD))}
    (found,) = diagnose(PATTERN, world([well("w1"), well("w2"), lost("dead", 900), *fleet(3)], **parts))
    assert found.root == lost("dead", 900).ref
    assert "held" in found.cause and "prove that it is off" in found.remedy
    assert members([found]) == ["p", "q"]  # the dead node itself is what must be repaired
    (found,) = diagnose(PATTERN, world([well("w1"), well("w2"), lost("a", 9), lost("b", 9), *fleet(3)], **parts))
    assert found.root is None
    (found,) = two(HELD, MOUNT)
    assert "held" not in found.cause


def test_nodes_are_no_members_and_pods_on_sick_nodes_are_their_trouble() -> None:
    nodes = [not_ready("w1", 600), not_ready("w2", 600), well("w3")]
    both: dict[str, Any] = {"pods": pods(pod("p", "w1"), pod("q", "w2")), "events": (failed("p"), failed("q"))}
    assert diagnose(PATTERN, world(nodes, **both)) == []
    leaving = both | {"pods": pods(*(replace(p, deleted=ago(3000)) for p in both["pods"].suspects))}
    assert diagnose(PATTERN, world(nodes, **leaving)) == []
    third = {"pods": pods(pod("p", "w3"), pod("q", "w3"), pod("r", "w1")), "events": tuple(map(failed, "pqr"))}
    assert members(diagnose(PATTERN, world(nodes, **third))) == ["p", "q"]


@pytest.mark.parametrize("part", ["pods", "events"])
def test_without_pods_or_events_nothing_is_known(part: str) -> None:
    parts = {"pods": pods(pod("p", "w1"), pod("q", "w2")), "events": (failed("p"), failed("q"))}
    assert diagnose(PATTERN, world([well("w1"), well("w2")], **parts))
    assert diagnose(PATTERN, world([well("w1"), well("w2")], **{**parts, part: None})) == []
