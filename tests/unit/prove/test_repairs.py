# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the repairs' proof: what it runs, and that each scenario and test that it names is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.paths import CHECKOUT
from tests.prove import proof as machinery
from tests.prove.proof import Made, Proof
from tests.prove.repairs import API, E2E, PROVIDERS, SCENARIOS, UNIT, parts, selection

GROUPS = {"unit": UNIT, "providers": PROVIDERS, "api": API, "e2e": E2E}
NAMED = [(group, name) for group, claims in GROUPS.items() for names in claims.values() for name in names]


@pytest.mark.parametrize(("group", "name"), NAMED, ids=[name for _group, name in NAMED])
def test_what_is_named_is_there_and_run(group: str, name: str) -> None:
    [chosen] = selection(CHECKOUT / "tests" / group, [name])
    path, _colons, test = chosen.partition("::")
    assert (CHECKOUT / path).is_file() and path.endswith(f"/{name.partition('.')[0]}.py")
    # A name that stands for several must stand for one at least.
    assert test or f"def {name.partition('.')[2] or 'test_'}" in (CHECKOUT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_scenario_is_there(scenario: str) -> None:
    assert (CHECKOUT / "extensions" / "molecule" / scenario / "molecule.yml").is_file()


def test_only_what_is_there_is_run_and_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "e2e"
    folder.mkdir(parents=True)
    (folder / "test_a.py").write_text("def test_x() -> None: ...\ndef test_x_too() -> None: ...\n")
    (folder / "test_b.py").write_text("def test_y() -> None: ...\n")
    names = ["test_a.test_x", "test_a.test_z", "test_b.test_y", "test_b.", "test_c."]
    assert selection(folder, names) == ["tests/e2e/test_a.py::test_x", "tests/e2e/test_b.py"]
    assert selection(folder, ["test_a.test_x_"]) == ["tests/e2e/test_a.py"]


def test_on_real_clusters_each_file_is_a_part_of_its_own() -> None:
    chosen = ["tests/e2e/test_a.py::test_x", "tests/e2e/test_b.py", "tests/e2e/test_a.py::test_y"]
    assert parts("e2e", chosen) == [
        ("e2e-test_a", "tests/e2e/test_a.py::test_x tests/e2e/test_a.py::test_y", ""),
        ("e2e-test_b", "tests/e2e/test_b.py", ""),
    ]
    assert parts("providers", ["a", "b"]) == [("providers", "a b", "providers")]


def test_what_has_passed_on_this_tree_is_not_run_again_and_what_has_not_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(text: str) -> None:
        (tmp_path / "file").write_text(text)
        for words in (["init", "-q"], ["add", "file"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qmx"]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)

    ran: list[str] = []
    codes = {"good": 0, "bad": 2}

    def make(self: Proof, target: str, log: str) -> Made:
        ran.append(log)
        report = self.clone / "build" / "test" / f"{log}.xml"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text("<testsuites/>")
        return Made(codes[log], 1.0, "")

    monkeypatch.setattr(machinery, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(Proof, "make", make)
    commit("one")
    for _time in range(2):
        proof = Proof(tmp_path)
        assert proof.pytest("good", "tests/a.py") and proof.pytest("bad", "tests/b.py")
        assert (proof.once("x", "good")[:6], proof.once("x", "bad")[:6]) == ("exit 0", "exit 2")
    assert ran == ["good", "bad", "good", "bad", "bad", "bad"]
    assert Proof(tmp_path).pytest("good", "tests/c.py") and ran[-1] == "good", "other tests have not passed"
    ran.clear()
    commit("two")
    assert Proof(tmp_path).pytest("good", "tests/a.py") and ran == ["good"]


def test_what_no_test_reads_may_change_and_what_one_reads_may_not() -> None:
    def listing(**files: str) -> str:
        return "".join(f"100644 blob {text}\t{path}\n" for path, text in files.items())

    before = {"plugins/a.py": "1", "docs/a.md": "1", "tests/chaos/a.py": "1", "Makefile": "1"}
    key = machinery.key_of(listing(**before))
    assert machinery.key_of(listing(**{**before, "docs/a.md": "2", "tests/chaos/a.py": "2", "Makefile": "2"})) == key
    more = {**before, "tests/e2e/test_a.py": "1"}
    assert machinery.key_of(listing(**more)) == key, "a test is read by who runs it"
    own = machinery.key_of(listing(**more), "tests/e2e/test_a.py::test_x tests/e2e/test_b.py")
    assert machinery.key_of(listing(**{**more, "tests/e2e/test_a.py": "2"}), "tests/e2e/test_a.py") != own != key
    for changed in ({"plugins/a.py": "2"}, {"plugins/docs/a.md": "1"}, {"tests/e2e/a.py": "1"}):
        assert machinery.key_of(listing(**{**before, **changed})) != key
