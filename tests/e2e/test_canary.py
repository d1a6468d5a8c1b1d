# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that is Ready and whose pods resolve no names: a repair of it is not proven, and without the fault it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.drill import Drill
from lab.paths import versions

# What pods of this node ask of DNS is lost, and kubelet notices nothing. The table raw comes before
# Calico's and kube-proxy's rules, which are written anew now and then.
RULE = ("PREROUTING", "-i", "cali+", "-p", "udp", "--dport", "53", "-j", "DROP")
CLASS, FOLDER = "drill-canary", "/var/lib/drill-canary"
STORAGE = f"""
apiVersion: v1
kind: List
items:
  - apiVersion: storage.k8s.io/v1
    kind: StorageClass
    metadata: {{name: {CLASS}}}
    provisioner: kubernetes.io/no-provisioner
  - apiVersion: v1
    kind: PersistentVolume
    metadata: {{name: {CLASS}}}
    spec:
      storageClassName: {CLASS}
      capacity: {{storage: 1Gi}}
      accessModes: [ReadWriteOnce]
      persistentVolumeReclaimPolicy: Retain
      hostPath: {{path: {FOLDER}, type: Directory}}
"""


def lose_dns(drill: Drill, node: str) -> None:
    drill.cluster.exec(node, "iptables", "-w", "-t", "raw", "-I", *RULE)


def give_dns_back(drill: Drill, node: str) -> None:
    drill.cluster.exec(node, "iptables", "-w", "-t", "raw", "-D", *RULE, check=False)


def resolves(drill: Drill, node: str) -> bool:
    """Whether a pod on the node that is none of ours resolves a name."""
    overrides = {"spec": {"nodeName": node, "tolerations": [{"operator": "Exists"}]}}
    which = ("--image", versions()["image"]["busybox"], "--restart=Never", "--overrides", json.dumps(overrides))
    name = "kubernetes.default.svc.cluster.local"
    drill.cluster.kubectl("run", "probe", *which, "--", "sh", "-c", f"timeout 20 nslookup {name}")
    try:
        phase = "jsonpath={.status.phase}"
        end = drill.cluster.kubectl(
            *("wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=40s", "-o", phase),
            check=False,
        ).stdout
        return "Succeeded" in end
    finally:
        drill.cluster.kubectl("delete", "pod", "probe", "--grace-period=1")


def left(drill: Drill) -> str:
    return drill.cluster.kubectl("get", "pods,persistentvolumeclaims", "-n", "self-healing", "-o", "name").stdout


@pytest.fixture
def canaries(healthy: Drill) -> Iterator[Drill]:
    """The same with the rights to make canaries and storage for one of them, and nothing of a test is left."""
    sick = healthy.worker()
    assert healthy.bootstrap(selfheal_bootstrap_canary=True).code == 0
    healthy.cluster.exec(sick, "mkdir", "-p", "-m", "777", FOLDER)
    healthy.cluster.kubectl("apply", "-f", "-", stdin=STORAGE)
    try:
        yield healthy
    finally:
        give_dns_back(healthy, sick)
        healthy.cluster.kubectl("delete", "pods,persistentvolumeclaims", "--all", "-n", "self-healing")
        healthy.cluster.kubectl("delete", "-f", "-", stdin=STORAGE)
        healthy.cluster.exec(sick, "rm", "-rf", FOLDER)
        assert healthy.bootstrap().code == 0


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_ready_alone_proves_no_repair(canaries: Drill) -> None:
    sick = canaries.worker()
    policy: dict[str, Any] = {"cooldown": 0, "cooldown_max": 0, "max_attempts": 10}
    canary = policy | {"canary_image": versions()["image"]["busybox"], "canary_timeout": 240}

    lose_dns(canaries, sick)
    assert not resolves(canaries, sick) and resolves(canaries, canaries.worker(1)), "the fault is there, and only there"
    canaries.make_sick(sick)
    blind = canaries.heal(selfheal_policy=policy)
    assert blind.code == 0 and f"REPAIRED kubelet_restart on {sick}" in blind.output, blind.output
    assert not resolves(canaries, sick), "nobody has noticed, which is what the canary is for"

    canaries.forget()
    canaries.make_sick(sick)
    run = canaries.heal(selfheal_policy=canary)
    assert run.code == 2 and f"FAILED kubelet_restart on {sick}" in run.output, run.output
    assert f"Ready, but the canary is unhealthy: a pod on {sick}: no name is resolved" in run.output, run.output
    assert canaries.ready(sick) == "True"
    status = canaries.incidents()[0]["status"]
    assert (status["phase"], status["outcome"]) == ("Unhealthy", "RepairFailed")
    assert left(canaries) == ""

    # That it looks well in the next run as well makes nothing better.
    again = canaries.heal(selfheal_policy=canary)
    status = canaries.incidents()[0]["status"]
    assert status["phase"] == "Unhealthy" and [one["guard"] for one in status["refusals"]] == ["canary"], again.output

    give_dns_back(canaries, sick)
    assert resolves(canaries, sick)
    closed = canaries.heal(selfheal_policy=canary)
    assert closed.code == 0 and canaries.incidents()[0]["status"]["phase"] == "Recovered", closed.output

    canaries.forget()
    canaries.make_sick(sick)
    proven = canaries.heal(selfheal_policy=canary | {"canary_storage_class": CLASS})
    assert proven.code == 0 and f"REPAIRED kubelet_restart on {sick}" in proven.output, proven.output
    well = f"canary healthy: a pod on {sick}: start, address, dns, service, volume well"
    assert well in canaries.incidents()[0]["status"]["history"][-1]["message"], canaries.incidents()
    assert left(canaries) == ""
