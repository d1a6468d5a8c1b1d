# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What people ask for by hand: what is kept of a node, and what is paused. Reads only.

People are told as much as can be read, where a healer would rather do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import policy_source, store
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Forbidden,
    NotBootstrapped,
    NotFound,
    StoreError,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify, uid_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.paused import ANNOTATION
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NoSuchNode
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.pauses import SETTING, Target
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm


def who_and_when(client: Client, expected_uid: str | None) -> tuple[str | None, datetime]:
    """The cluster's UID, None where it may not be read, and the API server's clock.

    :raises Forbidden: when it may not be read, and a certain cluster is meant.
    """
    try:
        answer = identify(client, expected_uid)
    except Forbidden:
        if expected_uid:
            raise
        return None, client.get("/version").date
    return uid_of(answer), answer.date


def read_kept(client: Client) -> tuple[list[Incident], list[str]]:
    """The incidents that can be read, and why others cannot."""
    incidents, errors = store.read_readable(client)
    return list(incidents), [str(one) for one in errors]


def read_record(client: Client) -> tuple[Mapping[str, Any] | None, Storm | None, list[str]]:
    """What the ClusterRecord says, the storm that it remembers, and why that cannot be read."""
    record = store.read_record(client)
    status = (record or {}).get("status")
    told = status if isinstance(status, dict) else None
    try:
        return told, store.storm_in(record), []
    except StoreError as exc:
        return told, None, [str(exc)]


def check_nodes(client: Client, nodes: Iterable[str], incidents: Iterable[Incident]) -> None:
    """Refuse the name of a node that the cluster does not have, and of which no incident tells either.

    :raises NoSuchNode: naming each of them. Who may not look at nodes is believed.
    """
    remembered = {one.node for one in incidents}
    missing = []
    for name in nodes:
        try:
            if name not in remembered:
                client.get(f"/api/v1/nodes/{name}")
        except NotFound:
            missing.append(name)
        except Forbidden:
            pass
    if missing:
        raise NoSuchNode(f"no such node in this cluster, and no incident of one: {', '.join(missing)}")


def read_pauses(client: Client, nodes: Sequence[str]) -> tuple[Target, ...]:
    """What the pauses of these nodes say, or that of the cluster if none is named.

    :raises NoSuchNode: naming each node that the cluster does not have.
    """
    return tuple(_nodes(client, nodes)) if nodes else (_cluster(client),)


def _nodes(client: Client, nodes: Sequence[str]) -> Iterable[Target]:
    missing = []
    for name in nodes:
        try:
            metadata = client.get(f"/api/v1/nodes/{name}").body.get("metadata") or {}
        except NotFound:
            missing.append(name)
        else:
            yield Target(name, (metadata.get("annotations") or {}).get(ANNOTATION))
    if missing:
        raise NoSuchNode(f"no such node in this cluster: {', '.join(missing)}")


def _cluster(client: Client) -> Target:
    try:
        data = client.get(policy_source.PATH).body.get("data") or {}
    except NotFound:
        _check_namespace(client)
        data = {}
    return Target("", data.get(SETTING))


def _check_namespace(client: Client) -> None:
    name = policy_source.NAMESPACE
    try:
        client.get(f"/api/v1/namespaces/{name}")
    except NotFound:
        raise NotBootstrapped(
            f"this cluster does not have the namespace {name}: run the playbook selfheal.kubernetes.bootstrap first"
        ) from None
    except Forbidden:
        # Whoever may write the ConfigMap need not be allowed to look at this.
        pass
