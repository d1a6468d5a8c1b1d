# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters for which nobody needs to get up, though many of them look odd for a moment."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus import build
from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    DAY,
    Cluster,
    ago,
    ended,
    endpoint,
    micro,
    pod,
    pod_condition,
    pulling,
    small,
    terminate,
    terminated,
    unscheduled,
    zones,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import hour, snapshot


@snapshot(lambda: small(age=300), "A cluster five minutes after kind has made it; no metrics-server.")
def healthy_fresh(cluster: Cluster) -> None:
    cluster.remove_pods("shop")


@snapshot(small, "A small cluster in the middle of a quiet night.")
def healthy_small(cluster: Cluster) -> None:
    pass


@snapshot(zones, "Three zones of a cloud with metrics, three control planes, etcd asked itself.")
def healthy_zones(cluster: Cluster) -> None:
    pass


@snapshot(
    small,
    "A Deployment and a DaemonSet are being rolled out: new pods start, old ones end within their grace.",
    ("NodeDaemonSets", "DaemonSetNotUpdated", "DaemonSet kube-system/kube-proxy"),
    verdict="healthy",
)
def healthy_rolling_update(cluster: Cluster) -> None:
    new = cluster.add_pod(pod("shop", "web-3", "lab-worker", "ReplicaSet/web-7f8a", age=8))
    pulling(new, "ContainerCreating", "", 8)
    terminate(cluster.pods["shop/web-1"], 6)
    cluster.leave("shop/web-1")
    proxies = cluster.daemonsets["kube-system/kube-proxy"]
    proxies["metadata"]["generation"] = proxies["status"]["observedGeneration"] = 2
    cluster.count("kube-system/kube-proxy", updated=-2)
    cluster.daemonset_pod_starts("kube-proxy", "lab-worker2", 4)


@snapshot(small, "Jobs that have ended, one at its second try after a failure two hours ago, and one that runs.")
def healthy_jobs(cluster: Cluster) -> None:
    for number in (1, 2, 3):
        done = cluster.add_pod(pod("batch", f"report-{number}", "lab-worker", f"Job/report-{number}"))
        ended(done, "Succeeded", "Completed", 0, number * DAY / 4)
    failed = cluster.add_pod(pod("batch", "import-a", "lab-worker", "Job/import"))
    ended(failed, "Failed", "Error", 1, 7200)
    again = cluster.add_pod(pod("batch", "import-b", "lab-worker2", "Job/import"))
    ended(again, "Succeeded", "Completed", 0, 7000)
    cluster.add_pod(pod("batch", "export-a", "lab-worker2", "Job/export", age=90))


@snapshot(small, "A person has cordoned a node two days ago and left its pods on it.")
def healthy_cordoned_by_a_person(cluster: Cluster) -> None:
    cluster.cordon("lab-worker2", 2 * DAY)


@snapshot(
    small,
    "A Deployment was scaled to zero for the night, so its Service has no endpoint: told, and nothing more.",
    ("ServiceEndpoints", "NoEndpoints", "Service shop/reports"),
    verdict="healthy",
)
def healthy_scaled_to_zero(cluster: Cluster) -> None:
    cluster.changed(cluster.add_service("shop", "reports"), 6 * 3600)


@snapshot(small, "Three pods are restarted every night at half past two by their own design, as the baseline knows.")
def healthy_nightly_restarts(cluster: Cluster) -> None:
    for key in ("shop/web-1", "shop/web-2", "shop/api-1"):
        cluster.restarted(key, 4, 1800, "Completed", 0)
    rows = [
        [hour(days, minute, shift), 3.0 if shift == 0 else 0.0]
        for days in range(1, 13)
        for shift in (-2, -1, 0, 1, 2)
        for minute in (0, 30)
    ]
    cluster.baseline = {
        "version": 1,
        "metrics": ["pods_restarting"],
        "looks": sorted(rows),
        "learned": {"pods_restarting": len(rows)},
        "since": {"pods_restarting": hour(12, 0, -2)},
    }


@snapshot(small, "A pod ends well and is started again every night for a month: thirty restarts, each of them wanted.")
def healthy_nightly_restarts_for_a_month(cluster: Cluster) -> None:
    cluster.add_deployment("shop", "cache", ("lab-worker",), 30 * DAY)
    cluster.restarted("shop/cache-1", 30, 3000, "Completed", 0)


@snapshot(
    lambda: small(age=30 * DAY),
    "All nodes were without power a week ago: every pod was restarted often then, and not since.",
)
def healthy_long_after_a_power_cut(cluster: Cluster) -> None:
    for key in list(cluster.pods):
        cluster.restarted(key, 7, 7 * DAY, "Unknown", 255)


@snapshot(
    lambda: small(network=("FlannelIsUp", "Flannel is running on this node"), cni="kube-flannel-ds"),
    "A cluster whose network is Flannel.",
)
def healthy_flannel(cluster: Cluster) -> None:
    pass


@snapshot(lambda: small(network=None, cni="kindnet"), "A cluster whose network writes no condition at all.")
def healthy_kindnet(cluster: Cluster) -> None:
    pass


@snapshot(
    lambda: small(network=("CiliumIsUp", "Cilium is running on this node"), cni="cilium"),
    "A cluster whose network is Cilium, which replaces kube-proxy.",
)
def healthy_cilium(cluster: Cluster) -> None:
    cluster.remove_daemonset("kube-proxy")


@snapshot(small, "GPU nodes whose labels and allocatable agree, one of them with each GPU shared by four.")
def healthy_gpu(cluster: Cluster) -> None:
    cluster.gpus("lab-worker", "8", "8")
    cluster.gpus("lab-worker2", "2", "8")
    cluster.nodes["lab-worker2"]["metadata"]["labels"]["nvidia.com/gpu.replicas"] = "4"


@snapshot(small, "A managed control plane: no node, pod or etcd of it can be seen, but its Leases and its address can.")
def healthy_managed(cluster: Cluster) -> None:
    cluster.remove_node("lab-control-plane")
    cluster.endpoints = [endpoint("https://k8s.example.com", given=True)]


@snapshot(
    zones,
    "The API servers stand behind a load balancer in a network that we cannot reach: told as our own blind spot.",
    ("ApiServer", "ApiServerOutOfSight", "Endpoint https://10.203.0.2:6443"),
    ("ApiServer", "ApiServerOutOfSight", "Endpoint https://10.203.0.6:6443"),
    ("ApiServer", "ApiServerOutOfSight", "Endpoint https://10.203.0.10:6443"),
    verdict="healthy",
)
def healthy_behind_a_load_balancer(cluster: Cluster) -> None:
    for one in cluster.endpoints:
        one |= {"live": None, "ready": None, "latency_ms": None, "given": False, "trouble": "timed out after 5 s"}
        one["certificate_expires"] = None
    cluster.endpoints.insert(0, endpoint("https://k8s.example.com:6443", given=True))


@snapshot(small, "A node has joined 20 seconds ago and has just become Ready; its pods are still starting.")
def healthy_node_just_joined(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3", age=20)
    for kind in build.KUBELET_CONDITIONS:
        cluster.say("lab-worker3", kind, *build.KUBELET_CONDITIONS[kind], since=4 if kind == "Ready" else 20)
    cluster.daemonset_pod_starts("calico-node", "lab-worker3", 18)


@snapshot(small, "A node has joined 20 seconds ago; its network is still coming up, so it is not Ready yet.")
def healthy_node_joining(cluster: Cluster) -> None:
    cluster.add_node("lab-worker3", age=20, network=None)
    message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"
    cluster.say("lab-worker3", "Ready", "False", "KubeletNotReady", message, since=19)
    cluster.taint("lab-worker3", "not-ready", 19)
    for name in ("calico-node", "kube-proxy"):
        cluster.daemonset_pod_starts(name, "lab-worker3", 18)


@snapshot(small, "Somebody has deleted a healthy node a moment ago; a finalizer of the cloud still holds its object.")
def healthy_node_deleted_a_moment_ago(cluster: Cluster) -> None:
    meta = cluster.nodes["lab-worker2"]["metadata"]
    meta["finalizers"] = ["cloud.example.com/instance"]
    meta["deletionTimestamp"] = ago(5)


@snapshot(small, "A pod has found no room for 30 seconds, until the autoscaler's new node comes.")
def healthy_pod_waits_for_the_autoscaler(cluster: Cluster) -> None:
    waiting = cluster.add_pod(pod("shop", "web-3", "", "ReplicaSet/web-6c5d"))
    unscheduled(waiting, "0/3 nodes are available: 1 node(s) had untolerated taint, 2 Insufficient cpu.", 30)


@snapshot(small, "Kubelets are three minor versions older than the control plane, which Kubernetes supports.")
def healthy_older_kubelets(cluster: Cluster) -> None:
    for name in ("lab-worker", "lab-worker2"):
        cluster.nodes[name]["status"]["nodeInfo"]["kubeletVersion"] = "v1.31.14"


@snapshot(small, "Clocks differ by a few seconds, ours too.")
def healthy_clocks_a_little_off(cluster: Cluster) -> None:
    cluster.local_time = ago(-9)
    cluster.node_leases["lab-worker"]["spec"]["renewTime"] = micro(-8)
    cluster.node_leases["lab-worker2"]["spec"]["renewTime"] = micro(39)


@snapshot(
    zones,
    "Nodes are busy but below every limit; Services are probed, and one answer of fifty was lost.",
    policy={
        "kubelet_summary": True,
        "probe_count": 50,
        "service_probes": [{"namespace": "shop", "name": "web", "port": "8080"}],
    },
)
def healthy_and_busy(cluster: Cluster) -> None:
    for name in cluster.nodes:
        cluster.use(name, 3.2, 7130316 * 1024)
    cluster.fill(0.9)
    cluster.probe("shop/web", sent=50, failed=1, times=[990.0] * 49)


@snapshot(small, "A pod crashed twice an hour ago, and has been well since.")
def healthy_after_two_crashes(cluster: Cluster) -> None:
    cluster.restarted("shop/api-1", 2, 3700, "OOMKilled", 137)


@snapshot(small, "A node rebooted for its updates: it has been back for two minutes, and so have its pods.")
def healthy_after_a_reboot(cluster: Cluster) -> None:
    cluster.say("lab-worker", "Ready", *build.KUBELET_CONDITIONS["Ready"], since=120)
    for one in cluster.on("lab-worker"):
        cluster.restarted(f"{one['metadata']['namespace']}/{one['metadata']['name']}", 1, 170, "Unknown", 255)
        for each in one["status"]["conditions"]:
            if each["type"] in ("Ready", "ContainersReady"):
                each.update(pod_condition(each["type"], "True", since=100))


@snapshot(zones, "An autoscaler has been draining a node for ten minutes; its last pods are on their way out.")
def healthy_draining(cluster: Cluster) -> None:
    cluster.cordon("c3", 600)
    taints = cluster.nodes["c3"]["spec"]["taints"]
    taints.append({"key": "ToBeDeletedByClusterAutoscaler", "value": str(hour(0, -10)), "effect": "NoSchedule"})
    terminate(cluster.pods["shop/api-3"], 20)
    cluster.leave("shop/api-3")


@snapshot(small, "A pod ran out of memory two hours ago, was replaced, and its Job's next try went well.")
def healthy_old_failures_of_jobs(cluster: Cluster) -> None:
    failed = cluster.add_pod(pod("batch", "big-a", "lab-worker", "Job/big"))
    ended(failed, "Failed", "OOMKilled", 137, 3601)
    failed["status"]["containerStatuses"][0]["state"] = terminated("OOMKilled", 137, 3601)
