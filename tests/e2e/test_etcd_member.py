# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member of etcd that is lost is replaced while the others have their quorum, and no other one ever is.

What is so is asked of etcd itself, by its own etcdctl on another host, and never of what is being proven.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from lab.drill import Drill, Run, kill
from tests.e2e.planes import DOCKER, MANIFESTS, NOWHERE, keep, planes, sh, undo, wait

# Each test runs the playbook several times, which looks at three hosts again and again.
pytestmark = [pytest.mark.ha, pytest.mark.timeout(2400)]
KEY = "/drill/key"
SAVED = "/var/lib/selfheal/etcd-member/etcd.yaml"
PKI = "/etc/kubernetes/pki/etcd"
ETCD = f"{MANIFESTS}/etcd.yaml"


def ctl(drill: Drill, node: str, arguments: str, check: bool = True) -> str:
    """What etcdctl says in the container of a node's etcd."""
    program = f"/proc/$(pgrep -x etcd)/root/usr/local/bin/etcdctl --cacert={PKI}/ca.crt"
    program += f" --cert={PKI}/healthcheck-client.crt --key={PKI}/healthcheck-client.key"
    return sh(drill, node, f"{program} {arguments}", check=check)


def members(drill: Drill, node: str) -> dict[str, int]:
    """Name to ID of every member, as one of them lists them; one that is being added has no name."""
    listed = json.loads(ctl(drill, node, "member list -w json"))["members"]
    return {one.get("name", ""): one["ID"] for one in listed}


def learners(drill: Drill, node: str) -> list[int]:
    """The IDs of those without a vote."""
    listed = json.loads(ctl(drill, node, "member list -w json"))["members"]
    return [one["ID"] for one in listed if one.get("isLearner")]


def address(drill: Drill, node: str) -> str:
    return next(one.address for one in drill.cluster.nodes() if one.name == node)


def health(drill: Drill, witness: str, node: str) -> bool:
    """Whether a member is healthy, as seen from another one's host."""
    said = ctl(drill, witness, f"--endpoints=https://{address(drill, node)}:2379 endpoint health -w json", check=False)
    try:
        return bool(json.loads(said)[0]["health"])
    except (ValueError, LookupError):
        return False


def until(wanted: Callable[[], object], what: str, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)


def lose(drill: Drill, node: str, witness: str) -> None:
    """Destroy a member's data, and see from another host that it is lost."""
    sh(drill, node, "rm -rf /var/lib/etcd/member; pkill -KILL -x etcd; sleep 1; rm -rf /var/lib/etcd/member")
    until(lambda: not health(drill, witness, node), f"{node} is lost")


def replace(drill: Drill, *arguments: str, hosts: dict[str, dict[str, Any]] | None = None, **variables: Any) -> Run:
    """Run the playbook with healing on."""
    return drill.playbook("replace_etcd_member", *arguments, **given(drill, hosts, variables))


def given(drill: Drill, hosts: dict[str, dict[str, Any]] | None, variables: dict[str, Any]) -> dict[str, Any]:
    inventory = None
    if hosts is not None:
        inventory = drill.cluster.folder / "members.json"
        inventory.write_text(json.dumps({"control_plane": {"hosts": hosts}}), encoding="utf-8")
    uid = drill.cluster.folder / "uid"
    return {
        "inventory": inventory,
        "selfheal_monitor_only": False,
        "selfheal_cluster_uid": uid.read_text(encoding="ascii"),
        **variables,
    }


def traces(drill: Drill) -> dict[str, str]:
    """What a run could leave on the hosts: their manifests, and what is kept."""
    look = f"sha256sum {MANIFESTS}/* 2>&1; ls -A /var/lib/etcd | grep selfheal;"
    look += " ls -AR /var/lib/selfheal 2>&1 | grep -v record.jsonl"
    return {node: sh(drill, node, look, check=False) for node in planes(drill)}


def free(drill: Drill) -> None:
    """Let the lease and the locks of a killed run be as old as they would be some minutes later."""
    drill.expire_lease()
    for node in planes(drill):
        sh(drill, node, "rm -rf /run/selfheal")


@pytest.fixture
def etcd(ha: Drill) -> Iterator[Drill]:
    """Three healthy members with a key in them that was written before."""
    first = planes(ha)[0]
    (ha.cluster.folder / "uid").write_text(ha.uid(), encoding="ascii")
    until(lambda: all(health(ha, first, node) for node in planes(ha)), "every member is healthy")
    ctl(ha, first, f"put {KEY} before")
    ha.forget()
    for node in planes(ha):
        sh(ha, node, "rm -rf /run/selfheal")
    yield ha
    # A replaced member has another manifest than the cluster was made with, and keeps it.
    if all(sh(ha, node, f"ls {ETCD}", check=False) for node in planes(ha)):
        keep(ha)
    undo(ha)


def is_replaced(drill: Drill, node: str, witness: str, before: dict[str, int]) -> None:
    """See that a member is another one than before, has all the data, and that the node's API server works by it."""
    after = members(drill, witness)
    assert set(after) == set(before) and learners(drill, witness) == []
    assert after[node] != before[node], "it is another member"
    assert {name: after[name] for name in after if name != node} == {n: before[n] for n in before if n != node}
    assert all(health(drill, witness, one) for one in before)
    own = f"--endpoints=https://{address(drill, node)}:2379"
    assert ctl(drill, witness, f"{own} get {KEY} --consistency=s --print-value-only").strip() == "before"
    command = yaml.safe_load(sh(drill, node, f"cat {ETCD}"))["spec"]["containers"][0]["command"]
    assert "--initial-cluster-state=existing" in command
    assert sh(drill, node, f"ls {SAVED} 2>/dev/null", check=False) == ""
    kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf --server https://127.0.0.1:6443 get --raw /readyz"
    assert sh(drill, node, kubectl) == "ok"


def test_a_dead_member_is_replaced(etcd: Drill) -> None:
    first, second, third = planes(etcd)
    before = members(etcd, first)
    healthy = replace(etcd, selfheal_etcd_member=second)
    assert healthy.code == 2, healthy.output
    assert f"member {second} is healthy, and a healthy member is never replaced" in healthy.output

    lose(etcd, second, first)
    lost_at = time.monotonic()
    seen = traces(etcd)
    check = replace(etcd, "--check")
    assert (check.code, check.changed) == (0, 0), check.output
    assert f"would replace member {second} on {second}" in check.output
    assert traces(etcd) == seen and members(etcd, first) == before

    # The control: it does not come back by itself, for longer than a replacement takes.
    until(lambda: time.monotonic() - lost_at > 60 or health(etcd, first, second), "a minute")
    assert not health(etcd, first, second), "nothing but a replacement may bring it back"

    run = replace(etcd)
    assert run.code == 0, run.output
    assert f"REPAIRED member {second} of etcd on {second}: keep, out, remove, add, enter, promote" in run.output
    is_replaced(etcd, second, first, before)
    snapshots = [sh(etcd, node, "ls /var/lib/selfheal/etcd.db-* 2>/dev/null", check=False) for node in (first, third)]
    assert "".join(snapshots).count("etcd.db-") == 1, "there is a snapshot"
    assert sh(etcd, second, f"ls /var/lib/selfheal/etcd.yaml-* && ls {MANIFESTS}").count("etcd.yaml") == 2

    again = replace(etcd)
    assert (again.code, again.changed) == (0, 0), again.output
    assert "every member of etcd is healthy" in again.output


def test_a_second_one_is_refused_while_quorum_is_at_risk(etcd: Drill) -> None:
    first, second, third = planes(etcd)
    before = members(etcd, first)
    sh(etcd, second, f"mv {ETCD} /var/tmp/etcd.yaml")
    sh(etcd, third, f"mv {ETCD} /var/tmp/etcd.yaml")
    try:
        for node in (second, third):
            until(lambda node=node: not sh(etcd, node, "pgrep -x etcd", check=False), f"{node} is down")  # type: ignore[misc]
        wait(etcd, False, 120)
        seen = traces(etcd)
        run = replace(etcd, selfheal_etcd_member=second)
        assert run.code == 2, run.output
        assert "etcd has no quorum: 1 of 3 members answer" in run.output
        assert "2 must be healthy for it to work" in run.output
        assert "etcd-quorum-lost.md" in run.output and "Traceback" not in run.output
        assert traces(etcd) == seen, "nothing is touched"
    finally:
        for node in (second, third):
            sh(etcd, node, f"mv /var/tmp/etcd.yaml {ETCD}")
    until(lambda: all(health(etcd, first, node) for node in planes(etcd)), "every member is healthy again")
    assert members(etcd, first) == before, "the members are those from before"


def test_a_run_that_is_killed_after_the_removal_is_gone_on_with(etcd: Drill) -> None:
    """On the host with which the cluster began, whose own manifest would begin an empty cluster."""
    first, second, _third = planes(etcd)
    before = members(etcd, second)
    # Nothing starts it while its data go: with its own manifest it would really begin an empty one.
    sh(etcd, first, f"mv {ETCD} /var/tmp/etcd.yaml")
    until(lambda: not sh(etcd, first, "pgrep -x etcd", check=False), "it is down")
    sh(etcd, first, "rm -rf /var/lib/etcd/member; mkdir -p /var/lib/selfheal/etcd-member")
    manifest = sh(etcd, first, "cat /var/tmp/etcd.yaml")
    if "--initial-cluster-state" in manifest:
        sh(etcd, first, "sed -i /--initial-cluster-state/d /var/tmp/etcd.yaml")
    sh(etcd, first, f"mv /var/tmp/etcd.yaml {SAVED}")

    process = etcd.start("replace_etcd_member", **given(etcd, None, {}))
    try:
        until(lambda: process.poll() is not None or first not in members(etcd, second), "it is removed", 500)
    finally:
        kill(process)
    left = members(etcd, second)
    assert set(left) == set(before) - {first}, "it died between the removal and the new member"
    time.sleep(20)
    assert sh(etcd, first, "pgrep -x etcd", check=False) == "", "nothing begins an empty cluster"
    assert sh(etcd, first, f"ls {ETCD} 2>/dev/null", check=False) == ""

    busy = replace(etcd)
    assert busy.code == 4, busy.output
    assert members(etcd, second) == left
    free(etcd)
    run = replace(etcd)
    assert run.code == 0, run.output
    assert f"REPAIRED member {first} of etcd on {first}: keep, add, enter, promote" in run.output
    is_replaced(etcd, first, second, before)


def test_a_machine_that_is_gone_costs_its_member_when_somebody_says_so_and_only_then(etcd: Drill) -> None:
    first, second, third = planes(etcd)
    before = members(etcd, first)
    hosts = {first: DOCKER, second: DOCKER, third: NOWHERE}
    sh(etcd, third, f"mkdir -p /var/lib/selfheal/etcd-member && mv {ETCD} {SAVED}")
    until(lambda: not sh(etcd, third, "pgrep -x etcd", check=False), "it is down")
    until(lambda: not health(etcd, first, third), "it is lost")
    left = replace(etcd, hosts=hosts)
    assert left.code == 2, left.output
    assert f"{third} cannot be reached" in left.output and "selfheal_etcd_member_gone" in left.output
    assert members(etcd, first) == before
    run = replace(etcd, hosts=hosts, selfheal_etcd_member=third, selfheal_etcd_member_gone=True)
    assert run.code == 0, run.output
    assert f"REMOVED member {third} of etcd, whose machine is gone" in run.output and "kubeadm join" in run.output
    assert set(members(etcd, first)) == {first, second}
    # It is not gone after all. What it has is of a member that is no more, so it gets a new one.
    back = replace(etcd)
    assert back.code == 0, back.output
    is_replaced(etcd, third, first, before)
    assert "selfheal-kept-" in sh(etcd, third, "ls /var/lib/etcd"), "its old data are kept"
