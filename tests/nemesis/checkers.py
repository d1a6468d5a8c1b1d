# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold of a plan that was played. Pure: each looks at what was recorded, and says what was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.tests.nemesis.play import Played
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.world import CURES, RUNGS, START, Act, SimNode
from chaosheal.nemesis.plan import Step

Checker: TypeAlias = Callable[[Played], list[str]]
# Within how many seconds a rung must have been tried on a node that needs it and that nothing keeps from being healed.
# The second one comes after a cool-down, the third one after twice as long.
TRIED_WITHIN = {"kubelet_restart": 330, "reboot": 780}
# So long after a fault it may still be at work: a lease that a dead healer has left, a late look.
AFTER_SECONDS = {"healer": 420, "control-plane": 180, "worker": 120}
# So long after two nodes were broken at once there may be a storm, or the peace after one.
STORM_SECONDS = 1200
# A node that was broken so often within an hour may be held to flap.
FLAPS = 2
FLAPPING_SECONDS = 3600


def steady(played: Played) -> list[str]:
    """At the end of each quiet time everything is well, settled and let go."""
    return list(played.unsteady)


def quiet(played: Played) -> list[str]:
    """Who has nothing to do writes nothing and does nothing."""
    since = played.calm_since
    wrote = [f"{one.at:%H:%M:%S} {one.by}: {one.method} {one.path}" for one in played.world.writes if one.at >= since]
    acted = [f"{one.at:%H:%M:%S} {one.by}: {one.rung} on {one.node}" for one in played.world.acts if one.at >= since]
    return wrote + acted


def leaks(played: Played) -> list[str]:
    """Nothing of the plan is left, and healers leave no more behind than what they keep."""
    world, found = played.world, []
    found += [f"{ident} was not taken back" for ident in sorted(world.active)]
    for node in world.nodes.values():
        found += [f"{node.name} is off"] * (not node.machine.at(world.now))
        found += [f"{node.name}'s member of etcd is down"] * (not node.etcd.at(world.now))
        for mark in ("cordoned", "paused"):
            line = getattr(node, mark)
            found += [f"{node.name} is not {mark} as it was"] * (line.at(world.now) != line.at(START))
    found += ["the controllers are down"] * (not world.controllers.at(world.now))
    for kind, held in world.objects.items():
        found += [f"{kind}/{name} is there" for name in sorted(held) if kind != invariants.INCIDENTS and len(held) > 1]
    return found


def orderly(played: Played) -> list[str]:
    """A turn ends with an error of those that a playbook can tell, or with none."""
    found = []
    for name, process in played.world.processes.items():
        if process.error is not None and not isinstance(process.error, (ClusterError, MachineError, OSError)):
            found.append(f"{name}: {type(process.error).__name__}: {process.error}")
    return found


def neglect(played: Played) -> list[str]:
    """What nothing else stands beside is healed in time."""
    return [*_neglected(played), *_given_up(played)]


def _neglected(played: Played) -> Iterator[str]:
    world = played.world
    for step in played.plan.steps:
        within = TRIED_WITHIN.get(played.cures.get(step.ident, ""))
        if within is None or step.lasts < within:
            continue
        node, begin = world.nodes[world.target(step)], START + timedelta(seconds=step.at)
        cures = CURES[CURES.index(played.cures[step.ident]) : -1]
        tried_before = any(act.node == node.name and act.at <= begin for act in world.acts)
        if tried_before or _in_hands(played, node, cures[0], begin) or _disturbed(played.plan.steps, step, within):
            continue
        end = begin + timedelta(seconds=within)
        if not any(_tries(act, node.name, cures) and begin <= act.at <= end for act in world.acts):
            yield f"{node.name} was in need of {cures[0]} from {begin:%H:%M:%S} on, and had none within {within} s"


def _given_up(played: Played) -> Iterator[str]:
    """When all is over, the next node that falls ill is healed as the first one would be."""
    if played.last is None:
        return
    name, begin = played.last
    end = begin + timedelta(seconds=TRIED_WITHIN[KUBELET_RESTART.name])
    if not any(act.node == name and begin <= act.at <= end for act in played.world.acts):
        yield f"{name} fell ill at {begin:%H:%M:%S}, long after all else was over, and nobody has healed it"


def _in_hands(played: Played, node: SimNode, rung: str, at: datetime) -> bool:
    """Whether people have the node in their hands, or so many of its zone that it must not be taken down."""
    zone = [one for one in played.world.nodes.values() if one.zone == node.zone]
    taken = any(one.cordoned.at(at) for one in zone)
    return node.cordoned.at(at) or node.paused.at(at) or (RUNGS[rung].disruptive and taken)


def _disturbed(steps: Sequence[Step], step: Step, within: int) -> bool:
    """Whether anything else may rightly keep a node from being healed."""
    others = [one for one in steps if one is not step and one.at <= step.at + within]
    if any(one.until + AFTER_SECONDS[one.role] >= step.at for one in others):
        return True
    if sum(one.target == step.target and one.until + FLAPPING_SECONDS >= step.at for one in others) >= FLAPS:
        return True
    nodes = [one for one in others if one.role == "worker" and one.until + STORM_SECONDS >= step.at]
    return any(one is not other and one.at <= other.at <= one.until + 120 for one in nodes for other in nodes)


def _tries(act: Act, node: str, rungs: tuple[str, ...]) -> bool:
    return act.node == node and act.rung in rungs


def _invariant(check: invariants.Invariant) -> Checker:
    return lambda played: check(played.world, 0, 0)


CHECKERS: Mapping[str, Checker] = {
    **{name: _invariant(check) for name, check in invariants.INVARIANTS.items()},
    "steady": steady,
    "quiet": quiet,
    "leaks": leaks,
    "orderly": orderly,
    "neglect": neglect,
}


def violations(played: Played) -> list[str]:
    """Everything that is wrong, each with the checker's name."""
    return [f"{name}: {wrong}" for name, check in CHECKERS.items() for wrong in check(played)]
