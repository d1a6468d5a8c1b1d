# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""human_cordon: somebody works on the node."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    # Ours is what a drain has left, and what it was for may go on.
    cordoned = candidate.node.unschedulable and not candidate.node.cordoned_by_us
    return "the node is cordoned: somebody works on it" if cordoned else None


GUARD = Guard("human_cordon", "No repair of a node that a person has cordoned.", _objection, quiet=True)
