# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.pauses import (
    MINUTES,
    REASON_LENGTH,
    WHO_LENGTH,
    Pause,
    Step,
    Target,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import parse_policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import (
    HEALING,
    NOW,
    ago,
    fleet,
    plan_for,
    sick,
    snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

FOR_GOOD = Pause("lunch", "anna@ops-1")
FOR_AN_HOUR = Pause("lunch", "anna@ops-1", ago(-3600))
HOUR = "2026-11-21T04:00:00Z"
ONE_LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp", "Zs")), min_size=1)


def guards(pause: str | None, node: bool) -> set[str]:
    """What keeps a sick node from its repair, when its annotation or the cluster's setting is that text."""
    annotations = {} if pause is None or not node else {"selfheal.kubernetes/paused": pause}
    policy = HEALING if pause is None or node else parse_policy({"monitor_only": False, "paused": pause})
    plan = plan_for(snapshot([sick(annotations=annotations), *fleet(4)], silent=["w1"]), policy=policy)
    return {one.guard for one in plan.refusals}


def test_what_is_written() -> None:
    assert FOR_GOOD.text == "by anna@ops-1: lunch"
    assert FOR_AN_HOUR.text == f"{HOUR} by anna@ops-1: lunch"
    assert Target("w1", None).change(FOR_GOOD) == {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "w1", "annotations": {"selfheal.kubernetes/paused": FOR_GOOD.text}},
    }
    assert Target("", "x").change(None) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "self-healing-config", "namespace": "self-healing"},
        "data": {"paused": None},
    }


@pytest.mark.parametrize("node", ["w1", ""])
@given(
    reason=ONE_LINE.map(lambda text: text[:REASON_LENGTH]),
    who=ONE_LINE.map(lambda text: text[:WHO_LENGTH]),
    minutes=st.none() | st.integers(*MINUTES),
)
def test_the_guard_obeys_and_a_second_run_has_nothing_to_do(
    node: str, reason: str, who: str, minutes: int | None
) -> None:
    """Whatever the reason is like, even one that begins like a time."""

    def wanted(now: datetime) -> Pause:
        return Pause(reason, who, None if minutes is None else now + timedelta(minutes=minutes))

    assert Target(node, None).step(wanted(NOW), NOW) is Step.WRITE
    text = wanted(NOW).text
    assert guards(text, bool(node)) == {"paused"}
    later = NOW + timedelta(seconds=20)
    assert Target(node, text).step(wanted(later), later) is Step.NOTHING
    assert Target(node, text).step(Pause(reason, "somebody", wanted(later).until), later) is Step.NOTHING
    assert Target(node, text).step(Pause(f"{reason}!", who, wanted(later).until), later) is Step.REFUSE
    assert Target(node, text).step(None, NOW) is Step.REMOVE
    assert guards(None, bool(node)) == set()


def test_a_reason_that_begins_like_a_time_does_not_end_the_pause() -> None:
    text = Pause("2026-11-20T00:00:00Z was the day of the move", "anna").text
    assert guards(text, True) == guards(text, False) == {"paused"}


def test_an_end_is_moved_when_another_one_is_wanted() -> None:
    there = Target("w1", FOR_AN_HOUR.text)
    assert there.step(Pause("lunch", "bob", ago(-3720)), NOW) is Step.NOTHING
    assert there.step(Pause("lunch", "bob", ago(-3721)), NOW) is Step.WRITE
    assert there.step(Pause("lunch", "bob", ago(-600)), NOW) is Step.WRITE
    assert there.step(FOR_GOOD, NOW) is Step.WRITE
    assert Target("w1", FOR_GOOD.text).step(FOR_AN_HOUR, NOW) is Step.WRITE


@pytest.mark.parametrize("by_hand", ["", "false", "by", "lunch", "by: lunch", f"{HOUR} lunch", "by bob: dinner"])
def test_what_somebody_else_has_written_is_not_replaced_for_as_long_as_it_holds(by_hand: str) -> None:
    assert Target("w1", by_hand).step(FOR_AN_HOUR, NOW) is Step.REFUSE
    assert Target("w1", by_hand).step(None, NOW) is Step.REMOVE
    over = f"2026-11-21T02:59:59Z {by_hand}"
    assert Target("w1", over).step(FOR_AN_HOUR, NOW) is Step.WRITE
    assert Target("", over).step(None, NOW) is Step.REMOVE


def test_what_is_not_paused_need_not_be_resumed() -> None:
    for node in ("w1", ""):
        assert Target(node, None).step(None, NOW) is Step.NOTHING


def test_an_empty_setting_is_no_pause_and_an_empty_annotation_is() -> None:
    assert Target("", " ").step(FOR_GOOD, NOW) is Step.WRITE
    assert Target("w1", " ").step(FOR_GOOD, NOW) is Step.REFUSE
    assert guards("", True) == {"paused"} and guards("", False) == set()


def test_the_longest_one_fits_into_the_setting() -> None:
    longest = Pause("x" * REASON_LENGTH, "y" * WHO_LENGTH, ago(-60))
    assert parse_policy({"paused": longest.text}).paused == longest.text
    # A colon would hide where the reason begins.
    odd = Pause("lunch", "anna: x", None)
    assert Target("w1", odd.text).step(odd, NOW) is Step.NOTHING
