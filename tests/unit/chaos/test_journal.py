# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written down before anything is broken, and what is read by whoever comes after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chaosheal.journal import INJECTED, UNDONE, Entry, Journal, broken_nodes, entries_of, still_broken
from chaosheal.model import ChaosError, inside


def entry(ident: str, node: str = "w-1") -> Entry:
    return Entry(ident, "kubelet_stop", node, (("disable", True),), (inside("systemctl start kubelet"),), 100.0, 400.0)


def test_what_is_begun_stays_broken_until_it_is_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "folder" / "faults.jsonl")
    assert journal.entries() == []
    journal.begin(entry("a"))
    journal.begin(entry("b", "w-2"))
    journal.note("a", INJECTED)
    assert [one.ident for one in still_broken(journal.entries())] == ["b", "a"], "the newest first"
    assert journal.entries()[0].undo == (inside("systemctl start kubelet"),) and journal.entries()[0].phase == INJECTED
    journal.note("a", UNDONE)
    assert broken_nodes(journal.entries()) == {"w-2"}


def test_whoever_dies_while_writing_spoils_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "faults.jsonl")
    journal.begin(entry("a"))
    whole = journal.path.read_bytes()
    journal.begin(entry("b"))
    line = journal.path.read_bytes()[len(whole) :]
    for length in range(len(line)):
        journal.path.write_bytes(whole + line[:length])
        journal.note("a", UNDONE)
        journal.begin(entry("c"))
        known = {one.ident: one.phase for one in journal.entries()}
        assert known["a"] == UNDONE and known["c"] == "begun", length
        # Half of it is not there; the whole of it without its end of line is.
        assert ("b" in known) is (length == len(line) - 1), length


def test_a_journal_that_says_something_else_is_refused(tmp_path: Path) -> None:
    for line in ("[]", '{"phase": "injected", "ident": "x"}', '{"phase": "begun"}', "7"):
        with pytest.raises(ChaosError, match="line 1 cannot be read"):
            entries_of([line + "\n"])
    with pytest.raises(ChaosError, match="cannot be read"):
        Journal(tmp_path).entries()
    told = {"where": "moon", "argv": [], "stdin": "", "may_fail": False}
    begun = {
        "phase": "begun",
        "ident": "x",
        "fault": "f",
        "node": "n",
        "params": {},
        "undo": [told],
        "at": 1,
        "until": 2,
    }
    with pytest.raises(ChaosError, match="no command"):
        entries_of([json.dumps(begun)])
