# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as data: what is broken when, where and for how long. Pure.

Everything random about a plan was drawn when it was made, so that it can be played again. Targets are roles and
numbers, so that it can be played on another cluster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from chaosheal.model import ChaosError

ROLES = ("worker", "control-plane", "healer")
SHAPES = ("isolated", "overlapping", "cascade", "flapping", "swizzle")


@dataclass(frozen=True)
class Step:
    """One fault.

    :ivar at: when it is brought about, in seconds from the beginning.
    :ivar index: of the target among those of its role, by name, from 0 on.
    :ivar lasts: after so many seconds it is taken back.
    """

    ident: str
    at: int
    fault: str
    role: str
    index: int
    lasts: int
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def until(self) -> int:
        """When it is taken back."""
        return self.at + self.lasts

    @property
    def target(self) -> tuple[str, int]:
        """Its role and its number."""
        return self.role, self.index


@dataclass(frozen=True)
class Quiet:
    """A time in which nothing is broken, and at whose end the cluster has to be steady."""

    at: int
    lasts: int


@dataclass(frozen=True)
class Plan:
    """What is done to a cluster.

    :ivar seed: of which it was made.
    :ivar horizon: how long it is, in seconds.
    :ivar workers: how many the cluster has, at least.
    :ivar planes: how many nodes of the control plane it has.
    """

    seed: int
    shape: str
    horizon: int
    workers: int
    planes: int
    steps: tuple[Step, ...]
    quiet: tuple[Quiet, ...] = ()

    def to_json(self) -> str:
        """As it stands in a file; the same plan gives the same text."""
        return json.dumps(asdict(self), indent=2) + "\n"


def plan_of(text: str, where: str = "the plan") -> Plan:
    """Out of a file.

    :param where: what it is called in errors.
    :raises ChaosError: with what was expected.
    """
    try:
        told = json.loads(text)
    except ValueError as exc:
        raise ChaosError(f"{where}: expected JSON: {exc}") from None
    _keys(told, Plan, where)
    steps = [_step(one, f"{where}, steps[{number}]") for number, one in enumerate(_list(told["steps"], where, "steps"))]
    quiet = []
    for number, one in enumerate(_list(told["quiet"], where, "quiet")):
        _keys(one, Quiet, f"{where}, quiet[{number}]")
        quiet.append(Quiet(*(_number(one, key, f"{where}, quiet[{number}]") for key in ("at", "lasts"))))
    if told["shape"] not in SHAPES:
        raise ChaosError(f"{where}: shape: expected one of {', '.join(SHAPES)}, got {ascii(told['shape'])[:60]}")
    numbers = {key: _number(told, key, where) for key in ("seed", "horizon", "workers", "planes")}
    plan = Plan(shape=told["shape"], steps=tuple(steps), quiet=tuple(quiet), **numbers)
    if len({step.ident for step in plan.steps}) < len(plan.steps):
        raise ChaosError(f"{where}: steps: expected each ident once")
    return plan


def _step(told: Any, where: str) -> Step:
    _keys(told, Step, where)
    if told["role"] not in ROLES:
        raise ChaosError(f"{where}: role: expected one of {', '.join(ROLES)}, got {ascii(told['role'])[:60]}")
    if not isinstance(told["params"], dict):
        raise ChaosError(f"{where}: params: expected a mapping, got {ascii(told['params'])[:60]}")
    for key in ("ident", "fault"):
        if not isinstance(told[key], str) or not told[key]:
            raise ChaosError(f"{where}: {key}: expected a text, got {ascii(told[key])[:60]}")
    at, index, lasts = (_number(told, key, where) for key in ("at", "index", "lasts"))
    return Step(told["ident"], at, told["fault"], told["role"], index, lasts, told["params"])


def _keys(told: Any, kind: type, where: str) -> None:
    expected = {one.name for one in fields(kind)}
    if not isinstance(told, dict) or set(told) != expected:
        got = ", ".join(sorted(map(str, told))) if isinstance(told, dict) else ascii(told)[:60]
        raise ChaosError(f"{where}: expected {', '.join(sorted(expected))}, got {got}")


def _list(told: Any, where: str, key: str) -> list[Any]:
    if not isinstance(told, list):
        raise ChaosError(f"{where}: {key}: expected a list, got {ascii(told)[:60]}")
    return told


def _number(told: Mapping[str, Any], key: str, where: str) -> int:
    value = told[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ChaosError(f"{where}: {key}: expected a whole number from 0 on, got {ascii(value)[:60]}")
    return value
