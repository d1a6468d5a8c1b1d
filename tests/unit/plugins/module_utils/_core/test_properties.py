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
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART, LADDERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import Event, open_incident, step
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Phase, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Condition,
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import FORGET, OPEN, Plan
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import (
    SETTINGS,
    Integer,
    PolicyError,
    parse_policy,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CALM,
    NOW,
    REBOOT,
    REPLACE,
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
    *([{"labels": {"topology.kubernetes.io/zone": "a"}}] * 3),
    {"capacity": {"nvidia.com/gpu": "4"}},
    {"boot_id": "b"},
]
DEAD: dict[str, Any] = {"conditions": said("Unknown", 500), "lease": Heartbeat(ago(540), 40)}
KINDS: list[dict[str, Any]] = [
    *([WELL] * 50),
    *(WELL | mark for mark in MARKS),
    *({"conditions": state} for state in STATES),
    *({"conditions": said("Unknown", 500)} | mark for mark in MARKS * 6),
    # Dead whomever one asks, so that it may be taken down as well.
    *([DEAD] * 40),
    *([DEAD | {"labels": {"node-role.kubernetes.io/control-plane": ""}}] * 20),
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
    drawn = [kind.get("lease", lease) for kind, lease in zip(kinds, leases, strict=True)]
    heartbeats = {f"n{i}": lease for i, lease in enumerate(drawn) if lease is not None}
    identity, has_nodes, has_heartbeats, unread = draw(st.sampled_from(WHOLES))
    nodes = tuple(
        node(f"n{i}", **{name: value for name, value in kind.items() if name != "lease"})
        for i, kind in enumerate(kinds)
    )
    return Snapshot(
        observed_at=NOW,
        cluster_uid=identity,
        nodes=nodes if has_nodes else None,
        heartbeats=heartbeats if has_heartbeats else None,
        unread=unread,
        **{**quiet_parts(nodes), **draw(st.sampled_from(ETCDS))},
    )


ETCDS: list[dict[str, Any]] = [
    *([{}] * 3),
    {"etcd": None},
    {"etcd": Etcd(tuple(EtcdMember(f"n{i}", i != 2) for i in range(3)), leader="n1")},
]
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
    *([{"attempted": [9000, 5000]}] * 6),
    {"node_uid": "of-another-machine"},
    *({"phase": Phase.WAITING, "attempted": [400], "wait_until": ago(age), "boot_id": "b"} for age in (-60, -60, 60)),
    *({"phase": phase, "closed_at": ago(10**7)} for phase in (Phase.RECOVERED, Phase.GONE)),
]


def incidents() -> st.SearchStrategy[list[Incident]]:
    """At most one for each node, some of them of nodes that are not there."""
    return st.lists(st.sampled_from(MEMORIES), max_size=12).map(
        lambda drawn: [incident(f"n{i}", **changes) for i, changes in enumerate(drawn) if changes is not None]
    )


CHANGES: list[dict[str, Any]] = [
    *([{}] * 12),
    *([{"mass_failure_percent": 100}] * 36),
    {"mass_failure_percent": 50, "cooldown": 0},
    {"mass_failure_percent": 100, "transient_tolerance": 0, "health_check_interval": 10, "node_failure_threshold": 1},
    {"mass_failure_percent": 100, "max_attempts": 1, "attempt_window": 60},
    *([{"mass_failure_percent": 100, "approval_required": ["Reboot", "Replace"]}] * 16),
    *([{"mass_failure_percent": 100, "maintenance_windows": [{"start": "4:00", "end": "5:00"}]}] * 16),
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
CALM_NOW = [None, None, None, Storm("mass_failure", ago(9000), ago(8000))]
STORMS = st.sampled_from([*CALM_NOW, *CALM_NOW, Storm("mass_failure", ago(900), ago(60)), Storm("x", ago(60))])
LADDER_SETS = st.sampled_from(
    [dict.fromkeys(LADDERS, rungs) for rungs in ((KUBELET_RESTART,), (REBOOT,), (KUBELET_RESTART, REBOOT), (REPLACE,))]
)
LATE = st.sampled_from([0, 0, 0, 0, 5, 61])
# In the order of plan_for.
CASES = st.tuples(snapshots(), incidents(), policies(), EXPECTED, st.just(()), STORMS, LADDER_SETS, LATE)


def test_these_clusters_bring_each_guard_to_speak_and_repairs_of_each_kind_about() -> None:
    # Else the properties below would hold for want of anything to refuse or to do.
    seen: set[str] = set()

    @settings(max_examples=2000, database=None, derandomize=True, phases=[HypothesisPhase.generate])
    @given(CASES)
    def look(case) -> None:
        plan = plan_for(*case)
        seen.update(r.guard for r in plan.refusals)
        seen.update("disruptive" if a.disruptive else "soft" for a in plan.actions)
        seen.update(n.event for n in plan.notes)
        if len(plan.actions) > 1:
            seen.add("several repairs")

    look()
    # A budget needs a larger crowd, and no ladder gives a GPU node what its guard would refuse. That each guard is
    # needed, where no other speaks, is for test_guards.py to show.
    assert seen >= GUARD_NAMES - {"budget", "gpu_node"} | {"several repairs"}
    assert seen >= {"soft", "disruptive"}
    assert seen >= {event.value for event in Event} - {"begin", "wait", "acted"} | {OPEN, FORGET}


@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_incidents_does_not_matter(case, random) -> None:
    seen, memory, policy, *rest = case
    shuffled = replace(seen, nodes=seen.nodes and tuple(random.sample(seen.nodes, len(seen.nodes))))
    assert judge(shuffled, policy) == judge(seen, policy)
    other, plan = (
        plan_for(shuffled, random.sample(memory, len(memory)), policy, *rest),
        plan_for(seen, memory, policy, *rest),
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
    # A node that comes back from its reboot is told to be back, or never to have been away, before it is well.
    assert {n.event for n in plan.notes} <= {"acted", "fail", "recover", "leave", "forget"}
    if not [m for m in memory if m.phase.is_open or m.closed_at]:
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


@given(CASES)
def test_what_a_guard_refuses_is_not_done(case) -> None:
    plan = plan_for(*case)
    assert {a.node for a in plan.actions}.isdisjoint({r.node for r in plan.refusals})
    assert {r.guard for r in plan.refusals} <= GUARD_NAMES
    assert all(r.message and "\n" not in r.message for r in plan.refusals)


HEALING_CASES = st.tuples(
    snapshots(), incidents(), policies(healing=True), st.just(UID), st.just(()), STORMS, LADDER_SETS, LATE
)


def written(plan: Plan, memory: list[Incident], seen: Snapshot, policy: Policy) -> list[Incident]:
    """The incidents after the plan's notes are written down in their order; the machine must know each of them."""
    kept = {(m.node, m.node_uid, m.phase.is_open): m for m in memory}
    findings = {(f.node, f.node_uid): f for f in judge(seen, policy).findings[::-1]}
    for note in plan.notes:
        key = (note.node, note.node_uid, True)
        if note.event == FORGET:
            del kept[note.node, note.node_uid, False]
        elif note.event == OPEN:
            assert key not in kept
            kept[key] = open_incident(findings[note.node, note.node_uid], 2, NOW, "healer")
        else:
            kept[key] = step(kept[key], Event(note.event), NOW, "healer", note.message, refusals=note.refusals)
            if not kept[key].phase.is_open:
                kept[note.node, note.node_uid, False] = kept.pop(key)
    return list(kept.values())


@given(HEALING_CASES)
def test_notes_can_be_written_down_in_their_order_and_lead_to_the_action(case) -> None:
    """The machine knows every event of the plan's notes, and after them each planned repair can begin."""
    seen, memory, policy, *_rest = case
    plan = plan_for(*case)
    now_open = {(m.node, m.node_uid): m for m in written(plan, memory, seen, policy) if m.phase.is_open}
    for action in plan.actions:
        one = now_open[action.node, action.node_uid]
        begun = step(one, Event.BEGIN, NOW, "healer", "go", action.rung, 600)
        assert begun.phase is Phase.REPAIRING


@given(HEALING_CASES)
def test_a_second_plan_right_after_the_notes_repeats_none_of_them(case) -> None:
    seen, memory, policy, *rest = case
    plan = plan_for(*case)
    after = written(plan, memory, seen, policy)
    again = plan_for(seen, after, policy, *rest)
    if any(m.phase.under_repair for m in memory):
        # What was under repair for the first plan may be in nobody's way for the second one, which then says so.
        assert {n.event for n in again.notes} <= {"hold"}
        again = plan_for(seen, written(again, after, seen, policy), policy, *rest)
    else:
        assert {a.node for a in again.actions} == {a.node for a in plan.actions}
    assert again.notes == ()


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
