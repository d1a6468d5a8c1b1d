# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What a guard is, and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Incident, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm


@dataclass(frozen=True)
class Candidate:
    """A repair that is being thought about; ``silent`` if it is one for a host that gives no answer.

    ``attempted_at`` holds every attempt on the node that is remembered, those of closed incidents too: a node that
    comes back and fails again must not be restarted for ever.
    """

    node: Node
    finding: Finding
    incident: Incident | None
    rung: Rung
    since: datetime
    attempted_at: tuple[datetime, ...] = ()
    silent: bool = False


@dataclass(frozen=True)
class Situation:
    """Everything a guard may look at besides the candidate.

    ``planned`` are the nodes for which this run has planned a repair already, ``planned_disruptive`` those of them that
    it would take down, ``under_repair`` those whose repair has begun. ``storm`` is the last one that is
    remembered, ``waited_for`` the names of the rungs after which a node is waited for.
    """

    snapshot: Snapshot
    judgement: Judgement
    policy: Policy
    now: datetime
    expected_uid: str | None
    planned: frozenset[str] = frozenset()
    planned_disruptive: frozenset[str] = frozenset()
    under_repair: frozenset[str] = frozenset()
    storm: Storm | None = None
    waited_for: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Guard:
    """A rule that can only say no: ``objection`` gives the reason with the numbers it saw, or None.

    ``quiet`` is for refusals that ask for nobody's attention: time settles them, or a person has wanted them.
    ``steered_by`` are the settings that it looks at.
    """

    name: str
    about: str
    objection: Callable[[Candidate, Situation], str | None]
    quiet: bool = False
    steered_by: tuple[str, ...] = ()
