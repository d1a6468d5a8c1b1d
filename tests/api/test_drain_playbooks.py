# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rights that ``bootstrap`` gives and takes by name, and the role ``node_drain`` as people use it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import Cordon, cordon_of
from ansible_collections.selfheal.kubernetes.tests.api.conftest import Play, run_role, write_kubeconfig
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ADMIN_TOKEN, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.workloads import Kubelet, Workloads

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


@pytest.mark.parametrize(("what", "name"), [("drain", "selfheal-drainer"), ("canary", "selfheal-canary")])
def test_bootstrap_gives_rights_only_when_asked_and_takes_them_away(
    cluster: ControlPlane, play: Play, tmp_path: Path, what: str, name: str
) -> None:
    variable = f"selfheal_bootstrap_{what}"
    admin = {
        "selfheal_kubeconfig": str(write_kubeconfig(tmp_path, cluster, ADMIN_TOKEN)),
        "selfheal_cluster_uid": cluster.uid,
    }
    asking = admin | {variable: True}

    def given() -> tuple[int, int]:
        return cluster.request("GET", f"{ROLES}/{name}")[0], cluster.request("GET", f"{BINDINGS}/{name}")[0]

    def change(variables: dict[str, Any], *options: str) -> bool:
        played = play("bootstrap", variables, *options)
        assert played.code == 0, played.output
        return (
            "Give or take the rights that are asked for by name" in played.output and "changed=0" not in played.output
        )

    change(admin)
    assert given() == (404, 404)
    assert change(asking, "--check") and given() == (404, 404)
    assert change(asking) and given() == (200, 200)
    assert not change(asking)
    assert change(admin, "--check") and given() == (200, 200)
    assert change(admin) and given() == (404, 404)
    assert not change(admin)
    refused = play("bootstrap", admin | {variable: "perhaps"})
    assert refused.code == 2 and f"{variable}: expected true or false, got perhaps" in refused.output


def drain_by_role(
    home: Path, cluster: ControlPlane, variables: dict[str, Any], *options: str
) -> subprocess.CompletedProcess[str]:
    """Run the role in a playbook of a user's own."""
    told = "TOLD {{ node_drain_result.message | default('nothing') }}"
    return run_role(home, cluster, "node_drain", variables, told, *options)


@pytest.fixture
def workloads(cluster: ControlPlane) -> Workloads:
    cluster.add_nodes("w1", "w2")
    made = Workloads(cluster)
    made.open()
    return made


def test_the_role_drains_and_uncordons(cluster: ControlPlane, workloads: Workloads, tmp_path: Path) -> None:
    workloads.add("web-1")
    node = {"node_drain_node": "w1"}
    checked = drain_by_role(tmp_path, cluster, node, "--check")
    assert checked.returncode == 0 and "TOLD node w1: would evict 1 pod" in checked.stdout, checked.stdout
    assert "changed=1" in checked.stdout and workloads.names() == ["web-1"]
    with Kubelet(workloads):
        drained = drain_by_role(tmp_path, cluster, node)
    assert drained.returncode == 0 and "TOLD node w1 is drained: 1 pod evicted" in drained.stdout, drained.stdout
    assert "changed=1" in drained.stdout and cordon_of(cluster.get("/api/v1/nodes/w1")) is Cordon.OURS
    again = drain_by_role(tmp_path, cluster, node)
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout
    lifted = drain_by_role(tmp_path, cluster, node | {"node_drain_state": "uncordoned"})
    assert lifted.returncode == 0 and "changed=1" in lifted.stdout, lifted.stdout
    assert cordon_of(cluster.get("/api/v1/nodes/w1")) is Cordon.NONE


def test_the_role_fails_with_one_clear_line(cluster: ControlPlane, workloads: Workloads, tmp_path: Path) -> None:
    workloads.add("bare", bare=True)
    before = cluster.get("/api/v1/nodes/w1")["spec"]
    failed = drain_by_role(tmp_path, cluster, {"node_drain_node": "w1"})
    assert failed.returncode == 2 and "shop/bare (no controller would make it again)" in failed.stdout, failed.stdout
    unnamed = drain_by_role(tmp_path, cluster, {"node_drain_state": "melted"})
    assert unnamed.returncode == 2 and "melted" in unnamed.stdout and "node_drain_node" in unnamed.stdout
    unproven = drain_by_role(tmp_path, cluster, {"node_drain_node": "w1", "node_drain_state": "fenced"})
    assert unproven.returncode == 2 and "fencing_proof" in unproven.stdout, unproven.stdout
    assert cluster.get("/api/v1/nodes/w1")["spec"] == before
    workloads.clear()
