# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Look at a cluster once: who it is, and every part of it that the checks read, a few requests each, some at a time.

A look only reads. What cannot be read is missing from the snapshot with the reason, and takes nothing else with it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import parts, screen, servers
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.baseline_store import read_baseline
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Unauthorized,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import read_etcd
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.watch import watch
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, Heartbeat, Node, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import Rules, trusted_nodes

T = TypeVar("T")
OF_ONE_NODE = ("nodes", "heartbeats")
PARTS = (
    *OF_ONE_NODE,
    "pods",
    "daemonsets",
    "services",
    "events",
    "components",
    "endpoints",
    "etcd",
    "metrics",
    "disks",
    "probes",
    "baseline",
)
# Three read what is large; the others mostly wait, for small parts, and for API servers or etcd, which may be silent.
THREADS = 6
# Seconds of a thread's turn. Shorter ones cost more than they bring.
TURN = 0.0002
# No part is begun after so long: an API server that takes its time for each request must not hold up a run for ever.
LOOK_SECONDS = 120.0


def identify(client: Client, expected_uid: str | None) -> Answer:
    """Ask the cluster who it is; the answer is its namespace kube-system.

    :param expected_uid: the UID that the namespace must have.
    :raises WrongCluster: when it has another one, or none.
    """
    answer = client.get("/api/v1/namespaces/kube-system")
    uid = uid_of(answer)
    if expected_uid and uid != expected_uid:
        raise WrongCluster(f"wrong cluster at {client.server}: its kube-system UID is {uid}, expected {expected_uid}")
    return answer


def uid_of(answer: Answer) -> str | None:
    """The UID of the object in an answer."""
    metadata = answer.body.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    return uid if isinstance(uid, str) and uid else None


def observe(
    client: Client,
    policy: Policy,
    expected_uid: str | None = None,
    node: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Snapshot:
    """One snapshot; a part that cannot be read is None in it, with the reason in ``unread``.

    :param expected_uid: the UID that namespace kube-system must have.
    :param node: look at this node and its Lease only, which a wait for one node of thousands can do every few seconds;
        at all nodes and their Leases if it is empty. The other parts are None then, for no reason.
    :param sleep: how to wait while Leases are watched; whatever it raises ends the look.
    :raises WrongCluster: when the cluster has another UID. Nothing else is read then.
    """
    unread: dict[str, str] = {}
    uid = None
    try:
        answer = identify(client, expected_uid)
        uid, now = uid_of(answer), answer.date
        if uid is None:
            unread["identity"] = "namespace kube-system has no UID"
    except (Unreachable, Unauthorized) as exc:
        # Whatever else would be asked now would only run into the same wall. etcd, asked itself, may know the reason.
        unread = dict.fromkeys(("identity", *(PARTS if node is None else OF_ONE_NODE)), str(exc))
        now = datetime.now(UTC)
        etcd = None
        if node is None and client.etcd is not None:
            del unread["etcd"]
            etcd = _Look(client, policy, now, unread, monotonic, monotonic() + LOOK_SECONDS).etcd_itself()
        return Snapshot(now, unread=unread, etcd=etcd)
    except WrongCluster:
        raise
    except ClusterError as exc:
        unread["identity"] = str(exc)
        now = _clock(client)
    look = _Look(client, policy, now, unread, monotonic, monotonic() + LOOK_SECONDS)
    if node is not None:
        nodes = look.part("nodes", lambda: parts.read_nodes(client, node or None))
        heartbeats = look.part("heartbeats", lambda: parts.read_heartbeats(client, node or None))
        return Snapshot(now, uid, nodes, heartbeats, unread)
    with _in_a_hurry():
        return look.whole(uid, sleep)


def _clock(client: Client) -> datetime:
    """The API server's clock, by something that everybody may read; ours, if that may not be."""
    try:
        return client.get("/version").date
    except ClusterError:
        return datetime.now(UTC)


@dataclass(frozen=True)
class _Look:
    """What the parts of one look have in common. ``unread`` is filled on the way."""

    client: Client
    policy: Policy
    now: datetime
    unread: dict[str, str]
    monotonic: Callable[[], float]
    end: float

    def part(self, name: str, read: Callable[[], T]) -> T | None:
        """A part, or None with the reason in ``unread``."""
        if self.monotonic() >= self.end:
            self.unread[name] = f"it was not reached within {LOOK_SECONDS:.0f} s"
            return None
        try:
            return read()
        except (ClusterError, InvalidName) as exc:
            self.unread[name] = str(exc)
        except parts.ODD as exc:
            # An object of an unexpected shape makes its part unknown; it must not end the run with a traceback.
            self.unread[name] = f"an object has an unexpected shape ({type(exc).__name__}: {exc})"
        return None

    def whole(self, uid: str | None, sleep: Callable[[float], None]) -> Snapshot:
        """Every part: what needs nothing else at first, then what nodes and pods have turned out to need."""
        local_time = datetime.now(UTC)
        client, policy = self.client, self.policy
        with _threads() as begin:
            nodes_begun = begin(self._of_nodes)
            services_begun = begin(self.part, "services", lambda: parts.read_services(client))
            pods_begun = begin(self.part, "pods", lambda: screen.screen(client, policy, self.now))
            rest_begun = begin(self._rest)
            endpoints_begun = begin(self.part, "endpoints", lambda: servers.read_endpoints(client, policy))
            etcd_begun = begin(self.etcd_itself)
            nodes, heartbeats, components = nodes_begun.result()
            screened = pods_begun.result()
            rules = Rules.of(nodes, heartbeats, policy, self.now)
            details_begun = begin(self._details, screened, rules)
            disks_begun = begin(self._disks, nodes)
            watched = watch(client, nodes, heartbeats, components, self.now, policy, sleep, self.monotonic)
            rest, services, endpoints = rest_begun.result(), services_begun.result(), endpoints_begun.result()
            pods, disks = details_begun.result(), disks_begun.result()
            etcd = etcd_begun.result()
        etcd_pods, measured = rest.pop("etcd", None), rest.pop("metrics")
        trusted = trusted_nodes(nodes, watched.heartbeats, self.now)
        found = {
            **rest,
            "services": services,
            "pods": pods,
            "disks": disks,
            "endpoints": endpoints,
            "etcd": etcd if etcd_pods is None else self.part("etcd", lambda: parts.etcd_of(etcd_pods, trusted)),
            "metrics": None if measured is None else self.part("metrics", lambda: parts.usage_of(measured, nodes)),
        }
        return Snapshot(
            self.now,
            uid,
            nodes,
            watched.heartbeats,
            {name: self.unread[name] for name in ("identity", *PARTS) if name in self.unread},
            components=watched.components,
            local_time=local_time,
            **found,
        )

    def etcd_itself(self) -> Etcd | None:
        """etcd as it tells itself, if we know how to ask it; then its pods, which know less, are not looked at."""
        access = self.client.etcd
        return None if access is None else self.part("etcd", lambda: read_etcd(access))

    def _of_nodes(self) -> tuple[tuple[Node, ...] | None, dict[str, Heartbeat] | None, dict[str, Heartbeat] | None]:
        return (
            self.part("nodes", lambda: parts.read_nodes(self.client)),
            self.part("heartbeats", lambda: parts.read_heartbeats(self.client)),
            self.part("components", lambda: parts.read_components(self.client)),
        )

    def _rest(self) -> dict[str, Any]:
        reads: dict[str, Callable[[Client], Any]] = {
            "daemonsets": parts.read_daemonsets,
            "events": parts.read_events,
            "metrics": parts.read_metrics,
            "baseline": lambda client: read_baseline(client).baseline,
            "probes": lambda client: servers.read_probes(client, self.policy),
        }
        if self.client.etcd is None:
            reads["etcd"] = parts.read_etcd_pods
        return {name: self.part(name, partial(read, self.client)) for name, read in reads.items()}

    def _details(self, screened: screen.Screened | None, rules: Rules) -> Pods | None:
        if screened is None:
            return None
        return self.part("pods", lambda: screen.details(self.client, screened, rules, self.policy))

    def _disks(self, nodes: tuple[Node, ...] | None) -> Any:
        if not self.policy.kubelet_summary:
            self.unread["disks"] = "policy.kubelet_summary is off, so no kubelet was asked"
        elif nodes is None:
            self.unread["disks"] = "the nodes could not be read"
        else:
            return self.part("disks", lambda: parts.read_disks(self.client, nodes, self.now))
        return None


@contextmanager
def _threads() -> Iterator[Callable[..., Future[Any]]]:
    """Threads that are not waited for when something goes wrong meanwhile: their requests have deadlines."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        yield pool.submit
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _in_a_hurry() -> Iterator[None]:
    """The interpreter as suits a look, and as it was afterwards.

    The collector would go through all that was decoded again and again, and nothing of it has cycles. A thread that
    reads must get its turn back for each 16 KiB, and would wait for that as long as another one is allowed to compute.
    """
    was_on, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if was_on:
            gc.enable()
