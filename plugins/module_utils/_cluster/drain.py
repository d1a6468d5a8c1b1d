# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Cordon a node, evict its pods in rounds until it is empty, and lift a cordon of ours.

The cordon and the mark that says whose it is are one write, so a run that is killed anywhere leaves a cordon that the
next run knows for what it is. Pods are evicted and never deleted, each by its UID.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import APPLY, Client, Raw, from_json
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    DrainBlocked,
    DrainCancelled,
    DrainTimeout,
    Forbidden,
    NodeGone,
    NotFound,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import (
    CORDONED,
    MANAGER,
    NAMED,
    Allowed,
    Budget,
    Cordon,
    EvictionAnswer,
    Mark,
    NodePod,
    Progress,
    Sorted,
    Word,
    cordon_of,
    in_a_line,
    mark_of,
    read_answer,
    why_left,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

# Seconds between two looks at what is left, and before a pod whose eviction was refused is tried again (as kubectl).
LOOK_SECONDS = 1.0
RETRY_SECONDS = 5.0
# After a cordon a scheduler that has not heard of it yet may still bind pods to the node.
SETTLE_SECONDS = 2.0
# As many as the transport keeps connections.
AT_ONCE = 16
# A kubelet and several controllers write to a node now and then; so often a write that came in between is met with
# another look.
TRIES = 5
# For what is still asked when the time is over: the budgets' numbers, and whether the cordon is ours to the end.
BUDGET_SECONDS = 5.0
BUDGETS = 20
T = TypeVar("T")


@dataclass(frozen=True)
class Actor:
    """Who acts on which node of which cluster, and under which lease. A token of None is a person without one."""

    cluster_uid: str
    node: str
    node_uid: str
    holder: str
    token: int | None = None
    lease_duration: int = 0
    incident: str = ""


class NodeHands:
    """Reads and writes one Node. Every write is preceded by a proof that cluster and lease are still the right ones."""

    def __init__(self, client: Client, actor: Actor) -> None:
        self.client = client
        self.actor = actor
        self.path = f"/api/v1/nodes/{actor.node}"

    def prove(self) -> datetime:
        """Prove that this is the cluster and that the lease is ours; the API server's clock."""
        now = identify(self.client, self.actor.cluster_uid).date
        if self.actor.token is not None:
            lease.renew(self.client, self.actor.holder, self.actor.token, self.actor.lease_duration)
        return now

    def read(self) -> dict[str, Any]:
        """The Node.

        :raises NodeGone: when it is not there, or is another one.
        """
        try:
            body = self.client.get(self.path).body
        except NotFound:
            raise NodeGone(f"node {self.actor.node} is not in this cluster") from None
        uid = (body.get("metadata") or {}).get("uid")
        if uid != self.actor.node_uid:
            raise NodeGone(f"node {self.actor.node} is another one now: its UID is {uid}, not {self.actor.node_uid}")
        return body

    def write(
        self, make: Callable[[dict[str, Any], datetime], tuple[dict[str, Any], str, str | None] | None]
    ) -> dict[str, Any] | None:
        """Change the Node as it stands; whatever came in between, ``make`` is asked again.

        :param make: makes the patch, its kind and its manager from the Node and the API server's clock; None if
            nothing is to be written.
        :returns: the Node as it was written; None if nothing was.
        """
        last: ClusterError = Conflict(f"node {self.actor.node} is written to all the time")
        for _attempt in range(TRIES):
            now = self.prove()
            node = self.read()
            made = make(node, now)
            if made is None:
                # Also after a reply that was lost: then it has been written, and the answer is what was read.
                return node if isinstance(last, Unreachable) else None
            patch, kind, manager = made
            # The two conditions make the write fail when somebody else was quicker, and when the node is another one.
            metadata = {
                **(patch.get("metadata") or {}),
                "name": self.actor.node,
                "uid": self.actor.node_uid,
                "resourceVersion": node["metadata"]["resourceVersion"],
            }
            try:
                return self.client.patch(self.path, {**patch, "metadata": metadata}, kind, manager).body
            except NotFound:
                raise NodeGone(f"node {self.actor.node} is not in this cluster any more") from None
            except (Conflict, Unreachable) as exc:
                last = exc
        raise last


def cordon_patch(mark: Mark | None) -> tuple[dict[str, Any], str, str | None]:
    """What we want of a node: cordoned with our mark, or nothing. The API server notes what is ours."""
    wanted: dict[str, Any] = {"apiVersion": "v1", "kind": "Node"}
    if mark is not None:
        wanted |= {"metadata": {"annotations": {CORDONED: mark.to_text()}}, "spec": {"unschedulable": True}}
    return wanted, APPLY, MANAGER


@dataclass
class Report:
    """What a drain has come to, for a module to return."""

    node: str
    changed: bool = False
    message: str = ""
    cordon: Cordon = Cordon.NONE
    mark: Mark | None = None
    machine: dict[str, str] = field(default_factory=dict)
    evicted: list[NodePod] = field(default_factory=list)
    remaining: list[tuple[NodePod, str]] = field(default_factory=list)
    skipped: list[tuple[NodePod, str]] = field(default_factory=list)
    budgets: list[Budget] = field(default_factory=list)
    rounds: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as modules return it; long lists are cut, and counted."""
        return {
            "cordon": {"by": self.cordon.value, "mark": None if self.mark is None else self.mark.to_dict()},
            "machine": self.machine,
            "counts": {
                "evicted": len(self.evicted),
                "remaining": len(self.remaining),
                "skipped": len(self.skipped),
            },
            "evicted": [pod.to_dict() for pod in self.evicted[:NAMED]],
            "remaining": [{**pod.to_dict(), "why": printable(why)} for pod, why in self.remaining[:NAMED]],
            "skipped": [{**pod.to_dict(), "why": why} for pod, why in self.skipped[:NAMED]],
            "budgets": [budget.to_dict() for budget in self.budgets],
            "rounds": self.rounds,
        }


class Drainer:
    """Drains one node, or only cordons it, or lifts our cordon.

    :param cancelled: set by whoever wants it to end. It ends before the next write then, and leaves the cordon.
    """

    def __init__(
        self,
        client: Client,
        actor: Actor,
        cancelled: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._actor = actor
        self._hands = NodeHands(client, actor)
        self._cancelled = cancelled or threading.Event()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._proven: float | None = None
        self._trouble: ClusterError | None = None
        self._settled = 0.0
        self._end = 0.0
        self._expected = Cordon.NONE
        self._progress = Progress()
        self._answers: dict[str, EvictionAnswer] = {}
        self._not_before: dict[str, float] = {}
        self._report = Report(actor.node)

    # --- cordon and uncordon

    def cordon(self, dry_run: bool = False) -> Report:
        """Cordon the node, unless somebody has done so already."""
        node = self._hands.read()
        if cordon_of(node) is Cordon.NONE:
            self._refuse_cancelled(node)
            if dry_run:
                return self._told(node, f"would cordon node {self._actor.node}", changed=True)
            node = self._cordon() or self._hands.read()
            if self._report.changed:
                return self._told(node, f"node {self._actor.node} is cordoned", changed=True)
        whose = "by us" if cordon_of(node) is Cordon.OURS else "by somebody else"
        return self._told(node, f"node {self._actor.node} was cordoned {whose} already", changed=False)

    def uncordon(self, dry_run: bool = False, incident: str = "") -> Report:
        """Lift our cordon. Somebody else's stays, and so does one of ours that somebody has changed since.

        :param incident: lift only what was set for this one, if any is given.
        """

        def to_tidy(seen: Mapping[str, Any]) -> bool:
            mark = mark_of(seen)
            return _to_tidy(seen) and (not incident or (mark is not None and mark.incident == incident))

        node = self._hands.read()
        if not to_tidy(node):
            if cordon_of(node) is Cordon.NONE:
                return self._told(node, f"node {self._actor.node} is not cordoned", changed=False)
            why = "its cordon is not ours, or somebody has changed it since we set it"
            return self._told(node, f"node {self._actor.node} stays cordoned: {why}", changed=False)
        if dry_run:
            return self._told(node, f"would uncordon node {self._actor.node}", changed=True)
        written = self._hands.write(lambda seen, _now: cordon_patch(None) if to_tidy(seen) else None)
        after = written or self._hands.read()
        if written is not None and to_tidy(after):
            raise StoreError(f"node {self._actor.node} is still cordoned after its cordon was lifted")
        return self._told(after, f"node {self._actor.node} is uncordoned", changed=written is not None)

    def _cordon(self) -> dict[str, Any] | None:
        """Cordon the node and note whose cordon it has from now on; the Node if it was written."""

        def make(node: dict[str, Any], now: datetime) -> tuple[dict[str, Any], str, str | None] | None:
            if cordon_of(node) is not Cordon.NONE:
                return None
            self._refuse_cancelled(node)
            actor = self._actor
            return cordon_patch(Mark(actor.holder, actor.incident, format_time(now) or "", actor.node_uid))

        written = self._hands.write(make)
        # After a reply that was lost somebody else may have been the one.
        if written is not None and cordon_of(written) is Cordon.OURS:
            self._report.changed = True
            self._settled = self._monotonic() + SETTLE_SECONDS
        return written

    def _refuse_cancelled(self, node: Mapping[str, Any]) -> None:
        """Do not cordon again what a person has uncordoned in the course of the same incident."""
        mark = mark_of(node)
        if mark is not None and mark.incident and mark.incident == self._actor.incident:
            raise DrainCancelled(
                f"node {self._actor.node} was cordoned for incident {mark.incident} at {mark.at}, and somebody has"
                " uncordoned it since: it is left alone"
            )

    # --- drain

    def survey(self, allowed: Allowed) -> Report:
        """What a drain would do, without doing it.

        :raises DrainBlocked: when pods stand in its way.
        """
        try:
            node = self._hands.read()
            if cordon_of(node) is Cordon.NONE:
                self._refuse_cancelled(node)
            seen = self._look(allowed)
            self._report.skipped = list(seen.skip)
            self._stop_if_blocked(seen)
        except ClusterError as exc:
            self._tell(exc)
            raise
        self._report.evicted = list(seen.evict)
        self._report.remaining = [(pod, why_left(pod, None, {})) for pod in seen.wait]
        verb = f"would evict {_pods(seen.evict)}" if seen.evict else "would evict nothing"
        waits = f", and wait for {_pods(seen.wait)} to be gone" if seen.wait else ""
        changed = bool(seen.evict) or cordon_of(node) is Cordon.NONE
        return self._told(node, f"node {self._actor.node}: {verb}{waits}", changed=changed)

    def drain(self, allowed: Allowed, deadline: float, grace: int | None = None) -> Report:
        """Cordon the node and evict what is on it, round after round, until it is gone.

        :param grace: seconds for each pod to end in, None for its own.
        :raises DrainBlocked: when pods stand in the way that may not be evicted. Nothing was done if they were there
            from the beginning.
        :raises DrainTimeout: when pods are left at the deadline.
        :raises DrainCancelled: when a person has lifted the cordon, or the run is being stopped.
        :raises LeaseLost: when the lease is not ours any more.
        """
        end = self._end = self._monotonic() + deadline
        try:
            self._hands.prove()
            node = self._hands.read()
            if cordon_of(node) is Cordon.NONE:
                self._refuse_cancelled(node)
            # Whoever cannot be drained is not cordoned either.
            self._stop_if_blocked(Progress().look(self._pods(end), allowed))
            self._stop_if_cancelled()
            node = self._cordon() or self._hands.read()
            self._expected = cordon_of(node)
            if self._expected is Cordon.NONE:
                raise DrainCancelled(f"node {self._actor.node} was uncordoned by somebody before it was drained")
            self._rounds(allowed, end, deadline, grace)
            # Whether it is still ours is asked once more, after the last look at the pods.
            self._sure(BUDGET_SECONDS)
            node = self._hands.read()
        except ClusterError as exc:
            self._tell(exc)
            raise
        report = self._report
        done = f"{_pods(report.evicted)} evicted" if report.evicted else "nothing was left to evict"
        return self._told(node, f"node {self._actor.node} is drained: {done}", changed=report.changed)

    def _rounds(self, allowed: Allowed, end: float, deadline: float, grace: int | None) -> None:
        unseen = ""
        seen: Sorted | None = None
        while True:
            try:
                self._sure()
                seen = self._look(allowed, end)
                unseen = ""
            except Unreachable as exc:
                # An API server that is away for a moment says nothing about the pods; for longer, the lease is gone.
                unseen = str(exc)
            else:
                self._report.skipped = list(seen.skip)
                self._stop_if_blocked(seen)
                if not seen.left and self._monotonic() >= self._settled:
                    self._report.remaining = []
                    return
                now = self._monotonic()
                due = [pod for pod in seen.evict if self._not_before.get(pod.uid, now) <= now]
                if due and now < end:
                    self._report.rounds += 1
                    self._evict(due, end, grace)
            if self._monotonic() + LOOK_SECONDS >= end:
                raise self._late(seen, unseen, deadline)
            if self._cancelled.wait(LOOK_SECONDS):
                self._stop_if_cancelled()

    def _evict(self, pods: Iterable[NodePod], end: float, grace: int | None) -> None:
        """Evict all of these, none of them waiting for another one to be gone.

        :raises ClusterError: what concerns them all, once every eviction that was begun has its answer.
        """
        pods = list(pods)
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(pods))) as workers:
            answers = list(workers.map(lambda pod: self._evict_one(pod, end, grace), pods))
        for pod, answer in zip(pods, answers, strict=True):
            if answer is None:
                continue
            self._answers[pod.uid] = answer
            wait = max(RETRY_SECONDS, answer.retry_after)
            self._not_before[pod.uid] = self._monotonic() + wait
            if answer.word is Word.ACCEPTED:
                self._progress.accept(pod)
        self._count()
        if self._trouble is not None:
            raise self._trouble

    def _evict_one(self, pod: NodePod, end: float, grace: int | None) -> EvictionAnswer | None:
        """Ask for one eviction; None if it was not even asked for. Raises nothing, since others are under way."""
        try:
            self._sure()
            self._stop_if_cancelled()
        except ClusterError as exc:
            if not isinstance(exc, Unreachable):
                self._trouble = self._trouble or exc
            return None
        left = end - self._monotonic()
        if left <= 0:
            return None
        path, body = eviction_of(pod, **({} if grace is None else {"gracePeriodSeconds": grace}))
        try:
            answer = answer_of(self._client.once("POST", path, None, body, left))
        except Unreachable as exc:
            # It may have been done all the same. A second request is only for this very pod, so it does no harm.
            self._progress.asked[pod.uid] = pod
            return EvictionAnswer(Word.LOOK_AGAIN, str(exc))
        except ClusterError as exc:
            self._trouble = self._trouble or exc
            return None
        if answer.word is Word.FORBIDDEN:
            self._trouble = self._trouble or Forbidden(f"pod {pod} may not be evicted: {answer.message}")
        return answer

    def _sure(self, after_the_end: float = 0.0) -> None:
        """Make sure that we may go on, from now on: the cluster, the lease, and the cordon.

        Threads that ask while another one asks share the next proof, which begins after all of them have asked; so each
        has one of its own, and many cost little. What stops one of them stops them all.
        """
        asked = self._monotonic()
        with self._lock:
            if self._trouble is not None:
                raise self._trouble
            if self._proven is not None and self._proven >= asked:
                return
            begun = self._monotonic()
            left = self._end + after_the_end - begun
            if left <= 0:
                raise Unreachable("the time is over")
            hands = NodeHands(self._client.within(left), self._actor)
            try:
                hands.prove()
                self._check_cordon(hands)
            except Unreachable:
                raise
            except ClusterError as exc:
                self._trouble = exc
                raise
            self._proven = begun

    def _check_cordon(self, hands: NodeHands) -> None:
        found = cordon_of(hands.read())
        if found is self._expected:
            return
        what = "uncordoned it" if found is Cordon.NONE else "changed its cordon, which is not ours any more"
        raise DrainCancelled(f"the drain of node {self._actor.node} is cancelled: somebody has {what}")

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise DrainCancelled(
                f"the drain of node {self._actor.node} was stopped by a signal; what it has done stays, and the next"
                " run goes on from there"
            )

    def _stop_if_blocked(self, seen: Sorted) -> None:
        if seen.block:
            self._report.remaining = [*seen.block, *((pod, why_left(pod, None, {})) for pod in seen.left)]
            done = "nothing was done" if not self._report.changed else "the node stays cordoned"
            raise DrainBlocked(f"node {self._actor.node} cannot be drained, {done}: {in_a_line(seen.block)}")

    def _late(self, seen: Sorted | None, unseen: str, deadline: float) -> ClusterError:
        """The error of a drain that did not end in time, with what is known of each pod that is left."""
        left = () if seen is None else seen.left
        budgets = self._budgets(left)
        self._report.budgets = list(budgets.values())
        named = [(pod, why_left(pod, self._answers.get(pod.uid), budgets)) for pod in left]
        self._report.remaining = named
        words = f"node {self._actor.node} is not drained after {deadline:.0f} s"
        if unseen:
            words += f", the API server does not answer: {unseen}"
        elif not left:
            return DrainTimeout(f"{words}: it is empty, and was cordoned too short a time ago for that to be the end")
        counted = f"{_pods(left)} left, {len(self._progress.accepted)} evicted" if left else "nothing was seen"
        return DrainTimeout(f"{words}: {counted}: {in_a_line(named)}".rstrip(": "))

    def _budgets(self, left: Iterable[NodePod]) -> dict[tuple[str, str], Budget]:
        """The PodDisruptionBudgets that have refused what is left, with their numbers where they can be read."""
        names: dict[tuple[str, str], None] = {}
        for pod in left:
            answer = self._answers.get(pod.uid)
            if answer is not None and answer.budget and not pod.deleting:
                names[(pod.namespace, answer.budget)] = None
        found = {}
        end = self._monotonic() + BUDGET_SECONDS
        for namespace, name in list(names)[:BUDGETS]:
            budget = Budget(namespace, name)
            try:
                if self._monotonic() < end:
                    client = self._client.within(end - self._monotonic())
                    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{name}"
                    budget = Budget.from_api(namespace, name, client.get(path).body)
            except ClusterError:
                # The API server's own words, which have two of the numbers, are told then.
                pass
            found[(namespace, name)] = budget
        return found

    def _look(self, allowed: Allowed, end: float | None = None) -> Sorted:
        seen = self._progress.look(self._pods(end), allowed)
        self._count()
        return seen

    def _count(self) -> None:
        """Report what was evicted, also what only a look has shown, after a reply that was lost."""
        self._report.evicted = list(self._progress.accepted.values())
        self._report.changed = self._report.changed or bool(self._report.evicted)

    def _pods(self, end: float | None) -> list[NodePod]:
        client = self._client if end is None else self._client.within(end - self._monotonic())
        return pods_of(client, self._actor.node, lambda items: list(map(NodePod.from_api, items)))

    def _told(self, node: Mapping[str, Any], message: str, changed: bool) -> Report:
        self._report.cordon, self._report.mark = cordon_of(node), mark_of(node)
        self._report.message, self._report.changed = message, changed
        self._report.machine = {
            "provider_id": str((node.get("spec") or {}).get("providerID") or ""),
            "system_uuid": str(((node.get("status") or {}).get("nodeInfo") or {}).get("systemUUID") or ""),
        }
        return self._report

    def _tell(self, exc: ClusterError) -> None:
        """Let what has ended the drain tell what had been done until then."""
        try:
            node = self._client.within(BUDGET_SECONDS).get(self._hands.path).body
            self._report.cordon, self._report.mark = cordon_of(node), mark_of(node)
        except ClusterError:
            pass
        exc.details = {**self._report.to_dict(), "changed": self._report.changed}


def _to_tidy(node: Mapping[str, Any]) -> bool:
    """Whether there is something of ours to take away: our cordon, or our mark where somebody has lifted it."""
    cordon = cordon_of(node)
    return cordon is Cordon.OURS or (cordon is Cordon.NONE and mark_of(node) is not None)


def _pods(pods: Iterable[NodePod]) -> str:
    count = len(list(pods))
    return f"{count} pod{'' if count == 1 else 's'}"


def pods_of(client: Client, node: str, read: Callable[[Iterable[dict[str, Any]]], T]) -> T:
    """What ``read`` makes of the pods of a node, as the API gives them.

    :raises StoreError: when it can make nothing of them.
    """
    try:
        return read(client.items("/api/v1/pods", {"fieldSelector": f"spec.nodeName={node}"}))
    except (AttributeError, TypeError, ValueError) as exc:
        raise StoreError(f"the pods of node {node} cannot be read: {exc}") from None


def eviction_of(pod: NodePod, **options: Any) -> tuple[str, dict[str, Any]]:
    """The path and the body of a request to evict this very pod and no other that has its name by then."""
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction", {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": pod.uid},
            **options,
        },
    }


def answer_of(raw: Raw) -> EvictionAnswer:
    """What the API server has said to such a request."""
    try:
        body = from_json(raw.data)
    except ValueError:
        # Such as the API server's own words when it is too busy.
        body = {}
    try:
        retry_after = max(0.0, float(raw.headers.get("Retry-After") or 0))
    except ValueError:
        retry_after = 0.0
    return read_answer(raw.status, body, retry_after)
