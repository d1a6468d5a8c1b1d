# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""vantage_points: a node is taken down only when more than one witness says that it is dead.

The API server's Ready condition and the node's own Lease go different ways: one is set by the controller-manager, the
other renewed by kubelet. Where only one of them speaks, the other side may be at fault. What a kubelet says of its own
machine (a disk that is full, a GPU that is gone) needs no second witness.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_heartbeat, node_ready
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation

ALIVE = (node_ready.CHECK.name, node_heartbeat.CHECK.name)


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    if not candidate.rung.disruptive or candidate.finding.check not in ALIVE:
        return None
    node = candidate.node
    heartbeat = (situation.snapshot.heartbeats or {}).get(node.name)
    silent = heartbeat is None or not heartbeat.alive(situation.snapshot.observed_at)
    ready = node.condition("Ready")
    # A kubelet that renews its Lease and says itself that it is not Ready is a witness for its own trouble.
    own_words = not silent and ready is not None and ready.status == "False"
    alive = [name for name, speaks in (("Ready", node.is_ready), ("its Lease", not silent)) if speaks]
    return None if own_words or not alive else f"the node is called dead, and alive by {' and '.join(alive)}"


GUARD = Guard("vantage_points", "Nothing disruptive unless more than one witness calls the node dead.", _objection)
