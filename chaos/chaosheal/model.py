# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault is, as data: how it is brought about, how it is taken back, and who sees that it took effect.

Nothing here touches anything. ``hands`` carries commands out, and ``injection`` in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any


class ChaosError(Exception):
    """What cannot be done, or may not be, in one line."""


class Where(Enum):
    """Where a command is carried out."""

    NODE = "node"  # by a program of the node itself
    NETWORK = "network"  # by a program of this machine, in the node's network
    ENGINE = "engine"  # by the engine that runs the nodes, such as docker
    API = "api"  # by kubectl
    HOST = "host"  # by a program of this machine, which is told ENGINE and KUBECONFIG


@dataclass(frozen=True)
class Command:
    """One command: words that no shell reads, or ``sh -c`` and a script of ours.

    :ivar may_fail: whether an exit status of its own stands for no failure, as of what takes back what may be gone.
    """

    where: Where
    argv: tuple[str, ...]
    stdin: str = ""
    may_fail: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the journal."""
        return {"where": self.where.value, "argv": list(self.argv), "stdin": self.stdin, "may_fail": self.may_fail}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Command:
        """Out of the journal.

        :raises ChaosError: it is no command.
        """
        try:
            return cls(Where(told["where"]), tuple(map(str, told["argv"])), str(told["stdin"]), bool(told["may_fail"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise ChaosError(f"the journal holds something that is no command: {exc!r}") from None


def inside(script: str, may_fail: bool = False) -> Command:
    """A script for the shell of the node."""
    return Command(Where.NODE, ("sh", "-c", script), may_fail=may_fail)


def network(*argv: str, may_fail: bool = False) -> Command:
    """A program of this machine in the node's network."""
    return Command(Where.NETWORK, argv, may_fail=may_fail)


def engine(*argv: str, may_fail: bool = False) -> Command:
    """A command of the engine."""
    return Command(Where.ENGINE, argv, may_fail=may_fail)


def host(script: str, *words: str, may_fail: bool = False) -> Command:
    """A script for the shell of this machine, and the words that it knows as $1 and so on."""
    return Command(Where.HOST, ("sh", "-c", script, "sh", *words), may_fail=may_fail)


def api(*argv: str, stdin: str = "", may_fail: bool = False) -> Command:
    """A command of kubectl."""
    return Command(Where.API, argv, stdin, may_fail)


@dataclass(frozen=True)
class Look:
    """A command that sees something: it is there if the command ends with 0 and prints what is expected.

    :ivar says: a regular expression that what it prints has to match somewhere.
    :ivar within: seconds within which it is seen, where that is not the fault's own time.
    """

    command: Command
    says: str = ""
    within: float | None = None


@dataclass(frozen=True)
class Param:
    """What may be chosen about a fault.

    :ivar kind: of its value: int, float, str or bool.
    :ivar limits: the smallest and the largest number, both included.
    :ivar choices: the words that there are.
    """

    about: str
    default: Any
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> type:
        return type(self.default)

    def checked(self, name: str, value: Any) -> Any:
        """The value, as it is used.

        :raises ChaosError: with what was expected and what was given.
        """
        good = isinstance(value, self.kind) or (self.kind is float and isinstance(value, int))
        if not good or (isinstance(value, bool) and self.kind is not bool):
            raise ChaosError(f"{name}: expected {self.kind.__name__}, got {ascii(value)[:80]}")
        if self.choices and value not in self.choices:
            raise ChaosError(f"{name}: expected one of {', '.join(self.choices)}, got {ascii(value)[:80]}")
        if self.limits and not self.limits[0] <= value <= self.limits[1]:
            raise ChaosError(f"{name}: expected a number from {self.limits[0]} to {self.limits[1]}, got {value}")
        return self.kind(value)


Params = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One node, and what has to be known of the cluster to part it from the others.

    :ivar ident: of the injection: letters, digits and dashes. What is made for it is called by it.
    :ivar planes: the addresses of the control planes and of what stands before them.
    :ivar plane: the name of a control plane's node.
    """

    node: str
    ident: str
    planes: tuple[str, ...] = ()
    plane: str = ""


Make = Callable[[Target, Params], tuple[Command, ...]]
See = Callable[[Target, Params], Look]


@dataclass(frozen=True)
class Fault:
    """One way to break something.

    :ivar inject: what brings it about.
    :ivar undo: what takes it back. It is written down before, may be carried out at any time and more than once.
    :ivar effect: what sees it while it is there, by another way than the one that brought it about.
    :ivar back: what sees it gone for the moment, of a fault that comes and goes: it is there only if it has been seen,
        and then gone.
    :ivar roles: of the nodes to which it can be done.
    :ivar passes: whether it is over by itself at once, as a restart; there is nothing to see of it but its trace.
    :ivar seconds: within which it is seen.
    """

    name: str
    about: str
    inject: Make
    undo: Make
    effect: See
    params: Mapping[str, Param] = field(default_factory=dict)
    roles: tuple[str, ...] = ("worker", "control-plane")
    passes: bool = False
    seconds: float = 30.0
    back: See | None = None

    def looks(self, target: Target, params: Params) -> tuple[Look, ...]:
        """All that has to be seen, one after the other."""
        return tuple(see(target, params) for see in (self.effect, self.back) if see)

    def settle(self, given: Mapping[str, Any]) -> Params:
        """Every parameter, with what was given.

        :raises ChaosError: one that it does not have, or a value that it cannot have.
        """
        unknown = sorted(set(given) - set(self.params))
        if unknown:
            known = ", ".join(self.params) or "none"
            raise ChaosError(f"fault {self.name} has no parameter {unknown[0]!r}; it has: {known}")
        settled = {name: param.checked(name, given.get(name, param.default)) for name, param in self.params.items()}
        return MappingProxyType(settled)
