# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The parts of Kubernetes objects that the checks read, and the parts of a snapshot that they make up.

===============  ======================================================================================
part             what it is
===============  ======================================================================================
``nodes``        every Node
``heartbeats``   node name to the Lease in kube-node-lease
``pods``         every pod counted, and the suspects among them in full
``daemonsets``   every DaemonSet, in any namespace
``services``     each Service that has EndpointSlices, with how many endpoints are ready
``events``       the Warning events, latest first
``components``   Lease name in kube-system (kube-controller-manager, kube-scheduler) to that Lease
``endpoints``    each API server by itself
``etcd``         members and alarms, as far as anybody let us look
``metrics``      node name to its use of CPU and memory, by the metrics API
``disks``        node name to the use of its file systems, by the kubelet's summary
``probes``       the answers to the Service probes that were asked for
``baseline``     what is usual for this cluster
===============  ======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time, seconds_between

ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
# What clouds and autoscalers call the group of like machines that a node belongs to.
POOL_LABELS = (
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "doks.digitalocean.com/node-pool",
    "kubernetes.civo.com/civo-node-pool",
    "cluster.x-k8s.io/deployment-name",
)
GPU_RESOURCES = ("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "gpu.intel.com/", "habana.ai/")
GPU_LABELS = ("nvidia.com/gpu.present", "nvidia.com/gpu.count")
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


@dataclass(frozen=True, order=True)
class Ref:
    """What a finding is about. ``kind`` is a Kubernetes kind, or Cluster, Zone, Endpoint, Etcd for parts of one."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Condition(NamedTuple):
    """One entry of a node's or a pod's status.conditions. A tuple, because there are more of them than of all else."""

    type: str
    status: str
    reason: str
    message: str
    last_transition: datetime | None

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Condition:
        """Read one condition as the API gives it."""
        get = item.get
        return cls(
            str(get("type") or ""),
            str(get("status") or ""),
            str(get("reason") or ""),
            str(get("message") or ""),
            parse_time(get("lastTransitionTime")),
        )


@dataclass(frozen=True)
class Taint:
    """One entry of a node's spec.taints."""

    key: str
    effect: str
    value: str = ""
    added: datetime | None = None


@dataclass(frozen=True)
class Node:
    """The part of a Node object that the checks read.

    ``cordoned_by_us`` is whether a cordon is one that a drain of ours has left, which only those find out who ask who
    owns it.
    """

    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    unschedulable: bool
    deleting: bool
    addresses: tuple[str, ...]
    machine_id: str
    conditions: tuple[Condition, ...]
    created: datetime | None = None
    deleted: datetime | None = None
    provider_id: str = ""
    taints: tuple[Taint, ...] = ()
    kubelet_version: str = ""
    boot_id: str = ""
    capacity: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)
    cordoned_by_us: bool = False

    @cached_property
    def ref(self) -> Ref:
        """The node as the target of a finding."""
        return Ref("Node", self.name, uid=self.uid)

    @property
    def zone(self) -> str:
        """The failure domain that the cloud or a person gave it; empty when none did."""
        return next((self.labels[label] for label in ZONE_LABELS if label in self.labels), "")

    @property
    def domains(self) -> tuple[tuple[str, str], ...]:
        """The failure domains that it is in, each as kind and name: its zone, and its pool."""
        pool = next((self.labels[label] for label in POOL_LABELS if label in self.labels), "")
        return tuple((kind, name) for kind, name in (("zone", self.zone), ("pool", pool)) if name)

    @property
    def has_gpu(self) -> bool:
        """Whether it is a GPU node, also when its GPUs are not offered at the moment."""
        labelled = any(self.labels.get(label) not in (None, "0", "false") for label in GPU_LABELS)
        return labelled or any(count != "0" and name.startswith(GPU_RESOURCES) for name, count in self.capacity.items())

    @property
    def is_control_plane(self) -> bool:
        """Whether the node carries one of the control-plane role labels."""
        return any(label in self.labels for label in CONTROL_PLANE_LABELS)

    @property
    def is_ready(self) -> bool:
        """Whether its Ready condition is True."""
        ready = self.condition("Ready")
        return ready is not None and ready.status == "True"

    @property
    def marks(self) -> tuple[str, ...]:
        """What tells its machine from others, each with its kind."""
        named = (("machine-id", self.machine_id), ("providerID", self.provider_id))
        return (
            *(f"address {address}" for address in self.addresses),
            *(f"{kind} {value}" for kind, value in named if value),
        )

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if the node has it."""
        for condition in self.conditions:
            if condition.type == kind:
                return condition
        return None

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Node:
        """Read a Node object as the API gives it.

        :raises InvalidName: when its name could not be a node's name.
        """
        metadata = item.get("metadata") or {}
        spec = item.get("spec") or {}
        status = item.get("status") or {}
        info = status.get("nodeInfo") or {}
        return cls(
            name=check_node_name(metadata.get("name")),
            uid=str(metadata.get("uid") or ""),
            labels=dict(metadata.get("labels") or {}),
            annotations=dict(metadata.get("annotations") or {}),
            unschedulable=bool(spec.get("unschedulable")),
            deleting=bool(metadata.get("deletionTimestamp")),
            addresses=tuple(
                a["address"]
                for a in status.get("addresses") or ()
                if a.get("type") == "InternalIP" and a.get("address")
            ),
            machine_id=str(info.get("machineID") or ""),
            created=parse_time(metadata.get("creationTimestamp")),
            deleted=parse_time(metadata.get("deletionTimestamp")),
            provider_id=str(spec.get("providerID") or ""),
            taints=tuple(
                Taint(
                    key=str(t.get("key") or ""),
                    effect=str(t.get("effect") or ""),
                    value=str(t.get("value") or ""),
                    added=parse_time(t.get("timeAdded")),
                )
                for t in spec.get("taints") or ()
            ),
            kubelet_version=str(info.get("kubeletVersion") or ""),
            boot_id=str(info.get("bootID") or ""),
            capacity={str(k): str(v) for k, v in (status.get("capacity") or {}).items()},
            allocatable={str(k): str(v) for k, v in (status.get("allocatable") or {}).items()},
            conditions=tuple(map(Condition.from_api, status.get("conditions") or ())),
        )


@dataclass(frozen=True)
class Heartbeat:
    """A Lease that somebody renews to show that it lives: a kubelet, a controller-manager, a scheduler.

    ``moved`` is whether renewTime was seen to change while somebody watched it for ``watched`` seconds; None when
    nobody did. Movement is proof of life whatever the clocks say.
    """

    renewed: datetime | None
    duration: int
    holder: str = ""
    moved: bool | None = None
    watched: int = 0

    def age(self, now: datetime) -> int | None:
        """Seconds since the Lease was renewed, or None when it says nothing."""
        return None if self.renewed is None else seconds_between(self.renewed, now)

    def expired(self, now: datetime) -> bool:
        """Whether the Lease has run out; one that was never renewed has.

        So has one from the future: a clock that far ahead proves nothing about now.
        """
        if self.renewed is None:
            return True
        return abs((now - self.renewed).total_seconds()) >= self.duration + 1

    def alive(self, now: datetime) -> bool:
        """Whether it proves life: it was seen to move, whatever its age, or has not run out."""
        return bool(self.moved) or not self.expired(now)

    def stood_still(self, now: datetime) -> bool:
        """Whether it was watched and not renewed. One from the future tells of a clock, and not of its holder."""
        return self.moved is False and self.renewed is not None and self.renewed <= now

    @property
    def runs_out(self) -> datetime | None:
        """When it runs out if nobody renews it again; in the future for a Lease from the future."""
        return None if self.renewed is None else self.renewed + timedelta(seconds=self.duration)

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Heartbeat:
        """Read a Lease object as the API gives it."""
        spec = item.get("spec") or {}
        return cls(
            renewed=parse_time(spec.get("renewTime")),
            duration=int(spec.get("leaseDurationSeconds") or 40),
            holder=str(spec.get("holderIdentity") or ""),
        )


@dataclass(frozen=True)
class Container:
    """One container of a pod, as its status tells it. ``state`` is waiting, running, terminated, or empty."""

    name: str
    ready: bool
    restarts: int
    state: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    last_reason: str = ""
    last_exit_code: int | None = None
    last_finished: datetime | None = None
    init: bool = False

    @classmethod
    def from_api(cls, item: Mapping[str, Any], init: bool = False) -> Container:
        """Read one entry of containerStatuses or initContainerStatuses."""
        state = item.get("state") or {}
        kind = next((k for k in ("waiting", "running", "terminated") if state.get(k) is not None), "")
        now = state.get(kind) or {}
        last = (item.get("lastState") or {}).get("terminated") or {}
        return cls(
            name=str(item.get("name") or ""),
            ready=bool(item.get("ready")),
            restarts=int(item.get("restartCount") or 0),
            state=kind,
            reason=str(now.get("reason") or ""),
            message=str(now.get("message") or ""),
            exit_code=now.get("exitCode"),
            started=parse_time(now.get("startedAt")),
            finished=parse_time(now.get("finishedAt")),
            last_reason=str(last.get("reason") or ""),
            last_exit_code=last.get("exitCode"),
            last_finished=parse_time(last.get("finishedAt")),
            init=init,
        )


@dataclass(frozen=True)
class Pod:
    """A pod in full. ``owner`` is its controller as Kind/name, ``gates`` its readiness gates."""

    name: str
    namespace: str
    uid: str
    node: str
    phase: str
    reason: str = ""
    message: str = ""
    created: datetime | None = None
    deleted: datetime | None = None
    grace: int = 30
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    containers: tuple[Container, ...] = ()
    gates: tuple[str, ...] = ()
    finalizers: tuple[str, ...] = ()
    mirror: bool = False

    @property
    def ref(self) -> Ref:
        """The pod as the target of a finding."""
        return Ref("Pod", self.name, self.namespace, self.uid)

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if the pod has it."""
        return next((c for c in self.conditions if c.type == kind), None)

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Pod:
        """Read a Pod object as the API gives it."""
        metadata = item.get("metadata") or {}
        spec = item.get("spec") or {}
        status = item.get("status") or {}
        controller = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
        return cls(
            name=str(metadata.get("name") or ""),
            namespace=str(metadata.get("namespace") or ""),
            uid=str(metadata.get("uid") or ""),
            node=str(spec.get("nodeName") or ""),
            phase=str(status.get("phase") or ""),
            reason=str(status.get("reason") or ""),
            message=str(status.get("message") or ""),
            created=parse_time(metadata.get("creationTimestamp")),
            deleted=parse_time(metadata.get("deletionTimestamp")),
            grace=int(metadata.get("deletionGracePeriodSeconds") or 0),
            owner=f"{controller.get('kind')}/{controller.get('name')}" if controller else "",
            labels=dict(metadata.get("labels") or {}),
            conditions=tuple(map(Condition.from_api, status.get("conditions") or ())),
            containers=(
                *(Container.from_api(c, init=True) for c in status.get("initContainerStatuses") or ()),
                *(Container.from_api(c) for c in status.get("containerStatuses") or ()),
            ),
            gates=tuple(str(g.get("conditionType") or "") for g in spec.get("readinessGates") or ()),
            finalizers=tuple(metadata.get("finalizers") or ()),
            mirror="kubernetes.io/config.mirror" in (metadata.get("annotations") or {}),
        )


@dataclass(frozen=True)
class Pods:
    """Every pod counted, and in full those that may not be well.

    A pod is a suspect unless its row of the API server's table proves that it is well; the checks look at suspects
    only. ``left_out`` counts by the row's status those suspects that there was no room for.
    """

    total: int
    suspects: tuple[Pod, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    per_node: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DaemonSet:
    """A DaemonSet: how many of its pods are wanted, current with its template, and ready."""

    name: str
    namespace: str
    uid: str
    desired: int
    updated: int
    ready: int
    generation: int = 0
    observed_generation: int = 0
    on_delete: bool = False

    @property
    def ref(self) -> Ref:
        """The DaemonSet as the target of a finding."""
        return Ref("DaemonSet", self.name, self.namespace, self.uid)

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> DaemonSet:
        """Read a DaemonSet object as the API gives it."""
        metadata = item.get("metadata") or {}
        status = item.get("status") or {}
        strategy = ((item.get("spec") or {}).get("updateStrategy") or {}).get("type")
        return cls(
            name=str(metadata.get("name") or ""),
            namespace=str(metadata.get("namespace") or ""),
            uid=str(metadata.get("uid") or ""),
            desired=int(status.get("desiredNumberScheduled") or 0),
            updated=int(status.get("updatedNumberScheduled") or 0),
            ready=int(status.get("numberReady") or 0),
            generation=int(metadata.get("generation") or 0),
            observed_generation=int(status.get("observedGeneration") or 0),
            on_delete=strategy == "OnDelete",
        )


@dataclass(frozen=True)
class Service:
    """A Service as its EndpointSlices show it.

    ``changed`` is the last change that its endpoints followed, ``unready`` the pods behind it that are not ready.
    """

    name: str
    namespace: str
    ready: int
    total: int
    changed: datetime | None = None
    unready: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """The Service as the target of a finding."""
        return Ref("Service", self.name, self.namespace)


@dataclass(frozen=True)
class Event:
    """A Warning event. ``target`` is what it is about; ``count`` how often it happened."""

    target: Ref
    reason: str
    message: str
    last: datetime | None
    count: int = 1


@dataclass(frozen=True)
class ApiEndpoint:
    """One API server, asked by itself.

    ``live`` and ``ready`` are None when it did not say so, or proved not to be a server of this cluster, and
    ``trouble`` says why; ``failed`` names the checks of its own that it reports as failed. ``given`` is the address
    that we were told to use. ``latency_ms`` is how long the answer to livez took, connecting left out, and None only
    when there was none at all.
    """

    address: str
    live: bool | None
    ready: bool | None
    latency_ms: float | None = None
    failed: tuple[str, ...] = ()
    trouble: str = ""
    given: bool = False
    certificate_expires: datetime | None = None

    @property
    def ref(self) -> Ref:
        """The endpoint as the target of a finding."""
        return Ref("Endpoint", self.address)


@dataclass(frozen=True)
class EtcdMember:
    """One member of etcd. ``healthy`` is None when nobody could ask it."""

    name: str
    healthy: bool | None
    learner: bool = False
    db_bytes: int | None = None
    quota_bytes: int | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Etcd:
    """etcd, as far as it could be looked at: asked itself (``direct``), or by its pods in kube-system."""

    members: tuple[EtcdMember, ...]
    alarms: tuple[str, ...] = ()
    leader: str = ""
    direct: bool = False

    @property
    def quorum(self) -> int:
        """How many voting members must agree."""
        return sum(not m.learner for m in self.members) // 2 + 1


@dataclass(frozen=True)
class Usage:
    """What a node uses, in cores and bytes, and what it has to give (None when that is not known)."""

    cpu_cores: float
    memory_bytes: int
    cpu_capacity: float | None = None
    memory_capacity: int | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class DiskUsage:
    """Used and whole bytes of a node's file systems by name (root, images); None where the kubelet does not say."""

    used: Mapping[str, int]
    capacity: Mapping[str, int]
    inodes_used: Mapping[str, int] = field(default_factory=dict)
    inodes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeResult:
    """What came of the probes of one Service port, through the API server's proxy. ``times_ms`` has the good ones."""

    service: Ref
    kind: str
    sent: int
    failed: int
    times_ms: tuple[float, ...] = ()
    trouble: str = ""
