# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import (
    LABELS,
    PluginPod,
    gpus_of,
    objection_to_labels,
    plugins_of,
    still_missing,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import NodePod
from hypothesis import given
from hypothesis import strategies as st

LABEL = {"name": "nvidia-device-plugin-ds"}
ENOUGH, TOO_FEW = (True, "8 of 8"), (False, "allocatable are 0 of 8 nvidia.com/gpu")


def host_path(path: str) -> dict[str, Any]:
    return {"name": "plugins", "hostPath": {"path": path}}


def pod(name: str = "plugin-1", **changes: Any) -> dict[str, Any]:
    """A device plugin's pod as the API gives it."""
    owner = {"kind": "DaemonSet", "name": "plugin", "uid": "ds-1", "controller": True}
    metadata = {"namespace": "gpu", "name": name, "uid": f"uid-{name}", "labels": LABEL, "ownerReferences": [owner]}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": metadata | changes.get("metadata", {}),
        "spec": {"volumes": [host_path("/var/lib/kubelet/device-plugins")]} | changes.get("spec", {}),
        "status": {"phase": "Running", "conditions": ready} | changes.get("status", {}),
    }


def node(count: str = "8", offered: str | None = "8", **labels: str) -> dict[str, Any]:
    allocatable = {"cpu": "4"} | ({} if offered is None else {"nvidia.com/gpu": offered})
    known = {"nvidia.com/gpu.count": count} if count else {}
    return {"metadata": {"name": "w1", "uid": "u", "labels": known | labels}, "status": {"allocatable": allocatable}}


OTHER_OWNER = {"kind": "ReplicaSet", "name": "plugin", "uid": "rs-1", "controller": True}
CRASHING = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
NO_CONTROLLER = {"kind": "DaemonSet", "name": "plugin", "uid": "ds-1"}


@pytest.mark.parametrize(
    ("item", "is_one"),
    [
        pytest.param(pod(), True, id="a plugin"),
        pytest.param(pod(spec={"volumes": [host_path("/data/kubelet/device-plugins/")]}), True, id="elsewhere"),
        pytest.param(pod(metadata={"labels": {"app": "web"}}), False, id="another label"),
        pytest.param(pod(metadata={"labels": None}), False, id="no label"),
        pytest.param(pod(metadata={"labels": {"name": "nvidia"}}), False, id="the label's key with another value"),
        pytest.param(pod(metadata={"ownerReferences": [OTHER_OWNER]}), False, id="of a ReplicaSet"),
        pytest.param(pod(metadata={"ownerReferences": [NO_CONTROLLER]}), False, id="of no controller"),
        pytest.param(pod(metadata={"ownerReferences": None}), False, id="of nobody"),
        pytest.param(pod(spec={"volumes": []}), False, id="without the folder"),
        pytest.param(pod(spec={"volumes": [host_path("/var/lib/kubelet")]}), False, id="another folder"),
        pytest.param(pod(spec={"volumes": [{"emptyDir": {}}]}), False, id="a folder of its own"),
        pytest.param(
            pod(spec={"volumes": [host_path("/device-plugins/of/mine")]}), False, id="below such a folder"
        ),
    ],
)  # fmt: skip
def test_which_pods_are_device_plugins(item: dict[str, Any], is_one: bool) -> None:
    assert bool(plugins_of([item], LABELS)) is is_one


def test_a_pod_without_a_uid_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no UID"):
        plugins_of([pod(metadata={"uid": ""})], LABELS)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_the_pods_does_not_matter(names: list[str]) -> None:
    assert [p.pod.name for p in plugins_of([pod(name) for name in names], LABELS)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("status", "deleting", "ready", "waiting"),
    [
        ({}, False, True, ""),
        ({}, True, False, ""),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False, False, ""),
        ({"conditions": None}, False, False, ""),
        ({"conditions": None, "containerStatuses": [CRASHING]}, False, False, "CrashLoopBackOff"),
        ({"conditions": None, "containerStatuses": [{"state": {"running": {}}}]}, False, False, ""),
    ],
)  # fmt: skip
def test_whether_a_plugin_is_ready(status: dict[str, Any], deleting: bool, ready: bool, waiting: str) -> None:
    metadata = {"deletionTimestamp": "2026-11-21T03:00:00Z"} if deleting else {}
    (found,) = plugins_of([pod(status=status, metadata=metadata)], LABELS)
    assert (found.ready, found.waiting) == (ready, waiting)


@pytest.mark.parametrize(
    ("seen", "enough", "says"),
    [
        (node(), True, "8 of 8"),
        (node(offered="7"), False, "7 of 8"),
        (node(offered=None), False, "0 of 8"),
        (node(offered="9"), True, "9 of 8"),
        (node(count=""), True, "promises no GPU"),
        (node(count="many"), False, "no number of GPUs"),
        ({"metadata": {"name": "w1", "uid": "u", "labels": {"nvidia.com/gpu.count": "8"}}}, False, "says nothing"),
    ],
)
def test_whether_the_gpus_are_there(seen: dict[str, Any], enough: bool, says: str) -> None:
    found = gpus_of(seen)
    assert found[0] is enough and says in found[1]


def plugin(
    name: str, controller: str = "ds-1", ready: bool = True, deleting: bool = False, waiting: str = ""
) -> PluginPod:
    made = NodePod(
        "gpu", name, f"uid-{name}", controller="DaemonSet/plugin", controller_uid=controller, deleting=deleting
    )
    return PluginPod(made, ready, waiting)


OLD, NEW = plugin("old"), plugin("new")


@pytest.mark.parametrize(
    ("before", "now", "gpus", "missing"),
    [
        ([OLD], [NEW], ENOUGH, ""),
        ([], [], ENOUGH, ""),
        ([OLD], [OLD], ENOUGH, "pod gpu/old is still there"),
        ([OLD], [plugin("old", deleting=True), NEW], ENOUGH, "pod gpu/old is still there, terminating"),
        ([OLD], [], ENOUGH, "DaemonSet/plugin has made no new pod in the place of gpu/old"),
        ([OLD], [plugin("new", "ds-2")], ENOUGH, "DaemonSet/plugin has made no new pod in the place of gpu/old"),
        ([OLD], [plugin("new", ready=False)], ENOUGH, "pod gpu/new is not ready"),
        ([OLD], [plugin("new", ready=False, waiting="ImagePullBackOff")], ENOUGH,
         "pod gpu/new is not ready: ImagePullBackOff"),
        ([OLD], [NEW], TOO_FEW, TOO_FEW[1]),
        ([OLD, plugin("b", "ds-2")], [NEW], ENOUGH, "DaemonSet/plugin has made no new pod in the place of gpu/b"),
    ],
)  # fmt: skip
def test_what_is_still_missing(
    before: list[PluginPod], now: list[PluginPod], gpus: tuple[bool, str], missing: str
) -> None:
    assert still_missing(before, now, gpus) == missing


@given(
    before=st.lists(st.sampled_from("abc"), unique=True, min_size=1),
    now=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), unique_by=lambda one: one[0]),
    enough=st.booleans(),
)
def test_no_proof_without_a_new_pod_that_is_ready_and_all_gpus(
    before: list[str], now: list[tuple[str, bool]], enough: bool
) -> None:
    gone, seen = [plugin(name) for name in before], [plugin(name, ready=ready) for name, ready in now]
    proven = not still_missing(gone, seen, (enough, "numbers"))
    successors = [name for name, ready in now if ready and name not in before]
    assert proven == (enough and not set(before) & {name for name, _ready in now} and bool(successors))


@pytest.mark.parametrize(
    ("labels", "objection"),
    [
        (LABELS, ""),
        (["example.com/plugin=gpu"], ""),
        ([], "an empty one"),
        (["plugin"], "'plugin'"),
        (["a=b", "a=b,c"], "'a=b,c'"),
        (["a=b\n"], r"'a=b\n'"),
        (["=b"], "'=b'"),
        (["a="], "'a='"),
    ],
)
def test_labels(labels: list[str], objection: str) -> None:
    said = objection_to_labels(labels)
    assert (said == "") is (objection == "") and objection in said
