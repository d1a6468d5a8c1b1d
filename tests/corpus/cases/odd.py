# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts that could not be read, and objects as nobody should write them."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    CLUSTER_UID,
    GIB,
    Cluster,
    ago,
    lease,
    pod,
    running,
    small,
    terminated,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import pods, snapshot

# What is not known about a healthy cluster without that part; parts that only make for warnings are named, no more.
UNREAD = {
    "identity": "unknown",
    "nodes": "unknown",
    "heartbeats": "unknown",
    "pods": "unknown",
    "daemonsets": "unknown",
    "services": "unknown",
    "components": "unknown",
    "endpoints": "unknown",
    "etcd": "unknown",
    "probes": "unknown",
    "events": "healthy",
    "metrics": "healthy",
    "disks": "healthy",
    "baseline": "healthy",
}


def _measured() -> Cluster:
    cluster = small()
    for name in cluster.nodes:
        cluster.use(name, 0.4, 2 * GIB)
    cluster.unread.clear()
    cluster.fill(0.4)
    return cluster


def unread(part: str, verdict: str) -> None:
    """The snapshot of a healthy cluster without one part."""

    def lose(cluster: Cluster) -> None:
        cluster.unread[part] = "HTTP 403: forbidden for system:serviceaccount:self-healing:selfheal-healer"
        if part == "identity":
            cluster.cluster_uid = None

    lose.__name__ = f"unread_{part}"
    snapshot(_measured, f"A healthy cluster of which {part} could not be read.", verdict=verdict)(lose)


for each, said in UNREAD.items():
    unread(each, said)


@snapshot(
    small,
    "A dead node, while neither Leases nor pods could be read: what is known is said all the same.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/kube-proxy"),
)
def unread_leases_and_pods_with_a_dead_node(cluster: Cluster) -> None:
    cluster.silent("lab-worker", 400)
    cluster.unread |= {"heartbeats": "timed out after 10 s", "pods": "HTTP 500"}


@snapshot(small, "The API server answers, and lists no node at all.", verdict="unknown")
def odd_no_nodes(cluster: Cluster) -> None:
    for name in list(cluster.nodes):
        cluster.remove_node(name)
    cluster.remove_pods("shop")


@snapshot(
    small,
    "A node's name is no name of a node, so the list of nodes is not to be trusted.",
    verdict="unknown",
)
def odd_name_of_a_node(cluster: Cluster) -> None:
    cluster.nodes["lab-worker"]["metadata"]["name"] = "lab-worker; reboot"


@snapshot(
    small,
    "Objects with hardly a field in them: a node, a Lease, pods, a DaemonSet, slices, an event.",
    ("NodeReady", "ReadyConditionMissing", "Node bare"),
    ("NodeHeartbeat", "HeartbeatAbsent", "Node barer"),
    ("NodeReady", "ReadyConditionMissing", "Node barer"),
    ("NodeNeverJoined", "NodeAgeUnknown", "Node barer"),
    ("PodNotReady", "PodPhaseUnknown", "Pod odd/nothing"),
    ("PodNotReady", "ContainersNotReady", "Pod odd/runs"),
    ("ServiceEndpoints", "NoEndpoints", "Service odd/ghost"),
    verdict="unknown",
)
def odd_absent_fields(cluster: Cluster) -> None:
    cluster.nodes["bare"] = {"metadata": {"name": "bare"}}
    cluster.node_leases["bare"] = lease("bare")
    cluster.nodes["barer"] = {"metadata": {"name": "barer"}, "spec": None, "status": None}
    cluster.node_leases["barer"] = {"metadata": {"name": "barer"}}
    cluster.add_pod({"metadata": {"name": "nothing", "namespace": "odd"}})
    cluster.add_pod({"metadata": {"name": "young", "namespace": "odd", "creationTimestamp": ago(10)}, "status": {}})
    cluster.add_pod(
        {
            "metadata": {"name": "runs", "namespace": "odd"},
            "spec": {"nodeName": "lab-worker"},
            "status": {"phase": "Running", "conditions": None, "containerStatuses": None},
        }
    )
    cluster.daemonsets["odd/nothing"] = {"metadata": {"name": "nothing", "namespace": "odd"}}
    cluster.slices["odd/ghost"] = {
        "metadata": {"name": "ghost-1", "namespace": "odd", "labels": {"kubernetes.io/service-name": "ghost"}},
        "addressType": "IPv4",
    }
    cluster.slices["odd/unlabelled"] = {"metadata": {"name": "unlabelled", "namespace": "odd"}, "endpoints": None}
    cluster.events.append({"metadata": {"name": "nothing", "namespace": "odd"}, "type": "Warning"})


@snapshot(
    small,
    "Times from the future, as a node with a wrong clock writes them: what is wrong is told, since when is not.",
    ("NodeReady", "ContainerRuntimeDown", "Node lab-worker"),
    ("NodeDiskPressure", "KubeletHasDiskPressure", "Node lab-worker2"),
    *pods(
        "PodNotReady",
        "PodOnUnreadyNode",
        *(
            "kube-system/calico-node-lab-worker",
            "kube-system/kube-proxy-lab-worker",
            "kube-system/coredns-1",
            "shop/web-1",
        ),
    ),
    ("PodOOM", "OOMKilled", "Pod shop/web-2"),
    ("ServiceEndpoints", "NoEndpoints", "Service shop/late"),
)
def odd_times_from_the_future(cluster: Cluster) -> None:
    cluster.say("lab-worker", "Ready", "False", "KubeletNotReady", "PLEG is not healthy", since=-600)
    cluster.say("lab-worker2", "DiskPressure", "True", "KubeletHasDiskPressure", "", since=-600)
    made = cluster.pods["shop/web-2"]["status"]["containerStatuses"][0]
    made |= {"restartCount": 1, "lastState": terminated("OOMKilled", 137, -300)}
    cluster.add_pod(pod("shop", "tomorrow", "lab-worker2", age=-900))
    cluster.changed(cluster.add_service("shop", "late"), -300)


@snapshot(
    small,
    "Times that are none, and a node that has not been Ready since one of them.",
    ("NodeReady", "ReadyTransitionTimeMissing", "Node lab-worker"),
    *pods(
        "PodNotReady",
        "PodOnUnreadyNode",
        *(
            "kube-system/calico-node-lab-worker",
            "kube-system/kube-proxy-lab-worker",
            "kube-system/coredns-1",
            "shop/web-1",
        ),
    ),
    verdict="unknown",
)
def odd_times_that_are_none(cluster: Cluster) -> None:
    cluster.say("lab-worker", "Ready", "False", "KubeletNotReady", "PLEG is not healthy")
    cluster.nodes["lab-worker"]["status"]["conditions"][-1]["lastTransitionTime"] = "yesterday"
    cluster.pods["shop/web-2"]["metadata"]["creationTimestamp"] = "2026-13-45T99:00:00Z"
    cluster.pods["shop/web-2"]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = ""


@snapshot(
    small,
    "A pod is bound to a node that is not there any more.",
    ("PodNotReady", "PodOnUnreadyNode", "Pod shop/orphan"),
    verdict="healthy",
)
def odd_pod_of_a_node_that_is_gone(cluster: Cluster) -> None:
    cluster.add_pod(pod("shop", "orphan", "lab-worker9", "ReplicaSet/web-6c5d"))


@snapshot(
    small,
    "Containers in states that contradict each other, or in none.",
    ("PodNotReady", "ContainersNotReady", "Pod odd/stateless"),
    ("PodNotReady", "ContainersNotReady", "Pod odd/between"),
    ("PodRestarts", "TooManyRestarts", "Pod odd/between"),
)
def odd_states_of_containers(cluster: Cluster) -> None:
    stateless = cluster.add_pod(pod("odd", "stateless", "lab-worker", "ReplicaSet/odd-1"))
    cluster.unready(stateless, 400)
    stateless["status"]["containerStatuses"] = [{"name": "app"}]
    # Between two crashes, before the kubelet calls it a back-off.
    between = cluster.add_pod(pod("odd", "between", "lab-worker", "ReplicaSet/odd-1"))
    cluster.unready(between, 400)
    between["status"]["containerStatuses"][0] |= {"restartCount": 9, "lastState": terminated("Error", 1, 400)}
    between["status"]["containerStatuses"][0]["state"] = terminated("Error", 1, 3)
    both = cluster.add_pod(pod("odd", "both", "lab-worker", "ReplicaSet/odd-1"))
    both["status"]["containerStatuses"] = [running("app", 600), running("app", 600)]


@snapshot(
    small,
    "Another cluster's UID, a label without a value, an annotation that looks like ours: nothing is wrong.",
)
def odd_but_healthy(cluster: Cluster) -> None:
    cluster.cluster_uid = CLUSTER_UID[::-1]
    meta = cluster.nodes["lab-worker"]["metadata"]
    meta["labels"] |= {"nvidia.com/gpu.count": "0", "topology.kubernetes.io/zone": ""}
    meta["annotations"] = {"selfheal.kubernetes/paused": "x"}
