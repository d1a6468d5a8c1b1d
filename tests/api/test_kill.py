# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A healer that is killed or suspended at any step of a repair: nothing is left behind, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import stale_record, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.healers import (
    AFTER,
    BEFORE,
    DURING,
    SICK,
    Point,
    Stage,
    Steps,
    credential_of,
    held_by,
    kill_me,
    points_of,
    recorded_steps,
    stop_me,
    touched_by_people,
)
from ansible_collections.selfheal.kubernetes.tests.thorough import share

POLICY = replace(HEALING, cooldown=0)
# As the limits stand in the policy: after so long no trace of a dead healer may hold up another one.
LIMIT = POLICY.lease_duration + 1
# A step that an unharmed turn is known to have, so that a test about all of them cannot be about none.
LEAST_STEPS, LEAST_POINTS = 60, 90


@pytest.fixture
def stage(cluster: ControlPlane, tmp_path: Path) -> Stage:
    made = Stage(cluster, POLICY, tmp_path)
    made.set_up()
    return made


@pytest.fixture
def points(stage: Stage, healer_token: str) -> list[Point]:
    """Every place in a repair at which its process may be struck."""
    steps, ended = recorded_steps(stage, healer_token)
    assert (ended.ended, ended.words) == ("done", ((SICK, "repaired"),)), ended
    assert len(steps) >= LEAST_STEPS, steps
    found = points_of(steps)
    assert len(found) >= LEAST_POINTS and {point.moment for point in found} == {BEFORE, DURING, AFTER}
    return found


def not_settled(stage: Stage, people: object, token: str) -> list[str]:
    """What is not as it must be after the turn that follows a disaster; empty when all is well."""
    cluster, wrong = stage.cluster, []
    conditions = cluster.get(f"/api/v1/nodes/{SICK}")["status"]["conditions"]
    if not any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
        wrong.append("the node is not Ready")
    statuses = {name: item["status"] for name, item in cluster.incidents().items()}
    for name, status in statuses.items():
        if Phase(status["phase"]).is_open or not status.get("closedAt"):
            wrong.append(f"{name} is {status['phase']}")
        if {"deadline", "waitUntil"} & set(status):
            wrong.append(f"{name} still has a deadline")
    attempts = sum(status["attempts"] for status in statuses.values())
    acts = len(stage.machines.acts())
    if not 1 <= acts <= attempts <= 2 or len(statuses) != 1:
        wrong.append(f"{acts} acts in {attempts} attempts of {len(statuses)} incidents")
    if held_by(cluster):
        wrong.append(f"the lease is {held_by(cluster)}'s")
    if touched_by_people(cluster) != people:
        wrong.append(f"the nodes are not as people left them: {touched_by_people(cluster)}")
    # The record tells the truth, and nothing is left to do.
    client = cluster.client(token)
    seen = view(client, stage.policy, cluster.uid)
    if seen.plan.blocked or seen.plan.notes or seen.plan.actions or stale_record(client, seen):
        wrong.append(f"there is something left to do: {seen.plan.to_dict()}")
    return wrong


def test_a_healer_may_be_killed_at_any_step(
    stage: Stage, points: list[Point], healer_token: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """SIGKILL before, amid and after each step; once its lease has run out, one turn sets everything right."""
    people = touched_by_people(stage.cluster)
    wrong, busy, twice = [], 0, 0
    # A command that its host has been given is carried out, whoever gave it.
    amid_an_act = [p for p in points if p.what.startswith("ACT") and p.moment == DURING]
    tried = share(points, 4)
    tried += [p for p in points if p.what.startswith("ACT") and p not in tried]
    for point, goes_on in [(p, False) for p in tried] + [(p, True) for p in amid_an_act]:
        stage.again()
        with stage.start("killed", healer_token, Steps(point.number, point.moment, kill_me)) as healer:
            assert healer.killed(), f"{point}: it was not killed there"
        if goes_on:
            stage.cluster.make_well(SICK)
        if held_by(stage.cluster) == "killed" and (point.moment, point.what.split()[0]) in (
            (BEFORE, "ACT"),
            (AFTER, "PUT"),
        ):
            # Until then nobody else touches anything.
            acts = len(stage.machines.acts())
            early = stage.run("early", healer_token)
            busy += early.ended == "busy"
            if early.ended not in ("busy", "nothing to do") or len(stage.machines.acts()) != acts:
                wrong.append(f"{point}: the lease of the dead was not respected: {early}")
        stage.pass_time(LIMIT)
        ended = stage.run("next", healer_token)
        twice += len(stage.machines.acts()) == 2
        trouble = [*not_settled(stage, people, healer_token), *([ended.error] if ended.error else [])]
        if trouble:
            wrong.append(f"{point}: {'; '.join(trouble)} ({ended})")
    record_testsuite_property("killed at points", len(tried) + len(amid_an_act))
    what = f"{len(tried) + len(amid_an_act)} points of {points[-1].number + 1} steps"
    print(f"killed at {what}, {busy} times busy, {twice} second acts")
    assert not wrong, "\n".join(wrong)
    assert busy and twice


def test_a_healer_that_was_suspended_does_nothing_any_more(
    stage: Stage, points: list[Point], healer_token: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """SIGSTOP at each step since it got the lease; another one repairs and ends; SIGCONT."""
    cluster, rival_token = stage.cluster, stage.cluster.token_of("selfheal-healer")
    assert credential_of(rival_token) != credential_of(healer_token)
    got = next(p.number for p in points if p.moment == AFTER and HEALER_LEASE.startswith(p.what.split()[1]))
    places = [p for p in points if p.number > got and p.moment == BEFORE]
    assert sum(p.what.startswith("ACT") for p in places) == 1
    wrong, stopped_before_act = [], 0
    tried = share(places, 4)
    tried += [p for p in places if p.what.startswith("ACT") and p not in tried]
    for point in tried:
        stage.again()
        with stage.start("stale", healer_token, Steps(point.number, point.moment, stop_me)) as stale:
            assert stale.stopped(), f"{point}: it was not stopped there"
            stage.pass_time(LIMIT)
            acts_before = stage.machines.acts()
            rival = stage.run("rival", rival_token)
            done = [act.split()[0] for act in stage.machines.acts()[len(acts_before) :]]
            if rival.error or done != ([] if acts_before else ["rival"]):
                wrong.append(f"{point}: the other one did not set it right: {rival}, {done}")
            stopped_before_act += not acts_before
            mark, acts, stored = cluster.audit_mark(), stage.machines.acts(), cluster.incidents()
            stale.resume()
            ended = stale.result()
        writes = [a for a in cluster.audited(mark) if a.mutates and a.credential == credential_of(healer_token)]
        # Where nothing was left to do for the other one, the lease has not passed, and may be let go.
        passed = rival.ended == "done"
        got_through = [a for a in writes if a.code < 300 and (passed or a.uri != HEALER_LEASE)]
        if got_through or stage.machines.acts() != acts or cluster.incidents() != stored or held_by(cluster):
            wrong.append(f"{point}: it went on: {got_through} {stage.machines.acts()} {ended}")
        if not acts_before and not ended.error:
            wrong.append(f"{point}: it did not notice: {ended}")
    record_testsuite_property("suspended at points", len(tried))
    print(f"suspended at {len(tried)} points, {stopped_before_act} of them before it acted")
    assert not wrong, "\n".join(wrong)
    assert stopped_before_act >= len(share(range(20), 4))


def test_a_killed_healer_leaves_nothing_that_time_does_not_take(stage: Stage, healer_token: str) -> None:
    """Shortly before its limit the lease of a dead healer still holds, and a second after it does not."""
    steps, _ended = recorded_steps(stage, healer_token)
    stage.again()
    act = next(number for number, what in enumerate(steps) if what.startswith("ACT"))
    with stage.start("killed", healer_token, Steps(act, DURING, kill_me)) as healer:
        assert healer.killed()
    taken = time.monotonic()
    stage.pass_time(POLICY.lease_duration - 20)
    assert stage.run("early", healer_token).ended == "busy"
    assert time.monotonic() - taken < 20, "this machine is too slow for this test"
    assert stage.cluster.incidents()[f"{SICK}-1"]["status"]["phase"] == "Repairing"
    stage.pass_time(21)
    assert stage.run("late", healer_token).words == ((SICK, "repaired"),)
