# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""mass_failure: when many nodes fail at once the cause is not in the nodes, and nobody is touched."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    nodes = situation.snapshot.nodes
    heartbeats = situation.snapshot.heartbeats
    if nodes is None or heartbeats is None:
        return "the sick nodes cannot be counted, because nodes or their Leases could not be read"
    # NodeHeartbeat is among the checks, so that nodes which a stopped controller-manager leaves Ready count as well.
    sick = situation.judgement.nodes_down
    percent = situation.policy.mass_failure_percent
    limit = max(1, len(nodes) * percent // 100)
    if sick > limit:
        return f"{sick} of {len(nodes)} nodes are sick or silent; the limit is {limit} ({percent} %, at least 1)"
    return None


GUARD = Guard("mass_failure", "No repair while more than a share of all nodes is sick; one always may be.", _objection)
