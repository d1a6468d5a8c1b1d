# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of the judgement's proof: each test that it names is there."""

from __future__ import annotations

import pytest

from lab.paths import CHECKOUT
from tests.prove.judgement import API, UNIT

NAMED = [
    (group, name) for group, claims in (("unit", UNIT), ("api", API)) for names in claims.values() for name in names
]


@pytest.mark.parametrize(("group", "name"), NAMED, ids=[name for _group, name in NAMED])
def test_what_is_named_is_there(group: str, name: str) -> None:
    module, _dot, test = name.partition(".")
    files = list((CHECKOUT / "tests" / group).rglob(f"{module}.py"))
    assert any(f"def {test}" in path.read_text(encoding="utf-8") for path in files), name
