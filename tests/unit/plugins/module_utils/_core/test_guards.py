# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import plan as plan_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import (
    KUBELET_RESTART,
    LADDERS,
    Rung,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Incident,
    Phase,
    Remedy,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    Etcd,
    EtcdMember,
    Heartbeat,
    Node,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import Window
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.guard_kit import BY_NAME, ask
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    CONTROL_PLANE,
    HEALING,
    NOW,
    REBOOT,
    REBOOTING,
    REPLACE,
    UID,
    ago,
    fleet,
    incident,
    node,
    plan_for,
    sick,
    snapshot,
)


def test_names_are_unique_and_guards_say_what_they_are_about() -> None:
    assert len(BY_NAME) == len(GUARDS)
    assert all(guard.about.endswith(".") for guard in GUARDS)


# --- each guard, on both sides of its edge, with the numbers in its message


def test_monitor_only() -> None:
    assert ask("monitor_only", [sick()]) is None
    said = ask("monitor_only", [sick()], Policy())
    assert said is not None and "monitor-only is on" in said and "ConfigMap" not in said
    said = ask("monitor_only", [sick()], Policy(braked=True))
    assert said is not None and "in the cluster's ConfigMap self-healing-config, which no job can lift" in said


@pytest.mark.parametrize(
    ("expected", "seen", "words"),
    [
        pytest.param(UID, UID, None, id="the one that is meant"),
        pytest.param(None, UID, ("not named", UID), id="not named"),
        pytest.param("", UID, ("not named", UID), id="named with nothing"),
        pytest.param("other", UID, ("other", UID), id="another one"),
        pytest.param(UID, None, ("None", UID), id="it does not say"),
        pytest.param(None, None, ("not named",), id="nobody says anything"),
    ],
)
def test_identity(expected: str | None, seen: str | None, words: tuple[str, ...] | None) -> None:
    said = ask("identity", [sick()], expected_uid=expected, cluster_uid=seen)
    assert (said is None) if words is None else (said is not None and all(word in said for word in words))


@pytest.mark.parametrize("value", ["", "true", "false", "since 3 a.m."])
def test_any_value_of_the_annotation_pauses(value: str) -> None:
    said = ask("paused", [sick(annotations={"selfheal.kubernetes/paused": value})])
    assert said is not None and repr(value) in said


def test_other_annotations_do_not_pause() -> None:
    assert ask("paused", [sick(annotations={"selfheal.kubernetes/pause": "x", "paused": "x"})]) is None
    assert ask("paused", [sick(labels={"selfheal.kubernetes/paused": "x"})]) is None


@pytest.mark.parametrize("value", ["", "true", "false"])
def test_any_value_of_the_label_excludes(value: str) -> None:
    said = ask("excluded", [sick(labels={"selfheal.kubernetes/exclude": value})])
    assert said is not None and repr(value) in said


def test_other_labels_do_not_exclude() -> None:
    assert ask("excluded", [sick(labels={"exclude": "true"})]) is None
    assert ask("excluded", [sick(annotations={"selfheal.kubernetes/exclude": "true"})]) is None


def test_human_cordon() -> None:
    assert ask("human_cordon", [sick()]) is None
    assert ask("human_cordon", [sick(unschedulable=True)]) is not None
    assert ask("human_cordon", [sick(), node("w2", unschedulable=True)]) is None


def test_leaving() -> None:
    assert ask("leaving", [sick()]) is None
    assert ask("leaving", [sick(deleting=True)]) is not None


@pytest.mark.parametrize(
    ("count", "percent", "limit"),
    [
        pytest.param(1, 20, 1, id="one of one always may"),
        pytest.param(2, 20, 1, id="one of two"),
        pytest.param(9, 20, 1, id="20 % of 9 is rounded down"),
        pytest.param(10, 20, 2, id="20 % of 10"),
        pytest.param(14, 20, 2, id="20 % of 14 is rounded down"),
        pytest.param(15, 20, 3, id="20 % of 15"),
        pytest.param(200, 1, 2, id="1 % of 200"),
        pytest.param(10, 100, 10, id="all of them"),
        pytest.param(10, 1, 1, id="less than one node is one"),
    ],
)
def test_mass_failure_counts(count: int, percent: int, limit: int) -> None:
    policy = Policy(monitor_only=False, mass_failure_percent=percent)

    def said(number: int) -> str | None:
        return ask("mass_failure", [sick(f"w{i}") for i in range(number)] + fleet(count - number), policy)

    assert said(limit) is None
    if limit < count:
        words = said(limit + 1)
        assert words is not None
        assert f"{limit + 1} of {count} nodes" in words and f"limit is {limit} ({percent} %" in words


@pytest.mark.parametrize(
    ("age", "silent"),
    [pytest.param(40, False, id="just in date"), pytest.param(41, True, id="just out of date")],
)
def test_mass_failure_counts_expired_leases_of_nodes_that_seem_ready(age: int, silent: bool) -> None:
    nodes = [sick("w1"), *fleet(9)]
    leases = {n.name: Heartbeat(ago(5), 40) for n in nodes}
    for quiet in ("other-0", "other-1"):
        leases[quiet] = Heartbeat(ago(age), 40)
    said = ask("mass_failure", nodes, heartbeats=leases)
    assert (said is not None and "3 of 10 nodes are sick or silent" in said) if silent else said is None


def test_mass_failure_counts_a_node_without_a_lease_as_silent() -> None:
    nodes = [sick("w1"), *fleet(4)]
    assert ask("mass_failure", nodes) is None
    assert ask("mass_failure", nodes, heartbeats={n.name: Heartbeat(ago(5), 40) for n in nodes[:-1]}) is not None


def test_mass_failure_counts_a_node_once() -> None:
    assert ask("mass_failure", [sick("w1"), sick("w2"), *fleet(8)], silent=["w1", "w2"]) is None


def test_mass_failure_counts_nodes_that_say_nothing() -> None:
    assert ask("mass_failure", [sick("w1"), node("w2", conditions=()), *fleet(3)]) is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param({"machine_id": "ab"}, {"machine_id": "ab"}, "machine-id ab", id="machine-id"),
        pytest.param({"addresses": ("10.0.0.5",)}, {"addresses": ("10.0.0.5",)}, "address 10.0.0.5", id="address"),
        pytest.param({"addresses": ("10.0.0.5", "fd00::5")}, {"addresses": ("fd00::5",)}, "fd00::5", id="one of two"),
        pytest.param({"machine_id": ""}, {"machine_id": ""}, None, id="neither says"),
        pytest.param({"addresses": ("10.0.0.5",)}, {"addresses": ("10.0.0.6",)}, None, id="two machines"),
    ],
)
def test_same_machine(old: dict[str, object], new: dict[str, object], words: str | None) -> None:
    said = ask("same_machine", [sick("old-name", **old), node("w2", **new), *fleet(8)])
    assert (said is None) if words is None else (said is not None and "node w2" in said and words in said)


@pytest.mark.parametrize("off", ["NodeHeartbeat", "NodeReady"])
def test_mass_failure_counts_nodes_whose_check_is_switched_off(off: str) -> None:
    quiet = ["other-0", "other-1"] if off == "NodeHeartbeat" else []
    others = fleet(7) if quiet else [*fleet(5), sick("w2"), sick("w3")]
    nodes = [sick("w1"), *others]
    judged = Policy(monitor_only=False, disabled_checks=frozenset({off}))
    seen = snapshot(nodes, silent=["w1", *quiet])
    judgement = judge(seen, judged)
    assert judgement.sick_nodes == 1
    finding = judgement.of_node("w1")[0]
    candidate = Candidate(nodes[0], finding, None, KUBELET_RESTART, finding.since or NOW)
    said = BY_NAME["mass_failure"].objection(candidate, Situation(seen, judgement, judged, NOW, UID))
    assert said is not None and "3 of 8 nodes are sick or silent" in said


def test_mass_failure_refuses_what_cannot_be_counted() -> None:
    said = ask("mass_failure", [sick("w1"), *fleet(4)], heartbeats=None)
    assert said is not None and "cannot be counted" in said


@pytest.mark.parametrize(
    ("tolerance", "soft_after", "threshold", "rung", "needed"),
    [
        pytest.param(120, 90, 300, KUBELET_RESTART, 120, id="soft, tolerance is longer"),
        pytest.param(60, 90, 300, KUBELET_RESTART, 90, id="soft, the rung is longer"),
        pytest.param(120, 90, 300, REBOOT, 300, id="disruptive, the threshold is longer"),
        pytest.param(400, 90, 300, REBOOT, 400, id="disruptive, tolerance is longer"),
    ],
)
def test_transient_tolerance(tolerance: int, soft_after: int, threshold: int, rung: Rung, needed: int) -> None:
    policy = Policy(
        monitor_only=False,
        transient_tolerance=tolerance,
        health_check_interval=soft_after // 3,
        node_failure_threshold=3,
        thresholds={"NodeReady": threshold},
    )
    said = ask("transient_tolerance", [sick(seconds=needed - 1)], policy, rung=rung)
    assert said is not None
    assert f"lasted {needed - 1} s" in said and f"waits for {needed} s" in said
    assert ask("transient_tolerance", [sick(seconds=needed)], policy, rung=rung) is None


def test_transient_tolerance_refuses_a_start_in_the_future() -> None:
    assert ask("transient_tolerance", [sick(seconds=-60)]) is not None


@pytest.mark.parametrize(
    ("attempted", "needed"),
    [
        pytest.param([], 0, id="never tried"),
        pytest.param([299], 300, id="a second too soon"),
        pytest.param([300], 0, id="at the edge"),
        pytest.param([-30], 300, id="an attempt in the future"),
        pytest.param([4000, 599], 600, id="the last one counts, and twice as long"),
        pytest.param([4000, 600], 0, id="at the edge of twice as long"),
        pytest.param([5000, 4000, 1199], 1200, id="four times as long"),
        pytest.param([5000, 4000, 1200], 0, id="at the edge of four times as long"),
        pytest.param([9e4, 8e4, 7e4, 6e4, 5e4, 3599], 3600, id="no longer than the longest"),
        pytest.param([9e4, 8e4, 7e4, 6e4, 5e4, 3600], 0, id="at the edge of the longest"),
    ],
)
def test_cooldown(attempted: list[float], needed: int) -> None:
    said = ask("cooldown", [sick()], incident=incident(attempted=attempted))
    elapsed = max(0, int(attempted[-1])) if attempted else 0
    assert said == (
        f"the last attempt began {elapsed} s ago; the cool-down is {needed} s after {len(attempted)} failed attempts"
        if needed
        else None
    )


@pytest.mark.parametrize(
    ("cooldown", "longest", "attempts", "needed"),
    [
        pytest.param(1000, 100, 1, 1000, id="the longest is never shorter than the first"),
        pytest.param(1000, 100, 5, 1000, id="and does not grow beyond it"),
        pytest.param(100, 350, 2, 200, id="grows"),
        pytest.param(100, 350, 3, 350, id="up to the longest"),
        pytest.param(0, 3600, 9, 0, id="none at all"),
        pytest.param(86400, 86400, 10**6, 86400, id="a number that no power of two may reach"),
    ],
)
def test_cooldown_grows_to_its_longest(cooldown: int, longest: int, attempts: int, needed: int) -> None:
    policy = Policy(monitor_only=False, cooldown=cooldown, cooldown_max=longest)

    def said(age: float) -> str | None:
        return ask("cooldown", [sick()], policy, incident(attempted=[age], attempts=attempts))

    assert said(needed) is None
    if needed:
        assert f"the cool-down is {needed} s after {attempts} failed attempts" in str(said(needed - 1))


def test_attempts_of_closed_incidents_do_not_make_the_cooldown_longer() -> None:
    now_open = incident(attempted=[4000, 3000, 299], attempts=0)
    assert "is 300 s after 0 failed attempts" in str(ask("cooldown", [sick()], incident=now_open))


def test_cooldown_without_an_incident() -> None:
    assert ask("cooldown", [sick()]) is None


@pytest.mark.parametrize(
    ("attempted", "refused"),
    [
        pytest.param([2000, 1000], False, id="two of three"),
        pytest.param([3000, 2000, 1000], True, id="three of three"),
        pytest.param([4000, 3000, 2000, 1000], True, id="more than the limit"),
        pytest.param([86400, 2000, 1000], False, id="one has just left the window"),
        pytest.param([86399, 2000, 1000], True, id="one is about to leave the window"),
    ],
)
def test_attempts(attempted: list[float], refused: bool) -> None:
    said = ask("attempts", [sick()], incident=incident(attempted=attempted))
    assert (
        (said is not None and f"{len(attempted)} attempts" in said and "limit is 3" in said)
        if refused
        else said is None
    )


def test_attempts_leaves_what_was_handed_to_people_to_them() -> None:
    said = ask("attempts", [sick()], incident=incident(phase=Phase.ESCALATED, attempted=[90000, 90001, 90002]))
    assert said is not None and "handed to people after 3 attempts" in said


def test_attempts_without_an_incident() -> None:
    assert ask("attempts", [sick()]) is None


# --- every guard is needed: take it out, and what it forbids is done


@dataclass(frozen=True)
class Forbidden:
    """A situation in which one guard, and no other, stands between the plan and an action on w1.

    ``too`` are guards that say the same for a reason of their own: they are taken out first.
    """

    sick_node: Node = field(default_factory=sick)
    others: int = 9
    more: tuple[Node, ...] = ()
    policy: Policy = HEALING
    expected_uid: str | None = UID
    incidents: tuple[Incident, ...] = ()
    too: frozenset[str] = frozenset()
    parts: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)

    def seen(self) -> Snapshot:
        return snapshot([self.sick_node, *self.more, *fleet(self.others)], **self.parts)


# For a rung that takes the node down: its kubelet is silent whomever one asks.
SILENT: dict[str, Any] = {"silent": ["w1"]}
DOWN: dict[str, Any] = {"parts": SILENT, "plan": {"ladders": REBOOTING}}
TWO_MORE = tuple(node(name, labels=CONTROL_PLANE) for name in ("c2", "c3"))
MEMBERS = tuple(EtcdMember(name, True) for name in ("w1", "c2", "c3"))
ZONE = {"topology.kubernetes.io/zone": "a"}
FORBIDDEN = {
    "monitor_only": Forbidden(policy=Policy()),
    "identity": Forbidden(expected_uid="another-cluster"),
    "paused": Forbidden(sick(annotations={"selfheal.kubernetes/paused": "by me"})),
    "excluded": Forbidden(sick(labels={"selfheal.kubernetes/exclude": "true"})),
    "human_cordon": Forbidden(sick(unschedulable=True)),
    "leaving": Forbidden(sick(deleting=True)),
    "same_machine": Forbidden(sick(machine_id=fleet(1)[0].machine_id)),
    "under_repair": Forbidden(incidents=(incident(phase=Phase.WAITING, attempted=[400], wait_until=ago(-1)),)),
    "mass_failure": Forbidden(others=2, more=(sick("w2"),), too=frozenset({"storm_cooldown"})),
    "storm_cooldown": Forbidden(plan={"storm": Storm("mass_failure", ago(900), ago(599))}),
    "evidence_age": Forbidden(plan={"late": 61}),
    "transient_tolerance": Forbidden(sick(seconds=119)),
    "cooldown": Forbidden(incidents=(incident(attempted=[299]),)),
    "attempts": Forbidden(incidents=(incident(attempted=[4000, 3000, 2000]),)),
    "vantage_points": Forbidden(plan={"ladders": REBOOTING}),
    "control_plane": Forbidden(
        sick(labels=CONTROL_PLANE), more=TWO_MORE, incidents=(incident("c2", Phase.VERIFYING, attempted=[60]),)
    ),
    "etcd_quorum": Forbidden(
        sick(labels=CONTROL_PLANE),
        more=TWO_MORE,
        parts={**SILENT, "etcd": Etcd(MEMBERS, leader="w1")},
        plan=DOWN["plan"],
    ),
    "failure_domain": Forbidden(
        sick(labels=ZONE), more=(node("w2", labels=ZONE),), incidents=(incident("w2", Phase.REPAIRING, [60]),)
    ),
    "maintenance_window": Forbidden(policy=Policy(monitor_only=False, maintenance_windows=(Window(60, 120),)), **DOWN),
    "approval": Forbidden(policy=Policy(monitor_only=False, approval_required=(Remedy.REBOOT,)), **DOWN),
}


def test_every_guard_is_proven_by_breaking_it() -> None:
    # Two need a crowd, and one a ladder that forgets it; see the next tests, and test_guard_pattern.py.
    assert set(FORBIDDEN) | {"budget", "pattern", "gpu_node"} == set(BY_NAME)


def without(*names: str) -> tuple[Guard, ...]:
    return tuple(guard for guard in GUARDS if guard.name not in names)


def test_without_the_budget_all_are_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = snapshot([*(sick(f"w{number:02}") for number in range(12)), *fleet(60)])
    assert len(plan_for(seen).actions) == 10
    monkeypatch.setattr(plan_module, "GUARDS", without("budget"))
    assert len(plan_for(seen).actions) == 12


def test_without_its_guard_a_gpu_node_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = snapshot([sick(capacity={"nvidia.com/gpu": "4"}), *fleet(9)], **SILENT)
    ladders = dict.fromkeys(LADDERS, (REPLACE,))
    assert plan_for(seen, ladders=ladders).actions == ()
    # The plan takes only the rungs that a GPU node may be given; here it has forgotten that.
    monkeypatch.setattr(plan_module, "rung_for", lambda *_: REPLACE)
    assert [r.guard for r in plan_for(seen, ladders=ladders).refusals] == ["gpu_node"]
    monkeypatch.setattr(plan_module, "GUARDS", without("gpu_node"))
    assert [a.rung for a in plan_for(seen, ladders=ladders).actions] == ["replace"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_without_the_guard_the_forbidden_is_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = FORBIDDEN[name]
    seen = case.seen()

    def planned(*missing: str) -> tuple[set[str], set[str]]:
        monkeypatch.setattr(plan_module, "GUARDS", without(*missing))
        plan = plan_for(seen, case.incidents, case.policy, case.expected_uid, **case.plan)
        return {a.node for a in plan.actions}, {r.guard for r in plan.refusals}

    assert planned() == (set(), {name, *case.too})
    assert planned(*case.too) == (set(), {name})
    done, refused_by = planned(name, *case.too)
    assert "w1" in done and not refused_by


def test_every_guard_that_objects_is_reported() -> None:
    one = sick(seconds=10, unschedulable=True, deleting=True, annotations={"selfheal.kubernetes/paused": ""})
    plan = plan_for(snapshot([one]), policy=Policy(), expected_uid=None)
    assert not plan.actions
    assert [r.guard for r in plan.refusals] == [
        "monitor_only",
        "identity",
        "paused",
        "human_cordon",
        "leaving",
        "transient_tolerance",
    ]
    assert {(r.node, r.rung) for r in plan.refusals} == {("w1", "kubelet_restart")}


def test_verdicts_of_the_scenarios_are_unhealthy() -> None:
    # Else a scenario would prove nothing: a plan for a healthy node is empty anyway.
    for case in FORBIDDEN.values():
        assert judge(case.seen(), case.policy).verdict is Verdict.UNHEALTHY
