# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""budget: a few nodes are repaired at once, and then looked at again; the rest waits for the next run."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    limit = situation.policy.max_repairs
    busy = (situation.planned | situation.under_repair) - {candidate.node.name}
    if len(busy) >= limit:
        return f"{len(busy)} repairs are planned or under way; the limit is {limit}"
    return None


GUARD = Guard("budget", "No more than a few repairs at once.", _objection, quiet=True, steered_by=("max_repairs",))
