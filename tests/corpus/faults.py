# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.corpus.faults [NAME ...]``: break a lab cluster for real, and record what it looks like then.

The cluster must be there: ``python -m lab up --name selfheal-corpus --shape small --timers fast``. Each fault is done,
waited for, recorded without a label, and taken back; twenty minutes for all of them. Recordings that are labelled
already are not made again unless they are named.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfheal.kubernetes.tests.corpus import load, record

from lab.cluster import Cluster
from lab.drill import Drill
from lab.engine import docker
from lab.paths import versions
from lab.shell import LabError, interruptible

NAME = "selfheal-corpus"
NAMESPACE = "corpus"
# Nobody waits for five minutes with each fault, so the snapshots are to be judged with a shorter patience.
POLICY: record.Raw = {
    "thresholds": {
        "NodeDaemonSets": 15,
        "PodNotReady": 15,
        "PodPending": 15,
        "PodTerminating": 15,
        "ServiceEndpoints": 10,
    }
}
# A Lease lasts 40 s; the node controller of a fast cluster gives a node up after 20 s, and evicts after 30 s more.
SILENT = 55
SETTLE = 180.0
WORKLOADS = (
    "daemonset/calico-node",
    "daemonset/kube-proxy",
    "deployment/calico-kube-controllers",
    "deployment/coredns",
)
MANIFESTS = "/etc/kubernetes/manifests"
ASIDE = "/etc/kubernetes/aside"


@dataclass(frozen=True)
class Fault:
    """One thing to break: a context manager that breaks it, waits until it shows, and takes it back."""

    name: str
    about: str
    does: Callable[[Lab], Iterator[None]]


class Lab:
    """The cluster, and what the faults need of it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.drill = Drill(cluster)
        self.worker, self.other = self.drill.worker(0), self.drill.worker(1)
        self.control_plane = next(node.name for node in cluster.nodes() if node.role == "control-plane")

    def apply(self, *objects: record.Raw) -> None:
        """Create objects."""
        self.cluster.kubectl(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        )

    def read(self, what: str, path: str) -> str:
        """One value of an object in the corpus's namespace."""
        return self.cluster.kubectl("get", "-n", NAMESPACE, what, "-o", f"jsonpath={path}", check=False).stdout

    def wait(self, what: str, path: str, *wanted: str, seconds: float = 90) -> None:
        """Wait until the value is one of these.

        :raises LabError: when it has not become one within that time.
        """
        end = time.monotonic() + seconds
        while (value := self.read(what, path)) not in wanted:
            if time.monotonic() > end:
                raise LabError(f"{what} {path} is {value!r} after {seconds:.0f} s, expected {' or '.join(wanted)}")
            time.sleep(0.5)

    def waiting(self, pod: str, *reasons: str) -> None:
        """Wait until the pod's container waits for one of these reasons."""
        self.wait(f"pod/{pod}", "{.status.containerStatuses[0].state.waiting.reason}", *reasons)

    @contextmanager
    def silent(self, *nodes: str, stop: Callable[[str], object], start: Callable[[str], object]) -> Iterator[None]:
        """Nodes that fall silent, long enough for everybody to notice."""
        try:
            for node in nodes:
                stop(node)
            time.sleep(SILENT)
            yield
        finally:
            for node in nodes:
                start(node)
            for node in nodes:
                self.drill.wait_ready(node, "True")

    def settle(self) -> None:
        """Take away every pod of the faults, and wait until everything is ready again.

        :raises LabError: when it is not in time.
        """
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=60s")
        self.cluster.kubectl("create", "namespace", NAMESPACE)
        self.wait("serviceaccount/default", "{.metadata.name}", "default")
        for node in self.cluster.nodes():
            self.drill.wait_ready(node.name, "True", seconds=SETTLE)
        for what in WORKLOADS:
            self.cluster.kubectl("rollout", "status", what, "-n", "kube-system", f"--timeout={SETTLE:.0f}s")


def pod(
    name: str,
    *command: str,
    container: record.Raw | None = None,
    metadata: record.Raw | None = None,
    **spec: Any,
) -> record.Raw:
    """A pod of the image that is on every node."""
    only = {"name": "app", "image": versions()["image"]["busybox"], "imagePullPolicy": "IfNotPresent"}
    only |= {"command": list(command) or ["sleep", "100000"], **(container or {})}
    said = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}, **(metadata or {})}
    body = {"terminationGracePeriodSeconds": 1, **spec, "containers": [only]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": said, "spec": body}


def service(name: str) -> record.Raw:
    """A Service in front of the pod of that name."""
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


# --- pods and Services


def crash_loop(lab: Lab) -> Iterator[None]:
    lab.apply(pod("crashing", "sh", "-c", "exit 3"), service("crashing"))
    lab.waiting("crashing", "CrashLoopBackOff")
    time.sleep(15)
    lab.waiting("crashing", "CrashLoopBackOff")
    yield


def image(lab: Lab) -> Iterator[None]:
    never = {"image": "selfheal.local/nothing:1", "imagePullPolicy": "Never"}
    pulled = {"image": "registry.invalid/app:1"}
    lab.apply(pod("never", container=never), pod("pulled", container=pulled))
    lab.waiting("never", "ErrImageNeverPull")
    lab.waiting("pulled", "ImagePullBackOff")
    yield


def oom(lab: Lab) -> Iterator[None]:
    grow = "x=aaaaaaaa; while true; do x=$x$x; done"
    container = {"resources": {"limits": {"memory": "24Mi"}}}
    lab.apply(pod("hungry", "sh", "-c", grow, container=container))
    lab.wait("pod/hungry", "{.status.containerStatuses[0].lastState.terminated.reason}", "OOMKilled")
    yield


def unschedulable(lab: Lab) -> Iterator[None]:
    huge = {"resources": {"requests": {"cpu": "1000"}}}
    lab.apply(pod("huge", container=huge), pod("picky", nodeSelector={"example.com/disk": "fast"}))
    time.sleep(20)
    yield


def finalizer(lab: Lab) -> Iterator[None]:
    lab.apply(pod("held", metadata={"finalizers": ["example.com/backup"]}))
    lab.wait("pod/held", "{.status.phase}", "Running")
    lab.cluster.kubectl("delete", "pod", "held", "-n", NAMESPACE, "--wait=false")
    time.sleep(22)
    try:
        yield
    finally:
        lab.cluster.kubectl(
            "patch", "pod", "held", "-n", NAMESPACE, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )


def endpoints(lab: Lab) -> Iterator[None]:
    failing = {"readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}}
    lab.apply(service("empty"), pod("unready", container=failing), service("unready"))
    lab.wait("pod/unready", "{.status.phase}", "Running")
    time.sleep(22)
    yield


def starting(lab: Lab) -> Iterator[None]:
    slow = {"readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 5}}
    lab.apply(service("new"), pod("new", container=slow))
    lab.wait("pod/new", "{.status.phase}", "Running")
    time.sleep(1)
    yield


def mixed(lab: Lab) -> Iterator[None]:
    mounted = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    lab.apply(
        pod("failed", "sh", "-c", "exit 1", restartPolicy="Never"),
        pod("done", "sh", "-c", "exit 0", restartPolicy="Never"),
        pod("config", container={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "a"}}}]}),
        pod("mount", container=mounted, volumes=[{"name": "v", "secret": {"secretName": "none"}}]),
        pod("init", initContainers=[pod("", "sleep", "100000")["spec"]["containers"][0] | {"name": "slow"}]),
        pod("gated", schedulingGates=[{"name": "example.com/quota"}]),
        pod("shut", readinessGates=[{"conditionType": "example.com/load-balancer"}]),
    )
    lab.waiting("config", "CreateContainerConfigError")
    lab.wait("pod/shut", "{.status.phase}", "Running")
    time.sleep(20)
    yield


# --- nodes


def kubelet_stopped(lab: Lab) -> Iterator[None]:
    lab.apply(pod("bound", nodeName=lab.worker))
    lab.wait("pod/bound", "{.status.phase}", "Running")
    with lab.silent(lab.worker, stop=lab.drill.stop_kubelet, start=lab.drill.mend):
        yield


def kubelet_frozen(lab: Lab) -> Iterator[None]:
    def freeze(node: str) -> None:
        lab.cluster.exec(node, "pkill", "-STOP", "-x", "kubelet")

    with lab.silent(lab.other, stop=freeze, start=lab.drill.mend):
        yield


def containerd_stopped(lab: Lab) -> Iterator[None]:
    lab.cluster.exec(lab.worker, "systemctl", "stop", "containerd")
    try:
        lab.drill.wait_ready(lab.worker, "False", "Unknown", seconds=180)
        time.sleep(20)
        yield
    finally:
        lab.cluster.exec(lab.worker, "systemctl", "start", "containerd", "kubelet")
        lab.drill.wait_ready(lab.worker, "True")


def machine_paused(lab: Lab) -> Iterator[None]:
    with lab.silent(lab.other, stop=_pause, start=_unpause):
        yield


def workers_cut_off(lab: Lab) -> Iterator[None]:
    with lab.silent(lab.worker, lab.other, stop=_pause, start=_unpause):
        yield


def _pause(node: str) -> None:
    docker("pause", node)


def _unpause(node: str) -> None:
    docker("unpause", node, check=False)


def control_plane_silent(lab: Lab) -> Iterator[None]:
    with lab.silent(lab.control_plane, stop=lab.drill.stop_kubelet, start=lab.drill.mend):
        yield


def cordoned(lab: Lab) -> Iterator[None]:
    lab.cluster.kubectl("cordon", lab.other)
    try:
        yield
    finally:
        lab.cluster.kubectl("uncordon", lab.other)


def back_again(lab: Lab) -> Iterator[None]:
    with lab.silent(lab.worker, stop=lab.drill.stop_kubelet, start=lab.drill.mend):
        pass
    yield


# --- DaemonSets and the control plane's parts


def calico_missing(lab: Lab) -> Iterator[None]:
    yield from _daemonset_pod_fails(lab, "calico-node", "k8s-app=calico-node")


def kube_proxy_missing(lab: Lab) -> Iterator[None]:
    yield from _daemonset_pod_fails(lab, "kube-proxy", "k8s-app=kube-proxy")


def _daemonset_pod_fails(lab: Lab, name: str, selector: str) -> Iterator[None]:
    """The DaemonSet gets a template that cannot run, and one of its pods is made anew from it."""
    where = ("-n", "kube-system")
    container = {"name": name, "image": "selfheal.local/nothing:1", "imagePullPolicy": "Never"}
    broken = {
        "spec": {
            "updateStrategy": {"type": "OnDelete", "rollingUpdate": None},
            "template": {"spec": {"containers": [container]}},
        }
    }
    old = json.loads(lab.cluster.kubectl("get", "daemonset", name, *where, "-o", "json").stdout)
    on_worker = ("--field-selector", f"spec.nodeName={lab.worker}")
    lab.cluster.kubectl("patch", "daemonset", name, *where, "-p", json.dumps(broken))
    try:
        lab.cluster.kubectl("delete", "pod", *where, "-l", selector, *on_worker, "--wait=false")
        time.sleep(35)
        yield
    finally:
        template, strategy = old["spec"]["template"], old["spec"]["updateStrategy"]
        undo = [
            {"op": "replace", "path": "/spec/template", "value": template},
            {"op": "replace", "path": "/spec/updateStrategy", "value": strategy},
        ]
        lab.cluster.kubectl("patch", "daemonset", name, *where, "--type=json", "-p", json.dumps(undo))


@contextmanager
def _without(lab: Lab, part: str) -> Iterator[None]:
    move = f"mkdir -p {ASIDE} && mv {MANIFESTS}/{part}.yaml {ASIDE}/"
    lab.cluster.exec(lab.control_plane, "sh", "-c", move)
    try:
        # Its Lease lasts 15 s.
        time.sleep(25)
        yield
    finally:
        lab.cluster.exec(lab.control_plane, "mv", f"{ASIDE}/{part}.yaml", f"{MANIFESTS}/")
        time.sleep(15)


def dead_node_stays_ready(lab: Lab) -> Iterator[None]:
    with (
        _without(lab, "kube-controller-manager"),
        lab.silent(lab.other, stop=lab.drill.stop_kubelet, start=lab.drill.mend),
    ):
        yield


def scheduler_stopped(lab: Lab) -> Iterator[None]:
    with _without(lab, "kube-scheduler"):
        lab.apply(pod("nowhere"))
        time.sleep(20)
        yield


def dns_gone(lab: Lab) -> Iterator[None]:
    scale = ("scale", "deployment", "coredns", "-n", "kube-system")
    lab.cluster.kubectl(*scale, "--replicas=0")
    try:
        time.sleep(25)
        yield
    finally:
        lab.cluster.kubectl(*scale, "--replicas=2")


def roll_out(lab: Lab) -> Iterator[None]:
    for what in ("daemonset/kube-proxy", "deployment/coredns"):
        lab.cluster.kubectl("rollout", "restart", what, "-n", "kube-system")
    time.sleep(1.5)
    yield


def nothing(lab: Lab) -> Iterator[None]:
    yield


FAULTS = [
    Fault("lab-healthy", "A fresh lab cluster, before anything was done to it.", nothing),
    Fault("lab-roll-out", "kube-proxy and CoreDNS were told to restart one and a half seconds ago.", roll_out),
    Fault("lab-cordoned", "A worker was cordoned by hand.", cordoned),
    Fault(
        "lab-starting",
        "A Service and its only pod were made three seconds ago; the pod is about to be ready.",
        starting,
    ),
    Fault("lab-crash-loop", "A pod behind a Service exits with 3 each time that it is started.", crash_loop),
    Fault("lab-image", "Two pods want images that are nowhere: one may not pull it, one cannot.", image),
    Fault("lab-oom", "A pod eats more memory than its limit allows.", oom),
    Fault(
        "lab-unschedulable",
        "Two pods that no node takes: a thousand CPUs, and a label that no node has.",
        unschedulable,
    ),
    Fault("lab-finalizer", "A pod was deleted, and a finalizer that nobody takes away holds it.", finalizer),
    Fault(
        "lab-no-endpoints",
        "A Service that selects nothing, and one whose only pod fails its readiness probe.",
        endpoints,
    ),
    Fault(
        "lab-pods-of-all-kinds", "Pods that failed, ended, lack a Secret, wait for a gate or an init container.", mixed
    ),
    Fault("lab-kubelet-stopped", "The kubelet of a worker was stopped with systemctl 55 seconds ago.", kubelet_stopped),
    Fault(
        "lab-kubelet-back", "A worker whose kubelet was stopped for 55 seconds has just become Ready again.", back_again
    ),
    Fault("lab-kubelet-frozen", "The kubelet of a worker was frozen with SIGSTOP 55 seconds ago.", kubelet_frozen),
    Fault(
        "lab-containerd-stopped",
        "containerd on a worker was stopped; the kubelet has noticed it 20 seconds ago.",
        containerd_stopped,
    ),
    Fault("lab-machine-paused", "The whole machine of a worker was frozen 55 seconds ago.", machine_paused),
    Fault(
        "lab-workers-cut-off",
        "Both workers of three nodes were frozen in the same moment, 55 seconds ago.",
        workers_cut_off,
    ),
    Fault(
        "lab-control-plane-silent",
        "The kubelet of the only control plane was stopped; what it had started runs on.",
        control_plane_silent,
    ),
    Fault(
        "lab-calico-missing",
        "calico-node's pod on a worker was deleted, and its next one has no image.",
        calico_missing,
    ),
    Fault(
        "lab-kube-proxy-missing",
        "kube-proxy's pod on a worker was deleted, and its next one has no image.",
        kube_proxy_missing,
    ),
    Fault(
        "lab-dead-node-stays-ready",
        "The controller-manager was stopped, then a worker's kubelet: the node stays Ready.",
        dead_node_stays_ready,
    ),
    Fault("lab-scheduler-stopped", "The scheduler was stopped, and a pod was made after that.", scheduler_stopped),
    Fault("lab-dns-gone", "CoreDNS was scaled to zero.", dns_gone),
    Fault("lab-healthy-after-all", "The same cluster after all these faults were taken back.", nothing),
]


def labelled(name: str) -> bool:
    """Whether a person has labelled the recording of that name."""
    path = record.FOLDER / f"{name}.json"
    return path.exists() and load.load(path).expected is not None


def main(arguments: list[str] | None = None) -> int:
    """Do the faults; 1 when one of them did not work."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.corpus.faults", description="Break a lab cluster and record it."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these recordings (default: all without a label)")
    names = parser.parse_args(arguments).names
    failed = []
    with interruptible():
        lab = Lab(Cluster(NAME))
        recorder = record.Recorder(lab.cluster.kubeconfig, str(lab.cluster.state()["kubectl"]))
        for fault in FAULTS:
            if fault.name not in names if names else labelled(fault.name):
                continue
            begun = time.monotonic()
            try:
                lab.settle()
                with contextmanager(fault.does)(lab):
                    record.write(recorder.record(fault.name, fault.about, POLICY))
                print(f"{fault.name}: recorded, {time.monotonic() - begun:.0f} s", flush=True)
            except LabError as error:
                failed.append(fault.name)
                print(f"{fault.name}: {error}", file=sys.stderr, flush=True)
        lab.settle()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
