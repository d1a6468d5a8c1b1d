# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every sequence of events that can befall an incident, to a depth: the pure state machine, on its own.

The table of what may follow what stands here once more, as people drew it; the machine must have no other steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import (
    Event,
    MachineError,
    open_incident,
    step,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Incident,
    Phase,
    Refusal,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref

START = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
# Seconds between two events; the limits are longer, but not longer than all of them.
PACE = 100
DEADLINE, WAIT = 250, 150
DRAWN: Mapping[str, Mapping[str, str]] = {
    "Suspected": {"confirm": "Unhealthy", "hold": "Suspected", "recover": "Recovered", "leave": "Gone"},
    "Unhealthy": {
        "begin": "Repairing",
        "hold": "Unhealthy",
        "exhaust": "Escalated",
        "recover": "Recovered",
        "leave": "Gone",
    },
    "Repairing": {
        "wait": "Waiting",
        "acted": "Verifying",
        "fail": "Unhealthy",
        "recover": "Recovered",
        "leave": "Gone",
    },
    "Waiting": {"acted": "Verifying", "fail": "Unhealthy", "leave": "Gone"},
    "Verifying": {"fail": "Unhealthy", "recover": "Recovered", "leave": "Gone"},
    "Escalated": {"hold": "Escalated", "recover": "Recovered", "leave": "Gone"},
    "Recovered": {},
    "Gone": {},
}
FINDING = Finding(
    check="NodeReady",
    target=Ref("Node", "w1", uid="uid-w1"),
    verdict=Verdict.UNHEALTHY,
    reason="NodeStatusUnknown",
    message="it is silent",
    since=START - timedelta(seconds=PACE),
    threshold=300,
)
Step = Callable[..., Incident]


class Wrong(AssertionError):
    """The machine has taken a step that nobody drew, or a wrong one; the message tells the sequence."""


@dataclass(frozen=True)
class Found:
    """What the sequences have shown."""

    depth: int
    sequences: int
    states: int
    refused: int
    phases: frozenset[str]
    seconds: float

    def line(self) -> str:
        """The figures as one line."""
        return (
            f"state machine: {self.sequences} sequences of events to depth {self.depth}, {self.states} states,"
            f" {len(self.phases)} phases, {self.refused} events refused, {self.seconds:.1f} s"
        )


def explore(depth: int = 8, move: Step = step) -> Found:
    """Try every event after every sequence of events that the machine accepts.

    :param move: the machine's step.
    :raises Wrong: when it does what nobody drew.
    """
    begun = time.monotonic()
    layer = [open_incident(FINDING, 1, START, "healer")]
    states = {_state(layer[0])}
    sequences, refused = 1, 0
    for number in range(1, depth + 1):
        now = START + timedelta(seconds=PACE * number)
        below = []
        for incident in layer:
            for event in Event:
                after = _tried(incident, event, now, move)
                if after is None:
                    refused += 1
                    continue
                below.append(after)
                states.add(_state(after))
        sequences += len(below)
        layer = below
    phases = frozenset(state[0] for state in states)
    return Found(depth, sequences, len(states), refused, phases, time.monotonic() - begun)


def _tried(incident: Incident, event: Event, now: datetime, move: Step) -> Incident | None:
    drawn = DRAWN[incident.phase.value].get(event.value)
    before = replace(incident)
    try:
        after = move(
            incident,
            event,
            now,
            "healer",
            event.value,
            rung="reboot",
            seconds=WAIT if event is Event.WAIT else DEADLINE,
            boot_id="boot-1",
            refusals=[Refusal("w1", "reboot", "cooldown", "too soon")],
        )
    except MachineError:
        if drawn is not None:
            raise Wrong(_tell(incident, event, f"it is refused, and {drawn} was drawn")) from None
        after = None
    if incident != before:
        raise Wrong(_tell(incident, event, "it has changed the incident that it was given"))
    if after is None:
        return None
    if drawn is None:
        raise Wrong(_tell(incident, event, f"it leads to {after.phase.value}, and nothing was drawn"))
    wrong = [text for text in _wrong(incident, event, after, drawn, now) if text]
    if wrong:
        raise Wrong(_tell(incident, event, "; ".join(wrong)))
    return after


def _wrong(before: Incident, event: Event, after: Incident, drawn: str, now: datetime) -> Iterable[str]:
    if after.phase.value != drawn:
        yield f"it leads to {after.phase.value}, and {drawn} was drawn"
    if not before.phase.is_open:
        yield "a closed incident has moved"
    if after.attempts != before.attempts + (event is Event.BEGIN):
        yield f"{before.attempts} attempts became {after.attempts}"
    if after.attempts > 0 and (len(after.attempted_at) != min(10, after.attempts) or after.rung != "reboot"):
        yield "an attempt is counted without its time or its rung"
    if event is Event.BEGIN and after.last_attempt != now:
        yield "an attempt is not counted from its beginning"
    if (after.deadline is not None) != after.phase.under_repair:
        yield f"{after.phase.value} with the deadline {after.deadline}"
    if (after.wait_until is not None) != (after.phase is Phase.WAITING) and event is not Event.ACTED:
        yield f"{after.phase.value} with the wait {after.wait_until}"
    if event is Event.WAIT and after.deadline is not None and after.wait_until is not None:
        left = (before.deadline or now) - now
        if after.deadline - after.wait_until != max(timedelta(0), left):
            yield "a wait does not leave the proof its time"
    if (after.closed_at is not None) == after.phase.is_open:
        yield f"{after.phase.value} with the end {after.closed_at}"
    proven = event is Event.RECOVER and before.phase is Phase.VERIFYING
    if (after.outcome == "Repaired") != proven:
        yield f"the outcome is {after.outcome!r}"
    moments = len(after.history) - len(before.history)
    if moments != (event is not Event.HOLD) or (moments and after.history[-1].phase is not after.phase):
        yield "its story does not tell this step"
    if after.history[: len(before.history)] != before.history:
        yield "its story has lost a step"


def _state(incident: Incident) -> tuple[str, int, str, bool, bool, bool]:
    """What its future depends on."""
    late = incident.deadline is not None and incident.history[-1].at > incident.deadline
    told = bool(incident.refusals)
    return incident.phase.value, incident.attempts, incident.outcome, incident.wait_until is not None, late, told


def _tell(incident: Incident, event: Event, wrong: str) -> str:
    way = ", ".join(moment.message for moment in incident.history[1:])
    return f"{incident.phase.value} after [{way}], then {event.value}: {wrong}"
