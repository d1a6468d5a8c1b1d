# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to hold at every moment of a run, whatever is broken. Pure: each rule reads what was written down.

A rule is a function here and a line in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Event = Mapping[str, Any]
# Whoever says that it is well must be right soon: pods of DaemonSets take their time to be Ready.
SOON_SECONDS = 60.0


@dataclass(frozen=True)
class Broken:
    """A rule that did not hold."""

    name: str
    why: str


def _only_what_is_broken_is_touched(events: Sequence[Event]) -> Iterator[str]:
    hit = {fault["node"] for event in events if event["kind"] == "injected" for fault in event.get("faults") or ()}
    for event in events:
        if event["kind"] == "healer" and event.get("what") == "acted" and event.get("node") not in hit:
            yield f"a repair was begun on {event.get('node')}, to which nothing had been done"


def _one_node_at_a_time_is_cordoned(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        cordoned = [line for line in event.get("wrong") or () if line.endswith("is cordoned")]
        if event["kind"] == "sample" and len(cordoned) > 1:
            yield ", ".join(cordoned)
            return


def _who_says_that_it_is_well_is_right(events: Sequence[Event]) -> Iterator[str]:
    samples = [event for event in events if event["kind"] == "sample"]
    for event in events:
        if event["kind"] == "healer" and event.get("what") == "repaired":
            after = [one for one in samples if event["t"] <= one["t"] <= event["t"] + SOON_SECONDS]
            if after and not any(one["good"] for one in after):
                yield f"{event.get('node')} was called repaired, and for {SOON_SECONDS:.0f} s nobody else saw it well"


def _a_healer_ends_when_it_is_told_to(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        if event["kind"] == "healer" and event.get("what") == "ended" and event.get("status") == "still runs":
            yield "it was cancelled, and went on"


def _one_healer_at_a_time_acts(events: Sequence[Event]) -> Iterator[str]:
    acting: int | None = None
    for event in events:
        if event["kind"] != "healer":
            continue
        which, what = event.get("which"), event.get("what")
        if what == "acted":
            if acting not in (None, which):
                yield f"healer {which} began while healer {acting} was at work"
            acting = which
        elif which == acting and (what == "ended" or event.get("phase") == "unlock"):
            acting = None


RULES: Mapping[str, Callable[[Sequence[Event]], Iterator[str]]] = MappingProxyType(
    {
        "only what is broken is touched": _only_what_is_broken_is_touched,
        "one node at a time is cordoned": _one_node_at_a_time_is_cordoned,
        "who says that it is well is right": _who_says_that_it_is_well_is_right,
        "one healer at a time acts": _one_healer_at_a_time_acts,
        "a healer ends when it is told to": _a_healer_ends_when_it_is_told_to,
    }
)


def broken(events: Sequence[Event]) -> list[Broken]:
    """Every rule that did not hold, with why."""
    return [Broken(name, why) for name, rule in RULES.items() for why in rule(events)]
