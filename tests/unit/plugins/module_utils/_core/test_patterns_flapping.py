# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Moment, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns.flapping import PATTERN
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, incident
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pattern_kit import (
    diagnose,
    fleet,
    lost,
    members,
    pressed,
    well,
    world,
)

SICK, UNHEALTHY, WELL, GONE = Phase.SUSPECTED, Phase.UNHEALTHY, Phase.RECOVERED, Phase.GONE


def story(*moments: tuple[Phase, float], name: str = "w1", **changes: object) -> Incident:
    history = tuple(Moment(ago(at), phase, "healer", "") for phase, at in moments)
    return incident(name, moments[-1][0], history=history, **changes)


def episode(began: float, ended: float, **changes: object) -> Incident:
    """A closed incident."""
    return story((SICK, began), (UNHEALTHY, (began + ended) / 2), (WELL, ended), **changes)


@pytest.mark.parametrize(
    ("incidents", "limit", "found"),
    [
        pytest.param([episode(3000, 2500), episode(2000, 1500), story((SICK, 60))], 5, True, id="five changes"),
        pytest.param([episode(3000, 2500), episode(2000, 1500)], 5, False, id="four"),
        pytest.param([episode(3599, 2500), episode(2000, 1500), story((SICK, 60))], 5, True, id="all within the hour"),
        pytest.param([episode(3600, 2500), episode(2000, 1500), story((SICK, 60))], 5, False, id="one is an hour old"),
        pytest.param([episode(3000, 2500)], 2, True, id="another limit"),
        pytest.param([story((SICK, -60), (WELL, -90))], 2, True, id="the writer's clock is ahead"),
        pytest.param([], 2, False, id="nothing is remembered"),
        pytest.param(
            [story((SICK, 900), *((phase, 800) for phase in Phase if phase not in (SICK, WELL)))], 2, False, id="steps"
        ),
    ],
)
def test_changes_within_an_hour(incidents: list[Incident], limit: int, found: bool) -> None:
    diagnoses = diagnose(PATTERN, world([lost("w1", 60), *fleet(9)]), incidents, Policy(flapping_changes=limit))
    assert bool(diagnoses) is found


FLAPS = [episode(3000, 2500), episode(2000, 1500), story((SICK, 60))]


def test_a_node_that_is_well_now_does_not_flap() -> None:
    assert diagnose(PATTERN, world([well("w1"), *fleet(9)]), FLAPS) == []


def test_any_trouble_will_do() -> None:
    assert members(diagnose(PATTERN, world([pressed("w1"), *fleet(9)]), FLAPS)) == ["w1"]


def test_another_node_of_that_name_does_not_inherit() -> None:
    others = [episode(2000, 1500, node_uid="another"), episode(900, 600, node_uid="another"), story((SICK, 60))]
    assert diagnose(PATTERN, world([lost("w1", 60), *fleet(9)]), others) == []


def test_the_changes_of_other_nodes_do_not_count() -> None:
    both = [episode(2000, 1500), episode(900, 600, name="w2"), story((SICK, 60))]
    assert diagnose(PATTERN, world([lost("w1", 60), lost("w2", 60), *fleet(9)]), both) == []


def test_what_is_said() -> None:
    (found,) = diagnose(PATTERN, world([lost("w1", 60), *fleet(9)]), FLAPS)
    assert found.message == "node w1 changed between sick and well 5 times within the last 3600 s; the limit is 5"
    assert found.root == found.members[0] == lost("w1", 60).ref
    assert found.since == ago(3000)


def test_each_node_has_its_own() -> None:
    more = [
        episode(3000, 2500, name="w2"),
        episode(2000, 1500, name="w2"),
        story((SICK, 60), name="w2"),
    ]
    seen = world([lost("w2", 60), lost("w1", 60), *fleet(9)])
    assert [members([d]) for d in diagnose(PATTERN, seen, [*more, *FLAPS])] == [["w1"], ["w2"]]
