# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of patterns share: objects in every kind of trouble, and the real checks over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    Condition,
    Event,
    Heartbeat,
    Node,
    Pod,
    Pods,
    Ref,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins import kit
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago

LEASE_SECONDS = 40
ZONE = "topology.kubernetes.io/zone"


def findings_of(seen: Snapshot, policy: Policy = Policy()) -> tuple[Finding, ...]:
    """What the checks find in the snapshot."""
    return tuple(finding for check in CHECKS for finding in check.evaluate(seen, policy))


def diagnose(
    pattern: Pattern, seen: Snapshot, incidents: Iterable[Incident] = (), policy: Policy = Policy()
) -> list[Diagnosis]:
    """What the pattern makes of what the checks find."""
    return list(pattern.evaluate(findings_of(seen, policy), seen, policy, tuple(incidents)))


def members(diagnoses: Iterable[Diagnosis]) -> list[str]:
    """The names of all members."""
    return [member.name for one in diagnoses for member in one.members]


def zoned(zone: str) -> dict[str, str]:
    """The labels of a node in that zone."""
    return {ZONE: zone} if zone else {}


def conditions(ready: Condition, pressure: Mapping[str, float] | None = None) -> tuple[Condition, ...]:
    """A Ready condition and the pressures, each True since so many seconds or else False."""
    pressure = pressure or {}
    return (
        ready,
        *(
            Condition(kind, "True", f"KubeletHas{kind}", "", ago(pressure[kind]))
            if kind in pressure
            else Condition(kind, "False", f"KubeletHasNo{kind}", "", ago(9000))
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
        ),
    )


def well(name: str, zone: str = "") -> Node:
    """A healthy node."""
    return kit.node(name, conditions=conditions(kit.ready()), labels=zoned(zone))


def fleet(count: int, zone: str = "", name: str = "well") -> list[Node]:
    """Healthy nodes."""
    return [well(f"{name}-{zone}{number:03}", zone) for number in range(count)]


def not_ready(name: str, seconds: float, zone: str = "") -> Node:
    """A node whose kubelet says that it is not ready."""
    return kit.node(name, conditions=conditions(kit.ready("False", ago(seconds))), labels=zoned(zone))


def lost(name: str, seconds: float, zone: str = "") -> Node:
    """A node that nobody hears from; controllers say so since then."""
    return kit.node(name, conditions=conditions(kit.ready("Unknown", ago(seconds))), labels=zoned(zone))


def pressed(name: str, kind: str = "MemoryPressure", seconds: float = 2000) -> Node:
    """A Ready node under pressure."""
    return kit.node(name, conditions=conditions(kit.ready(), {kind: seconds}))


def world(nodes: Iterable[Node], silent: Mapping[str, float] | None = None, **changes: object) -> Snapshot:
    """A snapshot with fresh Leases but for the silent nodes, whose Leases ran out so many seconds ago."""
    nodes, silent = tuple(nodes), silent or {}
    leases = {
        n.name: Heartbeat(ago(silent[n.name] + LEASE_SECONDS), LEASE_SECONDS, moved=False, watched=10)
        if n.name in silent
        else Heartbeat(ago(5), LEASE_SECONDS)
        for n in nodes
    }
    return kit.snapshot(nodes, **{"heartbeats": leases, **changes})


def silent(count: int, seconds: float, name: str = "silent", zone: str = "") -> tuple[list[Node], dict[str, float]]:
    """Nodes that still seem Ready, and when their Leases ran out: a second after each other."""
    nodes = [well(f"{name}-{number:03}", zone) for number in range(count)]
    return nodes, {n.name: seconds - number for number, n in enumerate(nodes)}


def endpoint(number: int, **changes: object) -> ApiEndpoint:
    """A healthy API server that was found out; the first one is the one that was given."""
    made = ApiEndpoint(f"https://10.0.0.{number}:6443", True, True, 5.0, given=number == 1)
    return replace(made, **changes)  # type: ignore[arg-type]


def pod(name: str, node: str = "", namespace: str = "shop", **changes: object) -> Pod:
    """A pod that waits for its containers since an hour, or for a node if it has none."""
    scheduled = Condition("PodScheduled", "True" if node else "False", "" if node else "Unschedulable", "", ago(3600))
    made = Pod(
        name=name,
        namespace=namespace,
        uid=f"uid-{name}",
        node=node,
        phase="Pending",
        created=ago(3600),
        owner=f"ReplicaSet/{name}",
        conditions=(scheduled,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def unplaced(name: str, said: str, **changes: object) -> Pod:
    """A pod that the scheduler finds no node for."""
    return pod(name, conditions=(Condition("PodScheduled", "False", "Unschedulable", said, ago(900)),), **changes)


def evicted(name: str, node: str, said: str, seconds: float = 60, **changes: object) -> Pod:
    """A pod that its node threw out so many seconds ago."""
    marked = Condition("DisruptionTarget", "True", "TerminationByKubelet", said, ago(seconds))
    changes = {"owner": "StatefulSet/db", **changes}
    return pod(name, node, phase="Failed", reason="Evicted", message=said, conditions=(marked,), **changes)


def event(target: Ref, reason: str, message: str, seconds: float | None = 60) -> Event:
    """A Warning event so many seconds ago."""
    return Event(target, reason, message, None if seconds is None else NOW - timedelta(seconds=seconds))


def pods(*suspects: Pod) -> Pods:
    """The part ``pods`` with these suspects."""
    return Pods(total=len(suspects), suspects=suspects)
