# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import etcd_members
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, node, snapshot
from hypothesis import given
from hypothesis import strategies as st

UNHEALTHY, UNKNOWN = Verdict.UNHEALTHY, Verdict.UNKNOWN
CRITICAL, ERROR, WARNING = Severity.CRITICAL, Severity.ERROR, Severity.WARNING
GIB = 2**30

Told = tuple[str, str, Verdict, Severity]


def member(number: int, healthy: bool | None = True, **changes: object) -> EtcdMember:
    return replace(EtcdMember(f"cp{number}", healthy), **changes)  # type: ignore[arg-type]


def etcd(*health: bool | None, **changes: object) -> Etcd:
    """Members cp1, cp2 and so on, each with this health; asked itself, and led."""
    members = tuple(member(number, healthy) for number, healthy in enumerate(health, 1))
    return replace(Etcd(members, leader="cp1", direct=True), **changes)  # type: ignore[arg-type]


def findings_of(seen: Etcd) -> list[Finding]:
    return list(etcd_members.CHECK.evaluate(snapshot([], etcd=seen), Policy()))


def told(findings: list[Finding]) -> list[Told]:
    return [(f.target.name, f.reason, f.verdict, f.severity) for f in findings]


def sick(number: int) -> Told:
    return (f"cp{number}", "EtcdMemberUnhealthy", UNHEALTHY, ERROR)


def unasked(number: int) -> Told:
    return (f"cp{number}", "EtcdMemberUnknown", UNKNOWN, ERROR)


LOST: Told = ("etcd", "EtcdQuorumLost", UNHEALTHY, CRITICAL)
RISK: Told = ("etcd", "EtcdQuorumAtRisk", UNHEALTHY, WARNING)
EVEN: Told = ("etcd", "EtcdEvenMembers", UNHEALTHY, WARNING)

CASES: dict[str, tuple[Etcd, list[Told]]] = {
    "one": (etcd(True), []),
    "three": (etcd(True, True, True), []),
    "one of one is down": (etcd(False), [sick(1), LOST]),
    "one of three is down": (etcd(True, False, True), [sick(2), RISK]),
    "two of three are down": (etcd(True, False, False), [sick(2), sick(3), LOST]),
    "one of five is down": (etcd(True, True, True, True, False), [sick(5)]),
    "two of five are down": (etcd(True, True, True, False, False), [sick(4), sick(5), RISK]),
    "two": (etcd(True, True), [EVEN]),
    "one of two is down": (etcd(True, False), [sick(2), LOST, EVEN]),
    "one of four is down": (etcd(True, True, True, False), [sick(4), RISK, EVEN]),
    "one of three is unknown": (etcd(True, True, None), [unasked(3)]),
    "all unknown": (etcd(None, None, None, leader=""), [unasked(1), unasked(2), unasked(3)]),
    "one down, one unknown": (etcd(True, False, None), [sick(2), unasked(3), RISK]),
    "two down, one unknown": (etcd(None, False, False), [unasked(1), sick(2), sick(3), LOST]),
    "a learner": (
        Etcd((member(1), member(2), member(3), member(4, learner=True))),
        [("cp4", "EtcdLearner", UNHEALTHY, WARNING)],
    ),
    "a sick learner costs no quorum": (
        Etcd((member(1), member(4, False, learner=True))),
        [sick(4), ("cp4", "EtcdLearner", UNHEALTHY, WARNING)],
    ),
    "no leader": (etcd(True, True, True, leader=""), [("etcd", "EtcdNoLeader", UNHEALTHY, CRITICAL)]),
    "pods do not tell the leader": (etcd(True, True, True, leader="", direct=False), []),
    "no space": (etcd(True, alarms=("NOSPACE",)), [("etcd", "EtcdOutOfSpace", UNHEALTHY, CRITICAL)]),
    "no space, as etcdctl words it": (
        etcd(True, alarms=("memberID:8630161756594109333 alarm:NOSPACE",)),
        [("etcd", "EtcdOutOfSpace", UNHEALTHY, CRITICAL)],
    ),
    "corrupt": (etcd(True, alarms=("cp1: corrupt",)), [("etcd", "EtcdCorrupt", UNHEALTHY, CRITICAL)]),
    "an alarm that nobody knows": (etcd(True, alarms=("FIRE",)), [("etcd", "EtcdAlarm", UNHEALTHY, CRITICAL)]),
    "no alarm": (etcd(True, alarms=("NONE",)), []),
    "two members raise one alarm": (
        etcd(True, alarms=("cp1: NOSPACE", "cp2: NOSPACE")),
        [("etcd", "EtcdOutOfSpace", UNHEALTHY, CRITICAL)],
    ),
    "two alarms": (
        etcd(True, alarms=("NOSPACE", "CORRUPT")),
        [("etcd", "EtcdCorrupt", UNHEALTHY, CRITICAL), ("etcd", "EtcdOutOfSpace", UNHEALTHY, CRITICAL)],
    ),
    "a large database": (
        Etcd((member(1, db_bytes=GIB * 8 // 10 + 1, quota_bytes=GIB),)),
        [("cp1", "EtcdDatabaseLarge", UNHEALTHY, WARNING)],
    ),
    "a database of just 80 %": (Etcd((member(1, db_bytes=80, quota_bytes=100),)), []),
    "a database without a known quota": (Etcd((member(1, db_bytes=9 * GIB),)), []),
    "a quota of nothing": (Etcd((member(1, db_bytes=9 * GIB, quota_bytes=0),)), []),
    "a database of unknown size": (Etcd((member(1, quota_bytes=GIB),)), []),
    "no member in sight, asked itself": (Etcd((), direct=True), [("etcd", "EtcdOutOfSight", UNKNOWN, WARNING)]),
    "no member in sight, and nobody of the control plane": (Etcd(()), []),
    "a member that has not started": (
        Etcd((member(1), member(2), replace(member(3, None), name=""))),
        [("unstarted", "EtcdMemberUnknown", UNKNOWN, ERROR)],
    ),
}


@pytest.mark.parametrize(("seen", "expected"), CASES.values(), ids=CASES)
def test_each_case_is_told(seen: Etcd, expected: list[Told]) -> None:
    assert told(findings_of(seen)) == expected


def test_no_member_in_sight_where_the_control_plane_is_ours() -> None:
    master = node("cp", labels={"node-role.kubernetes.io/control-plane": ""})
    (finding,) = etcd_members.CHECK.evaluate(snapshot([master], etcd=Etcd(())), Policy())
    assert (finding.reason, finding.verdict, finding.severity) == ("EtcdOutOfSight", UNKNOWN, WARNING)


def test_every_reason_is_given_by_some_case() -> None:
    given_ones = {reason for _seen, expected in CASES.values() for _name, reason, *_rest in expected}
    assert given_ones == set(etcd_members.CHECK.reasons)


def test_the_order_of_members_and_alarms_does_not_matter() -> None:
    members = (member(1), member(2, False), member(3, None), member(4, learner=True))
    alarms = ("a: NOSPACE", "b: NOSPACE", "CORRUPT")
    expected = sorted(findings_of(Etcd(members, alarms)), key=repr)
    for some in permutations(members):
        for others in permutations(alarms):
            assert sorted(findings_of(Etcd(some, others)), key=repr) == expected


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=7))
def test_quorum_is_lost_only_when_it_is_whatever_the_unknown_members_are(health: list[bool | None]) -> None:
    lost = "EtcdQuorumLost" in {f.reason for f in findings_of(etcd(*health))}
    assert lost == (sum(h is not False for h in health) < len(health) // 2 + 1)


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=7), st.data())
def test_more_trouble_is_never_told_as_less(health: list[bool | None], data: st.DataObject) -> None:
    worse = list(health)
    worse[data.draw(st.integers(0, len(health) - 1))] = False
    before, after = findings_of(etcd(*health)), findings_of(etcd(*worse))
    rank = {Verdict.UNKNOWN: 1, Verdict.UNHEALTHY: 2}
    heavy = [max((rank[f.verdict] for f in some if not f.is_warning), default=0) for some in (before, after)]
    assert heavy[1] >= heavy[0]
    assert heavy[1] == 2


def test_the_numbers_are_told() -> None:
    messages = {f.reason: f.message for f in findings_of(etcd(True, False, None))}
    assert messages["EtcdQuorumAtRisk"] == (
        "1 of 3 voting members of etcd are healthy, 1 unknown, 2 must be: losing one more stops the cluster"
    )
    messages = {f.reason: f.message for f in findings_of(CASES["a large database"][0])}
    assert messages["EtcdDatabaseLarge"].startswith("the database of etcd member cp1 has 819 MiB, which is 80.0 % of")


@pytest.mark.parametrize("healthy", [False, None])
def test_why_a_member_is_in_trouble_is_told(healthy: bool | None) -> None:
    (finding, *_rest) = findings_of(Etcd((member(1, healthy, trouble="connection refused"),)))
    assert finding.message.endswith("(connection refused)")


def test_it_is_never_to_be_repaired_and_nobody_says_since_when() -> None:
    found = [f for seen, _expected in CASES.values() for f in findings_of(seen)]
    assert {f.remedy for f in found} == {Remedy.NONE}
    assert {f.since for f in found} == {None}
    assert {f.target.kind for f in found} == {"Etcd"}


def test_it_says_nothing_when_etcd_was_not_read() -> None:
    assert list(etcd_members.CHECK.evaluate(Snapshot(NOW), Policy())) == []
