# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The life of an incident, as a pure state machine.

An attempt counts from the moment it begins, so that a run that was killed half-way has used it up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Incident, Moment, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import incident_name

HISTORY_LIMIT = 50


class MachineError(ValueError):
    """An event that has no meaning in the incident's phase; nothing is changed by it."""


class Event(StrEnum):
    """What can happen to an open incident."""

    CONFIRM = "confirm"
    BEGIN = "begin"
    ACTED = "acted"
    FAIL = "fail"
    RECOVER = "recover"
    EXHAUST = "exhaust"
    LEAVE = "leave"


_NEXT: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.SUSPECTED, Event.CONFIRM): Phase.UNHEALTHY,
    (Phase.SUSPECTED, Event.RECOVER): Phase.RECOVERED,
    (Phase.UNHEALTHY, Event.BEGIN): Phase.REPAIRING,
    (Phase.UNHEALTHY, Event.RECOVER): Phase.RECOVERED,
    (Phase.UNHEALTHY, Event.EXHAUST): Phase.ESCALATED,
    (Phase.REPAIRING, Event.ACTED): Phase.VERIFYING,
    (Phase.REPAIRING, Event.FAIL): Phase.UNHEALTHY,
    (Phase.REPAIRING, Event.RECOVER): Phase.RECOVERED,
    (Phase.VERIFYING, Event.FAIL): Phase.UNHEALTHY,
    (Phase.VERIFYING, Event.RECOVER): Phase.RECOVERED,
    (Phase.ESCALATED, Event.RECOVER): Phase.RECOVERED,
    **{(phase, Event.LEAVE): Phase.GONE for phase in Phase if phase.is_open},
}


def open_incident(finding: Finding, ordinal: int, now: datetime, by: str) -> Incident:
    """A new incident in phase Suspected for a finding."""
    message = f"{finding.reason}: {finding.message}"
    return Incident(
        name=incident_name(finding.node, ordinal),
        node=finding.node,
        node_uid=finding.node_uid,
        check=finding.check,
        reason=finding.reason,
        phase=Phase.SUSPECTED,
        since=finding.since or now,
        evidence=_text(finding.evidence),
        history=(Moment(at=now, phase=Phase.SUSPECTED, by=by, message=message),),
    )


def step(incident: Incident, event: Event, now: datetime, by: str, message: str, rung: str = "") -> Incident:
    """The incident after the event.

    :param rung: the rung that begins; needed by BEGIN only.
    :raises MachineError: when the phase does not know the event.
    """
    phase = _NEXT.get((incident.phase, event))
    if phase is None:
        raise MachineError(f"incident {incident.name} is {incident.phase.value}: '{event.value}' has no meaning there")
    changes: dict[str, object] = {"phase": phase}
    if event is Event.BEGIN:
        if not rung:
            raise MachineError(f"incident {incident.name}: 'begin' needs a rung")
        changes.update(rung=rung, attempts=incident.attempts + 1, attempted_at=(*incident.attempted_at, now)[-10:])
    if event is Event.FAIL:
        changes["outcome"] = "RepairFailed"
    if event is Event.EXHAUST:
        changes["outcome"] = "HandedToPeople"
    if event is Event.LEAVE:
        changes.update(outcome="NodeLeft", closed_at=now)
    if event is Event.RECOVER:
        repaired = incident.phase is Phase.VERIFYING
        changes.update(outcome="Repaired" if repaired else "RecoveredByItself", closed_at=now)
    history = (*incident.history, Moment(at=now, phase=phase, by=by, message=message))
    # The beginning of the story is kept, its middle may go.
    if len(history) > HISTORY_LIMIT:
        history = (history[0], *history[-(HISTORY_LIMIT - 1) :])
    return replace(incident, history=history, **changes)  # type: ignore[arg-type]


def _text(evidence: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in evidence.items())
