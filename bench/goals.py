# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the measurements must show, as numbers out of one run. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
Sample = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One claim, what it asks for, what was measured, and whether that is enough."""

    claim: str
    goal: str
    measured: str
    ok: bool

    def line(self) -> str:
        """The goal as one line."""
        return f"{'ok   ' if self.ok else 'SHORT'}  {self.claim}: {self.measured} (goal: {self.goal})"


class Missing(Exception):
    """A contestant that the claim is about has no result."""


def samples(result: Result, name: str) -> Sequence[Sample]:
    """What a contestant's rounds gave.

    :raises Missing: when there is none.
    """
    found: Sequence[Sample] = [s for s in result["samples"].get(name, ()) if "error" not in s]
    if not found:
        told = [str(s["error"]) for s in result["samples"].get(name, ())]
        raise Missing(f"no result of {name}" + (f": {told[-1].splitlines()[-1]}" if told else ""))
    return found


def best(result: Result, name: str, figure: str) -> float:
    """The smallest of the rounds, which is the least disturbed one."""
    return min(float(s[figure]) for s in samples(result, name))


def middle(result: Result, name: str, figure: str) -> float:
    """The median of the rounds."""
    return statistics.median(float(s[figure]) for s in samples(result, name))


def worst(result: Result, name: str, figure: str) -> float:
    """The largest of the rounds."""
    return max(float(s[figure]) for s in samples(result, name))


def ratio(over: float, under: float) -> float:
    """How many times one is the other; what could not be told from nothing is infinitely less."""
    return over / under if under > 0 else float("inf")


def _at_most(claim: str, limit: float, value: float, unit: str = "", more: str = "", digits: int = 2) -> Goal:
    # What is shown is what is judged, but for rounding.
    return Goal(claim, f"<= {limit:g}{unit}", f"{value:.{digits}f}{unit}{more}", value <= limit)


def _at_least(claim: str, limit: float, value: float, unit: str = "", more: str = "", digits: int = 1) -> Goal:
    return Goal(claim, f">= {limit:g}{unit}", f"{value:.{digits}f}{unit}{more}", value >= limit)


# --- the claims, each for the sizes at which it says something


def _wall_over_sink(name: str, what: str, limit: float, guard: float) -> Callable[[Result], Goal]:
    """The goal; in the gate of CI a guard against getting worse, for as long as the goal is not met."""

    def claim(result: Result) -> Goal:
        own, floor = best(result, name, "wall"), best(result, "sink", "wall")
        reading = best(result, name, "observe_wall")
        more = f" ({own:.2f} s, without judging {reading:.2f} s, and {floor:.2f} s)"
        if result["gate"]:
            more += f", a guard; the goal is {limit:g}x"
        asked = guard if result["gate"] else limit
        return _at_most(f"wall {what} over a byte sink", asked, ratio(own, floor), "x", more)

    return claim


def _bytes_for_pod(result: Result) -> Goal:
    pods = result["size"]["pods"]
    value = best(result, "sink-screening", "bytes") / pods
    return _at_most("bytes of an answer for each screened pod", 160, value, " B", f" ({pods} pods)", 1)


def _server_cpu_of_screening(result: Result) -> Goal:
    own, full = best(result, "sink-screening", "api_cpu"), best(result, "full-list", "api_cpu")
    more = f" ({own:.3f} s and {full:.2f} s)"
    return _at_least("API server CPU: one full list over the screening", 18, ratio(full, own), "x", more)


def _client_cpu(result: Result) -> Goal:
    whole = min(float(s["cpu"]) + float(s["cpu_before"]) for s in samples(result, "ours"))
    more = f" ({whole:.2f} s with the start of Python and imports)"
    return _at_most("client CPU of an observation", 1.0, best(result, "ours", "cpu"), " s", more)


def _client_memory(result: Result) -> Goal:
    more = f" (of which {middle(result, 'ours', 'rss_growth'):.0f} MB by the observation)"
    return _at_most("peak memory of the client", 100, middle(result, "ours", "rss"), " MB", more, 0)


def _server_cpu(result: Result) -> Goal:
    more = f" (worst {worst(result, 'ours', 'api_cpu'):.2f} s)"
    return _at_most("API server CPU of an observation, median", 2.5, middle(result, "ours", "api_cpu"), " s", more)


def _server_memory(result: Result) -> Goal:
    more = f" (worst {worst(result, 'ours', 'api_growth'):.0f} MB)"
    return _at_most(
        "API server memory growth by an observation, median", 20, middle(result, "ours", "api_growth"), " MB", more, 0
    )


def _result_bytes(result: Result) -> Goal:
    return _at_most("size of the module's result", 65536, worst(result, "ours", "result_bytes"), " B", "", 0)


def peer_cpu_per_pod(result: Result) -> float:
    """CPU seconds of k8s_info for each pod, without what it costs when there is none."""
    pods = samples(result, "k8s_info")[0]["pods"]
    return (best(result, "k8s_info", "cpu") - best(result, "k8s_info-nothing", "cpu")) / float(pods)


def peer_memory_per_pod(result: Result) -> float:
    """MB of k8s_info's largest process for each pod, without what it has when there is none."""
    pods = samples(result, "k8s_info")[0]["pods"]
    return (best(result, "k8s_info", "rss") - best(result, "k8s_info-nothing", "rss")) / float(pods)


def _cpu_for_pod(result: Result) -> Goal:
    own = best(result, "screening", "cpu") / result["size"]["pods"]
    peer = peer_cpu_per_pod(result)
    more = f" ({own * 1e6:.2f} us and {peer * 1e6:.0f} us)"
    return _at_least("client CPU for each pod: k8s_info over screening", 1000, ratio(peer, own), "x", more, 0)


def _memory_for_pod(result: Result) -> Goal:
    own = best(result, "screening", "rss_growth") / result["size"]["pods"]
    peer = peer_memory_per_pod(result)
    more = f" ({own * 1000:.2f} kB and {peer * 1000:.0f} kB)"
    return _at_least("client memory for each pod: k8s_info over screening", 100, ratio(peer, own), "x", more, 0)


def _exact(result: Result) -> Goal:
    (seen,) = samples(result, "exact")
    missed, extra, unseen = len(seen["missed"]), len(seen["extra"]), len(seen["unseen"])
    measured = f"{seen['findings']} findings on {seen['objects']} pods, {missed} missed, {extra} more"
    measured += f"; {seen['planted']} sick pods planted, {unseen} of them no suspect"
    ok = not (missed or extra or unseen) and seen["findings"] > 0
    return Goal("screening finds what full objects show", "the same objects for the same reasons", measured, ok)


# Ratios of moments say nothing at a size at which everything is over in one. The second value is whether the gate of CI
# asks for it: its machines differ, so it takes what does not depend on one.
CLAIMS: tuple[tuple[frozenset[str], bool, Callable[[Result], Goal]], ...] = (
    (frozenset({"A", "B"}), True, _wall_over_sink("ours", "with msgspec", 1.2, 4.0)),
    (frozenset({"A", "B"}), True, _wall_over_sink("ours-stdlib", "without msgspec", 2.0, 6.0)),
    (frozenset({"small", "A", "B"}), True, _bytes_for_pod),
    (frozenset({"A", "B"}), True, _server_cpu_of_screening),
    (frozenset({"B"}), False, _client_cpu),
    (frozenset({"B"}), False, _client_memory),
    (frozenset({"B"}), False, _server_cpu),
    (frozenset({"A", "B"}), False, _server_memory),
    (frozenset({"small", "A", "B"}), True, _result_bytes),
    (frozenset({"A", "B"}), False, _cpu_for_pod),
    (frozenset({"A", "B"}), False, _memory_for_pod),
    (frozenset({"small", "A", "B"}), False, _exact),
)


def goals(result: Result) -> list[Goal]:
    """Every claim that this run is about. One whose contestant gave no result falls short."""
    made = []
    for sizes, in_gate, claim in CLAIMS:
        if result["size"]["name"] not in sizes or (result["gate"] and not in_gate):
            continue
        try:
            made.append(claim(result))
        except Missing as missing:
            made.append(Goal(claim.__name__.strip("_").replace("_", " "), "a result", str(missing), False))
    return made
