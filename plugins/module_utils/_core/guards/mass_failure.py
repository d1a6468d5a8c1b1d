# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""mass_failure: when many nodes fail at once the cause is not in the nodes, and nobody is touched."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import too_many


def _objection(_candidate: Candidate, situation: Situation) -> str | None:
    return too_many(situation.snapshot, situation.judgement, situation.policy) or None


GUARD = Guard(
    "mass_failure",
    "No repair while more than a share of all nodes is sick; one always may be.",
    _objection,
    steered_by=("mass_failure_percent",),
)
