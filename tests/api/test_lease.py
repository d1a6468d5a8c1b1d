# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One healer at a time: the Lease, asked of a real API server by several at once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    LeaseBusy,
    LeaseLost,
    NotBootstrapped,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.tests.api.broken_links import LosesReplies, LosesRequests
from ansible_collections.selfheal.kubernetes.tests.api.conftest import HEALING, MakeHealer, RunModule
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import HEALER_LEASE, INCIDENTS, ControlPlane, micro

DURATION = HEALING.lease_duration


def age(cluster: ControlPlane, seconds: float) -> None:
    """Say that the holder has been silent for so many seconds."""
    cluster.must("PATCH", HEALER_LEASE, {"spec": {"renewTime": micro(seconds)}})


def spec(cluster: ControlPlane) -> dict[str, object]:
    stored: dict[str, object] = cluster.get(HEALER_LEASE)["spec"]
    return stored


@pytest.mark.parametrize("stage", ["never held", "released", "expired"])
def test_of_two_that_try_at_once_exactly_one_gets_it(cluster: ControlPlane, healer_token: str, stage: str) -> None:
    clients = {name: cluster.client(healer_token) for name in ("a", "b")}
    rounds = 20
    outcomes: list[dict[str, object]] = []
    for number in range(rounds):
        if stage == "never held":
            cluster.request("DELETE", HEALER_LEASE)
        elif number == 0:
            lease.acquire(clients["a"], "somebody-before", DURATION)
        if stage == "released":
            cluster.must("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
        elif stage == "expired":
            age(cluster, DURATION + 5)
        barrier = threading.Barrier(2)
        results: dict[str, object] = {}

        def attempt(name: str, number: int, barrier: threading.Barrier, results: dict[str, object]) -> None:
            barrier.wait(30)
            try:
                results[name] = lease.acquire(clients[name], f"{name}-{number}", DURATION)
            except ClusterError as error:
                results[name] = error

        threads = [threading.Thread(target=attempt, args=(n, number, barrier, results)) for n in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        outcomes.append(results)
        winners = [r for r in results.values() if isinstance(r, lease.Held)]
        losers = [r for r in results.values() if isinstance(r, LeaseBusy)]
        assert (len(winners), len(losers)) == (1, 1), results
        assert spec(cluster)["holderIdentity"] == winners[0].holder
        assert spec(cluster)["leaseTransitions"] == winners[0].token
    assert len(outcomes) == rounds


def test_busy_names_the_holder_and_how_long(cluster: ControlPlane, healer_token: str, module: RunModule) -> None:
    lease.acquire(cluster.client(healer_token), "awx-job-4711", DURATION)
    with pytest.raises(LeaseBusy, match=r"^busy: awx-job-4711 heals this cluster now, its lease lasts \d+ s unless"):
        lease.acquire(cluster.client(healer_token), "b", DURATION)
    result = module("remediation_lease", holder="b", cluster_uid=cluster.uid, policy={"monitor_only": False})
    assert result["failed"] and result["error_class"] == "LeaseBusy" and "awx-job-4711" in result["msg"]
    assert spec(cluster)["holderIdentity"] == "awx-job-4711"


def test_not_even_a_holder_of_the_same_name_takes_it_over(cluster: ControlPlane, healer_token: str) -> None:
    client = cluster.client(healer_token)
    held = lease.acquire(client, "a", DURATION)
    with pytest.raises(LeaseBusy, match="^busy: a heals this cluster now"):
        lease.acquire(client, "a", DURATION)
    age(cluster, 100)
    renewed = lease.renew(client, "a", held.token, DURATION)
    assert renewed.token == held.token
    assert renewed.expires > datetime.now(UTC) + timedelta(seconds=DURATION - 60)


@pytest.mark.parametrize("holder", ["b", "a"])
def test_an_expired_lease_changes_hands_with_a_new_token(cluster: ControlPlane, healer_token: str, holder: str) -> None:
    client = cluster.client(healer_token)
    first = lease.acquire(client, "a", DURATION)
    age(cluster, DURATION - 20)
    if holder == "b":
        with pytest.raises(LeaseBusy):
            lease.acquire(client, "b", DURATION)
    age(cluster, DURATION + 1)
    taken = lease.acquire(client, holder, DURATION)
    assert taken.token == first.token + 1
    with pytest.raises(LeaseLost, match="not ours any more"):
        lease.renew(client, "a", first.token, DURATION)
    assert lease.release(client, "a", first.token) is False
    assert spec(cluster)["holderIdentity"] == holder


def test_a_silent_holder_may_not_come_back(cluster: ControlPlane, healer_token: str) -> None:
    client = cluster.client(healer_token)
    held = lease.acquire(client, "a", DURATION)
    age(cluster, DURATION + 1)
    with pytest.raises(LeaseLost, match="silent for too long"):
        lease.renew(client, "a", held.token, DURATION)


def test_release(cluster: ControlPlane, healer_token: str) -> None:
    client = cluster.client(healer_token)
    held = lease.acquire(client, "a", DURATION)
    assert lease.release(client, "b", held.token) is False
    assert lease.release(client, "a", held.token + 1) is False
    assert lease.release(client, "a", held.token, dry_run=True) is True
    assert spec(cluster)["holderIdentity"] == "a"
    assert lease.release(client, "a", held.token) is True
    assert lease.release(client, "a", held.token) is False
    assert not spec(cluster).get("holderIdentity")
    assert lease.acquire(client, "b", DURATION).token == held.token + 1
    with pytest.raises(LeaseLost):
        lease.renew(client, "a", held.token, DURATION)


def test_there_is_nothing_to_release_or_to_renew(cluster: ControlPlane, healer_token: str) -> None:
    client = cluster.client(healer_token)
    assert lease.release(client, "a", 1) is False
    with pytest.raises(LeaseLost, match="nobody holds it"):
        lease.renew(client, "a", 1, DURATION)


def test_a_lease_that_cannot_be_read_is_for_people(cluster: ControlPlane, healer_token: str) -> None:
    client = cluster.client(healer_token)
    lease.acquire(client, "a", DURATION)
    cluster.must("PATCH", HEALER_LEASE, {"spec": {"renewTime": None}})
    with pytest.raises(StoreError, match="held by a has no readable renewTime"):
        lease.acquire(client, "b", DURATION)
    assert spec(cluster)["holderIdentity"] == "a"


def test_without_the_namespace_it_says_what_to_do(bare: ControlPlane) -> None:
    with pytest.raises(NotBootstrapped, match=r"run the playbook selfheal\.kubernetes\.bootstrap first"):
        lease.acquire(bare.client(), "a", DURATION)


@pytest.mark.parametrize("when", ["taken first", "taken over", "renewed"])
def test_a_lost_reply_does_not_lose_the_lease(cluster: ControlPlane, healer_token: str, when: str) -> None:
    collection, _slash, _name = HEALER_LEASE.rpartition("/")
    client = LosesReplies(
        cluster.settings(healer_token), lose=("POST", collection) if when == "taken first" else ("PUT", HEALER_LEASE)
    )
    if when != "taken first":
        before = lease.acquire(cluster.client(healer_token), "a", DURATION)
        age(cluster, DURATION + 1 if when == "taken over" else 60)
    if when == "renewed":
        held = lease.renew(client, "a", before.token, DURATION)
    else:
        held = lease.acquire(client, "b", DURATION)
    assert client.lost == 1
    assert (spec(cluster)["holderIdentity"], spec(cluster)["leaseTransitions"]) == (held.holder, held.token)
    assert lease.renew(cluster.client(healer_token), held.holder, held.token, DURATION).token == held.token


def test_a_lost_request_does_not_make_a_lease(cluster: ControlPlane, healer_token: str) -> None:
    lease.acquire(cluster.client(healer_token), "a", DURATION)
    age(cluster, DURATION + 1)
    client = LosesRequests(cluster.settings(healer_token), lose=("PUT", HEALER_LEASE))
    with pytest.raises(Unreachable, match="the request was lost"):
        lease.acquire(client, "b", DURATION)
    assert spec(cluster)["holderIdentity"] == "a"


STALE = {
    "begin": lambda healer, uid: healer.begin("w1", uid, "kubelet_restart"),
    "note": lambda healer, uid: healer.write_notes([{"node": "w1", "node_uid": uid, "event": "open"}]),
    "acted": lambda healer, uid: healer.acted("w1", uid, "x"),
    "fail": lambda healer, uid: healer.fail("w1", uid, "x"),
    "verify": lambda healer, uid: healer.verify("w1", uid, 5),
    "record": lambda healer, uid: healer.write_record(),
}


@pytest.mark.parametrize("what", STALE)
def test_a_stale_holder_writes_nothing(cluster: ControlPlane, healer: MakeHealer, what: str) -> None:
    cluster.add_nodes("w1", "w2", "w3", "w4", "w5")
    cluster.make_sick("w1")
    stale = healer("stale")
    age(cluster, DURATION + 1)
    healer("fresh")
    mark = cluster.audit_mark()
    with pytest.raises(LeaseLost, match="fresh holds it"):
        STALE[what](stale, cluster.uid_of("w1"))
    assert not [a for a in cluster.audited(mark) if a.mutates]
    assert cluster.get(INCIDENTS)["items"] == []
