# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an exhaustive exploration begins, and what people and machines may do in the middle of it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import incident_to_api
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Moment, Phase, Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import incident_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_micro_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    INCIDENTS,
    LEASES,
    REBOOT_SECONDS,
    START,
    SimNode,
    Timeline,
    World,
)

HEALING = Policy(monitor_only=False)
# Longer than evidence may be old, and longer than the lease lasts.
JUMPS = (HEALING.evidence_age + 1, HEALING.lease_duration + 1)
Change = Callable[["Branch"], None]


class Branch(World):
    """A world that can be forked. What is the same in two of them has the same ``signature``.

    A resource version is made of how often its object was written and of what it says, so that histories which come to
    the same meet again; nothing but equality of versions is ever asked. As on a real API server, a write that
    changes nothing makes no new one.
    """

    def __init__(self, nodes: list[SimNode]) -> None:
        self.written: dict[str, int] = {}
        super().__init__(nodes)
        self.machines = self._machines()

    def fork(self, machines: bool) -> Branch:
        """A world that goes its own way from here; ``machines`` when more than objects may change."""
        made = Branch.__new__(Branch)
        for name, value in vars(self).items():
            setattr(made, name, value.copy() if isinstance(value, (dict, list)) else value)
        made.objects = {kind: dict(held) for kind, held in self.objects.items()}
        if machines:
            made.controllers = _own(self.controllers)
            made.nodes = {name: _own(node) for name, node in self.nodes.items()}
            made.gone = [_own(node) for node in self.gone]
        return made

    def settle(self, machines: bool) -> None:
        """Take note of what has changed since the fork."""
        if machines:
            self.machines = self._machines()

    @property
    def signature(self) -> tuple[object, ...]:
        """All that its future depends on, and what was done to its nodes; but for the time."""
        stored = tuple(
            (kind, name, held[name]["metadata"]["resourceVersion"])
            for kind, held in self.objects.items()
            for name in sorted(held)
        )
        acts = tuple((act.at, act.by, act.node, act.uid, act.rung) for act in self.acts)
        return stored, self.machines, acts, self.owner

    def _machines(self) -> tuple[object, ...]:
        return (_plain(self.controllers), *map(_plain, self.nodes.values()), *map(_plain, self.gone))

    def _store(
        self, by: str, method: str, kind: str, name: str, body: Mapping[str, Any], before: dict[str, Any] | None
    ) -> dict[str, Any]:
        path = f"{kind}/{name}"
        said = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
        text = json.dumps({**body, "metadata": said}, sort_keys=True)
        told = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        if before is not None and str(before["metadata"]["resourceVersion"]).endswith(told):
            return before
        self.written[path] = self.written.get(path, 0) + 1
        made = super()._store(by, method, kind, name, body, before)
        made["metadata"]["resourceVersion"] = f"{self.written[path]}-{told}"
        return made


def _own(thing: Any) -> Any:
    """A copy that shares no timeline."""
    made = copy.copy(thing)
    for name, value in vars(thing).items():
        if isinstance(value, Timeline):
            setattr(made, name, _own(value))
        elif isinstance(value, list):
            setattr(made, name, list(value))
    return made


def _plain(thing: Any) -> tuple[object, ...]:
    """What it says, as something that can be compared; what it has only worked out is left out."""
    if isinstance(thing, Timeline):
        return tuple(thing.__dict__["_times"]), tuple(thing.__dict__["_values"])
    return tuple(
        (name, _plain(value) if isinstance(value, Timeline) else value)
        for name, value in vars(thing).items()
        if not isinstance(value, dict)
    )


@dataclass(frozen=True)
class Scene:
    """A beginning. ``changes`` are what may happen besides, each a second after the moment in which it is chosen.

    ``heals`` is whether healers that come later, and that nothing disturbs, must leave every node well.
    """

    name: str
    about: str
    build: Callable[[int], Branch]
    changes: Mapping[str, Change]
    policy: Policy = HEALING
    heals: bool = True


# --- what may happen besides


def recovers(world: Branch) -> None:
    """The sick node comes back by itself."""
    world.recover("w1")


def falls(world: Branch) -> None:
    """The first node falls ill, again if it was well by then."""
    world.stop_kubelet("w1", world.nodes["w1"].cure)


def cordoned(world: Branch) -> None:
    """A person takes the node out of use."""
    world.nodes["w1"].cordoned.set(True, world.now)


def paused(world: Branch) -> None:
    """A person says hands off."""
    world.nodes["w1"].paused.set(True, world.now)


def replaced(world: Branch) -> None:
    """Another machine joins under the node's name."""
    world.replace_node("w1")


def second_recovers(world: Branch) -> None:
    """The second node comes back by itself."""
    world.recover("w2")


ILL: Mapping[str, Change] = {
    "recovers": recovers,
    "falls ill again": falls,
    "is cordoned": cordoned,
    "is paused": paused,
    "is replaced": replaced,
}


# --- beginnings


def _ago(seconds: float) -> datetime:
    return START - timedelta(seconds=seconds)


def _fleet(count: int, cure: str = "kubelet_restart", down: float = 600, planes: int = 0) -> Branch:
    """Nodes w1, w2, ..., of which w1 has been down for so long."""
    nodes = [SimNode(f"w{number + 1}", control_plane=number < planes) for number in range(count)]
    nodes[0].cure = cure
    if down:
        nodes[0].kubelet.set(False, _ago(down))
    return Branch(nodes)


def _remembered(world: Branch, node: str, phase: Phase, attempted: tuple[float, ...], **changes: Any) -> None:
    """An incident that an earlier healer has left; ``attempted`` are ages in seconds, oldest first."""
    begun = _ago(max((*attempted, 600)))
    made = Incident(
        name=incident_name(node, 1),
        node=node,
        node_uid=world.nodes[node].uid,
        check="NodeReady",
        reason="NodeStatusUnknown",
        phase=phase,
        since=begun,
        rung="kubelet_restart" if attempted else "",
        attempts=len(attempted),
        attempted_at=tuple(map(_ago, attempted)),
        history=(Moment(begun, Phase.SUSPECTED, "dead", "it is silent"),),
    )
    world.create("dead", INCIDENTS, incident_to_api(replace(made, **changes)))


def _left_lease(world: Branch, renewed: float) -> None:
    """The lease of a healer that died so many seconds ago."""
    at = format_micro_time(_ago(renewed))
    spec = {
        "holderIdentity": "dead",
        "leaseDurationSeconds": HEALING.lease_duration,
        "leaseTransitions": 7,
        "renewTime": at,
        "acquireTime": at,
    }
    world.create("dead", LEASES, {"metadata": {"name": "selfheal"}, "spec": spec})


def _begun(world: Branch) -> Branch:
    world.settle(machines=True)
    return world


def _restart(count: int) -> Branch:
    return _begun(_fleet(count))


def _reboot(count: int) -> Branch:
    world = _fleet(count, cure="reboot")
    _remembered(world, "w1", Phase.UNHEALTHY, (1200,))
    return _begun(world)


def _half(count: int) -> Branch:
    world = _fleet(count, cure="reboot")
    _remembered(
        world,
        "w1",
        Phase.REPAIRING,
        (400,),
        deadline=_ago(-200),
        boot_id=world.nodes["w1"].seen(START, world.controllers).boot_id,
    )
    _left_lease(world, 305)
    return _begun(world)


def _going_down(count: int) -> Branch:
    """Its reboot has begun three seconds ago, and the API server does not know yet."""
    world = _fleet(count, down=0)
    node = world.nodes["w1"]
    boot, begun, back = node.seen(START, world.controllers).boot_id, _ago(3), _ago(-REBOOT_SECONDS)
    node.kubelet.set(False, begun)
    node.kubelet.set(True, back)
    node.boots.set(1, back)
    told = (
        Moment(_ago(600), Phase.SUSPECTED, "dead", "it is silent"),
        Moment(begun, Phase.WAITING, "dead", "rebooted"),
    )
    _remembered(
        world,
        "w1",
        Phase.WAITING,
        (3,),
        rung="reboot",
        deadline=_ago(-1200),
        wait_until=_ago(-600),
        boot_id=boot,
        history=told,
    )
    return _begun(world)


def _quiet(count: int) -> Branch:
    return _begun(_fleet(count, down=0))


def _young(count: int) -> Branch:
    world = _fleet(count, cure="reboot", down=200)
    _remembered(world, "w1", Phase.UNHEALTHY, (1200,))
    return _begun(world)


def _tired(count: int) -> Branch:
    world = _fleet(count, cure="none", down=4000)
    _remembered(world, "w1", Phase.UNHEALTHY, (3600, 400))
    return _begun(world)


def _spent(count: int) -> Branch:
    world = _fleet(count, cure="none", down=90000)
    _remembered(world, "w1", Phase.UNHEALTHY, (80000, 70000, 60000))
    return _begun(world)


def _planes(count: int) -> Branch:
    """Control planes only: the last is sick, the etcd member of the one before it does not answer, the first leads."""
    world = _fleet(count, down=0, planes=count)
    before, last = [world.nodes[f"w{number}"] for number in (count - 1, count)]
    last.cure = "reboot"
    last.kubelet.set(False, _ago(600))
    before.machine.set(False, _ago(600))
    world.settle(machines=True)
    _remembered(world, last.name, Phase.UNHEALTHY, (1200,))
    return _begun(world)


def _second_plane(count: int) -> Branch:
    """A control plane is sick while another one is about to go down for its reboot."""
    world = _fleet(count, planes=count)
    boot = world.nodes["w2"].seen(START, world.controllers).boot_id
    _remembered(
        world, "w2", Phase.WAITING, (100,), rung="reboot", deadline=_ago(-800), wait_until=_ago(-500), boot_id=boot
    )
    return _begun(world)


def _zone(count: int) -> Branch:
    """A machine of a zone needs its reboot while another one is about to go down for its own."""
    world = _fleet(count, cure="reboot")
    for node in world.nodes.values():
        node.zone, node.labels = "a", {"topology.kubernetes.io/zone": "a"}
    _remembered(world, "w1", Phase.UNHEALTHY, (1200,))
    boot = world.nodes["w2"].seen(START, world.controllers).boot_id
    _remembered(
        world, "w2", Phase.WAITING, (100,), rung="reboot", deadline=_ago(-800), wait_until=_ago(-500), boot_id=boot
    )
    return _begun(world)


def _two(count: int) -> Branch:
    """Not at the same time, which would be a pattern."""
    world = _fleet(count, down=3000)
    world.nodes["w2"].kubelet.set(False, _ago(600))
    return _begun(world)


def _silent(count: int) -> Branch:
    """The controller-manager is down, so that a dead node goes on being Ready."""
    world = _fleet(count, cure="reboot")
    world.controllers.set(False, _ago(700))
    _remembered(world, "w1", Phase.UNHEALTHY, (1200,), check="NodeHeartbeat", reason="HeartbeatStopped")
    return _begun(world)


def _gpu(count: int) -> Branch:
    world = _fleet(count, cure="none", down=4000)
    world.nodes["w1"].gpu = True
    _remembered(world, "w1", Phase.UNHEALTHY, (3600, 1200))
    return _begun(world)


def _unreadable(count: int) -> Branch:
    world = _fleet(count)
    _remembered(world, "w1", Phase.UNHEALTHY, (1200,))
    stored = world.objects[INCIDENTS][incident_name("w1", 1)]
    stored["status"] = {**stored["status"], "phase": "Dancing"}
    return _begun(world)


def _hands_off(count: int) -> Branch:
    world = _fleet(count)
    world.nodes["w1"].cordoned.set(True, _ago(700))
    return _begun(world)


def _on_hold(count: int) -> Branch:
    world = _fleet(count)
    world.nodes["w1"].paused.set(True, _ago(700))
    return _begun(world)


SCENES = (
    Scene("restart", "a kubelet has stopped; a restart brings it back", _restart, ILL),
    Scene("reboot", "a restart was tried before; only a reboot helps", _reboot, ILL),
    Scene("half-way", "a healer died in the middle of a repair, and its lease has run out", _half, ILL),
    Scene("storm", "two nodes of three are down", _two, {"w2 recovers": second_recovers}, heals=False),
    Scene("quiet", "nothing is wrong", _quiet, {"falls ill": falls}),
    Scene("going down", "a healer has ended, and the node that it reboots looks well still", _going_down, {}),
    Scene("young", "down for less than the threshold of anything disruptive", _young, {}),
    Scene("tired", "two attempts have failed, the last one a short while ago", _tired, {}, heals=False),
    Scene("spent", "all attempts have failed", _spent, {}, heals=False),
    Scene("planes", "etcd would lose its quorum", _planes, {}, heals=False),
    Scene("second plane", "a control plane is sick while another one restarts", _second_plane, {}),
    Scene("zone", "a node is sick while another one of its zone restarts", _zone, {}),
    Scene(
        "one each",
        "two nodes are sick, and a turn may repair one",
        _two,
        {},
        policy=replace(HEALING, mass_failure_percent=70, max_repairs=1),
    ),
    Scene("silent", "dead by its Lease, alive by its condition", _silent, {}, heals=False),
    Scene(
        "gpu",
        "a GPU node for which a restart and a reboot have been tried",
        _gpu,
        {},
        # A short wait, because each is the same few requests again and again.
        policy=replace(HEALING, waiting_timeout_gpu=120),
        heals=False,
    ),
    Scene(
        "out of hours",
        "a reboot waits for a window that is closed",
        _reboot,
        {},
        policy=replace(HEALING, maintenance_windows=(Window(10 * 60, 11 * 60),)),
        heals=False,
    ),
    Scene(
        "unapproved",
        "a reboot waits for a person's word",
        _reboot,
        {},
        policy=replace(HEALING, approval_required=(Remedy.REBOOT,)),
        heals=False,
    ),
    Scene("unreadable", "an incident is in a phase that nobody knows", _unreadable, {}, heals=False),
    Scene("cordoned", "a person has cordoned the sick node", _hands_off, {}, heals=False),
    Scene("paused", "a person has paused the sick node", _on_hold, {}, heals=False),
    Scene(
        "slow",
        "a repair may take less long than what is slow takes",
        _restart,
        {},
        policy=replace(HEALING, repair_deadline=50),
        heals=False,
    ),
)
