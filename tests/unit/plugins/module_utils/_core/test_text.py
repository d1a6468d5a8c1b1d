# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.selfheal.kubernetes.plugins.filter.words import one_line
from hypothesis import given
from hypothesis import strategies as st

from lab.paths import CHECKOUT


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", "nothing"),
        (None, "nothing"),
        ([], "nothing"),
        (["", None, "\r\n"], "nothing"),
        (["a\n", "", " b\tc "], "a b c"),
        ("PLAY RECAP\r\n\x1b[2Jok=1", "PLAY RECAP ?[2Jok=1"),
        ("caf\xe9 \u202egnp.exe", "caf\xe9 ?gnp.exe"),
        (7, "7"),
        ("x" * 20, "xxxxxxx..."),
        ("x" * 10, "x" * 10),
    ],
)
def test_a_line(said: object, line: str) -> None:
    assert one_line(said, 10 if "x" in str(said)[:1] else 80, "nothing") == line


@given(st.lists(st.text() | st.none()), st.integers(0, 40))
def test_it_is_one_line_whatever_was_said(said: list[str | None], length: int) -> None:
    line = one_line(said, length)
    assert len(line) <= length and line.isprintable() and line == line.strip()


def test_no_role_has_its_own_way() -> None:
    """The words of a host are cleaned in one place."""
    files = [*CHECKOUT.glob("roles/**/*.yml"), *CHECKOUT.glob("playbooks/**/*.yml")]
    own = re.compile(r"regex_replace\('\[(\^[ !]-~|\\+x00)[^']*', ' '\)")
    assert [path.name for path in files if own.search(path.read_text(encoding="utf-8"))] == []
    assert [path.name for path in files if "selfheal.kubernetes.one_line" in path.read_text(encoding="utf-8")]
