# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold of a plan that was played. Pure: each looks at what was recorded, and says what was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.tests.nemesis.play import Played
from ansible_collections.selfheal.kubernetes.tests.simulation import invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.world import CURES, RUNGS, START, Act, SimNode
from chaosheal.nemesis.plan import Step

Checker: TypeAlias = Callable[[Played], list[str]]
# Within how many seconds a rung must have been tried on a node that needs it and that nothing keeps from being healed.
# The second one comes after a cool-down, the third one after twice as long.
TRIED_WITHIN = {"kubelet_restart": 330, "reboot": 780}
# So long before, nothing else may have happened: as long as nodes that fell count for a cascade.
UNDISTURBED_SECONDS = 1800


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
    return list(_neglected(played))


def _neglected(played: Played) -> Iterator[str]:
    world, steps = played.world, played.plan.steps
    for step in steps:
        within = TRIED_WITHIN.get(played.cures.get(step.ident, ""))
        if within is None or step.lasts < within:
            continue
        node = world.nodes[world.target(step)]
        begin = START + timedelta(seconds=step.at)
        cures = CURES[CURES.index(played.cures[step.ident]) : -1]
        if _in_hands(played, node, cures[0], begin) or any(
            _disturbs(other, step, within) for other in steps if other is not step
        ):
            continue
        end = begin + timedelta(seconds=within)
        if not any(_tries(act, node.name, cures) and begin <= act.at <= end for act in world.acts):
            yield f"{node.name} was in need of {cures[0]} from {begin:%H:%M:%S} on, and had none within {within} s"


def _in_hands(played: Played, node: SimNode, rung: str, at: datetime) -> bool:
    """Whether people have the node in their hands, or so many of its zone that it must not be taken down."""
    zone = [one for one in played.world.nodes.values() if one.zone == node.zone]
    taken = any(one.cordoned.at(at) for one in zone)
    return node.cordoned.at(at) or node.paused.at(at) or (RUNGS[rung].disruptive and taken)


def _disturbs(other: Step, step: Step, within: int) -> bool:
    return other.at <= step.at + within and step.at - UNDISTURBED_SECONDS <= other.until


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
