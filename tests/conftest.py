# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own import name, ``ansible_collections.selfheal.kubernetes``, for every test below."""

from __future__ import annotations

import sys

from lab import toolchain

# `lab.toolchain run` has set it already; this serves an editor that starts pytest by itself.
if str(toolchain.tree()) not in sys.path:
    sys.path.insert(0, str(toolchain.tree()))
