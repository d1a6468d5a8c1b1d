# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.baseline_store import (
    read_baseline,
    write_baseline,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import Baseline, learn, to_dict
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW

COLLECTION = "/api/v1/namespaces/self-healing/configmaps"
PATH = f"{COLLECTION}/selfheal-baseline"
ONE = learn(Baseline(), {"pods": 1}, NOW)
TWO = learn(ONE, {"pods": 2}, NOW + timedelta(hours=1))


class FakeApi:
    """One ConfigMap, as an API server keeps it: every write has to name the version that it was made from."""

    def __init__(self, data: Mapping[str, Any] | None = None, namespace: bool = True) -> None:
        self.version = 1
        self.namespace = namespace
        self.body: dict[str, Any] | None = None
        self.fails: ClusterError | None = None
        self.writes = 0
        if data is not None:
            self.body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "selfheal-baseline", "namespace": "self-healing", "labels": {"team": "infra"}},
                "data": data,
            }

    def get(self, path: str) -> Answer:
        assert path == PATH
        if self.fails:
            raise self.fails
        if self.body is None:
            raise NotFound("no such ConfigMap")
        return Answer(self._told(), NOW)

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        assert path == COLLECTION
        if not self.namespace:
            raise NotFound("no such namespace")
        if self.body is not None:
            raise Conflict("it exists")
        return self._store(body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Answer:
        assert path == PATH
        if self.body is None:
            raise NotFound("no such ConfigMap")
        if body["metadata"].get("resourceVersion") != str(self.version):
            raise Conflict("somebody else has written")
        return self._store(body)

    def _store(self, body: Mapping[str, Any]) -> Answer:
        if self.fails:
            raise self.fails
        assert (body["kind"], body["metadata"]["name"]) == ("ConfigMap", "selfheal-baseline")
        assert all(isinstance(text, str) for text in body["data"].values())
        self.body = json.loads(json.dumps(body))
        self.version += 1
        self.writes += 1
        return Answer(self._told(), NOW)

    def _told(self) -> dict[str, Any]:
        assert self.body is not None
        return {**self.body, "metadata": {**self.body["metadata"], "resourceVersion": str(self.version)}}


def holding(baseline: Baseline) -> FakeApi:
    return FakeApi({"baseline.json": json.dumps(to_dict(baseline))})


def test_nothing_stored_is_an_empty_baseline() -> None:
    stored = read_baseline(FakeApi(namespace=False))
    assert (stored.baseline, stored.trouble) == (Baseline(), "")


def test_what_is_written_is_read_again() -> None:
    api = FakeApi()
    assert write_baseline(api, read_baseline(api), ONE)
    assert read_baseline(api).baseline == ONE
    assert write_baseline(api, read_baseline(api), TWO)
    stored = read_baseline(api)
    assert (stored.baseline, stored.trouble, api.writes) == (TWO, "", 2)


def test_what_has_not_changed_is_not_written() -> None:
    for api, same in ((holding(ONE), ONE), (FakeApi(), Baseline())):
        assert not write_baseline(api, read_baseline(api), same)
        assert api.writes == 0


def test_other_keys_and_labels_are_kept() -> None:
    api = holding(ONE)
    assert api.body is not None
    api.body["data"]["note"] = "of a person"
    assert write_baseline(api, read_baseline(api), TWO)
    assert api.body["data"]["note"] == "of a person"
    assert api.body["metadata"]["labels"] == {"team": "infra"}


def test_a_write_that_comes_second_is_dropped() -> None:
    api = holding(ONE)
    first, second = read_baseline(api), read_baseline(api)
    assert write_baseline(api, first, TWO)
    assert not write_baseline(api, second, learn(ONE, {"pods": 99}, NOW + timedelta(hours=2)))
    assert read_baseline(api).baseline == TWO


def test_so_is_one_that_would_create_it_a_second_time() -> None:
    api = FakeApi()
    first, second = read_baseline(api), read_baseline(api)
    assert write_baseline(api, first, ONE)
    assert not write_baseline(api, second, TWO)
    assert read_baseline(api).baseline == ONE


def test_so_is_one_into_a_namespace_that_is_not_there() -> None:
    api = FakeApi(namespace=False)
    assert not write_baseline(api, read_baseline(api), ONE)


def test_so_is_one_of_a_config_map_that_was_deleted() -> None:
    api = holding(ONE)
    stored = read_baseline(api)
    api.body = None
    assert not write_baseline(api, stored, TWO)
    assert api.body is None


CORRUPT: dict[str, object] = {
    "no data": None,
    "data that are text": "x",
    "another key": {"other": "{}"},
    "no text": {"baseline.json": 5},
    "no JSON": {"baseline.json": "{"},
    "nothing": {"baseline.json": ""},
    "too deep": {"baseline.json": "[" * 100_000},
    "no baseline": {"baseline.json": "{}"},
    "another version": {"baseline.json": json.dumps({**to_dict(ONE), "version": 99})},
    "no numbers": {"baseline.json": json.dumps(to_dict(ONE)).replace("1.0", "NaN")},
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT)
def test_what_cannot_be_read_is_begun_anew_and_said(data: object) -> None:
    api = FakeApi({})
    assert api.body is not None
    api.body["data"] = data
    if data is None:
        del api.body["data"]
    stored = read_baseline(api)
    assert stored.baseline == Baseline()
    assert stored.trouble.startswith("ConfigMap self-healing/selfheal-baseline")
    assert stored.trouble.endswith(": it is begun anew")
    assert "\n" not in stored.trouble
    assert write_baseline(api, stored, ONE)
    assert read_baseline(api) == replace(read_baseline(api), baseline=ONE, trouble="")


@pytest.mark.parametrize("error", [Forbidden("no"), Unreachable("gone"), Rejected("immutable")])
def test_an_api_server_that_does_not_answer_is_not_an_empty_baseline(error: ClusterError) -> None:
    api = holding(ONE)
    stored = read_baseline(api)
    api.fails = error
    with pytest.raises(type(error)):
        read_baseline(api)
    with pytest.raises(type(error)):
        write_baseline(api, stored, TWO)
