# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both decoders give the core the same, whatever the objects look like."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode, parts, screen
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import objects
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import COLUMNS
from hypothesis import given
from hypothesis import strategies as st

msgspec = pytest.importorskip("msgspec")

FULL_NODE = {
    "kind": "Node",
    "metadata": {
        "name": "w1",
        "uid": "u",
        "labels": {"topology.kubernetes.io/zone": "a", "x": ""},
        "annotations": {"note": "ü"},
        "creationTimestamp": "2026-11-21T00:00:00Z",
        "deletionTimestamp": "2026-11-21T01:00:00Z",
        "managedFields": [{"fieldsV1": {"f:status": {}}}],
    },
    "spec": {
        "unschedulable": True,
        "providerID": "kind://w1",
        "taints": [{"key": "k", "value": "v", "effect": "NoSchedule", "timeAdded": "2026-11-21T00:30:00Z"}],
    },
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "w1"}],
        "capacity": {"cpu": "4", "nvidia.com/gpu": 2},
        "allocatable": {"cpu": "3"},
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "ok",
                "lastHeartbeatTime": "2026-11-21T00:00:00Z",
                "lastTransitionTime": "2026-11-21T00:00:00Z",
            }
        ],
        "nodeInfo": {"machineID": "m", "bootID": "b", "kubeletVersion": "v1.34.0", "kernelVersion": "6"},
        "images": [{"names": ["a"], "sizeBytes": 1}],
    },
}
STATUS = {
    "name": "app",
    "ready": False,
    "restartCount": 3,
    "image": "x",
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-21T00:00:00Z"}},
}
FULL_POD = {
    "metadata": {
        "name": "p",
        "namespace": "ns",
        "uid": "u",
        "labels": {"app": "x"},
        "annotations": {"kubernetes.io/config.mirror": "abc"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "rs", "controller": True, "uid": "o"}],
        "finalizers": ["f"],
        "creationTimestamp": "2026-11-21T00:00:00Z",
        "deletionTimestamp": "2026-11-21T01:00:00Z",
        "deletionGracePeriodSeconds": 30,
    },
    "spec": {"nodeName": "w1", "readinessGates": [{"conditionType": "g"}], "containers": [{"name": "app"}]},
    "status": {
        "phase": "Running",
        "reason": "NodeLost",
        "message": "gone",
        "conditions": FULL_NODE["status"]["conditions"],  # type: ignore[index]
        "containerStatuses": [STATUS],
        "initContainerStatuses": [{**STATUS, "name": "init"}],
    },
}
FULL_LEASE = {
    "metadata": {"name": "w1"},
    "spec": {"renewTime": "2026-11-21T00:00:00.123456Z", "leaseDurationSeconds": 40, "holderIdentity": "w1"},
}
SHAPES = [
    (decode.Nodes, objects.Node, FULL_NODE),
    (decode.Pods, objects.Pod, FULL_POD),
    (decode.Table, objects.Pod, FULL_POD),
    (decode.Leases, objects.Heartbeat, FULL_LEASE),
]


@pytest.mark.parametrize(("shape", "kind", "full"), SHAPES, ids=lambda s: getattr(s, "__name__", ""))
def test_everything_that_the_core_reads_is_in_the_shape(shape: Any, kind: Any, full: dict[str, Any]) -> None:
    page = {"metadata": {"continue": "abc", "remainingItemCount": 3}, "items": [full]}
    data = json.dumps(page).encode()
    fast = decode.decode(shape, data)
    assert kind.from_api(fast["items"][0]) == kind.from_api(full)
    assert kind.from_api(full) != kind.from_api({"metadata": {"name": "w1"}})
    assert fast["metadata"]["continue"] == "abc"
    assert len(json.dumps(fast)) < len(json.dumps(page))


def test_it_is_the_fast_one_that_was_tested() -> None:
    assert decode.msgspec is msgspec
    assert "managedFields" not in str(decode.decode(decode.Nodes, json.dumps({"items": [FULL_NODE]}).encode()))


def same(monkeypatch: pytest.MonkeyPatch, shape: Any, data: bytes) -> tuple[Any, Any]:
    def read() -> Any:
        try:
            return decode.decode(shape, data)
        except ValueError:
            return "no JSON"

    fast = read()
    with monkeypatch.context() as patch:
        patch.setattr(decode, "msgspec", None)
        return fast, read()


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"null", b"<html>", b'"x"', b"\xff", b'{"items": 1e999}'])
@pytest.mark.parametrize("shape", [decode.Nodes, decode.Table, decode.EndpointSlices, decode.Events])
def test_what_is_no_list_is_the_same_for_both(monkeypatch: pytest.MonkeyPatch, shape: Any, data: bytes) -> None:
    fast, slow = same(monkeypatch, shape, data)
    # By their texts, because NaN is not equal to itself.
    assert repr(fast) == repr(slow)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in an object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))][0 if path else 1 :]


def with_(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The object with something else in that place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_(value[path[0]], path[1:], new)
    return copy


def outcome(kind: Any, page: Any) -> Any:
    try:
        return [kind.from_api(item) for item in page["items"]]
    except Exception as exc:
        return type(exc)


@pytest.mark.parametrize(("shape", "kind", "full"), SHAPES, ids=lambda s: getattr(s, "__name__", ""))
@given(data=st.data())
def test_anything_anywhere_is_the_same_for_both(
    shape: Any, kind: Any, full: dict[str, Any], data: st.DataObject
) -> None:
    """An object that one decoder refuses must not be read by the other."""
    changed = with_(full, data.draw(st.sampled_from(places(full))), data.draw(ANYTHING))
    body = json.dumps({"items": [changed]}).encode()
    assert outcome(kind, decode.decode(shape, body)) == outcome(kind, json.loads(body))


FULL_ROW = {
    "cells": ["p", "1/1", "Running", "3 (5m ago)", "3d", "10.0.0.1", "w1", "<none>", "1/1"],
    "conditions": [{"type": "Completed", "status": "True", "reason": "Failed"}],
    "object": None,
}
FULL_SLICE = {
    "metadata": {
        "name": "web-abc",
        "namespace": "ns",
        "labels": {parts.SERVICE_LABEL: "web"},
        "annotations": {parts.CHANGED_ANNOTATION: "2026-11-21T00:00:00Z"},
    },
    "addressType": "IPv4",
    "endpoints": [
        {"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": "web-1"}},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False}, "targetRef": {"kind": "Pod", "name": "web-2"}},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
        {"addresses": ["10.0.0.4"]},
    ],
}


def rows(page: Any) -> Any:
    # A row without conditions has none, by whatever word.
    running, ended = decode.rows_of(page)
    return [list(cells) for cells in running], [(list(cells), conditions) for cells, conditions in ended]


def services(page: Any) -> Any:
    return parts._services(page["items"] or ())


COMPACT = [
    ("rows", decode.Table, FULL_ROW, rows, ([], [(FULL_ROW["cells"], FULL_ROW["conditions"])])),
    (
        "items",
        decode.EndpointSlices,
        FULL_SLICE,
        services,
        (objects.Service("web", "ns", 2, 4, datetime(2026, 11, 21, tzinfo=UTC), ("web-2",)),),
    ),
]


@pytest.mark.parametrize(("key", "shape", "full", "read", "expected"), COMPACT, ids=["rows", "slices"])
def test_what_there_is_one_of_for_each_pod_is_small_and_says_the_same(
    key: str, shape: Any, full: dict[str, Any], read: Callable[[Any], Any], expected: Any
) -> None:
    body = {"kind": "Table", key: [full]}
    fast = decode.decode(shape, json.dumps(body).encode())
    entry = fast[key][0] if key == "rows" else fast[key][0]["endpoints"][0]
    assert isinstance(entry, msgspec.Struct)
    assert read(fast) == read(body) == expected


@pytest.mark.parametrize(("key", "shape", "full", "read", "_expected"), COMPACT, ids=["rows", "slices"])
@given(data=st.data())
def test_anything_anywhere_in_them_is_the_same_for_both(
    key: str, shape: Any, full: dict[str, Any], read: Callable[[Any], Any], _expected: Any, data: st.DataObject
) -> None:
    changed = with_(full, data.draw(st.sampled_from(places(full))), data.draw(ANYTHING))
    body = {key: [full, changed]}

    def outcome(page: Any) -> Any:
        try:
            return read(page)
        except parts.ODD:
            return "odd"

    assert outcome(decode.decode(shape, json.dumps(body).encode())) == outcome(body)


def test_a_row_without_cells_is_refused_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for page in same(monkeypatch, decode.Table, b'{"rows": [{"object": null}]}'):
        seen = screen.Screened(10)
        rules: Any = SimpleNamespace()
        with pytest.raises(parts.ODD):
            screen._screen_rows(*decode.rows_of(page), list(COLUMNS), rules, seen)


def test_no_shape_promises_more_than_any_server_keeps() -> None:
    """What is not there must not be an error."""
    shapes = [s for s in vars(decode).values() if isinstance(s, type) and hasattr(s, "__total__")]
    assert len(shapes) > 20
    for shape in shapes:
        assert not shape.__total__ and get_type_hints(shape)
        assert decode._decoder(shape).decode(b"{}") == {}
    compact = [s for s in vars(decode).values() if isinstance(s, type) and issubclass(s, msgspec.Struct)]
    assert len(compact) == 4
    for shape in compact:
        assert set(msgspec.structs.asdict(decode._decoder(shape).decode(b"{}")).values()) == {None}


def test_no_two_threads_make_decoders_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    making: list[int] = []

    class Slow:
        def __init__(self, shape: Any) -> None:
            making.append(1)
            time.sleep(0.05)
            assert len(making) == 1, "another one sees shapes that msgspec has half made, which ends the interpreter"
            making.clear()

        def decode(self, data: bytes) -> Any:
            return json.loads(data)

    decode._decoder.cache_clear()
    monkeypatch.setattr(decode, "msgspec", SimpleNamespace(json=SimpleNamespace(Decoder=Slow), MsgspecError=ValueError))
    with ThreadPoolExecutor(4) as pool:
        shapes = (decode.Nodes, decode.Pods, decode.Leases, decode.Events)
        assert list(pool.map(decode.decode, shapes, [b"{}"] * 4)) == [{}] * 4
    decode._decoder.cache_clear()
