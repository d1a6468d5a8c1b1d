# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Look at a cluster once: who it is, its nodes, and their Leases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError, WrongCluster
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Heartbeat, Node, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name

T = TypeVar("T")


def observe(client: Client, expected_uid: str | None = None) -> Snapshot:
    """One snapshot; a part that cannot be read is None in it, with the reason in ``unread``.

    :param expected_uid: the UID that namespace kube-system must have.
    :raises WrongCluster: when it has another one. Nothing else is read then.
    """
    unread: dict[str, str] = {}
    identity, observed_at = _identity(client, unread)
    if expected_uid and identity and identity != expected_uid:
        raise WrongCluster(
            f"wrong cluster at {client.server}: its kube-system UID is {identity}, expected {expected_uid}"
        )
    if identity is None and observed_at is None:
        # Whatever else would be asked now would only run into the same wall.
        reason = unread["identity"]
        return Snapshot(
            observed_at=datetime.now(UTC),
            unread={"identity": reason, "nodes": reason, "heartbeats": reason},
        )
    nodes = _part("nodes", unread, lambda: _nodes(client))
    heartbeats = _part("heartbeats", unread, lambda: _heartbeats(client))
    return Snapshot(
        observed_at=observed_at or datetime.now(UTC),
        cluster_uid=identity,
        nodes=nodes,
        heartbeats=heartbeats,
        unread=unread,
    )


def _identity(client: Client, unread: dict[str, str]) -> tuple[str | None, datetime | None]:
    def read() -> tuple[str | None, datetime]:
        answer = client.get("/api/v1/namespaces/kube-system")
        return (answer.body.get("metadata") or {}).get("uid"), answer.date

    uid, date = _part("identity", unread, read) or (None, None)
    if date is not None and not uid:
        unread["identity"] = "namespace kube-system has no UID"
    return uid or None, date


def _nodes(client: Client) -> tuple[Node, ...]:
    return tuple(Node.from_api(item) for item in client.items("/api/v1/nodes"))


def _heartbeats(client: Client) -> dict[str, Heartbeat]:
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    found: dict[str, Heartbeat] = {}
    for item in client.items(path):
        found[check_node_name(_name(item))] = Heartbeat.from_api(item)
    return found


def _name(item: dict[str, Any]) -> object:
    return (item.get("metadata") or {}).get("name")


def _part(name: str, unread: dict[str, str], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (ClusterError, InvalidName) as exc:
        unread[name] = str(exc)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # An object of an unexpected shape makes its part unknown; it must not end the run with a traceback.
        unread[name] = f"an object has an unexpected shape ({type(exc).__name__}: {exc})"
    return None
