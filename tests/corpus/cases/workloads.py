# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods, DaemonSets and Services that are sick: applications' faults, for which no node may be touched."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    DAY,
    Cluster,
    ago,
    ended,
    pod,
    pod_condition,
    pulling,
    running,
    small,
    terminate,
    terminated,
    unscheduled,
    zones,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import pods, snapshot

BACK_OFF = "back-off 5m0s restarting failed container=app"


@snapshot(
    small,
    "One of two pods of a Service crashes again and again, for the twelfth time.",
    ("PodCrashLoop", "CrashLoopBackOff", "Pod shop/web-1"),
    ("PodRestarts", "TooManyRestarts", "Pod shop/web-1"),
)
def pod_crash_loop(cluster: Cluster) -> None:
    made = cluster.pods["shop/web-1"]
    cluster.waiting(made, "CrashLoopBackOff", BACK_OFF, 2400, 12, terminated("Error", 1, 40))


@snapshot(
    small,
    "The only pod of a Service has begun to crash three minutes ago, so nobody answers.",
    ("PodCrashLoop", "CrashLoopBackOff", "Pod shop/api-1"),
    ("ServiceEndpoints", "NoReadyEndpoints", "Service shop/api"),
)
def pod_crash_loop_of_the_only_one(cluster: Cluster) -> None:
    made = cluster.pods["shop/api-1"]
    cluster.waiting(made, "CrashLoopBackOff", BACK_OFF, 180, 4, terminated("Error", 2, 20))


@snapshot(
    small,
    "An init container crashes again and again, so the pod itself never starts.",
    ("PodCrashLoop", "CrashLoopBackOff", "Pod shop/migrate-1"),
)
def pod_init_crash_loop(cluster: Cluster) -> None:
    made = cluster.add_pod(pod("shop", "migrate-1", "lab-worker", "ReplicaSet/migrate-1"))
    pulling(made, "PodInitializing", "", 200)
    init = running("schema", 200) | {"ready": False, "started": False, "restartCount": 4}
    init["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": BACK_OFF}}
    init["lastState"] = terminated("Error", 1, 30)
    made["spec"]["initContainers"] = [{"name": "schema", "image": "registry.example/schema:1"}]
    made["status"]["initContainerStatuses"] = [init]


@snapshot(
    small,
    "Seven pods that cannot get their images, each for another reason.",
    *(
        ("PodImage", reason, f"Pod images/{reason.lower()}")
        for reason in (
            "ErrImagePull",
            "ImagePullBackOff",
            "InvalidImageName",
            "ErrImageNeverPull",
            "RegistryUnavailable",
            "ImageInspectError",
            "SignatureValidationFailed",
        )
    ),
)
def pod_images(cluster: Cluster) -> None:
    for reason, message in (
        ("ErrImagePull", "rpc error: code = NotFound desc = failed to pull and unpack image: not found"),
        ("ImagePullBackOff", 'Back-off pulling image "registry.example/app:2"'),
        ("InvalidImageName", 'Failed to apply default image tag "registry.example/App": invalid reference format'),
        ("ErrImageNeverPull", 'Container image "app:1" is not present with pull policy of Never'),
        ("RegistryUnavailable", ""),
        ("ImageInspectError", 'Failed to inspect image "app:1": id or size of image is not set'),
        ("SignatureValidationFailed", "image signature could not be verified"),
    ):
        made = cluster.add_pod(pod("images", reason.lower(), "lab-worker", "ReplicaSet/images-1"))
        pulling(made, reason, message, 45)


@snapshot(
    small,
    "Six pods whose containers cannot be made or started as they are described.",
    *(
        ("PodPending", reason, f"Pod broken/{reason.lower()}")
        for reason in (
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
            "PreCreateHookError",
            "PreStartHookError",
            "PostStartHookError",
        )
    ),
)
def pod_start_errors(cluster: Cluster) -> None:
    for reason, message in (
        ("CreateContainerConfigError", 'secret "database" not found'),
        ("CreateContainerError", "context deadline exceeded"),
        ("RunContainerError", 'exec: "serve": executable file not found in $PATH'),
        ("PreCreateHookError", ""),
        ("PreStartHookError", ""),
        ("PostStartHookError", "Exec lifecycle hook failed"),
    ):
        made = cluster.add_pod(pod("broken", reason.lower(), "lab-worker", "ReplicaSet/broken-1"))
        pulling(made, reason, message, 20)


@snapshot(
    small,
    "A pod ran out of memory ten minutes ago and runs again; another did just an hour ago, which is past.",
    ("PodOOM", "OOMKilled", "Pod shop/web-1"),
)
def pod_oom(cluster: Cluster) -> None:
    cluster.restarted("shop/web-1", 1, 600, "OOMKilled", 137)
    cluster.restarted("shop/web-2", 1, 3600, "OOMKilled", 137)


@snapshot(
    small,
    "A pod was restarted eight times, the last time twenty minutes ago; another six times, but not today.",
    ("PodRestarts", "TooManyRestarts", "Pod shop/web-1"),
)
def pod_restarts(cluster: Cluster) -> None:
    cluster.restarted("shop/web-1", 8, 1200)
    cluster.restarted("shop/web-2", 6, 80000)


@snapshot(
    small,
    "The same restarts under a policy that allows ten of them.",
    policy={"pod_restart_threshold": 10},
)
def pod_restarts_allowed(cluster: Cluster) -> None:
    cluster.restarted("shop/web-1", 8, 1200)


@snapshot(
    small,
    "A pod asks for more CPU than any node has, for ten minutes.",
    ("PodPending", "Unschedulable", "Pod shop/huge-1"),
    near_miss="ResourceExhaustion",
)
def pod_unschedulable(cluster: Cluster) -> None:
    made = cluster.add_pod(pod("shop", "huge-1", "", "ReplicaSet/huge-1"))
    message = "0/3 nodes are available: 1 node(s) had untolerated taint {master: }, 2 Insufficient cpu."
    unscheduled(made, message, 600)


@snapshot(
    small,
    "Two pods whose selector matches no node have waited for an hour: a mistake of theirs, not a want of anything.",
    *pods("PodPending", "Unschedulable", "shop/gpu-1", "shop/gpu-2"),
    near_miss="ResourceExhaustion",
)
def pods_with_a_wrong_selector(cluster: Cluster) -> None:
    for name in ("gpu-1", "gpu-2"):
        made = cluster.add_pod(pod("shop", name, "", "ReplicaSet/gpu-1"))
        unscheduled(made, "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", 3600)


@snapshot(
    small,
    "Pods that wait: held back by a gate, for a volume, for an init container; and one not long enough to be told.",
    ("PodPending", "SchedulingGated", "Pod shop/gated"),
    ("PodPending", "ContainersNotCreated", "Pod shop/creating"),
    ("PodPending", "InitContainersNotDone", "Pod shop/init"),
    near_miss="StorageTrouble",
)
def pods_pending(cluster: Cluster) -> None:
    gated = cluster.unseen("shop", "gated", 3000)
    why = ("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
    gated["status"]["conditions"] = [pod_condition("PodScheduled", "False", *why, since=3000)]
    gated["spec"]["schedulingGates"] = [{"name": "example.com/quota"}]
    for name, age in (("creating", 300), ("still-young", 299)):
        made = cluster.add_pod(pod("shop", name, "lab-worker", "ReplicaSet/creating-1"))
        pulling(made, "ContainerCreating", "", age)
    message = 'MountVolume.SetUp failed for volume "data": rpc error: code = Internal desc = mount failed'
    cluster.event("Pod", "creating", "FailedMount", message, 40, 6, "shop")
    slow = cluster.add_pod(pod("shop", "init", "lab-worker", "ReplicaSet/init-1"))
    pulling(slow, "PodInitializing", "", 900)
    slow["spec"]["initContainers"] = [{"name": "fetch", "image": "registry.example/fetch:1"}]
    slow["status"]["initContainerStatuses"] = [running("fetch", 890) | {"ready": False}]


@snapshot(
    small,
    "Pods that should be gone: one held by a finalizer, one by its kubelet, one within its time.",
    ("PodTerminating", "PodHeldByFinalizers", "Pod shop/held"),
    ("PodTerminating", "PodStuckTerminating", "Pod shop/stuck"),
)
def pods_terminating(cluster: Cluster) -> None:
    for name, since in (("held", 900), ("stuck", 330), ("going", 329)):
        made = cluster.add_pod(pod("shop", name, "lab-worker", "ReplicaSet/web-5b4c"))
        terminate(made, since)
        if name == "held":
            made["metadata"]["finalizers"] = ["example.com/backup"]


@snapshot(
    small,
    "A node has been silent for 15 minutes; the pods that were put off it cannot end, for nobody can say they have.",
    ("NodeReady", "NodeStatusUnknown", "Node lab-worker"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node lab-worker"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/kube-proxy"),
    *pods("PodNotReady", "PodOnUnreadyNode", "kube-system/calico-node-lab-worker", "kube-system/kube-proxy-lab-worker"),
    *pods("PodTerminating", "PodTerminatingOnUnreadyNode", "kube-system/coredns-1", "shop/web-1"),
)
def pods_terminating_on_a_dead_node(cluster: Cluster) -> None:
    cluster.silent("lab-worker", 900)
    cluster.watched["lab-worker"] = [False, 12]
    for namespace, name, owner in (("shop", "web-3", "web-6c5d"), ("kube-system", "coredns-3", "coredns-6c5d")):
        cluster.add_pod(pod(namespace, name, "lab-worker2", f"ReplicaSet/{owner}", age=540))


@snapshot(
    small,
    "Pods that have failed in every way: of a StatefulSet, with its node, refused, too late, of a Job ten minutes ago.",
    ("PodFailed", "Evicted", "Pod failed/evicted"),
    ("PodFailed", "PodLostWithNode", "Pod failed/shutdown"),
    ("PodFailed", "PodRejectedByNode", "Pod failed/rejected"),
    ("PodFailed", "DeadlineExceeded", "Pod failed/late"),
    ("PodFailed", "PodFailed", "Pod failed/job"),
    ("PodFailed", "PodFailed", "Pod failed/alone"),
)
def pods_failed(cluster: Cluster) -> None:
    for name, owner, reason, message in (
        (
            "evicted",
            "StatefulSet/failed",
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
        ),
        ("shutdown", "ReplicaSet/failed-1", "NodeShutdown", "Pod was rejected: node is shutting down"),
        ("rejected", "ReplicaSet/failed-1", "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu"),
        ("late", "Job/late", "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"),
        ("job", "Job/import", "", ""),
        ("alone", "", "", ""),
    ):
        made = cluster.add_pod(pod("failed", name, "lab-worker", owner))
        ended(made, "Failed", "Error", 1, 600)
        if reason:
            made["status"] |= {"reason": reason, "message": message}


@snapshot(
    small,
    "Pods that run and are not ready: a probe fails, a gate is shut, a container has ended well, a phase nobody knows.",
    ("PodNotReady", "ContainersNotReady", "Pod shop/web-1"),
    ("PodNotReady", "ReadinessGatesNotMet", "Pod shop/web-2"),
    ("PodNotReady", "PodPartlyCompleted", "Pod shop/helper"),
    ("PodNotReady", "PodPhaseUnknown", "Pod shop/odd"),
    ("ServiceEndpoints", "NoReadyEndpoints", "Service shop/web"),
)
def pods_not_ready(cluster: Cluster) -> None:
    cluster.unready(cluster.pods["shop/web-1"], 300)
    gated = cluster.pods["shop/web-2"]
    cluster.unready(gated, 700, containers=False)
    gated["spec"]["readinessGates"] = [{"conditionType": "example.com/load-balancer"}]
    gated["status"]["conditions"].append(pod_condition("example.com/load-balancer", "False", since=700))
    helper = cluster.add_pod(pod("shop", "helper", "lab-worker", "ReplicaSet/helper-1", containers=("app", "once")))
    cluster.unready(helper, 3000)
    main, once = helper["status"]["containerStatuses"]
    main["ready"] = True
    once |= {"started": False, "state": terminated("Completed", 0, 3000)}
    odd = cluster.add_pod(pod("shop", "odd", "lab-worker", "ReplicaSet/odd-1"))
    cluster.unready(odd, 3000)
    odd["status"]["phase"] = "Unknown"


@snapshot(
    small,
    "A pod has not been ready for 299 seconds, and its Service for 59: too soon to be told.",
)
def pods_not_ready_for_a_moment(cluster: Cluster) -> None:
    cluster.unready(cluster.pods["shop/web-1"], 299)
    cluster.unready(cluster.pods["shop/api-1"], 59)


@snapshot(
    small,
    "There are more suspicious pods than are looked at, so some were only counted.",
    ("PodsLeftOut", "PodsNotLookedAt", "Cluster pods"),
    ("PodCrashLoop", "CrashLoopBackOff", "Pod shop/web-1"),
    verdict="unhealthy",
    policy={"suspects_limit": 10},
)
def pods_left_out(cluster: Cluster) -> None:
    cluster.waiting(cluster.pods["shop/web-1"], "CrashLoopBackOff", BACK_OFF, 90, 3, terminated("Error", 1, 40))
    cluster.left_out = {"CrashLoopBackOff": 37, "Pending": 4}


# --- DaemonSets


@snapshot(
    small,
    "kube-proxy is missing on a worker for ten minutes: its pod crashes.",
    ("NodeDaemonSets", "DaemonSetNotReady", "DaemonSet kube-system/kube-proxy"),
    ("NodeDaemonSets", "NodePodNotReady", "Pod kube-system/kube-proxy-lab-worker"),
    ("PodCrashLoop", "CrashLoopBackOff", "Pod kube-system/kube-proxy-lab-worker"),
    ("PodRestarts", "TooManyRestarts", "Pod kube-system/kube-proxy-lab-worker"),
)
def daemonset_pod_crashes(cluster: Cluster) -> None:
    made = cluster.carried("kube-proxy", "lab-worker")
    cluster.waiting(
        made, "CrashLoopBackOff", "back-off restarting failed container", 600, 7, terminated("Error", 1, 100)
    )


@snapshot(
    small,
    "kube-proxy is gone from every node, and a webhook refuses its new pods: three are wanted, none is there.",
    ("NodeDaemonSets", "DaemonSetNotReady", "DaemonSet kube-system/kube-proxy"),
)
def daemonset_without_pods(cluster: Cluster) -> None:
    for name in cluster.nodes:
        del cluster.pods[f"kube-system/kube-proxy-{name}"]
    cluster.count("kube-system/kube-proxy", updated=-3, ready=-3)


@snapshot(
    small,
    "A new template of calico-node has not reached a node for long, and one of kube-proxy nobody has looked at.",
    ("NodeDaemonSets", "DaemonSetNotUpdated", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetNotObserved", "DaemonSet kube-system/kube-proxy"),
    verdict="healthy",
)
def daemonsets_behind(cluster: Cluster) -> None:
    cluster.count("kube-system/calico-node", updated=-1)
    cluster.daemonsets["kube-system/kube-proxy"]["metadata"]["generation"] = 2


# --- Services


@snapshot(
    small,
    "The cluster's DNS has no ready pod for two minutes: nothing finds anything.",
    ("ServiceEndpoints", "NoReadyEndpoints", "Service kube-system/kube-dns"),
)
def service_dns_down(cluster: Cluster) -> None:
    for name in ("coredns-1", "coredns-2"):
        cluster.unready(cluster.pods[f"kube-system/{name}"], 120)


@snapshot(
    small,
    "The API servers' own Service has lost all its endpoints.",
    ("ServiceEndpoints", "NoEndpoints", "Service default/kubernetes"),
)
def service_of_the_api_empty(cluster: Cluster) -> None:
    cluster.slices["default/kubernetes"]["endpoints"] = None


PROBES = [{"namespace": "shop", "name": name, "port": "8080"} for name in ("web", "api", "slow", "odd")]


@snapshot(
    small,
    "Probes of Services: one does not answer, one fails now and then, one is slow, one could not be asked.",
    ("ServiceProbe", "ServiceDoesNotAnswer", "Service shop/web"),
    ("ServiceProbe", "ErrorRateTooHigh", "Service shop/api"),
    ("ServiceProbe", "ResponseTooSlow", "Service shop/slow"),
    ("ServiceProbe", "ServiceNotProbed", "Service shop/odd"),
    policy={"service_probes": PROBES},
)
def service_probes(cluster: Cluster) -> None:
    cluster.probe("shop/web", 5, 5, trouble="HTTP 503: no endpoints available for service")
    cluster.probe("shop/api", 5, 1, [20.0, 22.0, 25.0, 30.0], "HTTP 500")
    cluster.probe("shop/slow", 5, 0, [900.0, 1200.0, 1500.0, 1100.0, 2000.0])
    cluster.probe("shop/odd", 0, 0, trouble="HTTP 403")


@snapshot(
    zones,
    "All but one pod of a Service are gone in two zones, and the last one still answers.",
    *pods("PodNotReady", "ContainersNotReady", "shop/api-1", "shop/api-2"),
)
def service_with_one_pod_left(cluster: Cluster) -> None:
    for name in ("api-1", "api-2"):
        cluster.unready(cluster.pods[f"shop/{name}"], DAY)


@snapshot(
    small,
    "A Service with two address families and without a selector: ready in both, and with nobody to blame.",
)
def service_with_two_families(cluster: Cluster) -> None:
    first = cluster.slices["shop/web"]
    second = {**first, "metadata": {**first["metadata"], "name": "web-v6"}, "addressType": "IPv6"}
    cluster.slices["shop/web-v6"] = second
    outside = cluster.add_service("shop", "outside")
    outside["endpoints"] = [{"addresses": ["192.0.2.10"], "conditions": {}}]
    outside["metadata"]["annotations"] = {"endpoints.kubernetes.io/last-change-trigger-time": ago(DAY)}
