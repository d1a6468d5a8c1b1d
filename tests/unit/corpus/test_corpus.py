# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every labelled snapshot is judged as a person judged it, and the corpus covers what the checks can say."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import PATTERNS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.screening import Rules, is_suspect_pod
from ansible_collections.selfheal.kubernetes.tests.corpus import build, load, make, record, score

PATHS = load.paths()
CORPUS = {path.stem: load.load(path) for path in PATHS}
LABELS = {name: labelled.expected for name, labelled in CORPUS.items() if labelled.expected is not None}


@pytest.mark.parametrize("name", CORPUS)
def test_the_snapshot_is_judged_as_labelled(name: str) -> None:
    assert load.seen(CORPUS[name].judged()) == CORPUS[name].expected


@pytest.mark.parametrize("name", CORPUS)
def test_the_order_of_its_objects_does_not_matter(name: str) -> None:
    raw = json.loads(json.dumps(CORPUS[name].raw))
    for items in raw["objects"].values():
        if isinstance(items, list):
            items.reverse()
    assert load.seen(load.read(raw).judged()) == load.seen(CORPUS[name].judged())


@pytest.mark.parametrize("name", CORPUS)
def test_the_screening_loses_nothing(name: str) -> None:
    labelled = CORPUS[name]
    snapshot = labelled.snapshot
    if snapshot.pods is None:
        return
    rules = Rules.of(snapshot.nodes, snapshot.heartbeats, labelled.policy, snapshot.observed_at)
    suspects = tuple(pod for pod in snapshot.pods.suspects if is_suspect_pod(pod, rules))
    screened = replace(snapshot, pods=replace(snapshot.pods, suspects=suspects))
    assert load.seen(replace(labelled, snapshot=screened).judged()) == load.seen(labelled.judged())


def test_the_made_files_are_what_make_writes() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in PATHS if path.parent.name == "made"}
    assert written == {f"{name}.json": make.text(content) for name, content in make.everything().items()}


def test_the_corpus_is_as_large_as_it_must_be() -> None:
    verdicts = Counter(label.verdict for label in LABELS.values())
    assert set(LABELS) == set(CORPUS)
    assert len(CORPUS) >= 60
    assert verdicts["healthy"] >= 12
    assert set(verdicts) == {"healthy", "unknown", "unhealthy"}
    assert Counter(labelled.origin for labelled in CORPUS.values())["recorded"] >= 15


def test_each_file_is_named_after_its_snapshot_and_tells_its_story() -> None:
    for path in PATHS:
        labelled = CORPUS[path.stem]
        assert (labelled.name, labelled.origin) == (path.stem, path.parent.name)
        assert labelled.about
        assert "\n" not in labelled.about


def test_every_reason_of_every_check_is_in_some_label() -> None:
    labelled = {(check, reason) for label in LABELS.values() for check, reason, _target in label.findings}
    known = {(c.name, r) for c in CHECKS for r, meaning in c.reasons.items() if not meaning.endswith("no finding")}
    assert sorted(labelled - known) == []
    assert sorted(known - labelled) == []


def test_every_pattern_is_in_some_label_and_has_a_near_miss() -> None:
    matched = {pattern for label in LABELS.values() for pattern, _root, _members in label.patterns}
    assert matched == {pattern.name for pattern in PATTERNS}
    assert set(make.NEAR_MISSES) == matched
    for pattern, names in make.NEAR_MISSES.items():
        assert names
        for name in names:
            assert pattern not in {found for found, _root, _members in LABELS[name].patterns}
            assert LABELS[name].findings


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"findings": (("PodX", "Why", "Pod a/b"),)}, "x: false: PodX: Why, Pod a/b"),
        ({"verdict": "unknown"}, "x: missed: the verdict: healthy"),
        ({"patterns": (("P", "Node w1", 3),)}, "x: false: pattern P: root Node w1, 3 members"),
    ],
)
def test_the_score_tells_each_mistake(change: dict[str, Any], line: str) -> None:
    label = load.Expected("healthy")
    card = score.Card()
    card.add(replace(next(iter(CORPUS.values())), name="x", expected=label), replace(label, **change))
    assert line in card.mistakes
    assert card.false_on_healthy == 1


def test_the_score_counts_what_is_right_false_and_missed() -> None:
    card = score.Card()
    wanted = load.Expected("unhealthy", (("A", "r", "Node 1"), ("A", "r", "Node 2")))
    said = load.Expected("unhealthy", (("A", "r", "Node 1"), ("A", "r", "Node 3"), ("B", "r", "Node 1")))
    card.add(replace(next(iter(CORPUS.values())), expected=wanted), said)
    assert card.total == score.Score(right=1, false=2, missed=1)
    assert card.scores["A"] == score.Score(1, 1, 1)
    assert (card.scores["A"].precision, card.scores["A"].recall, card.scores["B"].precision) == (0.5, 0.5, 0.0)
    assert card.false_on_healthy == 0
    assert len(card.mistakes) == 3


@pytest.mark.parametrize(("verdict", "code"), [("healthy", 0), ("unknown", 1)])
def test_the_command_ends_with_1_when_there_is_a_mistake(
    verdict: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled = load.read(build_file() | {"expected": {"verdict": verdict, "findings": [], "patterns": []}})
    monkeypatch.setattr(load, "corpus", lambda: iter([labelled]))
    assert score.main() == code
    printed = capsys.readouterr().out
    assert ("mistake: x: missed: the verdict: unknown" in printed) is bool(code)
    assert printed.splitlines()[-1].startswith("1 snapshots (1 ")


def test_a_snapshot_without_a_label_is_a_mistake() -> None:
    card = score.Card()
    card.add(replace(next(iter(CORPUS.values())), name="x", expected=None), load.Expected("healthy"))
    assert card.mistakes == ["x: nobody has labelled it yet"]


def test_what_nobody_reads_is_refused() -> None:
    raw = build_file()
    assert load.read(raw).snapshot.nodes
    raw["objects"]["podz"] = []
    with pytest.raises(ValueError, match="nobody reads podz"):
        load.read(raw)


def test_a_part_that_is_unread_is_absent() -> None:
    raw = build_file() | {"unread": {"heartbeats": "HTTP 403"}}
    snapshot = load.read(raw).snapshot
    assert snapshot.heartbeats is None
    assert snapshot.unread == {"heartbeats": "HTTP 403"}


def test_a_recorded_object_keeps_what_is_read_and_no_more() -> None:
    node = build.node("w1") | {"kind": "Node"}
    node["metadata"] |= {"managedFields": [{}], "annotations": {"example.com/secret": "x"}, "resourceVersion": "7"}
    node["status"]["images"] = [{"names": ["x"]}]
    kept = record.slim("nodes", json.loads(json.dumps(node)))
    assert set(kept) == {"metadata", "spec", "status"}
    assert not {"managedFields", "annotations", "resourceVersion"} & set(kept["metadata"])
    assert "images" not in kept["status"]
    assert kept["status"]["nodeInfo"]["machineID"] != node["status"]["nodeInfo"]["machineID"]
    assert kept["status"]["conditions"] == node["status"]["conditions"]
    pod = build.pod("shop", "web-1", "w1", "ReplicaSet/web")
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "1", "example.com/secret": "x"}
    pod["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "x"}]
    kept = record.slim("pods", json.loads(json.dumps(pod)))
    assert kept["metadata"]["annotations"] == {"kubernetes.io/config.mirror": "1"}
    assert kept["spec"]["containers"] == [{"name": "app", "image": "registry.example/app:1"}]
    assert load.Pod.from_api(kept) == load.Pod.from_api(pod)


def build_file() -> dict[str, Any]:
    return {
        "name": "x",
        "about": "x",
        "origin": "made",
        "observed_at": build.ago(0),
        "objects": build.small().objects(),
    }
