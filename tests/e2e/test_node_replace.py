# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real node of a kind cluster is replaced: its container is another one afterwards, and so is its Node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.drill import DROP_IN, Drill, Run
from lab.engine import docker
from lab.paths import versions

ROLE = str(Path(__file__).with_name("node_replace.yml"))
SHOP = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: shop}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      nodeSelector: {kubernetes.io/hostname: NODE}
      terminationGracePeriodSeconds: 2
      containers:
        - {name: shop, image: IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "9999"]}
"""


@pytest.fixture
def rights(healthy: Drill) -> Iterator[Drill]:
    """The cluster, with a healer that may drain nodes and remove them."""
    run = healthy.bootstrap(selfheal_bootstrap_drain=True, selfheal_bootstrap_replace=True)
    assert run.code == 0, run.output
    yield healthy
    assert healthy.bootstrap().code == 0


def node(drill: Drill, name: str) -> dict[str, Any]:
    """The Node as kubectl sees it, empty if it is not there."""
    found = drill.cluster.kubectl("get", "node", name, "-o", "json", check=False)
    return dict(json.loads(found.stdout)) if found.returncode == 0 else {}


def container(drill: Drill, name: str) -> str:
    """The ID of the container that has this name."""
    return docker("inspect", "-f", "{{.Id}}", name, env=drill.cluster.env()).stdout.strip()


def broken(drill: Drill, name: str) -> bool:
    """Whether the drop-in that ends every start of kubelet is there."""
    return drill.cluster.exec(name, "test", "-e", DROP_IN, check=False).returncode == 0


def replace(drill: Drill, name: str, *arguments: str, **variables: Any) -> Run:
    options = {"selfheal_cluster_uid": drill.uid(), "node_replace_node": name, "node_replace_driver": "docker"}
    return drill.playbook(ROLE, *arguments, **(options | variables))


def result(run: Run) -> dict[str, Any]:
    [line] = [line for line in run.output.splitlines() if "RESULT {" in line]
    told: dict[str, Any] = json.loads(json.loads(line.strip().removeprefix('"msg": ')).removeprefix("RESULT "))
    return told


def tokens(drill: Drill) -> set[str]:
    """The names of the bootstrap tokens."""
    names = ("get", "secrets", "-n", "kube-system", "--field-selector", "type=bootstrap.kubernetes.io/token")
    return set(drill.cluster.kubectl(*names, "-o", "name").stdout.split())


@pytest.mark.nightly
def test_a_node_broken_under_etc_is_replaced_by_the_role_alone(rights: Drill) -> None:
    sick = rights.worker()
    rights.break_unit(sick)
    rights.wait_ready(sick, "Unknown")
    before, old = container(rights, sick), node(rights, sick)["metadata"]["uid"]
    known = tokens(rights)
    # The control run: nothing but a new machine helps, whatever is restarted.
    docker("restart", "-t", "0", sick, env=rights.cluster.env())
    assert broken(rights, sick) and rights.ready(sick) != "True"

    check = replace(rights, sick, "--check")
    assert (check.code, check.changed) == (0, 1), check.output
    assert container(rights, sick) == before and node(rights, sick)["metadata"]["uid"] == old

    run = replace(rights, sick, node_replace_node_uid=old, node_replace_timeout=300)
    assert run.code == 0, run.output
    told = result(run)
    assert told["replaced"] and told["old_uid"] == old and told["new"] == sick and told["new_uid"] != old, told
    # Seen by others: another container, without the fault, and another Node that is Ready.
    assert container(rights, sick) != before and not broken(rights, sick)
    assert node(rights, sick)["metadata"]["uid"] == told["new_uid"]
    assert node(rights, sick)["spec"]["providerID"] == told["old_machine"] == told["new_machine"]
    rights.wait_ready(sick, "True")
    assert tokens(rights) == known, "a token that was made for this is left"
    left = docker("ps", "--all", "--filter", f"name={sick}-replaced", "--format", "x", env=rights.cluster.env())
    assert left.stdout.split() == []

    again = replace(rights, sick, node_replace_node_uid=old)
    assert (again.code, again.changed) == (0, 0), again.output
    assert node(rights, sick)["metadata"]["uid"] == told["new_uid"]


@pytest.mark.nightly
def test_a_node_that_is_alive_is_drained_first(rights: Drill) -> None:
    cluster, well = rights.cluster, rights.worker()
    before = container(rights, well)
    manifest = SHOP.replace("IMAGE", versions()["image"]["busybox"]).replace("NODE", well)
    pods = ("get", "pods", "-l", "app=shop", "-o", "jsonpath={.items[*].metadata.uid}")
    cluster.kubectl("apply", "-f", "-", stdin=manifest)
    try:
        cluster.kubectl("rollout", "status", "deployment/shop", "--timeout=60s")
        pod = cluster.kubectl(*pods).stdout
        drain = {"deadline": 15, "delete_emptydir_data": True}
        refused = replace(rights, well, node_replace_drain=drain)
        assert refused.code == 2 and "was not taken away by driver docker" in refused.output, refused.output
        assert "PodDisruptionBudget shop" in refused.output and "Traceback" not in refused.output, refused.output
        # What stays is in use again.
        assert container(rights, well) == before and not node(rights, well)["spec"].get("unschedulable")
        assert cluster.kubectl(*pods).stdout == pod

        cluster.kubectl("delete", "poddisruptionbudget", "shop")
        run = replace(rights, well, node_replace_drain=drain, node_replace_timeout=300)
        assert run.code == 0, run.output
        assert container(rights, well) != before and not node(rights, well)["spec"].get("unschedulable")
        cluster.kubectl("rollout", "status", "deployment/shop", "--timeout=120s")
    finally:
        cluster.kubectl("delete", "deployment/shop", "--ignore-not-found")
        cluster.kubectl("delete", "poddisruptionbudget/shop", "--ignore-not-found")


@pytest.mark.nightly
def test_what_may_not_be_replaced_is_refused_in_one_line(rights: Drill) -> None:
    well = rights.worker()
    plane = next(one.name for one in rights.cluster.nodes() if one.role == "control-plane")
    known = {name: container(rights, name) for name in (well, plane)}
    label = ("label", "node", well, "--overwrite")
    refusals: list[tuple[str, dict[str, Any], str]] = [
        (plane, {}, "it is a control-plane node, which is never replaced"),
        (well, {"node_replace_options": {"instance": plane}}, "is not the machine that the node's providerID names"),
        (
            well,
            {"node_replace_driver": "ec2_asg"},
            "is a machine of kind by its providerID, which driver ec2_asg cannot replace",
        ),
        (well, {"node_replace_driver": "cluster_api"}, "driver cluster_api needs option kubeconfig"),
        (well, {"node_replace_timeout": 5}, "node_replace_timeout from 30 to 7200"),
        ("nobody", {}, "node nobody is not in this cluster"),
    ]
    for name, variables, why in refusals:
        run = replace(rights, name, **variables)
        assert run.code == 2 and why in run.output and "Traceback" not in run.output, run.output
    rights.cluster.kubectl(*label, "nvidia.com/gpu.count=8")
    try:
        gpu = replace(rights, well)
    finally:
        rights.cluster.kubectl(*label[:-1], "nvidia.com/gpu.count-")
    assert gpu.code == 2 and "it is a GPU node, which is never drained or replaced" in gpu.output, gpu.output
    assert {name: container(rights, name) for name in (well, plane)} == known
    assert not node(rights, well)["spec"].get("unschedulable")


@pytest.mark.nightly
def test_the_ladder_replaces_what_is_broken_under_etc_after_a_reboot_has_not_helped(rights: Drill) -> None:
    sick = rights.worker()
    rights.break_unit(sick)
    rights.wait_until_due(sick)
    before, old = container(rights, sick), node(rights, sick)["metadata"]["uid"]
    policy: dict[str, Any] = {
        "cooldown": 0,
        "max_attempts": 5,
        "reboot_driver": "docker",
        "waiting_timeout": 60,
        "waiting_timeout_replace": 300,
        "recovery_timeout": 60,
        "thresholds": {"NodeReady": 5, "NodeHeartbeat": 5},
    }

    # The control run: without a driver the ladder ends with the reboot, which does not help, however often.
    soft = rights.heal(selfheal_policy=policy)
    assert soft.code == 2 and f"FAILED kubelet_restart on {sick}" in soft.output, soft.output
    reboot = rights.heal(selfheal_policy=policy)
    assert reboot.code == 2 and f"FAILED node_reboot on {sick}" in reboot.output, reboot.output
    without = rights.heal("--check", selfheal_policy=policy)
    assert f"DO     node_reboot on {sick}" in without.output, without.output
    assert container(rights, sick) == before and rights.ready(sick) != "True"

    policy |= {"replace_driver": "docker"}
    wrong = rights.heal(selfheal_policy={**policy, "replace_driver": "ec2_asg"})
    assert wrong.code == 2 and f"NOT_TRIED node_replace on {sick}" in wrong.output, wrong.output
    assert "which driver ec2_asg cannot replace" in wrong.output, wrong.output
    assert rights.incidents()[0]["status"]["attempts"] == 2, "what was not tried is no attempt"
    assert container(rights, sick) == before

    run = rights.heal(selfheal_policy=policy)
    assert run.code == 0 and f"REPAIRED node_replace on {sick}" in run.output, run.output
    assert container(rights, sick) != before and not broken(rights, sick)
    new = node(rights, sick)
    assert new["metadata"]["uid"] != old and rights.ready(sick) == "True"
    [incident] = rights.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 3)
    assert status["successor"] == new["metadata"]["uid"] and incident["spec"]["target"]["uid"] == old
    told = [moment["phase"] for moment in status["history"]]
    assert told[-5:] == ["Unhealthy", "Repairing", "Waiting", "Verifying", "Recovered"], told
    story = " ".join(moment["message"] for moment in status["history"])
    machine = new["spec"]["providerID"]
    assert f"node_replace of machine {machine}" in story and f"replaced by node {sick}, machine {machine}" in story
    again = rights.heal(selfheal_policy=policy)
    assert (again.code, again.changed) == (0, 0), again.output
    assert node(rights, sick)["metadata"]["uid"] == new["metadata"]["uid"]
