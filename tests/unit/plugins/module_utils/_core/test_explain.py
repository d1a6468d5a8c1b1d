# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every story here is made by the real state machine, so what is told of it is told of what runs write down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.explain import (
    ADVICE,
    attempts_of,
    explain,
    report_result,
    to_dict,
    without_incident,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import (
    _NEXT,
    HISTORY_LIMIT,
    Event,
    step,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle, Incident, Phase, Refusal
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID, ago, incident
from hypothesis import given
from hypothesis import strategies as st

COOLDOWN = Refusal("w1", "reboot", "cooldown", "the last attempt began 20 s ago; the cool-down is 300 s")
APPROVAL = Refusal("w1", "reboot", "approval", "reboot waits for approval")


def told(one: Incident, *steps: tuple[Event, float, str]) -> Incident:
    """The incident after events at so many seconds before NOW, each written by a run of its own."""
    for number, (event, seconds, message) in enumerate(steps):
        extra: dict[str, Any] = {}
        if event is Event.BEGIN:
            extra = {"rung": message.rpartition(" ")[2], "seconds": 600}
        if event is Event.WAIT:
            extra = {"seconds": 600}
        one = step(one, event, ago(seconds), f"run-{number}", message, **extra)
    return one


SUSPECTED = incident("w1", Phase.SUSPECTED, since=2000)
CONFIRMED = told(SUSPECTED, (Event.CONFIRM, 1900, "sick for 121 s, tolerance 120 s"))
FAILED = told(
    CONFIRMED,
    (Event.BEGIN, 1800, "attempt 1: kubelet_restart"),
    (Event.ACTED, 1790, "kubelet answers"),
    (Event.FAIL, 1490, "not healthy 300 s after kubelet_restart: it is not Ready"),
)
REBOOTING = told(FAILED, (Event.BEGIN, 1000, "attempt 2: reboot"), (Event.WAIT, 990, "the host goes down"))
REBOOTED = told(
    REBOOTING,
    (Event.ACTED, 800, "back with another boot ID"),
    (Event.RECOVER, 790, "proven healthy: 3 good observations"),
)


def held(one: Incident, *refusals: Refusal, seconds: float = 180) -> Incident:
    return step(one, Event.HOLD, ago(seconds), "run-9", "", refusals=refusals)


def lines_of(one: Incident, word: str) -> list[str]:
    return [line.split(word, 1)[1].strip() for line in explain(one, NOW) if line.startswith(f"  {word}")]


# --- why was it


def test_what_was_kept_of_it_before_is_named() -> None:
    kept = replace(REBOOTED, bundle=Bundle("evidence_a.json.gz", "ab" * 32, 4711))
    assert lines_of(kept, "SEEN")[-1] == f"evidence bundle evidence_a.json.gz: 4711 bytes, SHA-256 {'ab' * 32}"
    assert to_dict(kept, NOW)["evidence_bundle"] == {"name": "evidence_a.json.gz", "sha256": "ab" * 32, "bytes": 4711}
    none = replace(REBOOTED, bundle=Bundle(reason="no folder is set for it"))
    assert lines_of(none, "SEEN")[-1] == "evidence bundle: none, because no folder is set for it"
    assert to_dict(none, NOW)["evidence_bundle"] == {"reason": "no folder is set for it"}
    assert to_dict(REBOOTED, NOW)["evidence_bundle"] == {}


def test_why_was_it_rebooted() -> None:
    assert explain(REBOOTED, NOW)[0] == (
        "INCIDENT w1-1: node w1, NodeStatusUnknown (check NodeReady) from 2026-11-21T02:26:40Z to 2026-11-21T02:46:50Z,"
        " 20 min; repaired, and proven healthy"
    )
    assert lines_of(REBOOTED, "SEEN") == [
        "NodeStatusUnknown: it is silent (first at 2026-11-21T02:26:40Z)",
        "evidence: ready=Unknown",
    ]
    assert lines_of(REBOOTED, "TRIED") == [
        "attempt 1, kubelet_restart for NodeStatusUnknown: begun 2026-11-21T02:30:00Z by run-0; failed at"
        " 2026-11-21T02:35:10Z, after 310 s: not healthy 300 s after kubelet_restart: it is not Ready",
        "attempt 2, reboot for NodeStatusUnknown: begun 2026-11-21T02:43:20Z by run-0; repaired at"
        " 2026-11-21T02:46:50Z, after 210 s: proven healthy: 3 good observations",
    ]
    assert lines_of(REBOOTED, "NOT DONE") == lines_of(REBOOTED, "PEOPLE") == []
    assert lines_of(REBOOTED, "ENDED") == ["2026-11-21T02:46:50Z, Repaired: proven healthy: 3 good observations"]
    story = lines_of(REBOOTED, "STORY")
    assert len(story) == len(REBOOTED.history) == 9
    assert story[5] == "2026-11-21T02:43:20Z Repairing, by run-0: attempt 2: reboot"


@pytest.mark.parametrize(
    ("steps", "how"),
    [
        ([(Event.RECOVER, 990, "seen healthy")], "the node recovered before it was done at"),
        ([(Event.LEAVE, 990, "it has left")], "the node left the cluster at"),
        ([(Event.FAIL, 990, "unreachable")], "failed at"),
        ([(Event.WAIT, 995, "down"), (Event.ACTED, 992, "back"), (Event.RECOVER, 990, "proven")], "repaired at"),
    ],
)
def test_how_an_attempt_can_end(steps: list[tuple[Event, float, str]], how: str) -> None:
    one = told(CONFIRMED, (Event.BEGIN, 1000, "attempt 1: reboot"), *steps)
    assert lines_of(one, "TRIED") == [
        f"attempt 1, reboot for NodeStatusUnknown: begun 2026-11-21T02:43:20Z by run-0; {how} 2026-11-21T02:43:30Z,"
        f" after 10 s: {steps[-1][2]}"
    ]


def test_a_repair_that_is_under_way_has_its_time() -> None:
    waiting = told(CONFIRMED, (Event.BEGIN, 100, "attempt 1: reboot"), (Event.WAIT, 90, "the host goes down"))
    assert lines_of(waiting, "TRIED")[0].endswith("under way, the node must be back by 2026-11-21T03:08:30Z, in 510 s")
    assert lines_of(waiting, "PEOPLE") == ["nothing to do: the repair is under way"]
    assert lines_of(waiting, "NOT DONE") == []
    begun = told(CONFIRMED, (Event.BEGIN, 100, "attempt 1: reboot"))
    assert lines_of(begun, "TRIED")[0].endswith("it must have proven itself by 2026-11-21T03:08:20Z, in 500 s")
    # A run that was killed leaves this behind, and nobody must take it for work in progress.
    late = told(CONFIRMED, (Event.BEGIN, 601, "attempt 1: reboot"))
    assert "which is over: its run has ended or is stuck" in lines_of(late, "TRIED")[0]
    assert "under way" not in lines_of(late, "TRIED")[0]
    assert lines_of(late, "PEOPLE") == ["nothing to do: the next run goes on from here"]


def test_what_a_long_story_has_lost_is_not_made_up() -> None:
    one = CONFIRMED
    for number in range(30):
        one = told(
            one,
            (Event.BEGIN, 1800 - 30 * number, f"attempt {number + 1}: kubelet_restart"),
            (Event.FAIL, 1790 - 30 * number, "no"),
        )
    assert len(one.history) == HISTORY_LIMIT
    assert one.attempts == 30
    lines = lines_of(one, "TRIED")
    assert lines[0] == "20 earlier attempts, of which nothing more is kept"
    assert [a.number for a in attempts_of(one)] == list(range(21, 31))
    lost = replace(one, history=(one.history[0], *one.history[-3:]))
    assert lines_of(lost, "TRIED")[-2].endswith("what became of it is not in the story any more")
    assert "failed at" in lines_of(lost, "TRIED")[-1]


def test_two_attempts_of_one_second_are_two() -> None:
    """What is stored has whole seconds."""
    one = told(CONFIRMED, (Event.BEGIN, 50, "attempt 1: kubelet_restart"), (Event.FAIL, 50, "no"))
    one = told(one, (Event.BEGIN, 50, "attempt 2: reboot"))
    assert [(a.number, a.rung, a.how) for a in attempts_of(one)] == [
        (1, "kubelet_restart", "failed"),
        (2, "reboot", ""),
    ]


# --- why was it not


def test_why_was_it_not() -> None:
    one = held(FAILED, COOLDOWN, APPROVAL)
    assert lines_of(one, "NOT DONE") == [
        "reboot, guard cooldown: the last attempt began 20 s ago; the cool-down is 300 s (as seen at"
        " 2026-11-21T02:57:00Z, 180 s before now)",
        "reboot, guard approval: reboot waits for approval (as seen at 2026-11-21T02:57:00Z, 180 s before now)",
    ]
    assert lines_of(one, "PEOPLE") == [
        "cooldown: nothing: time settles it, and the next run looks again",
        "approval: approve it: kubectl annotate incident w1-1 selfheal.kubernetes/approved=reboot",
    ]
    assert explain(one, NOW)[0].endswith("since 2026-11-21T02:26:40Z, for 33 min; now Unhealthy")


def test_why_was_it_never() -> None:
    """It recovered by itself: what kept the healer from it then is still told."""
    one = told(held(CONFIRMED, COOLDOWN, seconds=600), (Event.RECOVER, 500, "seen healthy"))
    assert lines_of(one, "TRIED") == ["nothing: no repair was begun"]
    assert lines_of(one, "NOT DONE")[0].endswith("(as seen at 2026-11-21T02:50:00Z, 100 s before its end)")
    assert lines_of(one, "PEOPLE") == []
    assert "it recovered by itself" in explain(one, NOW)[0]


def test_no_refusal_is_told_as_none() -> None:
    assert "no run has written down a refusal" in lines_of(FAILED, "NOT DONE")[0]
    assert lines_of(FAILED, "PEOPLE") == [
        "to keep healers away: ansible-playbook selfheal.kubernetes.pause -e selfheal_nodes=w1"
        ' -e \'{"selfheal_reason": "..."}\''
    ]


def test_one_that_was_handed_to_people() -> None:
    escalated = told(FAILED, (Event.EXHAUST, 1400, "3 attempts, the limit is 3"))
    by_hand = "repair node w1 by hand; the incident closes once the node is seen healthy"
    delete = (
        "or allow new attempts: kubectl delete incident w1-1, and the node's closed ones, whose attempts count as well"
    )
    assert lines_of(escalated, "PEOPLE") == [by_hand, delete]
    exhausted = held(escalated, Refusal("w1", "reboot", "attempts", "it was handed to people"))
    assert lines_of(exhausted, "PEOPLE") == [by_hand, delete, f"attempts: {by_hand}"]


def test_a_repair_of_which_there_is_none() -> None:
    one = held(CONFIRMED, Refusal("w1", "none", "ladder", "DiskFull, and no repair is known for it"))
    assert lines_of(one, "NOT DONE")[0].startswith("any repair, guard ladder: DiskFull, and no repair is known for it")


def test_what_people_have_approved_is_told() -> None:
    one = replace(held(FAILED, COOLDOWN), annotations={"selfheal.kubernetes/approved": "reboot"})
    assert lines_of(one, "PEOPLE")[0] == "have approved reboot by annotation selfheal.kubernetes/approved"
    assert to_dict(one, NOW)["approved"] == "reboot"


def test_every_guard_has_its_advice() -> None:
    assert set(ADVICE) == {guard.name for guard in GUARDS} | {"ladder", "host", "silent_host", "canary"}
    for guard in ADVICE:
        (line,) = lines_of(held(CONFIRMED, Refusal("w1", "reboot", guard, "no")), "PEOPLE")
        assert line.startswith(f"{guard}: ") and "{" not in line
    (line,) = lines_of(held(CONFIRMED, Refusal("w1", "reboot", "of_tomorrow", "no")), "PEOPLE")
    assert line == "of_tomorrow: see what the guard's message says"


def test_what_is_copied_into_a_shell_is_harmless() -> None:
    (line,) = lines_of(held(CONFIRMED, Refusal("w1", "reboot; rm -rf ~", "approval", "no")), "PEOPLE")
    assert line.endswith("selfheal.kubernetes/approved=RUNG")


# --- nodes without an incident

RECORD = {"healthy": "False", "unhealthyNodes": [{"name": "w2", "reason": "NodeNotReady", "since": "T"}]}


def test_a_node_without_an_incident_takes_one_line() -> None:
    monitor = "a run in monitor-only writes nothing down"
    assert without_incident("w2", RECORD, None) == (
        f"w2: no incident of it is kept; the ClusterRecord calls it unhealthy (NodeNotReady since T); {monitor}"
    )
    assert f"the ClusterRecord does not call it unhealthy; {monitor}" in without_incident("w1", RECORD, None)
    many = RECORD | {"unhealthyNodeCount": 70}
    assert "names 1 of 70 unhealthy nodes, and this is none of those" in without_incident("w1", many, None)
    assert "there is no ClusterRecord: nobody has healed" in without_incident("w1", None, None)
    storm = Storm("mass_failure", ago(600))
    assert (
        "a storm (mass_failure) began at 2026-11-21T02:50:00Z and is not over: nobody is touched, and no incident"
        in without_incident("w1", RECORD, storm)
    )
    over = replace(storm, ended=ago(60))
    assert "and was over at 2026-11-21T02:59:00Z" in without_incident("w1", RECORD, over)


# --- the whole report


def closed(name: str, ordinal: int, seconds: float) -> Incident:
    one = replace(incident(name, since=seconds + 100), name=f"{name}-{ordinal}")
    return told(one, (Event.RECOVER, seconds, "seen healthy"))


KEPT = (
    closed("w3", 1, 9000),
    closed("w1", 1, 5000),
    closed("w3", 2, 400),
    replace(FAILED, name="w1-2"),
    closed("w2", 1, 300),
    closed("w3", 3, 500),
    incident("w9", since=4000),
)


def names(result: dict[str, Any]) -> list[str]:
    return [one["name"] for one in result["incidents"]]


def test_the_open_ones_come_first_then_the_latest_closed() -> None:
    result = report_result(UID, KEPT, RECORD, None, NOW)
    assert names(result) == ["w9-1", "w1-2", "w2-1", "w3-2"]
    heads = [line.split(":")[0] for line in result["report"] if line.startswith("INCIDENT")]
    assert heads == ["INCIDENT w9-1", "INCIDENT w1-2", "INCIDENT w2-1", "INCIDENT w3-2"]
    assert "  and 2 earlier incidents of w3: selfheal_nodes=w3 tells of them" in result["report"]
    assert "  and 1 earlier incident of w1: selfheal_nodes=w1 tells of them" in result["report"]
    assert result["report"][0].startswith(f"cluster {UID}, by its ClusterRecord: healthy: False; 0 open incidents")


def test_of_a_node_that_is_named_everything_is_told() -> None:
    result = report_result(UID, KEPT, RECORD, None, NOW, nodes=["w3", "w7", "w3"])
    assert names(result) == ["w3-2", "w3-3", "w3-1"]
    assert [line for line in result["report"] if line.startswith("w7: no incident of it is kept")]
    assert not [line for line in result["report"] if "earlier" in line or "w1" in line]
    assert len([line for line in result["report"] if line.startswith("INCIDENT")]) == 3


def test_nothing_is_kept() -> None:
    assert report_result(None, (), None, None, NOW)["report"] == [
        "cluster (unidentified): no ClusterRecord",
        "no incident is kept; a run in monitor-only writes nothing down",
    ]


def test_what_cannot_be_read_is_told_at_the_top() -> None:
    result = report_result(UID, KEPT, RECORD, None, NOW, unread=["incident w5-1 cannot be read: mend or delete it"])
    assert result["report"][1] == "UNREAD incident w5-1 cannot be read: mend or delete it"
    assert result["unread"] == ["incident w5-1 cannot be read: mend or delete it"]


def test_the_result_is_bounded_whatever_is_kept() -> None:
    nasty = "\x1b[2J\n\u202e" + "\U0001f4a5" * 3000
    one = told(
        CONFIRMED,
        *[
            step
            for number in range(20)
            for step in ((Event.BEGIN, 1500 - number, f"attempt {number}: {nasty}"), (Event.FAIL, 1400, nasty))
        ],
    )
    one = held(replace(one, evidence=nasty, reason=nasty), *[Refusal("w1", nasty, nasty, nasty)] * 20)
    many = [replace(one, name=f"w{n}-1", node=f"w{n}", since=ago(3000 - n)) for n in range(300)]
    for kept in (many, many[:1]):
        result = report_result(nasty, kept, RECORD, None, NOW, unread=[nasty] * 500)
        assert len(json.dumps(result)) <= 64 * 1024
        # At least the first one is there, and what is not is counted.
        assert names(result)[0] == "w0-1"
        assert result["incidents_left_out"] == len(kept) - len(result["incidents"])
        assert all(line.isprintable() for line in result["report"])
        assert [line for line in result["report"] if line.startswith("INCIDENT w0-1: node w0, ")]
        cut = [line for line in result["report"] if line.endswith("lines more, left out here")]
        assert len(cut) == 1
    assert "nodes more" not in result["report"][-1]
    assert len(result["incidents"][0]["history"]) == 20
    assert result["incidents"][0]["history_left_out"] == len(one.history) - 20
    assert result["incidents"][0]["history"][0]["phase"] == "Suspected"


def test_many_nodes_are_counted() -> None:
    many = [incident(f"w{number:03}", since=3000 - number) for number in range(300)]
    result = report_result(UID, many, RECORD, None, NOW)
    shown = len([line for line in result["report"] if line.startswith("INCIDENT")])
    assert 20 < shown < 280
    # The last one that was put into words may have been cut.
    assert result["report"][-1] in {
        f"and {300 - shown - cut} nodes more, left out here: selfheal_nodes tells of those that it names"
        for cut in (0, 1)
    }


# --- whatever the machine can write can be told

EVENTS = [event for event in Event if event is not Event.HOLD]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 900)), max_size=60), st.integers(0, 2000))
def test_every_attempt_is_told_once(wanted: list[tuple[Event, int]], later: int) -> None:
    one, now, begun, ended = SUSPECTED, ago(1800), 0, 0
    for event, seconds in wanted:
        if (one.phase, event) not in _NEXT:
            continue
        now += timedelta(seconds=seconds)
        ended += one.phase.under_repair and not _NEXT[one.phase, event].under_repair
        begun += event is Event.BEGIN
        one = step(one, event, now, "run", f"attempt {begun}: reboot", rung="reboot", seconds=600)
    attempts = attempts_of(one)
    assert [a.number for a in attempts] == list(range(begun - len(attempts) + 1, begun + 1))
    assert len(attempts) == min(begun, 10)
    if begun <= 10 and len(one.history) < HISTORY_LIMIT:
        assert sum(a.ended is not None for a in attempts) == ended
        assert all(a.rung == "reboot" for a in attempts)
    lines = explain(one, now + timedelta(seconds=later))
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if line.startswith("  STORY")]) == len(one.history)
    # An open incident is never without a word about what comes next, and a closed one asks for nothing.
    asks = [line for line in lines if line.startswith("  PEOPLE")]
    assert bool(asks) == one.phase.is_open
    assert json.dumps(to_dict(one, now))
