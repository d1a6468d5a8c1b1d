# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole look at a cluster, through a real socket: what is asked for, what is made of it, what is missing and why."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode, parts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import observe as observe_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import WrongCluster
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import PARTS, observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import CORDONED, Mark
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    DaemonSet,
    Etcd,
    EtcdMember,
    Service,
    Usage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster import fake_cluster as fake
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Clock,
    Reply,
    Request,
    Script,
    Server,
)

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
POLICY = Policy()
LOOKED_FOR = frozenset(PARTS) - {"disks"}


@pytest.fixture
def cluster(server: Server) -> fake.FakeCluster:
    made = fake.healthy()
    server.script = made
    return made


def look(client: Client, clock: Clock, policy: Policy = POLICY, **options: Any) -> Snapshot:
    return observe(client, policy, sleep=clock.sleep, monotonic=clock, **options)


@pytest.fixture(params=["msgspec", "json"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the fast decoder and without it."""
    if request.param == "json":
        monkeypatch.setattr(decode, "msgspec", None)
    return str(request.param)


def test_a_whole_cluster(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, decoder: str) -> None:
    seen = look(client, clock)
    assert (seen.cluster_uid, seen.observed_at) == (fake.UID, NOW)
    assert dict(seen.unread) == {"disks": "policy.kubelet_summary is off, so no kubelet was asked"}
    assert [n.name for n in seen.nodes or ()] == ["w1", "w2"]
    assert {n: h.renewed for n, h in (seen.heartbeats or {}).items()} == dict.fromkeys(
        ("w1", "w2"), NOW - timedelta(seconds=5)
    )
    assert seen.pods is not None
    assert (seen.pods.total, seen.pods.suspects, seen.pods.left_out) == (2, (), {})
    assert seen.pods.per_node == {"w1": 1, "w2": 1}
    assert seen.daemonsets == (DaemonSet("kube-proxy", "kube-system", "d", 2, 2, 2, 1, 1),)
    assert seen.services == (Service("web", "default", 2, 2),)
    assert seen.events == ()
    assert set(seen.components or {}) == {"kube-controller-manager", "kube-scheduler"}
    assert seen.etcd == Etcd((EtcdMember("w1", True),))
    at = datetime(2026, 11, 21, 2, 59, 40, tzinfo=UTC)
    assert seen.metrics == dict.fromkeys(("w1", "w2"), Usage(0.25, 2**30, 2.0, 4 * 2**30, at))
    assert seen.probes == () and seen.baseline is not None
    (endpoint,) = seen.endpoints or ()
    assert (endpoint.address, endpoint.live, endpoint.ready, endpoint.given) == (server.url, True, True, True)
    assert abs((seen.local_time or NOW) - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.slept == []
    assert {request.method for request in server.seen} == {"GET"}


def test_a_healthy_cluster_takes_few_requests(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock
) -> None:
    look(client, clock)
    paths = [request.path for request in server.seen]
    once = {path for path in paths if paths.count(path) == 1}
    assert set(paths) - once == {"/livez"}  # twice, for its time
    assert len(paths) == 16


def test_the_requests_are_shaped(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock) -> None:
    look(client, clock)
    asked = {request.path: request for request in server.seen}
    assert asked[fake.PODS].headers["Accept"].startswith("application/json;as=Table;v=v1;g=meta.k8s.io")
    assert asked[fake.PODS].query == {"limit": ["5000"], "includeObject": ["None"]}
    assert asked[fake.NODES].query == {"limit": ["250"]}
    assert asked[fake.LEASES].query["resourceVersion"] == ["0"]
    assert asked[fake.SLICES].query == {"limit": ["500"]}
    assert asked[fake.EVENTS].query["fieldSelector"] == ["type=Warning"]


def test_fields_and_warnings_that_nobody_knows_do_not_matter(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, decoder: str
) -> None:
    def more(request: Request) -> Reply:
        reply = fake.FakeCluster.__call__(cluster, request)
        headers = {"Warning": '299 - "v1 ComponentStatus is deprecated"'}
        body = reply.body
        if isinstance(body, dict):
            body = {**body, "novelty": [1, {"x": None}]}
            for item in body.get("items", ()):
                item["status"] = {**item.get("status", {}), "novelty": 2.5}
        return replace(reply, headers=headers, body=body)

    before = look(client, clock)
    server.script = more
    after = look(client, clock)
    assert replace(after, local_time=None, endpoints=None) == replace(before, local_time=None, endpoints=None)


def test_the_interpreter_is_as_it_was(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    seen: list[tuple[bool, float]] = []
    cluster.replies[fake.EVENTS] = lambda _request: seen.append((gc.isenabled(), sys.getswitchinterval()))
    before = (True, sys.getswitchinterval())
    assert gc.isenabled()
    look(client, clock)
    assert seen[0] != before and not seen[0][0]
    assert (gc.isenabled(), sys.getswitchinterval()) == before
    gc.disable()
    try:
        look(client, clock)
        assert not gc.isenabled()
    finally:
        gc.enable()


# --- one part only


def test_one_node(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock) -> None:
    seen = look(client, clock, node="w2")
    assert [n.name for n in seen.nodes or ()] == ["w2"] and list(seen.heartbeats or ()) == ["w2"]
    assert dict(seen.unread) == {} and seen.pods is None
    assert [r.path for r in server.seen] == [fake.IDENTITY, f"{fake.NODES}/w2", f"{fake.LEASES}/w2"]


def test_every_node_and_nothing_else(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock) -> None:
    seen = look(client, clock, node="")
    assert len(seen.nodes or ()) == len(seen.heartbeats or ()) > 1 and seen.pods is None
    assert [r.path for r in server.seen] == [fake.IDENTITY, fake.NODES, fake.LEASES]


@pytest.mark.parametrize(("owner", "ours"), [("selfheal-drain", True), ("kubectl-edit", False)])
def test_whose_a_cordon_is_stands_in_what_lists_leave_out(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, decoder: str, owner: str, ours: bool
) -> None:
    cordoned = fake.node("w2")
    mark = Mark("run-1", "", "2026-11-21T02:50:00Z", "uid-w2")
    fields = {"f:metadata": {"f:annotations": {f"f:{CORDONED}": {}}}, "f:spec": {"f:unschedulable": {}}}
    cordoned["metadata"] |= {
        "annotations": {CORDONED: mark.to_text()},
        "managedFields": [{"manager": owner, "operation": "Apply", "fieldsV1": fields}],
    }
    cordoned["spec"]["unschedulable"] = True
    cluster.objects[fake.NODES] = [fake.node("w1"), cordoned]
    seen = look(client, clock, node="")
    assert {n.name: n.cordoned_by_us for n in seen.nodes or ()} == {"w1": False, "w2": ours}
    assert [r.path for r in server.seen].count(f"{fake.NODES}/w2") == 1
    # One without our mark needs no second look.
    cordoned["metadata"]["annotations"] = {}
    server.seen.clear()
    assert not any(n.cordoned_by_us for n in look(client, clock, node="").nodes or ())
    assert f"{fake.NODES}/w2" not in [r.path for r in server.seen]


def test_one_node_that_is_not_there(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    seen = look(client, clock, node="w9")
    assert (seen.nodes, seen.heartbeats, dict(seen.unread)) == ((), {}, {})


def test_one_node_that_is_silent_is_not_watched(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.LEASES] = [fake.lease("w2", fake.OLD)]
    look(client, clock, node="w2")
    assert clock.slept == []


def test_another_cluster(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock) -> None:
    with pytest.raises(WrongCluster, match=f"its kube-system UID is {fake.UID}, expected other"):
        look(client, clock, expected_uid="other")
    assert len(server.seen) == 1


# --- what cannot be read

NO = Reply(403, {"message": "RBAC\nsays no"})
PATH_OF = {
    "nodes": fake.NODES,
    "heartbeats": fake.LEASES,
    "pods": fake.PODS,
    "daemonsets": fake.DAEMONSETS,
    "services": fake.SLICES,
    "events": fake.EVENTS,
    "components": f"{fake.SYSTEM_LEASES}/kube-scheduler",
    "endpoints": fake.API_SLICES,
    "etcd": fake.SYSTEM_PODS,
    "metrics": fake.METRICS,
    "baseline": fake.BASELINE,
}


@pytest.mark.parametrize("part", PATH_OF)
def test_one_part_that_may_not_be_read_takes_no_other_with_it(
    cluster: fake.FakeCluster, client: Client, clock: Clock, part: str
) -> None:
    cluster.replies[PATH_OF[part]] = NO
    seen = look(client, clock)
    assert getattr(seen, part) is None
    assert set(seen.unread) == {part, "disks"}
    assert "HTTP 403 RBAC says no" in seen.unread[part] and PATH_OF[part] in seen.unread[part]
    assert all(getattr(seen, other) is not None for other in LOOKED_FOR - {part})


@pytest.mark.parametrize("part", sorted(set(PATH_OF) - {"metrics", "components", "baseline"}))
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(500, {"message": "etcd"}), id="500"),
        pytest.param(Reply(body=b"<html>"), id="no JSON"),
        pytest.param(Reply(body={}), id="no list"),
        pytest.param(Reply(body={"items": 5, "kind": "Table", "rows": 5}), id="no list of things"),
        pytest.param(Reply(body={"items": ["x"], "kind": "Table", "rows": ["x"]}), id="odd things"),
        pytest.param(Reply(body=b"[" * 100000), id="too deep"),
        pytest.param(Reply(reset=True), id="reset"),
    ],
)
def test_whatever_comes_instead_of_a_list(
    cluster: fake.FakeCluster, client: Client, clock: Clock, decoder: str, part: str, reply: Reply
) -> None:
    cluster.replies[PATH_OF[part]] = reply
    seen = look(client, clock)
    assert getattr(seen, part) is None
    assert set(seen.unread) == {part, "disks"}
    assert seen.unread[part] and "\n" not in seen.unread[part]


ODD = {
    "nodes": [{"metadata": {"name": "a;b"}}, {"metadata": None}, {"metadata": {"name": "a"}, "status": "x"}],
    "heartbeats": [{"metadata": {}}, {}, {"metadata": {"name": "w1"}, "spec": {"leaseDurationSeconds": "x"}}],
    "services": [{"metadata": {"labels": {"kubernetes.io/service-name": "x"}}, "endpoints": 5}],
    "events": [{"involvedObject": 5}, {"count": "many"}],
    "daemonsets": [{"metadata": 5}, {"status": {"numberReady": "x"}}],
    "metrics": [5, {"usage": 5}],
}


@pytest.mark.parametrize(("part", "item"), [(part, item) for part, items in ODD.items() for item in items], ids=str)
def test_an_object_of_an_odd_shape_makes_its_part_unknown(
    cluster: fake.FakeCluster, client: Client, clock: Clock, decoder: str, part: str, item: object
) -> None:
    cluster.replies[PATH_OF[part]] = Reply(body={"items": [item]})
    seen = look(client, clock)
    assert getattr(seen, part) is None and set(seen.unread) == {part, "disks"}
    assert judge(seen, POLICY).unread[part] == seen.unread[part]


BLIND: dict[str, Script] = {
    "a web page": lambda _: Reply(body=b"<html>"),
    "401": lambda _: Reply(401, {"message": "Unauthorized"}),
    "500": lambda _: Reply(500),
    "reset": lambda _: Reply(reset=True),
}


@pytest.mark.parametrize("script", BLIND.values(), ids=BLIND)
@pytest.mark.parametrize("node", [None, "w1"])
def test_who_does_not_answer_is_asked_nothing_else(
    server: Server, client: Client, clock: Clock, script: Script, node: str | None
) -> None:
    server.script = script
    seen = look(client, clock, node=node)
    assert set(seen.unread) == {"identity", *(PARTS if node is None else ("nodes", "heartbeats"))}
    assert len(set(seen.unread.values())) == 1
    assert {request.path for request in server.seen} == {fake.IDENTITY}
    assert judge(seen, POLICY).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "reply", [NO, Reply(404), Reply(body={"metadata": {}}), Reply(body={"metadata": "x"}), Reply(body={})]
)
def test_a_cluster_that_does_not_say_who_it_is(
    cluster: fake.FakeCluster, client: Client, clock: Clock, reply: Reply
) -> None:
    cluster.replies[fake.IDENTITY] = reply
    seen = look(client, clock)
    assert seen.cluster_uid is None and set(seen.unread) == {"identity", "disks"}
    assert seen.observed_at == NOW
    assert judge(seen, POLICY).verdict is Verdict.UNKNOWN


def test_a_server_that_is_slow_all_the_time_does_not_hold_us_up_for_ever(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each list is refused until its deadline; after a while nothing more is begun."""
    monkeypatch.setattr(observe_module, "LOOK_SECONDS", 40.0)
    for path in PATH_OF.values():
        cluster.replies[path] = Reply(503)
    seen = look(client, clock)
    assert set(seen.unread) >= set(PATH_OF)
    assert "it was not reached within 40 s" in seen.unread.values()
    assert clock.now < 200


# --- what is made of it


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "does not serve the metrics API"), (503, "HTTP 503 the server is currently unable to handle the request")],
)
def test_metrics_that_are_not_served_are_asked_for_once(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, status: int, words: str
) -> None:
    message = "the server is currently unable to handle the request"
    cluster.replies[fake.METRICS] = Reply(status, {"message": message})
    seen = look(client, clock)
    assert seen.metrics is None and words in seen.unread["metrics"]
    assert [request.path for request in server.seen].count(fake.METRICS) == 1


def test_metrics_without_nodes_have_no_capacity(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.replies[fake.NODES] = NO
    metrics = look(client, clock).metrics or {}
    assert (metrics["w1"].cpu_cores, metrics["w1"].cpu_capacity, metrics["w1"].memory_capacity) == (0.25, None, None)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", 0.25),
        ("2", 2.0),
        ("156340189n", 0.156340189),
        ("1500u", 0.0015),
        ("1Ki", 1024.0),
        ("1.5Gi", 1.5 * 2**30),
        ("1e3", 1000.0),
        ("12E", 12e18),
        ("3k", 3000.0),
        ("100M", 1e8),
        (" 4Gi ", 4 * 2**30),
        (4, 4.0),
        (None, None),
        ("", None),
        ("Gi", None),
        ("1Qi", None),
        ("x", None),
        ("1 Gi", 2**30),
    ],
)
def test_quantities(text: object, number: float | None) -> None:
    assert parts.quantity(text) == (None if number is None else pytest.approx(number))


def test_services_by_their_slices(cluster: fake.FakeCluster, client: Client, clock: Clock, decoder: str) -> None:
    early, late = "2026-11-21T02:00:00Z", "2026-11-21T02:30:00Z"
    cluster.objects[fake.SLICES] = [
        fake.slice_of("web", True, False, None, changed=late),
        fake.slice_of("web", False, changed=early),
        fake.slice_of("web", True, namespace="other"),
        fake.slice_of("dual", True, False),
        fake.slice_of("dual", True, False, family="IPv6"),
        {**fake.slice_of("none"), "endpoints": None},
        {"metadata": {"name": "nobody's", "namespace": "default"}, "endpoints": [{}]},
        {**fake.slice_of("bare"), "endpoints": [{"conditions": None}, {}, {"conditions": {"ready": None}}]},
    ]
    services = look(client, clock).services or ()
    seen = {(s.namespace, s.name): (s.ready, s.total, s.unready) for s in services}
    assert seen == {
        ("default", "web"): (2, 4, ("web-1", "web-0")),
        ("other", "web"): (1, 1, ()),
        ("default", "dual"): (1, 2, ("dual-1",)),
        ("default", "none"): (0, 0, ()),
        ("default", "bare"): (3, 3, ()),
    }
    assert services[0].changed == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


def test_only_so_many_unready_pods_are_named(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.SLICES] = [fake.slice_of("web", *[False] * 150)]
    (service,) = look(client, clock).services or ()
    assert (service.total, service.ready, len(service.unready)) == (150, 0, 100)


def event(name: str, last: str | None, **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "ns", "name": name, "uid": f"uid-{name}"}
    base = {"metadata": {"name": f"{name}.1", "namespace": "ns"}, "type": "Warning", "involvedObject": about}
    return {**base, "reason": "BackOff", "message": "m", "lastTimestamp": last, "count": 3, **more}


def test_the_latest_events(
    cluster: fake.FakeCluster, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch, decoder: str
) -> None:
    monkeypatch.setattr(parts, "EVENTS_KEPT", 4)
    series = {"count": 9, "lastObservedTime": "2026-11-21T02:59:00.000000Z"}
    cluster.objects[fake.EVENTS] = [
        event("old", "2026-11-20T00:00:00Z"),
        event("new", "2026-11-21T02:58:00Z"),
        event("undated", None, count=None),
        event("series", None, eventTime="2026-11-01T00:00:00.000000Z", series=series),
        event("normal", "2026-11-21T02:59:59Z", type="Normal"),
        event("middle", "2026-11-21T01:00:00Z"),
        event("made", None, metadata={"creationTimestamp": "2026-11-21T02:00:00Z"}),
    ]
    events = look(client, clock).events or ()
    assert [e.target.name for e in events] == ["series", "new", "made", "middle"]
    assert [e.count for e in events] == [9, 3, 3, 3]
    assert (events[0].target.kind, events[0].target.namespace, events[0].target.uid) == ("Pod", "ns", "uid-series")
    assert events[0].last == datetime(2026, 11, 21, 2, 59, tzinfo=UTC)


def test_events_are_read_to_a_limit(
    cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "EVENTS_READ", 1000)
    cluster.objects[fake.EVENTS] = [event(f"e{number}", "2026-11-21T01:00:00Z") for number in range(1600)]
    assert len(look(client, clock).events or ()) == 1000
    assert [request.path for request in server.seen].count(fake.EVENTS) == 2


def test_a_component_without_a_lease(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.SYSTEM_LEASES].pop()
    assert set(look(client, clock).components or {}) == {"kube-controller-manager"}


# --- etcd


def etcd_pod(node: str, status: str | None) -> dict[str, Any]:
    conditions = [] if status is None else [{"type": "Ready", "status": status}]
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    containers = [{"name": "etcd", "ready": status == "True", "restartCount": 1, "state": state}]
    return fake.pod(f"etcd-{node}", node, "kube-system", conditions=conditions, containerStatuses=containers)


def test_etcd_by_its_pods(cluster: fake.FakeCluster, server: Server, client: Client, clock: Clock) -> None:
    cluster.objects[fake.NODES] += [fake.node("w3"), fake.node("w4", "Unknown")]
    cluster.objects[fake.LEASES] += [fake.lease("w3")]
    cluster.objects[fake.SYSTEM_PODS] = [
        etcd_pod(node, status) for node, status in (("w1", "True"), ("w2", "False"), ("w3", None), ("w4", "True"))
    ]
    assert look(client, clock).etcd == Etcd(
        (
            EtcdMember("w1", True),
            EtcdMember("w2", False, trouble="etcd waiting CrashLoopBackOff"),
            EtcdMember("w3", None, trouble="etcd waiting CrashLoopBackOff"),
            EtcdMember("w4", None, trouble="its node w4 does not report"),
        )
    )
    (asked,) = [request for request in server.seen if request.path == fake.SYSTEM_PODS]
    assert asked.query["labelSelector"] == ["component=etcd,tier=control-plane"]


def test_etcd_on_a_node_whose_clock_is_late(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    """By the clock its Lease has run out, but it moves."""
    cluster.objects[fake.LEASES] = [fake.lease("w1", fake.OLD), fake.lease("w2")]

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        cluster.objects[fake.LEASES] = [fake.lease("w1", "2026-11-21T02:41:00.000000Z"), fake.lease("w2")]

    assert observe(client, POLICY, sleep=sleep, monotonic=clock).etcd == Etcd((EtcdMember("w1", True),))


def test_etcd_that_somebody_else_manages(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.SYSTEM_PODS] = []
    assert look(client, clock).etcd == Etcd(())


# --- disks

ASKING = Policy(kubelet_summary=True)
SUMMARY = {
    "node": {
        "fs": {"usedBytes": 10, "capacityBytes": 100, "inodesUsed": 1, "inodes": 10},
        "runtime": {"imageFs": {"usedBytes": 20, "capacityBytes": 200}},
    }
}


def summaries(cluster: fake.FakeCluster, reply: Callable[[str], Reply]) -> None:
    for item in cluster.objects[fake.NODES]:
        name = item["metadata"]["name"]
        cluster.replies[f"{fake.NODES}/{name}/proxy/stats/summary"] = reply(name)


def test_the_disks_by_the_kubelets(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.NODES].append(fake.node("w3", "Unknown"))
    summaries(cluster, lambda name: Reply(body=SUMMARY) if name == "w1" else Reply(503, {"message": "no"}))
    seen = look(client, clock, ASKING)
    disks = seen.disks or {}
    assert list(disks) == ["w1"] and "disks" not in seen.unread
    assert (disks["w1"].used, disks["w1"].capacity) == ({"root": 10, "images": 20}, {"root": 100, "images": 200})
    assert (disks["w1"].inodes_used, disks["w1"].inodes) == ({"root": 1}, {"root": 10})


@pytest.mark.parametrize(
    "reply", [NO, Reply(503), Reply(reset=True), Reply(body=b"<html>"), Reply(body=b"[]"), Reply(body={"node": 5})]
)
def test_no_kubelet_answers(cluster: fake.FakeCluster, client: Client, clock: Clock, reply: Reply) -> None:
    summaries(cluster, lambda _: reply)
    seen = look(client, clock, ASKING)
    assert seen.disks is None and "\n" not in seen.unread["disks"]


def test_no_nodes_no_disks(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.replies[fake.NODES] = NO
    seen = look(client, clock, ASKING)
    assert seen.disks is None and seen.unread["disks"] == "the nodes could not be read"


def test_so_many_kubelets_are_asked_and_the_ones_that_complain_first(
    cluster: fake.FakeCluster, server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DISKS_ASKED", 3)
    names = [f"n{number}" for number in range(10)]
    full = [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]
    cluster.objects[fake.NODES] = [*(fake.node(name) for name in names), fake.node("full", conditions=full)]
    summaries(cluster, lambda _: Reply(body=SUMMARY))
    nodes = parts.read_nodes(client)
    windows = [set(parts.read_disks(client, nodes, NOW + timedelta(minutes=minute))) for minute in range(10)]
    assert all(len(window) == 3 and "full" in window for window in windows)
    assert set().union(*windows) == {*names, "full"}


# --- patience


def test_a_broken_wait_ends_the_look(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    class Cancelled(Exception):
        pass

    def sleep(_seconds: float) -> None:
        raise Cancelled

    cluster.objects[fake.LEASES] = [fake.lease("w1"), fake.lease("w2", fake.OLD)]
    with pytest.raises(Cancelled):
        observe(client, POLICY, sleep=sleep, monotonic=clock)
    assert gc.isenabled()


def test_what_was_watched_is_in_the_snapshot(cluster: fake.FakeCluster, client: Client, clock: Clock) -> None:
    cluster.objects[fake.LEASES] = [fake.lease("w1"), fake.lease("w2", fake.OLD)]
    cluster.objects[fake.SYSTEM_LEASES] = [fake.lease("kube-scheduler", fake.OLD, 15)]
    seen = look(client, clock)
    assert sum(clock.slept) == 12
    beats, components = seen.heartbeats or {}, seen.components or {}
    assert (beats["w2"].moved, beats["w2"].watched, beats["w1"].moved) == (False, 12, None)
    assert (components["kube-scheduler"].moved, components["kube-scheduler"].watched) == (False, 12)


def test_the_parts_are_all_of_them() -> None:
    ours = {"identity", "unread", "local_time", "observed_at", "cluster_uid"}
    assert set(Snapshot.__dataclass_fields__) - ours == set(PARTS)
    assert PARTS[:2] == observe_module.OF_ONE_NODE
