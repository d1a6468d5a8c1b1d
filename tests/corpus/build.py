# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters out of raw API objects, as Kubernetes 1.34 writes them: healthy ones, and the faults that make them sick.

It knows Kubernetes (what the controllers do to other objects when a kubelet falls silent), and nothing of the checks.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

Raw = dict[str, Any]

NOW = datetime(2026, 11, 21, 3, 0, 0, tzinfo=UTC)
CLUSTER_UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
VERSION = "v1.34.4"
DAY = 86400
GIB = 2**30
# Seconds after which the node controller gives a silent kubelet up, and after which it evicts the node's pods.
GRACE = 50
EVICTION = 300
STATIC = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
KUBELET_CONDITIONS = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}


def ago(seconds: float) -> str:
    """The moment so many seconds before NOW, as metav1.Time."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(seconds: float) -> str:
    """The same as metav1.MicroTime."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def uid(*words: str) -> str:
    """A UID that is the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(words)))


def condition(kind: str, status: str, reason: str = "", message: str = "", since: float = DAY, beat: float = 20) -> Raw:
    """One condition of a node."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": ago(beat),
        "lastTransitionTime": ago(since),
    }


def node(
    name: str,
    number: int = 2,
    control_plane: bool = False,
    zone: str = "",
    network: tuple[str, str] | None = ("CalicoIsUp", "Calico is running on this node"),
    age: float = DAY,
) -> Raw:
    """A Ready node.

    :param number: the last part of its address.
    :param network: reason and message of its NetworkUnavailable condition; None when its CNI writes none.
    """
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    if zone:
        labels["topology.kubernetes.io/zone"] = zone
    spec: Raw = {"podCIDR": f"10.244.{number}.0/24"}
    spec["providerID"] = f"cloud:///{zone}/{name}" if zone else f"kind://docker/lab/{name}"
    if control_plane:
        spec["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    conditions = [condition(kind, *said, since=age - 20) for kind, said in KUBELET_CONDITIONS.items()]
    if network is not None:
        conditions.insert(0, condition("NetworkUnavailable", "False", *network, since=age - 20, beat=age - 20))
    amounts = {"cpu": "4", "memory": "8388608Ki", "pods": "110", "ephemeral-storage": "102687672Ki"}
    return {
        "metadata": {"name": name, "uid": uid("node", name), "creationTimestamp": ago(age), "labels": labels},
        "spec": spec,
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"10.203.0.{number}"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": dict(amounts),
            "allocatable": dict(amounts),
            "conditions": conditions,
            "nodeInfo": {
                "machineID": uid("machine", name).replace("-", ""),
                "bootID": uid("boot", name),
                "kubeletVersion": VERSION,
                "containerRuntimeVersion": "containerd://1.6.20",
            },
        },
    }


def lease(name: str, namespace: str = "kube-node-lease", age: float = 4, duration: int = 40, holder: str = "") -> Raw:
    """A Lease that was renewed so many seconds ago."""
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": uid("lease", namespace, name)},
        "spec": {
            "holderIdentity": holder or name,
            "leaseDurationSeconds": duration,
            "renewTime": micro(age),
        },
    }


def pod(
    namespace: str,
    name: str,
    node_name: str,
    owner: str = "",
    age: float = DAY,
    containers: Iterable[str] = ("app",),
    labels: Raw | None = None,
) -> Raw:
    """A pod that runs and is ready.

    :param owner: its controller as Kind/name.
    """
    names = list(containers)
    metadata: Raw = {
        "name": name,
        "namespace": namespace,
        "uid": uid("pod", namespace, name),
        "creationTimestamp": ago(age),
    }
    if labels:
        metadata["labels"] = labels
    if owner:
        kind, _slash, controller = owner.partition("/")
        metadata["ownerReferences"] = [
            {"apiVersion": _API.get(kind, "v1"), "kind": kind, "name": controller, "controller": True}
        ]
    return {
        "metadata": metadata,
        "spec": {"nodeName": node_name, "containers": [{"name": c, "image": f"registry.example/{c}:1"} for c in names]},
        "status": {
            "phase": "Running",
            "conditions": [
                pod_condition("Ready", "True", since=age - 5),
                pod_condition("ContainersReady", "True", since=age - 5),
                pod_condition("PodScheduled", "True", since=age),
            ],
            "containerStatuses": [running(c, age - 3) for c in names],
        },
    }


_API = {"ReplicaSet": "apps/v1", "DaemonSet": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1"}


def pod_condition(kind: str, status: str, reason: str = "", message: str = "", since: float = DAY) -> Raw:
    """One condition of a pod."""
    made = {"type": kind, "status": status, "lastTransitionTime": ago(since)}
    return made | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def running(name: str, age: float) -> Raw:
    """The status of a container that has run for so many seconds."""
    return {
        "name": name,
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": ago(age)}},
        "lastState": {},
    }


def terminated(reason: str, exit_code: int, finished: float, lasted: float = 5) -> Raw:
    """The state of a container that ended so many seconds ago."""
    state = {"exitCode": exit_code, "reason": reason, "startedAt": ago(finished + lasted), "finishedAt": ago(finished)}
    return {"terminated": state}


class Cluster:
    """A cluster that a fault can be done to; ``objects`` is what an observer would read."""

    def __init__(self) -> None:
        self.nodes: dict[str, Raw] = {}
        self.node_leases: dict[str, Raw] = {}
        self.pods: dict[str, Raw] = {}
        self.daemonsets: dict[str, Raw] = {}
        self.slices: dict[str, Raw] = {}
        self.events: list[Raw] = []
        self.component_leases: dict[str, Raw] = {}
        self.endpoints: list[Raw] = []
        self.etcd: Raw | str | None = None
        self.metrics: dict[str, Raw] | None = None
        self.disks: dict[str, Raw] | None = None
        self.probes: list[Raw] | None = []
        self.baseline: Raw | None = {"version": 1, "metrics": [], "looks": [], "learned": {}, "since": {}}
        self.watched: dict[str, list[Any]] = {}
        self.left_out: dict[str, int] = {}
        self.unread: dict[str, str] = {"disks": "policy.kubelet_summary is off"}
        self.local_time: str | None = ago(0)
        self.cluster_uid: str | None = CLUSTER_UID

    # --- what it is made of

    def add_node(self, name: str, **how: Any) -> Raw:
        """One more node, with its Lease and a pod of every DaemonSet."""
        how.setdefault("number", len(self.nodes) + 2)
        self.nodes[name] = node(name, **how)
        self.node_leases[name] = lease(name, age=2 + len(self.nodes) % 7)
        if self.metrics is not None:
            self.use(name, 0.4, 2 * GIB)
        age = how.get("age", DAY)
        for key in self.daemonsets:
            self._carry(key, name, age)
        if how.get("control_plane"):
            for part in STATIC:
                made = pod("kube-system", f"{part}-{name}", name, age=age, containers=(part,))
                made["metadata"]["annotations"] = {"kubernetes.io/config.mirror": uid("mirror", part, name)[:32]}
                made["metadata"]["labels"] = {"component": part, "tier": "control-plane"}
                made["metadata"]["ownerReferences"] = [
                    {"apiVersion": "v1", "kind": "Node", "name": name, "controller": True}
                ]
                self.add_pod(made)
            address = self.nodes[name]["status"]["addresses"][0]["address"]
            self.endpoints.append(endpoint(f"https://{address}:6443", given=not self.endpoints))
            if isinstance(self.etcd, dict):
                self.etcd["members"].append({"name": name, "healthy": True})
        return self.nodes[name]

    def remove_node(self, name: str) -> None:
        """The node and everything on it was never there."""
        del self.nodes[name]
        self.node_leases.pop(name, None)
        (self.metrics or {}).pop(name, None)
        for key in [key for key, made in self.pods.items() if made["spec"].get("nodeName") == name]:
            owner = self.pods.pop(key)["metadata"].get("ownerReferences", [{}])[0]
            if owner.get("kind") == "DaemonSet":
                self.count(f"kube-system/{owner['name']}", desired=-1, updated=-1, ready=-1)

    def add_pod(self, made: Raw) -> Raw:
        """Put a pod into the cluster."""
        self.pods[f"{made['metadata']['namespace']}/{made['metadata']['name']}"] = made
        return made

    def add_daemonset(self, name: str, namespace: str = "kube-system") -> None:
        """A DaemonSet that runs on every node."""
        self.daemonsets[f"{namespace}/{name}"] = {
            "metadata": {"name": name, "namespace": namespace, "uid": uid("ds", namespace, name), "generation": 1},
            "spec": {"updateStrategy": {"type": "RollingUpdate"}},
            "status": dict.fromkeys(_COUNTS, 0) | {"numberMisscheduled": 0, "observedGeneration": 1},
        }
        for each, raw in self.nodes.items():
            age = (NOW - datetime.fromisoformat(raw["metadata"]["creationTimestamp"])).total_seconds()
            self._carry(f"{namespace}/{name}", each, age)

    def _carry(self, key: str, node_name: str, age: float) -> None:
        namespace, _slash, name = key.partition("/")
        # Readable, where Kubernetes would write five random letters: labels name these pods.
        made = pod(namespace, f"{name}-{node_name}", node_name, f"DaemonSet/{name}", age, (name,))
        made["metadata"]["labels"] = {"k8s-app": name}
        self.add_pod(made)
        self.count(key, desired=1, updated=1, ready=1)

    def count(self, daemonset: str, desired: int = 0, updated: int = 0, ready: int = 0) -> None:
        """Add to the numbers of a DaemonSet's status."""
        status = self.daemonsets[daemonset]["status"]
        for field, by in zip(_COUNTS, (desired, desired, updated, ready, ready), strict=True):
            status[field] += by

    def carried(self, daemonset: str, node_name: str) -> Raw:
        """The pod of that DaemonSet (in kube-system) on that node."""
        return self.pods[f"kube-system/{daemonset}-{node_name}"]

    def add_deployment(self, namespace: str, name: str, nodes: Iterable[str], age: float = DAY) -> list[Raw]:
        """A Deployment with one pod on each of these nodes, behind a Service of its name."""
        made = []
        for number, each in enumerate(nodes, 1):
            one = pod(namespace, f"{name}-{number}", each, f"ReplicaSet/{name}-6c5d", age)
            one["metadata"]["labels"] = {"app": name}
            made.append(self.add_pod(one))
        self.add_service(namespace, name, made, age)
        return made

    def add_service(self, namespace: str, name: str, pods: Iterable[Raw] = (), age: float = DAY) -> Raw:
        """A Service, as its EndpointSlice shows it, in front of these pods."""
        slice_name = f"{name}-{uid(namespace, name)[:5]}"
        made = {
            "metadata": {
                "name": slice_name,
                "namespace": namespace,
                "uid": uid("slice", namespace, slice_name),
                "creationTimestamp": ago(age),
                "labels": {"kubernetes.io/service-name": name},
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": ago(age - 5)},
            },
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
            "endpoints": [behind(one) for one in pods] or None,
        }
        self.slices[f"{namespace}/{name}"] = made
        return made

    def use(self, name: str, cores: float, memory: int, age: float = 30) -> None:
        """What the metrics API says that a node uses."""
        if self.metrics is None:
            self.metrics = {}
        self.metrics[name] = {
            "metadata": {"name": name},
            "timestamp": ago(age),
            "window": "20s",
            "usage": {"cpu": f"{int(cores * 1e9)}n", "memory": f"{memory // 1024}Ki"},
        }

    def event(
        self, kind: str, name: str, reason: str, message: str, last: float, count: int = 1, namespace: str = ""
    ) -> None:
        """A Warning about an object."""
        where = namespace or "default"
        about = {"kind": kind, "name": name, "uid": uid(kind.lower(), *([namespace] if namespace else []), name)}
        self.events.append(
            {
                "metadata": {"name": f"{name}.{uid('event', str(len(self.events)))[:8]}", "namespace": where},
                "involvedObject": about | ({"namespace": namespace} if namespace else {}),
                "type": "Warning",
                "reason": reason,
                "message": message,
                "firstTimestamp": ago(last + 60 * (count - 1)),
                "lastTimestamp": ago(last),
                "count": count,
            }
        )

    # --- faults, with what the controllers make of them

    def say(
        self, name: str, kind: str, status: str, reason: str, message: str = "", since: float = DAY, beat: float = 8
    ) -> None:
        """A condition of a node becomes this."""
        conditions = self.nodes[name]["status"]["conditions"]
        made = condition(kind, status, reason, message, since, beat)
        for index, one in enumerate(conditions):
            if one["type"] == kind:
                conditions[index] = made
                return
        conditions.append(made)

    def not_ready(self, name: str, since: float, message: str) -> None:
        """The kubelet itself says that its node is not ready; it lives, so its Lease goes on.

        Nobody marks the pods then, as a real cluster shows (recorded/lab-containerd-stopped.json): the node controller
        does so only when it gives a silent kubelet up.
        """
        self.say(name, "Ready", "False", "KubeletNotReady", message, since)
        self.taint(name, "not-ready", since)
        if since >= EVICTION:
            self._evict(name, since - EVICTION)

    def silent(self, name: str, seconds: float, grace: float = GRACE) -> None:
        """The kubelet said its last word so many seconds ago, and the controllers have done what they then do."""
        self.node_leases[name]["spec"]["renewTime"] = micro(seconds)
        since = seconds - grace
        if since < 0:
            return
        for kind in KUBELET_CONDITIONS:
            message = "Kubelet stopped posting node status."
            self.say(name, kind, "Unknown", "NodeStatusUnknown", message, since, beat=seconds)
        self.taint(name, "unreachable", since)
        self._pods_not_ready(name, since)
        if since >= EVICTION:
            self._evict(name, since - EVICTION)

    def unwatched(self, name: str, seconds: float) -> None:
        """The kubelet died, and no controller-manager is there to notice: only the Lease stops."""
        self.node_leases[name]["spec"]["renewTime"] = micro(seconds)

    def taint(self, name: str, what: str, since: float) -> None:
        """The node controller's taints for a node that is not ready or cannot be reached."""
        taints = self.nodes[name]["spec"].setdefault("taints", [])
        for effect in ("NoSchedule", "NoExecute"):
            taints.append({"key": f"node.kubernetes.io/{what}", "effect": effect, "timeAdded": ago(since)})

    def cordon(self, name: str, since: float) -> None:
        """Somebody took the node out of scheduling."""
        self.nodes[name]["spec"]["unschedulable"] = True
        taints = self.nodes[name]["spec"].setdefault("taints", [])
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": ago(since)})

    def remove_pods(self, namespace: str) -> None:
        """The namespace is not there."""
        for named in (self.pods, self.slices):
            for key in [key for key in named if key.startswith(f"{namespace}/")]:
                del named[key]

    def remove_daemonset(self, name: str) -> None:
        """The DaemonSet (in kube-system) and its pods are not there."""
        del self.daemonsets[f"kube-system/{name}"]
        for each in self.nodes:
            self.pods.pop(f"kube-system/{name}-{each}", None)

    def daemonset_pod_starts(self, name: str, node_name: str, age: float) -> None:
        """The DaemonSet's pod on that node was made so many seconds ago, and is still starting."""
        made = self.carried(name, node_name)
        if _ready(made):
            self.count(f"kube-system/{name}", ready=-1)
        pulling(made, "ContainerCreating", "", age)

    def leave(self, key: str) -> None:
        """The pod is on its way out, so its Services do not count it any more."""
        for _key, each in self._endpoints_of(self.pods[key]):
            each["conditions"] |= {"ready": False, "serving": True, "terminating": True}

    def changed(self, made_slice: Raw, since: float) -> None:
        """The Service's endpoints followed a change so many seconds ago."""
        made_slice["metadata"]["annotations"]["endpoints.kubernetes.io/last-change-trigger-time"] = ago(since)

    def restarted(self, key: str, count: int, finished: float, reason: str = "Error", exit_code: int = 1) -> None:
        """Every container of the pod has been restarted so often, the last time so many seconds ago, and runs."""
        made = self.pods[key]
        for one in made["status"]["containerStatuses"]:
            one["restartCount"] = count
            one["lastState"] = terminated(reason, exit_code, finished)
            one["state"] = {"running": {"startedAt": ago(finished - 1)}}
        for one in made["status"]["conditions"]:
            if one["type"] in ("Ready", "ContainersReady"):
                one["lastTransitionTime"] = ago(finished - 2)

    def gpus(self, name: str, promised: str, offered: str) -> None:
        """What the GPU labels of a node promise, and what its kubelet offers."""
        self.nodes[name]["metadata"]["labels"]["nvidia.com/gpu.count"] = promised
        self.nodes[name]["status"]["capacity"]["nvidia.com/gpu"] = offered
        self.nodes[name]["status"]["allocatable"]["nvidia.com/gpu"] = offered

    def fill(self, share: float) -> None:
        """Every kubelet tells that so much of its disk is used."""
        self.unread.pop("disks", None)
        size = 100 * GIB
        one = {"used": {"root": int(share * size)}, "capacity": {"root": size}}
        inodes = {"inodes_used": {"root": 100000}, "inodes": {"root": 6553600}}
        self.disks = {name: {key: dict(value) for key, value in (one | inodes).items()} for name in sorted(self.nodes)}

    def probe(
        self, service: str, sent: int, failed: int, times: Iterable[float] = (), trouble: str = "", kind: str = "http"
    ) -> None:
        """The Service was probed, with these answers."""
        made = {"service": service, "kind": kind, "sent": sent, "failed": failed, "times_ms": list(times)}
        self.probes = [*(self.probes or ()), made | {"trouble": trouble}]

    def forsake(self, name: str) -> None:
        """Nobody but the cloud has ever spoken of the node: no status, no Lease, no pods on it."""
        del self.nodes[name]["status"]
        self.node_leases.pop(name)
        for one in self.on(name):
            owner = one["metadata"]["ownerReferences"][0]["name"]
            del self.pods[f"kube-system/{one['metadata']['name']}"]
            self.count(f"kube-system/{owner}", desired=-1, updated=-1, ready=-1)

    def evict(self, key: str, resource: str, since: float) -> None:
        """The kubelet has put the pod off its node, and its ReplicaSet has made another one elsewhere."""
        made = self.pods[key]
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        message = f"The node was low on resource: {resource}. Threshold quantity: 10Gi, available: 9Gi. "
        made["status"] |= {"phase": "Failed", "reason": "Evicted", "message": message, "containerStatuses": []}
        made["status"]["conditions"] = [
            pod_condition("DisruptionTarget", "True", "TerminationByKubelet", message, since),
            pod_condition("Ready", "False", "PodFailed", since=since),
            pod_condition("PodScheduled", "True", since=DAY),
        ]
        self.event("Pod", name, "Evicted", message, since, namespace=namespace)
        for slice_key, each in list(self._endpoints_of(made)):
            self.slices[slice_key]["endpoints"].remove(each)

    def usual(self, values: dict[str, float], days: int = 12) -> None:
        """Metrics had these values at every look of so many days, this one not counted."""
        first = int(NOW.timestamp()) - (days * DAY if days > 1 else 7200)
        looks = [[at, *values.values()] for at in range(first, int(NOW.timestamp()), 4 * 3600 if days > 1 else 1800)]
        self.baseline = {
            "version": 1,
            "metrics": list(values),
            "looks": looks,
            "learned": dict.fromkeys(values, 60 if days > 1 else 200),
            "since": dict.fromkeys(values, first),
        }

    def unseen(self, namespace: str, name: str, age: float) -> Raw:
        """A pod was made so many seconds ago, and no scheduler has looked at it."""
        made = self.add_pod(pod(namespace, name, "", "ReplicaSet/web-6c5d", age))
        del made["spec"]["nodeName"]
        made["status"] = {"phase": "Pending"}
        return made

    def forget_all(self, why: str) -> None:
        """Nothing could be read."""
        for named in (self.nodes, self.node_leases, self.pods, self.daemonsets, self.slices, self.component_leases):
            named.clear()
        self.events, self.etcd, self.metrics, self.disks, self.probes, self.baseline = [], None, None, None, None, None
        parts = ("identity", "nodes", "heartbeats", "pods", "daemonsets", "services", "events", "components", "etcd")
        self.unread = dict.fromkeys((*parts, "metrics", "disks", "probes", "baseline"), why)

    def on(self, name: str) -> list[Raw]:
        """The pods of a node."""
        return [made for made in self.pods.values() if made["spec"].get("nodeName") == name]

    def _pods_not_ready(self, name: str, since: float) -> None:
        for made in self.on(name):
            if made["status"].get("phase") == "Running":
                self.unready(made, since, containers=False)

    def _evict(self, name: str, since: float) -> None:
        for made in self.on(name):
            owner = (made["metadata"].get("ownerReferences") or [{}])[0]
            if owner.get("kind") in ("DaemonSet", "Node"):
                continue
            terminate(made, since)
            for _key, endpoint_of in self._endpoints_of(made):
                endpoint_of["conditions"] |= {"ready": False, "serving": False, "terminating": True}

    def _endpoints_of(self, made: Raw) -> Iterable[tuple[str, Raw]]:
        name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
        for key, one in self.slices.items():
            for each in one.get("endpoints") or ():
                target = each.get("targetRef") or {}
                if (target.get("namespace"), target.get("name")) == (namespace, name):
                    yield key, each

    def unready(self, made: Raw, since: float, containers: bool = True) -> None:
        """The pod is not ready, and those who count it have noticed.

        :param containers: its containers are not ready either; those of a dead node go on looking ready.
        """
        if made["status"].get("phase") == "Running" and _ready(made):
            owner = (made["metadata"].get("ownerReferences") or [{}])[0]
            if owner.get("kind") == "DaemonSet":
                self.count(f"{made['metadata']['namespace']}/{owner['name']}", ready=-1)
        names = ", ".join(c["name"] for c in made["spec"]["containers"])
        why = ("ContainersNotReady", f"containers with unready status: [{names}]") if containers else ("", "")
        for one in made["status"]["conditions"]:
            if one["type"] == "Ready" or (containers and one["type"] == "ContainersReady"):
                one.update(pod_condition(one["type"], "False", *why, since=since))
        if containers:
            for one in made["status"]["containerStatuses"]:
                one["ready"] = False
        for key, each in self._endpoints_of(made):
            each["conditions"] |= {"ready": False, "serving": False}
            said = self.slices[key]["metadata"]["annotations"]
            changed = "endpoints.kubernetes.io/last-change-trigger-time"
            said[changed] = max(said[changed], ago(since))

    def waiting(
        self, made: Raw, reason: str, message: str, since: float, restarts: int = 0, ended: Raw | None = None
    ) -> None:
        """The first container of the pod waits; ``ended`` is how it ended the last time."""
        self.unready(made, since)
        status = made["status"]["containerStatuses"][0]
        status |= {
            "started": False,
            "restartCount": restarts,
            "state": {"waiting": {"reason": reason, "message": message}},
        }
        if ended is not None:
            status["lastState"] = ended

    # --- what an observer reads

    def objects(self) -> Raw:
        """Every part, in the order of its names, so that the files do not change when this one is laid out anew."""
        return {
            "nodes": _ordered(self.nodes),
            "node_leases": _ordered(self.node_leases),
            "pods": _ordered(self.pods),
            "daemonsets": _ordered(self.daemonsets),
            "endpointslices": _ordered(self.slices),
            "events": self.events,
            "component_leases": _ordered(self.component_leases),
            "endpoints": self.endpoints,
            "etcd": self.etcd,
            "metrics": None if self.metrics is None else _ordered(self.metrics),
            "disks": self.disks,
            "probes": self.probes,
            "baseline": self.baseline,
            "watched": self.watched,
            "left_out": self.left_out,
        }


_COUNTS = (
    "currentNumberScheduled",
    "desiredNumberScheduled",
    "updatedNumberScheduled",
    "numberReady",
    "numberAvailable",
)


def _ordered(named: dict[str, Raw]) -> list[Raw]:
    return [named[key] for key in sorted(named)]


def _ready(made: Raw) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in made["status"]["conditions"])


def behind(made: Raw) -> Raw:
    """The endpoint of a ready pod."""
    meta = made["metadata"]
    octets = uuid.UUID(meta["uid"]).bytes
    return {
        "addresses": [f"10.244.{octets[0] % 64}.{octets[1]}"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": made["spec"].get("nodeName"),
        "targetRef": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
    }


def terminate(made: Raw, since: float, grace: int = 30) -> None:
    """The pod was deleted so many seconds ago; its deadline comes a grace period later."""
    made["metadata"]["deletionTimestamp"] = ago(since - grace)
    made["metadata"]["deletionGracePeriodSeconds"] = grace


def unscheduled(made: Raw, message: str, age: float, since: float | None = None) -> None:
    """No node would have the pod, since it was made or for so many seconds."""
    made["metadata"]["creationTimestamp"] = ago(age)
    made["spec"].pop("nodeName", None)
    why = pod_condition("PodScheduled", "False", "Unschedulable", message, since=age if since is None else since)
    made["status"] = {"phase": "Pending", "conditions": [why]}


def pulling(made: Raw, reason: str, message: str, age: float) -> None:
    """The pod waits for its image since it was made."""
    made["metadata"]["creationTimestamp"] = ago(age)
    names = [c["name"] for c in made["spec"]["containers"]]
    why = ("ContainersNotReady", f"containers with unready status: [{', '.join(names)}]")
    made["status"] = {
        "phase": "Pending",
        "conditions": [
            pod_condition("Ready", "False", *why, since=age),
            pod_condition("ContainersReady", "False", *why, since=age),
            pod_condition("PodScheduled", "True", since=age),
        ],
        "containerStatuses": [
            running(c, age)
            | {"ready": False, "started": False, "state": {"waiting": {"reason": reason, "message": message}}}
            for c in names
        ],
    }


def ended(made: Raw, phase: str, reason: str, exit_code: int, finished: float, lasted: float = 60) -> None:
    """The pod has ended, well or not."""
    well = phase == "Succeeded"
    made["metadata"]["creationTimestamp"] = ago(finished + lasted + 3)
    made["status"]["phase"] = phase
    why = ("PodCompleted", "") if well else ("PodFailed", "")
    for one in made["status"]["conditions"]:
        if one["type"] in ("Ready", "ContainersReady"):
            one.update(pod_condition(one["type"], "False", *why, since=finished))
    for one in made["status"]["containerStatuses"]:
        one |= {"ready": False, "started": False, "state": terminated(reason, exit_code, finished, lasted)}


def endpoint(address: str, latency: float | None = 6.5, given: bool = False, **how: Any) -> Raw:
    """An API server that is well."""
    year = (NOW + timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {"address": address, "live": True, "ready": True, "latency_ms": latency, "certificate_expires": year}
    return made | {"given": given} | how


def small(
    network: tuple[str, str] | None = ("CalicoIsUp", "Calico is running on this node"),
    cni: str = "calico-node",
    age: float = DAY,
) -> Cluster:
    """One control plane and two workers as kind makes them, with a shop on the workers; no metrics-server."""
    cluster = Cluster()
    cluster.etcd = "pods"
    cluster.add_node("lab-control-plane", control_plane=True, network=network, age=age)
    cluster.add_node("lab-worker", network=network, age=age - 15)
    cluster.add_node("lab-worker2", network=network, age=age - 15)
    cluster.add_daemonset(cni)
    cluster.add_daemonset("kube-proxy")
    for name in ("kube-controller-manager", "kube-scheduler"):
        holder = f"lab-control-plane_{uid(name)}"
        cluster.component_leases[name] = lease(name, "kube-system", 1, 15, holder)
    _basics(cluster, ("lab-worker", "lab-worker2"), age - 30)
    cluster.add_deployment("shop", "web", ("lab-worker", "lab-worker2"), age - 60)
    cluster.add_deployment("shop", "api", ("lab-worker2",), age - 60)
    _unmeasured(cluster)
    return cluster


def zones() -> Cluster:
    """Three zones of a cloud, each with a control plane and three workers; with metrics, etcd asked itself."""
    cluster = Cluster()
    cluster.metrics = {}
    cluster.etcd = {"members": [], "alarms": [], "leader": "cp-a", "direct": True}
    number = 2
    for letter in "abc":
        for name in (f"cp-{letter}", *(f"{letter}{n}" for n in (1, 2, 3))):
            cluster.add_node(
                name, number=number, control_plane=name.startswith("cp-"), zone=f"eu-1{letter}", age=30 * DAY
            )
            number += 1
    cluster.add_daemonset("calico-node")
    cluster.add_daemonset("kube-proxy")
    for name, holder in (("kube-controller-manager", "cp-b"), ("kube-scheduler", "cp-c")):
        cluster.component_leases[name] = lease(name, "kube-system", 1, 15, f"{holder}_{uid(name)}")
    _basics(cluster, ("a1", "b1"), 30 * DAY)
    cluster.add_deployment("shop", "web", ("a1", "a2", "b1", "b2", "c1", "c2"), 5 * DAY)
    cluster.add_deployment("shop", "api", ("a3", "b3", "c3"), 5 * DAY)
    return cluster


def _basics(cluster: Cluster, dns: Iterable[str], age: float) -> None:
    made = cluster.add_deployment("kube-system", "coredns", dns, age)
    cluster.slices["kube-system/kube-dns"] = cluster.slices.pop("kube-system/coredns")
    meta = cluster.slices["kube-system/kube-dns"]["metadata"]
    meta["name"], meta["labels"] = "kube-dns-x7k2p", {"kubernetes.io/service-name": "kube-dns"}
    for one in made:
        one["metadata"]["labels"] = {"k8s-app": "kube-dns"}
    cluster.add_service("default", "kubernetes", age=age)
    addresses = [one["address"].split("/")[2].split(":")[0] for one in cluster.endpoints]
    made_slice = cluster.slices["default/kubernetes"]
    made_slice["metadata"].pop("annotations")
    made_slice["endpoints"] = [{"addresses": [one], "conditions": {"ready": True}} for one in addresses]


def _unmeasured(cluster: Cluster) -> None:
    """As kind leaves it: no metrics API, and kubelets that nobody asks."""
    cluster.metrics = None
    cluster.unread["metrics"] = "the API server knows no metrics.k8s.io (no metrics-server)"
