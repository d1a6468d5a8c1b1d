# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a synthetic cluster, as etcd keeps them: their sizes and faults are those of large real clusters.

Pure: the same size and moment give the same objects, so that every contestant and every run sees the same cluster.
Nobody renews the Leases while a benchmark runs, so those of living nodes last for a day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

Object = dict[str, Any]

PODS_IN_NAMESPACE = 500
PODS_IN_SERVICE = 12
IMAGES_ON_NODE = 50
# Environment variables of a container: they bring a pod to its size.
SETTINGS = 22
# One node in so many is dead, and one pod in so many is sick.
DEAD_NODE_EVERY, DEAD_NODE_FIRST = 1000, 13
SICK_POD_EVERY, SICK_POD_FIRST = 100, 57
# One event in so many is a warning.
WARNING_EVERY = 3
# What peers that cannot take the whole cluster are given instead: the pods with this label.
SAMPLE_LABEL, SAMPLE_PODS = "bench.selfheal/sample", 5000
LIVING_LEASE_SECONDS = 86400
DEAD_SECONDS = 7200
DEAD_NODE = "DeadNode"


@dataclass(frozen=True)
class Size:
    """How many objects a cluster has."""

    name: str
    nodes: int
    pods: int
    slices: int
    events: int

    @property
    def sampled(self) -> int:
        """How many pods carry the label of the sample."""
        return min(self.pods, SAMPLE_PODS)


SIZES = {
    size.name: size
    for size in (
        Size("small", 50, 500, 42, 50),
        Size("A", 2000, 20000, 1667, 2000),
        Size("B", 5000, 150000, 12500, 15000),
    )
}
# The same density at each, so that one line shows the growth; the largest is B.
GROWTH = tuple(Size(f"grow-{nodes}", nodes, nodes * 30, nodes * 30 // 12, nodes * 3) for nodes in (50, 500, 5000))


# --- names


def node_name(index: int) -> str:
    """The name of a node."""
    return f"node-{index:05d}"


def namespace_of(pod: int) -> str:
    """The namespace of a pod, by the pod's number."""
    return f"team-{pod // PODS_IN_NAMESPACE:04d}"


def pod_name(index: int) -> str:
    """The name of a pod: that of its ReplicaSet, and five letters of its own."""
    letters = "bcdfghjklmnpqrstvwxz2456789"
    own = "".join(letters[index // len(letters) ** place % len(letters)] for place in range(5))
    return f"app-{index // PODS_IN_SERVICE:05d}-6d5f7b8c9d-{own}"


def is_dead(node: int) -> bool:
    """Whether a node is dead, by its number."""
    return node % DEAD_NODE_EVERY == DEAD_NODE_FIRST


def fault_of(pod: int, size: Size) -> str:
    """What is wrong with a pod; empty for a healthy one."""
    if is_dead(pod % size.nodes):
        return DEAD_NODE
    if pod % SICK_POD_EVERY != SICK_POD_FIRST:
        return ""
    names = list(FAULTS)
    return names[pod // SICK_POD_EVERY % len(names)]


def sick_pods(size: Size) -> dict[tuple[str, str], str]:
    """Namespace and name of every sick pod, with what is wrong with it."""
    faults = ((pod, fault_of(pod, size)) for pod in range(size.pods))
    return {(namespace_of(pod), pod_name(pod)): fault for pod, fault in faults if fault}


def stored(size: Size, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Every key of etcd with its value."""
    for key, value in objects(size, now):
        yield key, json.dumps(value, separators=(",", ":")).encode()


def objects(size: Size, now: datetime) -> Iterator[tuple[str, Object]]:
    """Every object with its key."""
    for index in range(size.nodes):
        yield f"/registry/minions/{node_name(index)}", node(index, now)
        yield f"/registry/leases/kube-node-lease/{node_name(index)}", node_lease(index, now)
    for name in ("kube-controller-manager", "kube-scheduler"):
        yield f"/registry/leases/kube-system/{name}", component_lease(name, now)
    for name in ("calico-node", "kube-proxy"):
        yield f"/registry/daemonsets/kube-system/{name}", daemonset(name, size, now)
    for index in range(size.pods):
        yield f"/registry/pods/{namespace_of(index)}/{pod_name(index)}", pod(index, size, now)
    for index in range(size.slices):
        made = endpoint_slice(index, size, now)
        metadata = made["metadata"]
        yield f"/registry/endpointslices/{metadata['namespace']}/{metadata['name']}", made
    for index in range(size.events):
        made = event(index, size, now)
        yield f"/registry/events/{made['metadata']['namespace']}/{made['metadata']['name']}", made


# --- pods


def pod(index: int, size: Size, now: datetime) -> Object:
    """A pod of about 10 kB, half of it managedFields."""
    fault = fault_of(index, size)
    made = _healthy_pod(index, size, now)
    if fault == DEAD_NODE:
        _on_dead_node(made, now)
    elif fault:
        FAULTS[fault](made, now)
    return made


def _healthy_pod(index: int, size: Size, now: datetime) -> Object:
    name, started = pod_name(index), _text(now - timedelta(days=3, seconds=index // PODS_IN_SERVICE % 1000))
    app, owner = name.rsplit("-", 2)[0], name.rsplit("-", 1)[0]
    labels = {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": app,
        "app.kubernetes.io/managed-by": "Helm",
        "pod-template-hash": "6d5f7b8c9d",
    }
    if index < size.sampled:
        labels[SAMPLE_LABEL] = "yes"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": f"{owner}-",
            "namespace": namespace_of(index),
            "uid": _uid(1, index),
            "creationTimestamp": started,
            "labels": labels,
            "annotations": {
                "checksum/config": f"{index:064x}",
                "cni.projectcalico.org/containerID": f"{index:064x}",
                "cni.projectcalico.org/podIP": f"{_address(index)}/32",
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "9090",
            },
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": owner,
                    "uid": _uid(2, index // PODS_IN_SERVICE),
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": _pod_managed_fields(started, _uid(2, index // PODS_IN_SERVICE)),
        },
        "spec": _pod_spec(app, node_name(index % size.nodes)),
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "hostIP": _node_address(index % size.nodes),
            "hostIPs": [{"ip": _node_address(index % size.nodes)}],
            "podIP": _address(index),
            "podIPs": [{"ip": _address(index)}],
            "startTime": started,
            "conditions": [
                _condition(kind, "True", started)
                for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [_running(app, started)],
        },
    }


def _pod_spec(app: str, node: str) -> Object:
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "containers": [
            {
                "name": app,
                "image": _image(app),
                "args": ["--config=/etc/app/config.yaml", "--listen=0.0.0.0:8080", "--log-level=info"],
                "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 9090, "protocol": "TCP"},
                ],
                "env": _variables(app),
                "resources": {
                    "limits": {"cpu": "1", "memory": "512Mi"},
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                },
                "volumeMounts": [
                    {"name": "config", "readOnly": True, "mountPath": "/etc/app"},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a path in a pod)
                ],
                "livenessProbe": probe,
                "readinessProbe": probe,
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "nodeName": node,
        "securityContext": {"fsGroup": 2000},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute"}
            for what in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


@lru_cache(maxsize=8)
def _variables(app: str) -> list[Object]:
    """The environment of the pods of one Service. Nobody changes it, so they share it."""
    variables: list[Object] = [
        {"name": f"{app.upper().replace('-', '_')}_SETTING_{number:02d}", "value": f"value-of-setting-{number:02d}"}
        for number in range(SETTINGS)
    ]
    where = {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}
    return [*variables, {"name": "POD_IP", "valueFrom": where}]


def _running(app: str, started: str) -> Object:
    return {
        "name": app,
        "state": {"running": {"startedAt": started}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": _image(app),
        "imageID": f"registry.example.com/shop/{app}@sha256:{7:064x}",
        "containerID": f"containerd://{11:064x}",
        "started": True,
    }


@lru_cache(maxsize=8)
def _pod_managed_fields(at: str, owner_uid: str) -> list[Object]:
    """What server-side bookkeeping adds to each pod: one entry of its controller, one of the kubelet."""
    variables = {
        f'k:{{"name":"APP_00000_SETTING_{number:02d}"}}': _leaves("name", "value") for number in range(SETTINGS)
    }
    probe = _leaves("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds")
    probe["f:httpGet"] = _leaves("path", "port", "scheme")
    container = {
        **_leaves("args", "image", "imagePullPolicy", "name", "terminationMessagePath", "terminationMessagePolicy"),
        "f:env": {".": {}, **variables, 'k:{"name":"POD_IP"}': {**_leaves("name"), "f:valueFrom": _leaves("fieldRef")}},
        "f:livenessProbe": probe,
        "f:readinessProbe": probe,
        "f:ports": {
            f'k:{{"containerPort":{port},"protocol":"TCP"}}': _leaves("containerPort", "name", "protocol")
            for port in (8080, 9090)
        },
        "f:resources": {"f:limits": _leaves("cpu", "memory"), "f:requests": _leaves("cpu", "memory")},
        "f:securityContext": _leaves("allowPrivilegeEscalation", "runAsNonRoot"),
        "f:volumeMounts": {
            f'k:{{"mountPath":"{path}"}}': _leaves("mountPath", "name", "readOnly") for path in ("/etc/app", "/scratch")
        },
    }
    spec = {
        "f:containers": {'k:{"name":"app-00000"}': container},
        "f:volumes": {
            'k:{"name":"config"}': {**_leaves("name"), "f:configMap": _leaves("defaultMode", "name")},
            'k:{"name":"tmp"}': _leaves("emptyDir", "name"),
        },
        **_leaves(
            *("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName", "securityContext", "serviceAccount"),
            *("serviceAccountName", "terminationGracePeriodSeconds", "tolerations"),
        ),
    }
    metadata = {
        "f:annotations": _leaves("checksum/config", "prometheus.io/port", "prometheus.io/scrape"),
        "f:generateName": {},
        "f:labels": _leaves(
            *("app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/name"),
            "pod-template-hash",
        ),
        "f:ownerReferences": {".": {}, f'k:{{"uid":"{owner_uid}"}}': {}},
    }
    conditions = {
        f'k:{{"type":"{kind}"}}': _leaves("lastProbeTime", "lastTransitionTime", "status", "type")
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
    }
    status = {
        "f:conditions": conditions,
        **_leaves("containerStatuses", "hostIP", "hostIPs", "phase", "podIP", "startTime"),
        "f:podIPs": {".": {}, 'k:{"ip":"10.128.0.1"}': _leaves("ip")},
    }
    return [
        _manager("kube-controller-manager", at, {"f:metadata": metadata, "f:spec": spec}),
        _manager("calico", at, {"f:metadata": {"f:annotations": _leaves("cni.projectcalico.org/podIP")}}, "status"),
        _manager("kubelet", at, {"f:status": status}, "status"),
    ]


# --- what can be wrong with a pod


def _crash_loop(made: Object, now: datetime) -> None:
    _waiting(made, now, "CrashLoopBackOff", "back-off 5m0s restarting failed container", restarts=42)
    last = {"exitCode": 1, "reason": "Error", "finishedAt": _text(now - timedelta(seconds=200)), "startedAt": _old(now)}
    made["status"]["containerStatuses"][0]["lastState"] = {"terminated": last}


def _image_pull(made: Object, now: datetime) -> None:
    _waiting(made, now, "ImagePullBackOff", "Back-off pulling image", restarts=0)
    made["status"]["phase"] = "Pending"


def _oom_killed(made: Object, now: datetime) -> None:
    """Its row says "Running 1/1": only the restarts, and how long ago the last one was, give it away."""
    killed = _text(now - timedelta(seconds=600))
    container = made["status"]["containerStatuses"][0]
    last = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": killed, "startedAt": _old(now)}
    container.update(restartCount=3, lastState={"terminated": last}, state={"running": {"startedAt": killed}})


def _gate_closed(made: Object, now: datetime) -> None:
    """All its containers are ready; a load balancer has not taken it up, so the pod is not."""
    gate = "target-health.elbv2.k8s.aws/shop"
    made["spec"]["readinessGates"] = [{"conditionType": gate}]
    made["status"]["conditions"].append(_condition(gate, "False", _old(now)))
    _set_condition(made, "Ready", "False", _old(now), "ReadinessGatesNotReady")


def _not_ready(made: Object, now: datetime) -> None:
    made["status"]["containerStatuses"][0]["ready"] = False
    for kind in ("Ready", "ContainersReady"):
        _set_condition(made, kind, "False", _old(now), "ContainersNotReady")


def _unschedulable(made: Object, now: datetime) -> None:
    del made["spec"]["nodeName"]
    message = "0/5000 nodes are available: 5000 Insufficient cpu. preemption: 0/5000 nodes are available."
    scheduled = {**_condition("PodScheduled", "False", _old(now)), "reason": "Unschedulable", "message": message}
    made["status"] = {"phase": "Pending", "qosClass": "Burstable", "conditions": [scheduled]}


def _failed(made: Object, now: datetime) -> None:
    made["status"] = {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 8Gi.",
        "startTime": _old(now),
    }


def _terminating(made: Object, now: datetime) -> None:
    made["metadata"].update(
        deletionTimestamp=_old(now), deletionGracePeriodSeconds=30, finalizers=["example.com/never-removed"]
    )


def _init_waits(made: Object, now: datetime) -> None:
    container = made["spec"]["containers"][0]
    made["spec"]["initContainers"] = [{**container, "name": "migrate"}]
    for gone in ("livenessProbe", "readinessProbe", "ports"):
        made["spec"]["initContainers"][0].pop(gone)
    app = container["name"]
    waiting = {"waiting": {"reason": "PodInitializing"}}
    made["status"]["phase"] = "Pending"
    made["status"]["initContainerStatuses"] = [{**_running("migrate", _old(now)), "ready": False}]
    made["status"]["containerStatuses"] = [
        {**_running(app, _old(now)), "ready": False, "started": False, "state": waiting, "containerID": ""}
    ]
    for kind in ("Initialized", "Ready", "ContainersReady"):
        _set_condition(made, kind, "False", _old(now), "ContainersNotInitialized")


def _on_dead_node(made: Object, now: datetime) -> None:
    """Nobody is left who could say that the containers are not ready, so the row goes on saying "Running 1/1"."""
    _set_condition(made, "Ready", "False", _text(now - timedelta(seconds=DEAD_SECONDS - 60)), "NodeNotReady")


FAULTS: dict[str, Callable[[Object, datetime], None]] = {
    "CrashLoopBackOff": _crash_loop,
    "ImagePullBackOff": _image_pull,
    "OOMKilled": _oom_killed,
    "ReadinessGate": _gate_closed,
    "NotReady": _not_ready,
    "Pending": _unschedulable,
    "Failed": _failed,
    "Terminating": _terminating,
    "InitContainer": _init_waits,
}


def _waiting(made: Object, now: datetime, reason: str, message: str, restarts: int) -> None:
    state = {"waiting": {"reason": reason, "message": message}}
    container = made["status"]["containerStatuses"][0]
    container.update(ready=False, started=False, restartCount=restarts, state=state)
    for kind in ("Ready", "ContainersReady"):
        _set_condition(made, kind, "False", _old(now), "ContainersNotReady")


def _set_condition(made: Object, kind: str, status: str, at: str, reason: str) -> None:
    for condition in made["status"]["conditions"]:
        if condition["type"] == kind:
            condition.update(status=status, lastTransitionTime=at, reason=reason)


# --- nodes and Leases


def node(index: int, now: datetime) -> Object:
    """A node of about 13.9 kB with 50 images."""
    name, at = node_name(index), _text(now - timedelta(days=30))
    since = _text(now - timedelta(seconds=DEAD_SECONDS)) if is_dead(index) else at
    resources = {
        "cpu": "64",
        "ephemeral-storage": "497876Mi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "263856Mi",
        "pods": "110",
    }
    pressures = {
        "NetworkUnavailable": ("CalicoIsUp", "Calico is running on this node"),
        "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    }
    conditions = [_node_condition(kind, "False", at, *said) for kind, said in pressures.items()]
    conditions.append(_node_condition("Ready", "True", at, "KubeletReady", "kubelet is posting ready status"))
    if is_dead(index):
        for condition in conditions[1:]:
            condition.update(
                status="Unknown",
                lastTransitionTime=since,
                lastHeartbeatTime=since,
                reason="NodeStatusUnknown",
                message="Kubelet stopped posting node status.",
            )
    taints = [
        {"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": since}
        for effect in ("NoSchedule", "NoExecute")
        if is_dead(index)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": _uid(3, index),
            "creationTimestamp": at,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "m6i.16xlarge",
                "topology.kubernetes.io/region": "eu-central-1",
                "topology.kubernetes.io/zone": f"eu-central-1{'abc'[index % 3]}",
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "projectcalico.org/IPv4Address": f"{_node_address(index)}/20",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
            "managedFields": _node_managed_fields(at),
        },
        "spec": {"podCIDR": "10.128.0.0/24", **({"taints": taints} if taints else {})},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": _node_address(index)},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": f"{index:032x}",
                "systemUUID": _uid(4, index),
                "bootID": _uid(5, index),
                "kernelVersion": "6.1.0-31-amd64",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": "v1.34.4",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
            "images": [
                {
                    "names": [
                        f"registry.example.com/shop/service-{number:05d}@sha256:{number * 7919:064x}",
                        _image(f"app-{number:05d}"),
                    ],
                    "sizeBytes": 100_000_000 + number,
                }
                for number in range(IMAGES_ON_NODE)
            ],
        },
    }


def _node_managed_fields(at: str) -> list[Object]:
    conditions = {
        f'k:{{"type":"{kind}"}}': _leaves("lastHeartbeatTime", "lastTransitionTime", "message", "reason", "status")
        for kind in ("DiskPressure", "MemoryPressure", "PIDPressure", "Ready")
    }
    status = {"f:conditions": conditions, **_leaves("images", "allocatable", "capacity", "nodeInfo")}
    labels = ("beta.kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os", "topology.kubernetes.io/zone")
    return [
        _manager("kubelet", at, {"f:metadata": {"f:labels": _leaves(*labels)}}),
        _manager("kubelet", at, {"f:status": status}, "status"),
    ]


def node_lease(index: int, now: datetime) -> Object:
    """The Lease that a kubelet renews."""
    name = node_name(index)
    made = _lease(name, "kube-node-lease", _uid(6, index), now - timedelta(seconds=index % 10))
    if is_dead(index):
        made["spec"].update(renewTime=_micro(now - timedelta(seconds=DEAD_SECONDS)), leaseDurationSeconds=40)
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": _uid(3, index)}
    made["metadata"]["ownerReferences"] = [owner]
    return made


def component_lease(name: str, now: datetime) -> Object:
    """The Lease of a part of the control plane."""
    return _lease(name, "kube-system", _uid(7, len(name)), now)


def _lease(name: str, namespace: str, uid: str, renewed: datetime) -> Object:
    at = _text(renewed - timedelta(days=30))
    spec = _leaves("acquireTime", "holderIdentity", "leaseDurationSeconds", "leaseTransitions", "renewTime")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "creationTimestamp": at,
            "managedFields": [_manager("kubelet", at, {"f:spec": spec})],
        },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LIVING_LEASE_SECONDS,
            "renewTime": _micro(renewed),
        },
    }


# --- what stands around the pods


def daemonset(name: str, size: Size, now: datetime) -> Object:
    """A DaemonSet that carries the nodes, whose controller has not noticed yet that some of them are dead."""
    labels = {"k8s-app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "uid": _uid(8, len(name)),
            "creationTimestamp": _text(now - timedelta(days=30)),
            "generation": 1,
        },
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": _image(name)}], "hostNetwork": True},
            },
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        },
        "status": {
            "currentNumberScheduled": size.nodes,
            "desiredNumberScheduled": size.nodes,
            "numberAvailable": size.nodes,
            "numberMisscheduled": 0,
            "numberReady": size.nodes,
            "observedGeneration": 1,
            "updatedNumberScheduled": size.nodes,
        },
    }


def endpoint_slice(index: int, size: Size, now: datetime) -> Object:
    """The EndpointSlice of the Service that twelve pods in a row stand behind, of about 4.4 kB."""
    first = index * PODS_IN_SERVICE % size.pods
    members = range(first, min(first + PODS_IN_SERVICE, size.pods))
    app, namespace, at = f"app-{index:05d}", namespace_of(first), _text(now - timedelta(days=3))
    endpoints = []
    for member in members:
        # A dead node's pod is marked not ready too; of the sick ones only a container that was killed is back.
        ready = fault_of(member, size) in ("", "OOMKilled")
        endpoints.append(
            {
                "addresses": [_address(member)],
                "conditions": {"ready": ready, "serving": ready, "terminating": False},
                "nodeName": node_name(member % size.nodes),
                "zone": f"eu-central-1{'abc'[member % size.nodes % 3]}",
                "targetRef": {
                    "kind": "Pod",
                    "namespace": namespace_of(member),
                    "name": pod_name(member),
                    "uid": _uid(1, member),
                },
            }
        )
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": app,
        "uid": _uid(9, index),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    fields: Object = {
        "f:addressType": {},
        "f:endpoints": {},
        "f:ports": {},
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{app}-{index % 97:05d}",
            "generateName": f"{app}-",
            "namespace": namespace,
            "uid": _uid(10, index),
            "creationTimestamp": at,
            "generation": 7,
            "labels": {
                "app.kubernetes.io/name": app,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": app,
            },
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": at},
            "ownerReferences": [owner],
            "managedFields": [_manager("kube-controller-manager", at, fields)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [
            {"name": "http", "protocol": "TCP", "port": 8080},
            {"name": "metrics", "protocol": "TCP", "port": 9090},
        ],
    }


def event(index: int, size: Size, now: datetime) -> Object:
    """An event about a pod; every third is a warning."""
    about = index * 7 % size.pods
    warning = index % WARNING_EVERY == 0
    at = _text(now - timedelta(seconds=60 + index % 3000))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{pod_name(about)}.{index:016x}",
            "namespace": namespace_of(about),
            "uid": _uid(11, index),
            "creationTimestamp": at,
        },
        "involvedObject": {
            "kind": "Pod",
            "namespace": namespace_of(about),
            "name": pod_name(about),
            "uid": _uid(1, about),
            "apiVersion": "v1",
        },
        "reason": "Unhealthy" if warning else "Pulled",
        "message": (
            "Readiness probe failed: HTTP probe failed with statuscode: 503"
            if warning
            else "Container image is already present on machine"
        ),
        "source": {"component": "kubelet", "host": node_name(about % size.nodes)},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1 + index % 5,
        "type": "Warning" if warning else "Normal",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": node_name(about % size.nodes),
    }


# --- small parts


def _condition(kind: str, status: str, at: str) -> Object:
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": at}


def _node_condition(kind: str, status: str, at: str, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": at,
        "lastTransitionTime": at,
        "reason": reason,
        "message": message,
    }


def _manager(name: str, at: str, fields: Object, subresource: str = "") -> Object:
    made = {
        "manager": name,
        "operation": "Update",
        "apiVersion": "v1",
        "time": at,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**made, "subresource": subresource} if subresource else made


def _leaves(*names: str) -> Object:
    return {".": {}, **{f"f:{name}": {} for name in names}}


def _image(app: str) -> str:
    return f"registry.example.com/shop/{app}:2026.11.3-release"


def _address(pod: int) -> str:
    return f"10.{128 + (pod >> 16)}.{pod >> 8 & 255}.{pod & 255}"


def _node_address(node: int) -> str:
    return f"172.16.{node >> 8}.{node & 255}"


def _uid(kind: int, index: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{index:012x}"


def _old(now: datetime) -> str:
    """Long ago enough for every threshold."""
    return _text(now - timedelta(seconds=DEAD_SECONDS))


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
