# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import hashlib
import os
import resource
import signal
from pathlib import Path

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils import _evidence_folder as folder
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import BundleError

UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
NAME = f"evidence_{UID}_w1_20261121T030002Z.json.gz"
OTHER = f"evidence_{UID}_w2_20261121T030002Z.json.gz"


def test_a_bundle_is_for_its_owner_alone_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = folder.keep(str(tmp_path), NAME, "told")
    finally:
        os.umask(before)
    path = tmp_path / NAME
    assert path.stat().st_mode & 0o7777 == 0o600
    assert gzip.decompress(path.read_bytes()) == b"told"
    assert (made.name, made.size) == (NAME, path.stat().st_size)
    assert made.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [one.name for one in tmp_path.iterdir()] == [NAME]
    again = folder.keep(str(tmp_path), NAME, "told again")
    assert gzip.decompress(path.read_bytes()) == b"told again" and again.sha256 != made.sha256


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for given, why in (
        ("", "no folder is set for it"),
        ("evidence", "evidence is not an absolute path"),
        (str(tmp_path / "none"), "is not a directory on the controller: make or mount it first"),
    ):
        assert why in folder.why_not(given)
        with pytest.raises(BundleError, match=why):
            folder.keep(given, NAME, "told")
    assert list(tmp_path.iterdir()) == []


def test_no_other_name_is_written(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not the name of an evidence bundle"):
        folder.keep(str(tmp_path), "../x.json.gz", "told")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """The kernel itself refuses, as with a full disk; root may write anywhere, so a mode would show nothing."""
    (tmp_path / NAME).write_text("the one before", encoding="utf-8")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        with pytest.raises(BundleError, match="it cannot be written"):
            folder.keep(str(tmp_path), NAME, os.urandom(4096).hex())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [one.name for one in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_text(encoding="utf-8") == "the one before"


def test_old_ones_go_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    old, abandoned, begun = tmp_path / OTHER, tmp_path / ".evidence-a", tmp_path / ".evidence-b"
    for path in (old, abandoned, begun, tmp_path / "notes.txt"):
        path.write_text("x", encoding="utf-8")
    for path in (old, abandoned, tmp_path / "notes.txt"):
        os.utime(path, (1000, 1000))
    # A link under a name of ours is none of ours, and leads to somebody else's file.
    link = tmp_path / f"evidence_{UID}_w3_20261121T030002Z.json.gz"
    link.symlink_to(tmp_path / "notes.txt")
    folder.keep(str(tmp_path), NAME, "told")
    now = (tmp_path / NAME).stat().st_mtime
    assert folder.prune(str(tmp_path), NAME, 50, 90, now) == (OTHER,)
    assert {one.name for one in tmp_path.iterdir()} == {NAME, begun.name, "notes.txt", link.name}
    assert folder.prune(str(tmp_path / "none"), NAME, 50, 90, now) == ()
