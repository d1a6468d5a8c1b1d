# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of guards share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import HEALING, NOW, UID, snapshot

BY_NAME = {guard.name: guard for guard in GUARDS}


def ask(
    guard: str,
    nodes: list[Node],
    policy: Policy = HEALING,
    incident: Incident | None = None,
    expected_uid: str | None = UID,
    rung: Rung = KUBELET_RESTART,
    late: float = 0,
    about: Mapping[str, Any] | None = None,
    **changes: object,
) -> str | None:
    """What the guard says about repairing the first node, as the plan would ask it.

    :param late: so many seconds after the look.
    :param about: what else the plan knows, as the fields of ``Situation``.
    """
    seen = snapshot(nodes, **changes)
    judgement = judge(seen, policy)
    finding = judgement.worst(nodes[0].name) or judgement.of_node(nodes[0].name)[0]
    attempted_at = incident.attempted_at if incident else ()
    candidate = Candidate(nodes[0], finding, incident, rung, finding.since or NOW, attempted_at)
    now = NOW + timedelta(seconds=late)
    situation = Situation(seen, judgement, policy, now, expected_uid, **(about or {}))
    return BY_NAME[guard].objection(candidate, situation)
