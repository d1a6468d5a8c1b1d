# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a step may be taken now, asked of a real API server: the lease, the pauses, and the brake of its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING, RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane, micro

CONFIG_MAPS = "/api/v1/namespaces/self-healing/configmaps"
CONFIG = f"{CONFIG_MAPS}/self-healing-config"
NODE = "/api/v1/nodes/cp-1"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(cluster: ControlPlane, healer_token: str, module: RunModule) -> Iterator[Ask]:
    """The module as a run that holds the lease asks it."""
    cluster.add_nodes("cp-1")
    cluster.request("DELETE", CONFIG)
    held = lease.acquire(cluster.client(healer_token), "a", HEALING.lease_duration)

    def call(**options: Any) -> dict[str, Any]:
        wanted = {"holder": "a", "token": held.token, "node": "cp-1", "seconds": 110, "policy": {"monitor_only": False}}
        return module("remediation_permit", **{"cluster_uid": cluster.uid, **wanted, **options})

    yield call
    cluster.request("DELETE", CONFIG)


def test_a_step_that_may_be_taken_renews_the_lease_which_outlasts_it(ask: Ask, cluster: ControlPlane) -> None:
    cluster.must("PATCH", HEALER_LEASE, {"spec": {"renewTime": micro(200)}})
    said = ask()
    assert (said["proceed"], said["message"], said["changed"]) == (True, "", False)
    assert said["act_within_seconds"] == HEALING.lease_duration - 110
    renewed = datetime.fromisoformat(cluster.get(HEALER_LEASE)["spec"]["renewTime"])
    assert renewed > datetime.now(UTC) - timedelta(seconds=60)
    # A node that the cluster does not have has nobody who could say no.
    assert ask(node="cp-9")["proceed"] is True


def test_a_lease_that_has_passed_on_or_run_out_is_an_error(ask: Ask, cluster: ControlPlane) -> None:
    assert ask(holder="b")["error_class"] == "LeaseLost"
    assert ask(token=99)["error_class"] == "LeaseLost"
    cluster.must("PATCH", HEALER_LEASE, {"spec": {"renewTime": micro(HEALING.lease_duration + 5)}})
    said = ask()
    assert said["failed"] and said["error_class"] == "LeaseLost"


def test_without_a_lease_it_only_looks(ask: Ask, cluster: ControlPlane) -> None:
    before = cluster.get(HEALER_LEASE)["spec"]
    said = ask(holder=None, token=None)
    assert (said["proceed"], said["act_within_seconds"]) == (True, 0)
    assert ask(check_mode=True)["act_within_seconds"] == 0
    assert cluster.get(HEALER_LEASE)["spec"] == before


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"monitor_only": "true"}, "self-healing-config sets monitor_only"),
        ({"paused": "by me@here: the network is being moved"}, "the cluster is paused (by me@here"),
        ({"cooldown": "soon"}, "the cluster's settings cannot be used"),
    ],
)
def test_the_cluster_s_owner_says_no(ask: Ask, cluster: ControlPlane, data: dict[str, str], word: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "self-healing-config"}, "data": data}
    cluster.must("POST", CONFIG_MAPS, body)
    before = cluster.get(HEALER_LEASE)["spec"]
    said = ask()
    assert said["proceed"] is False and word in said["message"], said
    assert cluster.get(HEALER_LEASE)["spec"] == before, "what may not be done keeps nobody else away"


@pytest.mark.parametrize(
    ("metadata", "word"),
    [
        (
            {"annotations": {"selfheal.kubernetes/paused": "by me"}},
            "annotation selfheal.kubernetes/paused='by me' is on node cp-1",
        ),
        ({"labels": {"selfheal.kubernetes/exclude": ""}}, "label selfheal.kubernetes/exclude='' excludes node cp-1"),
    ],
)
def test_a_node_may_be_left_out(ask: Ask, cluster: ControlPlane, metadata: dict[str, Any], word: str) -> None:
    cluster.must("PATCH", NODE, {"metadata": metadata})
    said = ask()
    assert (said["proceed"], said["message"].startswith(word)) == (False, True), said
    assert ask(node=None)["proceed"] is True


def test_healing_is_off_by_default_and_another_cluster_is_none_of_ours(ask: Ask) -> None:
    said = ask(policy={})
    assert (said["guard"], said["braked"]) == ("monitor_only", False) and "policy.monitor_only is on" in said["message"]
    assert ask(cluster_uid="0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10")["error_class"] == "WrongCluster"
    assert ask(node="no/name")["error_class"] == "InvalidName"
    assert ask(seconds=900)["error_class"] == "SettingsError"
