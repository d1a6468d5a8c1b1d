# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The life of an incident, as a pure state machine.

An attempt counts from the moment it begins, so that a run that was killed half-way has used it up. A phase or an event
that the table does not know is an error, and never a default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Bundle,
    Finding,
    Incident,
    Moment,
    Phase,
    Refusal,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import APPROVED, incident_name

HISTORY_LIMIT = 50
ATTEMPTS_KEPT = 10
REPAIRED = "Repaired"
REFUSALS_KEPT = 20


class MachineError(ValueError):
    """An event that has no meaning in the incident's phase; nothing is changed by it."""


class Event(StrEnum):
    """What can happen to an open incident."""

    CONFIRM = "confirm"
    HOLD = "hold"
    BEGIN = "begin"
    WAIT = "wait"
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
    (Phase.REPAIRING, Event.WAIT): Phase.WAITING,
    (Phase.REPAIRING, Event.ACTED): Phase.VERIFYING,
    (Phase.REPAIRING, Event.FAIL): Phase.UNHEALTHY,
    (Phase.REPAIRING, Event.RECOVER): Phase.RECOVERED,
    (Phase.WAITING, Event.ACTED): Phase.VERIFYING,
    (Phase.WAITING, Event.FAIL): Phase.UNHEALTHY,
    (Phase.VERIFYING, Event.FAIL): Phase.UNHEALTHY,
    (Phase.VERIFYING, Event.RECOVER): Phase.RECOVERED,
    (Phase.ESCALATED, Event.RECOVER): Phase.RECOVERED,
    # Why nothing is done is remembered where nothing is being done.
    **{(phase, Event.HOLD): phase for phase in (Phase.SUSPECTED, Phase.UNHEALTHY, Phase.ESCALATED)},
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


def step(
    incident: Incident,
    event: Event,
    now: datetime,
    by: str,
    message: str,
    rung: str = "",
    seconds: int = 0,
    boot_id: str = "",
    successor: str = "",
    refusals: Iterable[Refusal] = (),
    bundle: Bundle | None = None,
) -> Incident:
    """The incident after the event.

    :param rung: the rung that begins; needed by BEGIN only.
    :param seconds: within how many seconds it must have proven itself (BEGIN), or its node must be back (WAIT).
    :param boot_id: the node's before a repair; for BEGIN.
    :param successor: the UID of the node that has come in its place; for ACTED and RECOVER.
    :param refusals: the guards that say no; for HOLD, which is no moment of the story.
    :param bundle: the evidence that was kept before a repair, or why there is none; for BEGIN. One that the incident
        names already stays.
    :raises MachineError: when the phase does not know the event.
    """
    phase = _NEXT.get((incident.phase, event))
    if phase is None:
        raise MachineError(f"incident {incident.name} is {incident.phase.value}: '{event.value}' has no meaning there")
    if event is Event.HOLD:
        return replace(incident, refusals=tuple(refusals)[:REFUSALS_KEPT], refused_at=now)
    changes: dict[str, object] = {"phase": phase}
    if event is Event.BEGIN:
        if not rung or seconds <= 0:
            raise MachineError(f"incident {incident.name}: 'begin' needs a rung and its seconds")
        changes.update(
            rung=rung,
            attempts=incident.attempts + 1,
            attempted_at=(*incident.attempted_at, now)[-ATTEMPTS_KEPT:],
            deadline=now + timedelta(seconds=seconds),
            wait_until=None,
            boot_id=boot_id,
            successor="",
            refusals=(),
            refused_at=None,
            # What a person has approved is one repair, and not the next one as well.
            annotations={name: value for name, value in incident.annotations.items() if name != APPROVED},
            outcome="",
        )
        if bundle is not None and not (incident.bundle is not None and incident.bundle.name):
            changes["bundle"] = bundle
    if event is Event.WAIT:
        if seconds <= 0:
            raise MachineError(f"incident {incident.name}: 'wait' needs its seconds")
        until = now + timedelta(seconds=seconds)
        # What is left of the repair's time is for the proof, and begins when the node is back.
        left = timedelta(0) if incident.deadline is None else max(timedelta(0), incident.deadline - now)
        changes.update(wait_until=until, deadline=until + left)
    if successor:
        changes["successor"] = successor
    if event is Event.FAIL:
        changes["outcome"] = "RepairFailed"
    if event is Event.EXHAUST:
        changes["outcome"] = "HandedToPeople"
    if event is Event.LEAVE:
        changes.update(outcome="NodeLeft", closed_at=now)
    if event is Event.RECOVER:
        repaired = incident.phase is Phase.VERIFYING
        changes.update(outcome=REPAIRED if repaired else "RecoveredByItself", closed_at=now)
    if not phase.under_repair:
        changes.update(deadline=None, wait_until=None)
    history = (*incident.history, Moment(at=now, phase=phase, by=by, message=message))
    # The beginning of the story is kept, its middle may go.
    if len(history) > HISTORY_LIMIT:
        history = (history[0], *history[-(HISTORY_LIMIT - 1) :])
    return replace(incident, history=history, **changes)  # type: ignore[arg-type]


def _text(evidence: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in evidence.items())
