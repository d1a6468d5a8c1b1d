# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which nodes a fault is done to, and which it may be done to. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosheal.hands import NodeOf
from chaosheal.model import ChaosError, Fault

# Whoever owns a cluster says by this label of its namespace kube-system that it may be broken.
FAIR_GAME = ("selfheal.kubernetes/chaos", "allowed")
_KEYS = ("names", "role", "label", "count", "seed", "broken", "index")


@dataclass(frozen=True)
class Radius:
    """How much may be broken at once, at most.

    :ivar nodes: so many nodes.
    :ivar percent: so many of the nodes of a role, but one always may.
    """

    nodes: int = 1
    percent: int = 50


def select(
    selector: Mapping[str, Any], fault: Fault, nodes: Sequence[NodeOf], broken: Collection[str], radius: Radius
) -> list[NodeOf]:
    """The nodes that are meant.

    :param selector: ``names``, or any of ``role``, ``label`` (as key=value), ``count`` (default 1), ``seed``, by
        which as many are drawn of those that fit, and ``broken`` for those to which something has been done already;
        or ``role`` and ``index``, the number of the one node by its name, from 0 on.
    :param broken: names of nodes to which something has been done that is not taken back yet.
    :raises ChaosError: it cannot be fulfilled, or more would be broken than may be.
    """
    unknown = sorted(set(selector) - set(_KEYS))
    if unknown:
        raise ChaosError(f"target: there is no {unknown[0]!r}; expected any of {', '.join(_KEYS)}")
    if "names" in selector:
        chosen = _named(selector["names"], nodes)
    elif "index" in selector:
        chosen = _counted(selector, nodes)
    else:
        chosen = _drawn(selector, fault, nodes, broken)
    for node in chosen:
        if node.role not in fault.roles:
            raise ChaosError(
                f"fault {fault.name} is for nodes of {' and '.join(fault.roles)}, {node.name} is of {node.role}"
            )
        if node.name in broken and not selector.get("broken"):
            raise ChaosError(
                f"{node.name} is broken already; one fault on top of another has to be asked for (broken: true)"
            )
    _within(radius, chosen, nodes, broken)
    return chosen


def _named(names: Any, nodes: Sequence[NodeOf]) -> list[NodeOf]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ChaosError(f"target: names: expected a list of nodes' names, got {ascii(names)[:80]}")
    known = {node.name: node for node in nodes}
    missing = [name for name in names if name not in known]
    if missing:
        raise ChaosError(f"target: the cluster has no node {ascii(missing[0])[:80]}")
    return [known[name] for name in dict.fromkeys(names)]


def numbered(role: str, index: int) -> dict[str, Any]:
    """What selects one node by its number."""
    return {"role": role, "index": index}


def _counted(selector: Mapping[str, Any], nodes: Sequence[NodeOf]) -> list[NodeOf]:
    of_role = sorted((node for node in nodes if node.role == selector.get("role")), key=lambda node: node.name)
    index = selector["index"]
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(of_role):
        raise ChaosError(
            f"target: index: expected a number below {len(of_role)}, as many nodes of role"
            f" {ascii(selector.get('role'))[:40]} there are, got {ascii(index)[:40]}"
        )
    return [of_role[index]]


def _drawn(selector: Mapping[str, Any], fault: Fault, nodes: Sequence[NodeOf], broken: Collection[str]) -> list[NodeOf]:
    role, label, count = selector.get("role", fault.roles[0]), selector.get("label", ""), selector.get("count", 1)
    if role not in ("worker", "control-plane"):
        raise ChaosError(f"target: role: expected worker or control-plane, got {ascii(role)[:80]}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ChaosError(f"target: count: expected a number from 1 on, got {ascii(count)[:80]}")
    key, equals, value = str(label).partition("=")
    if label and not equals:
        raise ChaosError(f"target: label: expected key=value, got {ascii(label)[:80]}")
    fit = [
        node
        for node in sorted(nodes, key=lambda node: node.name)
        if node.role == role
        and (node.name in broken) is bool(selector.get("broken"))
        and (not label or (key, value) in node.labels)
    ]
    if len(fit) < count:
        state = "broken" if selector.get("broken") else "whole"
        raise ChaosError(f"target: {count} nodes are wanted, {len(fit)} fit and are {state}")
    if "seed" in selector:
        return random.Random(selector["seed"]).sample(fit, count)
    return fit[:count]


def _within(radius: Radius, chosen: Sequence[NodeOf], nodes: Sequence[NodeOf], broken: Collection[str]) -> None:
    after = set(broken) | {node.name for node in chosen}
    if len(after) > radius.nodes:
        raise ChaosError(
            f"{len(after)} nodes would be broken at once ({', '.join(sorted(after))}), at most {radius.nodes} may be"
        )
    for role in {node.role for node in chosen}:
        of_role = {node.name for node in nodes if node.role == role}
        hit = len(after & of_role)
        if hit > max(1, len(of_role) * radius.percent // 100):
            raise ChaosError(
                f"{hit} of {len(of_role)} nodes of {role} would be broken at once, at most {radius.percent} % may be"
            )


def objection_to_cluster(labels: Mapping[str, str]) -> str:
    """Why nothing may be broken in a cluster whose namespace kube-system has these labels; empty if it may."""
    key, value = FAIR_GAME
    if labels.get(key) == value:
        return ""
    return (
        f"the cluster is no fair game: nobody has said that it may be broken, by"
        f" kubectl label namespace kube-system {key}={value}"
    )
