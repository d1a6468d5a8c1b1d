# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The policy: every setting and its default. Ranges stand in ``settings.py``, which reads and validates one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window


@dataclass(frozen=True)
class ServiceProbe:
    """A Service port that is asked for an answer through the API server's proxy; ``kind`` is http, https or tcp."""

    namespace: str
    name: str
    port: str
    kind: str = "http"
    path: str = "/"


@dataclass(frozen=True)
class Policy:
    """All the settings, with their defaults."""

    monitor_only: bool = True
    health_check_interval: int = 30
    node_failure_threshold: int = 3
    pod_restart_threshold: int = 5
    recovery_timeout: int = 300
    notification_enabled: bool = True
    transient_tolerance: int = 120
    cooldown: int = 300
    cooldown_max: int = 3600
    max_attempts: int = 3
    attempt_window: int = 86400
    repair_deadline: int = 600
    reboot_driver: str = ""
    replace_driver: str = ""
    waiting_timeout: int = 600
    waiting_timeout_gpu: int = 2400
    waiting_timeout_replace: int = 1800
    canary_image: str = ""
    canary_storage_class: str = ""
    canary_timeout: int = 120
    evidence_age: int = 60
    mass_failure_percent: int = 20
    storm_cooldown: int = 600
    max_unavailable_percent: int = 20
    max_repairs: int = 10
    lease_duration: int = 300
    incident_retention: int = 604800
    suspects_limit: int = 200
    pod_oom_window: int = 3600
    cpu_percent: int = 80
    memory_percent: int = 85
    disk_percent: int = 90
    response_time_ms: int = 1000
    error_rate_percent: int = 5
    probe_count: int = 5
    api_latency_ms: int = 1000
    clock_skew: int = 10
    certificate_days: int = 30
    flapping_changes: int = 5
    baseline_warmup: int = 50
    baseline_deviations: int = 6
    kubelet_summary: bool = False
    api_endpoints: tuple[str, ...] = ()
    node_daemonsets: tuple[str, ...] = (
        "calico-node",
        "cilium",
        "kube-flannel-ds",
        "kube-proxy",
    )
    service_probes: tuple[ServiceProbe, ...] = ()
    maintenance_windows: tuple[Window, ...] = ()
    approval_required: tuple[Remedy, ...] = ()
    paused: str = ""
    disabled_checks: frozenset[str] = frozenset()
    thresholds: Mapping[str, int] = field(default_factory=dict)
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    # Not settings, but what became of reading them: why those of the cluster could not be used (nothing is repaired
    # then), and whether the cluster's owner has set monitor_only there, which no job can lift.
    trouble: str = ""
    braked: bool = False
    # The cluster's own pause, which holds beside the one that a job may ask for.
    owner_paused: str = ""

    def waiting_time(self, gpu: bool) -> int:
        """Seconds within which a node must be back from a reboot."""
        return self.waiting_timeout_gpu if gpu else self.waiting_timeout

    @property
    def soft_rung_after(self) -> int:
        """Seconds of trouble after which a service may be restarted: so many looks in a row would have seen it."""
        return self.node_failure_threshold * self.health_check_interval
