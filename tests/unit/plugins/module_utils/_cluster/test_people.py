# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people are told of a cluster that has little to tell, or lets them see little; tests/api has the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotBootstrapped,
    NotFound,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.people import (
    check_nodes,
    read_kept,
    read_pauses,
    read_record,
    who_and_when,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import incident_to_api
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NoSuchNode
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.pauses import Target
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, UID, incident

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
NAMESPACE = "/api/v1/namespaces/self-healing"
CONFIG = f"{NAMESPACE}/configmaps/self-healing-config"
INCIDENTS = "/apis/selfheal.kubernetes/v1alpha1/incidents"
RECORD = "/apis/selfheal.kubernetes/v1alpha1/clusterrecords/cluster"
NODE = "/api/v1/nodes/"
NO = Forbidden("HTTP 403")


class Server(Client):
    """An API server that answers each path with a body or an error."""

    def __init__(self, answers: Mapping[str, dict[str, Any] | ClusterError]) -> None:
        self.answers = answers

    @property
    def server(self) -> str:
        return "https://here"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        answer = self.answers.get(path, NotFound(f"GET {path}: HTTP 404"))
        if isinstance(answer, ClusterError):
            raise answer
        return Answer(answer, NOW)

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        yield from self.get(path, query).body["items"]


def test_who_and_when() -> None:
    known = Server({KUBE_SYSTEM: {"metadata": {"uid": UID}}})
    assert who_and_when(known, None) == who_and_when(known, UID) == (UID, NOW)
    with pytest.raises(WrongCluster):
        who_and_when(known, "0000")
    hidden = Server({KUBE_SYSTEM: NO, "/version": {}})
    assert who_and_when(hidden, None) == (None, NOW)
    # Who says which cluster is meant must not end up in another one.
    with pytest.raises(Forbidden):
        who_and_when(hidden, UID)


def test_one_that_cannot_be_read_does_not_hide_the_others() -> None:
    good = incident_to_api(incident("w1"))
    bad = {**good, "metadata": {"name": "w2-1"}, "status": {**good["status"], "phase": "Sleeping"}}
    kept, unread = read_kept(Server({INCIDENTS: {"items": [bad, good]}}))
    assert [one.name for one in kept] == ["w1-1"]
    assert len(unread) == 1 and "incident w2-1 cannot be read" in unread[0]
    with pytest.raises(NotBootstrapped, match="does not know the kind Incident: run the playbook"):
        read_kept(Server({}))


def test_a_storm_that_cannot_be_read_does_not_hide_the_record() -> None:
    status = {"healthy": "False", "storm": {"cause": "x", "since": "yesterday"}}
    told, storm, unread = read_record(Server({RECORD: {"status": status}}))
    assert (told, storm) == (status, None) and "the ClusterRecord cannot be read" in unread[0]
    assert read_record(Server({})) == (None, None, [])


def test_names_of_which_nobody_knows_are_refused_together() -> None:
    seen = Server({f"{NODE}w1": {"metadata": {}}, f"{NODE}w2": NO})
    check_nodes(seen, ["w1", "w2", "w3"], [incident("w3")])
    with pytest.raises(NoSuchNode, match=r"no incident of one: w4, w5$"):
        check_nodes(seen, ["w4", "w1", "w5"], [incident("w3")])


def test_what_is_paused() -> None:
    annotated = {"metadata": {"annotations": {"selfheal.kubernetes/paused": "", "other": "x"}}}
    seen = Server({f"{NODE}w1": annotated, f"{NODE}w2": {"metadata": {}}, CONFIG: {"data": {"paused": "x"}}})
    assert read_pauses(seen, ["w1", "w2"]) == (Target("w1", ""), Target("w2", None))
    assert read_pauses(seen, []) == (Target("", "x"),)
    with pytest.raises(NoSuchNode, match=r"no such node in this cluster: w4, w5$"):
        read_pauses(seen, ["w4", "w1", "w5"])
    # An incident of a node that has left is nothing to put an annotation on.
    with pytest.raises(NoSuchNode):
        read_pauses(Server({INCIDENTS: {"items": [incident_to_api(incident("w9"))]}}), ["w9"])


def test_a_cluster_without_settings_is_not_paused_and_one_without_the_namespace_cannot_be() -> None:
    assert read_pauses(Server({NAMESPACE: {}}), []) == (Target("", None),)
    assert read_pauses(Server({NAMESPACE: NO}), []) == (Target("", None),)
    assert read_pauses(Server({NAMESPACE: {}, CONFIG: {}}), []) == (Target("", None),)
    with pytest.raises(NotBootstrapped, match="does not have the namespace self-healing: run the playbook"):
        read_pauses(Server({}), [])
