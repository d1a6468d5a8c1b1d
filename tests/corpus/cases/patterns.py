# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many findings with one cause, and those that only look like it."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    GIB,
    Cluster,
    micro,
    pod,
    pulling,
    small,
    uid,
    unscheduled,
    zones,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import Found, incident, pods, snapshot

AGENTS: list[Found] = [
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/kube-proxy"),
]
ZONE_C = ("cp-c", "c1", "c2", "c3")
ALL = (*(f"{letter}{n}" for letter in "abc" for n in (1, 2, 3)), "cp-a", "cp-b", "cp-c")


def agents_of(*names: str) -> list[Found]:
    """The node agents of these nodes, which are not ready because their nodes are not."""
    return pods(
        "PodNotReady",
        "PodOnUnreadyNode",
        *(f"kube-system/{ds}-{n}" for n in names for ds in ("calico-node", "kube-proxy")),
    )


def lost(*names: str) -> list[Found]:
    """Nodes that are Unknown, whose Leases stood still."""
    ready: list[Found] = [("NodeReady", "NodeStatusUnknown", f"Node {name}") for name in names]
    return [*ready, *still(*names)]


def still(*names: str) -> list[Found]:
    """Nodes whose Leases stood still while they were watched."""
    return [("NodeHeartbeat", "HeartbeatStopped", f"Node {name}") for name in names]


def fall(cluster: Cluster, seconds: float, *names: str) -> None:
    """These nodes fell silent so many seconds ago, and were watched."""
    for name in names:
        cluster.silent(name, seconds)
        cluster.watched[name] = [False, 12]


# --- the control plane


@snapshot(
    zones,
    "The API servers are overloaded: they are slow, the controllers have lost their Leases, no kubelet gets through.",
    *(("ApiServer", "ApiServerSlow", f"Endpoint https://10.203.0.{n}:6443") for n in (2, 6, 10)),
    ("Controllers", "ControllerLeaseStopped", "ControlPlane kube-controller-manager"),
    ("Controllers", "ControllerLeaseStopped", "ControlPlane kube-scheduler"),
    *still(*ALL),
    patterns=[("ControlPlaneBrownout", None, 17)],
    near_miss="NetworkPartition",
)
def brownout_with_every_node_silent(cluster: Cluster) -> None:
    for one in cluster.endpoints:
        one["latency_ms"] = 7000.0
    for name, lease in cluster.component_leases.items():
        lease["spec"]["renewTime"] = micro(120)
        cluster.watched[name] = [False, 12]
    for name in ALL:
        cluster.unwatched(name, 90)
        cluster.watched[name] = [False, 12]


@snapshot(
    zones,
    "One API server of three is slow and one worker is dead: two things that have nothing to do with each other.",
    ("ApiServer", "ApiServerSlow", "Endpoint https://10.203.0.10:6443"),
    *lost("b2"),
    *AGENTS,
    near_miss="ControlPlaneBrownout",
)
def no_brownout_by_one_slow_server(cluster: Cluster) -> None:
    cluster.endpoints[2]["latency_ms"] = 7000.0
    fall(cluster, 200, "b2")


# --- zones and networks


@snapshot(
    zones,
    "A zone is without power for seven minutes: its three workers, its control plane with etcd member and API server.",
    *lost(*ZONE_C),
    *AGENTS,
    *agents_of(*ZONE_C),
    *pods(
        "PodNotReady",
        "PodOnUnreadyNode",
        *(
            f"kube-system/{part}-cp-c"
            for part in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ),
    ),
    ("ApiServer", "ApiServerUnreachable", "Endpoint https://10.203.0.10:6443"),
    ("EtcdMembers", "EtcdMemberUnhealthy", "Etcd cp-c"),
    ("EtcdMembers", "EtcdQuorumAtRisk", "Etcd etcd"),
    patterns=[("ZoneOutage", "Zone eu-1c", 4)],
    near_miss="NetworkPartition",
)
def zone_outage(cluster: Cluster) -> None:
    fall(cluster, 420, *ZONE_C)
    cluster.endpoints[2] |= {"live": None, "ready": None, "latency_ms": None, "trouble": "no route to host"}
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["members"][2] |= {"healthy": False, "trouble": "no route to host"}
    cluster.component_leases["kube-scheduler"]["spec"]["holderIdentity"] = "cp-a_5ab6"


@snapshot(
    zones,
    "Two nodes of a zone of four are down, and so are two elsewhere: no zone has failed.",
    *lost("c1", "c2", "a1", "b2"),
    *AGENTS,
    near_miss="ZoneOutage",
)
def no_zone_outage_when_others_are_down_too(cluster: Cluster) -> None:
    fall(cluster, 100, "c1", "c2")
    fall(cluster, 280, "a1", "b2")


@snapshot(
    zones,
    "Six of nine workers, in two zones, fell silent in the same ten seconds; all API servers answer us.",
    *still("b1", "b2", "b3", "c1", "c2", "c3"),
    patterns=[("NetworkPartition", None, 6)],
    near_miss="ZoneOutage",
)
def network_partition(cluster: Cluster) -> None:
    for seconds, name in enumerate(("b1", "b2", "b3", "c1", "c2", "c3"), 42):
        cluster.silent(name, seconds)
        cluster.watched[name] = [False, 12]


@snapshot(
    zones,
    "The same six workers fell silent, but twenty minutes lie between the first and the last, ages before now.",
    *still("b1", "b2", "b3", "c1", "c2", "c3"),
    *(("NodeReady", "NodeStatusUnknown", f"Node {name}") for name in ("b1", "b2", "b3", "c1", "c2", "c3")),
    *AGENTS,
    *agents_of("b1", "b2", "b3", "c1", "c2", "c3"),
    *pods(
        "PodTerminating",
        "PodTerminatingOnUnreadyNode",
        *("kube-system/coredns-2", "shop/web-3", "shop/web-4", "shop/web-5", "shop/web-6", "shop/api-2", "shop/api-3"),
    ),
    ("ServiceEndpoints", "NoReadyEndpoints", "Service shop/nothing-left"),
    near_miss="NetworkPartition",
)
def no_partition_when_nodes_died_over_hours(cluster: Cluster) -> None:
    cluster.add_service("shop", "nothing-left", [cluster.pods["shop/web-3"], cluster.pods["shop/web-5"]])
    for number, name in enumerate(("b1", "b2", "b3", "c1", "c2", "c3")):
        fall(cluster, 3600 + 240 * number, name)


# --- storage


@snapshot(
    zones,
    "The CSI driver's controller is down: three pods of three nodes wait for their volumes.",
    *pods("PodPending", "ContainersNotCreated", "data/db-0", "data/db-1", "data/db-2"),
    patterns=[("StorageTrouble", "CSIDriver ebs.csi.example.com", 3)],
)
def storage_driver_down(cluster: Cluster) -> None:
    for number, name in enumerate(("a2", "b2", "c2")):
        made = cluster.add_pod(pod("data", f"db-{number}", name, "StatefulSet/db"))
        pulling(made, "ContainerCreating", "", 900)
        message = (
            f'AttachVolume.Attach failed for volume "pvc-{number}" : timed out waiting for external-attacher of'
            " ebs.csi.example.com CSI driver to attach volume vol-0123"
        )
        cluster.event("Pod", f"db-{number}", "FailedAttachVolume", message, 100, 5, "data")


@snapshot(
    zones,
    "A node died while two volumes were attached to it; the pods that moved cannot have them until it lets go.",
    *lost("a1"),
    *AGENTS,
    *agents_of("a1"),
    *pods("PodPending", "ContainersNotCreated", "data/db-0", "data/db-1"),
    *pods("PodTerminating", "PodTerminatingOnUnreadyNode", "kube-system/coredns-1", "shop/web-1"),
    patterns=[("StorageTrouble", "Node a1", 2)],
)
def storage_held_by_a_dead_node(cluster: Cluster) -> None:
    fall(cluster, 900, "a1")
    for number, name in enumerate(("b2", "c2")):
        made = cluster.add_pod(pod("data", f"db-{number}", name, "StatefulSet/db"))
        pulling(made, "ContainerCreating", "", 480)
        message = f'Multi-Attach error for volume "pvc-{number}" Volume is already exclusively attached to one node'
        cluster.event("Pod", f"db-{number}", "FailedAttachVolume", message, 300, 1, "data")


@snapshot(
    small,
    "Two pods wait for a Secret and a ConfigMap that nobody has made: the kubelet calls that a failed mount as well.",
    *pods("PodPending", "ContainersNotCreated", "shop/new-1", "shop/new-2"),
    near_miss="StorageTrouble",
)
def no_storage_trouble_without_a_secret(cluster: Cluster) -> None:
    for name, what in (("new-1", 'secret "database"'), ("new-2", 'configmap "settings"')):
        made = cluster.add_pod(pod("shop", name, "lab-worker", "ReplicaSet/new-1"))
        pulling(made, "ContainerCreating", "", 600)
        message = f'MountVolume.SetUp failed for volume "config" : {what} not found'
        cluster.event("Pod", name, "FailedMount", message, 30, 9, "shop")


# --- resources


@snapshot(
    zones,
    "Two applications have waited for memory for ten minutes: no node has any to give.",
    *pods("PodPending", "Unschedulable", "shop/web-7", "shop/api-4"),
    patterns=[("ResourceExhaustion", None, 2)],
)
def no_memory_left_for_new_pods(cluster: Cluster) -> None:
    message = (
        "0/12 nodes are available: 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: },"
        " 9 Insufficient memory. preemption: 0/12 nodes are available: 12 No preemption victims found for incoming pod."
    )
    for name, owner in (("web-7", "web-6c5d"), ("api-4", "api-6c5d")):
        unscheduled(cluster.add_pod(pod("shop", name, "", f"ReplicaSet/{owner}")), message, 600)


@snapshot(
    zones,
    "The disks of three nodes fill up at once, since everything began to log; two pods were evicted.",
    *(("NodeDiskPressure", "KubeletHasDiskPressure", f"Node {name}") for name in ("a1", "b1", "c1")),
    *pods("PodFailed", "Evicted", "shop/web-1", "shop/web-3"),
    patterns=[("ResourceExhaustion", None, 5)],
)
def disks_fill_up_everywhere(cluster: Cluster) -> None:
    for name in ("a1", "b1", "c1"):
        cluster.say(name, "DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure", 1200)
    cluster.evict("shop/web-1", "ephemeral-storage", 1100)
    cluster.evict("shop/web-3", "ephemeral-storage", 900)


# --- cascades


@snapshot(
    zones,
    "Nodes fall one after the other every five minutes, each when the pods of the last one reach it.",
    *lost("a1", "b2", "c1"),
    *AGENTS,
    *agents_of("a1", "b2"),
    *pods("PodTerminating", "PodTerminatingOnUnreadyNode", "kube-system/coredns-1", "shop/web-1"),
    patterns=[("CascadingFailure", None, 3)],
)
def cascading_failure(cluster: Cluster) -> None:
    fall(cluster, 900, "a1")
    fall(cluster, 600, "b2")
    fall(cluster, 300, "c1")


@snapshot(
    zones,
    "Three nodes have fallen, but in one moment and another: two causes, no cascade.",
    *lost("a1", "b2", "c1"),
    *AGENTS,
    *agents_of("b2", "c1"),
    near_miss="CascadingFailure",
)
def no_cascade_in_two_waves(cluster: Cluster) -> None:
    fall(cluster, 100, "a1")
    fall(cluster, 600, "b2")
    fall(cluster, 590, "c1")


# --- flapping

WORKER = uid("node", "lab-worker")
OPEN, CLOSED = "Suspected", "Recovered"


@snapshot(
    small,
    "A worker goes and comes back every ten minutes: five changes within the hour, and it is away again.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    *AGENTS,
    patterns=[("Flapping", "Node lab-worker", 1)],
    incidents=[
        incident("lab-worker", 1, WORKER, (3100, OPEN), (2800, CLOSED)),
        incident("lab-worker", 2, WORKER, (1900, OPEN), (1400, CLOSED)),
        incident("lab-worker", 3, WORKER, (60, OPEN)),
    ],
)
def flapping(cluster: Cluster) -> None:
    fall(cluster, 120, "lab-worker")


@snapshot(
    small,
    "The same worker, but its first change lies an hour back, so there are four.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    *AGENTS,
    incidents=[
        incident("lab-worker", 1, WORKER, (3600, OPEN), (2800, CLOSED)),
        incident("lab-worker", 2, WORKER, (1900, OPEN), (1400, CLOSED)),
        incident("lab-worker", 3, WORKER, (60, OPEN)),
    ],
    near_miss="Flapping",
)
def no_flapping_by_four_changes(cluster: Cluster) -> None:
    fall(cluster, 120, "lab-worker")


@snapshot(
    small,
    "The node of that name flapped, but it was another machine, which has been replaced since.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    *AGENTS,
    incidents=[
        incident("lab-worker", 1, "another-machine", (3100, OPEN), (2800, CLOSED)),
        incident("lab-worker", 2, "another-machine", (2700, OPEN), (2400, CLOSED)),
        incident("lab-worker", 3, "another-machine", (2300, OPEN), (2000, "Gone")),
        incident("lab-worker", 4, WORKER, (60, OPEN)),
    ],
    near_miss="Flapping",
)
def no_flapping_by_another_machine(cluster: Cluster) -> None:
    fall(cluster, 120, "lab-worker")


@snapshot(
    small,
    "A worker flapped five times within the hour, and is well now.",
    incidents=[
        incident("lab-worker", 1, WORKER, (3100, OPEN), (2800, CLOSED)),
        incident("lab-worker", 2, WORKER, (1900, OPEN), (1400, CLOSED)),
        incident("lab-worker", 3, WORKER, (900, OPEN), (600, CLOSED)),
    ],
)
def healthy_after_flapping(cluster: Cluster) -> None:
    pass


@snapshot(
    zones,
    "One node of twelve is short of memory and says so, while all others have plenty: its own trouble.",
    ("NodeMemoryPressure", "KubeletHasInsufficientMemory", "Node a1"),
    ("NodeMemory", "MemoryUsageHigh", "Node a1"),
    near_miss="ResourceExhaustion",
)
def one_node_short_of_memory(cluster: Cluster) -> None:
    said = "kubelet has insufficient memory available"
    cluster.say("a1", "MemoryPressure", "True", "KubeletHasInsufficientMemory", said, 500)
    cluster.use("a1", 1.0, int(7.9 * GIB))
