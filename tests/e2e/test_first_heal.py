# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real node loses its kubelet, and comes back when it is healed and only then."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lab.drill import Drill, kill, now
from lab.engine import docker

ROLE = str(Path(__file__).with_name("kubelet_restart.yml"))
# A node that nobody repairs is watched for at least so long, and for as long as the slowest heal that a test has seen.
CONTROL_SECONDS = 60.0
heals: list[float] = []


@pytest.mark.smoke
def test_a_healthy_cluster_is_left_alone(healthy: Drill) -> None:
    healthy.heal()  # The first run writes the ClusterRecord.
    before, since = healthy.resource_versions(), now()
    run = healthy.heal()
    assert run.code == 0, run.output
    assert run.changed == 0, run.output
    assert healthy.writes(since) == []
    assert healthy.reads(since) > 0, "the audit log holds the run, so that its silence about writes means something"
    assert healthy.resource_versions() == before


@pytest.mark.smoke
def test_a_stopped_kubelet_is_healed(healthy: Drill) -> None:
    sick = healthy.worker()
    fault = healthy.make_sick(sick)

    since = now()
    run = healthy.heal()
    touched = healthy.touched_hosts(since, now())
    assert run.code == 0, run.output
    assert f"REPAIRED kubelet_restart on {sick}" in run.output
    heals.append(run.seconds)
    assert healthy.ready(sick) == "True"
    unit = healthy.cluster.exec(sick, "systemctl", "is-enabled", "kubelet").stdout.strip()
    assert unit == "enabled", "the unit comes back with the next boot, too"

    [incident] = healthy.incidents()
    status = incident["status"]
    assert incident["spec"]["target"]["name"] == sick
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
    phases = [moment["phase"] for moment in status["history"]]
    assert phases == ["Suspected", "Unhealthy", "Repairing", "Verifying", "Recovered"]
    told = healthy.cluster.kubectl("get", "incidents").stdout
    assert all(word in told for word in (sick, "Repaired", "Recovered +"))
    assert healthy.record()["status"]["healthy"] == "True"
    assert healthy.record()["status"]["lastOutcome"] == "Repaired"

    written = {resource for _verb, resource, _name in healthy.writes(fault)}
    assert written == {"incidents", "clusterrecords", "leases", "configmaps"}, "the last one is the baseline"
    assert touched == {sick}, "Docker saw nothing executed on the healthy nodes"
    lease = healthy.cluster.kubectl("get", "lease", "selfheal", "-n", "self-healing", "-o", "json").stdout
    assert not json.loads(lease)["spec"].get("holderIdentity")

    again = healthy.heal()
    assert again.code == 0, again.output
    assert again.changed == 0, again.output


def test_looking_changes_nothing_and_without_a_repair_the_node_stays_away(healthy: Drill) -> None:
    sick = healthy.worker()
    healthy.make_sick(sick)
    end = time.monotonic() + max([CONTROL_SECONDS, *heals])
    before, since = healthy.resource_versions(), now()

    health = healthy.health()
    monitor = healthy.heal(selfheal_monitor_only=True)
    check = healthy.heal("--check")
    until = now()

    assert health.code == 2, health.output
    assert "is UNHEALTHY" in health.output
    assert monitor.code == 0, monitor.output
    assert f"REFUSE kubelet_restart on {sick}, guard monitor_only" in monitor.output
    assert check.code == 0, check.output
    assert f"DO     kubelet_restart on {sick}" in check.output
    assert (monitor.changed, check.changed) == (0, 0)
    assert healthy.writes(since) == []
    assert healthy.reads(since) > 0
    assert healthy.touched_hosts(since, until) == set()
    assert healthy.ready(sick) != "True"
    assert healthy.resource_versions() == before

    while time.monotonic() < end:
        assert healthy.ready(sick) != "True", "nothing but a repair may bring it back"
        time.sleep(2)


def test_a_repair_that_fails_is_an_error_and_waits_before_the_next(healthy: Drill) -> None:
    sick = healthy.worker()
    healthy.break_unit(sick)
    healthy.wait_until_due(sick)

    run = healthy.heal()
    assert run.code == 2, run.output
    assert f"kubelet on {sick} did not prove itself within" in run.output
    assert "Traceback" not in run.output
    [incident] = healthy.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Unhealthy", "RepairFailed", 1)
    assert "did not prove itself" in status["history"][-1]["message"]
    assert healthy.record()["status"]["healthy"] == "False"

    again = healthy.heal()
    assert again.code == 0, again.output
    assert f"REFUSE kubelet_restart on {sick}, guard cooldown: the last attempt began" in again.output
    assert healthy.incidents()[0]["status"]["attempts"] == 1

    last = healthy.heal(selfheal_policy={"cooldown": 0, "max_attempts": 1})
    assert last.code == 2, last.output
    assert f"REFUSE kubelet_restart on {sick}, guard attempts" in last.output
    assert healthy.incidents()[0]["status"]["phase"] == "Escalated"

    # What a person mends afterwards is seen, and closes the incident.
    healthy.mend(sick)
    healthy.wait_ready(sick, "True")
    after = healthy.heal()
    assert after.code == 0, after.output
    assert healthy.incidents()[0]["status"]["phase"] == "Recovered"


def test_many_sick_nodes_are_nobodys_fault(healthy: Drill) -> None:
    workers = [healthy.worker(0), healthy.worker(1)]
    for node in workers:
        healthy.stop_kubelet(node)
    for node in workers:
        healthy.wait_until_due(node)
    since = now()
    run = healthy.heal()
    assert run.code == 2, "a storm is for people"
    assert "guard mass_failure: 2 of 3 nodes are sick" in run.output
    assert healthy.incidents() == [], "it is no story of the single nodes"
    assert healthy.touched_hosts(since, now()) == set()
    assert [healthy.ready(node) == "True" for node in workers] == [False, False]


def test_a_host_that_cannot_be_reached_is_an_error(healthy: Drill) -> None:
    sick = healthy.worker()
    healthy.make_sick(sick)
    hosts = {node.name: {} for node in healthy.cluster.nodes()}
    # Port 9 of this machine: nobody listens there.
    hosts[sick] = {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_connection": "ssh"}
    inventory = healthy.cluster.folder / "unreachable.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    run = healthy.playbook("heal", inventory=inventory, **healthy.healing({}))
    assert run.code == 2, run.output
    assert f"{sick} cannot be reached" in run.output
    [incident] = healthy.incidents()
    assert incident["status"]["attempts"] == 0, "what was not tried is no attempt"


def test_a_host_that_is_not_the_node_is_left_alone(healthy: Drill) -> None:
    sick, other = healthy.worker(0), healthy.worker(1)
    healthy.make_sick(sick)
    inventory = healthy.cluster.folder / "crossed.json"
    pid = healthy.cluster.exec(other, "pgrep", "-x", "kubelet").stdout
    # The inventory itself shows what is wrong, or only the host does when it is reached.
    container = docker("inspect", "--format", "{{.Id}}", other, env=healthy.cluster.env()).stdout.strip()
    for address, words in {
        other: f"inventory host {sick} is meant for node {sick}, and is called like node {other}",
        container: f"inventory host {sick} is not node {sick}: the node's machine-id is",
    }.items():
        hosts = {sick: {"ansible_host": address, "ansible_connection": "community.docker.docker"}}
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        run = healthy.playbook("heal", inventory=inventory, **healthy.healing({}))
        assert run.code == 2, run.output
        assert words in run.output
        assert healthy.cluster.exec(other, "pgrep", "-x", "kubelet").stdout == pid


def test_a_run_that_was_killed_is_taken_up_by_the_next_and_heals_a_hung_kubelet(healthy: Drill) -> None:
    sick = healthy.worker()
    healthy.cluster.exec(sick, "pkill", "-STOP", "-x", "kubelet")
    # systemd sees nothing wrong, so whoever trusts it would do nothing.
    assert healthy.cluster.exec(sick, "systemctl", "is-active", "kubelet").stdout.strip() == "active"
    healthy.wait_until_due(sick)
    process = healthy.start("heal", **healthy.healing({"selfheal_holder": "drill"}))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("TASK [Run the rung's role]"):
            break
    kill(process)
    [incident] = healthy.incidents()
    assert incident["status"]["phase"] == "Repairing"

    stranger = healthy.heal(selfheal_holder="somebody-else", selfheal_policy={"cooldown": 0})
    assert stranger.code == 4, stranger.output
    assert "busy: drill-" in stranger.output

    healthy.expire_lease()
    run = healthy.heal(selfheal_holder="drill", selfheal_policy={"cooldown": 0})
    assert run.code == 0, run.output
    assert healthy.ready(sick) == "True"
    [incident] = healthy.incidents()
    assert (incident["status"]["phase"], incident["status"]["attempts"]) == ("Recovered", 2)
    assert any("a run is in the middle of" in m["message"] for m in incident["status"]["history"])


def test_the_role_by_itself_is_idempotent_and_has_a_check_mode(healthy: Drill) -> None:
    node = healthy.worker()
    unchanged = healthy.playbook(ROLE, target=node)
    assert (unchanged.code, unchanged.changed) == (0, 0), unchanged.output

    healthy.stop_kubelet(node)
    check = healthy.playbook(ROLE, "--check", target=node)
    assert (check.code, check.changed) == (0, 1), check.output
    assert f"would restart kubelet on {node}" in check.output
    assert healthy.cluster.exec(node, "systemctl", "is-active", "kubelet", check=False).stdout.strip() == "inactive"

    done = healthy.playbook(ROLE, target=node)
    assert (done.code, done.changed) == (0, 1), done.output
    assert healthy.cluster.exec(node, "systemctl", "is-active", "kubelet").stdout.strip() == "active"
    again = healthy.playbook(ROLE, target=node)
    assert (again.code, again.changed) == (0, 0), again.output
