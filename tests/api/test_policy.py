# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the cluster's owner: a ConfigMap in a real API server, and what becomes of a run because of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, RECORDS, ControlPlane

from lab import docs

CONFIG_MAPS = "/api/v1/namespaces/self-healing/configmaps"
CONFIG = f"{CONFIG_MAPS}/self-healing-config"
HEALING = {"monitor_only": False}
NODES = ("w1", "w2", "w3", "w4", "w5")
MISTAKES = {"cooldown": "-1", "max_atempts": "3", "thresholds": "{NodeReady: ["}

Configure = Callable[[Mapping[str, str]], None]


@pytest.fixture
def configure(cluster: ControlPlane) -> Iterator[Configure]:
    """Writes the ConfigMap; it is gone after the test."""

    def write(data: Mapping[str, str]) -> None:
        body = {"metadata": {"name": "self-healing-config"}, "data": dict(data)}
        cluster.request("DELETE", CONFIG)
        cluster.must("POST", CONFIG_MAPS, body)

    yield write
    cluster.request("DELETE", CONFIG)


@pytest.fixture
def sick(cluster: ControlPlane) -> ControlPlane:
    """Five nodes of which w1 has been silent for ten minutes."""
    cluster.add_nodes(*NODES)
    cluster.make_sick("w1")
    return cluster


def planned(module: RunModule, cluster: ControlPlane, **options: Any) -> dict[str, Any]:
    """The plan for the cluster, with healing on unless told otherwise."""
    given = {"cluster_uid": cluster.uid, "policy": HEALING, "hosts": {"w1": []}}
    return module("remediation_plan_info", **(given | options))


def written(cluster: ControlPlane, mark: int) -> list[str]:
    """What anybody has changed since the mark."""
    return [f"{a.verb} {a.uri}" for a in cluster.audited(mark) if a.mutates]


def test_without_a_config_map_nothing_is_different(sick: ControlPlane, module: RunModule) -> None:
    plan = planned(module, sick)
    assert [a["node"] for a in plan["actions"]] == ["w1"]
    assert (plan["braked"], plan["blocked"]) == (False, "")
    assert "policy" not in plan["health"]["unread"]


def test_the_config_map_is_over_the_defaults_and_the_job_over_both(
    sick: ControlPlane, module: RunModule, configure: Configure
) -> None:
    configure({"transient_tolerance": "86400"})
    patient = planned(module, sick)
    assert patient["actions"] == [] and [r["guard"] for r in patient["refused"]] == ["transient_tolerance"]
    hasty = planned(module, sick, policy=HEALING | {"transient_tolerance": 0})
    assert [a["node"] for a in hasty["actions"]] == ["w1"]


def test_the_example_in_the_documentation_works(sick: ControlPlane, module: RunModule) -> None:
    try:
        sick.must("POST", CONFIG_MAPS, yaml.safe_load(docs.EXAMPLE))
        plan = planned(module, sick)
        assert "policy" not in plan["health"]["unread"]
        found = next(f for f in plan["health"]["findings"] if f["check"] == "NodeReady")
        assert (found["threshold_seconds"], found["remedy"]) == (600, "Restart")
    finally:
        sick.must("DELETE", CONFIG)


def test_no_job_can_lift_the_brake(sick: ControlPlane, module: RunModule, configure: Configure) -> None:
    configure({"monitor_only": "true"})
    mark = sick.audit_mark()
    plan = planned(module, sick)
    assert (plan["monitor_only"], plan["braked"], plan["writes_needed"]) == (True, True, False)
    assert plan["actions"] == [] and plan["notes"] == []
    assert plan["report"][0].startswith("BRAKE  ConfigMap self-healing-config says monitor_only")
    result = module("remediation_lease", cluster_uid=sick.uid, policy=HEALING)
    assert result["failed"] and result["error_class"] == "MonitorOnly"
    assert "ConfigMap self-healing-config" in result["msg"]
    assert written(sick, mark) == []


def test_a_brake_that_is_off_switches_nothing_on(sick: ControlPlane, module: RunModule, configure: Configure) -> None:
    configure({"monitor_only": "false"})
    assert planned(module, sick, policy={"monitor_only": True})["actions"] == []
    assert [a["node"] for a in planned(module, sick)["actions"]] == ["w1"]


def test_mistakes_stop_healing_and_not_observing(sick: ControlPlane, module: RunModule, configure: Configure) -> None:
    configure(MISTAKES)
    mark = sick.audit_mark()
    health = module("cluster_health_info")
    assert health["verdict"] == "unhealthy"
    assert [f["name"] for f in health["findings"] if f["check"] == "NodeReady"] == ["w1"]
    told = health["unread"]["policy"]
    for mistake in (
        "self-healing-config.data.cooldown: expected an integer from 0 to 86400 (seconds), got '-1'",
        "self-healing-config.data.max_atempts: unknown setting, did you mean max_attempts",
        "self-healing-config.data.thresholds: expected a mapping from names of checks to seconds as YAML",
        "got '{NodeReady: ['",
    ):
        assert mistake in told
    assert any(line.startswith("could not read policy: ") and "cooldown" in line for line in health["report"])
    plan = planned(module, sick)
    assert told in plan["blocked"]
    assert not plan["writes_needed"] and plan["notes"] == []
    assert written(sick, mark) == []
    sick.make_well("w1")
    assert module("cluster_health_info")["verdict"] == "unknown"


def test_mistakes_of_the_job_end_the_module_in_one_line(
    sick: ControlPlane, module: RunModule, configure: Configure
) -> None:
    configure(MISTAKES)
    mark = sick.audit_mark()
    result = planned(module, sick, policy={"cooldown": "soon", "monitor_only": "perhaps"})
    assert result["failed"] and result["error_class"] == "PolicyError" and "\n" not in result["msg"]
    assert "policy.cooldown: " in result["msg"] and "policy.monitor_only: " in result["msg"]
    # Not even a question was sent.
    assert [a for a in sick.audited(mark) if a.user.endswith("selfheal-healer")] == []


def test_another_cluster_is_not_asked_for_settings(sick: ControlPlane, module: RunModule, configure: Configure) -> None:
    configure({"cooldown": "600"})
    mark = sick.audit_mark()
    result = planned(module, sick, cluster_uid="0000")
    assert result["error_class"] == "WrongCluster"
    assert {a.uri for a in sick.audited(mark)} == {"/api/v1/namespaces/kube-system"}


def begun(module: RunModule, cluster: ControlPlane) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run that holds the lease and has written down what it saw; its options, and what it wants to repair."""
    plan = planned(module, cluster)
    held = module("remediation_lease", holder="run", cluster_uid=cluster.uid, policy=HEALING)
    run = {"cluster_uid": cluster.uid, "policy": HEALING, "holder": held["holder"], "token": held["token"]}
    assert module("incident", event="note", notes=plan["notes"], **run)["changed"]
    return run, {"node": "w1", "node_uid": plan["actions"][0]["node_uid"]}


@pytest.mark.parametrize(
    "config", [pytest.param({"monitor_only": "true"}, id="the brake"), pytest.param(MISTAKES, id="mistakes")]
)
def test_no_repair_begins_once_the_owner_says_no(
    sick: ControlPlane, module: RunModule, configure: Configure, config: dict[str, str]
) -> None:
    run, target = begun(module, sick)
    configure(config)
    before = sick.incidents()
    result = module("incident", event="begin", rung="kubelet_restart", **target, **run)
    assert result.get("failed") or not result["proceed"]
    assert "self-healing-config" in (result.get("msg") or result["message"])
    assert sick.incidents() == before
    assert before["w1-1"]["status"]["attempts"] == 0


@pytest.mark.parametrize(
    "config", [pytest.param({"monitor_only": "true"}, id="the brake"), pytest.param(MISTAKES, id="mistakes")]
)
def test_what_was_begun_is_written_down_to_its_end(
    sick: ControlPlane, module: RunModule, configure: Configure, config: dict[str, str]
) -> None:
    run, target = begun(module, sick)
    assert module("incident", event="begin", rung="kubelet_restart", **target, **run)["proceed"]
    configure(config)
    assert module("incident", event="acted", text="done", **target, **run)["phase"] == "Verifying"
    assert module("incident", event="fail", text="it did not help", **target, **run)["phase"] == "Unhealthy"
    assert module("cluster_record", **run)["changed"]
    assert sick.get(f"{RECORDS}/cluster")["status"]["healthy"] == "False"
    assert module("remediation_lease", state="released", **run)["changed"]
    assert not sick.get(HEALER_LEASE)["spec"].get("holderIdentity")
