# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""A worker of a kind cluster made anew: the words that make its container again, and how it joins.

kind keeps no record of how it has made a container, so the engine is asked. What is not known here is an error, and
never left out: a container that is almost like the old one is a trap for whoever uses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CLUSTER, ROLE = "io.x-k8s.kind.cluster", "io.x-k8s.kind.role"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}", re.ASCII)
# What the engine writes down for a container for which nobody has asked for it.
_UNASKED: Mapping[str, tuple[Any, ...]] = {
    "AutoRemove": (None, False),
    "Capabilities": (None, []),
    "CapAdd": (None, []),
    "CapDrop": (None, []),
    "CgroupParent": (None, ""),
    "CpusetCpus": (None, ""),
    "DeviceRequests": (None, []),
    "Dns": (None, []),
    "Memory": (None, 0),
    "NanoCpus": (None, 0),
    "PidMode": (None, ""),
    "PidsLimit": (None, 0, -1),
    "ReadonlyRootfs": (None, False),
    "Ulimits": (None, []),
    "UsernsMode": (None, ""),
    "VolumesFrom": (None, []),
}


class NotKind(ValueError):
    """A container that is not made anew; the message is one line that says why."""


def cluster_of(container: Mapping[str, Any]) -> str:
    """The kind cluster of which a container is a worker.

    :raises NotKind: it is none.
    """
    labels = (container.get("Config") or {}).get("Labels") or {}
    name, role = str(labels.get(CLUSTER) or ""), str(labels.get(ROLE) or "")
    if not _NAME.fullmatch(name) or role != "worker":
        raise NotKind(f"container {_called(container)} is no worker of a kind cluster: its role is {role or 'none'}")
    return name


def words_of(container: Mapping[str, Any]) -> list[str]:
    """What follows ``docker run`` for a container like this one.

    :param container: what ``docker inspect`` tells of it.
    :raises NotKind: something of it is not known here.
    """
    cluster_of(container)
    config, host = container.get("Config") or {}, container.get("HostConfig") or {}
    odd = [name for name, usual in _UNASKED.items() if host.get(name) not in usual]
    networks = list((container.get("NetworkSettings") or {}).get("Networks") or {})
    if odd or len(networks) != 1 or any(host.get("Mounts") or ()):
        what = ", ".join(odd) or ("Mounts" if host.get("Mounts") else f"{len(networks)} networks")
        raise NotKind(f"container {_called(container)} has something that kind never gives: {what}")
    words = ["--detach", "--name", _called(container), "--hostname", str(config.get("Hostname"))]
    words += ["--tty"] if config.get("Tty") else []
    words += ["--privileged"] if host.get("Privileged") else []
    words += ["--init=false"] if host.get("Init") is False else []
    words += ["--net", networks[0], "--cgroupns", str(host.get("CgroupnsMode") or "host")]
    restart = host.get("RestartPolicy") or {}
    retries = f":{restart['MaximumRetryCount']}" if restart.get("MaximumRetryCount") else ""
    words += ["--restart", f"{restart.get('Name') or 'no'}{retries}"]
    for option, values in (
        ("--label", _pairs(config.get("Labels"))),
        ("--env", config.get("Env") or ()),
        ("--security-opt", host.get("SecurityOpt") or ()),
        ("--tmpfs", _pairs(host.get("Tmpfs"), ":")),
        ("--sysctl", _pairs(host.get("Sysctls"))),
        ("--volume", host.get("Binds") or ()),
        # Without a name the engine makes a new one, which begins with what the image has there.
        ("--volume", sorted(set(config.get("Volumes") or {}) - _bound(host))),
        ("--device", [_device(one) for one in host.get("Devices") or ()]),
        ("--add-host", host.get("ExtraHosts") or ()),
        ("--publish", _ports(host.get("PortBindings") or {})),
    ):
        words += [word for value in values for word in (option, str(value))]
    runtime = host.get("Runtime")
    words += ["--runtime", str(runtime)] if runtime and runtime != "runc" else []
    # The image itself, since its name may be another one's by now.
    return [*words, str(container.get("Image"))]


def address_of(container: Mapping[str, Any]) -> str:
    """The address of a container that runs; both of them if it has two, as kubelet's node-ip wants them."""
    [network] = ((container.get("NetworkSettings") or {}).get("Networks") or {}).values()
    return ",".join(str(network[name]) for name in ("IPAddress", "GlobalIPv6Address") if str(network.get(name) or ""))


def join_with(document: Mapping[str, Any], token: str, hashes: list[str], address: str) -> dict[str, Any]:
    """kubeadm's JoinConfiguration of the old container for the new one.

    :param document: the old one's, as kind has written it.
    :param hashes: those of the cluster's authority, which kind itself does not check.
    :param address: of the new container.
    """
    registration = dict(document.get("nodeRegistration") or {})
    arguments = registration.get("kubeletExtraArgs")
    if isinstance(arguments, Mapping):
        registration["kubeletExtraArgs"] = {**arguments, "node-ip": address}
    else:
        others = [one for one in arguments or () if one.get("name") != "node-ip"]
        registration["kubeletExtraArgs"] = [*others, {"name": "node-ip", "value": address}]
    discovery = dict(document.get("discovery") or {})
    discovery["bootstrapToken"] = {
        "apiServerEndpoint": (discovery.get("bootstrapToken") or {}).get("apiServerEndpoint"),
        "token": token,
        "caCertHashes": hashes,
    }
    discovery.pop("tlsBootstrapToken", None)
    return {**document, "nodeRegistration": registration, "discovery": discovery}


def _called(container: Mapping[str, Any]) -> str:
    name = str(container.get("Name") or "").lstrip("/")
    if not _NAME.fullmatch(name):
        raise NotKind(f"a container has a name that no node has: {ascii(name)[:80]}")
    return name


def _pairs(values: Mapping[str, Any] | None, between: str = "=") -> list[str]:
    return [f"{name}{between}{value}" if value else str(name) for name, value in sorted((values or {}).items())]


def _bound(host: Mapping[str, Any]) -> set[str]:
    return {str(bind).split(":")[1] for bind in host.get("Binds") or () if ":" in str(bind)}


def _device(one: Mapping[str, Any]) -> str:
    return f"{one.get('PathOnHost')}:{one.get('PathInContainer')}:{one.get('CgroupPermissions')}"


def _at(place: Mapping[str, Any]) -> str:
    return f"{place['HostIp']}:" if place.get("HostIp") else ""


def _ports(bindings: Mapping[str, Any]) -> list[str]:
    return [
        f"{_at(one)}{one.get('HostPort')}:{port}" for port, places in sorted(bindings.items()) for one in places or ()
    ]
