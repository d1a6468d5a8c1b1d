# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault brought about and taken back: in which order, and what is written down before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosheal.faults import fault_named
from chaosheal.hands import Hands
from chaosheal.journal import INJECTED, UNDONE, Entry, Journal, broken_nodes, still_broken
from chaosheal.model import ChaosError, Command, Fault, Look, Params, Target, Where
from chaosheal.targets import Radius, objection_to_cluster, select

LOOK_SECONDS = 1.0
ONE_NODE = Radius()
# Longer than any experiment of ours; a fault that somebody has forgotten is gone by then.
DEAD_MAN_SECONDS = 900.0


@dataclass(frozen=True)
class Injected:
    """A fault that has been seen to be there.

    :ivar took: seconds from the last command to the moment at which it was seen.
    """

    ident: str
    fault: str
    node: str
    at: float
    took: float

    def to_dict(self) -> dict[str, Any]:
        """For a journal of the Chaos Toolkit."""
        return {"ident": self.ident, "fault": self.fault, "node": self.node, "at": self.at, "took": round(self.took, 2)}


class Breaker:
    """Breaks one cluster, and mends it.

    :param dead_man: starts what takes a fault back when nobody else does; called with its ident and the seconds.
    """

    def __init__(
        self,
        hands: Hands,
        journal: Journal,
        radius: Radius = ONE_NODE,
        dead_man: Callable[[str, float], None] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hands, self.journal, self._radius = hands, journal, radius
        self._dead_man = dead_man or (lambda ident, seconds: start_dead_man(hands, journal, ident, seconds))
        self._clock, self._sleep = clock, sleep

    def inject(
        self,
        name: str,
        selector: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        lasts: float = DEAD_MAN_SECONDS,
    ) -> list[Injected]:
        """Bring a fault about on each node that is meant, and see it there.

        What does not take effect is taken back, and so is what was done to other nodes before.

        :raises ChaosError: nothing may be broken here, or it did not take effect.
        """
        fault = fault_named(name)
        settled = fault.settle(params or {})
        with self.journal.alone():
            self._allowed()
            nodes = self._hands.nodes()
            broken = broken_nodes(self.journal.entries())
            chosen = select(selector or {}, fault, nodes, broken, self._radius)
            planes = self._hands.planes(nodes)
            plane = next((node.name for node in nodes if node.role == "control-plane"), "")
            own: list[str] = []
            try:
                return [
                    self._break(fault, settled, Target(node.name, uuid.uuid4().hex[:8], planes, plane), lasts, own)
                    for node in chosen
                ]
            except ChaosError as exc:
                left = self._mend(one for one in still_broken(self.journal.entries()) if one.ident in own)
                raise ChaosError("; ".join([str(exc), *left])) from None

    def undo(self, idents: Sequence[str] | None = None) -> list[str]:
        """Take faults back, all that there are if none is named; what could not be taken back, a line for each."""
        with self.journal.alone():
            return self._mend(
                one for one in still_broken(self.journal.entries()) if idents is None or one.ident in idents
            )

    def is_there(self, entry: Entry) -> bool:
        """Whether a fault is seen now; of one that comes and goes, whether it does so from now on."""
        fault = fault_named(entry.fault)
        target = Target(entry.node, entry.ident, planes=entry.planes)
        looks = fault.looks(target, fault.settle(dict(entry.params)))
        return all(self._awaits(look, entry.node, (look.within or 0.0) if fault.back else 0.0) for look in looks)

    def _allowed(self) -> None:
        words = ("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.labels}")
        labels = _labels(self._hands.kubectl(*words).output)
        objection = objection_to_cluster(labels)
        if objection:
            raise ChaosError(objection)

    def _break(self, fault: Fault, params: Params, target: Target, lasts: float, own: list[str]) -> Injected:
        now = self._clock()
        undo = fault.undo(target, params)
        entry = Entry(
            target.ident, fault.name, target.node, tuple(sorted(params.items())), undo, now, now + lasts, target.planes
        )
        self.journal.begin(entry)
        own.append(entry.ident)
        self._dead_man(entry.ident, lasts)
        for command in (*_in_the_node(target, undo, lasts), *fault.inject(target, params)):
            self._hands.carry_out(command, target.node)
        done = self._clock()
        for look in fault.looks(target, params):
            seconds = fault.seconds if look.within is None else look.within
            if not self._awaits(look, target.node, seconds):
                raise ChaosError(f"fault {fault.name} did not take effect on {target.node} within {seconds:.0f} s")
        self.journal.note(entry.ident, INJECTED)
        return Injected(entry.ident, fault.name, target.node, done, self._clock() - done)

    def _awaits(self, look: Look, node: str, seconds: float) -> bool:
        begun = self._clock()
        while not self._hands.sees(look, node):
            if self._clock() - begun >= seconds:
                return False
            self._sleep(LOOK_SECONDS)
        return True

    def _mend(self, entries: Iterable[Entry]) -> list[str]:
        left = []
        for entry in entries:
            try:
                for command in (*_out_of_the_node(entry), *entry.undo):
                    self._hands.carry_out(command, entry.node, 120)
            except ChaosError as exc:
                left.append(f"fault {entry.fault} on {entry.node} could not be taken back: {exc}")
            else:
                self.journal.note(entry.ident, UNDONE)
        return left


def _timer(ident: str) -> str:
    return f"chaosheal-undo-{ident}"


def _in_the_node(target: Target, undo: tuple[Command, ...], lasts: float) -> tuple[Command, ...]:
    """A timer of the node's own systemd, for a node that nobody reaches any more when the time has come."""
    scripts = [command.argv[2] for command in undo if command.where is Where.NODE and command.argv[:2] == ("sh", "-c")]
    if not scripts:
        return ()
    words = ("systemd-run", "--collect", f"--on-active={lasts:.0f}", f"--unit={_timer(target.ident)}")
    return (Command(Where.NODE, (*words, "sh", "-c", "; ".join(scripts))),)


def _out_of_the_node(entry: Entry) -> tuple[Command, ...]:
    if not any(command.where is Where.NODE for command in entry.undo):
        return ()
    return (Command(Where.NODE, ("systemctl", "stop", f"{_timer(entry.ident)}.timer"), may_fail=True),)


def _labels(told: str) -> dict[str, str]:
    try:
        labels = json.loads(told or "{}")
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}


def start_dead_man(hands: Hands, journal: Journal, ident: str, seconds: float) -> None:
    """Start a process of its own, which outlives this one, and takes the fault back when the time has come."""
    argv = [sys.executable, "-m", "chaosheal", "dead-man", str(journal.path), hands.kubeconfig, hands.engine, ident]
    here = str(Path(__file__).resolve().parent.parent)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    with journal.path.with_suffix(".dead-man.log").open("a") as log:
        subprocess.Popen(
            [*argv, f"{seconds:.0f}"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
