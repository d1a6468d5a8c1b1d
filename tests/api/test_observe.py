# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at a real API server: its tables, selectors, proxies and certificates, and exactly the pods that are sick."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode, screen, servers
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember, Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import Rules, is_suspect_pod
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import (
    LEASES,
    STRANGER_TOKEN,
    ControlPlane,
    micro,
)

POLICY = Policy()
NAMESPACES = ("shop", "bank")
SYSTEM_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"


def ago(seconds: float) -> str:
    """The moment so many seconds ago, as objects have it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def shop(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """A cluster with two namespaces for pods, nodes w1 and w2, one that is dead and one that is silent."""
    for name in (*NAMESPACES, "kube-system"):
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        # No controller makes it, and no pod is let in without it.
        path = f"/api/v1/namespaces/{name}/serviceaccounts"
        cluster.request("POST", path, {"metadata": {"name": "default"}, "automountServiceAccountToken": False})
    cluster.add_nodes("w1", "w2", "dead", "silent")
    cluster.make_sick("dead")
    cluster.must("PATCH", f"{LEASES}/silent", {"spec": {"leaseDurationSeconds": 40, "renewTime": micro(90)}})
    yield cluster
    for namespace in (*NAMESPACES, "kube-system"):
        for pod in cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
            path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
            if pod["metadata"].get("finalizers"):
                cluster.must("PATCH", path, {"metadata": {"finalizers": None}})
            cluster.request("DELETE", f"{path}?gracePeriodSeconds=0")
        for kind in ("apis/discovery.k8s.io/v1", "apis/apps/v1"):
            names = {"apis/apps/v1": "daemonsets", "apis/discovery.k8s.io/v1": "endpointslices"}
            cluster.must("DELETE", f"/{kind}/namespaces/{namespace}/{names[kind]}")
        cluster.must("DELETE", f"/api/v1/namespaces/{namespace}/events")
    cluster.must("DELETE", SYSTEM_LEASES)


def container(name: str = "app", ready: bool = True, restarts: int = 0, **state: Any) -> dict[str, Any]:
    """An entry of containerStatuses."""
    started: dict[str, Any] = {"running": {"startedAt": ago(3600)}}
    last = state.pop("last", None)
    made = {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "image": "x",
        "imageID": "",
        "state": state or started,
    }
    return made | ({"lastState": {"terminated": last}} if last else {})


def ended(reason: str, code: int, seconds: float = 60) -> dict[str, Any]:
    """A container's state after its end."""
    return {"reason": reason, "exitCode": code, "startedAt": ago(seconds + 60), "finishedAt": ago(seconds)}


def ready(status: str = "True", reason: str = "") -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": status,
        "lastTransitionTime": ago(3600),
        **({"reason": reason} if reason else {}),
    }


def add_pod(
    cluster: ControlPlane,
    name: str,
    node: str = "w1",
    namespace: str = "shop",
    spec: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **status: Any,
) -> None:
    """A pod that runs well, or whatever its status says."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    whole = {"containers": [{"name": "app", "image": "x"}], **({"nodeName": node} if node else {}), **(spec or {})}
    cluster.must("POST", path, {"metadata": {"name": name, **(metadata or {})}, "spec": whole})
    running = {"phase": "Running", "containerStatuses": [container()], "conditions": [ready()]}
    cluster.must("PATCH", f"{path}/{name}/status", {"status": {**running, **status}})


INIT = {"initContainers": [{"name": "init", "image": "x"}]}
TWO = {"containers": [{"name": "app", "image": "x"}, {"name": "side", "image": "x"}]}
WAITS = {"conditions": [ready("False", "ContainersNotReady")]}
SICK: dict[str, dict[str, Any]] = {
    "crash-loop": {
        "containerStatuses": [
            container(ready=False, restarts=7, waiting={"reason": "CrashLoopBackOff"}, last=ended("Error", 1))
        ],
        **WAITS,
    },
    "one-of-two": {
        "spec": TWO,
        "containerStatuses": [container(), container("side", False, 2, waiting={"reason": "CrashLoopBackOff"})],
        **WAITS,
    },
    "image-pull": {
        "phase": "Pending",
        "containerStatuses": [container(ready=False, waiting={"reason": "ImagePullBackOff"})],
        **WAITS,
    },
    "oom": {"containerStatuses": [container(restarts=1, last=ended("OOMKilled", 137, 120))]},
    "oom-twice-and-young": {"containerStatuses": [container(restarts=2, last=ended("OOMKilled", 137, 5))]},
    "not-ready": {"containerStatuses": [container(ready=False)], **WAITS},
    "gate-closed": {
        "spec": {"readinessGates": [{"conditionType": "example.org/gate"}]},
        "conditions": [{**ready("False", "ReadinessGatesNotReady")}],
    },
    "init-runs": {
        "spec": INIT,
        "phase": "Pending",
        "initContainerStatuses": [container("init", False)],
        "containerStatuses": [container(ready=False, waiting={"reason": "PodInitializing"})],
        **WAITS,
    },
    "init-crash": {
        "spec": INIT,
        "phase": "Pending",
        "initContainerStatuses": [container("init", False, 3, waiting={"reason": "CrashLoopBackOff"})],
        "containerStatuses": [container(ready=False, waiting={"reason": "PodInitializing"})],
        **WAITS,
    },
    "creating": {
        "phase": "Pending",
        "containerStatuses": [container(ready=False, waiting={"reason": "ContainerCreating"})],
        **WAITS,
    },
    "evicted": {"phase": "Failed", "reason": "Evicted", "containerStatuses": [], "conditions": []},
    "failed": {"phase": "Failed", "containerStatuses": [container(ready=False, terminated=ended("Error", 2))]},
    "stopped-politely": {
        "phase": "Failed",
        "containerStatuses": [container(ready=False, terminated=ended("Completed", 0))],
    },
    "between-restarts": {"containerStatuses": [container(ready=False, restarts=1, terminated=ended("Completed", 0))]},
    "never-told": {"phase": "Running", "containerStatuses": [], "conditions": []},
}
WELL: dict[str, dict[str, Any]] = {
    "well": {},
    "well-with-two": {"spec": TWO, "containerStatuses": [container(), container("side")]},
    "well-since-long": {"containerStatuses": [container(restarts=3, last=ended("Error", 1, 90000))]},
    "well-after-init": {
        "spec": INIT,
        "initContainerStatuses": [container("init", True, terminated=ended("Completed", 0))],
    },
    "gate-open": {
        "spec": {"readinessGates": [{"conditionType": "example.org/gate"}]},
        "conditions": [ready(), {"type": "example.org/gate", "status": "True"}],
    },
    "done": {"phase": "Succeeded", "containerStatuses": [container(ready=False, terminated=ended("Completed", 0))]},
}


def stage(cluster: ControlPlane) -> None:
    """Every kind of trouble that a table could hide, among pods that are well."""
    for name, parts in {**SICK, **WELL}.items():
        add_pod(cluster, name, **parts)
    for number in range(5):
        add_pod(cluster, f"pending-{number}", "", phase="Pending", containerStatuses=[], conditions=[])
    add_pod(cluster, "leaving", metadata={"finalizers": ["example.org/slow"]})
    cluster.must("DELETE", "/api/v1/namespaces/shop/pods/leaving")
    for node in ("dead", "silent", "nowhere"):
        add_pod(cluster, f"on-{node}", node)
        add_pod(cluster, f"done-on-{node}", node, **WELL["done"])
    # One name in two namespaces on one node: one of the two is sick, and both, and none.
    for name, sick in (("twin", ("shop",)), ("twins", NAMESPACES), ("calm", ())):
        for namespace in NAMESPACES:
            add_pod(cluster, name, "w2", namespace, **(SICK["crash-loop"] if namespace in sick else {}))
    add_pod(cluster, "lost", "", "shop", phase="Pending", containerStatuses=[], conditions=[])
    add_pod(cluster, "lost", "w1", "bank")


EXPECTED = {
    *(f"shop/{name}" for name in SICK),
    *(f"shop/pending-{number}" for number in range(5)),
    "shop/leaving",
    *(f"shop/on-{node}" for node in ("dead", "silent", "nowhere")),
    *("shop/twin", "shop/twins", "bank/twins", "shop/lost"),
}


class Clock:
    """A clock that moves by sleeping only."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.now = 0.0
        self._meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._meanwhile()

    def __call__(self) -> float:
        return self.now


def look(client: Client, policy: Policy = POLICY, clock: Clock | None = None, **options: Any) -> Snapshot:
    time = clock or Clock()
    return observe(client, policy, sleep=time.sleep, monotonic=time, **options)


def pods_of(seen: Snapshot) -> Pods:
    assert seen.pods is not None, seen.unread
    return seen.pods


@pytest.fixture(params=["msgspec", "json"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the fast decoder and without it."""
    if request.param == "json":
        monkeypatch.setattr(decode, "msgspec", None)
    return str(request.param)


# --- screening


@pytest.mark.parametrize("rows", [5000, 7])
def test_screening_finds_what_a_full_evaluation_finds(
    shop: ControlPlane, monkeypatch: pytest.MonkeyPatch, decoder: str, rows: int
) -> None:
    """By identity: the same pods in doubt, and the same findings about them, from the table and from every pod."""
    stage(shop)
    monkeypatch.setattr(screen, "ROWS", rows)
    client = shop.client()
    seen = look(client)
    everything = tuple(Pod.from_api(item) for item in client.items("/api/v1/pods"))
    pods = pods_of(seen)
    rules = Rules.of(seen.nodes, seen.heartbeats, POLICY, seen.observed_at)
    by_table = {f"{p.namespace}/{p.name}": p for p in pods.suspects}
    by_pods = {f"{p.namespace}/{p.name}": p for p in everything if is_suspect_pod(p, rules)}
    assert by_table.keys() == by_pods.keys() == EXPECTED
    assert {p.uid for p in by_table.values()} == {p.uid for p in by_pods.values()}
    assert by_table == by_pods
    assert (pods.total, pods.left_out) == (len(everything), {})
    full = replace(seen, pods=replace(pods, suspects=everything))
    assert judge(seen, POLICY).findings == judge(full, POLICY).findings


def test_without_a_table_it_finds_the_same(shop: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(shop)
    client = shop.client()
    by_table = pods_of(look(client))
    monkeypatch.setattr(screen, "TABLE", "application/json")
    monkeypatch.setattr(client_module, "PAGE_SIZE", 10)
    assert pods_of(look(client)) == by_table


def test_a_node_that_was_seen_to_live_is_believed(shop: ControlPlane) -> None:
    """Its Lease is out of date by the clock, and moves: the pods were read for nothing, and are well."""
    add_pod(shop, "x", "silent")
    seen = look(shop.client(), clock=Clock(lambda: shop.renew(["silent"], 80)))
    beat = (seen.heartbeats or {})["silent"]
    assert (beat.moved, beat.expired(seen.observed_at)) == (True, True)
    assert not [f for f in judge(seen, POLICY).findings if f.target.kind == "Pod"]


def test_a_healthy_pod_costs_few_bytes(shop: ControlPlane) -> None:
    count = 250
    for number in range(count):
        add_pod(shop, f"deployment-of-some-size-7c9d8b6f5-{number:05}")
    client = shop.client()
    screened = screen.screen(client, POLICY, datetime.now(UTC))
    assert (screened.total, dict(screened.counted)) == (count, {})
    assert client.stats.requests == 1
    # The names of the columns and what they mean come once for each page, which has 5,000 rows in earnest.
    definitions = 4000
    assert (client.stats.received - definitions) / count <= 160


# --- the other parts


def test_a_lease_that_stands_still(shop: ControlPlane) -> None:
    seen = look(shop.client())
    beats = seen.heartbeats or {}
    assert (beats["silent"].moved, beats["silent"].watched) == (False, 12)
    assert beats["w1"].moved is beats["dead"].moved is None


def test_nothing_is_written(shop: ControlPlane) -> None:
    stage(shop)
    mark = shop.audit_mark()
    look(shop.client(), replace(POLICY, kubelet_summary=True))
    asked = shop.audited(mark)
    assert len(asked) > 15 and not [a for a in asked if a.mutates]
    assert {a.verb for a in asked} == {"get", "list"}


def test_who_and_when(shop: ControlPlane) -> None:
    seen = look(shop.client())
    assert seen.cluster_uid == shop.uid
    assert abs(seen.observed_at - datetime.now(UTC)) < timedelta(seconds=20)
    assert seen.local_time is not None and abs(seen.local_time - seen.observed_at) < timedelta(seconds=5)
    assert [n.name for n in seen.nodes or ()] == ["dead", "silent", "w1", "w2"]
    assert "does not serve the metrics API" in seen.unread["metrics"]
    assert set(seen.unread) == {"metrics", "disks"}


def test_the_api_server_by_itself(shop: ControlPlane) -> None:
    (seen,) = look(shop.client()).endpoints or ()
    assert (seen.address, seen.live, seen.ready, seen.given) == (shop.url, True, True, True)
    assert (seen.failed, seen.trouble) == ((), "")
    assert seen.latency_ms is not None and 0 <= seen.latency_ms < 5000
    pem = ssl.get_server_certificate(("127.0.0.1", int(shop.url.rpartition(":")[2])))
    text = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]
    path = shop.folder / "seen.crt"
    path.write_text(pem, encoding="ascii")
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(text(str(path))["notAfter"]), UTC)
    assert seen.certificate_expires == expires


def test_an_api_server_that_may_not_be_asked(shop: ControlPlane) -> None:
    seen = servers.ask_server(shop.client("nobody's token"), shop.url, True)
    assert (seen.live, seen.ready) == (None, None)
    assert "HTTP 401" in seen.trouble


def test_components_and_etcd(shop: ControlPlane) -> None:
    for name, seconds in (("kube-scheduler", 1), ("kube-controller-manager", 500)):
        spec = {"holderIdentity": f"cp_{name}", "leaseDurationSeconds": 15, "renewTime": micro(seconds)}
        shop.request("DELETE", f"{SYSTEM_LEASES}/{name}")
        shop.must("POST", SYSTEM_LEASES, {"metadata": {"name": name}, "spec": spec})
    labels = {"component": "etcd", "tier": "control-plane"}
    add_pod(shop, "etcd-w1", "w1", "kube-system", metadata={"labels": labels})
    add_pod(shop, "etcd-w2", "w2", "kube-system", metadata={"labels": labels}, **SICK["crash-loop"])
    add_pod(shop, "etcd-dead", "dead", "kube-system", metadata={"labels": labels})
    add_pod(shop, "another", "w1", "kube-system")
    seen = look(shop.client())
    beats = seen.components or {}
    assert {name: beat.moved for name, beat in beats.items()} == {
        "kube-scheduler": None,
        "kube-controller-manager": False,
    }
    assert beats["kube-scheduler"].holder == "cp_kube-scheduler"
    assert seen.etcd == Etcd(
        (
            EtcdMember("dead", None, trouble="its node dead does not report"),
            EtcdMember("w1", True),
            EtcdMember("w2", False, trouble="app waiting CrashLoopBackOff"),
        )
    )


def test_daemonsets_services_and_events(shop: ControlPlane, decoder: str) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
    shop.must("POST", path, {"metadata": {"name": "kube-proxy"}, "spec": spec})
    numbers = {"desiredNumberScheduled": 4, "updatedNumberScheduled": 3, "numberReady": 2, "observedGeneration": 1}
    counts = {**numbers, "currentNumberScheduled": 4, "numberMisscheduled": 0}
    shop.must("PATCH", f"{path}/kube-proxy/status", {"status": counts})
    labels = {"kubernetes.io/service-name": "web"}
    trigger = {"endpoints.kubernetes.io/last-change-trigger-time": "2026-11-21T02:30:00Z"}
    endpoints = [
        {"addresses": ["10.1.0.1"], "conditions": {"ready": True}},
        {"addresses": ["10.1.0.2"], "conditions": {"ready": False}, "targetRef": {"kind": "Pod", "name": "web-2"}},
        {"addresses": ["10.1.0.3"]},
    ]
    metadata = {"name": "web-1", "labels": labels, "annotations": trigger}
    shop.must("POST", SLICES, {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints})
    for name, kind in (("w.1", "Warning"), ("n.1", "Normal")):
        about = {"kind": "Pod", "namespace": "shop", "name": "web-2", "uid": "u"}
        event = {
            "metadata": {"name": name},
            "involvedObject": about,
            "reason": "BackOff",
            "message": "again",
            "type": kind,
        }
        shop.must("POST", "/api/v1/namespaces/shop/events", {**event, "lastTimestamp": ago(30), "count": 3})
    seen = look(shop.client())
    (daemonset,) = seen.daemonsets or ()
    assert (daemonset.name, daemonset.desired, daemonset.updated, daemonset.ready) == ("kube-proxy", 4, 3, 2)
    web = next(s for s in seen.services or () if s.name == "web")
    assert (web.namespace, web.ready, web.total, web.unready) == ("shop", 2, 3, ("web-2",))
    assert web.changed == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
    (event_seen,) = [e for e in seen.events or () if e.target.name == "web-2"]
    assert (event_seen.target.kind, event_seen.target.uid, event_seen.count) == ("Pod", "u", 3)
    assert event_seen.last is not None


# --- probes through the API server's proxy


@pytest.fixture
def address() -> str:
    """An address of this machine that is not its loopback, which the API server would not connect to."""
    with socket(AF_INET, SOCK_DGRAM) as one:
        try:
            # Nothing is sent: this only asks which way it would go.
            one.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address besides its loopback")
        return str(one.getsockname()[0])


def add_service(cluster: ControlPlane, name: str, address: str, port: int) -> None:
    """A Service with one endpoint; the proxy goes by the old Endpoints, and to addresses of pods only."""
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": port}]}}
    cluster.must("POST", "/api/v1/namespaces/shop/services", body)
    pod = {"kind": "Pod", "namespace": "shop", "name": "backend"}
    subsets = [{"addresses": [{"ip": address, "targetRef": pod}], "ports": [{"port": port}]}]
    cluster.must("POST", "/api/v1/namespaces/shop/endpoints", {"metadata": {"name": name}, "subsets": subsets})


def test_services_through_the_proxy(shop: ControlPlane, address: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer((address, 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    odd, closed = socket(), socket()
    odd.bind((address, 0))
    odd.listen()

    def babble() -> None:
        while True:
            try:
                taken, _peer = odd.accept()
            except OSError:
                return
            with taken:
                taken.recv(4096)
                taken.sendall(b"-ERR this is no HTTP\r\n")

    threading.Thread(target=babble, daemon=True).start()
    closed.bind((address, 0))
    ports = {"web": web.server_address[1], "odd": odd.getsockname()[1], "closed": closed.getsockname()[1]}
    try:
        add_pod(shop, "backend", podIP=address, podIPs=[{"ip": address}])
        for name, port in ports.items():
            add_service(shop, name, address, port)

        def probe(name: str, kind: str, path: str = "/") -> Any:
            wanted = ServiceProbe("shop", name, str(ports.get(name, 80)), kind, path)
            return servers.probe_service(shop.client(), wanted, replace(POLICY, probe_count=2))

        good = probe("web", "http", "/health")
        assert (good.sent, good.failed, len(good.times_ms)) == (2, 0, 2), good.trouble
        assert probe("web", "http", "/").trouble == "the Service answered with HTTP 404"
        assert probe("web", "tcp").trouble == ""
        assert "transport connection broken: malformed HTTP" in probe("odd", "http").trouble
        assert probe("odd", "tcp").trouble == ""
        for kind in ("http", "tcp"):
            refused = probe("closed", kind)
            assert refused.failed == 2 and "connection refused" in refused.trouble
            absent = probe("absent", kind)
            assert absent.failed == 2 and 'services "absent" not found' in absent.trouble
    finally:
        web.shutdown()
        web.server_close()
        odd.close()
        closed.close()
        for name in ports:
            shop.request("DELETE", f"/api/v1/namespaces/shop/services/{name}")
            shop.request("DELETE", f"/api/v1/namespaces/shop/endpoints/{name}")


# --- as somebody with few rights


def test_an_account_without_rights_learns_why(shop: ControlPlane) -> None:
    seen = look(shop.client(STRANGER_TOKEN))
    refused = {"identity", "nodes", "heartbeats", "pods", "daemonsets", "services", "events", "components", "endpoints"}
    assert refused <= set(seen.unread)
    assert all("HTTP 403" in seen.unread[part] and "\n" not in seen.unread[part] for part in refused)
