# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kind worker's container made again, word for word, and how it joins."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.kind_node import (
    NotKind,
    address_of,
    cluster_of,
    join_with,
    words_of,
)

# As Docker's engine tells of one that kind has made; the parts that matter.
WORKER: dict[str, Any] = {
    "Name": "/lab-worker",
    "Image": "sha256:0123",
    "Config": {
        "Hostname": "lab-worker",
        "Tty": True,
        "Env": ["KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER", "container=docker"],
        "Volumes": {"/var": {}},
        "Labels": {"io.x-k8s.kind.cluster": "lab", "io.x-k8s.kind.role": "worker"},
    },
    "HostConfig": {
        "Binds": ["/lib/modules:/lib/modules:ro", "/srv/shared:/var/lib/lab-shared"],
        "CgroupnsMode": "private",
        "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}],
        "ExtraHosts": None,
        "Init": False,
        "Memory": 0,
        "Mounts": None,
        "NetworkMode": "kind",
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "Privileged": True,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1},
        "Runtime": "runc",
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        "Tmpfs": {"/run": "", "/tmp": ""},
    },
    "NetworkSettings": {"Networks": {"kind": {"IPAddress": "10.203.0.9", "GlobalIPv6Address": ""}}},
}


def changed(part: str, **values: Any) -> dict[str, Any]:
    item = deepcopy(WORKER)
    item[part].update(values)
    return item


def pairs(words: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(words) if name == option]


def test_the_same_container_is_made_again() -> None:
    words = words_of(WORKER)
    assert words[-1] == "sha256:0123" and cluster_of(WORKER) == "lab"
    assert {"--detach", "--tty", "--privileged", "--init=false"} < set(words)
    for option, values in {
        "--name": ["lab-worker"],
        "--hostname": ["lab-worker"],
        "--net": ["kind"],
        "--cgroupns": ["private"],
        "--restart": ["on-failure:1"],
        "--label": ["io.x-k8s.kind.cluster=lab", "io.x-k8s.kind.role=worker"],
        "--env": ["KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER", "container=docker"],
        "--security-opt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        "--tmpfs": ["/run", "/tmp"],
        "--volume": ["/lib/modules:/lib/modules:ro", "/srv/shared:/var/lib/lab-shared", "/var"],
        "--device": ["/dev/fuse:/dev/fuse:rwm"],
        "--publish": ["127.0.0.1:8080:80/tcp"],
        "--runtime": [],
    }.items():
        assert pairs(words, option) == values, option
    assert pairs(words_of(changed("HostConfig", Runtime="own")), "--runtime") == ["own"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (changed("HostConfig", Memory=1 << 30), "has something that kind never gives: Memory"),
        (changed("HostConfig", CapAdd=["NET_ADMIN"]), "has something that kind never gives: CapAdd"),
        (changed("HostConfig", Mounts=[{"Type": "bind"}]), "has something that kind never gives: Mounts"),
        (changed("NetworkSettings", Networks={}), "has something that kind never gives: 0 networks"),
        (changed("Config", Labels={}), "is no worker of a kind cluster: its role is none"),
        (
            changed("Config", Labels={"io.x-k8s.kind.cluster": "lab", "io.x-k8s.kind.role": "control-plane"}),
            "is no worker of a kind cluster: its role is control-plane",
        ),
    ],
)
def test_what_is_not_known_is_not_left_out(item: dict[str, Any], why: str) -> None:
    with pytest.raises(NotKind, match=why):
        words_of(item)
    with pytest.raises(NotKind, match="a name that no node has"):
        words_of({**WORKER, "Name": "/--privileged"})


@pytest.mark.parametrize(
    ("old", "made"),
    [
        ({"node-ip": "10.203.0.3", "provider-id": "kind://x"}, {"node-ip": "10.203.0.9", "provider-id": "kind://x"}),
        (
            [{"name": "node-ip", "value": "10.203.0.3"}, {"name": "provider-id", "value": "kind://x"}],
            [{"name": "provider-id", "value": "kind://x"}, {"name": "node-ip", "value": "10.203.0.9"}],
        ),
    ],
)
def test_it_joins_as_the_old_one_did_with_its_own_token_and_address(old: Any, made: Any) -> None:
    document = {
        "kind": "JoinConfiguration",
        "discovery": {
            "bootstrapToken": {"apiServerEndpoint": "lab:6443", "token": "old", "unsafeSkipCAVerification": True},
            "tlsBootstrapToken": "old",
        },
        "nodeRegistration": {"criSocket": "unix:///x", "kubeletExtraArgs": old},
    }
    joins = join_with(document, "abcdef.0123456789abcdef", ["sha256:aa"], address_of(WORKER))
    assert joins["discovery"] == {
        "bootstrapToken": {
            "apiServerEndpoint": "lab:6443",
            "token": "abcdef.0123456789abcdef",
            "caCertHashes": ["sha256:aa"],
        }
    }
    assert joins["nodeRegistration"] == {"criSocket": "unix:///x", "kubeletExtraArgs": made}
    assert document["discovery"]["tlsBootstrapToken"] == "old"
