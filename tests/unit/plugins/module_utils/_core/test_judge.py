# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, node, quiet_parts, sick, snapshot


@pytest.mark.parametrize(
    ("seen", "verdict", "unread"),
    [
        pytest.param(snapshot([node("a"), node("b")]), Verdict.HEALTHY, set(), id="all is well"),
        pytest.param(snapshot([node("a"), sick("b", 1)]), Verdict.UNHEALTHY, set(), id="one is sick since a second"),
        pytest.param(snapshot([node("a"), node("b", conditions=())]), Verdict.UNKNOWN, set(), id="one says nothing"),
        pytest.param(
            snapshot([sick("a"), node("b", conditions=())]), Verdict.UNHEALTHY, set(), id="unhealthy beats unknown"
        ),
        pytest.param(snapshot([node("a")], heartbeats=None), Verdict.UNKNOWN, {"heartbeats"}, id="no Leases"),
        pytest.param(
            snapshot([sick("a")], heartbeats=None), Verdict.UNHEALTHY, {"heartbeats"}, id="sick beats a missing part"
        ),
        pytest.param(replace(snapshot([]), nodes=None), Verdict.UNKNOWN, {"nodes"}, id="no answer about nodes"),
        pytest.param(snapshot([]), Verdict.UNKNOWN, {"nodes"}, id="no nodes at all"),
        pytest.param(
            Snapshot(NOW),
            Verdict.UNKNOWN,
            {"nodes", "heartbeats", *quiet_parts()} - {"local_time", "events"},
            id="nothing",
        ),
        pytest.param(
            snapshot([node("a")], cluster_uid=None, unread={"identity": "403"}),
            Verdict.UNKNOWN,
            {"identity"},
            id="it does not say who it is",
        ),
    ],
)
def test_verdict(seen: Snapshot, verdict: Verdict, unread: set[str]) -> None:
    judgement = judge(seen, Policy())
    assert judgement.verdict is verdict
    assert set(judgement.unread) == unread
    assert judgement.observed_at == NOW


def test_the_reason_why_a_part_is_missing_is_kept() -> None:
    judgement = judge(replace(snapshot([]), nodes=None, heartbeats=None, unread={"nodes": "HTTP 403"}), Policy())
    assert judgement.unread == {"nodes": "HTTP 403", "heartbeats": "not read"}
    assert judgement.missing_lines == ["heartbeats: not read", "nodes: HTTP 403"]


@pytest.mark.parametrize(
    ("part", "verdict", "blocks"),
    [
        pytest.param("heartbeats", Verdict.UNKNOWN, True, id="what repairs rest on"),
        pytest.param("pods", Verdict.UNKNOWN, False, id="what only the verdict rests on"),
        pytest.param("metrics", Verdict.HEALTHY, False, id="what only warnings rest on"),
    ],
)
def test_a_missing_part_counts_for_as_much_as_the_checks_that_need_it(
    part: str, verdict: Verdict, blocks: bool
) -> None:
    judgement = judge(snapshot([node()], **{part: None}), Policy())
    assert judgement.verdict is verdict
    assert bool(judgement.blind) is blocks
    assert part in judgement.unread


def test_a_policy_in_trouble_blocks_repairs_and_nothing_else() -> None:
    judgement = judge(snapshot([node(), sick("w2")]), Policy(trouble="self-healing-config.data.cooldown: no"))
    assert judgement.blind == {"policy": "self-healing-config.data.cooldown: no"}
    assert judgement.verdict is Verdict.UNHEALTHY


def test_a_check_that_is_switched_off_says_nothing_and_needs_nothing() -> None:
    seen = snapshot([sick("w1")], pods=None)
    off = frozenset(c.name for c in CHECKS if "pods" in c.parts or c.name == "NodeReady")
    judgement = judge(seen, Policy(disabled_checks=off))
    assert judgement.verdict is Verdict.HEALTHY
    assert "NodeReady" not in judgement.checks and judgement.checks["NodeHeartbeat"] is Verdict.HEALTHY


def test_the_worst_stands_first_and_the_rest_in_order() -> None:
    seen = snapshot([node("d", conditions=()), sick("c"), node("b", conditions=()), sick("a")])
    assert [f.node for f in judge(seen, Policy()).findings] == ["a", "c", "b", "d"]
    assert [f.node for f in judge(seen, Policy()).of_node("c")] == ["c"]
