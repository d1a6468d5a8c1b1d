# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import (
    HISTORY_LIMIT,
    REFUSALS_KEPT,
    Event,
    MachineError,
    open_incident,
    step,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle, Incident, Phase, Refusal
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, incident, node, sick, snapshot
from hypothesis import given
from hypothesis import strategies as st

# Written down a second time on purpose: this is what the machine is meant to allow, and nothing else.
LEGAL = {
    ("Suspected", "confirm"): "Unhealthy",
    ("Suspected", "recover"): "Recovered",
    ("Unhealthy", "begin"): "Repairing",
    ("Unhealthy", "recover"): "Recovered",
    ("Unhealthy", "exhaust"): "Escalated",
    ("Repairing", "wait"): "Waiting",
    ("Repairing", "acted"): "Verifying",
    ("Repairing", "fail"): "Unhealthy",
    ("Repairing", "recover"): "Recovered",
    ("Waiting", "acted"): "Verifying",
    ("Waiting", "fail"): "Unhealthy",
    ("Verifying", "fail"): "Unhealthy",
    ("Verifying", "recover"): "Recovered",
    ("Escalated", "recover"): "Recovered",
    ("Suspected", "leave"): "Gone",
    ("Unhealthy", "leave"): "Gone",
    ("Repairing", "leave"): "Gone",
    ("Waiting", "leave"): "Gone",
    ("Verifying", "leave"): "Gone",
    ("Escalated", "leave"): "Gone",
    ("Suspected", "hold"): "Suspected",
    ("Unhealthy", "hold"): "Unhealthy",
    ("Escalated", "hold"): "Escalated",
}
PAIRS = list(product(Phase, Event))
LEGAL_PAIRS = [(phase, event) for phase, event in PAIRS if (phase.value, event.value) in LEGAL]
SOME = (Refusal("w1", "kubelet_restart", "cooldown", "300 s"), Refusal("w1", "kubelet_restart", "paused", "by me"))


def moved(one: Incident, event: Event, now: datetime = NOW, seconds: int = 600) -> Incident:
    """The incident after the event, with all that any event needs."""
    begins = event is Event.BEGIN
    return step(
        one,
        event,
        now,
        "healer-b",
        "because",
        rung="kubelet_restart" if begins else "",
        seconds=seconds if begins or event is Event.WAIT else 0,
        boot_id="boot-7" if begins else "",
        refusals=SOME if event is Event.HOLD else (),
    )


def under(phase: Phase, **changes: object) -> Incident:
    """An incident in that phase with everything that a repair leaves in it."""
    times = {"deadline": ago(-500), "wait_until": ago(-100)} if phase.under_repair else {}
    return incident(phase=phase, attempted=[100], **{"boot_id": "boot-1", **times, **changes})


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
        if event is Event.HOLD:
            assert after.history == one.history, "what is not done is no moment of the story"
            return
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


@pytest.mark.parametrize(("rung", "seconds"), [("", 600), ("kubelet_restart", 0), ("kubelet_restart", -1)])
def test_begin_needs_a_rung_and_its_seconds(rung: str, seconds: int) -> None:
    with pytest.raises(MachineError, match="w1-1: 'begin' needs a rung and its seconds"):
        step(incident(), Event.BEGIN, NOW, "healer-a", "go", rung=rung, seconds=seconds)


def test_begin_sets_everything_that_belongs_to_one_repair_anew() -> None:
    one = incident(
        outcome="RepairFailed", boot_id="boot-1", refusals=SOME, refused_at=ago(9), wait_until=ago(7), deadline=ago(8)
    )
    begun = moved(one, Event.BEGIN, seconds=450)
    assert begun.deadline == NOW + timedelta(seconds=450)
    assert (begun.boot_id, begun.outcome, begun.wait_until) == ("boot-7", "", None)
    assert (begun.refusals, begun.refused_at) == ((), None)


def test_the_evidence_that_is_named_stays_and_a_reason_gives_way_to_it() -> None:
    def begun(one: Incident, bundle: Bundle | None) -> Bundle | None:
        return step(one, Event.BEGIN, NOW, "healer-a", "go", rung="r", seconds=9, bundle=bundle).bundle

    none, kept, other = Bundle(reason="no folder"), Bundle("a", "b", 7), Bundle("c", "d", 8)
    assert begun(incident(), None) is None
    assert begun(incident(), none) == begun(incident(bundle=none), None) == none
    assert begun(incident(bundle=none), kept) == begun(incident(bundle=kept), None) == kept
    assert begun(incident(bundle=kept), other) == begun(incident(bundle=kept), none) == kept


# --- waiting for a reboot


@pytest.mark.parametrize("seconds", [0, -5])
def test_wait_needs_its_seconds(seconds: int) -> None:
    with pytest.raises(MachineError, match="w1-1: 'wait' needs its seconds"):
        moved(under(Phase.REPAIRING), Event.WAIT, seconds=seconds)


@pytest.mark.parametrize(
    ("deadline", "left"),
    [
        pytest.param(ago(-400), 400, id="what is left is for the proof"),
        pytest.param(ago(0), 0, id="nothing is left"),
        pytest.param(ago(50), 0, id="less than nothing is nothing"),
        pytest.param(None, 0, id="nobody has said"),
    ],
)
def test_the_deadline_moves_on_by_the_time_for_the_reboot(deadline: datetime | None, left: int) -> None:
    after = moved(under(Phase.REPAIRING, deadline=deadline, wait_until=None), Event.WAIT, seconds=2400)
    assert after.wait_until == NOW + timedelta(seconds=2400)
    assert after.deadline == NOW + timedelta(seconds=2400 + left)
    assert (after.boot_id, after.rung, after.attempts) == ("boot-1", "kubelet_restart", 1)


def test_back_from_the_reboot_the_deadline_stays() -> None:
    one = under(Phase.WAITING)
    after = moved(one, Event.ACTED)
    assert (after.deadline, after.wait_until) == (one.deadline, one.wait_until) == (ago(-500), ago(-100))


@pytest.mark.parametrize(("phase", "event"), LEGAL_PAIRS, ids=[f"{p.value}-{e.value}" for p, e in LEGAL_PAIRS])
def test_deadlines_are_there_for_as_long_as_a_repair_is(phase: Phase, event: Event) -> None:
    after = moved(under(phase), event)
    assert (after.deadline is not None) is after.phase.under_repair
    if not after.phase.under_repair:
        assert after.wait_until is None


# --- why nothing is done


@pytest.mark.parametrize("phase", [Phase.SUSPECTED, Phase.UNHEALTHY, Phase.ESCALATED])
def test_hold_remembers_the_refusals_and_changes_nothing_else(phase: Phase) -> None:
    one = under(phase, refusals=(Refusal("w1", "reboot", "identity", "another"),), refused_at=ago(99))
    after = moved(one, Event.HOLD)
    assert (after.refusals, after.refused_at) == (SOME, NOW)
    assert replace(after, refusals=one.refusals, refused_at=one.refused_at) == one


def test_hold_with_nothing_forgets_them() -> None:
    after = step(incident(refusals=SOME), Event.HOLD, NOW, "healer-a", "")
    assert after.refusals == ()


def test_no_more_refusals_are_kept_than_the_schema_allows() -> None:
    many = tuple(Refusal("w1", "reboot", f"guard-{n}", "") for n in range(REFUSALS_KEPT + 3))
    after = step(incident(), Event.HOLD, NOW, "healer-a", "", refusals=many)
    assert after.refusals == many[:REFUSALS_KEPT]


@pytest.mark.parametrize(("phase", "event"), LEGAL_PAIRS, ids=[f"{p.value}-{e.value}" for p, e in LEGAL_PAIRS])
def test_refusals_are_kept_until_the_next_repair_begins(phase: Phase, event: Event) -> None:
    if event is Event.HOLD:
        return
    after = moved(under(phase, refusals=SOME, refused_at=ago(99)), event)
    assert (after.refusals, after.refused_at) == (((), None) if event is Event.BEGIN else (SOME, ago(99)))


@given(st.lists(st.tuples(st.sampled_from(Event), st.integers(0, 900), st.integers(1, 3000)), max_size=30))
def test_what_holds_in_every_story(events: list[tuple[Event, int, int]]) -> None:
    one, now = incident(phase=Phase.SUSPECTED), NOW
    for event, later, seconds in events:
        now += timedelta(seconds=later)
        if (one.phase.value, event.value) not in LEGAL:
            continue
        one = moved(one, event, now, seconds)
        assert one.phase.is_open is (one.closed_at is None)
        assert (one.deadline is not None) is one.phase.under_repair
        if one.phase is Phase.REPAIRING:
            assert one.wait_until is None
        if one.phase is Phase.WAITING:
            assert one.wait_until is not None and one.deadline is not None
            assert now < one.wait_until <= one.deadline
        assert one.attempts >= len(one.attempted_at)
        assert all(a.at <= b.at for a, b in zip(one.history, one.history[1:], strict=False))


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
        pytest.param(Phase.WAITING, Event.FAIL, "RepairFailed", False, id="it did not come back"),
        pytest.param(Phase.SUSPECTED, Event.RECOVER, "RecoveredByItself", True, id="a transient"),
        pytest.param(Phase.UNHEALTHY, Event.RECOVER, "RecoveredByItself", True, id="before any repair"),
        pytest.param(Phase.REPAIRING, Event.RECOVER, "RecoveredByItself", True, id="in the middle of a repair"),
        pytest.param(Phase.ESCALATED, Event.RECOVER, "RecoveredByItself", True, id="after people helped"),
        pytest.param(Phase.REPAIRING, Event.LEAVE, "NodeLeft", True, id="the node is gone"),
        pytest.param(Phase.SUSPECTED, Event.CONFIRM, "", False, id="past_threshold"),
        pytest.param(Phase.REPAIRING, Event.WAIT, "", False, id="it restarts"),
        pytest.param(Phase.WAITING, Event.ACTED, "", False, id="it is back"),
        pytest.param(Phase.REPAIRING, Event.ACTED, "", False, id="the role is done"),
    ],
)
def test_outcomes(phase: Phase, event: Event, outcome: str, closed: bool) -> None:
    after = moved(incident(phase=phase), event)
    assert after.outcome == outcome
    assert after.closed_at == (NOW if closed else None)


def test_an_approval_is_for_one_repair() -> None:
    kept = {"team": "storage"}
    one = incident(annotations={"selfheal.kubernetes/approved": "reboot", **kept})
    for event in (Event.HOLD, Event.EXHAUST):
        assert moved(one, event).annotations == one.annotations
    assert moved(one, Event.BEGIN).annotations == kept


def test_the_story_is_bounded_and_keeps_its_beginning() -> None:
    one = incident(phase=Phase.REPAIRING)
    first = one.history[0]
    for number in range(HISTORY_LIMIT * 3):
        event = Event.FAIL if one.phase is Phase.REPAIRING else Event.BEGIN
        rung = "kubelet_restart" if event is Event.BEGIN else ""
        one = step(one, event, NOW + timedelta(seconds=number), "healer-a", f"moment {number}", rung, 600)
        assert len(one.history) <= HISTORY_LIMIT
    assert one.history[0] == first
    assert [m.message for m in one.history[1:]] == [f"moment {n}" for n in range(101, 150)]
    assert one.attempts == 75


def test_nothing_is_changed_in_place() -> None:
    one = incident()
    before = repr(one)
    moved(one, Event.BEGIN)
    assert repr(one) == before
