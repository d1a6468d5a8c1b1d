# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Look at a cluster once: who it is, its nodes, and their Leases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotFound,
    Unauthorized,
    Unreachable,
    WrongCluster,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Heartbeat, Node, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name

T = TypeVar("T")


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


def observe(client: Client, expected_uid: str | None = None, node: str | None = None) -> Snapshot:
    """One snapshot; a part that cannot be read is None in it, with the reason in ``unread``.

    :param expected_uid: the UID that namespace kube-system must have.
    :param node: look at this node only, which a wait for one node of thousands can do every few seconds.
    :raises WrongCluster: when it has another one. Nothing else is read then.
    """
    unread: dict[str, str] = {}
    uid, observed_at = None, datetime.now(UTC)
    try:
        answer = identify(client, expected_uid)
        uid, observed_at = uid_of(answer), answer.date
        if uid is None:
            unread["identity"] = "namespace kube-system has no UID"
    except (Unreachable, Unauthorized) as exc:
        # Whatever else would be asked now would only run into the same wall.
        return Snapshot(observed_at, unread=dict.fromkeys(("identity", "nodes", "heartbeats"), str(exc)))
    except WrongCluster:
        raise
    except ClusterError as exc:
        unread["identity"] = str(exc)
    nodes = _part("nodes", unread, lambda: _nodes(client, node))
    heartbeats = _part("heartbeats", unread, lambda: _heartbeats(client, node))
    return Snapshot(observed_at, uid, nodes, heartbeats, unread)


def _nodes(client: Client, only: str | None) -> tuple[Node, ...]:
    return tuple(Node.from_api(item) for item in _items(client, "/api/v1/nodes", only))


def _heartbeats(client: Client, only: str | None) -> dict[str, Heartbeat]:
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    return {check_node_name(item["metadata"]["name"]): Heartbeat.from_api(item) for item in _items(client, path, only)}


def _items(client: Client, path: str, only: str | None) -> Iterable[dict[str, Any]]:
    if only is None:
        return client.items(path)
    try:
        return [client.get(f"{path}/{check_node_name(only)}").body]
    except NotFound:
        return []


def _part(name: str, unread: dict[str, str], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (ClusterError, InvalidName) as exc:
        unread[name] = str(exc)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # An object of an unexpected shape makes its part unknown; it must not end the run with a traceback.
        unread[name] = f"an object has an unexpected shape ({type(exc).__name__}: {exc})"
    return None
