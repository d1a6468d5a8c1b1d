# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node dies with the one writer of a volume on it: another one begins only when the first is proven to be gone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import kind
from lab.drill import Drill, Run
from lab.engine import docker
from lab.paths import versions

HERE = Path(__file__).parent
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
# For as long as this nothing may be forced while the machine is on; longer than pods stay bound to a node that is gone.
CONTROL_SECONDS = 60.0


def pod(drill: Drill) -> dict[str, Any]:
    """The writer's pod, empty if there is none."""
    found = drill.cluster.kubectl("get", "pod", "writer-0", "-o", "json", check=False)
    return dict(json.loads(found.stdout)) if found.returncode == 0 else {}


def beats(drill: Drill) -> list[tuple[float, str]]:
    """Every beat that was written, in the order of the file: when by the machine's one uptime, and by which pod."""
    lines = (drill.cluster.shared / "heartbeat").read_text(encoding="utf-8").splitlines()
    whole = [line.split() for line in lines if len(line.split()) == 5]
    return [(float(uptime), uid) for _date, uptime, _idle, _node, uid in whole]


def wait_for_beats(drill: Drill, other_than: str = "", seconds: float = 120) -> str:
    """Wait until a pod, other than this one, writes; its UID."""
    end = time.monotonic() + seconds
    while True:
        seen = beats(drill) if (drill.cluster.shared / "heartbeat").exists() else []
        if seen and seen[-1][1] != other_than:
            return seen[-1][1]
        assert time.monotonic() < end, f"nobody else than {other_than!r} has written within {seconds} s: {pod(drill)}"
        time.sleep(0.5)


def taints(drill: Drill, node: str) -> list[str]:
    spec = json.loads(drill.cluster.kubectl("get", "node", node, "-o", "json").stdout)["spec"]
    return [taint["key"] for taint in spec.get("taints") or []]


def fence(drill: Drill, node: str, *arguments: str, **variables: Any) -> Run:
    """Run the role as the healer."""
    provider_id = drill.cluster.kubectl("get", "node", node, "-o", "jsonpath={.spec.providerID}").stdout
    options = {
        "selfheal_cluster_uid": drill.uid(),
        "node_fence_node": node,
        "node_fence_driver": "docker",
        "node_fence_provider_id": provider_id,
    }
    return drill.playbook(str(HERE / "node_fence.yml"), *arguments, **(options | variables))


@pytest.fixture
def writer(healthy: Drill) -> Iterator[str]:
    """The node of a StatefulSet's pod that writes to a volume, which is in reach of both workers."""
    cluster = healthy.cluster
    rights = healthy.bootstrap(selfheal_bootstrap_drain=True)
    assert rights.code == 0, rights.output
    (cluster.shared / "heartbeat").unlink(missing_ok=True)
    manifest = (HERE / "writer.yml").read_text(encoding="utf-8")
    manifest = manifest.replace("IMAGE", versions()["image"]["busybox"]).replace("SHARED", kind.SHARED)
    cluster.kubectl("apply", "-f", "-", stdin=manifest)
    node = ""
    try:
        wait_for_beats(healthy)
        node = pod(healthy)["spec"]["nodeName"]
        yield node
    finally:
        if node:
            docker("start", node)
            _until_systemd_answers(healthy, node)
            healthy.mend(node)
            healthy.wait_ready(node, "True")
        cluster.kubectl("taint", "node", node, f"{OUT_OF_SERVICE}-", check=False)
        cluster.kubectl("delete", "statefulset/writer", "pvc/data-writer-0", "pv/writer", "--timeout=120s")
        assert healthy.bootstrap().code == 0


def _until_systemd_answers(drill: Drill, node: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while drill.cluster.exec(node, "systemctl", "is-system-running", check=False).stdout.strip() not in (
        "running",
        "degraded",
    ):
        assert time.monotonic() < end, f"systemd of {node} is not up"
        time.sleep(0.5)


@pytest.mark.nightly
def test_a_volume_moves_only_when_its_writer_is_proven_to_be_gone(healthy: Drill, writer: str) -> None:
    first = wait_for_beats(healthy)
    # What looks dead from outside writes on: kubelet is gone, its containers are not.
    healthy.stop_kubelet(writer)
    healthy.wait_ready(writer, "Unknown")
    checked = fence(healthy, writer, "--check")
    assert checked.code == 2 and "its machine is on" in checked.output, checked.output
    refused = fence(healthy, writer)
    assert refused.code == 2 and "docker says that container" in refused.output, refused.output
    assert "nothing was forced" in refused.output and "Traceback" not in refused.output
    absent = fence(healthy, writer, node_fence_options={"instance": "no-such-container"})
    assert absent.code == 2 and "is not the machine that the node's providerID names" in absent.output, absent.output

    # The control run: without a proof nobody takes the writer's place, for longer than pods stay bound to a dead node.
    end = time.monotonic() + CONTROL_SECONDS
    while time.monotonic() < end:
        seen = pod(healthy)
        assert seen.get("metadata", {}).get("uid") == first and OUT_OF_SERVICE not in taints(healthy, writer)
        time.sleep(2)
    assert beats(healthy)[-1][1] == first, "it has written all the while"

    would = fence(healthy, writer, "--check", node_fence_off=True)
    assert would.code == 0 and "would cut the power" in would.output, would.output
    assert OUT_OF_SERVICE not in taints(healthy, writer) and pod(healthy)["metadata"]["uid"] == first
    done = fence(healthy, writer, node_fence_off=True)
    assert done.code == 0, done.output
    assert docker("inspect", "-f", "{{.State.Running}}", writer).stdout.strip() == "false"
    assert OUT_OF_SERVICE in taints(healthy, writer)

    second = wait_for_beats(healthy, other_than=first)
    time.sleep(5)
    seen = beats(healthy)
    last, begun = max(at for at, uid in seen if uid == first), min(at for at, uid in seen if uid == second)
    assert last < begun, f"two wrote at once: the first one until {last}, the second one from {begun}"
    assert [uid for _at, uid in seen] == sorted((uid for _at, uid in seen), key=(first, second).index)
    assert pod(healthy)["spec"]["nodeName"] != writer
    again = fence(healthy, writer, node_fence_off=True)
    assert (again.code, again.changed) == (0, 0), again.output

    early = fence(healthy, writer, node_fence_state="unfenced")
    assert early.code == 2 and "stays out of service" in early.output, early.output
    docker("start", writer)
    _until_systemd_answers(healthy, writer)
    healthy.mend(writer)
    healthy.wait_ready(writer, "True")


@pytest.mark.nightly
def test_the_power_of_a_node_that_is_ready_is_not_cut(healthy: Drill, writer: str) -> None:
    refused = fence(healthy, writer, node_fence_off=True)
    assert refused.code == 2 and "is not said to be out of service" in refused.output, refused.output
    assert docker("inspect", "-f", "{{.State.Running}}", writer).stdout.strip() == "true"
    assert healthy.ready(writer) == "True" and OUT_OF_SERVICE not in taints(healthy, writer)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"node_fence_driver": ""}, "node_fence_driver is needed"),
        ({"node_fence_driver": "magic"}, "magic"),
        ({"node_fence_options": {"instance": "a; reboot"}}, "instance"),
        ({"node_fence_options": {"colour": "red"}}, "no option colour"),
        ({"node_fence_node": "../x"}, "node_fence_node"),
        ({"node_fence_driver": "command", "node_fence_options": {}}, "argv"),
        ({"node_fence_driver": "command", "node_fence_options": {"argv": ["echo", "off"]}}, "has no word {instance}"),
        (
            {
                "node_fence_driver": "command",
                "node_fence_options": {"argv": ["echo", "perhaps"]},
                "node_fence_trust_inventory": True,
            },
            "echo says perhaps",
        ),
        (
            {"node_fence_driver": "command", "node_fence_options": {"argv": ["false"]}, "node_fence_off": True},
            "node_fence_off_argv",
        ),
        ({"node_fence_deadline": 5}, "node_fence_deadline from 10 to 600"),
    ],
)
def test_bad_input_is_one_clear_line(healthy: Drill, variables: dict[str, Any], says: str) -> None:
    node = healthy.worker()
    refused = fence(healthy, node, **variables)
    assert refused.code == 2 and says in refused.output and "Traceback" not in refused.output, refused.output
    assert OUT_OF_SERVICE not in taints(healthy, node)
