# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm, cause_of, follow
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, fleet, sick, snapshot
from hypothesis import given
from hypothesis import strategies as st

# So many may be sick that only a network can make a storm.
PATIENT = Policy(monitor_only=False, mass_failure_percent=100)
CUT_OFF = [f"other-{n}" for n in range(4)]
LOOKS: dict[str, tuple[Any, Policy]] = {
    "calm": (snapshot(fleet(10)), Policy()),
    "one is sick": (snapshot([sick("w1"), *fleet(9)]), Policy()),
    "mass_failure": (snapshot([*(sick(f"w{n}") for n in range(3)), *fleet(7)]), Policy()),
    "NetworkPartition": (snapshot(fleet(10), silent=CUT_OFF), PATIENT),
    "blind": (snapshot(fleet(10), heartbeats=None, unread={"heartbeats": "HTTP 500"}), Policy()),
    "blind to nodes": (replace(snapshot(fleet(3)), nodes=None, unread={"nodes": "HTTP 500"}), Policy()),
}
JUDGED = {name: (seen, judge(seen, policy), policy) for name, (seen, policy) in LOOKS.items()}
STORMS, BLIND = {"mass_failure", "NetworkPartition"}, {"blind", "blind to nodes"}


def after(known: Storm | None, look: str, now: datetime = NOW) -> Storm | None:
    return follow(known, *JUDGED[look], now)


@pytest.mark.parametrize("look", LOOKS)
def test_what_makes_a_storm(look: str) -> None:
    if look not in BLIND:
        assert cause_of(*JUDGED[look]) == (look if look in STORMS else "")


def test_mass_failure_is_named_first_where_both_hold() -> None:
    seen = snapshot(fleet(10), silent=CUT_OFF)
    assert cause_of(seen, judge(seen, Policy()), Policy()) == "mass_failure"


@pytest.mark.parametrize("look", sorted(STORMS))
def test_a_storm_begins(look: str) -> None:
    assert after(None, look) == Storm(look, NOW)


@pytest.mark.parametrize("look", sorted(STORMS))
def test_it_lasts_and_keeps_its_beginning_and_its_first_cause(look: str) -> None:
    known = Storm("mass_failure", ago(500))
    assert after(known, look) is known


@pytest.mark.parametrize("look", ["calm", "one is sick"])
def test_it_ends_once(look: str) -> None:
    ended = after(Storm("mass_failure", ago(500)), look)
    assert ended == Storm("mass_failure", ago(500), NOW)
    assert after(ended, look, NOW + timedelta(seconds=60)) is ended


def test_the_next_one_is_another_one() -> None:
    assert after(Storm("mass_failure", ago(500), ago(400)), "NetworkPartition") == Storm("NetworkPartition", NOW)


def test_where_there_was_none_there_is_none() -> None:
    assert after(None, "calm") is None


@pytest.mark.parametrize("look", sorted(BLIND))
@pytest.mark.parametrize("known", [None, Storm("x", ago(500)), Storm("x", ago(500), ago(400))], ids=str)
def test_a_look_that_could_not_see_changes_nothing(known: Storm | None, look: str) -> None:
    assert after(known, look) is known


def test_an_api_server_whose_clock_is_behind_ends_no_storm_before_it_began() -> None:
    assert after(Storm("mass_failure", NOW), "calm", ago(5)) == Storm("mass_failure", NOW, NOW)


@given(st.lists(st.tuples(st.sampled_from(sorted(LOOKS)), st.integers(-5, 3000)), max_size=20))
def test_whatever_comes(looks: list[tuple[str, int]]) -> None:
    known, now, stormy = None, NOW, False
    for look, later in looks:
        now += timedelta(seconds=later)
        before, known = known, after(known, look, now)
        if look in BLIND:
            assert known is before
        else:
            stormy = look in STORMS
        # It lasts exactly as long as the last look that could see has seen it.
        assert (known is not None and known.ended is None) is stormy
        if known is not None:
            assert known.ended is None or known.since <= known.ended
            assert Storm.from_dict(known.to_dict()) == known
        if before is not None:
            assert known is not None, "a storm is remembered until the next one"


def test_as_the_record_keeps_it() -> None:
    assert Storm("mass_failure", ago(60)).to_dict() == {"cause": "mass_failure", "since": "2026-11-21T02:59:00Z"}
    assert Storm("x", ago(60), NOW).to_dict()["ended"] == "2026-11-21T03:00:00Z"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"cause": "x"}, id="no beginning"),
        pytest.param({"cause": "x", "since": "yesterday"}, id="a beginning that is no time"),
        pytest.param({"since": 5}, id="a beginning that is a number"),
        pytest.param({"cause": "x", "since": "2026-11-21T02:59:00Z", "ended": "?"}, id="an end that is no time"),
        pytest.param({"cause": "x", "since": "2026-11-21T02:59:00Z", "ended": ""}, id="an empty end"),
    ],
)
def test_what_is_no_storm_is_an_error(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a storm with readable times"):
        Storm.from_dict(told)
