# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.shapes import GROWTH

MACHINE = {
    "at": "2026-11-21 12:00 UTC",
    "cpus": 2,
    "memory_gb": 24,
    "load": 0.1,
    "python": "3.11.7",
    "kubernetes": "v1.34.4",
    "etcd": "3.6.5",
    "kubernetes.core": "6.6.0",
    "packages": {"msgspec": "0.22.0", "urllib3": ""},
}


def sample(wall: float, **changes: Any) -> dict[str, Any]:
    made = {"wall": wall, "cpu": wall / 2, "rss": 80.0, "rss_growth": 30.0, "api_cpu": wall / 4, "api_growth": 3.4}
    return {**made, "bytes": 2_500_000, **changes}


def observed() -> dict[str, Any]:
    return {
        "kind": "observe",
        "gate": False,
        "machine": MACHINE,
        "servers_mb": {"kube-apiserver": 1234.5, "etcd": 567.0},
        "size": {
            "name": "A",
            "nodes": 2000,
            "pods": 20000,
            "slices": 1667,
            "events": 2000,
            "sampled": 5000,
            "bytes": 3e8,
        },
        "samples": {
            "ours": [sample(1.0), sample(1.5), sample(1.25)],
            "kubectl": [sample(40.0, bytes=2e8)],
            "k8s_info": [sample(50.0, sampled=True, pods=5000)],
            "official-client": [{"error": "line\nKilled"}],
        },
        "goals": [{"claim": "wall", "goal": "<= 1.2x", "measured": "1.3x", "ok": False}],
    }


def grown() -> dict[str, Any]:
    points = [
        {
            "size": {"nodes": size.nodes, "pods": size.pods},
            "samples": {name: [sample(size.nodes / 1000)] for _t, name, _f, _u in report.LINES},
        }
        for size in GROWTH
    ]
    return {"kind": "grow", "machine": MACHINE, "points": points}


def test_a_row_shows_the_spread_of_the_rounds_and_how_many_pods_it_is_about() -> None:
    text = report.block("A", observed())
    assert (
        "| this, with msgspec | 3 | 20,000 | 1.00 to 1.50 | 0.50 to 0.75 | 80 | 30 | 2.5 | 0.25 to 0.38 | 3 |" in text
    )
    assert "| `k8s_info` and Jinja | 1 | 5,000 | 50.00 |" in text
    assert "2,000 nodes, 20,000 pods, 1,667 EndpointSlices, 2,000 events, 300 MB in etcd" in text


def test_a_peer_that_failed_is_told_and_so_is_a_goal_that_is_short() -> None:
    text = report.block("A", observed())
    assert "| official client, typed lists | 0 | - | no result of official-client: Killed |" in text
    assert "| wall | <= 1.2x | 1.3x | **short** |" in text


def test_every_row_of_a_table_has_its_columns() -> None:
    for name, result in (("A", observed()), ("grow", grown())):
        rows = [line for line in report.block(name, result).splitlines() if line.startswith("|")]
        tables = [row.count("|") for row in rows]
        assert len(rows) > 4 and set(tables) <= {tables[0], tables[-1]}


def test_only_the_part_of_a_result_is_replaced() -> None:
    text = "before\n<!-- begin A --><!-- end A -->\nbetween\n<!-- begin B: old -->x<!-- end B -->\nafter\n"
    once = report.insert(text, "A", observed())
    assert once.startswith("before\n<!-- begin A: made by") and once.endswith("-->x<!-- end B -->\nafter\n")
    assert report.insert(once, "A", observed()) == once


def test_a_result_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for A"):
        report.insert("nothing here", "A", observed())


def test_the_plot_is_an_image_with_every_line_and_point_in_its_frame() -> None:
    root = ET.fromstring(report.plot(grown()).split("-->", 1)[1])  # noqa: S314 (made a moment ago)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}polyline")) == len(report.LINES)
    circles = root.findall(f"{space}circle")
    assert len(circles) == len(report.LINES) * len(GROWTH)
    for circle in circles:
        assert report.LEFT <= float(circle.get("cx", -1)) <= report.WIDTH - report.RIGHT
        assert report.TOP <= float(circle.get("cy", -1)) <= report.HEIGHT - report.BOTTOM


def test_more_is_further_up_in_the_plot() -> None:
    root = ET.fromstring(report.plot(grown()).split("-->", 1)[1])  # noqa: S314
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    heights = [float(point.split(",")[1]) for point in str(line.get("points")).split()]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == len(heights)


def test_the_plot_bears_with_a_cost_of_nothing() -> None:
    made = grown()
    for point in made["points"]:
        point["samples"]["ours"][0]["api_cpu"] = 0.0
    assert "<polyline" in report.plot(made)


def test_the_document_says_what_the_results_say() -> None:
    results = sorted(report.RESULTS.glob("*.json"))
    for path, text in report.render(results, report.DOCUMENT.read_text(encoding="utf-8")).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m bench.report"


def test_check_changes_nothing_and_fails_when_something_would_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document, result = tmp_path / "performance.md", tmp_path / "A.json"
    document.write_text("<!-- begin A --><!-- end A -->\n", encoding="utf-8")
    result.write_text(json.dumps(observed()), encoding="utf-8")
    monkeypatch.setattr(report, "DOCUMENT", document)
    monkeypatch.setattr(report, "CHECKOUT", tmp_path)
    assert report.main(["--check", str(result)]) == 1
    assert document.read_text(encoding="utf-8") == "<!-- begin A --><!-- end A -->\n"
    assert report.main([str(result)]) == 0
    assert "this, with msgspec" in document.read_text(encoding="utf-8")
    assert report.main(["--check", str(result)]) == 0
    assert capsys.readouterr().out.splitlines() == ["performance.md is out of date", "performance.md written"]
