# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One turn of the playbook ``heal``, step by step as its tasks do them, for places where no playbook can run.

``test_drive.py`` holds it against the playbook: the same modules with the same events in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError, LeaseBusy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import (
    Healer,
    Look,
    View,
    stale_record,
    view,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import LADDERS, Ladders
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Action
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

FAILURES_ALLOWED = 2


class Hosts(Protocol):
    """The machines: what the roles do."""

    def uptime(self, name: str) -> float:
        """How long the host has run, in seconds, once it has proven who it is."""

    def act(self, action: Action, not_before: float, within: float) -> None:
        """Carry out the rung, if it comes in time by the host's own clock."""


@dataclass
class Turn:
    """What a turn needs, and what came of it: each repair as node and word, ``busy`` or ``blocked`` for the whole.

    ``seen`` is what the turn began with, ``errors`` what went wrong in its repairs.
    """

    client: Client
    policy: Policy
    cluster_uid: str
    holder: str
    look: Look
    hosts: Hosts
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    ladders: Ladders = field(default_factory=lambda: LADDERS)
    words: list[tuple[str, str]] = field(default_factory=list)
    ended: str = ""
    seen: View | None = None
    errors: list[Exception] = field(default_factory=list)

    def run(self) -> Turn:
        """Look, and do what the plan says."""
        seen = view(self.client, self.policy, self.cluster_uid, (), self.look, self.ladders, self.monotonic)
        self.seen = seen
        if seen.plan.blocked:
            self.ended = "blocked"
            return self
        if self.policy.monitor_only:
            self.ended = "monitored"
            return self
        if not (seen.plan.notes or seen.plan.actions or stale_record(self.client, seen)):
            self.ended = "nothing to do"
            return self
        try:
            held = lease.acquire(self.client, self.holder, self.policy.lease_duration)
        except LeaseBusy:
            self.ended = "busy"
            return self
        try:
            healer = self._healer(held)
            if seen.plan.notes:
                healer.write_notes([note.to_dict() for note in seen.plan.notes])
            healer.write_record(seen.storm)
            for action in seen.plan.actions:
                self.words.append((action.node, self._repair(held, action)))
            self._healer(held).write_record()
            self.ended = "done"
        finally:
            lease.release(self.client, held.holder, held.token)
        return self

    def _healer(self, held: lease.Held) -> Healer:
        # Each task of the playbook is a process of its own, which remembers nothing of the one before.
        return Healer(
            self.client,
            self.policy,
            self.cluster_uid,
            held.holder,
            held.token,
            self.sleep,
            self.monotonic,
            self.look,
            self.ladders,
        )

    def _repair(self, held: lease.Held, action: Action) -> str:
        if sum(word == "failed" for _node, word in self.words) >= FAILURES_ALLOWED:
            return "left alone"
        node, uid = action.node, action.node_uid
        begun = acted = False
        try:
            not_before = self.hosts.uptime(node)
        except OSError as exc:
            self.errors.append(exc)
            with suppress(ClusterError, MachineError):
                self._healer(held).hold(node, uid, action.rung, str(exc))
            return "not tried"
        try:
            outcome = self._healer(held).begin(node, uid, action.rung)
            if not outcome.proceed:
                return "left alone"
            begun = True
            self.hosts.act(action, not_before, outcome.act_within)
            outcome = self._healer(held).acted(node, uid, f"{action.rung} is done")
            acted = True
            if not outcome.proceed:
                return "failed"
            return (
                "repaired" if self._healer(held).verify(node, uid, self.policy.recovery_timeout).proceed else "failed"
            )
        except (ClusterError, MachineError, OSError) as exc:
            self.errors.append(exc)
            if begun and not acted:
                # What cannot be written down now is found by the next run.
                with suppress(ClusterError, MachineError):
                    self._healer(held).fail(node, uid, str(exc))
            return "failed" if begun else "not tried"
