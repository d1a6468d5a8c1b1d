# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders of pods for tests: each gives something healthy, and a test says what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Condition,
    Container,
    Node,
    Pod,
    Pods,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, node, snapshot


def container(name: str = "app", **changes: object) -> Container:
    """A container that runs and is ready."""
    made = Container(name=name, ready=True, restarts=0, state="running", started=ago(9000))
    return replace(made, **changes)  # type: ignore[arg-type]


def waits(reason: str, name: str = "app", **changes: object) -> Container:
    """A container that waits for that reason."""
    return container(name, **({"ready": False, "state": "waiting", "reason": reason, "started": None} | changes))


def ended(code: int, name: str = "app", reason: str = "", **changes: object) -> Container:
    """A container that ended with that code, 30 s ago."""
    said = reason or ("Error" if code else "Completed")
    done = {"ready": False, "state": "terminated", "reason": said, "exit_code": code, "finished": ago(30)}
    return container(name, **(done | changes))


def said(kind: str, status: str, seconds: float | None = 7000, reason: str = "", message: str = "") -> Condition:
    """A condition that became what it is so many seconds ago; None leaves the time out."""
    return Condition(kind, status, reason, message, None if seconds is None else ago(seconds))


def conditions(ready: Condition | None = None) -> tuple[Condition, ...]:
    """The conditions of a pod that was scheduled, with this Ready condition (True if not given)."""
    return (said("PodScheduled", "True", 8000), said("Initialized", "True", 7500), ready or said("Ready", "True"))


def pod(name: str = "p1", *containers: Container, **changes: object) -> Pod:
    """A pod of a ReplicaSet, two hours old, that runs on w1 and is ready, with a container that is, too."""
    made = Pod(
        name=name,
        namespace="shop",
        uid=f"uid-{name}",
        node="w1",
        phase="Running",
        created=ago(8000),
        owner="ReplicaSet/web-1",
        conditions=conditions(),
        containers=containers or (container(),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def late(*containers: Container, seconds: float | None = 600, name: str = "p1", **changes: object) -> Pod:
    """A pod that has not been Ready for so many seconds."""
    return pod(name, *containers, **({"conditions": conditions(said("Ready", "False", seconds))} | changes))


def seen(*pods: Pod, nodes: tuple[Node, ...] | None = None, **changes: object) -> Snapshot:
    """A snapshot with these pods as suspects, on a healthy node w1."""
    at = (node("w1"),) if nodes is None else nodes
    return snapshot(at, **({"pods": Pods(total=len(pods), suspects=pods)} | changes))


def findings(check: Check, *pods: Pod, policy: Policy = Policy(), **changes: object) -> list[Finding]:
    """What the check finds in these pods."""
    return list(check.evaluate(seen(*pods, **changes), policy))  # type: ignore[arg-type]
