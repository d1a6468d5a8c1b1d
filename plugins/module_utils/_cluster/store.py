# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Incidents and the ClusterRecord, kept in the cluster that they are about.

Each write is one request that fails when somebody else has written since: a CustomResource without a status
subresource, so that no moment exists at which an incident is there without its phase.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotBootstrapped,
    NotFound,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Incident, Moment, Phase
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, parse_time

GROUP = "selfheal.kubernetes"
VERSION = "v1alpha1"
_INCIDENTS = f"/apis/{GROUP}/{VERSION}/incidents"
_RECORDS = f"/apis/{GROUP}/{VERSION}/clusterrecords"
RECORD_NAME = "cluster"


def read_incidents(client: Client) -> tuple[Incident, ...]:
    """Every incident that is kept.

    :raises NotBootstrapped: when the kind is not there yet.
    :raises StoreError: when one of them cannot be read: nobody acts on a guess.
    """
    try:
        return tuple(incident_from_api(item) for item in client.items(_INCIDENTS))
    except NotFound:
        raise NotBootstrapped(
            "this cluster does not know the kind Incident: run the playbook selfheal.kubernetes.bootstrap first"
        ) from None


def next_ordinal(incidents: tuple[Incident, ...], node: str) -> int:
    """The number that the next incident of a node gets."""
    numbers = [i.name.rsplit("-", 1)[-1] for i in incidents if i.node == node]
    return max((int(n) for n in numbers if n.isdecimal()), default=0) + 1


def write_incident(client: Client, incident: Incident) -> Incident:
    """Create the incident, or replace the version that it was made from.

    :raises Conflict: when somebody else has written it since.
    """
    body = incident_to_api(incident)
    try:
        if incident.resource_version:
            answer = client.replace(f"{_INCIDENTS}/{incident.name}", body)
        else:
            answer = client.create(_INCIDENTS, body)
    except Unreachable:
        # The reply may have been lost after the write was done; then what is stored is what we wanted to store.
        stored = _stored(client, incident)
        if stored is None:
            raise
        return stored
    return replace(incident, resource_version=_resource_version(answer.body))


def read_record(client: Client) -> dict[str, Any] | None:
    """The ClusterRecord as it is stored, or None."""
    try:
        return client.get(f"{_RECORDS}/{RECORD_NAME}").body
    except NotFound:
        return None


def write_record(client: Client, status: dict[str, Any]) -> bool:
    """Bring the ClusterRecord up to date; whether anything had to be written."""
    stored = read_record(client)
    if stored is not None and stored.get("status") == status:
        return False
    body: dict[str, Any] = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "ClusterRecord", "status": status}
    try:
        if stored is None:
            body["metadata"] = {"name": RECORD_NAME}
            client.create(_RECORDS, body)
        else:
            body["metadata"] = stored["metadata"]
            client.replace(f"{_RECORDS}/{RECORD_NAME}", body)
    except Unreachable:
        # The reply may have been lost after the write was done.
        written = read_record(client)
        if written is None or written.get("status") != status:
            raise
    return True


def incident_to_api(incident: Incident) -> dict[str, Any]:
    """The incident as a custom resource."""
    metadata: dict[str, Any] = {"name": incident.name}
    if incident.resource_version:
        metadata["resourceVersion"] = incident.resource_version
    status: dict[str, Any] = {
        "phase": incident.phase.value,
        "since": format_time(incident.since),
        "evidence": incident.evidence,
        "rung": incident.rung,
        "attempts": incident.attempts,
        "attemptedAt": [format_time(at) for at in incident.attempted_at],
        "outcome": incident.outcome,
        "story": incident.story,
        "history": [
            {"at": format_time(m.at), "phase": m.phase.value, "by": m.by, "message": m.message}
            for m in incident.history
        ],
    }
    if incident.closed_at is not None:
        status["closedAt"] = format_time(incident.closed_at)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Incident",
        "metadata": metadata,
        "spec": {
            "target": {"kind": "Node", "name": incident.node, "uid": incident.node_uid},
            "check": incident.check,
            "reason": incident.reason,
        },
        "status": status,
    }


def incident_from_api(item: dict[str, Any]) -> Incident:
    """An incident from its custom resource.

    :raises StoreError: when it is not what this version writes.
    """
    name: object = "without a name"
    try:
        name = item["metadata"]["name"]
        spec, status = item["spec"], item["status"]
        since = parse_time(status["since"])
        attempted = [parse_time(at) for at in status.get("attemptedAt") or ()]
        moments = [(parse_time(m["at"]), m) for m in status.get("history") or ()]
        if since is None or None in attempted or None in [at for at, _moment in moments]:
            raise ValueError("a timestamp cannot be read")
        return Incident(
            name=str(name),
            node=check_node_name(spec["target"]["name"]),
            node_uid=str(spec["target"]["uid"]),
            check=str(spec["check"]),
            reason=str(spec["reason"]),
            phase=Phase(status["phase"]),
            since=since,
            evidence=str(status.get("evidence") or ""),
            rung=str(status.get("rung") or ""),
            attempts=int(status.get("attempts") or 0),
            attempted_at=tuple(at for at in attempted if at is not None),
            outcome=str(status.get("outcome") or ""),
            closed_at=parse_time(status.get("closedAt")),
            history=tuple(
                Moment(at=at, phase=Phase(m["phase"]), by=str(m["by"]), message=str(m["message"]))
                for at, m in moments
                if at is not None
            ),
            resource_version=_resource_version(item),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise StoreError(f"incident {name} cannot be read ({type(exc).__name__}: {exc}): mend or delete it") from None


def _stored(client: Client, incident: Incident) -> Incident | None:
    try:
        stored = incident_from_api(client.get(f"{_INCIDENTS}/{incident.name}").body)
    except ClusterError:
        return None
    same = incident_to_api(replace(stored, resource_version="")) == incident_to_api(
        replace(incident, resource_version="")
    )
    return stored if same else None


def _resource_version(item: dict[str, Any]) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")
