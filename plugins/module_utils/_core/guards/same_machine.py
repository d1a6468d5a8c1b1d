# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""same_machine: a node that shares its machine with another one is not repaired.

A machine that joined again under a new name leaves its old Node behind, with its address and its machine-id. What is
done to the old node happens to the new one, which may be well, and proves nothing.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    node = candidate.node
    for mark in node.marks:
        others = [name for name in situation.snapshot.marked(mark) if name != node.name]
        if others:
            return f"node {others[0]} says that it is the same machine ({mark}): delete the Node that is no more"
    return None


GUARD = Guard("same_machine", "No other node has the same address or machine-id.", _objection)
