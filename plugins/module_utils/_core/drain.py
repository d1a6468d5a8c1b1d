# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What becomes of the pods of a node that is drained, and whose a cordon is.

The rules are those of ``kubectl drain``, in the order of its filters, with two differences: a pod that has finished
is left alone, because nothing of it runs, and a pod that tolerates the cordon and has come back is not evicted again
and again. Pods are told apart by their UIDs: one of a StatefulSet has the same name wherever it runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    format_time,
    parse_time,
)

MIRROR = "kubernetes.io/config.mirror"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
FINISHED = ("Succeeded", "Failed")
# Says that a cordon is ours. The manager is who the API server notes as the owner of the fields that we set.
CORDONED = "selfheal.kubernetes/cordoned"
MANAGER = "selfheal-drain"
# Pods that are named in one line, and in one list of a result.
NAMED_IN_A_LINE = 5
NAMED = 50


class Fate(Enum):
    """What a drain does about a pod."""

    EVICT = "evict"
    WAIT = "wait"
    SKIP = "skip"
    BLOCK = "block"


@dataclass(frozen=True)
class Allowed:
    """What may be lost: data in emptyDir volumes, and pods that nothing makes again."""

    emptydir_data: bool = False
    bare_pods: bool = False


@dataclass(frozen=True)
class NodePod:
    """The part of a pod that a drain reads. ``controller`` is Kind/name; ``deleted`` is when it is to be gone."""

    namespace: str
    name: str
    uid: str
    phase: str = "Running"
    controller: str = ""
    controller_uid: str = ""
    mirror: bool = False
    deleting: bool = False
    deleted: datetime | None = None
    grace: int = 0
    empty_dirs: tuple[str, ...] = ()
    finalizers: tuple[str, ...] = ()
    tolerates_cordon: bool = False

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """The pod as modules return it."""
        return {"namespace": self.namespace, "name": self.name, "uid": self.uid}

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> NodePod:
        """Read a Pod object as the API gives it.

        :raises ValueError: when it does not say which pod it is. It could be evicted in another one's place.
        """
        metadata = item.get("metadata") or {}
        spec = item.get("spec") or {}
        status = item.get("status") or {}
        uid = metadata.get("uid")
        if not isinstance(uid, str) or not uid:
            raise ValueError(f"pod {metadata.get('namespace')}/{metadata.get('name')} has no UID")
        owner: Mapping[str, Any] = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), {})
        return cls(
            namespace=check_name("namespace", metadata.get("namespace")),
            name=check_name("pod name", metadata.get("name")),
            uid=uid,
            phase=str(status.get("phase") or ""),
            controller=f"{owner.get('kind')}/{owner.get('name')}" if owner else "",
            controller_uid=str(owner.get("uid") or ""),
            # Older kubelets do not name the node as the controller of their static pods, others drop the annotation.
            mirror=MIRROR in (metadata.get("annotations") or {}) or owner.get("kind") == "Node",
            deleting=bool(metadata.get("deletionTimestamp")),
            deleted=parse_time(metadata.get("deletionTimestamp")),
            grace=int(metadata.get("deletionGracePeriodSeconds") or 0),
            empty_dirs=tuple(
                str(v.get("name") or "") for v in spec.get("volumes") or () if v.get("emptyDir") is not None
            ),
            finalizers=tuple(map(str, metadata.get("finalizers") or ())),
            tolerates_cordon=any(map(_tolerates_cordon, spec.get("tolerations") or ())),
        )


def _tolerates_cordon(toleration: Mapping[str, Any]) -> bool:
    exists = toleration.get("operator") == "Exists"
    key = toleration.get("key") or ""
    matches = key == UNSCHEDULABLE and (exists or not toleration.get("value"))
    return (matches or (exists and not key)) and (toleration.get("effect") or "NoSchedule") == "NoSchedule"


def fate_of(pod: NodePod, allowed: Allowed) -> tuple[Fate, str]:
    """What is to be done about a pod, and why unless it is evicted."""
    if pod.controller.startswith("DaemonSet/"):
        return Fate.SKIP, "of a DaemonSet"
    if pod.mirror:
        return Fate.SKIP, "a static pod"
    if pod.deleting:
        return Fate.WAIT, "terminating"
    if pod.phase in FINISHED:
        return Fate.SKIP, "finished"
    reasons = []
    if pod.empty_dirs and not allowed.emptydir_data:
        reasons.append(f"its data in emptyDir {', '.join(pod.empty_dirs[:3])} would be lost")
    if not pod.controller and not allowed.bare_pods:
        reasons.append("no controller would make it again")
    return (Fate.BLOCK, " and ".join(reasons)) if reasons else (Fate.EVICT, "")


@dataclass(frozen=True)
class Sorted:
    """The pods of a node by what is to be done about them, each list in the order of the names."""

    evict: tuple[NodePod, ...] = ()
    wait: tuple[NodePod, ...] = ()
    skip: tuple[tuple[NodePod, str], ...] = ()
    block: tuple[tuple[NodePod, str], ...] = ()

    @property
    def left(self) -> tuple[NodePod, ...]:
        """Those that the node is not empty without."""
        return (*self.evict, *self.wait)


@dataclass
class Progress:
    """What a drain has done so far, by the pods' UIDs.

    ``asked`` are those whose eviction was tried and not refused, which is all that is known when a reply was lost.
    """

    first: frozenset[str] | None = None
    accepted: dict[str, NodePod] = field(default_factory=dict)
    asked: dict[str, NodePod] = field(default_factory=dict)
    _controllers: set[str] = field(default_factory=set)

    def accept(self, pod: NodePod) -> None:
        """The API server has taken the eviction of a pod."""
        self.asked.pop(pod.uid, None)
        self.accepted[pod.uid] = pod
        if pod.controller_uid:
            self._controllers.add(pod.controller_uid)

    def look(self, pods: Iterable[NodePod], allowed: Allowed) -> Sorted:
        """Sort what is on the node now, and note whose eviction was done although its reply was lost."""
        now = {pod.uid: pod for pod in pods}
        if self.first is None:
            self.first = frozenset(now)
        for uid, pod in list(self.asked.items()):
            if uid not in now or now[uid].deleting:
                self.accept(pod)
        sets: dict[Fate, list[tuple[NodePod, str]]] = {fate: [] for fate in Fate}
        for pod in sorted(now.values(), key=lambda p: (p.namespace, p.name, p.uid)):
            fate, why = fate_of(pod, allowed)
            if fate in (Fate.EVICT, Fate.BLOCK) and self._came_back(pod):
                fate, why = Fate.SKIP, "has come back, it tolerates the cordon"
            sets[fate].append((pod, why))
        evict, wait = ([pod for pod, _why in sets[fate]] for fate in (Fate.EVICT, Fate.WAIT))
        return Sorted(tuple(evict), tuple(wait), tuple(sets[Fate.SKIP]), tuple(sets[Fate.BLOCK]))

    def _came_back(self, pod: NodePod) -> bool:
        arrived = self.first is not None and pod.uid not in self.first
        return arrived and pod.tolerates_cordon and pod.controller_uid in self._controllers


# --- the API server's word on an eviction


class Word(Enum):
    """How the API server has answered an eviction."""

    ACCEPTED = "accepted"
    LOOK_AGAIN = "look again"
    BUDGET = "budget"
    BUSY = "busy"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class EvictionAnswer:
    """An answer, with the name of the PodDisruptionBudget that has refused, and when to ask again at the earliest."""

    word: Word
    message: str = ""
    budget: str = ""
    retry_after: float = 0.0


_BUDGET = re.compile(r"disruption budget (\S+) ")
_NO_RIGHT = re.compile(r'cannot create resource "pods/eviction"')


def read_answer(status: int, body: Any, retry_after: float = 0.0) -> EvictionAnswer:
    """What an answer to an eviction means.

    Only a missing right is final. What a webhook, a terminating namespace or a second PodDisruptionBudget refuses may
    be allowed in a minute, and stands in the report if it is not.
    """
    body = body if isinstance(body, Mapping) else {}
    message = str(body.get("message") or f"HTTP {status}")
    if status in (200, 201):
        return EvictionAnswer(Word.ACCEPTED)
    if status in (404, 409):
        # It is gone, or another one has its name now: the next look tells.
        return EvictionAnswer(Word.LOOK_AGAIN, message)
    if status == 401 or (status == 403 and _NO_RIGHT.search(message)):
        return EvictionAnswer(Word.FORBIDDEN, message)
    if status == 429:
        details = body.get("details")
        causes = (details.get("causes") if isinstance(details, Mapping) else None) or ()
        said = [str(c.get("message") or "") for c in causes if c.get("reason") == "DisruptionBudget"]
        if said:
            found = _BUDGET.search(said[0])
            return EvictionAnswer(Word.BUDGET, said[0], _name(found[1]) if found else "", retry_after)
        return EvictionAnswer(Word.BUSY, message, retry_after=retry_after)
    return EvictionAnswer(Word.REFUSED, message, retry_after=retry_after)


def _name(text: str) -> str:
    try:
        return check_name("PodDisruptionBudget", text)
    except InvalidName:
        return ""


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget with its numbers, None where they could not be read."""

    namespace: str
    name: str
    allowed: int | None = None
    healthy: int | None = None
    desired: int | None = None
    expected: int | None = None

    def __str__(self) -> str:
        if self.healthy is None:
            return f"PodDisruptionBudget {self.name}"
        return (
            f"PodDisruptionBudget {self.name}: {self.healthy} of {self.expected} pods are healthy, {self.desired} must"
            f" be, {self.allowed} may be disrupted"
        )

    def to_dict(self) -> dict[str, Any]:
        """The budget as modules return it."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "disruptions_allowed": self.allowed,
            "current_healthy": self.healthy,
            "desired_healthy": self.desired,
            "expected_pods": self.expected,
        }

    @classmethod
    def from_api(cls, namespace: str, name: str, item: Mapping[str, Any]) -> Budget:
        """Read a PodDisruptionBudget as the API gives it."""
        status = item.get("status") or {}
        numbers = [status.get(k) for k in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")]
        # The API server leaves out what is 0 in no status that the controller has written.
        return cls(namespace, name, *(int(n) if isinstance(n, int) else 0 for n in numbers))


def why_left(pod: NodePod, answer: EvictionAnswer | None, budgets: Mapping[tuple[str, str], Budget]) -> str:
    """Why a pod is still there, for people."""
    if pod.deleting:
        holds = f", held by finalizer {', '.join(pod.finalizers[:3])}" if pod.finalizers else ""
        return f"terminating, due to be gone at {format_time(pod.deleted)} (grace {pod.grace} s){holds}"
    if answer is None:
        return "not evicted yet"
    if answer.budget:
        known = budgets.get((pod.namespace, answer.budget))
        if known is not None and known.healthy is not None:
            return str(known)
    return answer.message or "its eviction was accepted, and it is not terminating"


def in_a_line(pods: Iterable[tuple[NodePod, str]]) -> str:
    """Some pods with their reasons, and how many more there are."""
    named = [f"{pod} ({why})" if why else str(pod) for pod, why in pods]
    more = len(named) - NAMED_IN_A_LINE
    return "; ".join(named[:NAMED_IN_A_LINE]) + (f"; and {more} more" if more > 0 else "")


# --- whose a cordon is


@dataclass(frozen=True)
class Mark:
    """What the annotation on a cordon of ours says: who has set it, for which incident, when, and on which node."""

    by: str
    incident: str
    at: str
    node_uid: str

    def to_text(self) -> str:
        """The annotation's value."""
        return json.dumps({"by": self.by, "incident": self.incident, "at": self.at, "node": self.node_uid})

    def to_dict(self) -> dict[str, Any]:
        """The mark as modules return it."""
        return {"by": self.by, "incident": self.incident, "at": self.at}


def read_mark(text: Any, node_uid: str) -> Mark | None:
    """The mark in an annotation's value; None unless it is one, of this node and not of one that had its name."""
    fields = texts_of(text, "by", "incident", "at", "node")
    if fields is None or fields["node"] != node_uid or parse_time(fields["at"]) is None:
        return None
    return Mark(fields["by"], fields["incident"], fields["at"], fields["node"])


def texts_of(text: Any, *names: str) -> dict[str, str] | None:
    """These fields of an annotation that we have written as JSON; None unless each of them is a text."""
    try:
        found = json.loads(text) if isinstance(text, str) and len(text) <= 4096 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in names):
        return None
    return {name: found[name] for name in names}


class Cordon(Enum):
    """Whose cordon a node has."""

    NONE = "none"
    OURS = "ours"
    OTHERS = "others"


def cordon_of(node: Mapping[str, Any]) -> Cordon:
    """Whose cordon a Node, as the API gives it, has.

    Ours is one with our mark on it where the API server notes us as the only owner of both the mark and
    ``spec.unschedulable``. One who uncordons a node takes that away from us, and whoever cordons it afterwards owns it,
    whatever annotation is still there. Where owners are not noted the cordon is not ours, so it stays.
    """
    if not (node.get("spec") or {}).get("unschedulable"):
        return Cordon.NONE
    ours = {(MANAGER, "Apply")}
    fields = (("f:spec", "f:unschedulable"), ("f:metadata", "f:annotations", f"f:{CORDONED}"))
    owned = all(owners_of(node, *path) == ours for path in fields)
    return Cordon.OURS if owned and mark_of(node) is not None else Cordon.OTHERS


def mark_of(node: Mapping[str, Any]) -> Mark | None:
    """Our mark on a Node, also when the cordon itself is gone."""
    metadata = node.get("metadata") or {}
    return read_mark((metadata.get("annotations") or {}).get(CORDONED), str(metadata.get("uid") or ""))


def owners_of(item: Mapping[str, Any], *path: str) -> set[tuple[str, str]]:
    """Who owns a field, each as manager and operation; ``path`` as in FieldsV1, such as f:spec, f:unschedulable."""
    owners = set()
    for entry in (item.get("metadata") or {}).get("managedFields") or ():
        fields: Any = entry.get("fieldsV1")
        for key in path:
            fields = fields.get(key) if isinstance(fields, Mapping) else None
        if fields is not None:
            owners.add((str(entry.get("manager") or ""), str(entry.get("operation") or "")))
    return owners
