# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The pods, in two steps: a table of all of them, and in full those whose rows leave a doubt.

A row costs a seventieth of its pod. It tells no namespace, so the details are asked for by node and name, and a pod of
another namespace that happens to have both is kept only if it leaves a doubt itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import decode
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import JSON, Client, items_of, twice
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod, Pods
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import (
    COLUMNS,
    MissingColumn,
    Rules,
    Screen,
    is_suspect_pod,
)

PODS = "/api/v1/pods"
# A server that knows no tables answers with the plain list.
TABLE = f"application/json;as=Table;v=v1;g=meta.k8s.io,{JSON}"
ROWS = 5000
# From so many wanted pods on, the whole node costs less than one request for each.
WHOLE_NODE = 4
# So many details are worth one more request for a node that cannot be trusted; what is on the others is counted.
PODS_A_NODE = 10
# Up to here all pods without a node fit into one answer out of the API server's memory.
UNSCHEDULED_AT_ONCE = 1000
STRATA = 64
DETAIL_THREADS = 3
NO_NODE = "<none>"
OTHER = "other"


@dataclass(frozen=True)
class Suspect:
    """A row in doubt; ``pod`` is there where the server gave no table."""

    name: str
    node: str
    pod: Pod | None = None


Stratum = tuple[bool, str]
# Their rows show Running, as everybody's do whose node is believed.
_BELIEVED: Stratum = (False, "Running on a node that does not report")


@dataclass
class Screened:
    """What the table says.

    Suspects are kept by stratum: whether the pod belongs to a DaemonSet that its node cannot do without, and the row's
    status. ``counted`` has all of a stratum, ``suspects`` as many as could ever be asked for. ``unbelieved`` counts for
    each node the pods whose rows say enough by themselves; the others are well if their node can be trusted. ``well``
    has the cells that such pods have.
    """

    limit: int
    carriers: tuple[str, ...] = ()
    total: int = 0
    per_node: Counter[str] = field(default_factory=Counter)
    unbelieved: Counter[str] = field(default_factory=Counter)
    well: set[tuple[Any, ...]] = field(default_factory=set)
    counted: Counter[Stratum] = field(default_factory=Counter)
    suspects: dict[Stratum, list[Suspect]] = field(default_factory=dict)
    unscheduled: int = 0

    def add(self, suspect: Suspect, status: str) -> None:
        """Note one more suspect."""
        stratum = (suspect.name.startswith(self.carriers) if self.carriers else False, status)
        if stratum not in self.counted and len(self.counted) >= STRATA:
            stratum = (False, OTHER)
        self.counted[stratum] += 1
        self.unscheduled += not suspect.node
        kept = self.suspects.setdefault(stratum, [])
        if len(kept) < self.limit:
            kept.append(suspect)


def screen(client: Client, policy: Policy, now: datetime) -> Screened:
    """Read the table of all pods; all pods in full where the server has no such table."""
    try:
        return twice(lambda: _screen_table(client, policy, now))
    except _NoTable:
        return twice(lambda: _screen_pods(client, policy, now))


def details(client: Client, seen: Screened, rules: Rules, policy: Policy) -> Pods:
    """The suspects in full, no more than the policy has room for; each status gets its share.

    :param rules: with the nodes whose pods may be believed, which the table was read without.
    """
    trusted = rules.trusted
    wanted: dict[Stratum, int] = dict(seen.counted)
    places = () if trusted is None else seen.per_node.keys() - trusted
    untrusted = {n: count for n in places if (count := seen.per_node[n] - seen.unbelieved[n])}
    if untrusted:
        wanted[_BELIEVED] = sum(untrusted.values())
    chosen: list[Suspect] = []
    room_on: dict[str, int] = {}
    left_out: Counter[str] = Counter()
    for stratum, room in share(policy.suspects_limit, wanted).items():
        if stratum == _BELIEVED:
            nodes = sorted(untrusted.items(), key=lambda e: (-e[1], e[0]))
            room_on = share(room, dict(nodes[: max(1, policy.suspects_limit // PODS_A_NODE)]))
            left_out["Running"] += wanted[stratum] - sum(room_on.values())
        else:
            chosen += seen.suspects[stratum][:room]
            left_out[stratum[1]] += wanted[stratum] - room
    reader = _Details(client, rules)
    found = {(p.namespace, p.name): p for p in reader.read(chosen, room_on, seen.unscheduled)}
    return Pods(
        total=seen.total,
        suspects=tuple(found[key] for key in sorted(found)),
        left_out={status: count for status, count in sorted(left_out.items()) if count},
        per_node={node: count for node, count in seen.per_node.items() if node != NO_NODE},
    )


def share(limit: int, wanted: Mapping[Any, int]) -> dict[Any, int]:
    """Divide the room fairly: nobody gets more than wanted, and what one leaves goes to the others."""
    shares: dict[Any, int] = {}
    left = limit
    for position, (key, count) in enumerate(sorted(wanted.items(), key=lambda e: e[1])):
        shares[key] = min(count, left, max(1, left // (len(wanted) - position)))
        left -= shares[key]
    return shares


class _NoTable(Exception):
    pass


def _screened(policy: Policy) -> Screened:
    return Screened(policy.suspects_limit, tuple(f"{name}-" for name in policy.node_daemonsets))


def _screen_table(client: Client, policy: Policy, now: datetime) -> Screened:
    seen = _screened(policy)
    # What the nodes are worth is not known yet, because they are read at the same time.
    rules = Rules.of(None, None, policy, now)
    query = {"limit": ROWS, "includeObject": "None"}
    names: list[str] = []
    screen_of: Screen | None = None
    for page in client.pages(PODS, query, partial(decode.decode, decode.Table), TABLE):
        if page.get("kind") != "Table":
            raise _NoTable
        columns = [str(column.get("name")) for column in page.get("columnDefinitions") or ()]
        if screen_of is None or (columns and columns != names):
            try:
                names, screen_of = columns, Screen(columns, rules)
            except MissingColumn:
                raise _NoTable from None
        _screen_rows(*decode.rows_of(page), names, screen_of, seen)
        # Not to be held while the next one comes.
        del page
    return seen


def _screen_rows(
    running: Sequence[Any], ended: Sequence[tuple[Any, Any]], columns: list[str], rules: Screen, seen: Screened
) -> None:
    """What every pod goes through. Most rows differ in name and node only, so their cells are judged once for all."""
    at = {column: columns.index(column) for column in COLUMNS}
    name, node, status = at["Name"], at["Node"], at["Status"]
    group_of = itemgetter(at["Ready"], status, at["Restarts"], at["Readiness Gates"])
    node_of, well = itemgetter(node), seen.well
    suspects = [cells for cells, conditions in ended if rules.is_suspect(cells, conditions)]
    seen.unbelieved.update(cells[node] for cells, _conditions in ended)
    unusual = [
        (group, cells) for group, cells in zip(map(group_of, running), running, strict=True) if group not in well
    ]
    for group, cells in unusual:
        if rules.is_suspect(cells):
            suspects.append(cells)
            seen.unbelieved[cells[node]] += 1
        else:
            well.add(group)
    for cells in suspects:
        seen.add(Suspect(cells[name], _node_of(cells[node])), cells[status])
    seen.total += len(running) + len(ended)
    seen.per_node.update(map(node_of, running))
    seen.per_node.update(cells[node] for cells, _conditions in ended)


def _screen_pods(client: Client, policy: Policy, now: datetime) -> Screened:
    seen = _screened(policy)
    rules = Rules.of(None, None, policy, now)
    for page in client.pages(PODS, None, partial(decode.decode, decode.Pods)):
        for item in items_of(page, PODS):
            pod = Pod.from_api(item)
            place = pod.node or NO_NODE
            seen.total += 1
            seen.per_node[place] += 1
            if is_suspect_pod(pod, rules):
                seen.add(Suspect(pod.name, pod.node, pod), _status(pod))
                seen.unbelieved[place] += 1
            elif pod.phase == "Succeeded":
                seen.unbelieved[place] += 1
        del page
    return seen


def _status(pod: Pod) -> str:
    waits = next((c.reason for c in pod.containers if c.state == "waiting" and c.reason), "")
    return "Terminating" if pod.deleted is not None else waits or pod.reason or pod.phase


def _node_of(cell: str) -> str:
    return "" if cell == NO_NODE else cell


class _Details:
    def __init__(self, client: Client, rules: Rules) -> None:
        self._client = client
        self._rules = rules

    def read(self, chosen: Iterable[Suspect], room_on: Mapping[str, int], unscheduled: int) -> list[Pod]:
        """The chosen suspects, and on each untrusted node so many more of its pods."""
        found: list[Pod] = []
        by_node: dict[str, Counter[str]] = {}
        for suspect in chosen:
            if suspect.pod is not None:
                found.append(suspect.pod)
            else:
                by_node.setdefault(suspect.node, Counter())[suspect.name] += 1
        jobs: list[Callable[[], Iterable[Pod]]] = []
        for node in sorted({*by_node, *room_on}):
            names, room = by_node.get(node, Counter[str]()), room_on.get(node, 0)
            many = sum(names.values()) >= WHOLE_NODE
            if not node and many:
                jobs.append(partial(self._without_node, names, unscheduled))
            elif node and (room or many):
                jobs.append(partial(self._on_node, node, frozenset(names), room))
            else:
                jobs += [partial(self._list, f"spec.nodeName={node},metadata.name={name}") for name in names]
        with ThreadPoolExecutor(DETAIL_THREADS) as pool:
            for pods in pool.map(lambda job: list(job()), jobs):
                found += pods
        return found

    def _on_node(self, node: str, names: frozenset[str], room: int) -> Iterator[Pod]:
        for pod in self._list(f"spec.nodeName={node}"):
            if pod.name in names:
                yield pod
            elif room > 0:
                room -= 1
                yield pod

    def _without_node(self, names: Counter[str], unscheduled: int) -> Iterator[Pod]:
        if unscheduled <= UNSCHEDULED_AT_ONCE:
            yield from (pod for pod in self._list("spec.nodeName=") if pod.name in names)
            return
        # Which ones of a crowd are looked at does not matter, so the first will do.
        wanted = sum(names.values())
        yield from islice(self._list("spec.nodeName=", {"limit": wanted}), wanted)

    def _list(self, selector: str, query: Mapping[str, Any] | None = None) -> Iterator[Pod]:
        # From memory, where older servers too have an index by node; read from etcd, they would go through all pods.
        asked = {"fieldSelector": selector, **({"resourceVersion": "0"} if query is None else query)}
        for page in self._client.pages(PODS, asked, partial(decode.decode, decode.Pods)):
            for item in items_of(page, PODS):
                pod = Pod.from_api(item)
                if is_suspect_pod(pod, self._rules):
                    yield pod
