# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes that are sick, or about which nobody can say."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus import build
from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    GIB,
    Cluster,
    ago,
    micro,
    pod,
    small,
    zones,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import Found, hour, pods, snapshot

# The node agents of a node that is not Ready are missing there: told beside the node itself, as warnings.
AGENTS: list[Found] = [
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/kube-proxy"),
]
ON_WORKER = ("kube-system/calico-node-lab-worker", "kube-system/kube-proxy-lab-worker")
APPS_ON_WORKER = ("kube-system/coredns-1", "shop/web-1")


@snapshot(
    small,
    "The kubelet of a worker was stopped 400 seconds ago; its Lease stood still while it was watched.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    *AGENTS,
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER),
    near_miss="NetworkPartition",
)
def node_kubelet_stopped(cluster: Cluster) -> None:
    cluster.silent("lab-worker", 400)
    cluster.watched["lab-worker"] = [False, 12]


@snapshot(
    small,
    "A kubelet was stopped 55 seconds ago: the node has just become Unknown, and nobody watched its Lease.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatExpired", "Node lab-worker"),
    *AGENTS,
)
def node_kubelet_stopped_a_minute_ago(cluster: Cluster) -> None:
    cluster.silent("lab-worker", 55)


@snapshot(
    small,
    "A kubelet was stopped 45 seconds ago: its Lease has run out, the node controller has not noticed.",
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    verdict="unhealthy",
)
def node_kubelet_stopped_just_now(cluster: Cluster) -> None:
    cluster.silent("lab-worker", 45)
    cluster.watched["lab-worker"] = [False, 12]


@snapshot(
    small,
    "containerd on a worker is down for 400 seconds; the kubelet lives and says so, its Lease goes on.",
    ("NodeReady", "ContainerRuntimeDown", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER),
)
def node_runtime_down(cluster: Cluster) -> None:
    cluster.not_ready(
        "lab-worker", 400, "container runtime is down, PLEG is not healthy: pleg was last seen active 7m1s ago"
    )


@snapshot(
    small,
    "The kubelet of a worker has said for 400 seconds that it is not ready, for a reason that is nobody else's.",
    ("NodeReady", "NodeNotReady", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER),
)
def node_not_ready(cluster: Cluster) -> None:
    cluster.not_ready(
        "lab-worker", 400, "[CSINode is not yet initialized, missing node capacity for resources: memory]"
    )


@snapshot(
    small,
    "The network configuration of a worker is gone for 400 seconds: new pods get no address, the old ones run on.",
    ("NodeReady", "PodNetworkDown", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER),
)
def node_network_configuration_gone(cluster: Cluster) -> None:
    cluster.not_ready(
        "lab-worker",
        400,
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin"
        " returns error: cni plugin not initialized",
    )


@snapshot(
    small,
    "A worker died 15 minutes ago, long after the controller-manager: the node stays Ready, its pods stay 1/1.",
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    ("Controllers", "ControllerLeaseStopped", "ControlPlane kube-controller-manager"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER, *APPS_ON_WORKER),
    near_miss="ControlPlaneBrownout",
)
def node_dead_and_still_ready(cluster: Cluster) -> None:
    cluster.unwatched("lab-worker", 900)
    cluster.watched["lab-worker"] = [False, 12]
    cluster.component_leases["kube-controller-manager"]["spec"]["renewTime"] = micro(3600)
    cluster.watched["kube-controller-manager"] = [False, 12]


@snapshot(
    small,
    "A worker's Lease is 100 seconds old, the node is Ready, and nobody has watched whether the Lease moves.",
    ("NodeHeartbeat", "HeartbeatExpired", "Node lab-worker"),
    verdict="unknown",
)
def node_heartbeat_expired(cluster: Cluster) -> None:
    cluster.unwatched("lab-worker", 100)


@snapshot(
    small,
    "A worker that is Ready has no Lease at all.",
    ("NodeHeartbeat", "HeartbeatAbsent", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER, *APPS_ON_WORKER),
    verdict="unknown",
)
def node_heartbeat_absent(cluster: Cluster) -> None:
    del cluster.node_leases["lab-worker"]


@snapshot(
    small,
    "The status of a worker has no Ready condition; its Lease is renewed.",
    ("NodeReady", "ReadyConditionMissing", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER, *APPS_ON_WORKER),
    verdict="unknown",
)
def node_without_ready_condition(cluster: Cluster) -> None:
    conditions = cluster.nodes["lab-worker"]["status"]["conditions"]
    conditions[:] = [one for one in conditions if one["type"] != "Ready"]


@snapshot(
    small,
    "A worker is not Ready, and its condition does not say since when.",
    ("NodeReady", "ReadyTransitionTimeMissing", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER, *APPS_ON_WORKER),
    verdict="unknown",
)
def node_not_ready_since_nobody_knows_when(cluster: Cluster) -> None:
    cluster.say("lab-worker", "Ready", "False", "KubeletNotReady", "PLEG is not healthy")
    del cluster.nodes["lab-worker"]["status"]["conditions"][-1]["lastTransitionTime"]


# --- pressure


@snapshot(
    small,
    "A worker's disk has been full for 40 minutes; the kubelet has evicted a pod, which runs elsewhere now.",
    ("NodeDiskPressure", "KubeletHasDiskPressure", "Node lab-worker"),
    ("PodFailed", "Evicted", "Pod shop/web-1"),
    near_miss="ResourceExhaustion",
)
def node_disk_pressure(cluster: Cluster) -> None:
    cluster.say("lab-worker", "DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure", 2400)
    taints = cluster.nodes["lab-worker"]["spec"].setdefault("taints", [])
    taints.append({"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule", "timeAdded": ago(2400)})
    cluster.evict("shop/web-1", "ephemeral-storage", 2300)


@snapshot(
    small,
    "A worker is short of memory for half an hour to the second.",
    ("NodeMemoryPressure", "KubeletHasInsufficientMemory", "Node lab-worker"),
)
def node_memory_pressure(cluster: Cluster) -> None:
    said = "kubelet has insufficient memory available"
    cluster.say("lab-worker", "MemoryPressure", "True", "KubeletHasInsufficientMemory", said, 1800)


@snapshot(
    small,
    "A worker has been short of process ids for a minute.",
    ("NodePIDPressure", "KubeletHasInsufficientPID", "Node lab-worker"),
)
def node_pid_pressure(cluster: Cluster) -> None:
    said = "kubelet has insufficient PID available"
    cluster.say("lab-worker", "PIDPressure", "True", "KubeletHasInsufficientPID", said, 60)


@snapshot(
    small,
    "A worker is Ready, and does not say whether it is under pressure: one condition Unknown, one absent, one empty.",
    ("NodeDiskPressure", "DiskPressureUnknown", "Node lab-worker"),
    ("NodeMemoryPressure", "MemoryPressureUnknown", "Node lab-worker"),
    ("NodePIDPressure", "PIDPressureUnknown", "Node lab-worker"),
    verdict="unknown",
)
def node_pressure_not_said(cluster: Cluster) -> None:
    cluster.say("lab-worker", "DiskPressure", "Unknown", "", "", 600)
    cluster.say("lab-worker", "PIDPressure", "", "", "", 600)
    conditions = cluster.nodes["lab-worker"]["status"]["conditions"]
    conditions[:] = [one for one in conditions if one["type"] != "MemoryPressure"]


# --- network


@snapshot(
    small,
    "Calico has shut down on a worker 700 seconds ago and did not come back.",
    ("NodeNetwork", "CalicoIsDown", "Node lab-worker"),
    ("NodeDaemonSets", "DaemonSetNotReady", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "NodePodNotReady", "Pod kube-system/calico-node-lab-worker"),
    ("PodNotReady", "ContainersNotReady", "Pod kube-system/calico-node-lab-worker"),
)
def node_calico_down(cluster: Cluster) -> None:
    said = "Calico is shutting down on this node"
    cluster.say("lab-worker", "NetworkUnavailable", "True", "CalicoIsDown", said, 700, beat=700)
    cluster.unready(cluster.carried("calico-node", "lab-worker"), 690)


@snapshot(
    lambda: small(network=("CiliumIsUp", "Cilium is running on this node"), cni="cilium"),
    "Cilium's agent on a worker is gone for 900 seconds, and its operator has said so.",
    ("NodeNetwork", "CiliumIsDown", "Node lab-worker"),
    ("NodeDaemonSets", "DaemonSetNotReady", "DaemonSet kube-system/cilium"),
    ("NodeDaemonSets", "NodePodNotReady", "Pod kube-system/cilium-lab-worker"),
    ("PodNotReady", "ContainersNotReady", "Pod kube-system/cilium-lab-worker"),
)
def node_cilium_down(cluster: Cluster) -> None:
    cluster.say("lab-worker", "NetworkUnavailable", "True", "CiliumIsDown", "Cilium is not running on this node", 900)
    cluster.unready(cluster.carried("cilium", "lab-worker"), 900)


@snapshot(
    small,
    "Calico's condition of a worker is Unknown, with the words of a network that is up.",
    ("NodeNetwork", "NetworkStatusUnknown", "Node lab-worker"),
    verdict="unknown",
)
def node_network_unclear(cluster: Cluster) -> None:
    cluster.say("lab-worker", "NetworkUnavailable", "Unknown", "CalicoIsUp", "Calico is running on this node", 900)


@snapshot(
    lambda: small(network=("FlannelIsUp", "Flannel is running on this node"), cni="kube-flannel-ds"),
    "The cloud has made no route to a node for 15 minutes, to another for 3: only told, it is not Calico's fault.",
    ("NodeNetwork", "NetworkUnavailable", "Node lab-worker"),
    verdict="healthy",
)
def node_without_a_route(cluster: Cluster) -> None:
    cluster.say(
        "lab-worker", "NetworkUnavailable", "True", "NoRouteCreated", "RouteController failed to create a route", 900
    )
    cluster.say("lab-worker2", "NetworkUnavailable", "True", "NoRouteCreated", "Node created without a route", 180)


# --- GPUs


@snapshot(
    small,
    "GPU nodes: one offers none of its eight, one seven, one more than its label says, one has a broken label.",
    ("NodeGPU", "NoAllocatableGPU", "Node lab-worker"),
    ("NodeGPU", "GPUCountMismatch", "Node lab-worker2"),
    ("NodeGPU", "GPUCountMismatch", "Node lab-worker3"),
    ("NodeGPU", "GPUCountUnreadable", "Node lab-worker4"),
)
def node_gpus_of_all_kinds(cluster: Cluster) -> None:
    for name, promised, offered in (
        ("lab-worker", "8", "0"),
        ("lab-worker2", "8", "7"),
        ("lab-worker3", "4", "8"),
        ("lab-worker4", "eight", "8"),
        ("lab-worker5", "8", "8"),
    ):
        if name not in cluster.nodes:
            cluster.add_node(name)
        cluster.gpus(name, promised, offered)


@snapshot(
    small,
    "A GPU node offers more GPUs than its label says: nobody can tell which of the two is right.",
    ("NodeGPU", "GPUCountMismatch", "Node lab-worker"),
    verdict="unknown",
)
def node_more_gpus_than_promised(cluster: Cluster) -> None:
    cluster.gpus("lab-worker", "4", "8")


# --- coming and going


@snapshot(
    small,
    "A machine was announced 15 minutes ago and its kubelet has never spoken.",
    ("NodeNeverJoined", "NodeNeverReported", "Node lab-worker3"),
    ("NodeReady", "ReadyConditionMissing", "Node lab-worker3"),
    ("NodeHeartbeat", "HeartbeatAbsent", "Node lab-worker3"),
)
def node_never_reported(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3", age=900, network=None)
    cluster.forsake("lab-worker3")


@snapshot(
    small,
    "The same, and the object does not say when it was made.",
    ("NodeNeverJoined", "NodeAgeUnknown", "Node lab-worker3"),
    ("NodeReady", "ReadyConditionMissing", "Node lab-worker3"),
    ("NodeHeartbeat", "HeartbeatAbsent", "Node lab-worker3"),
    verdict="unknown",
)
def node_never_reported_nobody_knows_since_when(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3", age=900, network=None)
    cluster.forsake("lab-worker3")
    del cluster.nodes["lab-worker3"]["metadata"]["creationTimestamp"]


@snapshot(
    small,
    "A node joined 10 minutes ago, and its network never came up, so it was never Ready.",
    ("NodeNeverJoined", "NodeNeverReady", "Node lab-worker3"),
    ("NodeReady", "PodNetworkDown", "Node lab-worker3"),
    ("PodNotReady", "PodOnUnreadyNode", "Pod kube-system/calico-node-lab-worker3"),
    ("PodNotReady", "PodOnUnreadyNode", "Pod kube-system/kube-proxy-lab-worker3"),
    *AGENTS,
)
def node_never_ready(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3", age=600, network=None)
    message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"
    cluster.not_ready("lab-worker3", 599, message)
    for name in ("calico-node", "kube-proxy"):
        cluster.daemonset_pod_starts(name, "lab-worker3", 598)


@snapshot(
    zones,
    "A node still has its cloud's startup taint after 20 minutes, so nothing is scheduled to it.",
    ("NodeNeverJoined", "NodeNotInitialized", "Node c4"),
)
def node_not_initialized(cluster: Cluster) -> None:
    made = cluster.add_node("c4", zone="eu-1c", age=1200)
    made["spec"]["taints"] = [
        {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}
    ]


@snapshot(
    zones,
    "Two nodes have been leaving for two hours: one is drained by the autoscaler, one is held by a finalizer.",
    ("NodeDraining", "NodeStuckDraining", "Node c3"),
    ("NodeDraining", "NodeStuckDeleting", "Node b3"),
    verdict="healthy",
)
def node_stuck_leaving(cluster: Cluster) -> None:
    for name in ("c3", "b3"):
        cluster.cordon(name, 7200)
    taints = cluster.nodes["c3"]["spec"]["taints"]
    taints.append({"key": "ToBeDeletedByClusterAutoscaler", "value": str(hour(0, 0, -2)), "effect": "NoSchedule"})
    taints = cluster.nodes["b3"]["spec"]["taints"]
    taints.append({"key": "karpenter.sh/disrupted", "effect": "NoSchedule", "timeAdded": ago(7200)})
    meta = cluster.nodes["b3"]["metadata"]
    meta["deletionTimestamp"], meta["finalizers"] = ago(7100), ["karpenter.sh/termination"]


@snapshot(
    zones,
    "An autoscaler has marked a node for removal and does not say when.",
    ("NodeDraining", "DrainingSinceUnknown", "Node c3"),
    verdict="healthy",
)
def node_leaving_since_nobody_knows_when(cluster: Cluster) -> None:
    cluster.nodes["c3"]["spec"]["taints"] = [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]


# --- versions, clocks


@snapshot(
    small,
    "Kubelets that do not fit the control plane: four minor versions older, one newer, one that says nothing.",
    ("KubeletVersion", "KubeletTooOld", "Node lab-worker"),
    ("KubeletVersion", "KubeletNewerThanControlPlane", "Node lab-worker2"),
    ("KubeletVersion", "KubeletVersionUnreadable", "Node lab-worker3"),
    verdict="healthy",
)
def node_kubelet_versions(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3")
    for name, version in (("lab-worker", "v1.30.14"), ("lab-worker2", "v1.35.0-rc.1"), ("lab-worker3", "")):
        cluster.nodes[name]["status"]["nodeInfo"]["kubeletVersion"] = version


@snapshot(
    small,
    "One node's clock is ahead, one's behind; their Leases were seen to move, so both live. Ours is wrong too.",
    ("ClockSkew", "NodeClockAhead", "Node lab-worker"),
    ("ClockSkew", "NodeClockBehind", "Node lab-worker2"),
    ("ClockSkew", "OurClockDiffers", f"Cluster {build.CLUSTER_UID}"),
    verdict="healthy",
)
def node_clocks_wrong(cluster: Cluster) -> None:
    cluster.unwatched("lab-worker", -300)
    cluster.unwatched("lab-worker2", 200)
    cluster.watched = {"lab-worker": [True, 12], "lab-worker2": [True, 12]}
    cluster.local_time = ago(-120)


@snapshot(
    small,
    "A node's Lease was renewed five minutes in the future, and nobody watched it: it proves nothing.",
    ("ClockSkew", "NodeClockAhead", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatExpired", "Node lab-worker"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_WORKER, *APPS_ON_WORKER),
    verdict="unknown",
)
def node_lease_from_the_future(cluster: Cluster) -> None:
    cluster.unwatched("lab-worker", -300)


# --- resources


@snapshot(
    zones,
    "Nodes use more CPU or memory than they should, one has stale metrics, one has none.",
    ("NodeCPU", "CPUUsageHigh", "Node a1"),
    ("NodeMemory", "MemoryUsageHigh", "Node a2"),
    *(
        (check, reason, "Node a3")
        for check, reason in (("NodeCPU", "CPUMetricsStale"), ("NodeMemory", "MemoryMetricsStale"))
    ),
    *(
        (check, reason, "Node b1")
        for check, reason in (("NodeCPU", "CPUMetricsAbsent"), ("NodeMemory", "MemoryMetricsAbsent"))
    ),
    verdict="healthy",
    near_miss="ResourceExhaustion",
)
def node_usage(cluster: Cluster) -> None:
    cluster.use("a1", 3.9, 2 * GIB)
    cluster.use("a2", 0.5, int(7.5 * GIB))
    cluster.use("a3", 3.9, 7 * GIB, age=3600)
    assert cluster.metrics is not None
    del cluster.metrics["b1"]


@snapshot(
    zones,
    "Disks: one is 95 % full, one has no inodes left, one kubelet does not answer, one tells no size.",
    ("NodeDisk", "DiskUsageHigh", "Node a1"),
    ("NodeDisk", "InodeUsageHigh", "Node a2"),
    ("NodeDisk", "DisksOutOfSight", f"Cluster {build.CLUSTER_UID}"),
    ("NodeDisk", "DiskMetricsAbsent", "Node b1"),
    verdict="healthy",
    policy={"kubelet_summary": True},
)
def node_disks(cluster: Cluster) -> None:
    cluster.fill(0.4)
    assert cluster.disks is not None
    cluster.disks["a1"]["used"]["root"] = 95 * GIB
    cluster.disks["a2"]["inodes_used"]["root"] = 6553600
    del cluster.disks["a3"]
    cluster.disks["b1"] = {"used": {"root": 4 * GIB}, "capacity": {}}


@snapshot(
    small,
    "Five times as many pods, and many more restarts, than this cluster ever had at this hour.",
    ("BaselineDeviation", "MetricUnusuallyHigh", f"Cluster {build.CLUSTER_UID}"),
    ("BaselineDeviation", "MetricUnusuallyHigh", f"Cluster {build.CLUSTER_UID}"),
    verdict="healthy",
)
def baseline_high(cluster: Cluster) -> None:
    for number in range(60):
        cluster.add_pod(pod("load", f"test-{number}", "lab-worker2", "ReplicaSet/test-1", age=1200))
        if number < 12:
            cluster.restarted(f"load/test-{number}", 1, 600)
    cluster.usual({"pods": 16.0, "pods_restarting": 0.0})


@snapshot(
    small,
    "Almost all pods that this cluster usually has are gone, although everything that is there is well.",
    ("BaselineDeviation", "MetricUnusuallyLow", f"Cluster {build.CLUSTER_UID}"),
    verdict="healthy",
)
def baseline_low(cluster: Cluster) -> None:
    cluster.usual({"pods": 140.0, "pods_restarting": 0.0})


@snapshot(small, "The same low number of pods, but the baseline is only two hours old and may not speak yet.")
def baseline_too_young(cluster: Cluster) -> None:
    cluster.usual({"pods": 140.0, "pods_restarting": 0.0}, days=1)
