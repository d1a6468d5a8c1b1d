# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The healer's memory in a real API server: written once, by one, and never on a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease, store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    MonitorOnly,
    Rejected,
    StoreError,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.api.broken_links import LosesReplies, LosesRequests
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING, MakeHealer
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    INCIDENTS,
    LEASE_SECONDS,
    RECORDS,
    ControlPlane,
)

RECORD = f"{RECORDS}/cluster"


@pytest.fixture
def sick(cluster: ControlPlane) -> ControlPlane:
    """Five nodes of which w1 has been silent for ten minutes."""
    cluster.add_nodes("w1", "w2", "w3", "w4", "w5")
    cluster.make_sick("w1")
    return cluster


def noted(one: Healer, cluster: ControlPlane, policy: Policy = HEALING) -> list[str]:
    """Plan, and write down what the plan wants remembered; the names of what was written."""
    plan = view(cluster.client(), policy, cluster.uid).plan
    return [incident.name for incident in one.write_notes([note.to_dict() for note in plan.notes])]


def status(cluster: ControlPlane, name: str = "w1-1") -> dict[str, Any]:
    found: dict[str, Any] = cluster.incidents()[name]["status"]
    return found


def phases(cluster: ControlPlane, name: str = "w1-1") -> list[str]:
    return [moment["phase"] for moment in status(cluster, name)["history"]]


# --- a story from its beginning to its end


def test_open_and_confirm_are_written_in_one_go(sick: ControlPlane, healer: MakeHealer) -> None:
    assert noted(healer(), sick) == ["w1-1"]
    stored = sick.incidents()["w1-1"]
    assert stored["spec"] == {
        "target": {"kind": "Node", "name": "w1", "uid": sick.uid_of("w1")},
        "check": "NodeReady",
        "reason": "NodeStatusUnknown",
    }
    assert phases(sick) == ["Suspected", "Unhealthy"]
    assert {moment["by"] for moment in stored["status"]["history"]} == {"healer-a"}
    assert "heartbeat_expired=True" in stored["status"]["evidence"]


def test_a_short_trouble_is_only_suspected_and_then_forgotten(cluster: ControlPlane, healer: MakeHealer) -> None:
    cluster.add_nodes("w1", "w2", "w3", "w4", "w5")
    cluster.make_sick("w1", 30)
    one = healer()
    noted(one, cluster)
    assert phases(cluster) == ["Suspected"]
    assert not one.begin("w1", cluster.uid_of("w1"), "kubelet_restart").proceed
    cluster.make_well("w1")
    noted(one, cluster)
    assert phases(cluster) == ["Suspected", "Recovered"]
    assert status(cluster)["outcome"] == "RecoveredByItself" and status(cluster)["closedAt"]


def test_a_repair_that_fails_three_times_is_handed_to_people(sick: ControlPlane, healer: MakeHealer) -> None:
    policy = replace(HEALING, cooldown=0)
    one, uid = healer(policy=policy), sick.uid_of("w1")
    noted(one, sick, policy)
    for attempt in (1, 2, 3):
        assert one.begin("w1", uid, "kubelet_restart").proceed
        assert status(sick)["attempts"] == attempt
        one.fail("w1", uid, f"attempt {attempt} did not help")
    refused = one.begin("w1", uid, "kubelet_restart")
    assert not refused.proceed and "attempts: 3 attempts in the last" in refused.message
    noted(one, sick, policy)
    assert (status(sick)["phase"], status(sick)["outcome"]) == ("Escalated", "HandedToPeople")
    assert "handed to people" in one.begin("w1", uid, "kubelet_restart").message
    sick.make_well("w1")
    noted(one, sick, policy)
    assert status(sick)["phase"] == "Recovered"


def test_a_new_trouble_is_a_new_incident(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    sick.make_well("w1")
    noted(one, sick)
    sick.make_sick("w1", 500)
    noted(one, sick)
    assert {name: item["status"]["phase"] for name, item in sick.incidents().items()} == {
        "w1-1": "Recovered",
        "w1-2": "Unhealthy",
    }


def test_another_machine_under_the_same_name(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    sick.must("DELETE", "/api/v1/nodes/w1")
    sick.must("POST", "/api/v1/nodes", {"metadata": {"name": "w1"}})
    sick.make_sick("w1")
    noted(one, sick)
    uid = sick.uid_of("w1")
    assert {name: item["status"]["phase"] for name, item in sick.incidents().items()} == {
        "w1-1": "Gone",
        "w1-2": "Unhealthy",
    }
    assert one.begin("w1", uid, "kubelet_restart").proceed
    one.acted("w1", uid, "restarted")
    assert phases(sick, "w1-2")[-1] == "Verifying"


def test_a_node_that_left_takes_its_incident_along(sick: ControlPlane, healer: MakeHealer) -> None:
    """Its Node object is deleted and nothing else, and nobody comes in its place."""
    one, uid = healer(), sick.uid_of("w1")
    noted(one, sick)
    assert one.begin("w1", uid, "kubelet_restart").proceed
    one.fail("w1", uid, "it did not help")
    told = one.write_record()[2]
    assert (told["healthy"], told["openIncidents"], told["repairAttempts"]) == ("False", 1, 1)
    assert [node["name"] for node in told["unhealthyNodes"]] == ["w1"]
    sick.must("DELETE", "/api/v1/nodes/w1")
    assert noted(one, sick) == ["w1-1"]
    left = status(sick)
    assert (left["phase"], left["outcome"]) == ("Gone", "NodeLeft")
    assert left["closedAt"] and left["history"][-1]["message"].startswith("the node has left the cluster")
    one.write_record()
    stored = sick.get(RECORD)["status"]
    assert (stored["healthy"], stored["openIncidents"], stored["repairAttempts"]) == ("True", 0, 0)
    assert (stored["unhealthyNodes"], stored["unhealthyNodeCount"]) == ([], 0)
    assert "unhealthySince" not in stored and "failureReason" not in stored
    # Nothing is left to be said of it, or to be done.
    assert noted(one, sick) == []
    assert not one.begin("w1", uid, "kubelet_restart").proceed
    assert list(sick.incidents()) == ["w1-1"] and status(sick) == left


def test_a_run_that_died_is_taken_over(sick: ControlPlane, healer: MakeHealer) -> None:
    dead = healer("dead")
    noted(dead, sick)
    dead.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    sick.must(
        "PATCH",
        "/apis/coordination.k8s.io/v1/namespaces/self-healing/leases/selfheal",
        {"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}},
    )
    next_one = healer("next")
    noted(next_one, sick)
    assert phases(sick) == ["Suspected", "Unhealthy", "Repairing", "Unhealthy"]
    refused = next_one.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert not refused.proceed and "cooldown: the last attempt began" in refused.message
    assert status(sick)["attempts"] == 1


# --- begin looks again


def test_begin_leaves_a_node_alone_that_came_back(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    sick.make_well("w1")
    outcome = one.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert (outcome.proceed, outcome.changed) == (False, False)
    assert outcome.message == "kubelet_restart on w1 is not called for any more"
    assert phases(sick) == ["Suspected", "Unhealthy"]


def test_begin_refuses_when_more_nodes_have_fallen_since(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    sick.make_sick("w2")
    outcome = one.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert not outcome.proceed
    assert "mass_failure: 2 of 5 nodes are sick" in outcome.message
    assert status(sick)["attempts"] == 0


def test_begin_counts_nodes_that_seem_ready_but_are_silent(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    sick.renew(["w2"], LEASE_SECONDS + 5)
    assert "mass_failure" in one.begin("w1", sick.uid_of("w1"), "kubelet_restart").message


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        pytest.param({"metadata": {"annotations": {"selfheal.kubernetes/paused": "me"}}}, "paused", id="paused"),
        pytest.param({"metadata": {"labels": {"selfheal.kubernetes/exclude": ""}}}, "excluded", id="excluded"),
        pytest.param({"spec": {"unschedulable": True}}, "human_cordon", id="cordoned"),
    ],
)
def test_begin_respects_a_hand_that_was_raised_since(
    sick: ControlPlane, healer: MakeHealer, change: Mapping[str, Any], guard: str
) -> None:
    one = healer()
    noted(one, sick)
    sick.must("PATCH", "/api/v1/nodes/w1", change)
    outcome = one.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert not outcome.proceed and outcome.message.startswith(f"{guard}: ")


def test_begin_is_for_the_machine_that_was_planned_for(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    assert not one.begin("w1", "uid-of-another-machine", "kubelet_restart").proceed
    assert not one.begin("w1", sick.uid_of("w1"), "reboot").proceed
    assert not one.begin("w9", sick.uid_of("w1"), "kubelet_restart").proceed
    assert status(sick)["attempts"] == 0


def test_begin_without_a_memory_is_refused(sick: ControlPlane, healer: MakeHealer) -> None:
    outcome = healer().begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert (outcome.proceed, outcome.message) == (False, "what is known of w1 is not written down yet")
    assert sick.incidents() == {}


def test_begin_twice(sick: ControlPlane, healer: MakeHealer) -> None:
    one, uid = healer(policy=replace(HEALING, cooldown=0)), sick.uid_of("w1")
    noted(one, sick)
    one.begin("w1", uid, "kubelet_restart")
    again = one.begin("w1", uid, "kubelet_restart")
    assert (again.proceed, again.message) == (False, "what is known of w1 is not written down yet")
    assert status(sick)["attempts"] == 1


def test_notes_that_a_fresh_look_does_not_confirm_are_not_written(sick: ControlPlane, healer: MakeHealer) -> None:
    one, plan = healer(), view(sick.client(), HEALING, sick.uid).plan
    sick.make_well("w1")
    assert one.write_notes([note.to_dict() for note in plan.notes]) == ()
    assert sick.incidents() == {}


# --- identity and policy


def test_another_cluster_is_not_written_to(sick: ControlPlane, healer_token: str) -> None:
    client = sick.client(healer_token)
    held = lease.acquire(client, "a", 240)
    wrong = Healer(client, HEALING, "another-uid", "a", held.token)
    with pytest.raises(WrongCluster, match=rf"its kube-system UID is {sick.uid}, expected another-uid"):
        wrong.write_record()
    with pytest.raises(WrongCluster):
        wrong.begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert sick.incidents() == {} and sick.get(RECORDS)["items"] == []


def test_monitor_only_makes_no_healer(sick: ControlPlane, healer_token: str) -> None:
    with pytest.raises(MonitorOnly):
        Healer(sick.client(healer_token), Policy(), sick.uid, "a", 1)


# --- two writers, and replies that are lost


def test_of_two_writers_one_wins(sick: ControlPlane, healer: MakeHealer) -> None:
    noted(healer(), sick)
    (seen,) = store.read_incidents(sick.client())
    store.write_incident(sick.client(), replace(seen, phase=Phase.REPAIRING))
    with pytest.raises(Conflict):
        store.write_incident(sick.client(), replace(seen, phase=Phase.ESCALATED))
    assert status(sick)["phase"] == "Repairing"


def test_of_two_that_open_the_same_incident_one_wins(sick: ControlPlane, healer: MakeHealer) -> None:
    noted(healer(), sick)
    (seen,) = store.read_incidents(sick.client())
    with pytest.raises(Conflict):
        store.write_incident(sick.client(), replace(seen, resource_version="", evidence="another look"))


def test_the_kind_refuses_what_no_healer_would_write(sick: ControlPlane, healer: MakeHealer) -> None:
    noted(healer(), sick)
    (seen,) = store.read_incidents(sick.client())
    with pytest.raises(Rejected, match="HTTP 422"):
        store.write_incident(sick.client(), replace(seen, attempts=-1))


def test_an_incident_that_somebody_mangled_stops_everything(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    noted(one, sick)
    mangled = {"spec": {"target": {"name": "Bad_Name"}}}
    sick.must("PATCH", f"{INCIDENTS}/w1-1", mangled)
    with pytest.raises(StoreError, match="incident w1-1 cannot be read"):
        one.begin("w1", sick.uid_of("w1"), "kubelet_restart")


@pytest.mark.parametrize(
    "lose", [("POST", INCIDENTS), ("PUT", f"{INCIDENTS}/w1-1")], ids=["when it is opened", "when it is confirmed"]
)
def test_a_lost_reply_is_no_second_write_and_no_error(
    sick: ControlPlane, healer: MakeHealer, healer_token: str, lose: tuple[str, str]
) -> None:
    if lose[0] == "PUT":
        sick.make_sick("w1", 30)
        noted(healer(), sick)
        sick.make_sick("w1")
    client = LosesReplies(sick.settings(healer_token), lose=lose)
    one = healer(client=client)
    mark = sick.audit_mark()
    assert noted(one, sick) == ["w1-1"]
    assert client.lost == 1
    writes = [(a.verb, a.code) for a in sick.audited(mark) if a.mutates and a.uri.startswith(INCIDENTS)]
    assert writes == [("create", 201) if lose[0] == "POST" else ("update", 200)]
    assert phases(sick) == ["Suspected", "Unhealthy"]
    # And the run goes on from what is stored.
    assert one.begin("w1", sick.uid_of("w1"), "kubelet_restart").proceed


def test_a_lost_reply_to_begin_uses_one_attempt(sick: ControlPlane, healer: MakeHealer, healer_token: str) -> None:
    noted(healer(), sick)
    client = LosesReplies(sick.settings(healer_token), lose=("PUT", f"{INCIDENTS}/w1-1"))
    outcome = healer(client=client).begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert outcome.proceed and client.lost == 1
    assert status(sick)["attempts"] == 1
    assert phases(sick) == ["Suspected", "Unhealthy", "Repairing"]


def test_a_lost_request_is_an_error_and_nothing_is_written(
    sick: ControlPlane, healer: MakeHealer, healer_token: str
) -> None:
    noted(healer(), sick)
    client = LosesRequests(sick.settings(healer_token), lose=("PUT", f"{INCIDENTS}/w1-1"))
    with pytest.raises(Unreachable, match="the request was lost"):
        healer(client=client).begin("w1", sick.uid_of("w1"), "kubelet_restart")
    assert client.lost == 1
    assert phases(sick) == ["Suspected", "Unhealthy"]


# --- the record of the cluster


def test_the_record_is_written_only_when_it_changes(sick: ControlPlane, healer: MakeHealer) -> None:
    one = healer()
    changed, _verdict, told = one.write_record()
    assert changed and told["healthy"] == "False" and told["unhealthyNodes"][0]["name"] == "w1"
    version = sick.get(RECORD)["metadata"]["resourceVersion"]
    assert one.write_record()[::2] == (False, told)
    assert sick.get(RECORD)["metadata"]["resourceVersion"] == version
    sick.make_well("w1")
    changed, _verdict, told = one.write_record()
    assert changed and told["healthy"] == "True"
    assert sick.get(RECORD)["status"] == told
    assert sick.get(RECORD)["metadata"]["resourceVersion"] != version
    assert "unhealthySince" not in sick.get(RECORD)["status"]


def test_the_record_tells_of_the_last_repair(sick: ControlPlane, healer: MakeHealer) -> None:
    one, uid = healer(), sick.uid_of("w1")
    noted(one, sick)
    one.begin("w1", uid, "kubelet_restart")
    assert one.write_record()[2]["lastOutcome"] == "InProgress"
    one.fail("w1", uid, "no")
    _changed, _verdict, told = one.write_record()
    assert (told["lastOutcome"], told["repairAttempts"]) == ("RepairFailed", 1)
    assert told["lastRepair"] == "kubelet_restart on w1"
    assert "RepairFailed" in sick.kubectl("get", "clusterrecord").stdout


# --- what is not there, or not readable


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_is_not_trusted_is_not_tried_again(cluster: ControlPlane, healer_token: str) -> None:
    slept: list[float] = []
    # Python's own authorities do not know the API server, and no time will change that.
    settings = replace(cluster.settings(healer_token), ca_cert=None)
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Client(settings, slept.append).get("/version")
    assert slept == []
    assert Client(replace(settings, validate_certs=False)).get("/version").body["gitVersion"]


def test_without_the_kinds_a_run_that_only_looks_goes_on(bare: ControlPlane) -> None:
    assert view(bare.client(), Policy(), bare.uid).incidents == ()


def test_a_node_name_as_long_as_kubernetes_allows(cluster: ControlPlane, healer: MakeHealer) -> None:
    name = "a" * 100 + "." + "b" * 152
    cluster.add_nodes(name, "w2", "w3", "w4", "w5")
    cluster.make_sick(name)
    one = healer()
    (written,) = noted(one, cluster)
    assert len(written) <= 253
    assert one.begin(name, cluster.uid_of(name), "kubelet_restart").proceed
    assert cluster.incidents()[written]["status"]["attempts"] == 1


def test_more_nodes_than_a_page_holds(
    cluster: ControlPlane, healer_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"w{number:02}" for number in range(11)]
    cluster.add_nodes(*names)
    monkeypatch.setattr(client_module, "PAGE_SIZE", 4)
    mark = cluster.audit_mark()
    seen = view(cluster.client(healer_token), HEALING, cluster.uid).snapshot
    assert [node.name for node in seen.nodes or ()] == names
    assert sorted(seen.heartbeats or ()) == names
    assert len([a for a in cluster.audited(mark) if a.uri.startswith("/api/v1/nodes?")]) == 3
