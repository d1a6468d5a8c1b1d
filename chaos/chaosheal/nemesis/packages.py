# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which faults a nemesis may use, how often, and for how long. A fault that it may use is a line here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chaosheal.faults import FAULTS


@dataclass(frozen=True)
class Package:
    """A fault as a nemesis uses it.

    :ivar weight: how often it is drawn, compared with the others.
    :ivar lasts: the shortest and the longest time, in seconds.
    :ivar roles: of its targets. A healer's faults are signals to the processes of its run.
    :ivar params: of which one is drawn.
    """

    weight: int
    lasts: tuple[int, int]
    roles: tuple[str, ...] = ("worker",)
    params: tuple[Mapping[str, Any], ...] = (MappingProxyType({}),)


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        "kubelet_stop": Package(10, (60, 900)),
        "kubelet_hang": Package(6, (60, 900)),
        "kubelet_crash_loop": Package(6, (120, 1200), params=({"under": "run"}, {"under": "etc"})),
        "kubelet_bad_config": Package(2, (120, 900)),
        "kubelet_certificate_expired": Package(2, (120, 900)),
        "kubelet_kill": Package(2, (1, 1)),
        "runtime_stop": Package(4, (60, 600)),
        "runtime_hang": Package(3, (60, 600)),
        "kube_proxy_loss": Package(2, (60, 600)),
        "cni_removed": Package(2, (60, 600)),
        "cni_corrupt": Package(2, (60, 600)),
        "node_crash": Package(4, (90, 900)),
        "node_freeze": Package(4, (20, 600)),
        "node_reboot": Package(2, (1, 1)),
        "partition": Package(
            4,
            (30, 400),
            params=tuple(
                {"direction": way, "how": how} for way in ("both", "deaf", "mute") for how in ("drop", "reset")
            ),
        ),
        "packet_loss": Package(2, (60, 400), params=({"percent": 20}, {"percent": 50})),
        "latency": Package(2, (60, 400), params=({"milliseconds": 200}, {"milliseconds": 1000})),
        "rate_limit": Package(1, (60, 400)),
        "dns_failure": Package(1, (60, 400)),
        "cpu_starvation": Package(2, (60, 400)),
        "disk_pressure": Package(1, (60, 400)),
        "memory_pressure": Package(1, (60, 400)),
        "pid_pressure": Package(1, (60, 400)),
        "pod_crash_loop": Package(1, (60, 400)),
        "pod_image_pull": Package(1, (60, 400)),
        "pod_oom": Package(1, (60, 400)),
        "api_server_slow": Package(2, (60, 300), roles=("control-plane",)),
        "api_server_loss": Package(2, (30, 200), roles=("control-plane",)),
        "etcd_loss": Package(1, (30, 200), roles=("control-plane",)),
        "controller_manager_loss": Package(2, (60, 600), roles=("control-plane",)),
        "scheduler_loss": Package(1, (60, 400), roles=("control-plane",)),
        "credentials_revoked": Package(1, (30, 200), roles=("control-plane",)),
        "healer_kill": Package(6, (1, 1), roles=("healer",)),
        "healer_pause": Package(4, (30, 500), roles=("healer",)),
    }
)
# Of the healer itself; they are no faults of a cluster.
HEALER = frozenset({"healer_kill", "healer_pause"})
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "blocked_drain": "it is an obstacle to a repair, and no fault",
        "gpu_loss": "only a node with a device plugin has anything to lose, and a plan does not know which that is",
        "kubelet_flapping": "the shape flapping does the same with faults of its own",
    }
)


def usable(role: str) -> list[str]:
    """The faults that a nemesis may bring about on targets of this role, in a steady order."""
    return sorted(
        name
        for name, package in PACKAGES.items()
        if role in package.roles and (name in HEALER or role in FAULTS[name].roles)
    )
