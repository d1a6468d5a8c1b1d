# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each fault of a nemesis does to the simulated cluster, and which have no effect that it could show.

A fault is here or there, and plans for the simulation are made without those of ``NOT_MODELLED``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Forbidden
from ansible_collections.selfheal.kubernetes.tests.simulation.world import (
    CONTROLLER_LEASE_SECONDS,
    CURES,
    REBOOT_SECONDS,
    SimNode,
    World,
)
from chaosheal.model import ChaosError
from chaosheal.nemesis.packages import PACKAGES
from chaosheal.nemesis.plan import Step

# How long the load balancer sends requests to an API server that is gone.
FAILOVER_SECONDS = 10
_NO_PODS = "the simulated cluster has no pods"
_NO_NETWORK = "a simulated kubelet reaches the API server or does not, there is nothing between"
NOT_MODELLED: Mapping[str, str] = {
    "runtime_stop": "a simulated node has no container runtime: it is Ready or silent",
    "runtime_hang": "a simulated node has no container runtime: it is Ready or silent",
    "kube_proxy_loss": _NO_PODS,
    "cni_removed": _NO_PODS,
    "cni_corrupt": _NO_PODS,
    "packet_loss": _NO_NETWORK,
    "latency": _NO_NETWORK,
    "rate_limit": _NO_NETWORK,
    "dns_failure": _NO_PODS,
    "cpu_starvation": "a simulated kubelet renews its Lease in time or not at all",
    "disk_pressure": "no rung of the simulation's ladders is for pressure",
    "memory_pressure": "no rung of the simulation's ladders is for pressure",
    "pid_pressure": "no rung of the simulation's ladders is for pressure",
    "pod_crash_loop": _NO_PODS,
    "pod_image_pull": _NO_PODS,
    "pod_oom": _NO_PODS,
    "scheduler_loss": _NO_PODS,
}


class Stage(World):
    """A world in which the steps of a plan can be brought about and taken back.

    ``active`` are the steps that have been brought about and not yet taken back, by their idents.
    """

    def __init__(self, nodes: list[SimNode]) -> None:
        self.active: dict[str, Step] = {}
        super().__init__(nodes)
        self._lost_at = self.now - timedelta(seconds=FAILOVER_SECONDS)

    @property
    def planes(self) -> list[str]:
        """The nodes of the control plane, by name."""
        return sorted(name for name, node in self.nodes.items() if node.control_plane)

    def target(self, step: Step) -> str:
        """The node that a step is about.

        :raises ChaosError: there is no such node.
        """
        names = self.planes if step.role == "control-plane" else sorted(set(self.nodes) - set(self.planes))
        if step.index >= len(names):
            raise ChaosError(f"{step.ident}: there is no {step.role} {step.index}")
        return names[step.index]

    def begin(self, step: Step) -> None:
        """Bring a step about."""
        self.active[step.ident] = step
        self.counts[f"fault {step.fault}"] += 1
        if step.role != "healer":
            EFFECTS[step.fault].begin(self, step)

    def end(self, step: Step) -> None:
        """Take a step back, as far as no other one does the same to its target."""
        del self.active[step.ident]
        if step.role != "healer" and not self._same(step):
            EFFECTS[step.fault].end(self, step)

    # --- the API server

    @property
    def silent(self) -> bool:
        """Whether nobody answers for the API server."""
        lost, members = self._hit("api_server_loss", "etcd_loss"), self._hit("etcd_loss")
        planes = len(self.planes)
        return (
            len(lost) == planes
            or len(members) > (planes - 1) // 2
            or (self.now - self._lost_at).total_seconds() < FAILOVER_SECONDS
        )

    @property
    def slow(self) -> float:
        """The share of the API servers that are slow."""
        return len(self._hit("api_server_slow")) / len(self.planes)

    def read(self, path: str) -> dict[str, Any]:
        """One object."""
        self._permit("GET", path)
        return super().read(path)

    def listing(self, path: str) -> dict[str, Any]:
        """Every object of a kind."""
        self._permit("GET", path)
        return super().listing(path)

    def create(self, by: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A new object."""
        self._permit("POST", path)
        return super().create(by, path, body)

    @property
    def revoked(self) -> bool:
        """Whether the healers have lost their rights."""
        return bool(self._hit("credentials_revoked"))

    def _permit(self, method: str, path: str) -> None:
        # Writes but the first read what they change, so they ask here as well.
        if self.revoked:
            raise Forbidden(f"{method} {path}: HTTP 403")

    def lose_api_server(self) -> None:
        """The load balancer has not noticed yet that one is gone."""
        self._lost_at = self.now

    def _hit(self, *faults: str) -> set[int]:
        return {step.index for step in self.active.values() if step.fault in faults}

    def _same(self, step: Step) -> bool:
        if step.role == "worker":
            return any(one.target == step.target for one in self.active.values())
        return any((one.fault, one.target) == (step.fault, step.target) for one in self.active.values())


@dataclass(frozen=True)
class Effect:
    """How a fault changes the world, and how that is taken back."""

    begin: Callable[[Stage, Step], None]
    end: Callable[[Stage, Step], None]


def _nothing(_stage: Stage, _step: Step) -> None:
    """It passes by itself, or shows in what is answered for as long as it is active."""


def _stop(stage: Stage, step: Step, cure: str = "kubelet_restart") -> None:
    stage.stop_kubelet(stage.target(step), cure)


def _crash_loop(stage: Stage, step: Step) -> None:
    # What is under /run does not outlive a restart of the machine.
    _stop(stage, step, "reboot" if step.params.get("under", "run") == "run" else "replace")


def _kill_kubelet(stage: Stage, step: Step) -> None:
    node = stage.nodes[stage.target(step)]
    _stop(stage, step)
    if node.machine.at(stage.now):
        # systemd starts it again.
        node.kubelet.set(True, stage.now + timedelta(seconds=1))


def _start(stage: Stage, step: Step) -> None:
    """The kubelet runs again, with its machine if that is just restarting."""
    node = stage.nodes[stage.target(step)]
    back = node.machine.first(True, stage.now, stage.now + timedelta(seconds=REBOOT_SECONDS))
    if back is None:
        stage.recover(node.name)
    else:
        node.kubelet.set(True, back)


def _crash(stage: Stage, step: Step) -> None:
    stage.kill_machine(stage.target(step))


def _power_on(stage: Stage, step: Step) -> None:
    stage.recover(stage.target(step))


def _freeze(stage: Stage, step: Step) -> None:
    node = stage.nodes[stage.target(step)]
    # A machine that is off cannot stand still.
    if node.machine.at(stage.now):
        node.machine.set(False, stage.now)
        stage.stop_kubelet(node.name, "none")


def _thaw(stage: Stage, step: Step) -> None:
    node = stage.nodes[stage.target(step)]
    # It has not restarted, so its boot ID is the old one.
    node.machine.set(True, stage.now)
    node.kubelet.set(True, stage.now)


def _reboot(stage: Stage, step: Step) -> None:
    node = stage.nodes[stage.target(step)]
    if node.machine.at(stage.now):
        stage.restart_machine(node.name, cured=True)


def _lose_controllers(stage: Stage, step: Step) -> None:
    stage.controllers.set(False, stage.now)
    if len(stage.planes) > 1:
        # The one that is lost was the leader; another one takes over when its Lease has run out.
        stage.controllers.set(True, stage.now + timedelta(seconds=CONTROLLER_LEASE_SECONDS))


def _restore_controllers(stage: Stage, step: Step) -> None:
    stage.controllers.set(True, stage.now)


def _lose_api_server(stage: Stage, step: Step) -> None:
    stage.lose_api_server()


def _lose_etcd(stage: Stage, step: Step) -> None:
    # An API server asks the member beside it.
    stage.lose_api_server()
    stage.nodes[stage.target(step)].etcd.set(False, stage.now)


def _restore_etcd(stage: Stage, step: Step) -> None:
    stage.nodes[stage.target(step)].etcd.set(True, stage.now)


# A cure is the weakest of the simulation's rungs that makes it good.
EFFECTS: Mapping[str, Effect] = {
    "kubelet_stop": Effect(_stop, _start),
    "kubelet_hang": Effect(_stop, _start),
    "kubelet_crash_loop": Effect(_crash_loop, _start),
    "kubelet_bad_config": Effect(partial(_stop, cure="replace"), _start),
    "kubelet_certificate_expired": Effect(partial(_stop, cure="replace"), _start),
    "kubelet_kill": Effect(_kill_kubelet, _nothing),
    "node_crash": Effect(_crash, _power_on),
    "node_freeze": Effect(_freeze, _thaw),
    "node_reboot": Effect(_reboot, _nothing),
    # Heartbeats need both directions, and the rules are gone when the node restarts; its host is reached another way.
    "partition": Effect(partial(_stop, cure="reboot"), _start),
    "api_server_slow": Effect(_nothing, _nothing),
    "api_server_loss": Effect(_lose_api_server, _nothing),
    "etcd_loss": Effect(_lose_etcd, _restore_etcd),
    "controller_manager_loss": Effect(_lose_controllers, _restore_controllers),
    "credentials_revoked": Effect(_nothing, _nothing),
    # Whoever plays the plan does these to the healers.
    "healer_kill": Effect(_nothing, _nothing),
    "healer_pause": Effect(_nothing, _nothing),
}


def cure_of(stage: Stage, step: Step) -> str:
    """The rung that makes a step's target well for good; empty when none does, or nothing is to be made good."""
    if step.role != "worker" or step.fault in ("kubelet_kill", "node_reboot"):
        return ""
    cure = stage.nodes[stage.target(step)].cure
    return cure if cure in CURES[:-1] else ""


def known(step: Step) -> None:
    """See that a step can be played here.

    :raises ChaosError: it has no effect that the simulation could show, or is unknown.
    """
    if step.fault not in EFFECTS:
        why = NOT_MODELLED.get(step.fault, "it is no fault of a nemesis")
        raise ChaosError(f"{step.ident}: {step.fault} cannot be played in the simulation: {why}")
    if step.role not in PACKAGES[step.fault].roles:
        raise ChaosError(f"{step.ident}: {step.fault} is nothing that befalls a {step.role}")
