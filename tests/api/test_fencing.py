# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dead nodes that are said to be out of service, with proof, against a real API server."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import FENCED, OUT_OF_SERVICE
from ansible_collections.selfheal.kubernetes.tests.api.conftest import RunModule, run_role
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, LEASES, ControlPlane

HEALER = "system:serviceaccount:self-healing:selfheal-healer"
NODE = "/api/v1/nodes/w1"
OTHER_TAINT = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-21T03:00:00Z"}
Options = dict[str, Any]


def seen(seconds: float = 0) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def power_off(**changes: Any) -> Options:
    return {"kind": "power_off", "evidence": "BMC bmc-17 says Off", "seen": seen()} | changes


pytestmark = pytest.mark.usefixtures("drain_rights")


@pytest.fixture
def dead(cluster: ControlPlane) -> ControlPlane:
    """A node that fell silent, with the taint that the controller-manager has put on it."""
    cluster.add_nodes("w1", "w2")
    boot(cluster, "boot-1")
    cluster.make_sick("w1")
    cluster.must("PATCH", NODE, {"spec": {"taints": [OTHER_TAINT]}})
    return cluster


@pytest.fixture
def options(dead: ControlPlane, module: RunModule) -> Options:
    who: Options = {"cluster_uid": dead.uid, "policy": {"monitor_only": False}}
    dead.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
    held = module("remediation_lease", holder="run", **who)
    return who | {
        "holder": held["holder"],
        "token": held["token"],
        "node": "w1",
        "node_uid": dead.uid_of("w1"),
        "incident": "w1-1",
    }


def boot(cluster: ControlPlane, boot_id: str) -> None:
    cluster.must("PATCH", f"{NODE}/status", {"status": {"nodeInfo": {"bootID": boot_id}}})


def taints(cluster: ControlPlane) -> list[dict[str, str]]:
    return list(cluster.get(NODE)["spec"].get("taints") or [])


def written(cluster: ControlPlane, mark: int) -> list[str]:
    made = [a for a in cluster.audited(mark) if a.mutates and a.user == HEALER and "/leases" not in a.uri]
    return [f"{a.verb} {a.uri.split('?')[0]} {a.code}" for a in made]


def test_a_dead_node_is_said_to_be_out_of_service_and_in_service_again(
    dead: ControlPlane, module: RunModule, options: Options
) -> None:
    mark = dead.audit_mark()
    proof = power_off()
    checked = module("node_drain", state="fenced", fencing_proof=proof, check_mode=True, **options)
    assert checked["changed"] and taints(dead) == [OTHER_TAINT] and written(dead, mark) == []
    fenced = module("node_drain", state="fenced", fencing_proof=proof, **options)
    assert fenced["changed"] and fenced["fence"]["by"] == "ours"
    assert fenced["message"] == "node w1 is said to be out of service"
    theirs, ours = taints(dead)
    assert theirs == OTHER_TAINT
    assert (ours["key"], ours["value"], ours["effect"]) == (OUT_OF_SERVICE, "nodeshutdown", "NoExecute")
    said = json.loads(dead.get(NODE)["metadata"]["annotations"][FENCED])
    assert (said["proof"], said["evidence"], said["seen"]) == ("power_off", "BMC bmc-17 says Off", proof["seen"])
    assert (said["by"], said["incident"], said["bootID"]) == (options["holder"], "w1-1", "boot-1")
    assert ours["timeAdded"] == said["at"]
    again = module("node_drain", state="fenced", fencing_proof=power_off(), **options)
    assert (again["changed"], again["message"]) == (False, "node w1 is said to be out of service by us already")
    # It is still away.
    early = module("node_drain", state="unfenced", **options)
    assert early["failed"] and early["error_class"] == "NotFenced" and "Ready is Unknown" in early["msg"]
    # It is back, and its controllers have written to it.
    boot(dead, "boot-2")
    dead.make_well("w1")
    checked = module("node_drain", state="unfenced", check_mode=True, **options)
    assert checked["changed"] and len(taints(dead)) == 2
    back = module("node_drain", state="unfenced", **options)
    assert back["changed"] and back["fence"] == {"by": "none", "mark": None}
    assert taints(dead) == [OTHER_TAINT] and FENCED not in (dead.get(NODE)["metadata"].get("annotations") or {})
    assert module("node_drain", state="unfenced", **options)["changed"] is False
    assert written(dead, mark) == [f"patch {NODE} 200"] * 2


STARTED = {"kind": "start_time_changed", "evidence": "the cloud says so"}


@pytest.mark.parametrize(
    ("proof", "says"),
    [
        pytest.param(None, "fencing_proof", id="nothing"),
        pytest.param({"kind": "power_off", "seen": "now", "evidence": "x"}, "RFC 3339", id="no time"),
        pytest.param({"kind": "power_off", "evidence": " "}, "one printable line", id="no evidence"),
        pytest.param({"kind": "power_off", "evidence": "a\nb"}, "one printable line", id="evidence of two lines"),
        pytest.param({"kind": "power_off", "evidence": "x" * 501}, "at most 500", id="evidence that is too long"),
        pytest.param({"kind": "assumed", "evidence": "x"}, "one of: power_off", id="an assumption"),
        pytest.param({"kind": "boot_id_changed", "evidence": "x"}, "before, after", id="no boot IDs"),
        pytest.param({"kind": "boot_id_changed", "evidence": "x", "before": "boot-1", "after": "boot-1"},
                     "has not changed", id="the same boot ID"),
        pytest.param({"kind": "boot_id_changed", "evidence": "x", "before": "boot-0", "after": "boot-2"},
                     "under boot ID boot-1", id="the boot ID of another time"),
        pytest.param({**STARTED, "before": "2026-11-01T00:00:00Z", "after": "2026-11-02T00:00:00Z"},
                     "after it had started anew", id="a start before its last sign of life"),
    ],
)  # fmt: skip
def test_without_a_proof_that_holds_nothing_is_forced(
    dead: ControlPlane, module: RunModule, options: Options, proof: Options | None, says: str
) -> None:
    mark = dead.audit_mark()
    given = {} if proof is None else {"fencing_proof": {"seen": seen(), **proof}}
    refused = module("node_drain", state="fenced", **given, **options)
    assert refused["failed"] and says in refused["msg"], refused
    assert taints(dead) == [OTHER_TAINT] and written(dead, mark) == []


@pytest.mark.parametrize("seconds", [-3600, 301 + 60])
def test_a_proof_of_another_time_is_none(
    dead: ControlPlane, module: RunModule, options: Options, seconds: float
) -> None:
    refused = module("node_drain", state="fenced", fencing_proof=power_off(seen=seen(seconds)), **options)
    assert refused["failed"] and refused["error_class"] == "NotFenced" and taints(dead) == [OTHER_TAINT]


def test_a_node_that_is_alive_is_not_forced(dead: ControlPlane, module: RunModule, options: Options) -> None:
    proof = power_off()
    dead.renew(["w1"], -5)
    renewed = module("node_drain", state="fenced", fencing_proof=proof, **options)
    assert renewed["failed"] and "Lease was renewed" in renewed["msg"]
    dead.make_well("w1")
    ready = module("node_drain", state="fenced", fencing_proof=proof, **options)
    assert ready["failed"] and "it is Ready" in ready["msg"]
    dead.make_sick("w1")
    dead.must("DELETE", f"{LEASES}/w1")
    silent = module("node_drain", state="fenced", fencing_proof=proof, **options)
    assert silent["failed"] and "Lease cannot be read" in silent["msg"]
    assert taints(dead) == [OTHER_TAINT]


@pytest.mark.parametrize(
    "proof",
    [
        {"kind": "boot_id_changed", "evidence": "the host says so", "before": "boot-1", "after": "boot-2"},
        STARTED | {"before": "2026-11-01T00:00:00Z", "after": "now"},
    ],
)
def test_a_restart_is_proof_as_well(dead: ControlPlane, module: RunModule, options: Options, proof: Options) -> None:
    given = {**proof, "seen": seen(), "after": seen(1) if proof["after"] == "now" else proof["after"]}
    assert module("node_drain", state="fenced", fencing_proof=given, **options)["changed"] is True


def test_somebody_elses_taint_stays(dead: ControlPlane, module: RunModule, options: Options) -> None:
    assert dead.kubectl("taint", "node", "w1", f"{OUT_OF_SERVICE}=nodeshutdown:NoExecute").returncode == 0
    mark = dead.audit_mark()
    told = module("node_drain", state="fenced", fencing_proof=power_off(), **options)
    assert told["changed"] is False and told["fence"] == {"by": "others", "mark": None}
    boot(dead, "boot-2")
    dead.make_well("w1")
    assert module("node_drain", state="unfenced", **options)["changed"] is False
    assert len(taints(dead)) == 2 and written(dead, mark) == []


def test_who_sets_the_taint_anew_owns_it(dead: ControlPlane, module: RunModule, options: Options) -> None:
    module("node_drain", state="fenced", fencing_proof=power_off(), **options)
    assert dead.kubectl("taint", "node", "w1", f"{OUT_OF_SERVICE}-").returncode == 0
    assert dead.kubectl("taint", "node", "w1", f"{OUT_OF_SERVICE}=nodeshutdown:NoExecute").returncode == 0
    boot(dead, "boot-2")
    dead.make_well("w1")
    told = module("node_drain", state="unfenced", **options)
    assert (told["changed"], told["fence"]["by"]) == (False, "others") and len(taints(dead)) == 2


def test_a_node_that_never_went_down_is_left_to_people(dead: ControlPlane, module: RunModule, options: Options) -> None:
    module("node_drain", state="fenced", fencing_proof=power_off(), **options)
    dead.make_well("w1")
    told = module("node_drain", state="unfenced", **options)
    assert told["failed"] and "the proof was wrong (power_off: BMC bmc-17 says Off)" in told["msg"]
    assert len(taints(dead)) == 2


def test_who_has_lost_the_lease_forces_nothing(dead: ControlPlane, module: RunModule, options: Options) -> None:
    dead.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "rival", "leaseTransitions": 999}})
    told = module("node_drain", state="fenced", fencing_proof=power_off(), **options)
    assert told["failed"] and told["error_class"] == "LeaseLost" and taints(dead) == [OTHER_TAINT]


# Tells of a domain that is off, whichever it is asked about.
VIRSH = """#!/bin/sh
case "$*" in
*domuuid*) echo {uuid} ;;
*domstate*) echo "shut off" ;;
*) exit 9 ;;
esac
"""


def test_a_machine_that_is_off_is_no_proof_unless_it_is_the_node_s(
    dead: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = "4c4c4544-0042-4a10-8056-b2c04f4d3233"
    dead.must("PATCH", f"{NODE}/status", {"status": {"nodeInfo": {"systemUUID": uuid}}})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    virsh = tmp_path / "virsh"

    def fence(says: str, **variables: Any) -> str:
        virsh.write_text(VIRSH.format(uuid=says), encoding="utf-8")
        virsh.chmod(0o755)
        given = {"node_fence_node": "w1", "node_fence_driver": "libvirt", "node_fence_options": {"instance": "vm-2"}}
        told = "TOLD {{ node_fence_result.message | default('nothing') }}"
        return run_role(tmp_path, dead, "node_fence", given | variables, told).stdout

    other = fence(uuid[:-1] + "4")
    assert "it is not proven that it is the node's machine" in other and f"that of the node is {uuid}" in other, other
    blind = fence(uuid, node_fence_driver="command", node_fence_options={"argv": ["echo", "off"]})
    assert "names no machine to driver command" in blind and "set node_fence_trust_inventory" in blind, blind
    assert taints(dead) == [OTHER_TAINT]
    assert "TOLD node w1 is said to be out of service" in (same := fence(uuid.upper())), same
    assert OUT_OF_SERVICE in [taint["key"] for taint in taints(dead)]
