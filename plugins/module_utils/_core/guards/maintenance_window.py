# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""maintenance_window: what ends the work on a node waits for the hours in which that is allowed."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import is_open


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    windows = situation.policy.maintenance_windows
    if candidate.rung.disruptive and not is_open(windows, situation.now):
        return f"a disruptive repair waits for a maintenance window: {'; '.join(map(str, windows))}"
    return None


GUARD = Guard(
    "maintenance_window",
    "Nothing disruptive outside of the maintenance windows.",
    _objection,
    quiet=True,
    steered_by=("maintenance_windows",),
)
