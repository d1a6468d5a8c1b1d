# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeDaemonSets: the DaemonSets that a node cannot do without have a ready pod on each node.

It speaks of each DaemonSet as a whole, and of each of its pods that is not ready, with the node that is without it.
Pods of a node that is not Ready, or silent, are that node's trouble: they count in the DaemonSet's numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import (
    PATIENT,
    State,
    evidence,
    is_young,
    known,
    lasted,
    pods_by_state,
    since_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.node_never_joined import joining
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import DaemonSet, Node, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import is_trusted

NOT_READY = "DaemonSetNotReady"
NODES_NOT_READY = "DaemonSetOnUnreadyNodes"
NOT_UPDATED = "DaemonSetNotUpdated"
NOT_OBSERVED = "DaemonSetNotObserved"
POD_NOT_READY = "NodePodNotReady"
SHOWN = 5


@dataclass(frozen=True)
class _Absent:
    """A pod of such a DaemonSet that is not ready; ``young`` while it, or its node, may just be starting or going."""

    pod: Pod
    state: State
    since: datetime | None
    young: bool

    @property
    def by_node(self) -> bool:
        """Whether it is its node's trouble."""
        return self.state is State.UNTRUSTED and not self.young


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """At most one finding for each DaemonSet that carries the node, and one for each of its pods that is not ready."""
    if snapshot.daemonsets is None:
        return
    absent: dict[tuple[str, str], list[_Absent]] = {}
    for one in _absent(snapshot, policy):
        absent.setdefault((one.pod.namespace, one.pod.owner), []).append(one)
    for daemonset in snapshot.daemonsets:
        if daemonset.name not in policy.node_daemonsets:
            continue
        own = absent.get((daemonset.namespace, f"DaemonSet/{daemonset.name}"), [])
        yield from _of_daemonset(snapshot, policy, daemonset, own)
        for one in own:
            if one.by_node or one.young:
                continue
            yield CHECK.finding(
                policy,
                one.pod.ref,
                POD_NOT_READY,
                f"node {one.pod.node or '(none yet)'} is without {daemonset.name}: {one.state.value},"
                f" {lasted(one.since, snapshot.observed_at)}",
                one.since,
                verdict=Verdict.UNKNOWN if one.since is None and one.state in PATIENT else Verdict.UNHEALTHY,
                place=one.pod.node,
                evidence=evidence(one.pod),
            )


def _absent(snapshot: Snapshot, policy: Policy) -> Iterator[_Absent]:
    now = snapshot.observed_at
    owners = {f"DaemonSet/{name}" for name in policy.node_daemonsets}
    for pod, state in pods_by_state(snapshot):
        if pod.owner not in owners or state in (State.WELL, State.ENDED):
            continue
        since = known(since_of(pod, state), now)
        if state is State.TERMINATING:
            # It may take as long as its grace period says, which the moment of its deletion includes.
            young = not CHECK.lasting(pod.deleted, now, policy)
        elif state is State.UNTRUSTED:
            node = snapshot.node(pod.node)
            young = node is not None and joining(node, snapshot, policy)
        else:
            young = state in PATIENT and is_young(CHECK, policy, since, pod, now)
        yield _Absent(pod, state, since, young)


def _of_daemonset(
    snapshot: Snapshot, policy: Policy, daemonset: DaemonSet, own: Sequence[_Absent]
) -> Iterator[Finding]:
    late = [one for one in own if not one.by_node and not one.young]
    lost = [one for one in own if one.by_node]
    lacks = daemonset.ready < daemonset.desired
    reading = _reading(daemonset, own, *(_excused(snapshot, policy, own) if lacks else (0, 0)))
    if reading is None:
        return
    reason, message, severity = reading
    # The status has no times, so the trouble is as old as that of the pods that make it up.
    behind = {NOT_READY: late, NODES_NOT_READY: lost}.get(reason, [])
    yield CHECK.finding(
        policy,
        daemonset.ref,
        reason,
        message,
        min((one.since for one in behind if one.since is not None), default=None),
        verdict=Verdict.UNKNOWN if reason == NOT_OBSERVED else Verdict.UNHEALTHY,
        severity=severity,
        evidence={
            "desired": daemonset.desired,
            "updated": daemonset.updated,
            "ready": daemonset.ready,
            "generation": daemonset.generation,
            "observed_generation": daemonset.observed_generation,
            "nodes": _nodes(late)[:SHOWN],
            "unready_nodes": _nodes(lost)[:SHOWN],
        },
    )


def _reading(
    daemonset: DaemonSet, own: Sequence[_Absent], lost: int, young: int
) -> tuple[str, str, Severity | None] | None:
    count = f"{daemonset.ready} of {daemonset.desired} pods are ready"
    lacking = daemonset.desired - daemonset.ready
    late = [one for one in own if not one.by_node and not one.young]
    if lacking > 0 and (late or lacking > lost + young):
        severity = Severity.CRITICAL if daemonset.ready <= 0 else None
        return NOT_READY, f"{count}{_shown(', not on ', _nodes(late))}", severity
    if lacking > 0 and lost:
        nodes = _nodes([one for one in own if one.by_node])
        return NODES_NOT_READY, f"{count}, the nodes of others are not{_shown(': ', nodes)}", Severity.WARNING
    if daemonset.observed_generation < daemonset.generation:
        seen = f"generation {daemonset.observed_generation} of {daemonset.generation}"
        return (
            NOT_OBSERVED,
            f"the controller-manager has seen {seen}, so the numbers are old ({count})",
            Severity.WARNING,
        )
    if not daemonset.on_delete and daemonset.updated < daemonset.desired:
        current = f"{daemonset.updated} of {daemonset.desired} pods are of the present template"
        return NOT_UPDATED, f"{current} ({count})", Severity.WARNING
    return None


def _excused(snapshot: Snapshot, policy: Policy, own: Sequence[_Absent]) -> tuple[int, int]:
    """How many pods may be missed because of their nodes, and how many because they or their nodes come and go.

    The young ones count twice, because status and pods are read one after the other and do not quite add up.
    """
    lost, young = sum(one.by_node for one in own), 2 * sum(one.young for one in own)
    # The pods of a node that has come back are called unready for a while yet, though their containers are ready.
    young += sum(_came_back(node, snapshot, policy) for node in snapshot.nodes or ())
    if snapshot.pods is not None and not snapshot.pods.left_out:
        return lost, young
    # Where not all pods were looked at, each node that cannot be trusted explains one.
    now = snapshot.observed_at
    silent = [n for n in snapshot.nodes or () if not is_trusted(n, snapshot.heartbeats, now)]
    new = sum(joining(node, snapshot, policy) for node in silent)
    return max(lost, len(silent) - new), max(young, new)


def _came_back(node: Node, snapshot: Snapshot, policy: Policy) -> bool:
    ready = node.condition("Ready")
    since = None if ready is None or ready.status != "True" else ready.last_transition
    return since is not None and not CHECK.lasting(since, snapshot.observed_at, policy)


def _nodes(absent: Iterable[_Absent]) -> list[str]:
    return sorted({one.pod.node or "(no node yet)" for one in absent})


def _shown(before: str, nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    return f"{before}{', '.join(nodes[:SHOWN])}{more}" if nodes else ""


CHECK = Check(
    name="NodeDaemonSets",
    about="The DaemonSets that a node cannot do without have a ready pod on each node.",
    parts=("daemonsets",),
    reasons={
        NOT_READY: "pods of the DaemonSet are missing or not ready, though their nodes are",
        NODES_NOT_READY: "pods of the DaemonSet are not ready because their nodes are not",
        NOT_UPDATED: "pods of the DaemonSet are of an older template (not told for OnDelete)",
        NOT_OBSERVED: "the controller-manager has not seen the DaemonSet's latest change",
        POD_NOT_READY: "a node is without a ready pod of the DaemonSet, and the node itself is Ready",
    },
    evaluate=evaluate,
    threshold=300,
    # Nothing is done about these yet: repairs of the network and of kube-proxy come with their rungs.
)
