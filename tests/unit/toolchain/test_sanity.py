# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser

from lab import sanity
from lab.paths import CHECKOUT


def test_the_copy_holds_what_git_would_and_nothing_that_is_ignored():
    ignored = CHECKOUT / "build" / "test" / "not-for-the-copy.txt"
    ignored.parent.mkdir(parents=True, exist_ok=True)
    ignored.touch()
    names = {str(path) for path in sanity.source_files()}
    assert {"galaxy.yml", "lab/sanity.py", "tests/config.yml"} <= names
    assert not [name for name in names if name.startswith(("build/", ".git/")) or "__pycache__" in name]


def test_pips_settings_survive_as_a_file(tmp_path):
    text = sanity._pip_conf({"find-links": "/one\n/two", "cert": "/a.pem"})
    read = configparser.RawConfigParser()
    read.read_string(text)
    assert read["global"]["find-links"].split() == ["/one", "/two"]
    assert read["global"]["cert"] == "/a.pem"
