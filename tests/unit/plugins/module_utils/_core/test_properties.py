# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold for every cluster, in whatever state: thousands of made-up ones, the real core, no I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event, open_incident, step
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Condition,
    Heartbeat,
    Incident,
    Node,
    Phase,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import OPEN
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import SETTINGS, Policy, parse_policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    NOW,
    UID,
    ago,
    incident,
    node,
    plan_for,
    ready,
    snapshot,
)
from hypothesis import assume, given
from hypothesis import strategies as st

AGES = st.sampled_from([-60, -1, 0, 1, 39, 40, 41, 89, 90, 119, 120, 299, 300, 301, 3600, 90000]) | st.integers(-100, 10**6)
GUARD_NAMES = {guard.name for guard in GUARDS}
RANK = {Verdict.HEALTHY: 0, Verdict.UNKNOWN: 1, Verdict.UNHEALTHY: 2}


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Node:
    condition = Condition(
        type=draw(st.sampled_from(["Ready", "Ready", "Ready", "Ready", "DiskPressure", ""])),
        status=draw(st.sampled_from(["True", "True", "False", "Unknown", "", "true", "?"])),
        reason="KubeletReady",
        message="",
        last_transition=draw(st.none() | AGES.map(ago)),
    )
    return node(
        name,
        uid=f"uid-{name}" + draw(st.sampled_from(["", "", "-new"])),
        conditions=draw(st.sampled_from([(condition,), (condition,), (condition,), ()])),
        labels=draw(
            st.sampled_from(
                [{}, {}, {"selfheal.kubernetes/exclude": ""}, {"node-role.kubernetes.io/control-plane": ""}]
            )
        ),
        annotations=draw(st.sampled_from([{}, {}, {"selfheal.kubernetes/paused": "x"}])),
        unschedulable=draw(st.sampled_from([False, False, True])),
        deleting=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    names = [f"n{i}" for i in range(draw(st.integers(0, 8)))]
    leases = {
        name: Heartbeat(draw(st.none() | AGES.map(ago)), draw(st.sampled_from([40, 40, 10])))
        for name in names
        if draw(st.sampled_from([True, True, True, False]))
    }
    return Snapshot(
        observed_at=NOW,
        cluster_uid=draw(st.sampled_from([UID, UID, UID, "another", None])),
        nodes=draw(st.sampled_from([True, True, True, False])) and tuple(draw(nodes(name)) for name in names) or None,
        heartbeats=draw(st.sampled_from([leases, leases, leases, None])),
        unread=draw(st.sampled_from([{}, {}, {}, {"identity": "HTTP 500"}])),
    )


@st.composite
def incidents(draw: st.DrawFn) -> list[Incident]:
    return [
        incident(
            f"n{i}",
            phase=draw(st.sampled_from(Phase)),
            attempted=sorted(draw(st.lists(AGES, max_size=4)), reverse=True),
            since=draw(AGES),
        )
        for i in draw(st.sets(st.integers(0, 9), max_size=5))
    ]


@st.composite
def policies(draw: st.DrawFn, healing: bool | None = None) -> Policy:
    given_values: dict[str, Any] = {"monitor_only": (not healing) if healing is not None else draw(st.booleans())}
    for name in draw(st.sets(st.sampled_from(sorted(SETTINGS)))):
        given_values[name] = draw(st.integers(SETTINGS[name].low, SETTINGS[name].high))
    return parse_policy(given_values)


EXPECTED = st.sampled_from([UID, UID, UID, "another", "", None])


@given(snapshots(), incidents(), policies(), EXPECTED, st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_incidents_does_not_matter(seen, memory, policy, expected, random) -> None:
    shuffled = replace(seen, nodes=seen.nodes and tuple(random.sample(seen.nodes, len(seen.nodes))))
    assert judge(shuffled, policy) == judge(seen, policy)
    other, plan = plan_for(shuffled, random.sample(memory, len(memory)), policy, expected), plan_for(
        seen, memory, policy, expected
    )
    assert (other.actions, other.refusals) == (plan.actions, plan.refusals)
    assert sorted(other.notes, key=repr) == sorted(plan.notes, key=repr)


@given(st.integers(1, 40), st.integers(0, 40), policies(), EXPECTED, incidents())
def test_a_healthy_cluster_is_left_in_peace(count, age, policy, expected, memory) -> None:
    well = [node(f"n{i}", ready(since=ago(i))) for i in range(count)]
    seen = snapshot(well, heartbeats={n.name: Heartbeat(ago(age), 40) for n in well})
    judgement = judge(seen, policy)
    assert judgement.verdict is Verdict.HEALTHY
    assert judgement.findings == ()
    plan = plan_for(seen, memory, policy, expected)
    assert (plan.actions, plan.refusals) == ((), ())
    assert {n.event for n in plan.notes} <= {"recover", "leave"}
    if not [m for m in memory if m.phase.is_open]:
        assert plan.notes == ()


WORSE = {
    "not Ready": lambda n: replace(n, conditions=(ready("False", ago(500)),)),
    "silent": lambda n: replace(n, conditions=(ready("Unknown", ago(500)),)),
}


@given(snapshots(), policies(), st.data())
def test_more_trouble_never_makes_a_better_verdict(seen, policy, data) -> None:
    assume(seen.nodes)
    before = judge(seen, policy)
    number = data.draw(st.integers(0, len(seen.nodes) - 1))
    worse = data.draw(st.sampled_from(sorted(WORSE)))
    changed = [WORSE[worse](n) if i == number else n for i, n in enumerate(seen.nodes)]
    after = judge(replace(seen, nodes=tuple(changed)), policy)
    assert RANK[after.verdict] >= RANK[before.verdict]
    assert after.verdict is Verdict.UNHEALTHY


@given(snapshots(), policies(), st.sampled_from(["nodes", "heartbeats", "a condition", "a Lease", "a time"]), st.data())
def test_less_data_never_makes_a_cluster_healthy(seen, policy, missing, data) -> None:
    names = [n.name for n in seen.nodes or ()]
    if missing in ("nodes", "heartbeats"):
        poorer = replace(seen, **{missing: None})
    else:
        assume(names)
        name = data.draw(st.sampled_from(names))
        if missing == "a condition":
            poorer = replace(seen, nodes=tuple(replace(n, conditions=()) if n.name == name else n for n in seen.nodes))
        elif missing == "a Lease":
            poorer = replace(seen, heartbeats={k: v for k, v in (seen.heartbeats or {}).items() if k != name})
        else:
            poorer = replace(seen, heartbeats={**(seen.heartbeats or {}), name: Heartbeat(None, 40)})
    assert judge(poorer, policy).verdict is not Verdict.HEALTHY


@given(snapshots(), incidents(), policies(healing=True), st.sampled_from(["nodes", "heartbeats", "cluster_uid"]))
def test_nobody_is_touched_while_a_part_is_missing(seen, memory, policy, part) -> None:
    plan = plan_for(replace(seen, **{part: None}), memory, policy)
    assert plan.actions == ()
    assert "recover" not in {n.event for n in plan.notes} or part == "cluster_uid"


@given(snapshots(), incidents(), policies(healing=True))
def test_only_what_is_known_to_be_sick_is_touched(seen, memory, policy) -> None:
    for action in plan_for(seen, memory, policy).actions:
        target = seen.node(action.node)
        assert target is not None and target.uid == action.node_uid
        condition = target.condition("Ready")
        assert condition is not None
        assert condition.status in ("False", "Unknown") and condition.last_transition is not None
        assert not (target.unschedulable or target.deleting or target.annotations)
        assert "selfheal.kubernetes/exclude" not in target.labels
        assert seen.heartbeats is not None and seen.cluster_uid == UID


@given(snapshots(), incidents(), policies(healing=True))
def test_never_more_nodes_at_once_than_the_share(seen, memory, policy) -> None:
    plan = plan_for(seen, memory, policy)
    limit = max(1, len(seen.nodes or ()) * policy.mass_failure_percent // 100)
    assert len(plan.actions) <= limit
    assert len({a.node for a in plan.actions}) == len(plan.actions)


@given(snapshots(), incidents(), policies(healing=False), EXPECTED)
def test_monitor_only_acts_on_nothing(seen, memory, policy, expected) -> None:
    assert plan_for(seen, memory, policy, expected).actions == ()


@given(snapshots(), incidents(), policies(), EXPECTED.filter(lambda uid: uid != UID))
def test_another_cluster_is_not_touched(seen, memory, policy, expected) -> None:
    assert plan_for(replace(seen, cluster_uid=UID), memory, policy, expected).actions == ()


@given(snapshots(), incidents(), policies(), EXPECTED)
def test_what_a_guard_refuses_is_not_done(seen, memory, policy, expected) -> None:
    plan = plan_for(seen, memory, policy, expected)
    assert {a.node for a in plan.actions}.isdisjoint({r.node for r in plan.refusals})
    assert {r.guard for r in plan.refusals} <= GUARD_NAMES
    assert all(r.message and "\n" not in r.message for r in plan.refusals)


@given(snapshots(), incidents(), policies(healing=True))
def test_notes_can_be_written_down_in_their_order_and_lead_to_the_action(seen, memory, policy) -> None:
    """The machine knows every event of the plan's notes, and after them each planned repair can begin."""
    plan = plan_for(seen, memory, policy)
    now_open = {(m.node, m.node_uid): m for m in memory if m.phase.is_open}
    findings = {(f.node, f.node_uid): f for f in judge(seen, policy).findings[::-1]}
    for note in plan.notes:
        key = (note.node, note.node_uid)
        if note.event == OPEN:
            assert key not in now_open
            now_open[key] = open_incident(findings[key], 2, NOW, "healer")
        else:
            now_open[key] = step(now_open[key], Event(note.event), NOW, "healer", note.message)
    for action in plan.actions:
        one = now_open[action.node, action.node_uid]
        begun = step(one, Event.BEGIN, NOW, "healer", "go", action.rung)
        assert begun.phase is Phase.REPAIRING


@given(snapshots(), incidents(), policies(healing=True))
def test_a_second_plan_right_after_the_notes_repeats_none_of_them(seen, memory, policy) -> None:
    plan = plan_for(seen, memory, policy)
    kept = {(m.node, m.node_uid): m for m in memory if m.phase.is_open}
    findings = {(f.node, f.node_uid): f for f in judge(seen, policy).findings[::-1]}
    for note in plan.notes:
        key = (note.node, note.node_uid)
        if note.event == OPEN:
            kept[key] = open_incident(findings[key], 2, NOW, "healer")
        else:
            kept[key] = step(kept[key], Event(note.event), NOW, "healer", note.message)
    again = plan_for(seen, kept.values(), policy)
    assert again.notes == ()
    assert {a.node for a in again.actions} == {a.node for a in plan.actions}


@given(snapshots(), incidents(), policies())
def test_the_record_says_healthy_only_of_a_healthy_cluster(seen, memory, policy) -> None:
    judgement = judge(seen, policy)
    status = derive(judgement, memory)
    assert (status["healthy"] == "True") == (judgement.verdict is Verdict.HEALTHY)
    assert None not in status.values()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_garbage_in_a_node_object_never_reads_as_healthy(conditions, spec, status) -> None:
    item = {"metadata": {"name": "w1", "uid": "u"}, "spec": spec, "status": status}
    if isinstance(status, dict):
        status["conditions"] = conditions
    try:
        seen = Node.from_api(item)
    except (AttributeError, KeyError, TypeError, ValueError):
        return  # what observe() turns into an unread part
    assert judge(snapshot([seen]), Policy()).verdict is not Verdict.HEALTHY


@given(JSON)
def test_garbage_in_a_lease_never_reads_as_a_heartbeat(spec) -> None:
    try:
        lease = Heartbeat.from_api({"spec": spec})
    except (AttributeError, KeyError, TypeError, ValueError):
        return
    assert lease.expired(NOW)


@given(snapshots())
def test_each_check_speaks_of_each_node_once_and_only_of_those_it_saw(seen) -> None:
    known = {(n.name, n.uid) for n in seen.nodes or ()}
    for check in CHECKS:
        findings = list(check.evaluate(seen, Policy()))
        spoken = [(f.node, f.node_uid) for f in findings]
        assert len(set(spoken)) == len(spoken)
        assert set(spoken) <= known
        assert {f.reason for f in findings} <= set(check.reasons)
        assert Verdict.HEALTHY not in {f.verdict for f in findings}


@given(st.dictionaries(st.sampled_from(["monitor_only", *SETTINGS, "nonsense"]), JSON, max_size=6))
def test_a_policy_is_valid_as_a_whole_or_refused_in_one_line(given_values) -> None:
    try:
        policy = parse_policy(given_values)
    except ValueError as mistake:
        assert type(mistake).__name__ == "PolicyError"
        assert "\n" not in str(mistake)
        return
    for name, setting in SETTINGS.items():
        assert setting.low <= getattr(policy, name) <= setting.high
