# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import (
    HISTORY_LIMIT,
    Event,
    MachineError,
    open_incident,
    step,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, incident, node, sick, snapshot

# Written down a second time on purpose: this is what the machine is meant to allow, and nothing else.
LEGAL = {
    ("Suspected", "confirm"): "Unhealthy",
    ("Suspected", "recover"): "Recovered",
    ("Unhealthy", "begin"): "Repairing",
    ("Unhealthy", "recover"): "Recovered",
    ("Unhealthy", "exhaust"): "Escalated",
    ("Repairing", "acted"): "Verifying",
    ("Repairing", "fail"): "Unhealthy",
    ("Repairing", "recover"): "Recovered",
    ("Verifying", "fail"): "Unhealthy",
    ("Verifying", "recover"): "Recovered",
    ("Escalated", "recover"): "Recovered",
    ("Suspected", "leave"): "Gone",
    ("Unhealthy", "leave"): "Gone",
    ("Repairing", "leave"): "Gone",
    ("Verifying", "leave"): "Gone",
    ("Escalated", "leave"): "Gone",
}
PAIRS = list(product(Phase, Event))


def moved(one: Incident, event: Event) -> Incident:
    return step(one, event, NOW, "healer-b", "because", rung="kubelet_restart" if event is Event.BEGIN else "")


@pytest.mark.parametrize(("phase", "event"), PAIRS, ids=[f"{p.value}-{e.value}" for p, e in PAIRS])
def test_every_pair(phase: Phase, event: Event) -> None:
    one = incident(phase=phase)
    target = LEGAL.get((phase.value, event.value))
    if target is None:
        with pytest.raises(MachineError, match=rf"w1-1 is {phase.value}: '{event.value}' has no meaning there"):
            moved(one, event)
    else:
        after = moved(one, event)
        assert after.phase.value == target
        assert after.history[:-1] == one.history
        last = after.history[-1]
        assert (last.at, last.phase, last.by, last.message) == (NOW, after.phase, "healer-b", "because")


def test_the_table_covers_every_phase() -> None:
    assert {phase for phase, _event in LEGAL} | {"Recovered", "Gone"} == {phase.value for phase in Phase}
    assert {event for _phase, event in LEGAL} == {event.value for event in Event}


def test_what_is_not_open_is_the_end() -> None:
    closed = {phase.value for phase in Phase if not phase.is_open}
    assert closed == {"Recovered", "Gone"}
    assert not [pair for pair in LEGAL if pair[0] in closed]


def test_open() -> None:
    (finding,) = judge(snapshot([sick(seconds=200)]), Policy()).findings
    opened = open_incident(finding, 7, NOW, "healer-a")
    assert (opened.name, opened.node, opened.node_uid) == ("w1-7", "w1", "uid-w1")
    assert (opened.phase, opened.since, opened.attempts) == (Phase.SUSPECTED, ago(200), 0)
    assert "heartbeat_expired=False" in opened.evidence
    assert [(m.at, m.phase, m.by) for m in opened.history] == [(NOW, Phase.SUSPECTED, "healer-a")]
    assert opened.history[0].message.startswith("NodeStatusUnknown: Ready is Unknown")
    assert opened.resource_version == ""


def test_open_without_a_start_begins_now() -> None:
    (finding,) = judge(snapshot([node(conditions=())]), Policy()).findings
    assert open_incident(finding, 1, NOW, "healer-a").since == NOW


def test_begin_uses_an_attempt_up() -> None:
    begun = moved(incident(attempted=[1000]), Event.BEGIN)
    assert (begun.attempts, begun.attempted_at, begun.last_attempt) == (2, (ago(1000), NOW), NOW)
    assert begun.rung == "kubelet_restart"


def test_begin_needs_a_rung() -> None:
    with pytest.raises(MachineError, match="needs a rung"):
        step(incident(), Event.BEGIN, NOW, "healer-a", "go")


def test_only_begin_uses_an_attempt_up() -> None:
    for phase, event in PAIRS:
        if (phase.value, event.value) in LEGAL and event is not Event.BEGIN:
            assert moved(incident(phase=phase, attempted=[10]), event).attempted_at == (ago(10),)


def test_the_last_ten_attempts_are_kept() -> None:
    one = incident(attempted=[float(100 - i) for i in range(10)])
    begun = moved(one, Event.BEGIN)
    assert begun.attempts == 11
    assert begun.attempted_at == (*one.attempted_at[1:], NOW)


@pytest.mark.parametrize(
    ("phase", "event", "outcome", "closed"),
    [
        pytest.param(Phase.REPAIRING, Event.FAIL, "RepairFailed", False, id="the role failed"),
        pytest.param(Phase.VERIFYING, Event.FAIL, "RepairFailed", False, id="it did not help"),
        pytest.param(Phase.UNHEALTHY, Event.EXHAUST, "HandedToPeople", False, id="handed to people"),
        pytest.param(Phase.VERIFYING, Event.RECOVER, "Repaired", True, id="repaired"),
        pytest.param(Phase.SUSPECTED, Event.RECOVER, "RecoveredByItself", True, id="a transient"),
        pytest.param(Phase.UNHEALTHY, Event.RECOVER, "RecoveredByItself", True, id="before any repair"),
        pytest.param(Phase.REPAIRING, Event.RECOVER, "RecoveredByItself", True, id="in the middle of a repair"),
        pytest.param(Phase.ESCALATED, Event.RECOVER, "RecoveredByItself", True, id="after people helped"),
        pytest.param(Phase.REPAIRING, Event.LEAVE, "NodeLeft", True, id="the node is gone"),
        pytest.param(Phase.SUSPECTED, Event.CONFIRM, "", False, id="past_threshold"),
        pytest.param(Phase.REPAIRING, Event.ACTED, "", False, id="the role is done"),
    ],
)
def test_outcomes(phase: Phase, event: Event, outcome: str, closed: bool) -> None:
    after = moved(incident(phase=phase), event)
    assert after.outcome == outcome
    assert after.closed_at == (NOW if closed else None)


def test_the_story_is_bounded_and_keeps_its_beginning() -> None:
    one = incident(phase=Phase.REPAIRING)
    first = one.history[0]
    for number in range(HISTORY_LIMIT * 3):
        event = Event.FAIL if one.phase is Phase.REPAIRING else Event.BEGIN
        rung = "kubelet_restart" if event is Event.BEGIN else ""
        one = step(one, event, NOW + timedelta(seconds=number), "healer-a", f"moment {number}", rung)
        assert len(one.history) <= HISTORY_LIMIT
    assert one.history[0] == first
    assert [m.message for m in one.history[1:]] == [f"moment {n}" for n in range(101, 150)]
    assert one.attempts == 75


def test_nothing_is_changed_in_place() -> None:
    one = incident()
    before = repr(one)
    moved(one, Event.BEGIN)
    assert repr(one) == before
