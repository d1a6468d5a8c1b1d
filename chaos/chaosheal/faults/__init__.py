# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault that there is. A new one is a file in this folder, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from chaosheal.model import ChaosError, Fault

_NAMES = (
    "api_server_loss",
    "api_server_slow",
    "blocked_drain",
    "cni_corrupt",
    "cni_removed",
    "controller_manager_loss",
    "cpu_starvation",
    "credentials_revoked",
    "disk_pressure",
    "dns_failure",
    "etcd_loss",
    "gpu_loss",
    "kube_proxy_loss",
    "kubelet_bad_config",
    "kubelet_certificate_expired",
    "kubelet_crash_loop",
    "kubelet_flapping",
    "kubelet_hang",
    "kubelet_kill",
    "kubelet_stop",
    "latency",
    "memory_pressure",
    "node_crash",
    "node_freeze",
    "node_reboot",
    "packet_loss",
    "partition",
    "pid_pressure",
    "pod_crash_loop",
    "pod_image_pull",
    "pod_oom",
    "rate_limit",
    "runtime_hang",
    "runtime_stop",
    "scheduler_loss",
)
FAULTS: Mapping[str, Fault] = MappingProxyType({name: import_module(f"{__name__}.{name}").FAULT for name in _NAMES})


def fault_named(name: str) -> Fault:
    """The fault of that name.

    :raises ChaosError: there is none.
    """
    if name not in FAULTS:
        raise ChaosError(f"there is no fault {ascii(name)[:60]}; expected one of {', '.join(sorted(FAULTS))}")
    return FAULTS[name]
