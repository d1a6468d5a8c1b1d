# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real kubelet forgets a real device plugin, and the plugin is restarted before anything stronger is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import golang
from lab.drill import DUE_AFTER, Drill, now
from lab.engine import docker
from lab.paths import versions

HERE = Path(__file__).parent
FOLDER = "/opt/selfheal-device-plugin"
LABEL = "nvidia.com/gpu.count"
# For as long as this nobody but the healer brings the GPUs back.
CONTROL_SECONDS = 60.0


def offered(drill: Drill, node: str) -> str:
    """How many GPUs the node offers, as kubectl sees it; empty when it does not know of any."""
    path = r"jsonpath={.status.allocatable.nvidia\.com/gpu}"
    return drill.cluster.kubectl("get", "node", node, "-o", path).stdout


def wait_for_gpus(drill: Drill, node: str, *wanted: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while (count := offered(drill, node)) not in wanted:
        assert time.monotonic() < end, f"{node} offers {count or 'no'} GPUs, expected {' or '.join(wanted)}"
        time.sleep(0.5)


def pod(drill: Drill) -> str:
    """The UID of the plugin's pod."""
    which = ("-n", "kube-system", "-l", "name=nvidia-device-plugin-ds", "-o", "jsonpath={.items[*].metadata.uid}")
    return drill.cluster.kubectl("get", "pods", *which).stdout


@pytest.fixture
def gpu_node(healthy: Drill) -> Iterator[str]:
    """A worker with two GPUs that are none, offered by a plugin that registers once and never again."""
    cluster, node = healthy.cluster, healthy.worker()
    program = golang.build_source("device-plugin", HERE / "device_plugin")
    rights = healthy.bootstrap(selfheal_bootstrap_drain=True)
    assert rights.code == 0, rights.output
    try:
        cluster.exec(node, "mkdir", "-p", FOLDER)
        docker("cp", str(program), f"{node}:{FOLDER}/device-plugin")
        cluster.kubectl("label", "node", node, f"{LABEL}=2")
        manifest = (HERE / "device_plugin.yml").read_text(encoding="utf-8")
        cluster.kubectl("apply", "-f", "-", stdin=manifest.replace("IMAGE", versions()["image"]["busybox"]))
        wait_for_gpus(healthy, node, "2")
        yield node
    finally:
        cluster.kubectl("delete", "daemonset", "nvidia-device-plugin", "-n", "kube-system", "--ignore-not-found")
        cluster.kubectl("label", "node", node, f"{LABEL}-")
        cluster.exec(node, "sh", "-c", f"rm -rf {FOLDER}; systemctl restart kubelet")
        assert healthy.bootstrap().code == 0


@pytest.mark.nightly
def test_a_plugin_that_kubelet_has_forgotten_is_restarted(healthy: Drill, gpu_node: str) -> None:
    before = pod(healthy)
    healthy.cluster.exec(gpu_node, "systemctl", "restart", "kubelet")
    wait_for_gpus(healthy, gpu_node, "0", "")
    healthy.wait_ready(gpu_node, "True")
    noticed = healthy.heal()
    assert noticed.code == 0 and "NoAllocatableGPU" in noticed.output, noticed.output

    end = time.monotonic() + CONTROL_SECONDS
    while time.monotonic() < end:
        assert offered(healthy, gpu_node) in ("0", ""), "nothing but a repair may bring them back"
        time.sleep(2)
    assert pod(healthy) == before and DUE_AFTER < CONTROL_SECONDS

    since = now()
    run = healthy.heal()
    assert run.code == 0, run.output
    assert f"REPAIRED device_plugin_restart on {gpu_node}" in run.output
    assert offered(healthy, gpu_node) == "2" and pod(healthy) not in ("", before)
    evictions = [one for one in healthy.writes(since) if one[1] == "pods"]
    assert len(evictions) == 1 and evictions[0][0] == "create", evictions
    [incident] = healthy.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)

    again = healthy.heal()
    assert (again.code, again.changed) == (0, 0), again.output
