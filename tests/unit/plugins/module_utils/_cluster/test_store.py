# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Incidents as custom resources, there and back again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    LeaseLost,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import (
    delete_incident,
    incident_from_api,
    incident_to_api,
    next_ordinal,
    read_incidents,
    storm_in,
    write_incident,
    write_record,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Bundle,
    Incident,
    Moment,
    Phase,
    Refusal,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import ago, incident
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_api import (
    INCIDENTS as INCIDENTS_PATH,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_api import (
    LOST_REPLY,
    LOST_REQUEST,
    RECORDS,
    FakeApi,
)
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
    deadline=st.none() | TIMES,
    wait_until=st.none() | TIMES,
    boot_id=TEXT,
    refusals=st.lists(st.builds(Refusal, node=st.just("w1"), rung=TEXT, guard=TEXT, message=TEXT), max_size=3).map(
        tuple
    ),
    refused_at=st.none() | TIMES,
    bundle=st.none() | st.builds(Bundle, name=TEXT, sha256=TEXT, size=st.integers(0, 99), reason=TEXT),
    annotations=st.dictionaries(TEXT, TEXT, max_size=3),
    labels=st.dictionaries(TEXT, TEXT, max_size=3),
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
    "a deadline that is no time": with_status(deadline="soon"),
    "an empty deadline": with_status(deadline=""),
    "a return that is no time": with_status(waitUntil=5),
    "refusals at no time": with_status(refusedAt="?"),
    "an end that is no time": with_status(closedAt="never"),
    "a refusal without a guard": with_status(refusals=[{"rung": "reboot", "message": "x"}]),
    "a refusal without a rung": with_status(refusals=[{"guard": "paused", "message": "x"}]),
    "a refusal that is text": with_status(refusals=["paused"]),
    "refusals that are no list": with_status(refusals=5),
    "annotations that are no mapping": {
        **incident_to_api(incident()),
        "metadata": {"name": "w1-1", "annotations": [1]},
    },
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


# --- writing, with replies that get lost


def kept(api: FakeApi, one: Incident) -> Incident:
    """The incident as it is after its first write."""
    return write_incident(api, one)


def test_what_is_written_is_read_again() -> None:
    api = FakeApi()
    one = kept(api, incident(attempted=[300], deadline=ago(-60), boot_id="b"))
    assert read_incidents(api) == (one,)
    assert one.resource_version == "1"


@pytest.mark.parametrize("fate", [LOST_REQUEST, LOST_REPLY])
@pytest.mark.parametrize("again", [False, True], ids=["created", "replaced"])
def test_a_write_whose_reply_got_lost_was_made_or_not(again: bool, fate: str) -> None:
    api = FakeApi()
    one = incident()
    if again:
        one = replace(kept(api, one), outcome="RepairFailed")
    before = read_incidents(api)
    api.fates = [fate]
    if fate == LOST_REQUEST:
        with pytest.raises(Unreachable):
            write_incident(api, one)
        assert read_incidents(api) == before
    else:
        written = write_incident(api, one)
        assert (written.outcome, written.resource_version) == (one.outcome, str(api.version))


def test_a_reply_that_got_lost_claims_nobody_elses_write() -> None:
    api = FakeApi()
    one = kept(api, incident())
    api.fates = [LOST_REQUEST]
    api.put(f"{INCIDENTS_PATH}/w1-1", incident_to_api(replace(one, outcome="HandedToPeople")))
    one = replace(one, resource_version=str(api.version))
    with pytest.raises(Unreachable):
        write_incident(api, replace(one, outcome="RepairFailed"))


def test_what_people_put_on_an_incident_survives_each_write() -> None:
    api = FakeApi()
    one = kept(api, incident())
    body = dict(api.objects[f"{INCIDENTS_PATH}/w1-1"])
    body["metadata"] = {
        **body["metadata"],
        "annotations": {"selfheal.kubernetes/approved": "reboot"},
        "labels": {"team": "infra"},
    }
    api.put(f"{INCIDENTS_PATH}/w1-1", body)
    with pytest.raises(Conflict):
        write_incident(api, one)
    (seen,) = read_incidents(api)
    assert seen.annotations == {"selfheal.kubernetes/approved": "reboot"} and seen.labels == {"team": "infra"}
    write_incident(api, replace(seen, phase=Phase.REPAIRING))
    (after,) = read_incidents(api)
    assert (after.phase, after.annotations, after.labels) == (Phase.REPAIRING, seen.annotations, seen.labels)


# --- forgetting


def test_an_incident_is_deleted_as_it_was_read() -> None:
    api = FakeApi()
    one = kept(api, incident(phase=Phase.RECOVERED))
    assert delete_incident(api, one) is True
    assert read_incidents(api) == ()
    assert delete_incident(api, one) is False, "it is gone, whoever has done it"


def test_an_incident_that_somebody_has_written_since_is_not_deleted() -> None:
    api = FakeApi()
    one = kept(api, incident(phase=Phase.RECOVERED))
    api.put(f"{INCIDENTS_PATH}/w1-1", incident_to_api(incident(phase=Phase.UNHEALTHY)))
    with pytest.raises(Conflict):
        delete_incident(api, one)
    assert [i.phase for i in read_incidents(api)] == [Phase.UNHEALTHY]


def test_a_deletion_whose_reply_got_lost_was_made_or_not() -> None:
    api = FakeApi()
    one = kept(api, incident(phase=Phase.RECOVERED))
    api.fates = [LOST_REQUEST]
    with pytest.raises(Unreachable):
        delete_incident(api, one)
    assert read_incidents(api) == (one,)
    api.fates = [LOST_REPLY]
    assert delete_incident(api, one) is True
    assert read_incidents(api) == ()


def test_a_deletion_of_which_nobody_knows_is_not_believed() -> None:
    api = FakeApi()
    one = kept(api, incident(phase=Phase.RECOVERED))
    api.fates = [LOST_REPLY]
    api.errors[f"{INCIDENTS_PATH}/w1-1"] = Forbidden("HTTP 403")
    with pytest.raises(Forbidden):
        delete_incident(api, one)


# --- the record

STATUS = {"healthy": "True", "storm": Storm("mass_failure", ago(600), ago(60)).to_dict()}


def record(api: FakeApi, status: dict[str, Any]) -> bool:
    """Write it, with a lease that nobody asks for."""
    return write_record(api, status, lambda: None)


def test_the_record_is_written_only_when_it_changes() -> None:
    api = FakeApi()
    assert [record(api, dict(STATUS)) for _time in range(3)] == [True, False, False]
    assert record(api, {**STATUS, "healthy": "False"}) is True
    assert api.writes == [("POST", f"{RECORDS}/cluster"), ("PUT", f"{RECORDS}/cluster")]


def test_the_lease_is_proven_after_the_read_and_only_for_a_write() -> None:
    api, order = FakeApi(), list[str]()
    record(api, {"healthy": "Unknown"})
    api.writes.clear()

    def somebody_else_writes() -> None:
        order.append("proven")
        body = api.objects[f"{RECORDS}/cluster"]
        api.put(f"{RECORDS}/cluster", {**body, "status": {"healthy": "False"}})

    with pytest.raises(Conflict):
        write_record(api, STATUS, somebody_else_writes)
    assert (order, api.writes) == (["proven"], [])
    assert write_record(api, {"healthy": "False"}, somebody_else_writes) is False
    assert order == ["proven"], "what is not written needs no proof"

    def lost() -> None:
        raise LeaseLost("it has passed on")

    with pytest.raises(LeaseLost):
        write_record(api, STATUS, lost)
    assert api.writes == []


@pytest.mark.parametrize("first", [True, False], ids=["created", "replaced"])
def test_a_record_whose_reply_got_lost_was_written_or_not(first: bool) -> None:
    api = FakeApi()
    if not first:
        record(api, {"healthy": "Unknown"})
    api.fates = [LOST_REQUEST]
    with pytest.raises(Unreachable):
        record(api, STATUS)
    api.fates = [LOST_REPLY]
    assert record(api, STATUS) is True
    assert record(api, STATUS) is False


def test_what_people_put_on_the_record_survives() -> None:
    api = FakeApi()
    record(api, {"healthy": "Unknown"})
    body = api.objects[f"{RECORDS}/cluster"]
    api.put(f"{RECORDS}/cluster", {**body, "metadata": {**body["metadata"], "labels": {"team": "infra"}}})
    record(api, STATUS)
    assert api.objects[f"{RECORDS}/cluster"]["metadata"]["labels"] == {"team": "infra"}


@pytest.mark.parametrize("record", [None, {}, {"status": None}, {"status": {}}, {"status": {"storm": None}}])
def test_no_storm_is_remembered(record: dict[str, object] | None) -> None:
    assert storm_in(record) is None


def test_the_storm_that_is_remembered() -> None:
    assert storm_in({"status": STATUS}) == Storm("mass_failure", ago(600), ago(60))


@pytest.mark.parametrize(
    "record",
    [
        *({"status": {"storm": storm}} for storm in ("yes", 5, [], {}, {"since": "?"}, {"since": None, "cause": "x"})),
        {"status": "fine"},
        {"status": ["fine"]},
    ],
    ids=repr,
)
def test_a_storm_that_cannot_be_read_is_an_error(record: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=r"^the ClusterRecord cannot be read \(.*\): mend or delete it$") as caught:
        storm_in(record)
    assert "\n" not in str(caught.value)
