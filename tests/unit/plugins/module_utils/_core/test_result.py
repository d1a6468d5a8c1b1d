# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A result never has more than 64 KiB, and what it keeps is the worst."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement, judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Action,
    Diagnosis,
    Finding,
    Refusal,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Pod, Pods, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import Note, Plan, make_plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.result import (
    EVIDENCE_BYTES,
    FINDINGS_LIMIT,
    entry,
    fit,
    health_result,
    plain,
    plan_result,
    report_within,
    size,
    within,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    HEALING,
    NOW,
    UID,
    ago,
    fleet,
    node,
    sick,
    snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 64 * 1024
EMOJI = "\N{FIRE}"
HOSTILE = '\x1b[2J"\\\n\ud800' + EMOJI * 500
LONG_NAME = "n" * 253


def finding(number: int = 0, kind: str = "Pod", message: str = "it is broken", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check": "Check",
        "target": Ref(kind, f"{kind.lower()}-{number}", "" if kind == "Node" else "shop", f"uid-{number}"),
        "verdict": Verdict.UNHEALTHY,
        "reason": "Broken",
        "message": message,
        "since": ago(600),
        "threshold": 300,
    }
    return Finding(**(values | changes))


def storm(message: str, evidence: dict[str, Any]) -> tuple[Snapshot, Judgement]:
    """5,000 sick nodes and 10,000 findings, of which one is worse than all others; every part is unread besides."""
    nodes = [node(f"{LONG_NAME[:240]}-{i}") for i in range(5000)]
    pods = tuple(Pod(f"pod-{i}", f"ns-{i % 700}", f"u{i}", "", "Failed") for i in range(5000))
    worst = finding(0, "Node", message, severity=Severity.CRITICAL, reason="Worst", remedy=Remedy.REPLACE)
    findings = (
        worst,
        *(
            finding(i, "Node", message, target=one.ref, reason=f"Reason{i % 40}", evidence=evidence)
            for i, one in enumerate(nodes[1:])
        ),
        *(finding(i, "Pod", message, target=one.ref, evidence=evidence) for i, one in enumerate(pods)),
    )
    patterns = tuple(
        Diagnosis(f"Pattern{i}", tuple(n.ref for n in nodes), message, message, message, evidence=evidence)
        for i in range(50)
    )
    unread = dict.fromkeys(("etcd", "probes", "disks", "metrics", "events", "endpoints", "baseline"), message)
    judgement = Judgement(
        NOW,
        findings,
        {"policy": "; ".join(message for _mistake in range(50)), **unread},
        {f"Check{i}": Verdict.UNHEALTHY for i in range(40)},
        patterns,
    )
    return snapshot(nodes, pods=Pods(150000, pods, {message: 7})), judgement


STORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "short words": ("it is broken", {}),
    "long words": ("word " * 400, {"seen": "word " * 400}),
    "hostile words": (HOSTILE, {HOSTILE + str(i): [HOSTILE] * 9 for i in range(50)}),
}


@pytest.mark.parametrize("words", STORMS)
def test_a_storm_stays_within_64_kib(words: str) -> None:
    seen, judgement = storm(*STORMS[words])
    begun = time.process_time()
    result = health_result(seen, judgement)
    assert time.process_time() - begun < 5
    assert len(json.dumps({"changed": False, **result})) <= LIMIT
    # What was left out is counted, and the worst was not.
    assert result["findings"][0]["reason"] == "Worst"
    assert len(result["findings"]) + result["findings_left_out"] == 10000
    assert len(result["patterns"]) + result["patterns_left_out"] == 50
    assert len(result["findings"]) >= 5 and len(result["patterns"]) >= 1
    assert result["counts"]["findings"] == 10000 and result["counts"]["critical"] == 1
    assert sum(sum(reasons.values()) for reasons in result["counts"]["by_check"].values()) == 10000
    assert set(result["unread"]) == set(judgement.unread)
    assert result["report"][0].startswith(f"cluster {UID} is UNHEALTHY, 5000 nodes seen; 5000 of them not well")


def test_short_findings_fill_the_room_that_there_is() -> None:
    result = health_result(*storm(*STORMS["short words"]))
    assert len(result["findings"]) >= 30
    few = health_result(snapshot([node()]), Judgement(NOW, tuple(finding(i) for i in range(FINDINGS_LIMIT + 5))))
    assert (len(few["findings"]), few["findings_left_out"]) == (FINDINGS_LIMIT, 5)


def plan_of_a_storm(message: str) -> Plan:
    return Plan(
        actions=tuple(
            Action(f"{i}{LONG_NAME[2:]}", "u" * 36, "kubelet_restart", "role", "Broken", message, False, 240, "m" * 32)
            for i in range(10)
        ),
        refusals=tuple(Refusal(f"{i}{LONG_NAME[4:]}", "rung", "guard", message) for i in range(5000)),
        notes=tuple(Note(f"{i}{LONG_NAME[4:]}", "u" * 36, "open", message) for i in range(5000)),
        blocked=message,
        people=tuple(f"node {i}: {message}" for i in range(5000)),
    )


@pytest.mark.parametrize("words", STORMS)
def test_a_plan_in_a_storm_stays_within_64_kib(words: str) -> None:
    message, evidence = STORMS[words]
    seen, judgement = storm(message, evidence)
    plan = plan_of_a_storm(message)
    result = plan_result(seen, judgement, plan)
    assert len(json.dumps({"changed": False, "monitor_only": False, "writes_needed": True, **result})) <= LIMIT
    # No repair is left out, and neither are the notes that the first repairs need.
    assert [a["node"] for a in result["actions"]] == [a.node for a in plan.actions]
    assert [n["node"] for n in result["notes"]] == [n.node for n in plan.notes[: len(result["notes"])]]
    assert len(result["notes"]) >= 10
    for name, whole in (("notes", plan.notes), ("refused", plan.refusals), ("needs_people", plan.people)):
        assert result[name], name
        # Plan.to_dict has its own limit, and says so for some of the lists.
        assert len(result[name]) + result[f"{name}_left_out"] in (len(whole), 100)
    assert result["actions_left_out"] == 0
    assert result["health"]["findings"][0]["reason"] == "Worst"


def test_a_plan_of_a_quiet_cluster_is_whole() -> None:
    plan = Plan((), (Refusal("w1", "r", "g", "m"),), (Note("w1", "u", "open", "t"),), "", ("w2: help",))
    result = plan_result(snapshot([node()]), Judgement(NOW, ()), plan)
    assert {key: result[key] for key in plan.to_dict()} == plan.to_dict()
    assert result["report"] == ["NOTE   open w1: t", "REFUSE r on w1, guard g: m"]
    assert result["health"]["verdict"] == "healthy"


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


def test_no_word_of_a_node_does_anything_to_a_terminal() -> None:
    """A node without a time of transition is left to people, whose names for it go into the last line of the run."""
    said = Condition("Ready", "False", "Evil", f"x\nPLAY RECAP{HOSTILE}", None)
    seen = snapshot([node("w1", said), sick("w2", machine_id=""), *fleet(8)])
    judgement = judge(seen, HEALING)
    result = plan_result(seen, judgement, make_plan(seen, judgement, (), HEALING, NOW, UID))
    assert any("PLAY RECAP" in text for text in result["needs_people"])
    assert all(text.isprintable() for text in texts(result))


def test_what_is_switched_off_is_told() -> None:
    policy = Policy(disabled_checks=frozenset({"NodeReady", "NodeDisk"}))
    seen = snapshot([sick("w1"), node("w2")])
    result = health_result(seen, judge(seen, policy))
    assert result["disabled_checks"] == ["NodeDisk", "NodeReady"]
    assert "NodeReady" not in result["checks"]
    assert "switched off by the policy: NodeDisk, NodeReady" in result["report"]
    [row] = [line for line in result["report"] if line.startswith("w1 ")]
    assert "unknown" in row and "the check that would tell is switched off" in row
    assert result["disabled_checks"] and health_result(seen, judge(seen, Policy()))["disabled_checks"] == []


def test_what_a_result_says() -> None:
    findings = (
        finding(1, severity=Severity.CRITICAL, evidence={"at": "x"}, place="w1"),
        finding(2, "Node", verdict=Verdict.UNKNOWN, since=None),
        finding(3, severity=Severity.WARNING, check="Other", reason="Odd"),
    )
    judgement = Judgement(NOW, findings, {"etcd": "403"}, {"Check": Verdict.UNHEALTHY, "Other": Verdict.HEALTHY})
    result = health_result(snapshot([node()], pods=Pods(48)), judgement)
    assert {key: result[key] for key in ("schema_version", "verdict", "cluster_uid", "nodes_seen", "pods_seen")} == {
        "schema_version": 1,
        "verdict": "unhealthy",
        "cluster_uid": UID,
        "nodes_seen": 1,
        "pods_seen": 48,
    }
    assert result["observed_at"] == "2026-11-21T03:00:00Z"
    assert result["findings"] == [f.to_dict(NOW) for f in findings]
    assert result["checks"] == {"Check": "unhealthy", "Other": "healthy"}
    assert result["counts"] == {
        "findings": 3,
        "critical": 1,
        "error": 0,
        "unknown": 1,
        "warning": 1,
        "sick_nodes": 1,
        "by_check": {"Check": {"Broken": 2}, "Other": {"Odd": 1}},
    }
    assert (result["unread"], result["patterns"]) == ({"etcd": "403"}, [])
    assert (result["findings_left_out"], result["patterns_left_out"]) == (0, 0)


def test_a_cluster_that_does_not_answer() -> None:
    result = health_result(Snapshot(NOW), Judgement(NOW, (), {"identity": "refused", "nodes": "refused"}))
    assert (result["cluster_uid"], result["nodes_seen"], result["pods_seen"]) == (None, None, None)
    assert result["verdict"] == "unknown"


@given(st.text(), st.integers(8, 300))
def test_a_text_fits_and_keeps_its_beginning(text: str, limit: int) -> None:
    made = fit(text, limit)
    assert size(made) <= limit
    line = printable(text)
    assert made == line or (made.endswith("...") and line.startswith(made[:-3]))
    assert made.isprintable() and len(line) == len(text)


def test_a_text_that_fits_just_so_is_whole() -> None:
    assert fit("x" * 98, 100) == "x" * 98
    assert fit("x" * 99, 100) == "x" * 95 + "..."
    assert fit(EMOJI * 9, 110) == EMOJI * 9
    assert fit(EMOJI * 9, 109) == EMOJI * 8 + "..."


def test_everything_becomes_what_json_has() -> None:
    strange = {1: {2, 1}, "at": datetime(2026, 1, 1, tzinfo=UTC), "ref": Ref("Pod", "a", "b"), "t": (1.5, None, True)}
    assert plain(strange) == {
        "1": [1, 2],
        "at": "2026-01-01 00:00:00+00:00",
        "ref": "Pod b/a",
        "t": [1.5, None, True],
    }


def test_evidence_is_cut_and_counted() -> None:
    made = entry({"name": "x", "evidence": {f"key{i}": "v" * 50 for i in range(100)}})
    assert 0 < len(made["evidence"]) < 20
    assert made["evidence"]["left_out"] == 100 - (len(made["evidence"]) - 1)
    assert size(made["evidence"]) <= EVIDENCE_BYTES + 20
    assert entry({"name": "x"}) == {"name": "x", "evidence": {}}


def test_lists_are_cut_where_the_room_ends() -> None:
    assert within(["aa", "bb"], size(["aa", "bb"]) + 2) == ["aa", "bb"]
    assert within(["aa", "bb"], size(["aa", "bb"]) - 1) == ["aa"]
    lines = report_within([f"line {i}" for i in range(100)], 500)
    assert size(lines) <= 500
    assert lines[0] == "line 0" and lines[-1] == f"and {101 - len(lines)} lines more, left out here"
