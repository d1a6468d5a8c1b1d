# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""gpu_node: GPU nodes are rebooted at most; what runs on them cannot go elsewhere, and machines like them are rare."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy


def _objection(candidate: Candidate, _situation: Situation) -> str | None:
    if candidate.node.has_gpu and not Remedy.REBOOT.includes(candidate.rung.remedy):
        return f"it is a GPU node, which is never drained or replaced; {candidate.rung.name} would"
    return None


GUARD = Guard("gpu_node", "GPU nodes are never drained or replaced.", _objection)
