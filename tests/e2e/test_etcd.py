# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The etcd that kubeadm set up, asked with the certificates that it made, by the playbook as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.drill import Drill

PKI = "/etc/kubernetes/pki/etcd"
MEMBERS = "EtcdMembers"


@pytest.fixture
def etcd(healthy: Drill, tmp_path: Path) -> dict[str, object]:
    """The variables of somebody who copied three files from a control plane."""
    [plane] = [node for node in healthy.cluster.nodes() if node.role == "control-plane"]
    variables: dict[str, object] = {"selfheal_etcd_endpoints": [f"https://{plane.address}:2379"]}
    files = {"ca_cert": "ca.crt", "client_cert": "healthcheck-client.crt", "client_key": "healthcheck-client.key"}
    for option, name in files.items():
        copy = tmp_path / name
        copy.touch(mode=0o600)
        copy.write_text(healthy.cluster.exec(plane.name, "cat", f"{PKI}/{name}").stdout, encoding="ascii")
        variables[f"selfheal_etcd_{option}"] = str(copy)
    return variables


def test_it_answers_for_itself(healthy: Drill, etcd: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "health.json"
    run = healthy.health(**etcd, selfheal_health_file=str(file))
    assert run.code == 0, run.output
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["checks"][MEMBERS] == "healthy"
    assert "etcd" not in told["unread"]


def test_it_is_really_asked(healthy: Drill, etcd: dict[str, object], tmp_path: Path) -> None:
    """Where nobody listens the pods of etcd are well all the same, so only etcd itself can be missed."""
    file = tmp_path / "health.json"
    [endpoint] = etcd["selfheal_etcd_endpoints"]  # type: ignore[misc]
    nobody = etcd | {"selfheal_etcd_endpoints": [endpoint.replace(":2379", ":2378")]}
    run = healthy.health(**nobody, selfheal_health_file=str(file))
    assert run.code == 2, run.output
    told = json.loads(file.read_text(encoding="utf-8"))
    assert (told["verdict"], told["checks"][MEMBERS]) == ("unknown", "unknown")
    assert ":2378" in told["unread"]["etcd"]


def test_the_cluster_s_own_certificates_are_none_of_etcd_s(
    healthy: Drill, etcd: dict[str, object], tmp_path: Path
) -> None:
    """etcd has an authority of its own under kubeadm, and the wrong one is told in one line."""
    [plane] = [node for node in healthy.cluster.nodes() if node.role == "control-plane"]
    other = tmp_path / "cluster.crt"
    other.write_text(healthy.cluster.exec(plane.name, "cat", "/etc/kubernetes/pki/ca.crt").stdout, encoding="ascii")
    run = healthy.health(**etcd | {"selfheal_etcd_ca_cert": str(other)})
    assert run.code == 2, run.output
    assert "2379: its certificate is not to be trusted" in run.output
    assert "Traceback" not in run.output
