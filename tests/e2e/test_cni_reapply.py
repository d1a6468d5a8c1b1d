# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real node loses what real Calico has written onto it, or Calico itself is changed: pods have a network again."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab import image
from lab.drill import DUE_AFTER, Drill, Run, now
from lab.paths import versions

ROLE = str(Path(__file__).with_name("cni_reapply.yml"))
BUSYBOX = versions()["image"]["busybox"]
CONFIG = "/etc/cni/net.d/10-calico.conflist"
PROGRAMS = "/opt/cni/bin"
# For as long as this nobody but the role brings the network back.
CONTROL_SECONDS = 60.0
MTU = "1372"


# --- the cluster, seen by kubectl alone


def address_of(drill: Drill, node: str, name: str = "drill-net") -> str:
    """The address of a new pod on the node; empty while it has none."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "one", "image": BUSYBOX, "command": ["sleep", "10000"]}],
        },
    }
    drill.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    return drill.cluster.kubectl("get", "pod", name, "-o", "jsonpath={.status.podIP}").stdout


def forget_pods(drill: Drill) -> None:
    names = ("drill-net", "drill-peer")
    drill.cluster.kubectl("delete", "pod", *names, "--force", "--grace-period=0", "--ignore-not-found")


def no_network(drill: Drill, node: str, seconds: float) -> None:
    """A new pod stays without an address for so long: the fault has taken, and nobody mends it."""
    forget_pods(drill)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not address_of(drill, node), (
            f"a new pod on {node} has an address, so the fault has not taken, or is over"
        )
        time.sleep(2)
    forget_pods(drill)


def has_network(drill: Drill, node: str, other: str, seconds: float = 60) -> None:
    """A new pod on the node gets an address, and one on another node can be talked to from it."""
    forget_pods(drill)
    end = time.monotonic() + seconds
    while not ((mine := address_of(drill, node)) and (peer := address_of(drill, other, "drill-peer"))):
        assert time.monotonic() < end, f"no address on {node} or {other} after {seconds} s"
        time.sleep(1)
    assert mine != peer
    for name in ("drill-net", "drill-peer"):
        drill.cluster.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=30s")
    drill.cluster.kubectl("exec", "drill-net", "--", "/bin/busybox", "ping", "-c", "1", "-W", "5", peer)
    forget_pods(drill)


def agent(drill: Drill, node: str) -> str:
    """The UID of Calico's pod on the node."""
    where = ("-n", "kube-system", "-l", "k8s-app=calico-node", "--field-selector", f"spec.nodeName={node}")
    return drill.cluster.kubectl("get", "pods", *where, "-o", "jsonpath={.items[*].metadata.uid}").stdout


def read(drill: Drill, *what: str) -> Any:
    return json.loads(drill.cluster.kubectl("get", *what, "-o", "json").stdout)


def condition(drill: Drill, node: str) -> str:
    path = 'jsonpath={.status.conditions[?(@.type=="NetworkUnavailable")].reason}'
    return drill.cluster.kubectl("get", "node", node, "-o", path).stdout


def wait_for(seen: Callable[[], object], what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(1)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest that the cluster's Calico was made of."""
    where = image.kit().calico
    if "://" not in where:
        return Path(where)
    path = tmp_path_factory.mktemp("calico") / "calico.yml"
    with urllib.request.urlopen(where, timeout=60) as answer:  # noqa: S310 (the lab's own address)
        path.write_bytes(answer.read())
    return path


@pytest.fixture
def node(healthy: Drill) -> Iterator[str]:
    """A worker, and a healer with the rights for its network. A new pod of Calico mends it in the end."""
    cluster, sick = healthy.cluster, healthy.worker()
    rights = healthy.bootstrap(selfheal_bootstrap_cni=True)
    assert rights.code == 0, rights.output
    try:
        yield sick
    finally:
        forget_pods(healthy)
        programs = (
            f"[ -e {CONFIG} ] && [ -s {PROGRAMS}/calico-ipam ] && cmp -s {PROGRAMS}/calico {PROGRAMS}/calico-ipam"
        )
        if cluster.exec(sick, "sh", "-c", programs, check=False).returncode:
            where = ("-n", "kube-system", "-l", "k8s-app=calico-node", "--field-selector", f"spec.nodeName={sick}")
            cluster.kubectl("delete", "pods", *where)
            cluster.kubectl("rollout", "status", "-n", "kube-system", "daemonset/calico-node", "--timeout=180s")
        assert healthy.bootstrap().code == 0


@pytest.fixture
def own(healthy: Drill, node: str, manifest: Path) -> Iterator[dict[str, str]]:
    """Settings that the manifest does not have: each IPPool with its version. All of Calico is put back at the end."""
    cluster = healthy.cluster
    try:
        yield set_own(healthy)
    finally:
        # As whoever has made the cluster, so that nothing of a test is left in the fields of these.
        cluster.kubectl("delete", "daemonset", "calico-node", "-n", "kube-system", "--ignore-not-found")
        cluster.kubectl("apply", "--filename", str(manifest))
        for one in cluster.nodes():
            cluster.kubectl("label", "node", one.name, "drill-")
        cluster.kubectl("rollout", "status", "-n", "kube-system", "daemonset/calico-node", "--timeout=180s")


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of a file, for as long as it is asked for."""
    handler = partial(SimpleHTTPRequestHandler, directory=path.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{path.name}"
        finally:
            server.shutdown()
            thread.join(10)


def reapply(drill: Drill, sick: str, *arguments: str, **variables: Any) -> Run:
    """Run the role by hand with the healer's rights."""
    options = {"cni_reapply_probe_image": BUSYBOX, "selfheal_cluster_uid": drill.uid(), "target": sick, **variables}
    return drill.playbook(ROLE, *arguments, **options)


def lose_config(drill: Drill, sick: str) -> None:
    drill.cluster.exec(sick, "rm", CONFIG)


def lose_programs(drill: Drill, sick: str) -> None:
    """One is cut in the middle, one is gone."""
    half = f"truncate -s $(($(stat -c %s {PROGRAMS}/calico) / 2)) {PROGRAMS}/calico"
    drill.cluster.exec(sick, "sh", "-c", f"{half} && rm {PROGRAMS}/calico-ipam")


FAULTS = {
    "no configuration": (lose_config, "/etc/cni/net.d has no network configuration"),
    "no programs": (lose_programs, "program calico does not answer as a network plugin does, so it is corrupt"),
}


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_gone_from_a_host_is_brought_back(healthy: Drill, node: str, fault: str) -> None:
    other, before = healthy.worker(1), agent(healthy, node)
    well = reapply(healthy, node)
    assert (well.code, well.changed) == (0, 0), well.output
    assert "is left alone: nothing is wrong with it" in well.output

    lose, told = FAULTS[fault]
    lose(healthy, node)
    no_network(healthy, node, CONTROL_SECONDS)
    assert agent(healthy, node) == before

    since = now()
    check = reapply(healthy, node, "--check")
    assert check.code == 0 and check.changed > 0, check.output
    assert "would restart calico (DaemonSet kube-system/calico-node)" in check.output and told in check.output
    assert healthy.writes(since) == [] and agent(healthy, node) == before

    done = reapply(healthy, node)
    assert done.code == 0, done.output
    assert "a new pod got address" in done.output and "and was reached from there" in done.output
    assert agent(healthy, node) not in ("", before)
    has_network(healthy, node, other)
    written = {(verb, what) for verb, what, _name in healthy.writes(since)}
    assert written == {("create", "pods"), ("delete", "pods")}, "an eviction, and the pods of the proof"
    assert read(healthy, "pods", "-n", "self-healing")["items"] == []

    again = reapply(healthy, node)
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_a_fault_that_stays_is_told(healthy: Drill, node: str) -> None:
    """Nothing can be written where the folder of the programs is read-only."""
    before = agent(healthy, node)
    lose_programs(healthy, node)
    healthy.cluster.exec(node, "sh", "-c", f"mount --bind {PROGRAMS} {PROGRAMS} && mount -o remount,ro,bind {PROGRAMS}")
    try:
        run = reapply(healthy, node, cni_reapply_deadline=45)
        assert run.code == 2, run.output
        assert f"on node {node} is not well within 45 s: pod kube-system/calico-node-" in run.output
        assert "on the host program calico does not answer" in run.output and "calico-ipam is missing" in run.output
        assert "Traceback" not in run.output
        assert agent(healthy, node) != before
        assert read(healthy, "pods", "-n", "self-healing")["items"] == []
    finally:
        healthy.cluster.exec(node, "umount", PROGRAMS)


def set_own(drill: Drill) -> dict[str, str]:
    """Give the cluster settings that the manifest does not have; what must not be written any more."""
    cluster = drill.cluster
    of_config = json.dumps({"data": {"veth_mtu": MTU}})
    cluster.kubectl("patch", "configmap", "calico-config", "-n", "kube-system", "--type", "merge", "-p", of_config)
    of_pods = ("IP_AUTODETECTION_METHOD=kubernetes-internal-ip", "CALICO_IPV4POOL_NAT_OUTGOING=true")
    cluster.kubectl("set", "env", "daemonset/calico-node", "-n", "kube-system", "-c", "calico-node", *of_pods)
    cluster.kubectl("rollout", "status", "-n", "kube-system", "daemonset/calico-node", "--timeout=240s")
    pools = read(drill, "ippools.crd.projectcalico.org")["items"]
    assert pools, "Calico has made one"
    return {pool["metadata"]["name"]: pool["metadata"]["resourceVersion"] for pool in pools}


def own_is_kept(drill: Drill, sick: str, pools: dict[str, str], with_daemonset: bool) -> None:
    now_there = read(drill, "ippools.crd.projectcalico.org")["items"]
    assert {pool["metadata"]["name"]: pool["metadata"]["resourceVersion"] for pool in now_there} == pools
    assert read(drill, "configmap", "calico-config", "-n", "kube-system")["data"]["veth_mtu"] == MTU
    containers = read(drill, "daemonset", "calico-node", "-n", "kube-system")["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry.get("value") for entry in containers[0]["env"]}
    if with_daemonset:
        assert env["IP_AUTODETECTION_METHOD"] == "kubernetes-internal-ip"
        assert env["CALICO_IPV4POOL_NAT_OUTGOING"] == "true"
    else:
        assert env["CALICO_IPV4POOL_CIDR"] == now_there[0]["spec"]["cidr"], "the pool tells what the DaemonSet cannot"
    # What counts in the end is what a new pod on the mended node has.
    address_of(drill, sick)
    drill.cluster.kubectl("wait", "pod/drill-net", "--for=condition=Ready", "--timeout=60s")
    assert drill.cluster.kubectl("exec", "drill-net", "--", "cat", "/sys/class/net/eth0/mtu").stdout.strip() == MTU
    forget_pods(drill)


def test_heal_brings_back_what_the_container_runtime_has_lost(healthy: Drill, node: str) -> None:
    before = agent(healthy, node)
    lose_config(healthy, node)
    healthy.wait_until_due(node)
    no_network(healthy, node, 5)
    since = now()
    run = healthy.heal(cni_reapply_probe_image=BUSYBOX)
    assert run.code == 0, run.output
    assert "PodNetworkDown" in run.output and f"REPAIRED cni_reapply on {node}" in run.output
    assert "and was reached from there" in run.output
    assert agent(healthy, node) not in ("", before)
    has_network(healthy, node, healthy.worker(1))
    memory = {"incidents", "clusterrecords", "leases", "configmaps"}
    assert {what for _verb, what, _name in healthy.writes(since)} == {"pods", *memory}
    [incident] = healthy.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)
    again = healthy.heal()
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_heal_puts_back_a_network_plugin_that_was_changed_by_mistake(
    healthy: Drill, node: str, own: dict[str, str], manifest: Path
) -> None:
    cluster, other = healthy.cluster, healthy.worker(1)
    # Somebody wants Calico on some nodes only, and one is not among them.
    for one in cluster.nodes():
        if one.name != node:
            cluster.kubectl("label", "node", one.name, "drill=net", "--overwrite")
    selector = json.dumps({"spec": {"template": {"spec": {"nodeSelector": {"drill": "net"}}}}})
    cluster.kubectl("patch", "daemonset", "calico-node", "-n", "kube-system", "-p", selector)
    wait_for(lambda: condition(healthy, node) == "CalicoIsDown", f"Calico tells that it leaves {node}", 240)
    cluster.kubectl("rollout", "status", "-n", "kube-system", "daemonset/calico-node", "--timeout=240s")
    # How long the rollout takes nobody knows, so the run that only looks must not act whatever the time.
    noticed = healthy.heal(selfheal_monitor_only=True)
    assert noticed.code == 0 and "CalicoIsDown" in noticed.output, noticed.output
    end = time.monotonic() + CONTROL_SECONDS
    while time.monotonic() < end:
        assert condition(healthy, node) == "CalicoIsDown" and not agent(healthy, node), "nobody else may mend it"
        time.sleep(2)
    assert DUE_AFTER < CONTROL_SECONDS

    since = now()
    run = healthy.heal(
        cni_reapply_manifest=str(manifest),
        cni_reapply_checksum=checksum(manifest),
        cni_reapply_probe_image=BUSYBOX,
    )
    assert run.code == 0, run.output
    assert f"REPAIRED cni_reapply on {node}" in run.output
    assert "DaemonSet kube-system/calico-node differs in spec.template.spec.nodeSelector" in run.output
    assert "and was reached from there" in run.output
    has_network(healthy, node, other)
    own_is_kept(healthy, node, own, with_daemonset=True)
    written = [
        one for one in healthy.writes(since) if one[1] in ("daemonsets", "configmaps", "clusterroles", "ippools")
    ]
    assert [one for one in written if one[2] != "selfheal-baseline"] == [("patch", "daemonsets", "calico-node")]
    [incident] = healthy.incidents()
    status = incident["status"]
    assert (status["phase"], status["outcome"], status["attempts"]) == ("Recovered", "Repaired", 1)

    again = healthy.heal()
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_a_daemonset_that_was_deleted_is_made_anew_with_the_settings_of_the_cluster(
    healthy: Drill, node: str, own: dict[str, str], manifest: Path
) -> None:
    healthy.cluster.kubectl("delete", "daemonset", "calico-node", "-n", "kube-system")
    lose_config(healthy, node)
    wait_for(lambda: not agent(healthy, node), "Calico's pod is gone")
    no_network(healthy, node, CONTROL_SECONDS)

    without = reapply(healthy, node)
    assert without.code == 2 and "the cluster has no network plugin that is known" in without.output, without.output

    # Calico that is older than what runs, and one of another provider.
    older = manifest.read_text(encoding="utf-8").replace(f":v{versions()['cluster']['calico']}", ":v3.20.0")
    path = healthy.cluster.folder / "calico-older.yml"
    path.write_text(older, encoding="utf-8")
    refused = reapply(healthy, node, cni_reapply_manifest=str(path))
    assert refused.code == 2 and "it is calico 3.20.0, older than" in refused.output, refused.output
    refused = reapply(healthy, node, cni_reapply_manifest=str(manifest), cni_reapply_provider="cilium")
    assert refused.code == 2 and "it is a manifest of calico, expected one of cilium" in refused.output, refused.output

    check = reapply(healthy, node, "--check", cni_reapply_manifest=str(manifest))
    assert check.code == 0 and check.changed == 1, check.output
    assert "would apply to the cluster: DaemonSet kube-system/calico-node is missing" in check.output
    assert not agent(healthy, node)

    # From a URL it must be the one that somebody has looked at.
    with served(manifest) as url:
        wrong = reapply(healthy, node, cni_reapply_manifest=url, cni_reapply_checksum="0" * 64)
        assert wrong.code == 2 and not agent(healthy, node), wrong.output
        unchecked = reapply(healthy, node, cni_reapply_manifest=url)
        assert unchecked.code == 2 and "cni_reapply_checksum with a manifest that is fetched" in unchecked.output
        done = reapply(healthy, node, cni_reapply_manifest=url, cni_reapply_checksum=checksum(manifest))
    assert done.code == 0 and done.changed > 0, done.output
    has_network(healthy, node, healthy.worker(1))
    own_is_kept(healthy, node, own, with_daemonset=False)
    again = reapply(healthy, node, cni_reapply_manifest=str(manifest))
    assert (again.code, again.changed) == (0, 0), again.output


@pytest.mark.nightly
def test_without_the_rights_or_an_image_it_says_so(healthy: Drill, node: str) -> None:
    lose_config(healthy, node)
    no_network(healthy, node, 10)
    assert healthy.bootstrap().code == 0
    refused = reapply(healthy, node)
    assert refused.code == 2 and "selfheal_bootstrap_cni" in refused.output, refused.output
    no_network(healthy, node, 5)
    chart = {"ref": "oci://nowhere.invalid/cilium", "release": "cilium", "namespace": "kube-system"}
    if not shutil.which("helm"):
        without_helm = reapply(healthy, node, cni_reapply_chart=chart)
        assert without_helm.code == 2 and "needs the program helm" in without_helm.output, without_helm.output
    assert healthy.bootstrap(selfheal_bootstrap_cni=True).code == 0
    done = reapply(healthy, node, cni_reapply_probe_image="", cni_reapply_deadline=120)
    assert done.code == 0, done.output
    assert "whether it reaches other nodes was not proven, since no image is given for that" in done.output
    has_network(healthy, node, healthy.worker(1))
