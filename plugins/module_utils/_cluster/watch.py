# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Watch Leases that look dead, long enough to see whether they are: their age mixes two clocks, movement has none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError, Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.parts import (
    LEASES,
    ODD,
    SYSTEM_LEASES,
    read_heartbeats,
    read_lease,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat, Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

# A kubelet renews its Lease every 10 s, and a little later now and then.
WATCHED = 12
PAUSE = 3.0
# More of them are no matter of single nodes, and are not asked for one by one.
ONE_BY_ONE = 20
# A Lease is renewed when a quarter of it is over.
RENEWED_AFTER = 0.25

Beats = Mapping[str, Heartbeat]


@dataclass(frozen=True)
class Watched:
    """The Leases of nodes and of components, with what became of those that were watched."""

    heartbeats: Beats | None
    components: Beats | None


def watch(
    client: Client,
    nodes: Iterable[Node] | None,
    heartbeats: Beats | None,
    components: Beats | None,
    now: datetime,
    policy: Policy,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Watched:
    """Look again at every Lease in doubt until it has moved or enough time has passed. Without doubt, no time passes.

    Of the nodes, only those are watched that are Ready: about the others nobody is in doubt.
    """
    beats, parts = dict(heartbeats or {}), dict(components or {})
    silent = {n for n in beats if _in_doubt(beats[n], now, policy)} & {n.name for n in nodes or () if n.is_ready}
    stopped = {name for name, beat in parts.items() if _in_doubt(beat, now, policy)}
    if not silent and not stopped:
        return Watched(heartbeats, components)
    begun = monotonic()
    one_by_one = len(silent) <= ONE_BY_ONE
    watched_nodes, watched_parts = _Watch(beats, silent), _Watch(parts, stopped)
    if one_by_one:
        watched_nodes.begin(lambda name: read_lease(client, LEASES, name), lambda beat: _in_doubt(beat, now, policy))
    while watched_parts.still or watched_nodes.still:
        left = WATCHED - (monotonic() - begun)
        if left <= 0:
            break
        sleep(min(PAUSE, left))
        watched_parts.look(lambda name: read_lease(client, SYSTEM_LEASES, name))
        if one_by_one:
            watched_nodes.look(lambda name: read_lease(client, LEASES, name))
    if not one_by_one:
        try:
            fresh = read_heartbeats(client)
        except (ClusterError, *ODD):
            fresh = {}
        watched_nodes.look(fresh.get)
    seconds = int(monotonic() - begun)
    return Watched(
        None if heartbeats is None else watched_nodes.result(seconds),
        None if components is None else watched_parts.result(seconds),
    )


class _Watch:
    """Leases, and which of them have not moved yet."""

    def __init__(self, beats: dict[str, Heartbeat], doubtful: set[str]) -> None:
        self._beats = beats
        self._doubtful = doubtful
        self._seen: set[str] = set()
        self._moved: dict[str, Heartbeat] = {}

    @property
    def still(self) -> set[str]:
        """Those that have not moved yet."""
        return self._doubtful - set(self._moved)

    def begin(self, read: Callable[[str], Heartbeat | None], in_doubt: Callable[[Heartbeat], bool]) -> None:
        """Read each one as it is now: a list out of memory may be late, and to catch up is no movement."""
        for name, fresh in _each(sorted(self._doubtful), read):
            self._beats[name] = fresh
            if not in_doubt(fresh):
                self._doubtful.remove(name)

    def look(self, read: Callable[[str], Heartbeat | None]) -> None:
        """Read each one that has not moved yet; what cannot be read now says nothing."""
        self._seen = set()
        for name, fresh in _each(sorted(self.still), read):
            self._seen.add(name)
            if fresh.renewed is not None and fresh.renewed != self._beats[name].renewed:
                self._moved[name] = fresh

    def result(self, seconds: int) -> dict[str, Heartbeat]:
        """Each Lease with whether it has moved: not, only if it should have and the last look at it says so."""
        beats = dict(self._beats)
        for name in self._doubtful:
            if name in self._moved:
                beats[name] = replace(self._moved[name], moved=True, watched=seconds)
            elif name in self._seen and seconds >= max(WATCHED, beats[name].duration * RENEWED_AFTER + 1):
                beats[name] = replace(beats[name], moved=False, watched=seconds)
        return beats


def _each(names: Iterable[str], read: Callable[[str], Heartbeat | None]) -> Iterator[tuple[str, Heartbeat]]:
    """Each Lease that can be read; when the API server does not answer, the rest is not tried."""
    for name in names:
        try:
            fresh = read(name)
        except Unreachable:
            return
        except (ClusterError, *ODD):
            continue
        if fresh is not None:
            yield name, fresh


def _in_doubt(beat: Heartbeat, now: datetime, policy: Policy) -> bool:
    ahead = beat.renewed is not None and (beat.renewed - now).total_seconds() > policy.clock_skew
    return ahead or beat.expired(now)
