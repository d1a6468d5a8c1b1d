# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results for people and for programs: a table, JUnit's XML, and a page with a timeline of each run. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from chaosheal.invariants import RULES
from chaosheal.observer import SECONDS
from chaosheal.results import NOTHING, Count, Result, counts, spread
from chaosheal.verdict import Arm, Word, timeline

TEMPLATE = Path(__file__).with_name("report.html.j2")
# What is the healer's fault is a failure; what is wrong with the experiment is an error.
_FAILURES = (Word.DEVIATED.value, Word.INVARIANT.value)


def table(results: Iterable[Result]) -> str:
    """The lines of a table in Markdown: one for each experiment, its runs with a healer beside those without one."""
    lines = [
        "| experiment | fault | with a healer | detected after | recovered after | without one |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in groupby(counts(results), key=lambda one: one.experiment):
        arms = {one.arm: one for one in group}
        healed, control = arms.get(Arm.HEALED.value), arms.get(Arm.CONTROL.value)
        known = next(iter(arms.values()))
        cells = [
            f"{name}: {known.title}",
            ", ".join(known.faults) or "none",
            _share(healed, "recovered" if known.recovers else "left alone"),
            spread(healed.to_detect) if healed else NOTHING,
            spread(healed.to_recover) if healed else NOTHING,
            _share(control, "did not recover"),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _share(count: Count | None, what: str) -> str:
    return NOTHING if count is None else f"{count.passed} of {count.runs} {what}"


def junit(results: Sequence[Result]) -> str:
    """One testcase for each run, as programs of CI read it."""
    bad = {result: result.word in _FAILURES for result in results if not result.passed}
    suite = ET.Element(
        "testsuite",
        name="chaosheal",
        tests=str(len(results)),
        failures=str(sum(bad.values())),
        errors=str(sum(not one for one in bad.values())),
        time=f"{sum(result.seconds for result in results):.1f}",
    )
    for result in results:
        stamp = datetime.fromtimestamp(result.at, UTC).isoformat(timespec="seconds")
        name = f"{result.experiment} {result.arm} {stamp}"
        case = ET.SubElement(suite, "testcase", classname="chaosheal", name=name, time=f"{result.seconds:.1f}")
        told = {"title": result.title, "faults": ", ".join(result.faults), "events": result.folder}
        times = {"to_detect": result.to_detect, "to_act": result.to_act, "to_recover": result.to_recover}
        told |= {key: f"{value:.1f}" for key, value in times.items() if value is not None}
        properties = ET.SubElement(case, "properties")
        for key, value in told.items():
            ET.SubElement(properties, "property", name=key, value=value)
        if result in bad:
            kind = "failure" if bad[result] else "error"
            ET.SubElement(case, kind, type=result.word.upper(), message=result.why).text = result.why
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


@dataclass(frozen=True)
class Mark:
    """Something on a timeline.

    :ivar place: from 0, where the run begins, to 100, where it ends.
    :ivar size: of what lasts, in the same unit.
    """

    place: float
    words: str
    kind: str
    size: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """A run as the page shows it.

    :ivar marks: the moments: fault, effect, detection, act, repair, recovery.
    :ivar bands: the stretches in which somebody who is not the healer saw the cluster sick.
    :ivar rules: each rule that holds at every moment, and what broke it, if anything did.
    """

    result: Result
    stamp: str
    seconds: float
    marks: tuple[Mark, ...]
    bands: tuple[Mark, ...]
    acts: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]


def drawn(result: Result, events: Sequence[Mapping[str, Any]]) -> Drawn:
    """A run, from its result and the events that were written down of it."""
    first, last = (float(events[at]["t"]) for at in (0, -1)) if events else (result.at, result.at + result.seconds)
    long = max(last - first, 0.001)

    def place(moment: float) -> float:
        return round(100 * (moment - first) / long, 2)

    times = timeline(events)
    moments = [(one.name, getattr(times, one.name)) for one in fields(times)]
    marks = [Mark(place(at), f"{name} at {at - first:.0f} s", name) for name, at in moments if at is not None]
    bands, begin = [], None
    samples = [event for event in events if event["kind"] == "sample"]
    for sample, following in zip(samples, [*samples, None][1:], strict=True):
        begin = float(sample["t"]) if not sample["good"] and begin is None else begin
        over = following is None or following["good"]
        if begin is not None and over:
            end = float(following["t"]) if following else last
            bands.append(Mark(place(begin), "; ".join(sample.get("wrong") or ()), "sick", place(end) - place(begin)))
            begin = None
    acts = tuple(
        f"{float(event['t']) - first:.0f} s: {event['what']} {event.get('node') or ', '.join(event.get('nodes') or ())}"
        for event in events
        if event["kind"] == "healer" and event["what"] in ("detected", "acted", "repaired")
    )
    broken = {event["name"]: str(event["why"]) for event in events if event["kind"] == "invariant"}
    stamp = datetime.fromtimestamp(result.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    rules = tuple((name, broken.get(name, "")) for name in RULES)
    return Drawn(result, stamp, long, tuple(marks), tuple(bands), acts, rules)


def page(runs: Sequence[Drawn]) -> str:
    """A page of HTML that needs nothing else."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    results = [run.result for run in runs]
    return template.render(
        runs=list(reversed(runs)), counts=counts(results), spread=spread, sample_seconds=SECONDS, results=results
    )
