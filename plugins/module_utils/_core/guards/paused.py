# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""paused: a person has put an annotation on the node that says hands off."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation

ANNOTATION = "selfheal.kubernetes/paused"


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    value = candidate.node.annotations.get(ANNOTATION)
    # Any value pauses, even "false": someone who wrote it at 3 a.m. wanted attention, not an argument.
    return None if value is None else f"annotation {ANNOTATION}={value!r} is on the node; take it off to allow repairs"


GUARD = Guard("paused", f"No repair of a node with the annotation {ANNOTATION}.", _objection, quiet=True)
