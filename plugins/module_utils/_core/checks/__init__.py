# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The registry of checks: a new check is one file here and one line in CHECKS."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import (
    api_server,
    baseline_deviation,
    certificate_expiry,
    clock_skew,
    controllers,
    etcd_members,
    kubelet_version,
    node_cpu,
    node_daemonsets,
    node_disk,
    node_disk_pressure,
    node_draining,
    node_gpu,
    node_heartbeat,
    node_memory,
    node_memory_pressure,
    node_network,
    node_never_joined,
    node_pid_pressure,
    node_ready,
    pod_crash_loop,
    pod_failed,
    pod_image,
    pod_not_ready,
    pod_oom,
    pod_pending,
    pod_restarts,
    pod_terminating,
    pods_left_out,
    service_endpoints,
    service_probe,
)

CHECKS = (
    node_ready.CHECK,
    node_heartbeat.CHECK,
    node_never_joined.CHECK,
    node_network.CHECK,
    node_disk_pressure.CHECK,
    node_memory_pressure.CHECK,
    node_pid_pressure.CHECK,
    node_gpu.CHECK,
    node_draining.CHECK,
    kubelet_version.CHECK,
    clock_skew.CHECK,
    api_server.CHECK,
    etcd_members.CHECK,
    controllers.CHECK,
    certificate_expiry.CHECK,
    node_daemonsets.CHECK,
    pod_failed.CHECK,
    pod_crash_loop.CHECK,
    pod_image.CHECK,
    pod_pending.CHECK,
    pod_not_ready.CHECK,
    pod_restarts.CHECK,
    pod_oom.CHECK,
    pod_terminating.CHECK,
    pods_left_out.CHECK,
    service_endpoints.CHECK,
    service_probe.CHECK,
    node_cpu.CHECK,
    node_memory.CHECK,
    node_disk.CHECK,
    baseline_deviation.CHECK,
)
