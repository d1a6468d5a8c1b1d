# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Pages of lists as dicts: by msgspec where it is installed, which makes nothing of fields that nobody reads.

The shapes say which fields are read. They are the ones of objects.py; what is not in a shape is missing from the dicts
that msgspec makes, and there in those of the standard library. Whatever msgspec does not like is left to the standard
library, so that both give the same result for every answer. Of rows and endpoints there is one for each pod, so msgspec
makes smaller objects of them; ``rows_of`` and ``unready_of`` read both kinds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypedDict, TypeVar, get_type_hints

try:
    msgspec: Any = import_module("msgspec")
except ImportError:
    # Nothing but time is lost.
    msgspec = None

# While msgspec makes one decoder, another thread would take shapes that are half made, and end the interpreter.
_MAKING = threading.Lock()
S = TypeVar("S", bound=type)


def _compact(shape: S) -> S:
    """The shape as one that msgspec fills in half the time of a dict, where there is msgspec; None is what is missing.

    Nothing in them has cycles, so the collector is not told of them.
    """
    if msgspec is None:
        return shape
    fields = [(name, kind, None) for name, kind in get_type_hints(shape).items()]
    made: S = msgspec.defstruct(shape.__name__, fields, gc=False)
    return made


class Owner(TypedDict, total=False):
    """An entry of metadata.ownerReferences."""

    kind: Any
    name: Any
    controller: Any


class Metadata(TypedDict, total=False):
    """An object's metadata without managedFields, which are half of it."""

    name: Any
    namespace: Any
    uid: Any
    generation: Any
    labels: dict[str, Any] | None
    annotations: dict[str, Any] | None
    creationTimestamp: Any
    deletionTimestamp: Any
    deletionGracePeriodSeconds: Any
    ownerReferences: list[Owner] | None
    finalizers: Any


ListMetadata = TypedDict("ListMetadata", {"continue": Any, "resourceVersion": Any}, total=False)


class Condition(TypedDict, total=False):
    """An entry of status.conditions."""

    type: Any
    status: Any
    reason: Any
    message: Any
    lastTransitionTime: Any


class NodeSpec(TypedDict, total=False):
    """A node's spec."""

    unschedulable: Any
    providerID: Any
    taints: Any


class NodeInfo(TypedDict, total=False):
    """A node's status.nodeInfo."""

    machineID: Any
    bootID: Any
    kubeletVersion: Any


class NodeStatus(TypedDict, total=False):
    """A node's status without its images."""

    addresses: Any
    nodeInfo: NodeInfo | None
    capacity: Any
    allocatable: Any
    conditions: list[Condition] | None


class Node(TypedDict, total=False):
    """A Node."""

    metadata: Metadata
    spec: NodeSpec | None
    status: NodeStatus | None


class Nodes(TypedDict, total=False):
    """A page of Nodes."""

    metadata: ListMetadata | None
    items: list[Node] | None


class LeaseSpec(TypedDict, total=False):
    """A Lease's spec."""

    renewTime: Any
    leaseDurationSeconds: Any
    holderIdentity: Any


class Name(TypedDict, total=False):
    """A name, where no other metadata matter."""

    name: Any


class Lease(TypedDict, total=False):
    """A Lease."""

    metadata: Name
    spec: LeaseSpec | None


class Leases(TypedDict, total=False):
    """A page of Leases."""

    metadata: ListMetadata | None
    items: list[Lease] | None


class PodSpec(TypedDict, total=False):
    """A pod's spec without its containers."""

    nodeName: Any
    readinessGates: Any


class PodStatus(TypedDict, total=False):
    """A pod's status."""

    phase: Any
    reason: Any
    message: Any
    conditions: list[Condition] | None
    containerStatuses: Any
    initContainerStatuses: Any


class Pod(TypedDict, total=False):
    """A Pod."""

    metadata: Metadata
    spec: PodSpec | None
    status: PodStatus | None


class Pods(TypedDict, total=False):
    """A page of Pods."""

    metadata: ListMetadata | None
    items: list[Pod] | None


class Column(TypedDict, total=False):
    """A column of a table."""

    name: Any


@_compact
class Row(TypedDict, total=False):
    """A row of a table. The conditions are there for pods that have ended."""

    cells: list[Any]
    conditions: Any


class Table(TypedDict, total=False):
    """A page of a table; ``items`` where the server gives none and answers with a plain list."""

    kind: Any
    metadata: ListMetadata | None
    columnDefinitions: list[Column] | None
    rows: list[Row] | None
    items: list[Pod] | None


class SliceMetadata(TypedDict, total=False):
    """An EndpointSlice's metadata."""

    namespace: Any
    labels: dict[str, Any] | None
    annotations: dict[str, Any] | None


@_compact
class EndpointConditions(TypedDict, total=False):
    """An endpoint's conditions."""

    ready: Any


@_compact
class EndpointTarget(TypedDict, total=False):
    """What an endpoint leads to."""

    kind: Any
    name: Any


@_compact
class Endpoint(TypedDict, total=False):
    """An endpoint."""

    conditions: EndpointConditions | None
    targetRef: EndpointTarget | None


class EndpointSlice(TypedDict, total=False):
    """An EndpointSlice."""

    metadata: SliceMetadata
    addressType: Any
    endpoints: list[Endpoint] | None


class EndpointSlices(TypedDict, total=False):
    """A page of EndpointSlices."""

    metadata: ListMetadata | None
    items: list[EndpointSlice] | None


class EventSeries(TypedDict, total=False):
    """An event's series."""

    count: Any
    lastObservedTime: Any


class EventMetadata(TypedDict, total=False):
    """An event's metadata."""

    namespace: Any
    creationTimestamp: Any


class Target(TypedDict, total=False):
    """What an event is about."""

    kind: Any
    namespace: Any
    name: Any
    uid: Any


class Event(TypedDict, total=False):
    """An Event."""

    metadata: EventMetadata | None
    involvedObject: Target | None
    reason: Any
    message: Any
    lastTimestamp: Any
    eventTime: Any
    count: Any
    series: EventSeries | None


class Events(TypedDict, total=False):
    """A page of Events."""

    metadata: ListMetadata | None
    items: list[Event] | None


def decode(shape: Any, data: Any) -> Any:
    """What bytes, or a memoryview of some, say, as far as the shape reaches.

    :raises ValueError: when they are not JSON.
    """
    if msgspec is not None:
        try:
            with _MAKING:
                decoder = _decoder(shape)
            return decoder.decode(data)
        except msgspec.MsgspecError:
            pass
    return json.loads(str(data, "utf-8"))


def rows_of(page: Any) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """The cells of each row of a table's page that has no conditions; the cells and conditions of the others."""
    rows = page.get("rows") or ()
    if _are_dicts(rows):
        plain = [row["cells"] for row in rows if not row.get("conditions")]
        return plain, [(row["cells"], row["conditions"]) for row in rows if row.get("conditions")]
    plain = [row.cells for row in rows if not row.conditions]
    return plain, [(row.cells, row.conditions) for row in rows if row.conditions]


def unready_of(endpoints: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The kind and the name of what each endpoint leads to that says it is not ready."""
    if _are_dicts(endpoints):
        found = [e for e in endpoints if (conditions := e.get("conditions")) and conditions.get("ready") is False]
        return [(target.get("kind"), target.get("name")) for e in found for target in (e.get("targetRef") or {},)]
    targets = [e.targetRef for e in endpoints if (conditions := e.conditions) and conditions.ready is False]
    return [(None, None) if target is None else (target.kind, target.name) for target in targets]


def _are_dicts(entries: Sequence[Any]) -> bool:
    # The decoder of a page has made all of them.
    return bool(entries) and isinstance(entries[0], dict)


@cache
def _decoder(shape: Any) -> Any:
    return msgspec.json.Decoder(shape)
