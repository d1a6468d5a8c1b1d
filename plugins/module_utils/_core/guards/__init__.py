# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The registry of guards: a new guard is one file here and one line in GUARDS.

A guard can only say no. All of them are asked, and every refusal is reported.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import (
    approval,
    attempts,
    budget,
    control_plane,
    cooldown,
    etcd_quorum,
    evidence_age,
    excluded,
    failure_domain,
    gpu_node,
    human_cordon,
    identity,
    leaving,
    maintenance_window,
    mass_failure,
    monitor_only,
    pattern,
    paused,
    same_machine,
    storm_cooldown,
    transient_tolerance,
    under_repair,
    vantage_points,
)

GUARDS = (
    monitor_only.GUARD,
    identity.GUARD,
    paused.GUARD,
    excluded.GUARD,
    human_cordon.GUARD,
    same_machine.GUARD,
    leaving.GUARD,
    under_repair.GUARD,
    pattern.GUARD,
    mass_failure.GUARD,
    storm_cooldown.GUARD,
    evidence_age.GUARD,
    transient_tolerance.GUARD,
    cooldown.GUARD,
    attempts.GUARD,
    vantage_points.GUARD,
    gpu_node.GUARD,
    control_plane.GUARD,
    etcd_quorum.GUARD,
    failure_domain.GUARD,
    maintenance_window.GUARD,
    approval.GUARD,
    budget.GUARD,
)
