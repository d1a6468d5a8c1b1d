# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Machine may be deleted: one that is the node's, and of which a new one is made."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cluster_api import (
    PAUSED,
    objection_to_delete,
    owner_of,
)

ID = "aws:///eu-west-1a/i-0123456789abcdef0"
NODE = {"name": "w1", "provider_id": ID}
V1 = "cluster.x-k8s.io/v1beta1"


def machine() -> dict[str, Any]:
    owner = {"apiVersion": V1, "kind": "MachineSet", "name": "set-1", "controller": True}
    return {
        "metadata": {"name": "m1", "ownerReferences": [{"kind": "Cluster", "name": "lab"}, owner]},
        "spec": {"clusterName": "lab", "providerID": ID},
        "status": {"nodeRef": {"name": "w1"}},
    }


def owner() -> dict[str, Any]:
    return {"metadata": {"name": "set-1"}, "spec": {"replicas": 2}}


def cluster() -> dict[str, Any]:
    return {"metadata": {"name": "lab"}, "spec": {}}


def changed(item: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    item = deepcopy(item)
    *parents, last = path.split("/")
    inside = item
    for name in parents:
        inside = inside.setdefault(name, {})
    inside[last] = value
    return item


def test_a_machine_of_a_set_may_be_deleted() -> None:
    assert objection_to_delete(NODE, machine(), owner(), cluster()) is None
    assert owner_of(machine()) == ("MachineSet", "set-1")
    pool = changed(
        machine(),
        "metadata/ownerReferences",
        [{"apiVersion": V1, "kind": "MachinePool", "name": "p", "controller": True}],
    )
    assert objection_to_delete(NODE, pool, owner(), cluster()) is None
    # What is being deleted already is that machine all the same.
    assert objection_to_delete(NODE, changed(machine(), "metadata/deletionTimestamp", "x"), owner(), cluster()) is None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("status/nodeRef", {"name": "w2"}, "Machine m1 is that of node w2"),
        ("status", {}, "Machine m1 is that of no node"),
        ("spec/providerID", ID[:-1] + "1", "they are not the same machine"),
        ("spec/providerID", "", "they are not the same machine"),
        ("metadata/labels", {"cluster.x-k8s.io/control-plane": ""}, "is of the control plane, which is never replaced"),
        ("metadata/ownerReferences", [], "has no controller: nothing would make a new one"),
        (
            "metadata/ownerReferences",
            [
                {
                    "apiVersion": "controlplane.cluster.x-k8s.io/v1beta1",
                    "kind": "KubeadmControlPlane",
                    "name": "k",
                    "controller": True,
                }
            ],
            "has no controller",
        ),
        (
            "metadata/ownerReferences",
            [{"apiVersion": V1, "kind": "MachineHealthCheck", "name": "k", "controller": True}],
            "is controlled by MachineHealthCheck k: nothing would make a new one",
        ),
        ("metadata/annotations", {PAUSED: ""}, "Machine m1 is paused"),
    ],
)
def test_what_its_machine_says_against_it(path: str, value: Any, why: str) -> None:
    assert why in str(objection_to_delete(NODE, changed(machine(), path, value), owner(), cluster()))


@pytest.mark.parametrize(
    ("which", "path", "value", "why"),
    [
        ("owner", "metadata/deletionTimestamp", "x", "MachineSet set-1, which Machine m1 is of, is being deleted"),
        ("owner", "spec/replicas", 0, "MachineSet set-1 wants 0 Machines: it would make no new one"),
        ("owner", "metadata/annotations", {PAUSED: "true"}, "MachineSet set-1 is paused"),
        ("cluster", "spec/paused", True, "Cluster lab is paused: nothing would be done"),
        ("cluster", "metadata/annotations", {PAUSED: "true"}, "its Cluster is paused"),
        ("cluster", "metadata/deletionTimestamp", "x", "Cluster lab, which Machine m1 is of, is being deleted"),
    ],
)
def test_what_is_around_it_says_against_it(which: str, path: str, value: Any, why: str) -> None:
    around = {"owner": owner(), "cluster": cluster()}
    around[which] = changed(around[which], path, value)
    assert why in str(objection_to_delete(NODE, machine(), around["owner"], around["cluster"]))


def test_what_is_not_there() -> None:
    assert objection_to_delete(NODE, None, None, None) == "the Machine that it names is not there"
    assert "MachineSet set-1, which Machine m1 is of, is not there" in str(
        objection_to_delete(NODE, machine(), None, cluster())
    )
    assert "Cluster lab, which Machine m1 is of, is not there" in str(
        objection_to_delete(NODE, machine(), owner(), None)
    )
