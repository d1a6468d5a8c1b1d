# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane whose API server is down comes back from outside, host by host, and only where that is safe."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.certificates import read_certificates

from lab.drill import Drill, Run, now
from lab.shell import LabError
from tests.e2e.pki import certificate, no_key, outdated, put
from tests.e2e.planes import (
    DOCKER,
    KUBELET_PKI,
    MANIFESTS,
    NOWHERE,
    answers,
    keep,
    kill,
    planes,
    sh,
    spec,
    undo,
    wait,
)

ROLE = str(Path(__file__).with_name("control_plane_repair.yml"))
# A repair of one host takes less than this.
CONTROL_SECONDS = 75


def repair(drill: Drill, *arguments: str, hosts: dict[str, dict[str, Any]] | None = None, **variables: Any) -> Run:
    """Run the playbook with healing on; hosts are those of the group control_plane, if not the cluster's own."""
    inventory = None
    if hosts is not None:
        inventory = drill.cluster.folder / "planes.json"
        inventory.write_text(json.dumps({"control_plane": {"hosts": hosts}}), encoding="utf-8")
    wanted = {"selfheal_monitor_only": False, **variables}
    return drill.playbook("repair_control_plane", *arguments, inventory=inventory, **wanted)


@pytest.fixture
def plane(healthy: Drill) -> Iterator[Drill]:
    """A small healthy cluster, whose control plane gets back what it had in the end."""
    keep(healthy)
    yield healthy
    undo(healthy)


@pytest.mark.nightly
def test_nothing_is_done_while_the_api_server_answers(plane: Drill) -> None:
    since = now()
    run = repair(plane)
    assert (run.code, run.changed) == (0, 0), run.output
    assert "answers: nothing is repaired from outside" in run.output
    assert plane.touched_hosts(since, now()) == set()
    check = repair(plane, "--check")
    assert (check.code, check.changed) == (0, 0), check.output
    [node] = planes(plane)
    assert f"{node}: static pod manifests: all there" in check.output
    assert f"{node}: API server answers on the host itself" in check.output
    assert f"{node}: certificates: none has ended" in check.output
    assert "is the leader" in check.output


def test_a_stopped_kubelet_and_a_killed_api_server_come_back_only_by_a_repair(plane: Drill) -> None:
    [node] = planes(plane)
    kill(plane, node, "kube-apiserver")
    wait(plane, False)
    end = time.monotonic() + CONTROL_SECONDS

    monitor = repair(plane, selfheal_monitor_only=True)
    assert (monitor.code, monitor.changed) == (0, 0), monitor.output
    assert f"{node}: would do kubelet" in monitor.output
    # Two runs at once are excluded, and the lock of a dead one runs out by the host's own clock.
    lock = "mkdir -p /run/selfheal/lock/4 && cd /run/selfheal/lock/4 && echo drill > holder"
    lock += " && cat /proc/sys/kernel/random/boot_id > boot"
    until = "read -r up rest < /proc/uptime && echo $((${up%%.*} + SECONDS)) > /run/selfheal/lock/4/until"
    sh(plane, node, f"{lock} && {until.replace('SECONDS', '300')}")
    busy = repair(plane)
    assert busy.code == 4, busy.output
    assert f"nothing was done: {node} is busy: drill repairs this host now" in busy.output
    sh(plane, node, until.replace("+ SECONDS", "- 1"))

    while time.monotonic() < end:
        assert not answers(plane), "nothing but a repair may bring it back"
        time.sleep(2)
    assert sh(plane, node, "systemctl is-active kubelet", check=False).strip() != "active"

    since = now()
    run = repair(plane)
    touched = plane.touched_hosts(since, now())
    assert run.code == 0, run.output
    assert f"REPAIRED kubelet on {node}" in run.output
    assert run.seconds < CONTROL_SECONDS
    assert answers(plane)
    assert touched == {node}, "workers are never touched"
    [line] = sh(plane, node, "cat /var/lib/selfheal/record.jsonl").splitlines()
    record = json.loads(line)
    assert (record["outcome"], record["results"][0]["steps"]) == ("repaired", ["kubelet"])
    assert "/run/selfheal/lock/5/released" in sh(plane, node, "ls /run/selfheal/lock/*/released")

    again = repair(plane)
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_a_host_of_another_cluster_a_worker_and_one_out_of_reach_are_not_touched(plane: Drill) -> None:
    [node] = planes(plane)
    worker = plane.worker()
    kill(plane, node, "kube-apiserver")
    wait(plane, False)
    since = now()
    check = repair(plane, "--check")
    assert (check.code, check.changed) == (0, 0), check.output
    assert f"{node}: would do kubelet" in check.output
    other = plane.cluster.folder / "other.kubeconfig"
    config = yaml.safe_load(plane.healer.read_text(encoding="utf-8"))
    foreign = sh(plane, node, "cat /etc/kubernetes/pki/front-proxy-ca.crt")
    assert read_certificates(foreign)[0].key
    config["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(foreign.encode()).decode()
    other.write_text(yaml.safe_dump(config), encoding="utf-8")
    wrong = repair(plane, selfheal_kubeconfig=str(other))
    assert wrong.code == 2, wrong.output
    assert "belongs to another cluster: the public key of /etc/kubernetes/pki/ca.crt is sha256:" in wrong.output
    strange = repair(plane, hosts={worker: DOCKER, "nobody": NOWHERE})
    assert strange.code == 2, strange.output
    assert f"{worker}: it is no control-plane host" in strange.output
    assert "nobody: cannot be reached" in strange.output
    assert "no control-plane host can be repaired" in strange.output
    assert plane.touched_hosts(since, now()) <= {node, worker}
    assert not answers(plane)
    assert sh(plane, node, "systemctl is-active kubelet", check=False).strip() != "active"


@pytest.mark.nightly
def test_a_manifest_that_is_gone_is_made_again_from_what_etcd_holds(plane: Drill) -> None:
    [node] = planes(plane)
    before = spec(plane, node, "kube-apiserver")
    sh(plane, node, f"mv {MANIFESTS}/kube-apiserver.yaml /var/tmp/")
    wait(plane, False)
    plane.stop_kubelet(node)
    run = repair(plane)
    assert run.code == 0, run.output
    assert f"REPAIRED manifest, kubelet on {node}" in run.output
    assert answers(plane)
    assert spec(plane, node, "kube-apiserver") == before, "every argument that the cluster was made with is there"
    plane.wait_ready(node, "True", seconds=60)


@pytest.mark.nightly
def test_a_manifest_that_was_moved_is_moved_back_and_a_broken_one_is_kept(plane: Drill) -> None:
    [node] = planes(plane)
    before = spec(plane, node, "kube-apiserver")
    sh(
        plane,
        node,
        f"cp {MANIFESTS}/kube-apiserver.yaml /etc/kubernetes/; echo 'kind: [' > {MANIFESTS}/kube-apiserver.yaml",
    )
    wait(plane, False)
    run = repair(plane)
    assert run.code == 0, run.output
    assert f"REPAIRED manifest_copy on {node}" in run.output
    assert spec(plane, node, "kube-apiserver") == before
    assert sh(plane, node, "cat /var/lib/selfheal/kube-apiserver.yaml-*") == "kind: [\n"


def known_uid(plane: Drill) -> str:
    """The cluster's UID. An API server whose etcd has come back a moment ago may not know yet what it allows us."""
    for _attempt in range(30):
        try:
            return plane.uid()
        except LabError:
            time.sleep(2)
    return plane.uid()


@pytest.mark.nightly
def test_the_manifest_of_etcd_comes_back_over_its_data_and_only_after_a_snapshot(plane: Drill) -> None:
    [node] = planes(plane)
    uid = plane.uid()
    before = spec(plane, node, "etcd")
    file = f"{MANIFESTS}/etcd.yaml"
    for move, kubeadm, step in (
        (f"mv {file} /etc/kubernetes/", "", "manifest_copy"),
        (f"mv {file} /var/tmp/", "/kind/kubeadm.conf", "manifest"),
    ):
        sh(plane, node, f"rm -f /etc/kubernetes/etcd.yaml; {move}")
        wait(plane, False)
        # kubelet takes its time to end etcd; until then its data are not those of one that does not run.
        sh(plane, node, "for n in $(seq 60); do pgrep -x etcd || exit 0; sleep 1; done; exit 1", timeout=90)
        run = repair(plane, hosts={node: {**DOCKER, "control_plane_repair_kubeadm_config": kubeadm}})
        assert run.code == 0, run.output
        assert re.search(rf"REPAIRED {step}(, kubelet)? on {node}", run.output)
        assert answers(plane) and known_uid(plane) == uid, "the data are those from before"
        assert spec(plane, node, "etcd") == before
    assert len(sh(plane, node, "ls /var/lib/selfheal/etcd.db-*").split()) == 2


@pytest.mark.nightly
def test_expired_certificates_are_renewed(plane: Drill) -> None:
    [node] = planes(plane)
    days = (-timedelta(days=3), -timedelta(days=1))
    ended = {}
    for name in ("apiserver", "apiserver-kubelet-client"):
        path = f"/etc/kubernetes/pki/{name}.crt"
        ended[name] = outdated(plane, node, path, *days)
        put(plane, node, path, ended[name])
    put(plane, node, f"{KUBELET_PKI}/kubelet-client-current.pem", certificate(plane, node, *days))
    # What runs has the old ones in memory, so it must begin anew to fall over the ended ones, as after a reboot.
    sh(plane, node, "pkill -KILL -x kube-apiserver; systemctl restart kubelet", check=False)
    wait(plane, False)
    keys = f"cat /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key {KUBELET_PKI}/kubelet-client-current.pem"
    secrets = sh(plane, node, keys)
    run = repair(plane, "-vvvv")
    assert run.code == 0, run.output[-3000:]
    # kubelet, which does not start with such a certificate, may be seen between two of its attempts.
    assert re.search(rf"REPAIRED certificates, kubelet_certificate(, kubelet)? on {node}", run.output)
    assert answers(plane)
    secrets += sh(plane, node, keys)
    lines = re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s(.*?)\s", secrets)
    assert len(lines) >= 20
    for line in set(lines):
        no_key(line, run.output)
    kept = sh(plane, node, "cat /var/lib/selfheal/kubernetes-*/pki/apiserver.crt")
    assert kept == ended["apiserver"], "the old ones are kept"
    plane.wait_ready(node, "True", seconds=90)


@pytest.mark.nightly
def test_a_runtime_that_is_stopped_or_hangs_is_restarted(plane: Drill) -> None:
    [node] = planes(plane)
    for fault in ("systemctl stop containerd", "pkill -STOP -x containerd"):
        kill(plane, node, "kube-apiserver")
        sh(plane, node, fault)
        wait(plane, False)
        run = repair(plane)
        assert run.code == 0, run.output
        assert f"REPAIRED runtime, kubelet on {node}" in run.output
        assert answers(plane)


@pytest.mark.nightly
def test_an_api_server_that_hangs_is_ended(plane: Drill) -> None:
    [node] = planes(plane)
    sh(plane, node, "systemctl stop kubelet; pkill -STOP -x kube-apiserver; systemctl start kubelet")
    # Its probes would end it some day; until then only somebody from outside does.
    wait(plane, False, 30)
    run = repair(plane)
    assert run.code == 0, run.output
    assert answers(plane)


@pytest.mark.nightly
def test_an_etcd_without_space_gets_some_after_a_snapshot(plane: Drill) -> None:
    [node] = planes(plane)
    small = f"sed -i 's/    - etcd$/    - etcd\\n    - --quota-backend-bytes=33554432/' {MANIFESTS}/etcd.yaml"
    sh(plane, node, small)
    ctl = (
        "ETCDCTL_API=3 /proc/$(pgrep -x etcd)/root/usr/local/bin/etcdctl --endpoints=https://127.0.0.1:2379"
        " --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt"
        " --key=/etc/kubernetes/pki/etcd/healthcheck-client.key"
    )
    end = time.monotonic() + 90
    while "quota-backend-bytes" not in sh(plane, node, "tr '\\0' ' ' < /proc/$(pgrep -x etcd)/cmdline", check=False):
        assert time.monotonic() < end
        time.sleep(1)
    wait(plane, True)
    fill = f"head -c 700000 /dev/urandom | base64 -w 0 | {ctl} put /drill/junk >/dev/null 2>&1"
    sh(plane, node, f"for n in $(seq 60); do {fill} || sleep 0.5; done", check=False, timeout=300)
    assert "NOSPACE" in sh(plane, node, f"{ctl} alarm list")

    keys = [one.key for one in read_certificates(sh(plane, node, "cat /etc/kubernetes/pki/ca.crt"))]
    full = plane.playbook(ROLE, "--check", target=node, control_plane_repair_authorities=keys)
    assert (full.code, full.changed) == (0, 1), full.output
    assert "would do etcd_space: etcd has no space left" in full.output
    run = plane.playbook(ROLE, target=node, control_plane_repair_authorities=keys)
    assert run.code == 0, run.output
    assert sh(plane, node, f"{ctl} alarm list") == ""
    assert sh(plane, node, f"echo x | {ctl} put /drill/junk").strip() == "OK"
    assert int(sh(plane, node, "stat -c %s /var/lib/selfheal/etcd.db-*")) > 1_000_000, "there is a snapshot"
    sh(plane, node, f"{ctl} del /drill/junk")
    again = plane.playbook(ROLE, target=node, control_plane_repair_authorities=keys)
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_what_cannot_be_repaired_is_an_error_that_says_what_is_still_wrong(plane: Drill) -> None:
    [node] = planes(plane)
    sh(
        plane,
        node,
        f"sed -i 's/    - kube-apiserver$/&\\n    - \"--no-such-flag\\\\e[2J\"/' {MANIFESTS}/kube-apiserver.yaml",
    )
    wait(plane, False)
    # On a busy machine it takes kubelet a while to start the new one, and what was never started has no last words.
    said = "grep -ls 'unknown flag' /var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log | wc -l"
    end = time.monotonic() + 180
    while sh(plane, node, said).strip() == "0":
        assert time.monotonic() < end, "the API server has not been started with its new manifest"
        time.sleep(2)
    plane.stop_kubelet(node)
    run = repair(plane, hosts={node: {**DOCKER, "control_plane_repair_deadline": 40}, "nobody": NOWHERE})
    assert run.code == 2, run.output
    assert f"{node}: the API server does not answer within 40 s (kubelet)" in run.output
    assert "unknown flag: --no-such-flag" in run.output, "the API server's own last words are there"
    assert "\x1b" not in run.output, "which do nothing to a terminal"
    assert "nobody cannot be reached" in run.output, "and what became of the others"
    assert "Traceback" not in run.output
    [line] = sh(plane, node, "cat /var/lib/selfheal/record.jsonl").splitlines()
    assert json.loads(line)["outcome"] == "failed"
    assert len(sh(plane, node, "ls /run/selfheal/lock/*/released").split()) == 1, "the lock is let go"


# --- three control planes


@pytest.mark.ha
def test_all_kubelets_stopped_and_the_first_host_not_to_be_reached(ha: Drill) -> None:
    first, second, third = planes(ha)
    for one in ha.cluster.nodes():
        ha.stop_kubelet(one.name)
    for node in (first, second, third):
        sh(ha, node, "pkill -KILL -x kube-apiserver")
    wait(ha, False)
    try:
        # Where another run is at work on one of them, nobody is touched, those that are free neither.
        lock = "mkdir -p /run/selfheal/lock/1 && cd /run/selfheal/lock/1 && echo drill > holder"
        lock += " && cat /proc/sys/kernel/random/boot_id > boot && echo 9999999999 > until"
        sh(ha, second, lock)
        busy = repair(ha, hosts={second: DOCKER, third: DOCKER})
        assert busy.code == 4, busy.output
        assert f"{second} is busy: drill repairs this host now" in busy.output
        for node in (second, third):
            assert sh(ha, node, "systemctl is-active kubelet", check=False).strip() != "active"
        sh(ha, second, "rm -rf /run/selfheal/lock/1")

        since = now()
        run = repair(ha, hosts={first: NOWHERE, second: DOCKER, third: DOCKER})
        touched = ha.touched_hosts(since, now())
        assert run.code == 0, run.output
        assert f"FAILED {first} cannot be reached" in run.output
        assert f"REPAIRED kubelet on {second}" in run.output
        assert f"REPAIRED kubelet on {third}" not in run.output
        assert answers(ha)
        assert touched <= {second, third}, "no worker is touched"
        assert sh(ha, third, "systemctl is-active kubelet", check=False).strip() != "active", (
            "it stops at the first success"
        )
    finally:
        for one in ha.cluster.nodes():
            ha.mend(one.name)
        undo(ha)


@pytest.mark.ha
def test_a_lost_quorum_is_left_to_people(ha: Drill) -> None:
    first, second, third = planes(ha)
    for node in (second, third):
        kill(ha, node, "kube-apiserver", "etcd")
    wait(ha, False, 120)
    kill(ha, first, "kube-apiserver")
    try:
        pid = sh(ha, first, "pgrep -x etcd")
        run = repair(
            ha, hosts={first: {**DOCKER, "control_plane_repair_deadline": 60}, second: NOWHERE, third: NOWHERE}
        )
        assert run.code == 2, run.output
        assert "etcd has no leader" in run.output and "docs/runbooks/etcd-quorum-lost.md" in run.output
        assert sh(ha, first, "pgrep -x etcd") == pid, "etcd is not touched"
        assert sh(ha, first, "ls /var/lib/selfheal/etcd.db-* 2>/dev/null | wc -l").strip() == "0"

        # With the others in reach the quorum comes back by their kubelets, and no data are touched for it.
        patient = {**DOCKER, "control_plane_repair_deadline": 60}
        whole = repair(ha, hosts=dict.fromkeys((first, second, third), patient))
        assert whole.code == 0, whole.output
        assert answers(ha)
    finally:
        for one in ha.cluster.nodes():
            ha.mend(one.name)
        undo(ha)
