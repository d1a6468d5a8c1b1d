# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at a cluster whose etcd may be asked itself, from a module's options on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import assess
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import PARTS, observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    connect,
    connection_spec,
    look_at_cluster,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster import fake_cluster as fake
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_etcd import (
    NAMES,
    NOSPACE,
    Gateways,
    down,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Clock,
    Server,
    serving,
)

POLICY = Policy()


@pytest.fixture
def gateways() -> Iterator[Gateways]:
    with ExitStack() as stack:
        yield Gateways({name: stack.enter_context(serving()) for name in NAMES})


@pytest.fixture
def cluster(server: Server) -> fake.FakeCluster:
    made = fake.healthy()
    server.script = made
    return made


@pytest.fixture
def client(cluster: fake.FakeCluster, server: Server, clock: Clock, gateways: Gateways) -> Client:
    return Client(Settings(host=server.url, api_key="token-1", etcd=gateways.access), clock.sleep, clock)


def module_with(host: str, gateways: Gateways, **params: Any) -> AnsibleModule:
    """As much of a module as its connection is made of."""
    defaults = {name: option.get("default") for name, option in connection_spec(False).items()}
    etcd = {"etcd_endpoints": list(gateways.access.endpoints)}
    given = defaults | {"host": host, "api_key": "x", "request_deadline": 2} | etcd | params
    return cast(AnsibleModule, SimpleNamespace(params=given))


def test_etcd_is_asked_and_its_pods_are_not(client: Client, server: Server, clock: Clock, gateways: Gateways) -> None:
    gateways.alarms = [NOSPACE]
    snapshot = observe(client, POLICY, sleep=clock.sleep, monotonic=clock)
    assert snapshot.etcd == gateways.read()
    assert snapshot.etcd is not None and snapshot.etcd.direct and snapshot.etcd.alarms == ("cp2: NOSPACE",)
    assert set(snapshot.unread) == {"disks"}
    assert not any("component=etcd" in str(request.query) for request in server.seen)


def test_an_etcd_that_does_not_answer_is_unread(client: Client, clock: Clock, gateways: Gateways) -> None:
    down(gateways, *NAMES)
    snapshot = observe(client, POLICY, sleep=clock.sleep, monotonic=clock)
    assert snapshot.etcd is None and snapshot.nodes is not None
    assert snapshot.unread["etcd"].startswith("no member of etcd has answered: ")


def test_one_node_is_none_of_etcds_business(client: Client, clock: Clock, gateways: Gateways) -> None:
    assert observe(client, POLICY, None, "w1", clock.sleep, clock).etcd is None
    assert not any(server.seen for server in gateways.servers.values())


def test_etcd_tells_why_the_api_server_is_down(gateways: Gateways) -> None:
    gateways.leader = ""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{taken.getsockname()[1]}"
        client, policy = look_at_cluster(module_with(nobody, gateways))
        snapshot, judgement = assess(client, policy, None)
    assert set(snapshot.unread) == {"identity", *PARTS} - {"etcd"}
    assert {finding.reason for finding in judgement.findings} >= {"EtcdNoLeader", "EtcdQuorumLost"}
    assert judgement.verdict is Verdict.UNHEALTHY


def test_the_options_of_a_module(server: Server, gateways: Gateways) -> None:
    assert connect(module_with(server.url, gateways)).etcd == gateways.access
    assert connect(module_with(server.url, gateways, etcd_endpoints=None)).etcd is None
    # Playbooks hand on what is empty.
    assert connect(module_with(server.url, gateways, etcd_endpoints=[], etcd_ca_cert="")).etcd is None
    with pytest.raises(SettingsError, match="etcd_endpoints needs etcd_client_cert and etcd_client_key too"):
        connect(module_with(server.url, gateways, etcd_ca_cert="/ca.crt"))
