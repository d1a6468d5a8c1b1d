# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How commands reach the nodes of a cluster whose nodes are containers: never through the cluster itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chaosheal.model import ChaosError, Command, Look, Where

# What a node's container may be called; it stands in commands of the engine.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    output: str
    error: str


@dataclass(frozen=True)
class NodeOf:
    """A node, as the API server knows it."""

    name: str
    role: str
    address: str
    labels: tuple[tuple[str, str], ...]
    ready: bool
    cordoned: bool


class Hands:
    """Carries commands out.

    :param kubeconfig: of somebody who may do everything; the API is reached by it, and the nodes are not.
    :param engine: the program of the engine that runs the nodes: docker, podman or nerdctl.
    :raises ChaosError: when a command cannot be begun, has no end within its time, or fails and may not.
    """

    def __init__(self, kubeconfig: str, engine: str = "docker") -> None:
        if engine not in ("docker", "podman", "nerdctl"):
            raise ChaosError(f"engine: expected docker, podman or nerdctl, got {ascii(engine)[:60]}")
        self.kubeconfig, self.engine = kubeconfig, engine

    def carry_out(self, command: Command, node: str, seconds: float = 60.0) -> Done:
        """Carry a command out, for or on a node."""
        done = self._run(self._argv(command, node), command.stdin, seconds)
        if done.code and not command.may_fail:
            words = " ".join((done.error or done.output).split())[-400:]
            raise ChaosError(
                f"{node}: {command.where.value} {' '.join(command.argv)[:120]!r} ended with {done.code}: {words}"
            )
        return done

    def sees(self, look: Look, node: str, seconds: float = 60.0) -> bool:
        """Whether something is there to see. What cannot be asked does not show it."""
        try:
            done = self._run(self._argv(look.command, node), look.command.stdin, seconds)
        except ChaosError:
            return False
        good = look.command.may_fail or done.code == 0
        return good and (not look.says or re.search(look.says, done.output, re.MULTILINE) is not None)

    def kubectl(self, *words: str, stdin: str = "", seconds: float = 30.0, may_fail: bool = False) -> Done:
        """A command of kubectl."""
        return self.carry_out(Command(Where.API, words, stdin, may_fail), "the cluster", seconds)

    def nodes(self) -> list[NodeOf]:
        """The nodes that the API server knows."""
        items = json.loads(self.kubectl("get", "nodes", "-o", "json").output)["items"]
        return [_node_of(item) for item in items]

    def planes(self, nodes: Sequence[NodeOf]) -> tuple[str, ...]:
        """The addresses by which the API server is reached: of the control planes, and of what stands before them."""
        found = [node.address for node in nodes if node.role == "control-plane"]
        plane = next((node.name for node in nodes if node.role == "control-plane"), "")
        label = "io.x-k8s.kind.cluster"
        cluster = self._run(
            [self.engine, "inspect", "-f", f'{{{{index .Config.Labels "{label}"}}}}', plane], "", 30
        ).output
        balancer = f"{cluster.strip()}-external-load-balancer"
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        told = self._run([self.engine, "inspect", "-f", address, balancer], "", 30)
        return tuple(dict.fromkeys([*found, *([told.output.strip()] if told.code == 0 else [])]))

    def _argv(self, command: Command, node: str) -> list[str]:
        if command.where is Where.API:
            return ["kubectl", "--kubeconfig", self.kubeconfig, "--request-timeout=20s", *command.argv]
        if not _NAME.fullmatch(node):
            raise ChaosError(f"expected the name of a node, got {ascii(node)[:80]}")
        if command.where is Where.ENGINE:
            return [self.engine, *command.argv]
        if command.where is Where.HOST:
            return ["env", f"ENGINE={self.engine}", f"KUBECONFIG={self.kubeconfig}", *command.argv]
        if command.where is Where.NODE:
            return [self.engine, "exec", "-i", node, *command.argv]
        pid = self._run([self.engine, "inspect", "-f", "{{.State.Pid}}", node], "", 30).output.strip()
        if not pid.isdigit() or pid == "0":
            raise ChaosError(f"{node} does not run, so nothing can be done to its network")
        return ["nsenter", "-t", pid, "-n", *command.argv]

    def _run(self, argv: list[str], stdin: str, seconds: float) -> Done:
        try:
            done = subprocess.run(argv, input=stdin, text=True, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise ChaosError(f"{' '.join(argv)[:160]!r} has no end within {seconds:.0f} s") from None
        except OSError as exc:
            raise ChaosError(f"{argv[0]} cannot be run: {exc.strerror or exc}") from None
        return Done(done.returncode, done.stdout, done.stderr)


def _node_of(item: dict[str, Any]) -> NodeOf:
    labels = item["metadata"].get("labels") or {}
    conditions = {one["type"]: one["status"] for one in item["status"].get("conditions") or ()}
    addresses = {one["type"]: one["address"] for one in item["status"].get("addresses") or ()}
    return NodeOf(
        name=item["metadata"]["name"],
        role="control-plane" if "node-role.kubernetes.io/control-plane" in labels else "worker",
        address=addresses.get("InternalIP", ""),
        labels=tuple(sorted(labels.items())),
        ready=conditions.get("Ready") == "True",
        cordoned=bool(item["spec"].get("unschedulable")),
    )
