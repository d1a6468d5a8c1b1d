# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lab cluster is, as data, and the configuration of kind that says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NETWORK = "selfheal"
# Explicit, so that nodes keep their addresses and nothing here meets what a company's network uses by default.
NODE_SUBNET = "10.203.0.0/24"
POD_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"
AUDIT_POLICY = "/etc/kubernetes/audit-policy.yaml"
AUDIT_FOLDER = "/var/log/kubernetes/audit"
# One folder of this machine in every worker, as storage that two nodes can write to.
SHARED = "/var/lib/lab-shared"


@dataclass(frozen=True)
class Shape:
    """How many nodes; with several control planes kind adds a load balancer."""

    control_planes: int
    workers: int


@dataclass(frozen=True)
class Timers:
    """When a node counts as lost; None leaves what Kubernetes does by itself.

    :ivar node_grace: kube-controller-manager's node-monitor-grace-period.
    :ivar status_every: kubelet's nodeStatusUpdateFrequency.
    :ivar toleration_seconds: how long pods stay bound to a node that is not ready or unreachable.
    """

    node_grace: str | None = None
    status_every: str | None = None
    toleration_seconds: int | None = None


SHAPES = {"small": Shape(1, 2), "ha": Shape(3, 2)}
TIMERS = {"fast": Timers("20s", "4s", 30), "stock": Timers()}


def cluster_config(
    name: str, shape: Shape, timers: Timers, audit_policy: Path, shared: Path, *, restricted: bool
) -> dict[str, Any]:
    """The kind configuration of a cluster.

    :param audit_policy: the policy file on this machine, mounted into the control planes.
    :param shared: a folder on this machine, mounted into the workers.
    :param restricted: the machine lacks CAP_SYS_RESOURCE, so kubelet must bear that some settings are refused.
    """
    control_plane = {
        "role": "control-plane",
        "extraMounts": [{"hostPath": str(audit_policy), "containerPath": AUDIT_POLICY, "readOnly": True}],
    }
    worker = {"role": "worker", "extraMounts": [{"hostPath": str(shared), "containerPath": SHARED}]}
    patches = [_cluster_patch(timers), _kubelet_patch(timers, restricted=restricted)]
    return {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "name": name,
        "networking": {
            "disableDefaultCNI": True,
            "ipFamily": "ipv4",
            "podSubnet": POD_SUBNET,
            "serviceSubnet": SERVICE_SUBNET,
        },
        "kubeadmConfigPatches": [yaml.safe_dump(patch, sort_keys=False) for patch in patches],
        "nodes": [control_plane] * shape.control_planes + [worker] * shape.workers,
    }


def _cluster_patch(timers: Timers) -> dict[str, Any]:
    # kind 0.30 writes kubeadm's v1beta3, where extra arguments are a map.
    api_server = {
        "audit-policy-file": AUDIT_POLICY,
        "audit-log-path": f"{AUDIT_FOLDER}/audit.log",
        "audit-log-maxsize": "200",
        "audit-log-maxbackup": "2",
    }
    if timers.toleration_seconds is not None:
        seconds = str(timers.toleration_seconds)
        api_server |= {
            "default-not-ready-toleration-seconds": seconds,
            "default-unreachable-toleration-seconds": seconds,
        }
    volumes = [
        {
            "name": "audit-policy",
            "hostPath": AUDIT_POLICY,
            "mountPath": AUDIT_POLICY,
            "readOnly": True,
            "pathType": "File",
        },
        {
            "name": "audit-log",
            "hostPath": AUDIT_FOLDER,
            "mountPath": AUDIT_FOLDER,
            "readOnly": False,
            "pathType": "DirectoryOrCreate",
        },
    ]
    patch: dict[str, Any] = {
        "kind": "ClusterConfiguration",
        "apiServer": {"extraArgs": api_server, "extraVolumes": volumes},
    }
    if timers.node_grace:
        patch["controllerManager"] = {"extraArgs": {"node-monitor-grace-period": timers.node_grace}}
    return patch


def _kubelet_patch(timers: Timers, *, restricted: bool) -> dict[str, Any]:
    # kubelet refuses cgroup v1 from 1.35 on; on cgroup v2 this says nothing.
    patch: dict[str, Any] = {"kind": "KubeletConfiguration", "failCgroupV1": False}
    if timers.status_every:
        patch["nodeStatusUpdateFrequency"] = timers.status_every
    if restricted:
        patch["featureGates"] = {"KubeletInUserNamespace": True}
    return patch


def audit_policy() -> dict[str, Any]:
    """Every request of people and of service accounts, reads too; not the chatter of the cluster's own parts."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "userGroups": ["system:nodes"]},
            {
                "level": "None",
                "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"],
            },
            # Health probes of kubelets and of the load balancer.
            {"level": "None", "users": ["system:anonymous"], "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
            {"level": "Metadata"},
        ],
    }


def failure(log: str) -> str:
    """The line of kind's output that says what went wrong; a trace and kubeadm's talk follow it."""
    errors = [line for line in log.splitlines() if line.startswith("ERROR: ")]
    return errors[0].removeprefix("ERROR: ") if errors else "kind create cluster failed"


def inventory(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The Ansible inventory of a cluster.

    :param nodes: the items of ``kubectl get nodes -o json``. In kind a node and its container have the same name.
    """
    groups: dict[str, dict[str, Any]] = {"control_plane": {}, "workers": {}}
    for node in nodes:
        name, labels = node["metadata"]["name"], node["metadata"].get("labels", {})
        address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
        group = "control_plane" if "node-role.kubernetes.io/control-plane" in labels else "workers"
        groups[group][name] = {
            "ansible_connection": "community.docker.docker",
            "ansible_host": name,
            "selfheal_node_address": address,
        }
    return {"all": {"children": {"nodes": {"children": {group: {"hosts": h} for group, h in groups.items()}}}}}
