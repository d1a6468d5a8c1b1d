# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m bench.report [--check] [RESULT.json ...]``: the tables and the plot of docs/performance.md.

Only what stands between the markers of a result is replaced; the words around them are written by people.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench.goals import Missing, best, middle, samples, worst
from lab.paths import CHECKOUT

RESULTS = CHECKOUT / "bench" / "results"
DOCUMENT = CHECKOUT / "docs" / "performance.md"
PLOT = CHECKOUT / "docs" / "performance-growth.svg"
TITLES = {
    "ours": "this, with msgspec",
    "ours-stdlib": "this, without msgspec",
    "sink": "byte sink, the same requests",
    "sink-screening": "byte sink, only the pods' table",
    "full-list": "byte sink, one full pod list",
    "screening": "this, only the pods' screening",
    "screening-stdlib": "the same without msgspec",
    "official-client": "official client, typed lists",
    "kubectl": "`kubectl get pods -A -o json`",
    "k8s_info-nothing": "`k8s_info` and Jinja, no pod",
    "k8s_info": "`k8s_info` and Jinja",
}
NOTICE = """\
<!--
Copyright (c) 2026, the selfheal.kubernetes authors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""


def block(name: str, result: Mapping[str, Any]) -> str:
    """The part of the document that one result makes."""
    body = _growth(result) if result["kind"] == "grow" else _observed(result)
    return f"<!-- begin {name}: made by python -m bench.report -->\n\n{body}\n\n<!-- end {name} -->"


def insert(text: str, name: str, result: Mapping[str, Any]) -> str:
    """The document with a result's part made anew.

    :raises ValueError: the document has no place for it.
    """
    pattern = re.compile(rf"<!-- begin {re.escape(name)}[ :].*?<!-- end {re.escape(name)} -->", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{DOCUMENT.name} has no place for {name}: put <!-- begin {name} --><!-- end {name} --> in it")
    return pattern.sub(lambda _found: block(name, result), text)


# --- tables


def _observed(result: Mapping[str, Any]) -> str:
    size = result["size"]
    parts = [_where(result["machine"])]
    counts = (
        f"{size['nodes']:,} nodes, {size['pods']:,} pods, {size['slices']:,} EndpointSlices, {size['events']:,} events"
    )
    servers = result["servers_mb"]
    parts.append(
        f"{counts}, {size['bytes'] / 1e6:,.0f} MB in etcd; at rest the API server has"
        f" {servers['kube-apiserver']:,.0f} MB of memory and etcd {servers['etcd']:,.0f} MB."
    )
    head = [
        "",
        "runs",
        "pods",
        "wall s",
        "CPU s",
        "peak MB",
        "grown by MB",
        "received MB",
        "API CPU s",
        "API grown by MB",
    ]
    rows = [_row(result, name, title) for name, title in TITLES.items() if name in result["samples"]]
    parts.append(_table(head, rows))
    goals = result.get("goals") or []
    if goals:
        lines = [[g["claim"], g["goal"], g["measured"], "ok" if g["ok"] else "**short**"] for g in goals]
        parts.append(_table(["Claim", "Goal", "Measured", ""], lines))
    return "\n\n".join(parts)


def _row(result: Mapping[str, Any], name: str, title: str) -> list[str]:
    try:
        runs = samples(result, name)
    except Missing as missing:
        return [title, "0", "-", str(missing), *["-"] * 6]
    size = result["size"]
    pods = size["sampled"] if runs[0].get("sampled") else runs[0].get("pods", size["pods"])
    received = runs[0].get("bytes")
    return [
        title,
        str(len(runs)),
        f"{pods:,}",
        _spread(result, name, "wall", 2),
        _spread(result, name, "cpu", 2),
        f"{middle(result, name, 'rss'):,.0f}",
        f"{middle(result, name, 'rss_growth'):,.0f}",
        "-" if received is None else f"{received / 1e6:,.1f}",
        _spread(result, name, "api_cpu", 2),
        _spread(result, name, "api_growth", 0),
    ]


def _spread(result: Mapping[str, Any], name: str, figure: str, digits: int) -> str:
    low, high = (f"{side(result, name, figure):,.{digits}f}" for side in (best, worst))
    return low if low == high else f"{low} to {high}"


def _growth(result: Mapping[str, Any]) -> str:
    head = ["nodes", "pods", *(f"{title}: {unit}" for title, _name, _figure, unit in LINES)]
    rows = [
        [f"{p['size']['nodes']:,}", f"{p['size']['pods']:,}", *(f"{best(p, n, f):.3f}" for _t, n, f, _u in LINES)]
        for p in result["points"]
    ]
    plot = f"![How the cost of an observation grows with the cluster]({PLOT.name})"
    return "\n\n".join([_where(result["machine"]), _table(head, rows), plot])


def _where(machine: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    return (
        f"Measured {machine['at']} on {machine['cpus']} CPUs with {machine['memory_gb']} GB, which the servers and the"
        f" client share: Kubernetes {machine['kubernetes']}, etcd {machine['etcd']}, Python {machine['python']},"
        f" kubernetes.core {machine['kubernetes.core']}, {packages}."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    right = "|---|" + "---|" * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", right, *(f"| {' | '.join(row)} |" for row in rows)])


# --- the plot

LINES = (
    ("this, wall", "ours", "wall", "s"),
    ("this, CPU", "ours", "cpu", "s"),
    ("this, API server's CPU", "ours", "api_cpu", "s"),
    ("full pod list, wall", "full-list", "wall", "s"),
    ("full pod list, API server's CPU", "full-list", "api_cpu", "s"),
)
COLOURS = ("#0b6e4f", "#1f77b4", "#7b3fa0", "#c44536", "#e08e0b")
WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 130


def plot(result: Mapping[str, Any]) -> str:
    """Seconds over nodes as SVG, both axes logarithmic."""
    points = result["points"]
    nodes = [float(p["size"]["nodes"]) for p in points]
    lines = [(title, [best(p, name, figure) for p in points]) for title, name, figure, _unit in LINES]
    values = [max(value, 1e-4) for _title, line in lines for value in line]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    across = _scale(math.log10(min(nodes)), math.log10(max(nodes)), LEFT, WIDTH - RIGHT)
    down = _scale(float(low), float(max(high, low + 1)), HEIGHT - BOTTOM, TOP)
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">Seconds that an observation costs, by the size of the cluster</text>',
    ]
    for power in range(low, max(high, low + 1) + 1):
        y = down(float(power))
        made.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        made.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for point, count in zip(points, nodes, strict=True):
        x = across(math.log10(count))
        made.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        anchor = "start" if x < LEFT + 40 else "end" if x > WIDTH - RIGHT - 40 else "middle"
        label = f"{point['size']['nodes']:,} nodes, {point['size']['pods']:,} pods"
        made.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="{anchor}">{label}</text>')
    for number, (title, line) in enumerate(lines):
        colour = COLOURS[number]
        places = [
            (across(math.log10(count)), down(math.log10(max(value, 1e-4))))
            for count, value in zip(nodes, line, strict=True)
        ]
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        made.append(f'<polyline points="{steps}" fill="none" stroke="{colour}" stroke-width="2"/>')
        made += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        x, y = LEFT + number % 2 * 330, HEIGHT - BOTTOM + 50 + number // 2 * 24
        made.append(f'<path d="M{x} {y - 4}h24" stroke="{colour}" stroke-width="2"/>')
        made.append(f'<text x="{x + 32}" y="{y}">{escape(title)}</text>')
    return NOTICE + "\n".join([*made, "</svg>", ""])


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: first + (value - low) / span * (last - first)


# --- the command


def render(paths: Sequence[Path], text: str) -> dict[Path, str]:
    """What each file that the results make must hold, by its path."""
    made: dict[Path, str] = {}
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        text = insert(text, path.stem, result)
        if result["kind"] == "grow":
            made[PLOT] = plot(result)
    made[DOCUMENT] = text
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when the files hold what they must, 1 when --check finds that they do not."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="The tables of docs/performance.md.")
    parser.add_argument("--check", action="store_true", help="change nothing, and fail when something would change")
    parser.add_argument("results", nargs="*", type=Path, help="files that bench.observe wrote (default: bench/results)")
    options = parser.parse_args(arguments)
    made = render(options.results or sorted(RESULTS.glob("*.json")), DOCUMENT.read_text(encoding="utf-8"))
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not options.check:
            path.write_text(made[path], encoding="utf-8")
        print(f"{path.relative_to(CHECKOUT)} {'is out of date' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
