# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Incidents and the ClusterRecord, kept in the cluster that they are about.

Each write is one request that fails when somebody else has written since: a CustomResource without a status
subresource, so that no moment exists at which an incident is there without its phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    NotBootstrapped,
    NotFound,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Bundle,
    Incident,
    Moment,
    Phase,
    Refusal,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, parse_time

GROUP = "selfheal.kubernetes"
VERSION = "v1alpha1"
_INCIDENTS = f"/apis/{GROUP}/{VERSION}/incidents"
_RECORDS = f"/apis/{GROUP}/{VERSION}/clusterrecords"
RECORD_NAME = "cluster"
_MOMENTS = ("deadline", "waitUntil", "refusedAt", "closedAt")


def read_incidents(client: Client) -> tuple[Incident, ...]:
    """Every incident that is kept.

    :raises NotBootstrapped: when the kind is not there yet.
    :raises StoreError: when one of them cannot be read: nobody acts on a guess.
    """
    incidents, errors = read_readable(client)
    if errors:
        raise errors[0]
    return incidents


def read_readable(client: Client) -> tuple[tuple[Incident, ...], tuple[StoreError, ...]]:
    """The incidents that can be read, and why each of the others cannot; for those who only tell of them.

    :raises NotBootstrapped: when the kind is not there yet.
    """
    incidents: list[Incident] = []
    errors: list[StoreError] = []
    try:
        for item in client.items(_INCIDENTS):
            try:
                incidents.append(incident_from_api(item))
            except StoreError as exc:
                errors.append(exc)
    except NotFound:
        raise NotBootstrapped(
            "this cluster does not know the kind Incident: run the playbook selfheal.kubernetes.bootstrap first"
        ) from None
    return tuple(incidents), tuple(errors)


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


def delete_incident(client: Client, incident: Incident) -> bool:
    """Remove the version of the incident that was read; whether it was there.

    :raises Conflict: when somebody has written it since.
    """
    path = f"{_INCIDENTS}/{incident.name}"
    try:
        client.delete(path, incident.resource_version)
    except NotFound:
        return False
    except Unreachable:
        # The reply may have been lost after it was done.
        try:
            client.get(path)
        except NotFound:
            return True
        raise
    return True


def storm_in(record: dict[str, Any] | None) -> Storm | None:
    """The storm that the ClusterRecord remembers.

    :raises StoreError: when it cannot be read: nobody is touched on a guess.
    """
    try:
        told = ((record or {}).get("status") or {}).get("storm")
        return None if told is None else Storm.from_dict(told)
    except (AttributeError, TypeError, ValueError) as exc:
        raise StoreError(f"the ClusterRecord cannot be read ({exc}): mend or delete it") from None


def read_record(client: Client) -> dict[str, Any] | None:
    """The ClusterRecord as it is stored, or None."""
    return read_record_at(client)[0]


def read_record_at(client: Client) -> tuple[dict[str, Any] | None, datetime | None]:
    """The ClusterRecord as it is stored, and the API server's clock when it was read; None for what is not there."""
    try:
        answer = client.get(f"{_RECORDS}/{RECORD_NAME}")
    except NotFound:
        return None, None
    return answer.body, answer.date


def write_record(client: Client, status: dict[str, Any], prove: Callable[[], object]) -> bool:
    """Bring the ClusterRecord up to date; whether anything had to be written.

    :param prove: raises unless the lease is still ours. It is called between the read and the write: who has written
        before has taken the lease from us, and who writes after it makes the version that we have read an old one.
    """
    stored = read_record(client)
    if stored is not None and stored.get("status") == status:
        return False
    prove()
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
    others = {"annotations": incident.annotations, "labels": incident.labels}
    metadata.update({name: dict(values) for name, values in others.items() if values})
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
    if incident.boot_id:
        status["bootID"] = incident.boot_id
    if incident.successor:
        status["successor"] = incident.successor
    if incident.refusals:
        status["refusals"] = [{"rung": r.rung, "guard": r.guard, "message": r.message} for r in incident.refusals]
    if incident.bundle is not None:
        bundle = incident.bundle
        told = {"name": bundle.name, "sha256": bundle.sha256, "bytes": bundle.size, "reason": bundle.reason}
        status["evidenceBundle"] = {name: value for name, value in told.items() if value}
    moments = (incident.deadline, incident.wait_until, incident.refused_at, incident.closed_at)
    status.update({name: format_time(at) for name, at in zip(_MOMENTS, moments, strict=True) if at is not None})
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
        node = check_node_name(spec["target"]["name"])
        others = {name: parse_time(status.get(name)) for name in _MOMENTS}
        attempted = [parse_time(at) for at in status.get("attemptedAt") or ()]
        moments = [(parse_time(m["at"]), m) for m in status.get("history") or ()]
        unread = [name for name, at in others.items() if at is None and status.get(name) is not None]
        if since is None or unread or None in attempted or None in [at for at, _moment in moments]:
            raise ValueError("a timestamp cannot be read")
        return Incident(
            name=str(name),
            node=node,
            node_uid=str(spec["target"]["uid"]),
            check=str(spec["check"]),
            reason=str(spec["reason"]),
            phase=Phase(status["phase"]),
            since=since,
            evidence=str(status.get("evidence") or ""),
            rung=str(status.get("rung") or ""),
            attempts=int(status.get("attempts") or 0),
            attempted_at=tuple(at for at in attempted if at is not None),
            bundle=_bundle(status.get("evidenceBundle")),
            outcome=str(status.get("outcome") or ""),
            closed_at=others["closedAt"],
            deadline=others["deadline"],
            wait_until=others["waitUntil"],
            boot_id=str(status.get("bootID") or ""),
            successor=str(status.get("successor") or ""),
            refusals=tuple(
                Refusal(node, str(r["rung"]), str(r["guard"]), str(r["message"])) for r in status.get("refusals") or ()
            ),
            refused_at=others["refusedAt"],
            annotations={str(k): str(v) for k, v in (item["metadata"].get("annotations") or {}).items()},
            labels={str(k): str(v) for k, v in (item["metadata"].get("labels") or {}).items()},
            history=tuple(
                Moment(at=at, phase=Phase(m["phase"]), by=str(m["by"]), message=str(m["message"]))
                for at, m in moments
                if at is not None
            ),
            resource_version=_resource_version(item),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise StoreError(f"incident {name} cannot be read ({type(exc).__name__}: {exc}): mend or delete it") from None


def _bundle(told: dict[str, Any] | None) -> Bundle | None:
    if told is None:
        return None
    return Bundle(
        name=str(told.get("name") or ""),
        sha256=str(told.get("sha256") or ""),
        size=int(told.get("bytes") or 0),
        reason=str(told.get("reason") or ""),
    )


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
