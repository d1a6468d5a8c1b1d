# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: tool environments and real kind clusters for the demo and the tests."""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"this needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}: set PYTHON=python3.X")
