# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why was it rebooted, and why was it not: asked with an observer's rights of what a real healer has written down."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_ready
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import KUBELET_RESTART, Ladders, Rung
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.api.conftest import MakeHealer, Play, RunModule, write_kubeconfig
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    INCIDENTS,
    STRANGER_TOKEN,
    ControlPlane,
)

NODES = ("w1", "w2", "w3", "w4", "w5")
REBOOT = Rung("reboot", "nobody.nowhere.reboot", "reboot", Remedy.REBOOT, 240, waits=True)
LADDERS: Ladders = {node_ready.STATUS_UNKNOWN: (KUBELET_RESTART, REBOOT)}
POLICY = Policy(monitor_only=False, cooldown=0, remedies={node_ready.CHECK.name: Remedy.REBOOT})


@pytest.fixture
def sick(cluster: ControlPlane) -> ControlPlane:
    """Five nodes of which w1 has been silent for ten minutes."""
    cluster.add_nodes(*NODES)
    cluster.make_sick("w1")
    boot(cluster, "w1", "before")
    return cluster


def boot(cluster: ControlPlane, node: str, boot_id: str) -> None:
    cluster.must("PATCH", f"/api/v1/nodes/{node}/status", {"status": {"nodeInfo": {"bootID": boot_id}}})


def noted(one: Healer, cluster: ControlPlane, policy: Policy = POLICY) -> None:
    """Plan, and write down what the plan wants remembered."""
    plan = view(cluster.client(), policy, cluster.uid, ladders=LADDERS).plan
    one.write_notes([note.to_dict() for note in plan.notes])


def lines_of(result: dict[str, Any], word: str) -> list[str]:
    return [line.split(word, 1)[1].strip() for line in result["report"] if line.startswith(f"  {word}")]


def test_why_was_it_rebooted(
    sick: ControlPlane, healer: MakeHealer, module: RunModule, observer_token: str, play: Play, tmp_path: Any
) -> None:
    uid = sick.uid_of("w1")
    first = healer("awx-job-1", POLICY, ladders=LADDERS)
    noted(first, sick)
    assert first.begin("w1", uid, "kubelet_restart").proceed
    first.fail("w1", uid, "kubelet does not answer on its health port")
    second = healer("awx-job-2", POLICY, ladders=LADDERS)
    begun = second.begin("w1", uid, "reboot")
    assert begun.proceed, begun.message
    assert second.acted("w1", uid, "the host goes down").proceed

    mark = sick.audit_mark()
    while_it_waits = module("incident_info", account=observer_token, nodes=["w1"])
    assert "under way, the node must be back by" in lines_of(while_it_waits, "TRIED")[1]
    boot(sick, "w1", "after")
    sick.make_well("w1")
    noted(healer("awx-job-3", POLICY, ladders=LADDERS), sick)

    result = module("incident_info", account=observer_token, cluster_uid=sick.uid, nodes=["w1", "w4"])
    (one,) = result["incidents"]
    assert (one["name"], one["phase"], one["outcome"], one["attempts"]) == ("w1-1", "Recovered", "Repaired", 2)
    assert [(t["rung"], t["by"], t["how"]) for t in one["tried"]] == [
        ("kubelet_restart", "awx-job-1", "failed"),
        ("reboot", "awx-job-2", "repaired"),
    ]
    tried = lines_of(result, "TRIED")
    assert re.fullmatch(
        r"attempt 1, kubelet_restart for NodeStatusUnknown: begun \S+Z by awx-job-1; failed at \S+Z, after \d+ s:"
        r" kubelet does not answer on its health port",
        tried[0],
    )
    assert "attempt 2, reboot for NodeStatusUnknown: begun" in tried[1] and "repaired at" in tried[1]
    assert "repaired, and proven healthy" in next(line for line in result["report"] if line.startswith("INCIDENT"))
    assert "heartbeat_expired=True" in lines_of(result, "SEEN")[1]
    assert len(lines_of(result, "STORY")) == 8
    # Nobody has written a ClusterRecord here.
    assert [line for line in result["report"] if line.startswith("w4: no incident of it is kept, and there is no")]
    # From the incident alone: without the node, the story is the same.
    sick.must("DELETE", "/api/v1/nodes/w1")
    gone = module("incident_info", account=observer_token, nodes=["w1"])
    assert lines_of(gone, "TRIED") == tried

    theirs = {
        "selfheal_kubeconfig": str(write_kubeconfig(tmp_path, sick, observer_token)),
        "selfheal_cluster_uid": sick.uid,
    }
    for options in ((), ("--check",)):
        played = play("report", theirs | {"selfheal_nodes": ["w1"]}, *options)
        assert played.code == 0 and "changed=0" in played.output, played.output
        assert tried[0] in played.output
    changes = {a.user for a in sick.audited(mark) if a.mutates}
    assert changes <= {"admin", "system:serviceaccount:self-healing:selfheal-healer"}


def test_why_was_it_not(sick: ControlPlane, healer: MakeHealer, module: RunModule, observer_token: str) -> None:
    sick.must("PATCH", "/api/v1/nodes/w1", {"spec": {"unschedulable": True}})
    one = healer("awx-job-1", POLICY, ladders=LADDERS)
    noted(one, sick)
    one.write_record()
    result = module("incident_info", account=observer_token, nodes=["w1", "w3"])
    assert result["changed"] is False
    (refused,) = lines_of(result, "NOT DONE")
    assert re.fullmatch(
        r"kubelet_restart, guard human_cordon: the node is cordoned: somebody works on it \(as seen at \S+Z, \d+ s"
        r" before now\)",
        refused,
    )
    assert lines_of(result, "TRIED") == ["nothing: no repair was begun"]
    assert lines_of(result, "PEOPLE") == ["human_cordon: when the work on it is done: kubectl uncordon w1"]
    assert result["report"][0].startswith(f"cluster {sick.uid}, by its ClusterRecord: healthy: False since ")
    assert result["report"][-1] == (
        "w3: no incident of it is kept; the ClusterRecord does not call it unhealthy; a run in monitor-only writes"
        " nothing down"
    )
    # What the guards said is told as what they said then, and not as what they would say now.
    sick.must("PATCH", "/api/v1/nodes/w1", {"spec": {"unschedulable": False}})
    noted(one, sick)
    assert lines_of(module("incident_info", nodes=["w1"]), "NOT DONE")[0].startswith(
        "kubelet_restart, guard human_cordon"
    )
    uid = sick.uid_of("w1")
    assert one.begin("w1", uid, "kubelet_restart").proceed
    one.fail("w1", uid, "kubelet does not answer")
    after = module("incident_info", nodes=["w1"])
    assert lines_of(after, "NOT DONE") == [
        "no run has written down a refusal since the last step: the next one with healing on decides"
    ]
    assert "kubelet does not answer" in lines_of(after, "TRIED")[0]


def test_why_was_nobody_in_a_storm(
    sick: ControlPlane, healer: MakeHealer, module: RunModule, observer_token: str
) -> None:
    for node in ("w2", "w3"):
        sick.make_sick(node)
    one = healer("awx-job-1", POLICY, ladders=LADDERS)
    noted(one, sick)
    one.write_record()
    assert sick.incidents() == {}
    result = module("incident_info", account=observer_token, nodes=["w2"])
    assert re.fullmatch(
        r"w2: no incident of it is kept; the ClusterRecord calls it unhealthy \(NodeStatusUnknown since \S+\); a storm"
        r" \(mass_failure\) began at \S+Z and is not over: nobody is touched, and no incident is opened; .*",
        result["report"][-1],
    )


def test_the_playbook_tells_what_cannot_be_read(
    sick: ControlPlane, healer: MakeHealer, play: Play, tmp_path: Any, observer_token: str
) -> None:
    theirs = {"selfheal_kubeconfig": str(write_kubeconfig(tmp_path, sick, observer_token))}
    nothing = play("report", theirs)
    assert nothing.code == 0 and "no incident is kept; a run in monitor-only" in nothing.output, nothing.output
    noted(healer("awx-job-1", POLICY, ladders=LADDERS), sick)
    odd = json.loads(json.dumps(sick.incidents()["w1-1"]))
    odd["metadata"] = {"name": "w2-1"}
    odd["spec"]["target"]["name"] = "W_2"
    sick.must("POST", INCIDENTS, odd)
    played = play("report", theirs)
    assert played.code == 2 and "INCIDENT w1-1: node w1, NodeStatusUnknown" in played.output, played.output
    (line,) = [line for line in played.output.splitlines() if line.startswith("fatal:")]
    assert "incident w2-1 cannot be read" in line and "mend or delete it" in line and r"\n" not in line


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a node of which nobody knows": ({"nodes": ["w1", "w8", "w9"]}, "no such node in this cluster, and no incident of"),
    "a name that is none": ({"nodes": ["a;b"]}, "node name 'a;b' is not valid"),
    "another cluster": ({"cluster_uid": "0000"}, "expected 0000"),
    "a token without rights": ({"account": STRANGER_TOKEN}, "HTTP 403"),
    "a pause without a reason": ({"reason": " "}, "reason: expected one printable line of at most 120 characters"),
    "a pause of nobody": ({"who": "a\nb"}, "who: expected one printable line of at most 50 characters"),
    "a pause of no time": ({"minutes": 0}, "minutes: expected an integer from 1 to 10080, got 0"),
    "a pause for too long": ({"minutes": 10081}, "minutes: expected an integer from 1 to 10080, got 10081"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line(sick: ControlPlane, module: RunModule, name: str) -> None:
    options, words = MISTAKES[name]
    pausing = set(options) & {"reason", "who", "minutes"}
    given = {"reason": "x", "who": "x"} if pausing else {}
    result = module("pause_info" if pausing else "incident_info", **(given | options))
    assert result["failed"] and words in result["msg"] and "\n" not in result["msg"], result
