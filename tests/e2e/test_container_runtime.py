# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real node loses its container runtime, and comes back when it is healed and only then; its pods never leave."""

from __future__ import annotations

import json
import time

from lab.drill import Drill

# A node that nobody repairs is watched for at least so long, and for as long as the heal has taken.
CONTROL_SECONDS = 60.0
heals: list[float] = []


def containers(drill: Drill, node: str) -> list[tuple[str, str, int]]:
    """Each container on the node, as the API tells it: its pod's UID, its own id, and how often it was restarted."""
    answer = drill.cluster.kubectl(
        "get", "pods", "-A", "--field-selector", f"spec.nodeName={node}", "-o", "json"
    ).stdout
    return sorted(
        (pod["metadata"]["uid"], container.get("containerID", ""), container["restartCount"])
        for pod in json.loads(answer)["items"]
        for container in pod["status"].get("containerStatuses", [])
    )


def shims(drill: Drill, node: str) -> list[str]:
    """The processes that hold the containers, with the time of their start, as the node's kernel tells it."""
    ask = "for pid in $(pgrep -f '^[^ ]*containerd-shim'); do ps -o pid=,lstart= -p $pid; done"
    return sorted(drill.cluster.exec(node, "sh", "-c", ask).stdout.splitlines())


def test_a_stopped_container_runtime_is_healed_and_its_pods_live_on(healthy: Drill) -> None:
    sick = healthy.worker()
    running, held = containers(healthy, sick), shims(healthy, sick)
    assert len(running) >= 2 and len(held) >= 2, "a node without pods would prove nothing"
    healthy.stop_runtime(sick)
    healthy.wait_until_due(sick)

    run = healthy.heal()
    assert run.code == 0, run.output
    assert f"REPAIRED container_runtime_restart on {sick}" in run.output
    heals.append(run.seconds)
    assert healthy.ready(sick) == "True"
    unit = healthy.cluster.exec(sick, "systemctl", "is-enabled", "containerd").stdout.strip()
    assert unit == "enabled", "the unit comes back with the next boot, too"
    assert (containers(healthy, sick), shims(healthy, sick)) == (running, held)

    [incident] = healthy.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
    told = [moment["message"] for moment in status["history"]]
    assert any("container_runtime_restart" in message for message in told), told


def test_without_a_repair_the_node_stays_away(healthy: Drill) -> None:
    sick = healthy.worker()
    healthy.stop_runtime(sick)
    healthy.wait_until_due(sick)
    end = time.monotonic() + max([CONTROL_SECONDS, *heals])
    check = healthy.heal("--check")
    assert f"DO     container_runtime_restart on {sick}" in check.output
    assert (check.code, check.changed) == (0, 0), check.output
    while time.monotonic() < end:
        assert healthy.ready(sick) != "True", "nothing but a repair may bring it back"
        time.sleep(2)
    assert healthy.cluster.exec(sick, "systemctl", "is-active", "kubelet").stdout.strip() == "active"
