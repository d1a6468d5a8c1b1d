# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Incidents as custom resources, there and back again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import StoreError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import (
    incident_from_api,
    incident_to_api,
    next_ordinal,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Moment, Phase
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, incident
from hypothesis import given
from hypothesis import strategies as st

TIMES = st.integers(-(10**8), 10**8).map(ago)
TEXT = st.text(max_size=20)
MOMENTS = st.builds(Moment, at=TIMES, phase=st.sampled_from(Phase), by=TEXT, message=TEXT)
INCIDENTS = st.builds(
    Incident,
    name=st.sampled_from(["w1-1", "w1-12"]),
    node=st.just("w1"),
    node_uid=TEXT,
    check=TEXT,
    reason=TEXT,
    phase=st.sampled_from(Phase),
    since=TIMES,
    evidence=TEXT,
    rung=TEXT,
    attempts=st.integers(0, 99),
    attempted_at=st.lists(TIMES, max_size=4).map(tuple),
    outcome=TEXT,
    closed_at=st.none() | TIMES,
    history=st.lists(MOMENTS, max_size=4).map(tuple),
    resource_version=st.sampled_from(["", "7"]),
)


@given(INCIDENTS)
def test_round_trip(one: Incident) -> None:
    assert incident_from_api(incident_to_api(one)) == one


@given(INCIDENTS)
def test_no_nulls_which_the_schema_would_refuse(one: Incident) -> None:
    told = incident_to_api(one)
    assert None not in told["status"].values()
    assert ("resourceVersion" in told["metadata"]) == bool(one.resource_version)


def without(path: str) -> dict[str, object]:
    item: dict[str, object] = incident_to_api(incident(attempted=[300]))
    *parents, last = path.split(".")
    inner = item
    for parent in parents:
        inner = inner[parent]  # type: ignore[assignment]
    del inner[last]
    return item


def with_status(**changes: object) -> dict[str, object]:
    item = incident_to_api(incident(attempted=[300]))
    item["status"].update(changes)
    return item


CORRUPT = {
    **{
        f"no {path}": without(path)
        for path in (
            "metadata",
            "metadata.name",
            "spec",
            "spec.target",
            "spec.target.name",
            "spec.target.uid",
            "spec.check",
            "spec.reason",
            "status",
            "status.phase",
            "status.since",
        )
    },
    "a phase nobody knows": with_status(phase="Healthy"),
    "no readable start": with_status(since="yesterday"),
    "attempts that are no number": with_status(attempts="many"),
    "an attempt without a readable time": with_status(attemptedAt=["2026-11-21T02:00:00Z", "x"]),
    "attempts that are no list": with_status(attemptedAt=5),
    "a moment without a phase": with_status(history=[{"at": "2026-11-21T02:00:00Z", "by": "x", "message": "y"}]),
    "a moment without a readable time": with_status(
        history=[{"at": "?", "phase": "Suspected", "by": "", "message": ""}]
    ),
    "a node with an odd name": {**incident_to_api(incident()), "spec": {"target": {"name": "a;b", "uid": ""}}},
    "metadata that is text": {"metadata": "x"},
    "text": "x",
    "nothing": {},
}


@pytest.mark.parametrize("item", CORRUPT.values(), ids=CORRUPT)
def test_nobody_acts_on_a_guess(item: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=r"^incident .* cannot be read \(.*\): mend or delete it$") as caught:
        incident_from_api(item)
    assert "\n" not in str(caught.value)


def test_ordinals_go_on_after_the_highest() -> None:
    kept = tuple(replace(incident("w1"), name=f"w1-{n}") for n in (1, 9, 10))
    assert next_ordinal(kept, "w1") == 11
    assert next_ordinal(kept, "w2") == 1
    assert next_ordinal((), "w1") == 1


def test_an_ordinal_is_not_read_out_of_another_nodes_name() -> None:
    kept = (replace(incident("w1"), name="w1-1"), replace(incident("w1-7"), name="w1-7-3"))
    assert next_ordinal(kept, "w1") == 2
    assert next_ordinal(kept, "w1-7") == 4
