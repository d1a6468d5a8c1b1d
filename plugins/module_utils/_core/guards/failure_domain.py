# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""failure_domain: no more than a share of a zone or a pool is under repair at once, or taken out of use by people."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    node, percent = candidate.node, situation.policy.max_unavailable_percent
    busy = situation.under_repair
    if candidate.rung.disruptive:
        # A restart of a service takes nothing away from a zone, a reboot does.
        cordoned = {one.name for one in situation.snapshot.nodes or () if one.unschedulable}
        busy = busy | situation.planned_disruptive | cordoned
    for kind, name in node.domains:
        members = situation.snapshot.domain(kind, name)
        others = sorted((busy & members) - {node.name})
        limit = max(1, len(members) * percent // 100)
        if len(others) + 1 > limit:
            return (
                f"{len(others)} of {len(members)} nodes of {kind} {name} are cordoned or under repair"
                f" ({', '.join(others[:3])}); with this one it would be more than {limit} ({percent} %, at least 1)"
            )
    return None


GUARD = Guard(
    "failure_domain",
    "No more than a share of a zone or pool at once; one always may be.",
    _objection,
    steered_by=("max_unavailable_percent",),
)
