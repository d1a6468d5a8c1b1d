# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the state machine's proof: each claim names tests that are there, and no others are taken for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from lab.paths import CHECKOUT
from tests.prove.proof import Proof, exactly
from tests.prove.state_machine import API, CORE, REPEATED

NAMED = [
    *(("unit", name) for names in CORE.values() for name in names),
    *(("api", name) for names in API.values() for name in names),
    *(("api", name) for _claim, _least, names, _key in REPEATED for name in names),
]


def functions(group: str) -> set[str]:
    found = set()
    for path in sorted((CHECKOUT / "tests" / group).rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {f"{path.stem}.{one.name}" for one in tree.body if isinstance(one, ast.FunctionDef)}
    return found


KNOWN = {group: functions(group) for group in ("unit", "api")}


@pytest.mark.parametrize(("group", "name"), NAMED, ids=[name for _group, name in NAMED])
def test_what_is_named_is_there(group: str, name: str) -> None:
    function, _bracket, parameter = name.rstrip("]").partition("[")
    assert function in KNOWN[group]
    assert (
        parameter in (CHECKOUT / "tests" / group / f"{function.partition('.')[0]}.py").read_text()
        if parameter
        else True
    )


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("test_guards.test_cooldown", ["a.test_guards.test_cooldown_grows", "a.test_guards.test_storm_cooldown"]),
        ("test_lease.test_release", ["a.my_test_lease.test_release", "a.test_lease.test_release_again[x]"]),
        ("test_x.test_y[one of two]", ["a.test_x.test_y[one]", "a.test_x.test_y[one of two and more]"]),
    ],
)
def test_a_name_is_that_test_and_no_other(name: str, others: Iterable[str]) -> None:
    assert re.search(exactly(name), f"tests.unit.{name}")
    assert name.endswith("]") or re.search(exactly(name), f"tests.unit.{name}[a parameter]")
    assert not [other for other in others if re.search(exactly(name), other)]


@pytest.mark.parametrize(
    ("names", "ok", "told"),
    [
        (["test_a.test_x"], True, "2 passed"),
        (["test_a.test_x", "test_a.test_y"], False, "2 passed, not passed: test_y"),
        (["test_a.test_x", "test_a.test_z"], False, "2 passed, not there: "),
        ([], False, "0 passed"),
    ],
)
def test_an_item_needs_all_its_tests(tmp_path: Path, names: list[str], ok: bool, told: str) -> None:
    cases = [("test_x[1]", ""), ("test_x[2]", ""), ("test_y", "<failure/>")]
    lines = [f'<testcase classname="tests.test_a" name="{name}">{what}</testcase>' for name, what in cases]
    (tmp_path / "unit-a.xml").write_text(f"<testsuites><testsuite>{''.join(lines)}</testsuite></testsuites>")
    proof = Proof(tmp_path)
    proof.tests("a claim", [tmp_path / "unit-a.xml"], *map(exactly, names))
    (item,) = proof.items
    assert item.ok is ok and item.measured.startswith(told)
