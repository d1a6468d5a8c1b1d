# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What of a network plugin's manifest is to be applied to a cluster that has its own settings.

A manifest knows nothing of the cluster: applied as it is, it would give it other pools, another MTU, another
encapsulation. So what the cluster has is read first, and laid over the manifest; what is in the cluster already as the
manifest wants it is not applied at all, so that nobody's fields change hands without need. Nothing is ever deleted.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import (
    PROVIDERS,
    CniError,
    Network,
    Provider,
    version_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

Object = dict[str, Any]


class ManifestError(CniError):
    """A manifest that must not be applied; every reason is told at once."""

    def __init__(self, reasons: Iterable[str]) -> None:
        super().__init__(printable("; ".join(reasons)))


class Kind(NamedTuple):
    """How the API calls the objects of a kind, and whether they are in a namespace."""

    plural: str
    namespaced: bool


RBAC = "rbac.authorization.k8s.io/v1"
CALICO = "crd.projectcalico.org/v1"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
POOL = (CALICO, "IPPool")
# Of what a manifest may be made. Whatever else is in it, it is no manifest of a network plugin.
KINDS: Mapping[tuple[str, str], Kind] = MappingProxyType(
    {
        ("v1", "Namespace"): Kind("namespaces", False),
        ("v1", "ServiceAccount"): Kind("serviceaccounts", True),
        ("v1", "ConfigMap"): Kind("configmaps", True),
        ("v1", "Service"): Kind("services", True),
        ("apps/v1", "DaemonSet"): Kind("daemonsets", True),
        ("apps/v1", "Deployment"): Kind("deployments", True),
        ("policy/v1", "PodDisruptionBudget"): Kind("poddisruptionbudgets", True),
        (RBAC, "ClusterRole"): Kind("clusterroles", False),
        (RBAC, "ClusterRoleBinding"): Kind("clusterrolebindings", False),
        (RBAC, "Role"): Kind("roles", True),
        (RBAC, "RoleBinding"): Kind("rolebindings", True),
        CRD: Kind("customresourcedefinitions", False),
        POOL: Kind("ippools", False),
        (CALICO, "FelixConfiguration"): Kind("felixconfigurations", False),
        (CALICO, "BGPConfiguration"): Kind("bgpconfigurations", False),
    }
)
# Charts bring some. They are never read or written.
SECRET = ("v1", "Secret")
# Where people set pools, MTU, encapsulation and how a node's address is found.
_KEPT_ENV = {
    "calico": re.compile(r"(CALICO_IPV[46]POOL_\w+|IP6?|IP6?_AUTODETECTION_METHOD|\w*MTU|CALICO_ROUTER_ID)\Z"),
    "cilium": re.compile(r"\w*MTU\Z"),
    "flannel": re.compile(r"\w*MTU\Z"),
}
_KEPT_ARGUMENTS = re.compile(r"--?(iface|iface-regex|iface-can-reach|public-ip|public-ipv6)(=|\Z)")
# What a manifest is made for, so that it cannot be another than the cluster's.
_MUST_AGREE = {"calico": ("calico_backend", "typha_service_name"), "cilium": ("ipam", "routing-mode", "tunnel")}
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*\Z")
# The order does not matter in these lists, whose items have a name each.
_KEYS = ("name", "mountPath")


class Ref(NamedTuple):
    """Which object it is."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"

    @property
    def path(self) -> str:
        """Where the API has it. Its kind is one of ``KINDS`` and its names are checked."""
        kind = KINDS[self.api_version, self.kind]
        group = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"/namespaces/{self.namespace}" if kind.namespaced else ""
        return f"{group}{inside}/{kind.plural}/{self.name}"


@dataclass(frozen=True)
class Manifest:
    """A manifest that has been checked: whose it is, and its objects in their order."""

    provider: Provider
    namespace: str
    objects: Mapping[Ref, Object]
    left: tuple[str, ...] = ()


@dataclass
class Merged:
    """What is to be applied, and for people: why, which settings of the cluster are kept, and what is left alone."""

    objects: list[Object] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


# --- reading


def read_manifest(documents: Iterable[Any], wanted: str = "") -> Manifest:
    """Check what a manifest is made of.

    :param documents: its YAML documents, decoded.
    :param wanted: the name of the provider that it must be of; any if empty.
    :raises ManifestError: when it is of another one, or holds what no manifest of a network plugin needs.
    """
    reasons: list[str] = []
    objects: dict[Ref, Object] = {}
    left: list[str] = []
    for item in _flat(documents, reasons):
        if (item.get("apiVersion"), item.get("kind")) == SECRET:
            name = str((item.get("metadata") or {}).get("name"))
            left.append(printable(f"Secret {name}: Secrets are never read or written"))
            continue
        ref = _ref(item, reasons)
        if ref and ref in objects:
            reasons.append(f"{ref} is in it twice")
        elif ref and not _shaped(item):
            reasons.append(f"{ref} is not made as a {ref.kind} is")
        elif ref:
            objects[ref] = _clean(item)
    provider, namespace = _provider_in(objects, wanted, reasons)
    if provider:
        for ref, item in objects.items():
            reasons += _strange(ref, item, provider)
    if reasons or not provider:
        raise ManifestError(reasons)
    return Manifest(provider, namespace, objects, tuple(left))


def _flat(documents: Iterable[Any], reasons: list[str]) -> Iterator[Object]:
    for item in documents:
        if item is None:
            continue
        if not isinstance(item, dict):
            reasons.append(f"expected Kubernetes objects, got {str(item)[:60]!r}")
        elif item.get("kind") == "List" and isinstance(item.get("items"), list):
            yield from _flat(item["items"], reasons)
        else:
            yield item


def _ref(item: Object, reasons: list[str]) -> Ref | None:
    version, kind = str(item.get("apiVersion")), str(item.get("kind"))
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    known = KINDS.get((version, kind))
    if known is None or not isinstance(metadata, dict):
        reasons.append(f"{kind[:60]} {str(name)[:60]} ({version[:60]}) is nothing that a network plugin is made of")
        return None
    try:
        # Names of roles may hold a colon, which those of network plugins do not.
        check_name(f"name of the {kind}", name)
        if known.namespaced:
            check_name(f"namespace of {kind} {name}", metadata.get("namespace"))
    except InvalidName as exc:
        reasons.append(str(exc))
        return None
    return Ref(version, kind, metadata["namespace"] if known.namespaced else "", str(name))


def _shaped(item: Object) -> bool:
    """Whether everything in it that is read here is where it belongs."""
    try:
        for container in _containers(item):
            for entry in container.get("env") or ():
                entry.get("name")
            list(container.get("args") or ())
        for key in ("spec", "data", "roleRef"):
            dict(item.get(key) or {})
        for key in ("rules", "subjects"):
            for entry in item.get(key) or ():
                entry.get("kind")
        for version in (item.get("spec") or {}).get("versions") or ():
            version.get("name")
        dict((item.get("spec") or {}).get("selector") or {})
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def _clean(item: Object) -> Object:
    """The object without what only the API server writes."""
    made = {key: copy.deepcopy(value) for key, value in item.items() if key != "status"}
    for key in ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"):
        made["metadata"].pop(key, None)
    return made


def _provider_in(objects: Mapping[Ref, Object], wanted: str, reasons: list[str]) -> tuple[Provider | None, str]:
    found = [
        (provider, ref.namespace)
        for ref in objects
        for provider in PROVIDERS.values()
        if ref.kind == "DaemonSet" and ref.name == provider.daemonset
    ]
    asked = PROVIDERS[wanted] if wanted else None
    if len(found) != 1:
        names = asked.daemonset if asked else " or ".join(p.daemonset for p in PROVIDERS.values())
        had = ", ".join(str(ref) for ref in objects if ref.kind == "DaemonSet") or "none"
        reasons.append(f"expected one DaemonSet {names} in it, got {had}")
        return None, ""
    if asked and found[0][0] is not asked:
        reasons.append(f"it is a manifest of {found[0][0].name}, expected one of {asked.name}")
        return None, ""
    return found[0]


def _strange(ref: Ref, item: Object, provider: Provider) -> list[str]:
    """Why an object has no place in a manifest of this provider."""

    def ours(name: object) -> bool:
        return isinstance(name, str) and any(name == n or name.startswith((f"{n}-", f"{n}.")) for n in provider.names)

    whose = f"is none of {provider.name}'s"
    if ref.kind == "Namespace":
        mine = ref.name in provider.namespaces and ref.name != "kube-system"
        return [] if mine else [f"{ref} {whose}"]
    if (ref.api_version, ref.kind) == CRD:
        return [] if ref.name.partition(".")[2] in provider.groups else [f"{ref} {whose}"]
    if ref.api_version == CALICO:
        return [] if provider.name == "calico" else [f"{ref} {whose}"]
    if not ours(ref.name):
        return [f"{ref} {whose}"]
    if ref.namespace and ref.namespace not in provider.namespaces:
        return [f"{ref} {whose}, its namespaces are {', '.join(provider.namespaces)}"]
    if ref.kind in ("ClusterRoleBinding", "RoleBinding"):
        subjects = item.get("subjects") or ()
        right = all(
            isinstance(s, dict)
            and s.get("kind") == "ServiceAccount"
            and ours(s.get("name"))
            and s.get("namespace") in provider.namespaces
            for s in subjects
        )
        if not right or not ours((item.get("roleRef") or {}).get("name")):
            return [f"{ref} gives rights that are not {provider.name}'s, or to somebody else"]
    if ref.kind in ("ClusterRole", "Role"):
        for rule in item.get("rules") or ():
            if "*" in (rule.get("resources") or ()) and "*" in (rule.get("apiGroups") or ()):
                return [f"{ref} gives every right"]
    return []


# --- images


def objection_to_mirrors(mirrors: Mapping[Any, Any]) -> str:
    """Why this is no mapping of registries to mirrors; empty when it is one."""
    for prefix, mirror in mirrors.items():
        for what in (prefix, mirror):
            if not isinstance(what, str) or not _PREFIX.match(what):
                return (
                    "expected a mapping of registries, with or without the beginning of a path, to mirrors, such as"
                    f" docker.io/calico: mirror.example.org:5000/calico, got {prefix!r}: {mirror!r}"
                )
    return ""


def full_name(image: str) -> str:
    """An image's name with its registry, as a container runtime reads it."""
    first, slash, _rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def mirrored(image: str, mirrors: Mapping[str, str]) -> str:
    """The image at its mirror: the longest prefix counts. An image that has none is left as it is."""
    full = full_name(image)
    fits = [prefix for prefix in mirrors if full.startswith(f"{prefix}/")]
    if not fits:
        return image
    prefix = max(fits, key=len)
    return mirrors[prefix] + full[len(prefix) :]


def _containers(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    spec = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
    for part in ("initContainers", "containers"):
        yield from spec.get(part) or ()


def _split(image: str) -> tuple[str, str]:
    """The repository of an image, and what follows: its tag, its digest or both."""
    full = full_name(image)
    path, slash, last = full.rpartition("/")
    cut = min((last.index(c) for c in ":@" if c in last), default=len(last))
    return f"{path}{slash}{last[:cut]}", last[cut:]


def _like(image: str, live: str) -> str:
    """The image, out of the registry that the cluster has had it from."""
    (repository, which), (had, _old) = _split(image), _split(live)
    same = repository.rpartition("/")[2] == had.rpartition("/")[2]
    return had + which if same and had != repository else image


# --- merging


def merge(
    manifest: Manifest,
    live: Mapping[Ref, Object | None],
    pools: Iterable[Mapping[str, Any]] = (),
    network: Network | None = None,
    mirrors: Mapping[str, str] | None = None,
    allow_older: bool = False,
    accept_defaults: bool = False,
    release: tuple[str, str] | None = None,
) -> Merged:
    """What of a manifest is to be applied to this cluster.

    :param live: each object of the manifest as the cluster has it, None where it has it not.
    :param pools: the cluster's IPPools.
    :param network: what runs there, if anything does.
    :param mirrors: registries to the mirrors that their images are to come from.
    :param allow_older: whether it may be an older version than the one that runs, or one that nobody can tell.
    :param accept_defaults: whether the manifest's settings are good enough where the cluster's are lost.
    :param release: the name and namespace of the Helm release whose chart it was made of.
    :raises ManifestError: when it must not be applied, with every reason.
    """
    merger = _Merger(manifest, live, list(pools), mirrors or {}, accept_defaults)
    if network and network.manager and (release is None or release != network.release):
        return Merged(left=[f"the manifest: {network} is made by {network.manager}, which would undo it"])
    merger.check_network(network)
    merger.check_version(allow_older)
    for ref, item in manifest.objects.items():
        merger.add(ref, copy.deepcopy(item))
    if merger.reasons:
        raise ManifestError(merger.reasons)
    merger.done.left += manifest.left
    return merger.done


class _Merger:
    def __init__(
        self,
        manifest: Manifest,
        live: Mapping[Ref, Object | None],
        pools: list[Mapping[str, Any]],
        mirrors: Mapping[str, str],
        accept_defaults: bool,
    ) -> None:
        self._manifest, self._live, self._pools = manifest, live, pools
        self._mirrors, self._accept_defaults = mirrors, accept_defaults
        self._provider = manifest.provider
        self._newer = True
        self.done = Merged()
        self.reasons: list[str] = []

    def check_network(self, network: Network | None) -> None:
        """Refuse a manifest for a network that is elsewhere, or of another provider."""
        if network is None:
            return
        if network.provider is not self._provider:
            self.reasons.append(f"it is a manifest of {self._provider.name}, and the cluster has {network}")
        elif network.namespace != self._manifest.namespace:
            self.reasons.append(
                f"it has its DaemonSet in namespace {self._manifest.namespace}, the cluster in {network.namespace}"
            )

    def check_version(self, allow_older: bool) -> None:
        """Refuse a version that is older than the one that runs."""
        mine = self._version(self._manifest.objects)
        runs = self._version({ref: item for ref, item in self._live.items() if item})
        images = [c["image"] for ref, item in self._live.items() if item for c in self._own(ref, item)]
        self._newer = bool(mine and (not runs or mine > runs))
        if not images or allow_older:
            return
        if mine is None or runs is None:
            which = "the manifest's" if mine is None else "the cluster's"
            self.reasons.append(
                f"{which} version of {self._provider.name} cannot be told from its image; an older one is not applied"
                " unless that is allowed"
            )
        elif mine < runs:
            self.reasons.append(
                f"it is {self._provider.name} {_dotted(mine)}, older than {_dotted(runs)}, which runs; it is not"
                " applied unless that is allowed"
            )

    def _own(self, ref: Ref, item: Object) -> Iterator[dict[str, Any]]:
        """The containers that tell the version."""
        if ref.kind == "DaemonSet" and ref.name == self._provider.daemonset:
            yield from (c for c in _containers(item) if c.get("name") == self._provider.container and c.get("image"))
        elif ref.kind == "Deployment":
            yield from (c for c in _containers(item) if c.get("image") and c.get("name") == ref.name)

    def _version(self, objects: Mapping[Ref, Object]) -> tuple[int, int, int] | None:
        told = [version_of(str(c["image"])) for ref, item in objects.items() for c in self._own(ref, item)]
        return max((one for one in told if one), default=None)

    def add(self, ref: Ref, item: Object) -> None:
        """Take one object of the manifest in, if the cluster does not have it like that."""
        live = self._live.get(ref)
        if (ref.api_version, ref.kind) == CRD and live:
            if not self._may_replace(ref, item, live):
                return
        elif ref.api_version == CALICO:
            if live or ((ref.api_version, ref.kind) == POOL and self._pools):
                self.done.left.append(f"{ref}: the cluster has its own")
                return
        elif ref.kind == "ConfigMap" and ref.name == self._provider.settings:
            item = self._settings(ref, item, live)
        elif ref.kind in ("DaemonSet", "Deployment"):
            self._workload(ref, item, live)
        if live is None:
            self.done.changes.append(f"{ref} is missing")
        else:
            difference = first_difference(item, live)
            if not difference:
                return
            self.done.changes.append(f"{ref} differs in {difference}")
        self.done.objects.append(item)

    def _may_replace(self, ref: Ref, item: Object, live: Object) -> bool:
        """A kind is only ever replaced by that of a newer version, which still knows what the cluster has stored."""
        if not self._newer:
            return False
        mine = {v.get("name") for v in (item.get("spec") or {}).get("versions") or ()}
        served = {v.get("name") for v in (live.get("spec") or {}).get("versions") or () if v.get("served")}
        lost = (served | set((live.get("status") or {}).get("storedVersions") or ())) - mine
        if lost:
            self.reasons.append(f"{ref} of the manifest does not know {', '.join(map(str, sorted(lost, key=str)))}")
        return True

    def _settings(self, ref: Ref, item: Object, live: Object | None) -> Object:
        mine: dict[str, Any] = dict(item.get("data") or {})
        if live is None:
            if not self._accept_defaults:
                self.reasons.append(
                    f"{ref} is gone, and with it the cluster's settings; the manifest's are not taken unless that is"
                    " accepted"
                )
            self._check_pools(mine)
            return item
        had: Mapping[str, Any] = live.get("data") or {}
        for key in _MUST_AGREE.get(self._provider.name, ()):
            if had.get(key) is not None and mine.get(key) is not None and had[key] != mine[key]:
                self.reasons.append(f"{key} is {had[key]!r} in {ref}, and {mine[key]!r} in the manifest")
        for key, value in had.items():
            broken = self._broken(key, value)
            if not broken:
                if key in mine and mine[key] != value:
                    self.done.kept.append(f"{key} of {ref}")
                mine[key] = value
            elif key == "net-conf.json":
                self.reasons.append(f"{key} of {ref} {broken}, and nobody else knows the cluster's network")
        self._check_pools(mine)
        return {**item, "data": mine}

    def _broken(self, key: str, value: object) -> str:
        """Why a setting cannot be what somebody has wanted; empty when it can."""
        if key not in ("cni_network_config", "cni-conf.json", "net-conf.json"):
            return ""
        try:
            # Numbers stand as words until they are filled in.
            body = json.loads(re.sub(r":\s*__[A-Z_]+__", ": 0", str(value)))
        except ValueError:
            return "is not JSON"
        if key == "net-conf.json":
            known = isinstance(body, dict) and (body.get("Network") or body.get("IPv6Network"))
            return "" if known else "has no Network"
        plugins = body.get("plugins", [body]) if isinstance(body, dict) else []
        types = [one.get("type") for one in plugins if isinstance(one, dict)] if isinstance(plugins, list) else []
        return "" if self._provider.plugins[0] in types else f"does not call {self._provider.plugins[0]}"

    def _check_pools(self, settings: Mapping[str, Any]) -> None:
        for pool in self._pools:
            mode = str((pool.get("spec") or {}).get("ipipMode") or "Never")
            if settings.get("calico_backend") == "vxlan" and mode != "Never":
                name = (pool.get("metadata") or {}).get("name")
                self.reasons.append(f"IPPool {name} is encapsulated by IPIP, which calico_backend vxlan cannot do")

    def _workload(self, ref: Ref, item: Object, live: Object | None) -> None:
        before = {str(c.get("name")): c for c in _containers(live or {})}
        main = ref.kind == "DaemonSet" and ref.name == self._provider.daemonset
        if live:
            spec, had = item.get("spec") or {}, live.get("spec") or {}
            if first_difference(spec.get("selector"), had.get("selector")):
                self.reasons.append(f"{ref}: its selector is another one than the cluster's, and cannot be changed")
            if ref.kind == "Deployment" and had.get("replicas") is not None:
                spec["replicas"] = had["replicas"]
        for container in _containers(item):
            name = str(container.get("name"))
            old = before.get(name, {})
            self._image(ref, container, old)
            self._environment(ref, container, old)
            if main and name == self._provider.container:
                if not live:
                    self._from_pools(ref, container)
                self._arguments(ref, container, old)

    def _image(self, ref: Ref, container: dict[str, Any], old: Mapping[str, Any]) -> None:
        if not container.get("image"):
            return
        image = str(container["image"])
        new = mirrored(image, self._mirrors)
        if new == image and not self._mirrors and old.get("image"):
            # A cluster without a way to the net has its images from elsewhere.
            new = _like(image, str(old["image"]))
            if new != image:
                self.done.kept.append(f"the registry of image {printable(new)} in {ref}")
        container["image"] = new

    def _environment(self, ref: Ref, container: dict[str, Any], old: Mapping[str, Any]) -> None:
        had = {str(e.get("name")): e for e in old.get("env") or ()}
        kept = _KEPT_ENV[self._provider.name]
        mine = {str(e.get("name")): e for e in container.get("env") or ()}
        for name, entry in had.items():
            wanted = mine.get(name)
            if kept.match(name):
                if wanted is None or first_difference(wanted, entry):
                    self.done.kept.append(f"{name} of container {container.get('name')} in {ref}")
                mine[name] = copy.deepcopy(dict(entry))
            elif wanted is not None and ("valueFrom" in wanted) != ("valueFrom" in entry):
                self.reasons.append(
                    f"{name} of container {container.get('name')} in {ref} is a value in one place and a reference in"
                    " the other, which cannot be merged"
                )
        if mine:
            container["env"] = list(mine.values())

    def _from_pools(self, ref: Ref, container: dict[str, Any]) -> None:
        """The DaemonSet is gone with its settings; the pools that it has made tell some of them."""
        mine = {str(e.get("name")): e for e in container.get("env") or ()}
        for family, colon in (("4", False), ("6", True)):
            specs = [pool.get("spec") or {} for pool in self._pools]
            fitting = [s for s in specs if (":" in str(s.get("cidr"))) is colon and s.get("cidr")]
            if len(fitting) != 1 or self._provider.name != "calico":
                continue
            for name, key in (("CIDR", "cidr"), ("IPIP", "ipipMode"), ("VXLAN", "vxlanMode")):
                if (name, family) == ("IPIP", "6") or not fitting[0].get(key):
                    continue
                variable = f"CALICO_IPV{family}POOL_{name}"
                mine[variable] = {"name": variable, "value": str(fitting[0][key])}
                self.done.kept.append(f"{variable} of {ref}, as the IPPool has it")
        if mine:
            container["env"] = list(mine.values())

    def _arguments(self, ref: Ref, container: dict[str, Any], old: Mapping[str, Any]) -> None:
        if self._provider.name != "flannel":
            return
        mine = list(container.get("args") or ())
        kept = [a for a in old.get("args") or () if _KEPT_ARGUMENTS.match(str(a)) and a not in mine]
        if kept:
            mine = [a for a in mine if not _KEPT_ARGUMENTS.match(str(a))] + kept
            self.done.kept.append(f"{', '.join(map(str, kept))} of {ref}")
            container["args"] = mine


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


# --- comparing


def first_difference(wanted: Any, live: Any, place: str = "") -> str:
    """The first place in which what is wanted is not there; empty when all of it is.

    What the API server fills in by itself, or others have added, is no difference; that a list or a node selector has
    more in it than it should is one. What is empty may as well be missing.
    """
    if wanted is None or (_empty(wanted) and _empty(live)):
        return ""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return place or "everything"
        if place.endswith("nodeSelector") and set(wanted) != set(live):
            return place
        for key, value in wanted.items():
            found = first_difference(value, live.get(key), f"{place}.{key}" if place else str(key))
            if found:
                return found
        return ""
    if isinstance(wanted, list):
        return _list_difference(wanted, live, place)
    return "" if wanted == live or _same_number(wanted, live) else (place or "everything")


def _list_difference(wanted: list[Any], live: Any, place: str) -> str:
    place = place or "everything"
    if not isinstance(live, list):
        return place
    for key in _KEYS:
        names = [one.get(key) if isinstance(one, dict) else None for one in wanted]
        if all(isinstance(n, str) and n for n in names) and len(set(names)) == len(names):
            have = {one.get(key): one for one in live if isinstance(one, dict)}
            for name, one in zip(names, wanted, strict=True):
                found = first_difference(one, have.get(name), f"{place}[{name}]")
                if found:
                    return found
            return ""
    if len(wanted) != len(live):
        return place
    differences = (first_difference(w, h, place) for w, h in zip(wanted, live, strict=True))
    return next((one for one in differences if one), "")


def _empty(value: Any) -> bool:
    return not value


def _same_number(wanted: Any, live: Any) -> bool:
    """Numbers that YAML may have read otherwise than the API server writes them."""
    if isinstance(wanted, bool) or isinstance(live, bool):
        return False
    return isinstance(wanted, int | float | str) and isinstance(live, int | float | str) and str(wanted) == str(live)
