# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API servers, etcd, controller-manager and scheduler that are sick, or about which nobody can say."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.tests.corpus.build import (
    DAY,
    GIB,
    Cluster,
    ago,
    endpoint,
    micro,
    small,
    zones,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import pods, snapshot

CP_A, CP_B, CP_C = (f"Endpoint https://10.203.0.{number}:6443" for number in (2, 6, 10))
ON_CP_C = [
    f"kube-system/{name}-cp-c"
    for name in ("calico-node", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler")
]


@snapshot(
    zones,
    "The machine of one control plane of three is gone for ten minutes: its API server, its etcd member, its node.",
    ("ApiServer", "ApiServerUnreachable", CP_C),
    ("EtcdMembers", "EtcdMemberUnhealthy", "Etcd cp-c"),
    ("EtcdMembers", "EtcdQuorumAtRisk", "Etcd etcd"),
    ("NodeReady", "NodeStatusUnknown", "Node cp-c"),
    ("NodeHeartbeat", "HeartbeatStopped", "Node cp-c"),
    ("NodeCPU", "CPUMetricsStale", "Node cp-c"),
    ("NodeMemory", "MemoryMetricsStale", "Node cp-c"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/calico-node"),
    ("NodeDaemonSets", "DaemonSetOnUnreadyNodes", "DaemonSet kube-system/kube-proxy"),
    *pods("PodNotReady", "PodOnUnreadyNode", *ON_CP_C),
    near_miss="ControlPlaneBrownout",
)
def control_plane_machine_lost(cluster: Cluster) -> None:
    cluster.silent("cp-c", 600)
    cluster.watched["cp-c"] = [False, 12]
    cluster.use("cp-c", 0.4, 2 * GIB, age=620)
    cluster.endpoints[2] |= {"live": None, "ready": None, "latency_ms": None, "trouble": "no route to host"}
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["members"][2] |= {"healthy": False, "trouble": "context deadline exceeded"}
    cluster.component_leases["kube-scheduler"]["spec"]["holderIdentity"] = "cp-a_5ab6"


@snapshot(zones, "One API server of three says that it is not alive.", ("ApiServer", "ApiServerNotLive", CP_B))
def control_plane_not_live(cluster: Cluster) -> None:
    cluster.endpoints[1] |= {"live": False, "ready": False, "failed": ["poststarthook/rbac/bootstrap-roles"]}


@snapshot(zones, "One API server of three says that its etcd fails.", ("ApiServer", "ApiServerNotReady", CP_B))
def control_plane_not_ready(cluster: Cluster) -> None:
    cluster.endpoints[1] |= {"ready": False, "failed": ["etcd", "etcd-readiness"]}


@snapshot(
    zones,
    "One API server of three is alive and does not let us read whether it is ready.",
    ("ApiServer", "ApiServerReadinessUnknown", CP_B),
    verdict="unknown",
)
def control_plane_readiness_unknown(cluster: Cluster) -> None:
    cluster.endpoints[1] |= {"ready": None, "trouble": "readyz: HTTP 403"}


@snapshot(
    zones,
    "One API server of three takes two and a half seconds to say that it is alive.",
    ("ApiServer", "ApiServerSlow", CP_C),
    verdict="healthy",
)
def control_plane_slow(cluster: Cluster) -> None:
    cluster.endpoints[2]["latency_ms"] = 2500.0


@snapshot(
    zones,
    "No API server was asked by itself, so nobody knows how they are.",
    ("ApiServer", "ApiServerNotAsked", "ControlPlane kube-apiserver"),
    verdict="unknown",
)
def control_plane_not_asked(cluster: Cluster) -> None:
    cluster.endpoints = []


@snapshot(
    small,
    "The only API server does not answer: it may be down, or we may be cut off; nothing else could be read either.",
    ("ApiServer", "ApiServerUnreachable", "Endpoint https://10.203.0.2:6443"),
    verdict="unknown",
)
def control_plane_unreachable(cluster: Cluster) -> None:
    trouble = "connection refused"
    cluster.forget_all(trouble)
    cluster.cluster_uid = None
    cluster.endpoints = [
        endpoint(
            "https://10.203.0.2:6443", None, True, live=None, ready=None, certificate_expires=None, trouble=trouble
        )
    ]


@snapshot(
    zones,
    "The certificate of one API server ends in ten days, that of another has ended yesterday.",
    ("CertificateExpiry", "CertificateExpiring", CP_B),
    ("CertificateExpiry", "CertificateExpired", CP_C),
)
def control_plane_certificates(cluster: Cluster) -> None:
    cluster.endpoints[1]["certificate_expires"] = ago(-10 * DAY)
    cluster.endpoints[2]["certificate_expires"] = ago(DAY)


@snapshot(
    zones,
    "The certificate of an API server ends in thirty days to the second.",
    ("CertificateExpiry", "CertificateExpiring", CP_B),
    verdict="healthy",
)
def control_plane_certificate_ends_in_a_month(cluster: Cluster) -> None:
    cluster.endpoints[1]["certificate_expires"] = ago(-30 * DAY)
    cluster.endpoints[2]["certificate_expires"] = ago(-30 * DAY - 1)


# --- etcd


@snapshot(
    zones,
    "Two etcd members of three are gone: no leader, no quorum, and no API server is ready.",
    ("EtcdMembers", "EtcdMemberUnhealthy", "Etcd cp-b"),
    ("EtcdMembers", "EtcdMemberUnhealthy", "Etcd cp-c"),
    ("EtcdMembers", "EtcdQuorumLost", "Etcd etcd"),
    ("EtcdMembers", "EtcdNoLeader", "Etcd etcd"),
    *(("ApiServer", "ApiServerNotReady", address) for address in (CP_A, CP_B, CP_C)),
    patterns=[("ControlPlaneBrownout", "Etcd etcd", 4)],
)
def etcd_quorum_lost(cluster: Cluster) -> None:
    assert isinstance(cluster.etcd, dict)
    for member in cluster.etcd["members"][1:]:
        member |= {"healthy": False, "trouble": "connection refused"}
    cluster.etcd["leader"] = ""
    for one in cluster.endpoints:
        one |= {"ready": False, "failed": ["etcd", "etcd-readiness"]}


@snapshot(
    zones,
    "etcd's database is full, so nothing can be written any more; everything that is there goes on running.",
    ("EtcdMembers", "EtcdOutOfSpace", "Etcd etcd"),
    *(("EtcdMembers", "EtcdDatabaseLarge", f"Etcd cp-{letter}") for letter in "abc"),
    near_miss="ControlPlaneBrownout",
)
def etcd_out_of_space(cluster: Cluster) -> None:
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["alarms"] = ["NOSPACE"]
    for member in cluster.etcd["members"]:
        member |= {"db_bytes": 2 * GIB, "quota_bytes": 2 * GIB}


@snapshot(
    zones,
    "etcd has raised the alarm that its members do not agree on the data, and another that nobody knows.",
    ("EtcdMembers", "EtcdCorrupt", "Etcd etcd"),
    ("EtcdMembers", "EtcdAlarm", "Etcd etcd"),
)
def etcd_alarms(cluster: Cluster) -> None:
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["alarms"] = ["CORRUPT", "HALTED"]


@snapshot(
    zones,
    "A fourth etcd member is being added: still a learner. Three vote, all is well.",
    ("EtcdMembers", "EtcdLearner", "Etcd cp-d"),
    verdict="healthy",
)
def etcd_learner(cluster: Cluster) -> None:
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["members"].append({"name": "cp-d", "healthy": True, "learner": True})


@snapshot(
    zones,
    "etcd has four voting members, one of which nobody could ask.",
    ("EtcdMembers", "EtcdMemberUnknown", "Etcd cp-d"),
    ("EtcdMembers", "EtcdEvenMembers", "Etcd etcd"),
    verdict="unknown",
)
def etcd_even_and_one_unknown(cluster: Cluster) -> None:
    assert isinstance(cluster.etcd, dict)
    cluster.etcd["members"].append({"name": "cp-d", "healthy": None, "trouble": "no client certificate"})


@snapshot(
    small,
    "etcd runs outside of the cluster, and nobody has told us where: told, because people here could.",
    ("EtcdMembers", "EtcdOutOfSight", "Etcd etcd"),
    verdict="healthy",
)
def etcd_outside(cluster: Cluster) -> None:
    del cluster.pods["kube-system/etcd-lab-control-plane"]


# --- controllers


@snapshot(
    small,
    "The controller-manager was stopped five minutes ago; so far nothing has happened that it would be missed for.",
    ("Controllers", "ControllerLeaseStopped", "ControlPlane kube-controller-manager"),
    near_miss="ControlPlaneBrownout",
)
def controller_manager_stopped(cluster: Cluster) -> None:
    cluster.component_leases["kube-controller-manager"]["spec"]["renewTime"] = micro(300)
    cluster.watched["kube-controller-manager"] = [False, 12]


@snapshot(
    small,
    "The scheduler was stopped ten minutes ago: a new pod has no node, and nobody has looked at it.",
    ("Controllers", "ControllerLeaseStopped", "ControlPlane kube-scheduler"),
    ("PodPending", "NotScheduled", "Pod shop/web-3"),
)
def scheduler_stopped(cluster: Cluster) -> None:
    cluster.component_leases["kube-scheduler"]["spec"]["renewTime"] = micro(600)
    cluster.watched["kube-scheduler"] = [False, 12]
    cluster.unseen("shop", "web-3", 400)


@snapshot(
    small,
    "The Leases of both controllers are a minute old, and nobody has watched whether they move.",
    ("Controllers", "ControllerLeaseExpired", "ControlPlane kube-controller-manager"),
    ("Controllers", "ControllerLeaseExpired", "ControlPlane kube-scheduler"),
    verdict="unknown",
)
def controllers_expired(cluster: Cluster) -> None:
    for lease in cluster.component_leases.values():
        lease["spec"]["renewTime"] = micro(60)


@snapshot(
    small,
    "A single server whose controllers elect no leader, so they have no Leases: nobody can say how they are.",
    ("Controllers", "ControllerLeaseAbsent", "ControlPlane kube-controller-manager"),
    ("Controllers", "ControllerLeaseAbsent", "ControlPlane kube-scheduler"),
    verdict="unknown",
)
def controllers_without_leases(cluster: Cluster) -> None:
    cluster.component_leases.clear()


@snapshot(
    small,
    "The node of the only control plane is not Ready for seven minutes, though all that runs on it answers.",
    ("NodeReady", "ContainerRuntimeDown", "Node lab-control-plane"),
    ("EtcdMembers", "EtcdMemberUnknown", "Etcd lab-control-plane"),
    *pods(
        "PodNotReady",
        "PodOnUnreadyNode",
        *(
            f"kube-system/{name}-lab-control-plane"
            for name in (
                "calico-node",
                "etcd",
                "kube-apiserver",
                "kube-controller-manager",
                "kube-proxy",
                "kube-scheduler",
            )
        ),
    ),
)
def control_plane_node_not_ready(cluster: Cluster) -> None:
    cluster.not_ready("lab-control-plane", 420, "container runtime is down")
