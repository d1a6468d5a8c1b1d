# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often tests repeat what they repeat: ``make test`` takes a share, the proofs and ``make nightly`` all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

# Set by ``make ... THOROUGH=1``.
THOROUGH = os.environ.get("SELFHEAL_THOROUGH") == "1"


def share(of: Sequence[T], nth: int, thorough: bool = THOROUGH) -> list[T]:
    """Every nth one, beginning with the first; all of them when the run is a thorough one."""
    return list(of) if thorough else list(of[::nth])
