# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real kubelet forgets a real device plugin, and the plugin is restarted before anything stronger is done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.drill import DUE_AFTER, Drill, now
from tests.e2e.gpus import offered, wait_for_gpus, with_gpus

# For as long as this nobody but the healer brings the GPUs back.
CONTROL_SECONDS = 60.0


def pod(drill: Drill) -> str:
    """The UID of the plugin's pod."""
    which = ("-n", "kube-system", "-l", "name=nvidia-device-plugin-ds", "-o", "jsonpath={.items[*].metadata.uid}")
    return drill.cluster.kubectl("get", "pods", *which).stdout


@pytest.fixture
def gpu_node(healthy: Drill) -> Iterator[str]:
    """A worker with two GPUs."""
    with with_gpus(healthy) as node:
        yield node


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
