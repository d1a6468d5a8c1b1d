# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""excluded: the node carries the label that takes it out of healing for good."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation

LABEL = "selfheal.kubernetes/exclude"


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    value = candidate.node.labels.get(LABEL)
    return None if value is None else f"label {LABEL}={value!r} excludes the node"


GUARD = Guard("excluded", f"No repair of a node with the label {LABEL}.", _objection, quiet=True)
