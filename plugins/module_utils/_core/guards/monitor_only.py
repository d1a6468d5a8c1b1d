# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""monitor_only: look, and touch nothing. The default."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    if situation.policy.monitor_only:
        where = "monitor-only is on"
        if situation.policy.braked:
            where += " in the cluster's ConfigMap self-healing-config, which no job can lift"
        return where
    return None


GUARD = Guard(
    "monitor_only",
    "Healing must be switched on; it is off by default.",
    _objection,
    quiet=True,
    steered_by=("monitor_only",),
)
