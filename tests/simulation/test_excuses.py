# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may be left alone for ever: each excuse holds where it is true, and nowhere else."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time
from ansible_collections.selfheal.kubernetes.tests.simulation import excuses, invariants
from ansible_collections.selfheal.kubernetes.tests.simulation.excuses import excused
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    ADMIN,
    INCIDENTS,
    START,
    SimNode,
    World,
)

HEALING = Policy(monitor_only=False)
Change = Callable[[World], None]


def cluster(*sick: str) -> World:
    """Three control-plane nodes, five nodes of a zone and five without; some of them have been sick for a day."""
    planes = [SimNode(f"cp{number}", control_plane=True) for number in range(3)]
    zone = [SimNode(f"a{number}", "a") for number in range(5)]
    world = World([*planes, *zone, *(SimNode(f"w{number}") for number in range(5))])
    world.advance(86400)
    for name in sick:
        world.nodes[name].kubelet.set(False, START)
    return world


def tried(name: str, *ages: float, phase: str = "Unhealthy") -> Change:
    """Attempts were made so many seconds ago, of which the node's incident tells."""

    def change(world: World) -> None:
        times = [format_time(world.now - timedelta(seconds=age)) for age in ages]
        target = {"kind": "Node", "name": name, "uid": world.nodes[name].uid}
        status = {"phase": phase, "attempts": len(ages), "attemptedAt": times}
        number = len(world.objects[INCIDENTS]) + 1
        body = {"metadata": {"name": f"{name}-{number}"}, "spec": {"target": target}, "status": status}
        world.create(ADMIN, INCIDENTS, body)

    return change


def cordoned(*names: str) -> Change:
    def change(world: World) -> None:
        for name in names:
            world.nodes[name].cordoned.set(True, START)

    return change


def paused(name: str) -> Change:
    return lambda world: world.nodes[name].paused.set(True, START)


def dead(*names: str) -> Change:
    def change(world: World) -> None:
        for name in names:
            world.nodes[name].machine.set(False, START)

    return change


def sick_too(*names: str) -> Change:
    def change(world: World) -> None:
        for name in names:
            world.nodes[name].kubelet.set(False, START)

    return change


CASES: list[tuple[str, str, list[Change], str]] = [
    ("nothing at all", "w0", [], ""),
    ("cordoned", "w0", [cordoned("w0")], "a person has it"),
    ("another one is cordoned", "w0", [cordoned("w1")], ""),
    ("paused", "w0", [paused("w0")], "a person has it"),
    ("many are sick", "w0", [sick_too("w1", "w2")], "3 of 13 are sick"),
    ("as many are sick as may be", "w0", [sick_too("w1")], ""),
    ("all attempts were made", "w0", [tried("w0", 900, 600, 300)], "3 attempts"),
    ("two were made", "w0", [tried("w0", 600, 300)], ""),
    ("one of three was too long ago", "w0", [tried("w0", 86400, 600, 300)], ""),
    ("others were made of incidents that are closed", "w0", [tried("w0", 9, 8, phase="Gone"), tried("w0", 7)], "3 att"),
    ("the attempts were made on another one", "w0", [tried("w1", 900, 600, 300)], ""),
    ("its host was tried", "w0", [dead("w0")], "cannot be reached"),
    ("its host was not tried", "w1", [dead("w1")], ""),
    ("who was tried is there", "w0", [], ""),
    ("the last control-plane node", "cp2", [tried("cp2", 300), cordoned("cp0", "cp1")], "the last control-plane"),
    ("the last one, for which a restart was not tried", "cp2", [cordoned("cp0", "cp1")], ""),
    ("another control-plane node works", "cp2", [tried("cp2", 300), cordoned("cp0")], ""),
    ("etcd would have no quorum", "cp2", [tried("cp2", 300), dead("cp0")], "quorum"),
    ("etcd's leader", "cp0", [tried("cp0", 300)], "leader"),
    ("a node of the zone is cordoned", "a0", [tried("a0", 300), cordoned("a1")], "1 others of its zone"),
    ("one is, and a restart takes nothing away", "a0", [cordoned("a1")], ""),
    ("a restart was tried for an incident that is closed", "a0", [tried("a0", 300, phase="Gone"), cordoned("a1")], ""),
    ("a node of another zone is cordoned", "a0", [tried("a0", 300), cordoned("w1", "w2")], ""),
]


@pytest.mark.parametrize(("node", "changes", "why"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_may_be_left_alone(node: str, changes: list[Change], why: str) -> None:
    world = cluster(node)
    for change in changes:
        change(world)
    told = excused(world, HEALING, {"w0"}).get(node, "")
    assert told.startswith(why) or why in told
    assert bool(told) == bool(why)


def test_who_is_well_needs_no_excuse() -> None:
    world = cluster()
    cordoned("w0")(world)
    assert excused(world, HEALING, {"w0"}) == {}


def test_the_numbers_are_the_policys() -> None:
    world = cluster("a0", "w1", "w2")
    bold = replace(HEALING, mass_failure_percent=50, max_unavailable_percent=60, max_attempts=1)
    for change in (tried("a0", 300, phase="Gone"), cordoned("a1")):
        change(world)
    assert excused(world, bold, ()) == {"a0": "1 attempts were made"}


@pytest.mark.parametrize("module", [excuses, invariants], ids=["excuses", "invariants"])
def test_none_of_them_asks_the_core(module: Any) -> None:
    """Of the core's modules only those that decide nothing: what it saw, the policy's numbers, a calendar."""
    allowed = {"model", "objects", "policy", "windows"}
    tree = ast.parse(inspect.getsource(module))
    names = [one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)]
    used = {name.rpartition("_core.")[2] for name in names if "_core." in name}
    assert used <= allowed and not any("_cluster" in name for name in names)
