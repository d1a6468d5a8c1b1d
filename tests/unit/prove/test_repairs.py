# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the repairs' proof: what it runs, and that each scenario and test that it names is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.paths import CHECKOUT
from tests.prove.repairs import API, E2E, PROVIDERS, SCENARIOS, UNIT, selection

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
