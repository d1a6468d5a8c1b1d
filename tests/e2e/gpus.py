# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker of a lab cluster with two GPUs that are none, offered by a plugin that registers once and never again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import golang
from lab.drill import Drill
from lab.engine import docker
from lab.paths import versions

HERE = Path(__file__).parent
FOLDER = "/opt/selfheal-device-plugin"
LABEL = "nvidia.com/gpu.count"


def offered(drill: Drill, node: str) -> str:
    """How many GPUs the node offers, as kubectl sees it; empty when it does not know of any."""
    path = r"jsonpath={.status.allocatable.nvidia\.com/gpu}"
    return drill.cluster.kubectl("get", "node", node, "-o", path).stdout


def wait_for_gpus(drill: Drill, node: str, *wanted: str, seconds: float = 120) -> None:
    """Wait until it offers as many as one of these."""
    end = time.monotonic() + seconds
    while (count := offered(drill, node)) not in wanted:
        assert time.monotonic() < end, f"{node} offers {count or 'no'} GPUs, expected {' or '.join(wanted)}"
        time.sleep(0.5)


@contextmanager
def with_gpus(drill: Drill) -> Iterator[str]:
    """The node, and a healer that may evict its plugin."""
    cluster, node = drill.cluster, drill.worker()
    program = golang.build_source("device-plugin", HERE / "device_plugin")
    rights = drill.bootstrap(selfheal_bootstrap_drain=True)
    assert rights.code == 0, rights.output
    try:
        cluster.exec(node, "mkdir", "-p", FOLDER)
        docker("cp", str(program), f"{node}:{FOLDER}/device-plugin")
        cluster.kubectl("label", "node", node, f"{LABEL}=2")
        manifest = (HERE / "device_plugin.yml").read_text(encoding="utf-8")
        cluster.kubectl("apply", "-f", "-", stdin=manifest.replace("IMAGE", versions()["image"]["busybox"]))
        wait_for_gpus(drill, node, "2")
        yield node
    finally:
        cluster.kubectl("delete", "daemonset", "nvidia-device-plugin", "-n", "kube-system", "--ignore-not-found")
        cluster.kubectl("label", "node", node, f"{LABEL}-")
        cluster.exec(node, "sh", "-c", f"rm -rf {FOLDER}; systemctl restart kubelet")
        assert drill.bootstrap().code == 0
