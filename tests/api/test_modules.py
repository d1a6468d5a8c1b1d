# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules say to input that is wrong, each in one line, before they change anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, ControlPlane

HEALING = {"monitor_only": False}
BAD_OPTIONS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a token and no host": ("remediation_plan_info", {"host": ""}, "SettingsError", "host and api_key belong together"),
    "a file as well as a host": ("cluster_health_info", {"kubeconfig": "/x"}, "SettingsError", "but not both"),
    "no certificate there": (
        "remediation_plan_info",
        {"ca_cert": "/nowhere/ca.crt"},
        "SettingsError",
        "ca_cert: /nowhere/ca",
    ),
    "a mode that is none": (
        "remediation_plan_info",
        {"policy": {"monitor_only": "perhaps"}},
        "PolicyError",
        "policy.monitor_only: expected true or false, got 'perhaps'",
    ),
    "another cluster": ("cluster_health_info", {"cluster_uid": "0000"}, "WrongCluster", "expected 0000"),
    "the lease of another cluster": (
        "remediation_lease",
        {"cluster_uid": "0000", "policy": HEALING},
        "WrongCluster",
        "expected 0000",
    ),
    "a token of another cluster": (
        "service_account_kubeconfig",
        {"cluster_uid": "0000", "service_account": "selfheal-healer", "dest": "/tmp/never-written"},
        "WrongCluster",
        "expected 0000",
    ),
    "the lease in monitor-only": ("remediation_lease", {}, "MonitorOnly", "policy.monitor_only is on"),
    "an incident in monitor-only": (
        "incident",
        {"event": "note", "notes": [], "holder": "a", "token": 1},
        "MonitorOnly",
        "policy.monitor_only is on",
    ),
    "a record in monitor-only": ("cluster_record", {"holder": "a", "token": 1}, "MonitorOnly", "monitor_only is on"),
    "a record without the lease": (
        "cluster_record",
        {"holder": "a", "token": 1, "policy": HEALING},
        "LeaseLost",
        "nobody holds it",
    ),
    "an incident of no name": (
        "incident",
        {"event": "begin", "node": "a;b", "node_uid": "u", "rung": "r", "holder": "a", "token": 1, "policy": HEALING},
        "InvalidName",
        "node name 'a;b' is not valid",
    ),
    "a wait of no time": (
        "incident",
        {"event": "verify", "node": "w1", "node_uid": "u", "timeout": 0, "holder": "a", "token": 1, "policy": HEALING},
        "SettingsError",
        "timeout: expected seconds from 1 to 1800, got 0",
    ),
    "hosts that are no lists": (
        "remediation_plan_info",
        {"policy": HEALING, "hosts": {"w1": "10.0.0.1"}},
        "HostError",
        "hosts.w1: expected a list of names and addresses, got '10.0.0.1'",
    ),
    "a file whose place is not said": (
        "service_account_kubeconfig",
        {"service_account": "selfheal-healer", "dest": "./never-written"},
        "SettingsError",
        "dest: expected an absolute path",
    ),
    "an odd account": (
        "service_account_kubeconfig",
        {"service_account": "../x", "dest": "/never/written"},
        "InvalidName",
        "service_account '../x' is not valid",
    ),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(cluster: ControlPlane, module: RunModule, name: str) -> None:
    module_name, options, error, words = BAD_OPTIONS[name]
    cluster.add_nodes("w1", "w2", "w3", "w4", "w5")
    cluster.make_sick("w1")
    mark = cluster.audit_mark()
    result = module(module_name, **({"cluster_uid": cluster.uid} | options))
    assert result["failed"] and result["error_class"] == error, result
    assert words in result["msg"] and "\n" not in result["msg"]
    assert [a for a in cluster.audited(mark) if a.mutates] == []


def test_the_lease_in_check_mode(cluster: ControlPlane, module: RunModule) -> None:
    who = {"cluster_uid": cluster.uid, "policy": HEALING}
    assert module("remediation_lease", check_mode=True, holder="a", **who)["changed"] is True
    assert cluster.request("GET", HEALER_LEASE)[0] == 404
    held = module("remediation_lease", holder="a", **who)
    busy = module("remediation_lease", check_mode=True, holder="a", **who)
    assert busy["failed"] and busy["error_class"] == "LeaseBusy"
    mine = {"holder": held["holder"], "token": held["token"]}
    assert module("remediation_lease", check_mode=True, state="released", **mine, **who)["changed"] is True
    assert cluster.get(HEALER_LEASE)["spec"]["holderIdentity"] == held["holder"]
    assert module("remediation_lease", state="released", **mine, **who)["changed"] is True
    assert module("remediation_lease", state="released", **mine, **who)["changed"] is False


@pytest.mark.parametrize("given", ["awx-job-4711", None])
def test_two_runs_of_one_name_are_two_holders(cluster: ControlPlane, module: RunModule, given: str | None) -> None:
    who = {"cluster_uid": cluster.uid, "policy": HEALING} | ({"holder": given} if given else {})
    held = module("remediation_lease", **who)
    assert held["holder"].startswith(given or "") and held["holder"] != given
    assert cluster.get(HEALER_LEASE)["spec"]["holderIdentity"] == held["holder"]
    again = module("remediation_lease", **who)
    assert again["failed"] and held["holder"] in again["msg"]


def test_a_kubeconfig_for_a_service_account(
    cluster: ControlPlane, module: RunModule, tmp_path: Path, admin_token: str
) -> None:
    cluster.add_nodes("w1")
    dest = tmp_path / "healer.kubeconfig"
    options = {"cluster_uid": cluster.uid, "service_account": "selfheal-observer", "dest": str(dest)}
    checked = module("service_account_kubeconfig", account=admin_token, check_mode=True, **options)
    assert checked["changed"] and not dest.exists()
    made = module("service_account_kubeconfig", account=admin_token, **options)
    assert made["changed"] and made["expires"]
    assert dest.stat().st_mode & 0o777 == 0o600
    content = json.loads(dest.read_text(encoding="utf-8"))
    assert content["users"][0]["name"] == "selfheal-observer"
    assert content["users"][0]["user"]["token"] not in json.dumps(made)
    looked = module(
        "cluster_health_info", account="", host="", ca_cert="", kubeconfig=str(dest), cluster_uid=cluster.uid
    )
    assert looked["verdict"] == "healthy"
    dest.chmod(0o644)
    module("service_account_kubeconfig", account=admin_token, **options)
    assert dest.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [dest.name]
    nowhere = module("service_account_kubeconfig", account=admin_token, **(options | {"dest": str(tmp_path)}))
    assert nowhere["failed"] and "cannot be written" in nowhere["msg"]
    # The healer may not give itself a token.
    refused = module("service_account_kubeconfig", **options)
    assert refused["failed"] and refused["error_class"] == "Forbidden"


def test_health_is_bounded(cluster: ControlPlane, module: RunModule) -> None:
    cluster.add_nodes("w1")
    result = module("cluster_health_info")
    assert (result["verdict"], result["nodes_seen"], result["findings"], result["findings_left_out"]) == (
        "healthy",
        1,
        [],
        0,
    )
    assert result["schema_version"] == 1 and result["observed_at"].endswith("Z")
