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
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition, Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import OPEN
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import (
    SETTINGS,
    Integer,
    PolicyError,
    parse_policy,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CALM,
    NOW,
    UID,
    ago,
    incident,
    node,
    plan_for,
    quiet_parts,
    ready,
    snapshot,
)
from hypothesis import Phase as HypothesisPhase
from hypothesis import assume, given, settings
from hypothesis import strategies as st

GUARD_NAMES = {guard.name for guard in GUARDS}
RANK = {Verdict.HEALTHY: 0, Verdict.UNKNOWN: 1, Verdict.UNHEALTHY: 2}


def said(status: str, seconds: float | None, kind: str = "Ready") -> tuple[Condition, ...]:
    own = Condition(kind, status, "KubeletReady", "", None if seconds is None else ago(seconds))
    return (own, *(c for c in (ready(since=ago(500)), *CALM) if c.type != kind))


# Each kind of node in one drawing, which is several times faster than one drawing for each of its fields.
STATES = [
    *(said(status, seconds) for status in ("False", "Unknown") for seconds in (-60, 0, 89, 90, 119, 120, 300, 90000)),
    *(said(status, None) for status in ("True", "False", "Unknown")),
    *(said(status, 500) for status in ("", "true", "?")),
    said("True", 5, "DiskPressure"),
    (),
]
WELL = {"conditions": said("True", 500)}
MARKS: list[dict[str, Any]] = [
    {"labels": {"selfheal.kubernetes/exclude": ""}},
    {"labels": {"node-role.kubernetes.io/control-plane": ""}},
    {"annotations": {"selfheal.kubernetes/paused": "x"}},
    {"unschedulable": True},
    {"deleting": True},
    {"uid": "another-uid"},
    {"machine_id": node("n0").machine_id},
]
KINDS: list[dict[str, Any]] = [
    *([WELL] * 50),
    *(WELL | mark for mark in MARKS),
    *({"conditions": state} for state in STATES),
    *({"conditions": said("Unknown", 500)} | mark for mark in MARKS * 4),
]
LEASES = [
    *([Heartbeat(ago(5), 40)] * 12),
    *(Heartbeat(ago(s), 40) for s in (-300, 40, 41, 900)),
    Heartbeat(None, 40),
    None,
]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=10))
    leases = draw(st.lists(st.sampled_from(LEASES), min_size=len(kinds), max_size=len(kinds)))
    heartbeats = {f"n{i}": lease for i, lease in enumerate(leases) if lease is not None}
    identity, has_nodes, has_heartbeats, unread = draw(st.sampled_from(WHOLES))
    nodes = tuple(node(f"n{i}", **kind) for i, kind in enumerate(kinds))
    return Snapshot(
        observed_at=NOW,
        cluster_uid=identity,
        nodes=nodes if has_nodes else None,
        heartbeats=heartbeats if has_heartbeats else None,
        unread=unread,
        **quiet_parts(nodes),
    )


# What answers at all: the cluster's identity, the nodes, the Leases, and what is known to be missing.
WHOLES: list[tuple[str | None, bool, bool, dict[str, str]]] = [
    *([(UID, True, True, {})] * 8),
    ("another", True, True, {}),
    (None, True, True, {"identity": "HTTP 500"}),
    (UID, False, True, {"nodes": "HTTP 500"}),
    (UID, True, False, {"heartbeats": "HTTP 500"}),
]


MEMORIES: list[dict[str, Any] | None] = [
    *([None] * 14),
    *({"phase": phase, "since": since} for phase in Phase for since in (0, 120, 600)),
    *({"phase": phase, "attempted": [age]} for phase in Phase for age in (-60, 299, 300)),
    *({"phase": phase, "attempted": [3000, 2000, 1000]} for phase in [*Phase, Phase.UNHEALTHY, Phase.UNHEALTHY]),
    {"attempted": [90000, 3000, 2000]},
    {"node_uid": "of-another-machine"},
]


def incidents() -> st.SearchStrategy[list[Incident]]:
    """At most one for each node, some of them of nodes that are not there."""
    return st.lists(st.sampled_from(MEMORIES), max_size=12).map(
        lambda drawn: [incident(f"n{i}", **changes) for i, changes in enumerate(drawn) if changes is not None]
    )


CHANGES: list[dict[str, Any]] = [
    *([{}] * 4),
    *([{"mass_failure_percent": 100}] * 6),
    {"mass_failure_percent": 50, "cooldown": 0},
    {"mass_failure_percent": 100, "transient_tolerance": 0, "health_check_interval": 10, "node_failure_threshold": 1},
    {"mass_failure_percent": 100, "max_attempts": 1, "attempt_window": 60},
    {"thresholds": {"NodeReady": 10}, "cooldown": 86400},
    *(
        {name: edge}
        for name, setting in SETTINGS.items()
        if isinstance(setting, Integer)
        for edge in (setting.low, setting.high)
    ),
]


def policies(healing: bool | None = None) -> st.SearchStrategy[Policy]:
    modes = [False, False, True] if healing is None else [not healing]
    return st.builds(
        lambda monitor_only, changes: parse_policy({"monitor_only": monitor_only, **changes}),
        st.sampled_from(modes),
        st.sampled_from(CHANGES),
    )


EXPECTED = st.sampled_from([*([UID] * 9), "another", "", None])
CASES = st.tuples(snapshots(), incidents(), policies(), EXPECTED)


def test_these_clusters_bring_each_guard_to_speak_alone_and_repairs_about() -> None:
    # Else the properties below would hold for want of anything to refuse or to do.
    seen: set[str] = set()

    @settings(max_examples=800, database=None, derandomize=True, phases=[HypothesisPhase.generate])
    @given(CASES)
    def look(case) -> None:
        plan = plan_for(*case)
        for name in {r.node for r in plan.refusals}:
            guards = [r.guard for r in plan.refusals if r.node == name]
            if len(guards) == 1:
                seen.update(guards)
        if len(plan.actions) > 1:
            seen.add("several repairs")

    look()
    assert seen == GUARD_NAMES - {"budget"} | {"several repairs"}


@given(snapshots(), incidents(), policies(), EXPECTED, st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_incidents_does_not_matter(seen, memory, policy, expected, random) -> None:
    shuffled = replace(seen, nodes=seen.nodes and tuple(random.sample(seen.nodes, len(seen.nodes))))
    assert judge(shuffled, policy) == judge(seen, policy)
    other, plan = (
        plan_for(shuffled, random.sample(memory, len(memory)), policy, expected),
        plan_for(seen, memory, policy, expected),
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
    plan = plan_for(seen, memory, policy, expected)
    assert (plan.actions, plan.notes) == ((), ())


@given(CASES)
def test_what_is_blocked_does_and_writes_nothing(case) -> None:
    plan = plan_for(*case)
    if plan.blocked:
        assert (plan.actions, plan.notes) == ((), ())


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
    closed = [m for m in memory if not m.phase.is_open]
    again = plan_for(seen, [*closed, *kept.values()], policy)
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
        spoken = [(f.node, f.node_uid) for f in findings if f.node]
        assert len(set(spoken)) == len(spoken)
        assert set(spoken) <= known
        assert {f.reason for f in findings} <= set(check.reasons)
        assert Verdict.HEALTHY not in {f.verdict for f in findings}


@given(st.dictionaries(st.sampled_from(["monitor_only", *SETTINGS, "nonsense"]), JSON, max_size=6))
def test_a_policy_is_valid_as_a_whole_or_refused_in_one_line(given_values) -> None:
    mistakes = ""
    try:
        policy = parse_policy(given_values)
    except PolicyError as mistake:
        mistakes = str(mistake)
    assert "\n" not in mistakes
    if mistakes:
        return
    for name, setting in SETTINGS.items():
        if isinstance(setting, Integer):
            assert setting.low <= getattr(policy, name) <= setting.high
