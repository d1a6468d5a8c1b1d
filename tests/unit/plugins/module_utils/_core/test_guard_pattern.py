# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import plan as plan_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import GUARDS, pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Situation
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import Judgement, judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Diagnosis, Moment, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    HEALING,
    NOW,
    UID,
    ago,
    fleet,
    incident,
    plan_for,
    sick,
    snapshot,
)

A_ZONE = {"topology.kubernetes.io/zone": "a"}
ANOTHER = {"topology.kubernetes.io/zone": "b"}


def ask(node: Node, *patterns: Diagnosis) -> str | None:
    seen = snapshot([node, *fleet(9)])
    judgement = judge(seen, HEALING)
    finding = judgement.of_node(node.name)[0]
    candidate = Candidate(node, finding, None, KUBELET_RESTART, finding.since or NOW)
    told: Judgement = replace(judgement, patterns=patterns)
    return pattern.GUARD.objection(candidate, Situation(seen, told, HEALING, NOW, UID))


def cause(name: str, *nodes: Node) -> Diagnosis:
    return Diagnosis(name, tuple(n.ref for n in nodes), f"the cause of {name}", f"mend {name}", "")


def test_a_member_is_not_repaired() -> None:
    said = ask(sick("w1"), cause("Storm", sick("w1"), sick("w2")))
    assert said == (
        "the node is part of Storm (the cause of Storm), which has 2 members: they are not repaired one by one;"
        " mend Storm"
    )


def test_one_member_is_one() -> None:
    said = ask(sick("w1"), cause("Storm", sick("w1")))
    assert said is not None and "has 1 member:" in said


def test_the_first_pattern_that_claims_it_is_named() -> None:
    said = ask(sick("w1"), cause("Rain", sick("w2")), cause("Storm", sick("w1")), cause("Snow", sick("w1")))
    assert said is not None and "part of Storm" in said


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="no pattern"),
        pytest.param((cause("Storm", sick("w2")),), id="of another node"),
        pytest.param((cause("Storm", sick("w1", uid="another")),), id="of one that had the name before"),
    ],
)
def test_others_do_not_matter(others: tuple[Diagnosis, ...]) -> None:
    assert ask(sick("w1"), *others) is None


def flaps() -> list:
    times = (3000, 2500, 2000, 1500, 600)
    phases = (Phase.SUSPECTED, Phase.RECOVERED) * 3
    history = tuple(Moment(ago(at), phase, "healer", "") for at, phase in zip(times, phases, strict=False))
    return [incident(history=history)]


SITUATIONS = {
    "a zone is out": (
        [sick(f"w{n}", labels=A_ZONE) for n in (1, 2)] + [replace(n, labels=ANOTHER) for n in fleet(18)],
        [],
    ),
    "the node flaps": ([sick("w1"), *fleet(9)], flaps()),
}


@pytest.mark.parametrize(("nodes", "incidents"), SITUATIONS.values(), ids=SITUATIONS)
def test_without_the_guard_the_forbidden_is_done(
    nodes: list[Node], incidents: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(snapshot(nodes), incidents)
    assert plan.actions == ()
    assert {r.guard for r in plan.refusals} == {"pattern"}
    assert plan.people  # it is not quiet: somebody must look at the cause
    monkeypatch.setattr(plan_module, "GUARDS", tuple(g for g in GUARDS if g is not pattern.GUARD))
    plan = plan_for(snapshot(nodes), incidents)
    assert "w1" in {a.node for a in plan.actions} and not plan.refusals
