# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The ladders: which repair comes first, second, third for a reason. Data, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    node_gpu,
    node_heartbeat,
    node_network,
    node_ready,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DRIVERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


@dataclass(frozen=True)
class Rung:
    """One repair: the role that does it, and within how many seconds the role ends, its connection time-outs included.

    The deadline must be shorter than the shortest lease, which nobody renews while a role is at work; a role whose own
    modules renew it has that time from the last renewal on. ``waits`` is for a role that ends before its node is back,
    as a reboot does, and ``replaces`` for one after which another node is waited for, since its own has left.
    ``driver`` is the setting of the policy that says how it is done; for as long as that is empty, the rung is no part
    of any ladder.
    """

    name: str
    role: str
    about: str
    remedy: Remedy
    deadline: int
    waits: bool = False
    replaces: bool = False
    driver: str = ""

    @property
    def disruptive(self) -> bool:
        """Whether it ends what runs on the node."""
        return not Remedy.RESTART.includes(self.remedy)


KUBELET_RESTART = Rung(
    name="kubelet_restart",
    role="selfheal.kubernetes.kubelet_restart",
    about="restart kubelet",
    remedy=Remedy.RESTART,
    deadline=240,
)
CONTAINER_RUNTIME_RESTART = Rung(
    name="container_runtime_restart",
    role="selfheal.kubernetes.container_runtime_restart",
    about="restart the container runtime",
    remedy=Remedy.RESTART,
    deadline=240,
)
DEVICE_PLUGIN_RESTART = Rung(
    name="device_plugin_restart",
    role="selfheal.kubernetes.device_plugin_restart",
    about="restart the device plugin",
    remedy=Remedy.RESTART,
    deadline=240,
)
CNI_REAPPLY = Rung(
    name="cni_reapply",
    role="selfheal.kubernetes.cni_reapply",
    about="re-apply the network plugin",
    remedy=Remedy.RESTART,
    deadline=240,
)
NODE_REBOOT = Rung(
    name="node_reboot",
    role="selfheal.kubernetes.node_reboot",
    about="reboot the machine",
    remedy=Remedy.REBOOT,
    deadline=240,
    waits=True,
    driver="reboot_driver",
)
NODE_REPLACE = Rung(
    name="node_replace",
    role="selfheal.kubernetes.node_replace",
    about="replace the machine by a new one",
    remedy=Remedy.REPLACE,
    deadline=240,
    waits=True,
    replaces=True,
    driver="replace_driver",
)

Ladders: TypeAlias = "MappingProxyType[str, tuple[Rung, ...]] | dict[str, tuple[Rung, ...]]"
LADDERS: Ladders = MappingProxyType(
    {
        node_ready.NOT_READY: (KUBELET_RESTART, CONTAINER_RUNTIME_RESTART, NODE_REBOOT, NODE_REPLACE),
        node_ready.RUNTIME_DOWN: (CONTAINER_RUNTIME_RESTART, KUBELET_RESTART, NODE_REBOOT, NODE_REPLACE),
        node_ready.NETWORK_DOWN: (CNI_REAPPLY, KUBELET_RESTART, NODE_REBOOT, NODE_REPLACE),
        node_ready.STATUS_UNKNOWN: (KUBELET_RESTART, NODE_REBOOT, NODE_REPLACE),
        node_heartbeat.STOPPED: (KUBELET_RESTART, NODE_REBOOT, NODE_REPLACE),
        node_network.CALICO_DOWN: (CNI_REAPPLY, NODE_REBOOT, NODE_REPLACE),
        node_network.CILIUM_DOWN: (CNI_REAPPLY, NODE_REBOOT, NODE_REPLACE),
        node_gpu.MISMATCH: (DEVICE_PLUGIN_RESTART, KUBELET_RESTART, NODE_REBOOT),
        node_gpu.NONE_ALLOCATABLE: (DEVICE_PLUGIN_RESTART, KUBELET_RESTART, NODE_REBOOT),
    }
)


def usable(ladders: Ladders, policy: Policy) -> Ladders:
    """The ladders without the rungs of which the policy does not say how they are done."""
    return {
        reason: tuple(rung for rung in rungs if not rung.driver or getattr(policy, rung.driver))
        for reason, rungs in ladders.items()
    }


def replacing(ladders: Ladders) -> frozenset[str]:
    """The names of the rungs after which another node is waited for."""
    return frozenset(rung.name for rungs in ladders.values() for rung in rungs if rung.replaces)


def rung_for(reason: str, most: Remedy, attempts: int, ladders: Ladders = LADDERS) -> Rung | None:
    """The rung to try after so many attempts: one step up for each, the last one repeated; None without a ladder.

    :param most: the strongest thing that may be done; what is beyond it is no part of the ladder.
    :param ladders: reason to its rungs, the softest first.
    """
    ladder = _allowed(reason, most, ladders)
    return ladder[min(attempts, len(ladder) - 1)] if ladder else None


def rung_from_afar(reason: str, most: Remedy, last: str, policy: Policy, ladders: Ladders = LADDERS) -> Rung | None:
    """The rung to try on a host that does not answer: the first that its provider carries out without it.

    The rungs below cannot be tried at all, so they neither count nor are waited for.

    :param last: the name of the rung that was tried last, above which it goes on; the last one is repeated.
    """
    ladder = [rung for rung in _allowed(reason, most, ladders) if _works_from_afar(rung, policy)]
    names = [rung.name for rung in ladder]
    at = names.index(last) + 1 if last in names else 0
    return ladder[min(at, len(ladder) - 1)] if ladder else None


def _allowed(reason: str, most: Remedy, ladders: Ladders) -> list[Rung]:
    return [rung for rung in ladders.get(reason, ()) if most.includes(rung.remedy)]


def _works_from_afar(rung: Rung, policy: Policy) -> bool:
    driver = getattr(policy, rung.driver) if rung.driver else ""
    return bool(driver) and not (driver in DRIVERS and DRIVERS[driver].answers)
