# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of control planes do to their hosts, and how they see what came of it."""

from __future__ import annotations

import time
from typing import Any

import yaml

from lab.drill import Drill
from lab.shell import LabError

MANIFESTS = "/etc/kubernetes/manifests"
KUBELET_PKI = "/var/lib/kubelet/pki"
KEPT = "/var/tmp/kept-control-plane"
DOCKER = {"ansible_connection": "community.docker.docker"}
NOWHERE = {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_connection": "ssh"}


def planes(drill: Drill) -> list[str]:
    """The control-plane nodes."""
    return [node.name for node in drill.cluster.nodes() if node.role == "control-plane"]


def answers(drill: Drill) -> bool:
    """Whether kubectl gets an answer, which knows nothing of what is being proven."""
    return drill.cluster.kubectl("get", "--raw", "/livez", "--request-timeout", "5s", check=False).returncode == 0


def wait(drill: Drill, wanted: bool, seconds: float = 180) -> None:
    """Wait until the API server answers, or does not."""
    end = time.monotonic() + seconds
    while answers(drill) is not wanted:
        assert time.monotonic() < end, f"the API server {'does not answer' if wanted else 'answers'} after {seconds} s"
        time.sleep(1)


def sh(drill: Drill, node: str, text: str, check: bool = True, **options: Any) -> str:
    """What a command on a node says."""
    return drill.cluster.exec(node, "sh", "-c", text, check=check, **options).stdout


def kill(drill: Drill, node: str, *processes: str) -> None:
    """Stop kubelet, and end these processes, which nobody starts again then."""
    drill.stop_kubelet(node)
    for process in processes:
        sh(drill, node, f"pkill -KILL -x {process}")


def spec(drill: Drill, node: str, name: str) -> Any:
    """The spec of a static pod's manifest."""
    return yaml.safe_load(sh(drill, node, f"cat {MANIFESTS}/{name}.yaml"))["spec"]


def keep(drill: Drill) -> None:
    """Keep what the faults of this file break."""
    for node in planes(drill):
        sh(
            drill,
            node,
            f"rm -rf {KEPT}; mkdir -p {KEPT}; cp -a /etc/kubernetes {KEPT}/; cp -a {KUBELET_PKI} {KEPT}/kubelet-pki",
        )


def undo(drill: Drill) -> None:
    """Take away every fault of this file, and wait until all is well."""
    for node in planes(drill):
        sh(
            drill,
            node,
            "systemctl enable --now containerd; systemctl unmask kubelet; pkill -CONT -x kube-apiserver;"
            f" rm -rf /run/selfheal /var/lib/selfheal; cp -a {KEPT}/kubernetes/. /etc/kubernetes/;"
            f" rm -f /etc/kubernetes/*.yaml; rm -rf {KUBELET_PKI}; cp -a {KEPT}/kubelet-pki {KUBELET_PKI};"
            " systemctl enable kubelet; systemctl restart kubelet",
        )
    # An API server that answers may be about to lose its etcd, whose manifest has just come back.
    end = time.monotonic() + 240
    while True:
        wait(drill, True, 240)
        try:
            for one in drill.cluster.nodes():
                drill.wait_ready(one.name, "True", seconds=180)
        except LabError:
            assert time.monotonic() < end
            continue
        return
