# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""pattern: what several objects have in common is mended at its cause, not on each of them."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    found = situation.judgement.pattern_of(candidate.node.ref)
    if found is None:
        return None
    count = len(found.members)
    return (
        f"the node is part of {found.pattern} ({found.cause}), which has {count} member{'' if count == 1 else 's'}:"
        f" they are not repaired one by one; {found.remedy}"
    )


GUARD = Guard(
    "pattern",
    "No repair of a node whose trouble has a cause outside of it, or comes and goes.",
    _objection,
    steered_by=("flapping_changes",),
)
