# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for something to be so."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(so: Callable[[], bool], seconds: float, what: str) -> float:
    """How many seconds it took; fails if it is not so by then."""
    begun = time.monotonic()
    while not so():
        assert time.monotonic() - begun < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(1)
    return time.monotonic() - begun
