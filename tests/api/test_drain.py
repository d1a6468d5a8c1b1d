# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes drained against a real API server: its Eviction API, its budgets, its owners of fields, and its audit log."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import drain as machinery
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor, Drainer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    DrainBlocked,
    DrainCancelled,
    DrainTimeout,
    Forbidden,
    LeaseLost,
    NodeGone,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    CORDONED,
    Allowed,
    Cordon,
    cordon_of,
    mark_of,
)
from ansible_collections.selfheal.kubernetes.tests.api.conftest import MODULES, RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, Audited, ControlPlane
from ansible_collections.selfheal.kubernetes.tests.api.healers import (
    AFTER,
    BEFORE,
    FORK,
    Meddling,
    SteppingClient,
    Steps,
)
from ansible_collections.selfheal.kubernetes.tests.api.workloads import PODS, Kubelet, Workloads, owner

HEALER = "system:serviceaccount:self-healing:selfheal-healer"
NODE = "/api/v1/nodes/w1"
HEALING = {"monitor_only": False}
SECONDS = 30.0
EMPTY_DIR = {"volumes": [{"name": "scratch", "emptyDir": {}}]}


pytestmark = pytest.mark.usefixtures("drain_rights")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits, for tests that do not measure them."""
    monkeypatch.setattr(machinery, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(machinery, "RETRY_SECONDS", 0.3)
    monkeypatch.setattr(machinery, "SETTLE_SECONDS", 0.1)


@pytest.fixture
def workloads(cluster: ControlPlane) -> Iterator[Workloads]:
    cluster.add_nodes("w1", "w2")
    made = Workloads(cluster)
    made.open()
    yield made
    made.clear()


MakeDrainer = Callable[..., Drainer]


@pytest.fixture
def drainer(cluster: ControlPlane, healer_token: str) -> MakeDrainer:
    """Makes a drainer of w1 that holds the lease, with the rights that it has in earnest."""

    def make(holder: str = "run-1", incident: str = "w1-1", duration: int = 300, **options: Any) -> Drainer:
        client = options.pop("client", None) or cluster.client(healer_token)
        cluster.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
        held = lease.acquire(client, holder, duration)
        actor = Actor(cluster.uid, "w1", cluster.uid_of("w1"), held.holder, held.token, duration, incident)
        return Drainer(client, actor, **options)

    return make


@pytest.fixture
def by_hand(cluster: ControlPlane, admin_token: str) -> MakeDrainer:
    """Makes a drainer for a person, without a lease."""

    def make(**options: Any) -> Drainer:
        actor = Actor(cluster.uid, "w1", cluster.uid_of("w1"), "me@here")
        return Drainer(cluster.client(admin_token), actor, **options)

    return make


def writes(cluster: ControlPlane, mark: int, user: str = HEALER) -> list[Audited]:
    """What a user has written since, apart from the lease."""
    return [a for a in cluster.audited(mark) if a.mutates and a.user == user and "/leases" not in a.uri]


def evictions(cluster: ControlPlane, mark: int, *codes: int) -> list[str]:
    """The names of the pods whose eviction was asked for, with these answers."""
    found = [a for a in cluster.audited(mark) if a.uri.split("?")[0].endswith("/eviction") and a.user == HEALER]
    return sorted(a.uri.split("/")[-2] for a in found if not codes or a.code in codes)


def check_only_evictions(cluster: ControlPlane, mark: int) -> None:
    """The audit log has evictions and changes of the one node, and no deletion of anything."""
    made = writes(cluster, mark)
    assert made
    for one in made:
        path = one.uri.split("?")[0]
        assert (one.verb, path) == ("patch", NODE) or (one.verb == "create" and path.endswith("/eviction")), one
    assert not [a for a in cluster.audited(mark) if a.user == HEALER and "delete" in a.verb]


def see(cluster: ControlPlane) -> dict[str, Any]:
    return dict(cluster.get(NODE))


def cordon_by_hand(cluster: ControlPlane) -> None:
    assert cluster.kubectl("cordon", "w1").returncode == 0


def uncordon_by_hand(cluster: ControlPlane) -> None:
    assert cluster.kubectl("uncordon", "w1").returncode == 0


def amid(cluster: ControlPlane, what: Callable[[ControlPlane], object], seconds: float = 1.0) -> threading.Thread:
    """Something that happens from outside in the course of a drain."""

    def act() -> None:
        time.sleep(seconds)
        what(cluster.with_own_connections())

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def pods_of_all_kinds(workloads: Workloads) -> None:
    workloads.add("web-1")
    workloads.add("db-0", by=owner("StatefulSet", "db"))
    workloads.add("agent", by=owner("DaemonSet", "agent"))
    workloads.add("agent-with-data", by=owner("DaemonSet", "agent"), spec=EMPTY_DIR)
    workloads.add("done", by=owner("Job", "once"), phase="Succeeded")
    workloads.add("static", bare=True, annotations={"kubernetes.io/config.mirror": "x"})
    workloads.add("elsewhere", node="w2")


@pytest.mark.usefixtures("quick")
def test_a_node_is_drained(cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer) -> None:
    pods_of_all_kinds(workloads)
    mark = cluster.audit_mark()
    with Kubelet(workloads, takes=0.5):
        report = drainer().drain(Allowed(), SECONDS)
    assert workloads.names() == ["agent", "agent-with-data", "done", "static"]
    assert workloads.names("w2") == ["elsewhere"]
    assert (report.changed, report.cordon) == (True, Cordon.OURS)
    assert report.message == "node w1 is drained: 2 pods evicted"
    told = report.to_dict()
    assert sorted(pod["name"] for pod in told["evicted"]) == ["db-0", "web-1"]
    assert told["counts"] == {"evicted": 2, "remaining": 0, "skipped": 4}
    assert {pod["name"]: pod["why"] for pod in told["skipped"]} == {
        "agent": "of a DaemonSet",
        "agent-with-data": "of a DaemonSet",
        "done": "finished",
        "static": "a static pod",
    }
    check_only_evictions(cluster, mark)
    assert evictions(cluster, mark) == ["db-0", "web-1"]
    # And once more: there is nothing left to do, and nothing is written.
    mark = cluster.audit_mark()
    again = drainer("run-2").drain(Allowed(), SECONDS)
    assert (again.changed, again.message) == (False, "node w1 is drained: nothing was left to evict")
    assert writes(cluster, mark) == []


@pytest.mark.usefixtures("quick")
def test_the_cordon_says_who_what_for_and_when(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    drainer("run-7", "w1-3").drain(Allowed(), SECONDS)
    node = see(cluster)
    assert node["spec"]["unschedulable"] is True
    said = json.loads(node["metadata"]["annotations"][CORDONED])
    assert (said["by"], said["incident"], said["node"]) == ("run-7", "w1-3", cluster.uid_of("w1"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said["at"])


def test_what_is_in_the_way_is_named_and_nothing_is_done(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.add("bare", bare=True)
    workloads.add("cache", spec=EMPTY_DIR)
    mark = cluster.audit_mark()
    with pytest.raises(DrainBlocked) as raised:
        drainer().drain(Allowed(), SECONDS)
    assert str(raised.value) == (
        "node w1 cannot be drained, nothing was done: shop/bare (no controller would make it again);"
        " shop/cache (its data in emptyDir scratch would be lost)"
    )
    assert [pod["name"] for pod in raised.value.details["remaining"]] == ["bare", "cache", "web-1"]
    assert writes(cluster, mark) == []
    assert not see(cluster)["spec"].get("unschedulable")


@pytest.mark.usefixtures("quick")
def test_what_may_be_lost_is_evicted_when_it_is_allowed(workloads: Workloads, drainer: MakeDrainer) -> None:
    workloads.add("bare", bare=True)
    workloads.add("cache", spec=EMPTY_DIR)
    with pytest.raises(DrainBlocked, match="bare"):
        drainer().drain(Allowed(emptydir_data=True), SECONDS)
    with Kubelet(workloads):
        drainer().drain(Allowed(emptydir_data=True, bare_pods=True), SECONDS)
    assert workloads.names() == []


# --- budgets and deadlines


def test_a_budget_is_asked_again_until_it_allows_it(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add_many(f"web-{n}" for n in range(3))
    workloads.budget(allowed=0)
    mark, begun = cluster.audit_mark(), time.monotonic()
    with Kubelet(workloads):
        opened = amid(cluster, lambda mine: Workloads(mine).allow(3), 2.0)
        report = drainer().drain(Allowed(), 60)
        opened.join()
    assert report.to_dict()["counts"]["evicted"] == 3 and workloads.names() == []
    # Each was refused once, and asked for again after five seconds and no sooner.
    assert evictions(cluster, mark, 429) == evictions(cluster, mark, 201) == ["web-0", "web-1", "web-2"]
    assert time.monotonic() - begun >= 5
    check_only_evictions(cluster, mark)


@pytest.mark.usefixtures("quick")
def test_a_budget_of_one_lets_them_go_one_by_one(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add_many(f"web-{n}" for n in range(4))
    workloads.budget(allowed=1)
    mark, stop = cluster.audit_mark(), threading.Event()

    def controller() -> None:
        mine = Workloads(cluster.with_own_connections())
        left, refused = 4, 0
        while not stop.wait(0.1):
            now = len(mine.pods("w1"))
            # The budget gives again only after it has refused, or a slow drainer would never meet it.
            if now < left and len(evictions(cluster, mark, 429)) > refused:
                left, refused = now, len(evictions(cluster, mark, 429))
                mine.allow(1)

    thread = threading.Thread(target=controller)
    thread.start()
    try:
        with Kubelet(workloads):
            drainer().drain(Allowed(), 60)
    finally:
        stop.set()
        thread.join()
    assert len(evictions(cluster, mark, 201)) == 4 and evictions(cluster, mark, 429)


@pytest.mark.usefixtures("quick")
def test_a_drain_that_takes_too_long_names_what_is_left_and_what_holds_it(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.add("other", labels={"app": "other"})
    workloads.add("stuck", labels={"app": "other"}, finalizers=["example.com/hold"])
    workloads.budget(allowed=0)
    begun = time.monotonic()
    with Kubelet(workloads), pytest.raises(DrainTimeout) as raised:
        drainer().drain(Allowed(), 3)
    assert 1.5 <= time.monotonic() - begun <= 3 + machinery.BUDGET_SECONDS
    text = str(raised.value)
    assert text.startswith("node w1 is not drained after 3 s: 2 pods left, 2 evicted: shop/web-1 (PodDisruptionBudget")
    assert "web-1 (PodDisruptionBudget web: 2 of 3 pods are healthy, 2 must be, 0 may be disrupted)" in text
    assert re.search(r"shop/stuck \(terminating, due .*held by finalizer example.com/hold\)", text)
    details = raised.value.details
    assert details["counts"] == {"evicted": 2, "remaining": 2, "skipped": 0} and details["changed"] is True
    assert sorted(pod["name"] for pod in details["remaining"]) == ["stuck", "web-1"]
    assert details["budgets"] == [
        {
            "namespace": "shop",
            "name": "web",
            "disruptions_allowed": 0,
            "current_healthy": 2,
            "desired_healthy": 2,
            "expected_pods": 3,
        }
    ]
    # It has failed, and left a cordon that is known for ours.
    assert details["cordon"]["by"] == "ours" and cordon_of(see(cluster)) is Cordon.OURS


@pytest.mark.usefixtures("quick")
def test_a_budget_that_nobody_has_counted_yet_is_waited_for(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    """Its status is of an older generation; the API server says in how many seconds to ask again."""
    workloads.add("web-1")
    workloads.budget(allowed=1)
    cluster.must("PATCH", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web", {"spec": {"minAvailable": 1}})
    mark = cluster.audit_mark()
    with Kubelet(workloads), pytest.raises(DrainTimeout, match="web-1"):
        drainer().drain(Allowed(), 4)
    # Without Retry-After it would have been asked for some ten times.
    assert len(evictions(cluster, mark, 429)) == 1


@pytest.mark.usefixtures("quick")
def test_two_budgets_for_one_pod_are_named_in_the_api_servers_words(workloads: Workloads, drainer: MakeDrainer) -> None:
    workloads.add("web-1")
    workloads.budget("one", allowed=1)
    workloads.budget("two", allowed=1)
    with Kubelet(workloads), pytest.raises(DrainTimeout, match="more than one PodDisruptionBudget"):
        drainer().drain(Allowed(), 2)


@pytest.mark.usefixtures("quick")
def test_a_pod_has_its_own_grace_period_or_the_one_that_is_given(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    for name, grace, expected in (("own", None, 77), ("given", 9, 9)):
        workloads.add(name, spec={"terminationGracePeriodSeconds": 77})
        with pytest.raises(DrainTimeout, match=rf"grace {expected} s"):
            drainer().drain(Allowed(), 2, grace)
        assert cluster.get(f"{PODS}/{name}")["metadata"]["deletionGracePeriodSeconds"] == expected
        workloads.clear()


def test_120_pods_are_evicted_in_one_round(cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer) -> None:
    workloads.add_many(f"web-{n}" for n in range(120))
    mark, begun = cluster.audit_mark(), time.monotonic()
    # None of them ends before all of them are asked to.
    with pytest.raises(DrainTimeout) as raised:
        drainer().drain(Allowed(), 8)
    assert raised.value.details["rounds"] == 1
    assert raised.value.details["counts"] == {"evicted": 120, "remaining": 120, "skipped": 0}
    assert len(raised.value.details["evicted"]) == len(raised.value.details["remaining"]) == 50
    assert len(str(raised.value)) < 1000 and "and 115 more" in str(raised.value)
    assert len(evictions(cluster, mark, 201)) == 120
    with Kubelet(workloads):
        report = drainer("run-2").drain(Allowed(), 60)
    assert workloads.names() == [] and not report.evicted
    assert len(evictions(cluster, mark)) == 120
    print(f"120 pods gone after {time.monotonic() - begun:.1f} s, 8 of them waited on purpose")


@pytest.mark.usefixtures("quick")
def test_a_pod_of_the_same_name_elsewhere_is_another_one(
    cluster: ControlPlane, workloads: Workloads, healer_token: str, drainer: MakeDrainer
) -> None:
    """Between the look and the eviction it has moved; the eviction is for the one that is gone."""
    workloads.add("db-0", by=owner("StatefulSet", "db"))
    mine = Workloads(cluster.with_own_connections())

    def move() -> None:
        mine.end(mine.pods("w1")[0])
        mine.add("db-0", node="w2", by=owner("StatefulSet", "db"))

    class Moving(SteppingClient):
        moved = False

        def _send(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
            if path.endswith("/eviction") and not self.moved:
                type(self).moved = True
                move()
            return super()._send(method, path, *rest, **options)

    mark = cluster.audit_mark()
    client = Moving(cluster.settings(healer_token), steps=Steps())
    report = drainer(client=client).drain(Allowed(), SECONDS)
    assert Moving.moved and evictions(cluster, mark, 409) == ["db-0"] and evictions(cluster, mark, 201) == []
    assert not report.evicted and workloads.names("w2") == ["db-0"]
    assert not cluster.get(f"{PODS}/db-0")["metadata"].get("deletionTimestamp")


# --- people


@pytest.mark.usefixtures("quick")
def test_a_persons_cordon_is_kept(cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer) -> None:
    workloads.add("web-1")
    cordon_by_hand(cluster)
    mark = cluster.audit_mark()
    with Kubelet(workloads):
        report = drainer().drain(Allowed(), SECONDS)
    assert report.cordon is Cordon.OTHERS and report.mark is None and workloads.names() == []
    kept = drainer().uncordon()
    assert (kept.changed, kept.cordon) == (False, Cordon.OTHERS)
    assert kept.message.startswith("node w1 stays cordoned: its cordon is not ours")
    assert see(cluster)["spec"]["unschedulable"] is True
    assert [a.verb for a in writes(cluster, mark) if a.uri.startswith(NODE)] == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("first", ["us", "a person"])
def test_who_uncordons_the_node_cancels_its_drain(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer, first: str
) -> None:
    workloads.add("web-1")
    workloads.budget(allowed=0)
    if first == "a person":
        cordon_by_hand(cluster)
    begun = time.monotonic()
    with Kubelet(workloads):
        changed = amid(cluster, uncordon_by_hand)
        with pytest.raises(DrainCancelled, match="somebody has uncordoned it"):
            drainer().drain(Allowed(), SECONDS)
        changed.join()
        assert time.monotonic() - begun < 10
        mark = cluster.audit_mark()
        workloads.allow(1)
        # In the course of the same incident it is not cordoned again either, not even by another run.
        if first == "us":
            with pytest.raises(DrainCancelled, match="somebody has uncordoned it since"):
                drainer("run-2").drain(Allowed(), SECONDS)
            with pytest.raises(DrainCancelled, match="left alone"):
                drainer("run-2").cordon()
            assert writes(cluster, mark) == [] and workloads.names() == ["web-1"]
        assert not see(cluster)["spec"].get("unschedulable")
        # For another incident it is.
        assert drainer("run-3", "w1-2").drain(Allowed(), SECONDS).cordon is Cordon.OURS


@pytest.mark.usefixtures("quick")
def test_who_uncordons_the_node_while_its_pods_end_cancels_its_drain(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    """There is nothing left to evict then, and it must not be called drained all the same."""
    workloads.add("web-1")
    with Kubelet(workloads, takes=2.5):
        changed = amid(cluster, uncordon_by_hand)
        with pytest.raises(DrainCancelled, match="uncordoned"):
            drainer().drain(Allowed(), SECONDS)
        changed.join()


@pytest.mark.usefixtures("quick")
def test_who_cordons_the_node_anew_owns_the_cordon(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.budget(allowed=0)

    def anew(mine: ControlPlane) -> None:
        uncordon_by_hand(mine)
        cordon_by_hand(mine)

    changed = amid(cluster, anew)
    with pytest.raises(DrainCancelled, match="somebody has"):
        drainer().drain(Allowed(), SECONDS)
    changed.join()
    # Our annotation is still there, and says nothing any more.
    assert mark_of(see(cluster)) is not None
    kept = drainer().uncordon()
    assert (kept.changed, kept.cordon) == (False, Cordon.OTHERS)
    assert see(cluster)["spec"]["unschedulable"] is True


@pytest.mark.usefixtures("quick")
def test_who_takes_our_mark_away_owns_the_cordon(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    drainer().cordon()
    assert cluster.kubectl("annotate", "node", "w1", f"{CORDONED}-").returncode == 0
    assert drainer().uncordon().changed is False
    assert see(cluster)["spec"]["unschedulable"] is True


@pytest.mark.usefixtures("quick")
def test_our_cordon_is_lifted_by_whoever_comes_next(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    """Nothing is remembered but what is on the node; what others have written to it meanwhile stays."""
    drainer("run-1").cordon()
    cluster.must("PATCH", NODE, {"metadata": {"labels": {"by": "somebody"}, "annotations": {"note": "theirs"}}})
    cluster.condition("w1", "True", 1)
    assert drainer("run-2").cordon().message == "node w1 was cordoned by us already"
    lifted = drainer("run-2").uncordon()
    assert (lifted.changed, lifted.cordon, lifted.mark) == (True, Cordon.NONE, None)
    node = see(cluster)
    assert not node["spec"].get("unschedulable")
    assert node["metadata"]["annotations"] == {"note": "theirs"} and node["metadata"]["labels"]["by"] == "somebody"
    mark = cluster.audit_mark()
    assert drainer("run-3").uncordon().changed is False
    assert writes(cluster, mark) == []


@pytest.mark.usefixtures("quick")
def test_what_was_left_of_our_mark_is_tidied(cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer) -> None:
    drainer().cordon()
    uncordon_by_hand(cluster)
    assert drainer().uncordon().changed is True
    assert CORDONED not in (see(cluster)["metadata"].get("annotations") or {})
    assert drainer().cordon().changed is True


@pytest.mark.usefixtures("quick")
def test_a_node_that_is_another_one_is_not_touched(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    old = drainer()
    cluster.must("DELETE", NODE)
    with pytest.raises(NodeGone, match="not in this cluster"):
        old.drain(Allowed(), SECONDS)
    cluster.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1")
    cluster.add_nodes("w1")
    mark = cluster.audit_mark()
    for act in (lambda: old.drain(Allowed(), SECONDS), old.cordon, old.uncordon):
        with pytest.raises(NodeGone, match="another one now"):
            act()
    assert writes(cluster, mark) == []


@pytest.mark.usefixtures("quick")
def test_a_person_needs_no_lease(cluster: ControlPlane, workloads: Workloads, by_hand: MakeDrainer) -> None:
    workloads.add("web-1")
    mark = cluster.audit_mark()
    with Kubelet(workloads):
        report = by_hand().drain(Allowed(), SECONDS)
    assert report.mark is not None and report.mark.by == "me@here"
    assert not [a for a in cluster.audited(mark) if a.uri.split("?")[0] == HEALER_LEASE]
    assert by_hand().uncordon().changed is True


# --- the lease


@pytest.mark.usefixtures("quick")
def test_a_drain_may_take_longer_than_the_lease_lasts(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.add("last", labels={"app": "other"})
    workloads.budget(allowed=0)
    mark, begun = cluster.audit_mark(), time.monotonic()
    with Kubelet(workloads):
        opened = amid(cluster, lambda mine: Workloads(mine).allow(1), 9.0)
        drainer("slow", duration=3).drain(Allowed(), 60)
        opened.join()
    assert time.monotonic() - begun > 8
    spec = cluster.get(HEALER_LEASE)["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("slow", 3)
    # Before each write stands a renewal, or another eviction of the same round.
    entries = [a for a in cluster.audited(mark) if a.user == HEALER and a.mutates]
    assert "/leases" in entries[0].uri
    for before, now in pairwise(entries):
        same_round = before.uri.endswith("/eviction") and now.uri.endswith("/eviction")
        assert "/leases" in now.uri or "/leases" in before.uri or same_round


@pytest.mark.usefixtures("quick")
def test_who_has_lost_the_lease_stops_at_once(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.budget(allowed=0)

    def rob(mine: ControlPlane) -> None:
        mine.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "rival", "leaseTransitions": 999}})
        # An eviction that was proven before, and is on its way, must have met the budget as it was.
        time.sleep(2)
        Workloads(mine).allow(1)

    with Kubelet(workloads):
        robbed = amid(cluster, rob)
        # It is told by whose hands the Lease is in, or, where the robbery meets a renewal, by the conflict.
        with pytest.raises(LeaseLost, match="rival holds it|was written by somebody else while it was renewed"):
            drainer().drain(Allowed(), SECONDS)
        robbed.join()
    assert workloads.names() == ["web-1"] and cordon_of(see(cluster)) is Cordon.OURS
    assert cluster.get(HEALER_LEASE)["spec"]["holderIdentity"] == "rival"


def test_who_has_lost_the_lease_amid_a_round_evicts_no_more(
    cluster: ControlPlane, workloads: Workloads, healer_token: str, drainer: MakeDrainer
) -> None:
    """60 evictions are asked for at once, each of which takes its time; the lease goes after the first ones."""
    workloads.add_many(f"web-{n:02}" for n in range(60))
    mine, robbed = cluster.with_own_connections(), threading.Event()

    class Slow(SteppingClient):
        def _send(self, method: str, path: str, *rest: Any, **options: Any) -> Any:
            if path.endswith("/eviction"):
                time.sleep(0.8)
                if not robbed.is_set():
                    robbed.set()
                    mine.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": "rival", "leaseTransitions": 999}})
            return super()._send(method, path, *rest, **options)

    mark = cluster.audit_mark()
    with pytest.raises(LeaseLost):
        drainer(client=Slow(cluster.settings(healer_token), steps=Steps())).drain(Allowed(), SECONDS)
    # Only those were sent for which it was proven before it went.
    assert 1 <= len(evictions(cluster, mark)) <= machinery.AT_ONCE < 60


def test_who_never_had_the_lease_writes_nothing(
    cluster: ControlPlane, workloads: Workloads, healer_token: str, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    actor = Actor(cluster.uid, "w1", cluster.uid_of("w1"), "impostor", 1, 300, "w1-1")
    impostor = Drainer(cluster.client(healer_token), actor)
    owner_of_it = drainer("somebody")
    mark = cluster.audit_mark()
    for act in (impostor.cordon, lambda: impostor.drain(Allowed(), SECONDS)):
        with pytest.raises(LeaseLost):
            act()
    assert writes(cluster, mark) == [] and workloads.names() == ["web-1"]
    owner_of_it.cordon()
    mark = cluster.audit_mark()
    with pytest.raises(LeaseLost):
        impostor.uncordon()
    assert writes(cluster, mark) == [] and cordon_of(see(cluster)) is Cordon.OURS


def test_without_the_right_to_evict_it_says_so_at_once(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/selfheal-drainer"
    rules = cluster.get(role)["rules"]
    cluster.must("PATCH", role, {"rules": [r for r in rules if r["resources"] != ["pods/eviction"]]})
    try:
        begun = time.monotonic()
        with pytest.raises(Forbidden, match=r"pod shop/web-1 may not be evicted: .*pods/eviction"):
            drainer().drain(Allowed(), SECONDS)
        assert time.monotonic() - begun < 10
    finally:
        cluster.must("PATCH", role, {"rules": rules})


# --- replies that are lost, and writes that come in between


MakeMeddling = Callable[..., Meddling]


@pytest.fixture
def meddling(cluster: ControlPlane, healer_token: str) -> MakeMeddling:
    return lambda kind, **options: Meddling(cluster.settings(healer_token), kind=kind, **options)


@pytest.mark.usefixtures("quick")
def test_replies_may_be_lost(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer, meddling: MakeMeddling
) -> None:
    workloads.add("web-1")
    mark = cluster.audit_mark()
    with Kubelet(workloads):
        cordoned = drainer(client=meddling(f"PATCH {NODE}", lose=True)).cordon()
        assert (cordoned.changed, cordoned.cordon) == (True, Cordon.OURS)
        report = drainer(client=meddling(f"POST {PODS}/web-1/eviction", lose=True)).drain(Allowed(), SECONDS)
    assert [pod.name for pod in report.evicted] == ["web-1"] and evictions(cluster, mark) == ["web-1"]
    lifted = drainer(client=meddling(f"PATCH {NODE}", lose=True)).uncordon()
    assert (lifted.changed, lifted.cordon) == (True, Cordon.NONE)
    assert [a.code for a in writes(cluster, mark) if a.verb == "patch"] == [200, 200]


@pytest.mark.usefixtures("quick")
def test_a_list_that_cannot_be_read_for_a_moment_is_read_again(
    workloads: Workloads, drainer: MakeDrainer, meddling: MakeMeddling, monkeypatch: pytest.MonkeyPatch
) -> None:
    workloads.add("web-1")
    client = meddling("GET /api/v1/pods")

    def break_off() -> None:
        raise Unreachable("away for a moment")

    # The look at what blocks comes first, and is no part of the rounds.
    looks = iter([lambda: None, break_off])
    real = client.items
    monkeypatch.setattr(client, "within", lambda _seconds: client)
    monkeypatch.setattr(client, "items", lambda *args: (next(looks, lambda: None)(), real(*args))[1])
    with Kubelet(workloads):
        assert drainer(client=client).drain(Allowed(), SECONDS).changed


@pytest.mark.usefixtures("quick")
def test_a_write_in_between_is_no_obstacle(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer, meddling: MakeMeddling
) -> None:
    mine, mark = cluster.with_own_connections(), cluster.audit_mark()
    beat = meddling(f"PATCH {NODE}", before=lambda: mine.condition("w1", "True", 1))
    assert drainer(client=beat).cordon().cordon is Cordon.OURS
    # Another time than the one before, however long that has taken; the same would be no write.
    beat = meddling(f"PATCH {NODE}", before=lambda: mine.condition("w1", "True", 2000))
    assert drainer(client=beat).uncordon().cordon is Cordon.NONE
    assert [a.code for a in writes(cluster, mark) if a.verb == "patch"] == [409, 200, 409, 200]


@pytest.mark.usefixtures("quick")
def test_a_person_who_was_quicker_is_respected(
    cluster: ControlPlane, workloads: Workloads, drainer: MakeDrainer, meddling: MakeMeddling
) -> None:
    before = meddling(f"PATCH {NODE}", before=lambda: cordon_by_hand(cluster))
    told = drainer(client=before).cordon()
    assert (told.changed, told.cordon, told.message) == (
        False,
        Cordon.OTHERS,
        "node w1 was cordoned by somebody else already",
    )
    uncordon_by_hand(cluster)
    drainer().cordon()

    def anew() -> None:
        uncordon_by_hand(cluster)
        cordon_by_hand(cluster)

    kept = drainer(client=meddling(f"PATCH {NODE}", before=anew)).uncordon()
    assert (kept.changed, kept.cordon) == (False, Cordon.OTHERS) and see(cluster)["spec"]["unschedulable"] is True


# --- killed and stopped


def child(made: Drainer, end: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            made.drain(Allowed(), SECONDS)
        except ClusterError:
            os._exit(3)
        end()

    return run


@pytest.mark.usefixtures("quick")
def test_a_drain_may_be_killed_at_any_step(
    cluster: ControlPlane,
    workloads: Workloads,
    healer_token: str,
    drainer: MakeDrainer,
    monkeypatch: pytest.MonkeyPatch,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """Whatever is left is known for what it is, and the next run sets it right."""
    # One request after the other, so that the steps of two runs are the same.
    monkeypatch.setattr(machinery, "AT_ONCE", 1)
    monkeypatch.setattr(machinery, "SETTLE_SECONDS", 0.0)

    def begin() -> None:
        workloads.clear()
        drainer("tidy").uncordon()
        for name in ("web-1", "web-2"):
            workloads.add(name)

    def stepping(steps: Steps) -> Drainer:
        return drainer("killed", client=SteppingClient(cluster.settings(healer_token), steps=steps))

    steps = Steps()
    begin()
    made = stepping(steps)
    taken = len(steps.seen)
    with Kubelet(workloads):
        made.drain(Allowed(), SECONDS)
    # How often the pods' end is waited for differs; what is done until both are evicted and looked for once does not.
    last = max(n for n, what in enumerate(steps.seen) if what.endswith("/eviction"))
    seen = steps.seen[taken : last + 6]
    assert "/pods" in seen[-1]
    assert sum(what == f"PATCH {NODE}" for what in seen) == 1
    points = [(n + taken, m) for n, what in enumerate(seen) for m in (BEFORE, AFTER) if m == BEFORE or what[0] == "P"]
    assert len(points) >= 35 and {what.split()[0] for what in seen} >= {"GET", "PUT", "PATCH", "POST"}
    wrong, cordoned, evicted = [], 0, 0
    for number, moment in points:
        begin()
        steps = Steps(number, moment, lambda: os.kill(os.getpid(), signal.SIGKILL))
        process = FORK.Process(target=child(stepping(steps), lambda: os._exit(0)))
        process.start()
        with Kubelet(workloads):
            process.join(60)
            what = f"{number} {moment}"
            if process.exitcode != -signal.SIGKILL:
                wrong.append(f"{what}: it was not killed there but ended with {process.exitcode}")
            node = see(cluster)
            if bool(node["spec"].get("unschedulable")) != (cordon_of(node) is Cordon.OURS) or (
                mark_of(node) is not None
            ) != bool(node["spec"].get("unschedulable")):
                wrong.append(f"{what}: a cordon without its mark, or a mark without its cordon: {node['metadata']}")
            cordoned += bool(node["spec"].get("unschedulable"))
            evicted += len(workloads.names()) < 2
            report = drainer("next").drain(Allowed(), SECONDS)
            if workloads.names() or report.cordon is not Cordon.OURS:
                wrong.append(f"{what}: the next run did not set it right: {workloads.names()} {report}")
            if not drainer("last").uncordon().changed or see(cluster)["spec"].get("unschedulable"):
                wrong.append(f"{what}: its cordon was not lifted")
    record_testsuite_property("drains killed at points", len(points))
    print(f"killed at {len(points)} points, {cordoned} times the cordon was there, {evicted} times a pod was gone")
    assert not wrong, "\n".join(wrong)
    assert 0 < evicted < cordoned < len(points)


def module_in_a_child(arguments: Mapping[str, Any], file: Path) -> Callable[[], None]:
    def run() -> None:
        printed = io.StringIO()
        try:
            with patch_module_args(dict(arguments)), redirect_stdout(printed):
                import_module(f"{MODULES}.node_drain").main()
        except SystemExit:
            file.write_text(printed.getvalue().splitlines()[-1], encoding="utf-8")
        os._exit(0)

    return run


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_drain_and_leaves_what_is_known_for_ours(
    cluster: ControlPlane, workloads: Workloads, admin_token: str, tmp_path: Path, number: int, drainer: MakeDrainer
) -> None:
    workloads.add("web-1")
    workloads.add("other", labels={"app": "other"})
    workloads.budget(allowed=0)
    arguments = {
        "host": cluster.url,
        "api_key": admin_token,
        "ca_cert": str(cluster.ca_cert),
        "cluster_uid": cluster.uid,
        "node": "w1",
        "incident": "w1-1",
    }
    process = FORK.Process(target=module_in_a_child(arguments, tmp_path / "result"))
    process.start()
    with Kubelet(workloads):
        end = time.monotonic() + 20
        while workloads.names() != ["web-1"] and time.monotonic() < end:
            time.sleep(0.05)
        assert process.pid is not None
        os.kill(process.pid, number)
        sent = time.monotonic()
        process.join(20)
        assert process.exitcode == 0 and time.monotonic() - sent < 5
        result = json.loads((tmp_path / "result").read_text(encoding="utf-8"))
        assert result["failed"] and result["error_class"] == "DrainCancelled" and "by a signal" in result["msg"]
        assert [pod["name"] for pod in result["evicted"]] == ["other"] and result["cordon"]["by"] == "ours"
        assert cordon_of(see(cluster)) is Cordon.OURS
        workloads.allow(1)
        report = drainer("next").drain(Allowed(), SECONDS)
    assert [pod.name for pod in report.evicted] == ["web-1"]


# --- the module


Options = dict[str, Any]


@pytest.fixture
def options(cluster: ControlPlane, module: RunModule) -> Options:
    """What a run that holds the lease gives to every module."""
    who: Options = {"cluster_uid": cluster.uid, "policy": HEALING}
    cluster.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
    held = module("remediation_lease", holder="run", **who)
    run = {"holder": held["holder"], "token": held["token"]}
    return who | run | {"node": "w1", "node_uid": cluster.uid_of("w1"), "incident": "w1-1"}


@pytest.mark.usefixtures("quick", "workloads")
def test_the_module_from_cordon_to_uncordon(
    cluster: ControlPlane, workloads: Workloads, module: RunModule, options: Options
) -> None:
    pods_of_all_kinds(workloads)
    mark = cluster.audit_mark()
    checked = module("node_drain", check_mode=True, **options)
    assert checked["changed"] and checked["message"] == "node w1: would evict 2 pods"
    assert sorted(pod["name"] for pod in checked["evicted"]) == ["db-0", "web-1"]
    assert checked["counts"] == {"evicted": 2, "remaining": 0, "skipped": 4} and checked["cordon"]["by"] == "none"
    for state in ("cordoned", "uncordoned", "unfenced"):
        assert module("node_drain", check_mode=True, state=state, **options)["changed"] == (state == "cordoned")
    assert writes(cluster, mark) == []
    cordoned = module("node_drain", state="cordoned", **options)
    assert cordoned["changed"] and cordoned["cordon"]["by"] == "ours"
    assert cordoned["cordon"]["mark"]["by"] == options["holder"]
    with Kubelet(workloads):
        drained = module("node_drain", **options)
    assert drained["changed"] and drained["message"] == "node w1 is drained: 2 pods evicted"
    assert (drained["node"], drained["node_uid"]) == ("w1", options["node_uid"])
    assert module("node_drain", **options)["changed"] is False
    assert module("node_drain", check_mode=True, **options)["changed"] is False
    assert module("node_drain", check_mode=True, state="uncordoned", **options)["changed"] is True
    assert module("node_drain", state="uncordoned", **options)["changed"] is True
    assert module("node_drain", state="uncordoned", **options)["changed"] is False
    check_only_evictions(cluster, mark)


@pytest.mark.usefixtures("quick")
def test_the_module_fails_with_what_it_knows(workloads: Workloads, module: RunModule, options: Options) -> None:
    workloads.add("bare", bare=True)
    blocked = module("node_drain", **options)
    assert blocked["failed"] and blocked["error_class"] == "DrainBlocked" and "shop/bare" in blocked["msg"]
    assert blocked["counts"]["remaining"] == 1 and blocked["changed"] is False
    checked = module("node_drain", check_mode=True, **options)
    assert checked["failed"] and "shop/bare" in checked["msg"]
    workloads.budget(allowed=0)
    late = module("node_drain", force=True, deadline=10, **options)
    assert late["failed"] and late["error_class"] == "DrainTimeout"
    assert late["remaining"][0]["name"] == "bare" and "PodDisruptionBudget web" in late["msg"]
    assert "\n" not in late["msg"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"deadline": 9}, "deadline: expected seconds from 10 to 7200, got 9"),
        ({"deadline": 7201}, "deadline: expected seconds from 10 to 7200"),
        ({"grace_period": 0}, "grace_period: expected seconds from 1 to 86400, got 0"),
        ({"node": "a/../b"}, "node name 'a/../b' is not valid"),
        ({"incident": "A B"}, "incident 'A B' is not valid"),
        ({"holder": "a\nb"}, "holder: expected one printable line"),
        ({"policy": {"monitor_only": True}}, "monitor_only is on"),
        ({"cluster_uid": "other"}, "wrong cluster"),
        ({"state": "fenced"}, "fencing_proof"),
        ({"node": "w9"}, "node w9 is not in this cluster"),
    ],
)
def test_what_the_module_refuses(
    cluster: ControlPlane, workloads: Workloads, module: RunModule, options: Options, wrong: Options, says: str
) -> None:
    workloads.add("web-1")
    mark = cluster.audit_mark()
    result = module("node_drain", **{**options, **wrong})
    assert result["failed"] and says in result["msg"], result
    assert writes(cluster, mark) == []


@pytest.mark.usefixtures("quick")
def test_a_person_uses_the_module_without_a_lease(
    cluster: ControlPlane, workloads: Workloads, module: RunModule, admin_token: str
) -> None:
    workloads.add("web-1")
    mine = {"cluster_uid": cluster.uid, "node": "w1", "account": admin_token}
    with Kubelet(workloads):
        drained = module("node_drain", **mine)
    assert drained["changed"] and "@" in drained["cordon"]["mark"]["by"]
    assert module("node_drain", state="uncordoned", **mine)["changed"] is True
    refused = module("node_drain", token=1, **mine)
    assert refused["failed"] and "node_uid" in refused["msg"]
