# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubelet whose certificate has ended comes back without a reboot, and nothing secret leaves its place."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.drill import Drill
from lab.paths import CHECKOUT
from tests.e2e.pki import certificate, no_key, plane, put

ROLE = str(Path(__file__).with_name("kubelet_certificates.yml"))
RBAC = CHECKOUT / "roles" / "kubelet_certificates" / "files" / "rbac.yml"
PKI = "/var/lib/kubelet/pki"
CURRENT = f"{PKI}/kubelet-client-current.pem"
CONF = "/etc/kubernetes/kubelet.conf"
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"
TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
# A renewal takes less than this.
CONTROL_SECONDS = 60


def restart(drill: Drill, node: str) -> None:
    """Restart kubelet, as a reboot or a change of its configuration would."""
    drill.cluster.exec(node, "systemctl", "restart", "kubelet")


def expire(drill: Drill, node: str) -> None:
    """Let kubelet's certificate have ended an hour ago, and wait until the node is not Ready for it."""
    put(drill, node, CURRENT, certificate(drill, node, -timedelta(days=2), -timedelta(hours=1)))
    restart(drill, node)
    drill.wait_ready(node, "False", "Unknown")


def current(drill: Drill, node: str) -> x509.Certificate:
    """The certificate that kubelet has on a node."""
    return x509.load_pem_x509_certificate(drill.cluster.exec(node, "cat", CURRENT).stdout.encode())


def name_of(read: x509.Certificate) -> str:
    """The common name of a certificate."""
    return str(read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def modes(drill: Drill, node: str) -> set[str]:
    """The modes of the files that a renewal makes."""
    return set(drill.cluster.exec(node, "stat", "-L", "-c", "%a", CURRENT, CONF).stdout.split())


def moved(drill: Drill, node: str, seconds: float = 40) -> bool:
    """Whether the node's Lease moves."""

    def at() -> str:
        path = "jsonpath={.spec.renewTime}"
        return drill.cluster.kubectl("get", "lease", node, "-n", "kube-node-lease", "-o", path).stdout

    before, end = at(), time.monotonic() + seconds
    while time.monotonic() < end:
        if at() != before:
            return True
        time.sleep(1)
    return False


def secret_of(drill: Drill, node: str) -> str:
    """The first line of the private key in kubelet's file."""
    file = drill.cluster.exec(node, "cat", CURRENT).stdout
    [secret] = re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", file, re.DOTALL)
    return str(secret.split()[0])


@pytest.fixture
def certificates(healthy: Drill) -> Iterator[Drill]:
    """A healthy cluster, whose kubelets get back what they had in the end."""
    nodes = [node.name for node in healthy.cluster.nodes()]
    keep = f"rm -rf /var/tmp/kept && mkdir -p /var/tmp/kept && cp -a {PKI} {CONF} /var/tmp/kept/"
    undo = f"rm -rf {BOOTSTRAP} {PKI} {CONF}*; cp -a /var/tmp/kept/pki {PKI}; cp -a /var/tmp/kept/kubelet.conf {CONF}"
    for node in nodes:
        healthy.cluster.exec(node, "sh", "-c", keep)
    yield healthy
    for node in nodes:
        healthy.cluster.exec(node, "sh", "-c", undo)
        restart(healthy, node)
    for node in nodes:
        healthy.wait_ready(node, "True")


def test_an_expired_certificate_is_renewed_and_only_by_that_the_node_comes_back(certificates: Drill) -> None:
    node = certificates.worker()
    expire(certificates, node)
    boot = certificates.cluster.exec(node, "cat", "/proc/sys/kernel/random/boot_id").stdout
    pid = certificates.cluster.exec(node, "cat", "/proc/1/stat").stdout.split()[21]
    end = time.monotonic() + CONTROL_SECONDS

    check = certificates.playbook(ROLE, "--check", target=node)
    assert (check.code, check.changed) == (0, 1), check.output
    assert f"would renew kubelet's certificate on {node}: the client certificate has ended at" in check.output
    while time.monotonic() < end:
        assert certificates.ready(node) != "True", "nothing but a repair may bring it back"
        time.sleep(2)
    assert current(certificates, node).not_valid_after_utc < datetime.now(UTC)

    done = certificates.playbook(ROLE, target=node)
    assert done.code == 0, done.output
    assert done.changed > 0
    assert done.seconds < CONTROL_SECONDS
    assert f"renewed kubelet's certificate on {node} (the client certificate has ended at" in done.output
    certificates.wait_ready(node, "True", seconds=40)
    assert moved(certificates, node)
    new = current(certificates, node)
    assert name_of(new) == f"system:node:{node}"
    assert new.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)
    assert modes(certificates, node) == {"600"}
    assert certificates.cluster.exec(node, "readlink", CURRENT).stdout.startswith(f"{PKI}/kubelet-client-2")
    assert certificates.cluster.exec(node, "cat", "/proc/sys/kernel/random/boot_id").stdout == boot
    assert certificates.cluster.exec(node, "cat", "/proc/1/stat").stdout.split()[21] == pid, (
        "the node was not restarted"
    )

    # What it took is gone: the file on the node, and the token in the cluster.
    assert certificates.cluster.exec(node, "test", "-e", BOOTSTRAP, check=False).returncode == 1
    tokens = certificates.cluster.exec(
        plane(certificates), "env", "KUBECONFIG=/etc/kubernetes/admin.conf", "kubeadm", "token", "list", "-o", "json"
    ).stdout
    assert "selfheal" not in tokens
    assert not TOKEN.search(done.output)
    assert "PRIVATE KEY" not in done.output

    again = certificates.playbook(ROLE, target=node)
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_no_key_is_printed_however_talkative_ansible_is(certificates: Drill) -> None:
    node = certificates.worker()
    expire(certificates, node)
    for target in (node, plane(certificates)):
        if target != node:
            expire(certificates, target)
        done = certificates.playbook(ROLE, "-vvvv", target=target)
        assert done.code == 0, done.output[-3000:]
        no_key(secret_of(certificates, target), done.output)
        certificates.wait_ready(target, "True", seconds=60)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (f"rm -f {CURRENT}", "there is no client certificate that can be read"),
        (f"rm -f {CONF}", f"{CONF} is missing or empty"),
        (f"rm -f {CURRENT}; head -c 300 /dev/urandom > {CURRENT}", "there is no client certificate that can be read"),
        (
            f"p=$(sed /BEGIN.*KEY/,'$'d {CURRENT}); rm -f {CURRENT}; echo \"$p\" > {CURRENT}",
            "the key of the client certificate is missing",
        ),
        # What comes after half a certificate is the key.
        (f"sed -i '/END CERTIFICATE/d' $(readlink -f {CURRENT})", "there is no client certificate that can be read"),
    ],
    ids=["certificate gone", "kubeconfig gone", "certificate corrupt", "key gone", "half a certificate"],
)
@pytest.mark.nightly
def test_what_is_gone_or_corrupt_is_renewed(certificates: Drill, damage: str, words: str) -> None:
    node = certificates.worker()
    old = secret_of(certificates, node)
    certificates.cluster.exec(node, "sh", "-c", damage)
    restart(certificates, node)
    certificates.wait_ready(node, "False", "Unknown")
    done = certificates.playbook(ROLE, "-vvvv", target=node)
    assert done.code == 0, done.output
    no_key(old, done.output)
    no_key(secret_of(certificates, node), done.output)
    assert f"renewed kubelet's certificate on {node} ({words}" in done.output
    certificates.wait_ready(node, "True", seconds=40)
    assert name_of(current(certificates, node)) == f"system:node:{node}"


@pytest.mark.nightly
def test_a_control_plane_node_makes_its_own(certificates: Drill) -> None:
    node = plane(certificates)
    expire(certificates, node)
    done = certificates.playbook(ROLE, target=node)
    assert done.code == 0, done.output
    certificates.wait_ready(node, "True", seconds=60)
    assert moved(certificates, node)
    assert name_of(current(certificates, node)) == f"system:node:{node}"
    assert modes(certificates, node) == {"600"}
    assert certificates.cluster.exec(node, "readlink", CURRENT).stdout.startswith(f"{PKI}/kubelet-client-2")
    # kubelet can go on renewing it by itself: it is no part of the kubeconfig, where kubelet would not write it.
    conf = certificates.cluster.exec(node, "cat", CONF).stdout
    assert f"client-certificate: {CURRENT}" in conf and "client-key-data" not in conf
    again = certificates.playbook(ROLE, target=node)
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_one_that_ends_soon_is_renewed_only_if_that_is_wanted_and_old_versions_are_few(certificates: Drill) -> None:
    node = certificates.worker()
    count = f"ls -1 {CURRENT}.selfheal-* {CONF}.selfheal-* 2>/dev/null | wc -l"
    for _round in range(3):
        put(certificates, node, CURRENT, certificate(certificates, node, -timedelta(days=1), timedelta(hours=1)))
        left = certificates.playbook(ROLE, target=node)
        assert (left.code, left.changed) == (0, 0), left.output
        done = certificates.playbook(
            ROLE, target=node, kubelet_certificates_valid_for=7200, kubelet_certificates_keep=2
        )
        assert done.code == 0, done.output
        assert "the client certificate ends at" in done.output
    assert certificates.cluster.exec(node, "sh", "-c", count).stdout.strip() == "4"


@pytest.mark.nightly
def test_without_a_control_plane_host_the_api_server_gives_the_token(certificates: Drill, tmp_path: Path) -> None:
    node = certificates.worker()
    expire(certificates, node)
    inventory = tmp_path / "workers.json"
    inventory.write_text(
        json.dumps({"all": {"hosts": {node: {"ansible_connection": "community.docker.docker"}}}}), encoding="utf-8"
    )

    nobody = certificates.playbook(ROLE, inventory=inventory, target=node)
    assert nobody.code == 2, nobody.output
    assert "nobody gives a token for it: the inventory has no other host in group control_plane" in nobody.output

    wanted: dict[str, Any] = {
        "target": node,
        "kubelet_certificates_service_account": "self-healing/selfheal-kubelet",
        "kubelet_certificates_cluster_uid": certificates.uid(),
    }
    refused = certificates.playbook(ROLE, inventory=inventory, **wanted)
    assert refused.code == 2, refused.output
    assert "service account self-healing/selfheal-kubelet: " in refused.output and "forbidden" in refused.output

    certificates.cluster.kubectl("apply", "-f", str(RBAC))
    try:
        done = certificates.playbook(ROLE, inventory=inventory, **wanted)
    finally:
        certificates.cluster.kubectl("delete", "-f", str(RBAC))
    assert done.code == 0, done.output
    certificates.wait_ready(node, "True", seconds=40)
    assert name_of(current(certificates, node)) == f"system:node:{node}"
    assert re.search(r"\beyJ[A-Za-z0-9_-]{20,}", done.output) is None, "no token of a service account"


@pytest.mark.nightly
def test_a_cluster_that_refuses_is_an_error_and_leaves_all_as_it_was(certificates: Drill) -> None:
    node = certificates.worker()
    expire(certificates, node)
    before = certificates.cluster.exec(node, "sha256sum", CURRENT, CONF).stdout
    binding = certificates.cluster.kubectl(
        "get", "clusterrolebinding", "kubeadm:kubelet-bootstrap", "-o", "json"
    ).stdout
    certificates.cluster.kubectl("delete", "clusterrolebinding", "kubeadm:kubelet-bootstrap")
    try:
        run = certificates.playbook(ROLE, target=node, kubelet_certificates_deadline=30)
    finally:
        certificates.cluster.kubectl("create", "-f", "-", stdin=binding)
    assert run.code == 2, run.output
    assert f"{node}: no certificate has come within 30 s (the client certificate has ended at" in run.output
    assert "cannot create resource" in run.output and "forbidden" in run.output, "it says what kubelet says"
    assert "Traceback" not in run.output and not TOKEN.search(run.output)
    assert certificates.cluster.exec(node, "sha256sum", CURRENT, CONF).stdout == before
    assert certificates.cluster.exec(node, "test", "-e", BOOTSTRAP, check=False).returncode == 1
    assert certificates.ready(node) != "True"

    after = certificates.playbook(ROLE, target=node)
    assert after.code == 0, after.output
    certificates.wait_ready(node, "True", seconds=40)


@pytest.mark.nightly
def test_an_authority_without_its_key_is_an_error(certificates: Drill) -> None:
    node = plane(certificates)
    expire(certificates, node)
    before = certificates.cluster.exec(node, "sha256sum", CURRENT, CONF).stdout
    authority = "/etc/kubernetes/pki/ca.key"
    key = certificates.cluster.exec(node, "cat", authority).stdout
    put(certificates, node, authority, "-----BEGIN RSA PRIVATE KEY-----\nno key\n-----END RSA PRIVATE KEY-----\n")
    try:
        run = certificates.playbook(ROLE, target=node)
    finally:
        put(certificates, node, authority, key)
    assert run.code == 2, run.output
    assert f"{node}: kubelet's certificate could not be renewed (the client certificate has ended at" in run.output
    assert "ca" in run.output and "Traceback" not in run.output
    assert certificates.cluster.exec(node, "sha256sum", CURRENT, CONF).stdout == before
    assert (
        certificates.cluster.exec(
            node, "sh", "-c", "ls -d /etc/kubernetes/.selfheal-* 2>/dev/null | wc -l"
        ).stdout.strip()
        == "0"
    )


@pytest.mark.nightly
def test_a_name_that_is_none_reaches_no_shell(drill: Drill) -> None:
    node = drill.worker()
    for name in ("$(touch /var/tmp/owned)", "a; touch /var/tmp/owned", "a'b", "-n", "UPPER", "a" * 254, "a\nb"):
        run = drill.playbook(ROLE, target=node, kubelet_certificates_node=name)
        assert run.code == 2, run.output
        assert "expected kubelet_certificates_node to be a node's name" in run.output
        assert drill.cluster.exec(node, "test", "-e", "/var/tmp/owned", check=False).returncode == 1


@pytest.mark.nightly
def test_another_node_and_a_host_that_cannot_be_reached_are_errors(certificates: Drill, tmp_path: Path) -> None:
    node, other = certificates.worker(0), certificates.worker(1)
    put(certificates, node, CURRENT, certificate(certificates, other, -timedelta(days=2), -timedelta(hours=1)))
    wrong = certificates.playbook(ROLE, target=node)
    assert wrong.code == 2, wrong.output
    assert f"{node}: its certificate is for system:node:{other}, expected system:node:{node}" in wrong.output

    inventory = tmp_path / "unreachable.json"
    hosts = {node: {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_connection": "ssh"}}
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    lost = certificates.playbook(ROLE, inventory=inventory, target=node)
    assert lost.code == 2, lost.output
    assert f"{node} cannot be reached" in lost.output


@pytest.mark.nightly
def test_a_healing_run_renews_it_with_its_first_rung(certificates: Drill) -> None:
    node = certificates.worker()
    expire(certificates, node)
    certificates.wait_until_due(node)
    held = certificates.heal("--check")
    assert held.code == 0 and f"DO     kubelet_restart on {node}" in held.output, held.output
    # What it did before there were certificates in it, as a control run: kubelet is started, and fails again.
    restart(certificates, node)
    time.sleep(20)
    assert certificates.ready(node) != "True" and current(certificates, node).not_valid_after_utc < datetime.now(UTC)

    run = certificates.heal()
    assert run.code == 0 and f"REPAIRED kubelet_restart on {node}" in run.output, run.output
    assert current(certificates, node).not_valid_after_utc > datetime.now(UTC)
    assert certificates.ready(node) == "True"
    assert secret_of(certificates, node) not in run.output and not TOKEN.search(run.output)
