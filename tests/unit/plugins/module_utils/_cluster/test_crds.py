# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of the healer's memory: what is written fits their schemas, and every field explains itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.store import incident_to_api
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import HISTORY_LIMIT, REFUSALS_KEPT
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle, Phase, Refusal
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.record import derive
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, fleet, incident, sick, snapshot

from lab.paths import CHECKOUT

KINDS = yaml.safe_load((CHECKOUT / "roles/bootstrap/files/crds.yml").read_text(encoding="utf-8"))["items"]
SCHEMAS = {kind["spec"]["names"]["kind"]: kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind in KINDS}


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named field of a schema, with its path."""
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{path}.{name}", inner
        yield from fields(inner, f"{path}.{name}")
        yield from fields(inner.get("items") or {}, f"{path}.{name}[]")


FIELDS = dict(pair for kind, schema in SCHEMAS.items() for pair in fields(schema, kind))


@pytest.mark.parametrize("path", FIELDS)
def test_each_field_explains_itself(path: str) -> None:
    said = FIELDS[path].get("description", "")
    assert said.endswith(".") and "\n" not in said


def unknown(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """What of a value the schema does not know: the API server would drop it without a word."""
    if isinstance(value, dict):
        for name, inner in value.items():
            known = schema.get("properties") or {}
            if name not in known:
                yield f"{path}.{name}"
            else:
                yield from unknown(inner, known[name], f"{path}.{name}")
        yield from (f"{path} without {name}" for name in schema.get("required") or () if name not in value)
    elif isinstance(value, list):
        for one in value:
            yield from unknown(one, schema["items"], f"{path}[]")


def test_an_incident_loses_nothing_on_its_way() -> None:
    full = replace(
        incident(attempted=[300], phase=Phase.WAITING),
        deadline=NOW,
        wait_until=NOW,
        boot_id="b",
        successor="u2",
        refusals=(Refusal("w1", "reboot", "paused", "by me"),),
        refused_at=NOW,
        bundle=Bundle("evidence.json.gz", "ab", 7, "why"),
        outcome="RepairFailed",
        closed_at=NOW,
    )
    body = incident_to_api(full)
    told = {name: body[name] for name in ("spec", "status")}
    assert list(unknown(told, SCHEMAS["Incident"], "Incident")) == []
    assert set(told["status"]) == set(SCHEMAS["Incident"]["properties"]["status"]["properties"])


def test_the_record_loses_nothing_on_its_way() -> None:
    seen = snapshot([sick(), *fleet(9)])
    memory = [incident("w1", attempted=[300]), incident("w2", Phase.RECOVERED, outcome="Repaired", closed_at=NOW)]
    status = derive(judge(seen, Policy()), memory, Storm("mass_failure", ago(600), ago(60)))
    assert list(unknown({"status": status}, SCHEMAS["ClusterRecord"], "ClusterRecord")) == []
    assert set(status) == set(SCHEMAS["ClusterRecord"]["properties"]["status"]["properties"])


def test_the_schema_knows_the_phases_and_the_limits_of_the_machine() -> None:
    status = SCHEMAS["Incident"]["properties"]["status"]["properties"]
    assert status["phase"]["enum"] == [phase.value for phase in Phase if phase is not Phase.GONE] + ["Gone"]
    assert (status["refusals"]["maxItems"], status["history"]["maxItems"]) == (REFUSALS_KEPT, HISTORY_LIMIT)
