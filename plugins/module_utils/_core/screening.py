# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Which rows of the API server's table of pods prove their pods well.

All pods are read as a table, because a row costs a small part of its pod; only pods whose rows leave a doubt are read
in full. What holds for every pod: if a check finds something in it, its row is a suspect. Anything that is not known
here makes a row a suspect, so that a newer API server costs requests and never findings.

The table does not show the Ready condition of a pod. So the checks call a pod unready only when a container is, when a
readiness gate is not met, or when its node cannot be trusted; those three the row shows, or the node does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node, Pod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

# Seconds: a container that was restarted longer ago than this has settled.
RECENT = 3600
# Seconds: ages in the table are as old as its page, which is not of the moment at which the checks count.
SLACK = 120
COLUMNS = ("Name", "Ready", "Status", "Restarts", "Node", "Readiness Gates")

_ENDED_WELL = ("Completed", "Succeeded")
_RESTARTS = re.compile(r"[0-9]+(?: \((?P<age>[0-9ydhms]+) ago\))?")
_AGE = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in "ydhms"))
_UNITS = (365 * 86400, 86400, 3600, 60, 1)


class _Proof(Enum):
    """What the cells besides the node prove."""

    NOTHING = 0
    WELL = 1
    WELL_IF_TRUSTED = 2


class MissingColumn(ValueError):
    """The table has no column of that name, so its rows prove nothing."""


@dataclass(frozen=True)
class Row:
    """One row of the table of pods. ``phase`` is Succeeded or Failed for a pod that has ended, and else empty."""

    name: str
    ready: str
    status: str
    restarts: str
    node: str
    readiness_gates: str
    phase: str = ""


@dataclass(frozen=True)
class Rules:
    """What a row is held against.

    ``trusted`` are the nodes whose pods may be believed, None when no nodes were read. A restart of a container less
    than ``recent`` seconds before ``now`` makes its row a suspect.
    """

    trusted: frozenset[str] | None
    recent: int
    now: datetime

    @classmethod
    def of(
        cls,
        nodes: Iterable[Node] | None,
        heartbeats: Mapping[str, Heartbeat] | None,
        policy: Policy,
        now: datetime,
    ) -> Rules:
        """The rules for the pods of these nodes at this moment."""
        return cls(trusted_nodes(nodes, heartbeats, now), max(policy.pod_oom_window, RECENT) + SLACK, now)


def trusted_nodes(
    nodes: Iterable[Node] | None, heartbeats: Mapping[str, Heartbeat] | None, now: datetime
) -> frozenset[str] | None:
    """The names of the nodes that are Ready with a Lease in date; None when no nodes were read.

    On any other node nobody brings the status of a pod up to date: it goes on showing what was true once.
    """
    if nodes is None:
        return None
    return frozenset(n.name for n in nodes if is_trusted(n, heartbeats, now))


def is_trusted(node: Node, heartbeats: Mapping[str, Heartbeat] | None, now: datetime) -> bool:
    """Whether the node is Ready with a Lease in date."""
    if not node.is_ready or heartbeats is None:
        return node.is_ready
    beat = heartbeats.get(node.name)
    return beat is not None and beat.alive(now)


def is_suspect(row: Row, rules: Rules) -> bool:
    """Whether the row leaves a doubt that its pod is well."""
    proof = _proof(row.ready, row.status, row.restarts, row.readiness_gates, row.phase, rules.recent)
    return _is_doubtful(proof, row.node, rules)


def is_suspect_pod(pod: Pod, rules: Rules) -> bool:
    """Whether a pod that was read in full needs a look at all; for API servers that give no table."""
    if pod.phase == "Succeeded":
        return False
    recent = timedelta(seconds=rules.recent)
    return not (
        pod.phase == "Running"
        and not pod.reason
        and pod.deleted is None
        and any(not c.init for c in pod.containers)
        and all(c.ready and (c.state == "running" or (c.init and c.exit_code == 0)) for c in pod.containers)
        and all((met := pod.condition(gate)) is not None and met.status == "True" for gate in pod.gates)
        and all(c.last_finished is None or rules.now - c.last_finished >= recent for c in pod.containers)
        and (rules.trusted is None or pod.node in rules.trusted)
    )


class Screen:
    """The same question for the many rows of one table, without making a Row of each.

    Nearly all rows differ in nothing but their names and nodes, so what the rest proves is worked out once.
    """

    def __init__(self, columns: Sequence[str], rules: Rules) -> None:
        """Find the columns that are needed.

        :param columns: the names of the table's columnDefinitions, in their order.
        :raises MissingColumn: when one of COLUMNS is not among them.
        """
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise MissingColumn(f"the table of pods has no column {', '.join(missing)}, only {', '.join(columns)}")
        self._rules = rules
        self._at = tuple(columns.index(name) for name in COLUMNS)
        self._known: dict[tuple[Any, ...], _Proof] = {}

    def row(self, cells: Sequence[Any], conditions: Iterable[Mapping[str, Any]] | None = None) -> Row:
        """The row of these cells and row conditions."""
        name, ready, status, restarts, node, gates = (str(cells[at]) for at in self._at)
        return Row(name, ready, status, restarts, node, gates, phase_of(conditions))

    def is_suspect(self, cells: Sequence[Any], conditions: Iterable[Mapping[str, Any]] | None = None) -> bool:
        """Whether the row of these cells leaves a doubt that its pod is well."""
        _name, ready, status, restarts, node, gates = self._at
        phase = phase_of(conditions) if conditions else ""
        key = (cells[ready], cells[status], cells[restarts], cells[gates], phase)
        proof = self._known.get(key)
        if proof is None:
            proof = self._known[key] = _proof(
                str(key[0]), str(key[1]), str(key[2]), str(key[3]), phase, self._rules.recent
            )
        return _is_doubtful(proof, cells[node], self._rules)


def phase_of(conditions: Iterable[Mapping[str, Any]] | None) -> str:
    """The phase that a row's conditions tell, which they do for pods that have ended; else empty."""
    return next((str(c.get("reason") or "") for c in conditions or () if c.get("type") == "Completed"), "")


def age_of(text: str) -> int | None:
    """Seconds of an age as Kubernetes prints it (5m30s, 3d4h, 2y10d), which it cuts off; None when it is no age."""
    match = _AGE.fullmatch(text)
    if not text or match is None:
        return None
    return sum(int(number) * unit for number, unit in zip(match.groups(), _UNITS, strict=True) if number)


def _proof(ready: str, status: str, restarts: str, gates: str, phase: str, recent: int) -> _Proof:
    if phase == "Succeeded":
        # Where it ran and how often it was restarted on the way has no meaning any more.
        return _Proof.WELL if status in _ENDED_WELL else _Proof.NOTHING
    # Completed without that phase is a container between two restarts, or a pod that was evicted and stopped politely.
    if phase or status != "Running" or not _complete(ready) or not _settled(restarts, recent):
        return _Proof.NOTHING
    return _Proof.WELL_IF_TRUSTED if gates == "<none>" or _complete(gates) else _Proof.NOTHING


def _is_doubtful(proof: _Proof, node: str, rules: Rules) -> bool:
    if proof is _Proof.WELL_IF_TRUSTED:
        return rules.trusted is not None and node not in rules.trusted
    return proof is _Proof.NOTHING


def _complete(cell: str) -> bool:
    done, _slash, whole = cell.partition("/")
    return done == whole and done.isascii() and done.isdecimal() and done.strip("0") != ""


def _settled(cell: str, recent: int) -> bool:
    match = _RESTARTS.fullmatch(cell)
    if match is None:
        return False
    if match["age"] is None:
        return True
    age = age_of(match["age"])
    return age is not None and age >= recent
