# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab keeps things. Standard library only: it runs before any environment exists."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent


def cache_root() -> Path:
    """The cache shared by all checkouts of this user: ``${XDG_CACHE_HOME:-~/.cache}/selfheal``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "selfheal"


def versions() -> dict[str, dict[str, Any]]:
    """The content of lab/versions.toml."""
    return tomllib.loads((CHECKOUT / "lab" / "versions.toml").read_text(encoding="utf-8"))
