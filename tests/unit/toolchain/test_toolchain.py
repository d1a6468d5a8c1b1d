# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from lab import toolchain
from lab.paths import versions
from lab.shell import LabError
from lab.toolchain import Interpreter


def test_the_collection_is_importable_by_its_own_name():
    package = importlib.import_module("ansible_collections.selfheal.kubernetes")
    assert [Path(path).resolve() for path in package.__path__] == [toolchain.CHECKOUT]
