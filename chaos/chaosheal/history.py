# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens in a run, written down as it happens: one line of JSON for each event."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chaosheal.model import ChaosError

_LOOK_SECONDS = 0.1


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


def read(path: Path) -> list[dict[str, Any]]:
    """The events in a file, but for a line that is being written.

    :raises ChaosError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except (OSError, ValueError) as exc:
        raise ChaosError(f"the events in {path} cannot be read: {exc}") from None


def wait_for(path: Path, about: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The next event from now on that says all this.

    :raises ChaosError: there is none within so many seconds.
    """
    known, end = len(read(path)), time.monotonic() + seconds
    while time.monotonic() < end:
        for event in read(path)[known:]:
            if about.items() <= event.items():
                return event
        time.sleep(_LOOK_SECONDS)
    told = ", ".join(f"{key} {value}" for key, value in about.items())
    raise ChaosError(f"within {seconds:.0f} s there was no event with {told}")
