# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Which network plugin a cluster has, how it is on one node, and whether what was restarted there has proven itself.

A network plugin is a DaemonSet whose pods write a configuration and programs onto their hosts, which the container
runtime calls for each new pod. So what is gone from a host comes back when that host's pod is made anew, and the only
proof is a new pod that gets an address and reaches another node.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import PluginPod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

HELM_NAME, HELM_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
# Whose probe a pod is: the UID of the node that is being mended.
PROBE = "selfheal.kubernetes/cni-probe"
PROBE_PORT = 8080
# So many other nodes are asked for a pod to be reached; one of them is enough.
PEERS = 2
_CONFIGS = (".conf", ".conflist", ".json")
_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?![0-9])")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}\Z")


class CniError(ValueError):
    """What keeps a network plugin from being found or re-applied; the message is one line for people."""


@dataclass(frozen=True)
class Provider:
    """What is known of a network plugin.

    :ivar namespaces: where its makers put it, the usual one first; ``settings`` is its ConfigMap there.
    :ivar plugins: the programs that its pods put onto hosts; the first one is named by its configuration.
    :ivar names: how the names of its objects begin; ``groups`` are those of its kinds.
    :ivar writes: whether each start of its pod writes the node's condition NetworkUnavailable.
    """

    name: str
    daemonset: str
    namespaces: tuple[str, ...]
    container: str
    settings: str
    plugins: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...] = ()
    writes: bool = False


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        one.name: one
        for one in (
            Provider(
                name="calico",
                daemonset="calico-node",
                namespaces=("kube-system", "calico-system"),
                container="calico-node",
                settings="calico-config",
                plugins=("calico", "calico-ipam"),
                names=("calico",),
                groups=("crd.projectcalico.org", "policy.networking.k8s.io"),
                writes=True,
            ),
            Provider(
                name="cilium",
                daemonset="cilium",
                namespaces=("kube-system", "cilium", "cilium-secrets"),
                container="cilium-agent",
                settings="cilium-config",
                plugins=("cilium-cni",),
                names=("cilium", "hubble", "clustermesh"),
                groups=("cilium.io",),
            ),
            Provider(
                name="flannel",
                daemonset="kube-flannel-ds",
                namespaces=("kube-flannel", "kube-system"),
                container="kube-flannel",
                settings="kube-flannel-cfg",
                plugins=("flannel",),
                names=("flannel", "kube-flannel"),
            ),
        )
    }
)


# --- the cluster


@dataclass(frozen=True)
class Network:
    """The network plugin that runs in a cluster. ``manager`` is who makes its DaemonSet, if not people."""

    provider: Provider
    namespace: str
    uid: str
    image: str = ""
    manager: str = ""
    release: tuple[str, str] | None = None
    settled: bool = True

    def __str__(self) -> str:
        return f"{self.provider.name} (DaemonSet {self.namespace}/{self.provider.daemonset})"

    def to_dict(self) -> dict[str, Any]:
        """The network as modules return it."""
        return {
            "provider": self.provider.name,
            "namespace": self.namespace,
            "daemonset": self.provider.daemonset,
            "image": self.image,
            "manager": self.manager,
        }


def provider_named(name: str) -> Provider:
    """The provider of this name.

    :raises CniError: when nobody knows it.
    """
    if name not in PROVIDERS:
        raise CniError(f"provider: expected one of {', '.join(PROVIDERS)}, got {name!r}")
    return PROVIDERS[name]


def network_of(daemonsets: Iterable[Mapping[str, Any]], wanted: str = "") -> Network | None:
    """The network plugin among the DaemonSets of a cluster, as the API gives them; None when there is none.

    :param wanted: the name of the only provider to look for; any if empty.
    :raises CniError: when there are several, so that nobody knows which one is meant.
    """
    providers = [provider_named(wanted)] if wanted else list(PROVIDERS.values())

    def made_by(item: Mapping[str, Any], provider: Provider) -> bool:
        metadata = item.get("metadata") or {}
        return metadata.get("name") == provider.daemonset and metadata.get("namespace") in provider.namespaces

    found = [_network(i, provider) for i in daemonsets for provider in providers if made_by(i, provider)]
    if len(found) > 1:
        raise CniError(
            f"the cluster has several network plugins: {', '.join(map(str, found))}; expected one, name the provider"
            " that is meant, and remove what another one has left"
        )
    return found[0] if found else None


def _network(item: Mapping[str, Any], provider: Provider) -> Network:
    metadata = item["metadata"]
    annotations = metadata.get("annotations") or {}
    spec = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
    images = [str(c.get("image") or "") for c in spec.get("containers") or () if c.get("name") == provider.container]
    owner = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
    release = None
    manager = ""
    if owner:
        manager = printable(f"an operator ({owner.get('kind')} {owner.get('name')})")
    elif annotations.get(HELM_NAME):
        release = (str(annotations[HELM_NAME]), str(annotations.get(HELM_NAMESPACE) or metadata.get("namespace")))
        manager = printable(f"Helm (release {release[0]} in namespace {release[1]})")
    return Network(
        provider=provider,
        namespace=check_name("namespace", metadata.get("namespace")),
        uid=str(metadata.get("uid") or ""),
        image=images[0] if images else "",
        manager=manager,
        release=release,
        settled=int((item.get("status") or {}).get("observedGeneration") or 0) >= int(metadata.get("generation") or 0),
    )


def version_of(image: str) -> tuple[int, int, int] | None:
    """The version that the tag of an image tells; None when it tells none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    match = _VERSION.match(tag)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def agents_of(items: Iterable[Mapping[str, Any]], network: Network) -> tuple[PluginPod, ...]:
    """The plugin's pods among the pods of a node, as the API gives them.

    :raises ValueError: when a pod does not say which one it is.
    """

    def mine(item: Mapping[str, Any]) -> bool:
        owners = (item.get("metadata") or {}).get("ownerReferences") or ()
        return any(o.get("controller") and o.get("uid") == network.uid for o in owners)

    return tuple(sorted((PluginPod.from_api(i) for i in items if mine(i)), key=lambda p: (p.pod.name, p.uid)))


# --- the node


def network_condition(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Node's condition NetworkUnavailable; empty when nobody writes it."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == "NetworkUnavailable"), {})


def said_of(condition: Mapping[str, Any]) -> str:
    """What a condition says against the network; empty when it does not."""
    if condition.get("status") != "True":
        return ""
    return printable(
        f"the node's condition NetworkUnavailable is True ({condition.get('reason') or 'without a reason'})"
    )


def trouble_of(agents: Iterable[PluginPod], network: Network, node: Mapping[str, Any]) -> list[str]:
    """What the API shows to be wrong with the network of a node."""
    agents = tuple(agents)
    found = []
    if not agents:
        found.append(f"DaemonSet {network.namespace}/{network.provider.daemonset} has no pod on it")
    elif not any(one.ready for one in agents):
        found.append(f"pod {agents[0]} is not ready{': ' + printable(agents[0].waiting) if agents[0].waiting else ''}")
    said = said_of(network_condition(node))
    return [*found, said] if said else found


# --- the host


@dataclass(frozen=True)
class HostNetwork:
    """What a host has for its container runtime: configurations, files beside them, and how programs have answered.

    ``configurations`` is file to text, in the order in which a runtime looks at them; None if it is too long to be one.
    """

    folder: str
    configurations: Mapping[str, str | None]
    sizes: Mapping[str, int]
    programs: Mapping[str, str]


def host_network(text: str, folder: str) -> HostNetwork:
    """Read what the role's look at a host has printed.

    :raises CniError: when the host did not get to its end.
    """
    texts: dict[str, str | None] = {}
    sizes: dict[str, int] = {}
    programs: dict[str, str] = {}
    whole = False
    for line in text.splitlines():
        word, _equals, rest = line.strip("\r\n").partition("=")
        if word == "file":
            size, _space, name = rest.partition(" ")
            sizes[name] = int(size) if size.isdigit() else 0
            if name.endswith(_CONFIGS):
                texts[name] = None
        elif word == "text":
            name, _space, coded = rest.rpartition(" ")
            try:
                texts[name] = base64.b64decode(coded, validate=True).decode("utf-8", "replace")
            except ValueError:
                texts[name] = None
        elif word == "program":
            name, _space, state = rest.partition(" ")
            programs[name] = state
        elif word == "end":
            whole = True
    if not whole:
        raise CniError(f"the host did not say how its network configuration is, it printed {printable(text)[:200]!r}")
    return HostNetwork(folder, {name: texts[name] for name in sorted(texts)}, sizes, programs)


_STATES = {
    "absent": "is missing",
    "empty": "is empty",
    "plain": "is not executable",
    "silent": "does not answer as a network plugin does, so it is corrupt",
}


def host_trouble(host: HostNetwork, provider: Provider) -> list[str]:
    """What is wrong with what a host has for its container runtime, one line each."""
    found = []
    wanted = set(provider.plugins)
    ours = False
    if not host.configurations:
        found.append(f"{host.folder} has no network configuration")
    for name, text in host.configurations.items():
        place = f"{host.folder}/{printable(name)}"
        types, paths = _named_in(text)
        if types is None:
            found.append(f"{place} is {'empty' if not host.sizes.get(name) else 'no network configuration'}")
            continue
        if provider.plugins[0] in types:
            ours = True
            wanted |= types
            lost = [
                p for p in paths if p.rpartition("/")[0] == host.folder and not host.sizes.get(p.rpartition("/")[2])
            ]
            found += [f"{printable(path)}, which {place} names, is {_gone(host, path)}" for path in lost]
    if host.configurations and not ours:
        found.append(f"no configuration in {host.folder} is that of {provider.name}")
    return found + [
        f"program {name} {_STATES[host.programs[name]]}"
        for name in sorted(wanted)
        if host.programs.get(name) in _STATES
        # What other configurations call for may be elsewhere; what is only of an address family may not be asked for.
        and (name in provider.plugins or ours)
    ]


def _gone(host: HostNetwork, path: str) -> str:
    return "empty" if path.rpartition("/")[2] in host.sizes else "missing"


def _named_in(text: str | None) -> tuple[set[str] | None, list[str]]:
    """The plugins that a configuration calls, and the kubeconfig files that it names; None when it is none."""
    try:
        body = json.loads(text or "")
    except ValueError:
        return None, []
    plugins = body.get("plugins", [body]) if isinstance(body, dict) else None
    if not isinstance(plugins, list) or not plugins or not all(isinstance(one, dict) for one in plugins):
        return None, []
    types = set()
    paths = []
    for one in plugins:
        for part in (one, one.get("ipam")):
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind:
                types.add(kind)
        reached = one.get("kubernetes")
        if isinstance(reached, dict) and isinstance(reached.get("kubeconfig"), str):
            paths.append(reached["kubeconfig"])
    return (types, paths) if types and all(isinstance(one.get("type"), str) for one in plugins) else (None, [])


# --- the proof


@dataclass(frozen=True)
class Probe:
    """A pod of the proof, as the API shows it."""

    name: str
    uid: str
    node: str
    phase: str = ""
    address: str = ""
    waiting: str = ""

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Probe:
        """Read a Pod object as the API gives it."""
        metadata, status = item.get("metadata") or {}, item.get("status") or {}
        states = [(c.get("state") or {}).get("waiting") or {} for c in status.get("containerStatuses") or ()]
        return cls(
            name=check_name("pod name", metadata.get("name")),
            uid=str(metadata.get("uid") or ""),
            node=str((item.get("spec") or {}).get("nodeName") or ""),
            phase=str(status.get("phase") or ""),
            address=str(status.get("podIP") or ""),
            waiting=next((str(s.get("reason") or "") for s in states if s), str(status.get("reason") or "")),
        )

    def __str__(self) -> str:
        return f"a new pod on node {self.node}"


def objection_to_image(image: str) -> str:
    """Why this cannot be the name of an image; empty when it can."""
    return "" if _IMAGE.match(image) else f"expected the name of an image, got {image!r}"


def probe_names(node_uid: str) -> tuple[str, str]:
    """How the names of the pods of one node's proof begin, and the value of the label that they have."""
    return f"selfheal-cni-{hashlib.sha256(node_uid.encode()).hexdigest()[:10]}", node_uid


SERVE = f"mkdir -p /tmp/probe && echo here >/tmp/probe/index.html && exec httpd -f -p {PROBE_PORT} -h /tmp/probe"


def call_of(address: str) -> str:
    """A shell's command that ends well as soon as a pod has answered at this address."""
    where = f"[{address}]" if ":" in address else address
    # An address comes from the API, and goes into a command line.
    if not re.fullmatch(r"[0-9a-fA-F:.]{2,45}", address):
        raise CniError(f"a pod's address is {address!r}, which is none")
    return f"until timeout 5 wget -q -O /dev/null http://{where}:{PROBE_PORT}/; do sleep 1; done"


def probe_pod(
    name: str, namespace: str, node: str, node_uid: str, image: str, command: Iterable[str], seconds: int, again: str
) -> dict[str, Any]:
    """A pod of the proof: on this very node whatever its taints are, without rights, and ended by itself at last.

    :param again: its restartPolicy.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {PROBE: node_uid, "app.kubernetes.io/part-of": "selfheal.kubernetes"},
        },
        "spec": {
            "nodeName": node,
            "restartPolicy": again,
            "activeDeadlineSeconds": seconds,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "runAsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": list(command),
                    "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def peers_of(nodes: Iterable[Mapping[str, Any]], mended: str) -> list[str]:
    """Other nodes that a pod can be expected to be reached on, the likeliest first."""

    def status(node: Mapping[str, Any], kind: str) -> str:
        conditions = (node.get("status") or {}).get("conditions") or ()
        return next((str(c.get("status")) for c in conditions if c.get("type") == kind), "")

    found = []
    for node in nodes:
        metadata, spec = node.get("metadata") or {}, node.get("spec") or {}
        system = (metadata.get("labels") or {}).get("kubernetes.io/os", "linux")
        if metadata.get("name") == mended or metadata.get("deletionTimestamp") or system != "linux":
            continue
        if status(node, "Ready") != "True" or status(node, "NetworkUnavailable") == "True":
            continue
        taints = [t for t in spec.get("taints") or () if t.get("effect") != "PreferNoSchedule"]
        found.append((bool(spec.get("unschedulable")), len(taints), check_name("node name", metadata.get("name"))))
    return [name for _cordoned, _taints, name in sorted(found)][:PEERS]


@dataclass
class Proof:
    """What has been proven so far. ``unproven`` says what could not be, and why, when the rest is enough."""

    address: str = ""
    peer: str = ""
    peer_address: str = ""
    reached: bool = False
    was_reached: bool = False
    unproven: str = ""
    pods: dict[str, Probe] = field(default_factory=dict)

    def __str__(self) -> str:
        said = f"a new pod got address {self.address}"
        if self.reached:
            said += f", reached {self.peer_address} on node {self.peer}, and was reached from there"
        return f"{said}; {self.unproven}" if self.unproven else said

    def to_dict(self) -> dict[str, Any]:
        """The proof as modules return it."""
        return {
            "address": self.address,
            "peer": self.peer,
            "reached": self.reached,
            "was_reached": self.was_reached,
            "unproven": self.unproven,
        }
