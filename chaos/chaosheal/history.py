# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens in a run, written down as it happens: one line of JSON for each event."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class History:
    """Events in a file and in memory. Several threads write to it.

    :param clock: seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")

    def tell(self, kind: str, **about: Any) -> None:
        """Write an event down."""
        with self._lock:
            event = {"t": round(self._clock(), 3), "kind": kind, **about}
            self.events.append(event)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, default=str) + "\n")
