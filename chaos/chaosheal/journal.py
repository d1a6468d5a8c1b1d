# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has been broken and how it is made whole again, written down before anything is touched.

One line of JSON for each step, on the disk before the step is taken: whoever dies in between leaves what somebody else
needs to take the fault back.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosheal.model import ChaosError, Command

BEGUN, INJECTED, UNDONE = "begun", "injected", "undone"


@dataclass(frozen=True)
class Entry:
    """One fault on one node.

    :ivar until: when it is taken back if nobody else has done so, in seconds since 1970.
    :ivar planes: the addresses of the control planes, which nobody can ask for once they are broken.
    :ivar phase: begun, injected or undone.
    """

    ident: str
    fault: str
    node: str
    params: tuple[tuple[str, Any], ...]
    undo: tuple[Command, ...]
    at: float
    until: float
    planes: tuple[str, ...] = ()
    phase: str = BEGUN


def entries_of(lines: Iterable[str]) -> list[Entry]:
    """What the journal says, the last word of each fault.

    Half a line is of somebody who died while writing it, before he did what it was about.

    :raises ChaosError: a whole line that says something else.
    """
    found: dict[str, Entry] = {}
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        try:
            if told["phase"] == BEGUN:
                found[told["ident"]] = Entry(
                    ident=told["ident"],
                    fault=told["fault"],
                    node=told["node"],
                    params=tuple(sorted(told["params"].items())),
                    undo=tuple(Command.from_dict(one) for one in told["undo"]),
                    at=float(told["at"]),
                    until=float(told["until"]),
                    planes=tuple(map(str, told["planes"])),
                )
            else:
                found[told["ident"]] = replace(found[told["ident"]], phase=str(told["phase"]))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ChaosError(f"the journal's line {number} cannot be read: {exc!r}") from None
    return list(found.values())


def still_broken(entries: Iterable[Entry]) -> list[Entry]:
    """What has been begun and is not taken back, the newest first, which is the order to take it back in."""
    return [one for one in reversed(list(entries)) if one.phase != UNDONE]


class Journal:
    """The journal in a file. Several processes may write to it.

    :raises ChaosError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """What it says."""
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                return entries_of(file.readlines())
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as exc:
            raise ChaosError(f"the journal {self.path} cannot be read: {exc}") from None

    def begin(self, entry: Entry) -> None:
        """Write down what is about to be broken."""
        told = {
            "ident": entry.ident,
            "fault": entry.fault,
            "node": entry.node,
            "params": dict(entry.params),
            "undo": [command.to_dict() for command in entry.undo],
            "at": entry.at,
            "until": entry.until,
            "planes": list(entry.planes),
        }
        self._write({"phase": BEGUN, **told})

    def note(self, ident: str, phase: str) -> None:
        """Write down how far it is."""
        self._write({"phase": phase, "ident": ident})

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who breaks or mends something by this journal, for as long as that lasts."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, told: dict[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                # What somebody wrote half of, before he died, must not swallow this line.
                if file.tell() and not _ends_whole(self.path):
                    file.write(b"\n")
                file.write(json.dumps(told).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise ChaosError(f"the journal {self.path} cannot be written: {exc}") from None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def broken_nodes(entries: Sequence[Entry]) -> set[str]:
    """The nodes to which something has been done that is not taken back."""
    return {one.node for one in still_broken(entries)}
