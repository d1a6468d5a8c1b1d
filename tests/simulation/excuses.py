# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sick nodes may rightly be left alone for ever, by what is true in the simulated world. Pure; no guard is asked.

Only what time does not settle is here. A tolerance, a cool-down, the time after a storm, a pattern of nodes that fell
one after the other or that flap, a window, a zone that is busy, a controller-manager that is down: all of them are over
when the trouble stops and some hours have passed, so a guard that still says no for one of them says it for ever.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.simulation.invariants import (
    CLOSED,
    all_attempts,
    attempts_by_incident,
    within,
)
from ansible_collections.selfheal.kubernetes.tests.simulation.world import INCIDENTS, SimNode, World


def excused(world: World, policy: Policy, tried: Collection[str]) -> dict[str, str]:
    """The sick nodes that need not be repaired now or later by healers with this policy, each with the reason.

    :param tried: the nodes of which the last turn has said that it has tried their hosts in vain.
    """
    nodes = list(world.nodes.values())
    sick = [node for node in nodes if not node.well(world.now)]
    limit = max(1, len(nodes) * policy.mass_failure_percent // 100)
    if len(sick) > limit:
        return dict.fromkeys((node.name for node in sick), f"{len(sick)} of {len(nodes)} are sick")
    reasons = {node.name: _reason(world, policy, node, tried) for node in sick}
    return {name: why for name, why in reasons.items() if why}


def _reason(world: World, policy: Policy, node: SimNode, tried: Collection[str]) -> str:
    now = world.now
    if node.cordoned.at(now) or node.paused.at(now):
        return "a person has it in his hands"
    made = within(all_attempts(world, node.uid, now), now, policy.attempt_window)
    if made >= policy.max_attempts:
        return f"{made} attempts were made"
    if not node.machine.at(now) and node.name in tried:
        return "its host cannot be reached, and was tried"
    # Each incident begins with a rung that takes nothing away from anybody.
    return _not_to_be_taken_down(world, policy, node) if _tries(world, node) else ""


def _tries(world: World, node: SimNode) -> int:
    """How many attempts its open incident has seen."""
    made = attempts_by_incident(world, node.uid, world.now)
    return sum(
        len(made.get(name, ()))
        for name, one in world.objects[INCIDENTS].items()
        if one["spec"]["target"]["uid"] == node.uid and one["status"]["phase"] not in CLOSED
    )


def _not_to_be_taken_down(world: World, policy: Policy, node: SimNode) -> str:
    now = world.now
    others = [one for one in world.nodes.values() if one is not node]
    if node.control_plane:
        planes = [one for one in others if one.control_plane]
        if not any(one.well(now) and not one.cordoned.at(now) for one in planes):
            return "it is the last control-plane node"
        members = [one for one in world.nodes.values() if one.control_plane]
        answering = [one for one in members if one.machine.at(now)]
        if sum(one is not node for one in answering) < len(members) // 2 + 1:
            return "etcd would lose its quorum"
        if answering[0] is node:
            return "etcd's leader is on it"
    zone = [one for one in others if node.zone and one.zone == node.zone]
    cordoned = sum(one.cordoned.at(now) for one in zone)
    if cordoned + 1 > max(1, (len(zone) + 1) * policy.max_unavailable_percent // 100):
        return f"{cordoned} others of its zone are cordoned"
    return ""
