# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's cache: things made once, under a key that is a hash of what they were made of.

A thing appears under its final name only when it is complete (temporary name, then rename), so a run that was killed
anywhere leaves nothing that looks finished. A lock per thing lets two runs share the cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.paths import cache_root
from lab.progress import say


def key(*inputs: object) -> str:
    """Twelve hex digits that change with any of the inputs (JSON values, bytes, or paths whose content counts)."""
    digest = hashlib.sha256()
    for value in inputs:
        if isinstance(value, Path):
            for path in sorted(p for p in ([value] if value.is_file() else value.rglob("*")) if p.is_file()):
                mode = path.stat().st_mode & 0o111
                digest.update(f"{path.relative_to(value)}:{mode:o}:".encode() + path.read_bytes())
        else:
            digest.update(value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:12]


@contextmanager
def locked(name: str, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of that name, across processes and threads; yields False if it cannot be had without waiting."""
    path = cache_root() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("a+") as file:
        held = True
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait:
                say(f"waiting for another run that works on {name}")
                fcntl.flock(file, mode)
            else:
                held = False
        yield held


def place(kind: str, name: str, digest: str) -> Path:
    """Where a thing stands in the cache, made or not."""
    return cache_root() / kind / f"{name}-{digest}"


@contextmanager
def scratch(label: str) -> Iterator[Path]:
    """A new empty directory on the cache's file system, gone afterwards. Hold a lock of the same label around it.

    What an earlier, killed run left under this label is removed first.
    """
    folder = cache_root() / "tmp" / label
    remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


def artifact(kind: str, name: str, digest: str, make: Callable[[Path], object]) -> Path:
    """The cached file or directory of that name and key; made by ``make(path)`` when it is not there."""
    final = place(kind, name, digest)
    if final.exists():
        return final
    with locked(f"{kind}-{name}"):
        if not final.exists():
            with scratch(f"{kind}-{name}") as folder:
                make(folder / name)
                publish(folder / name, final)
    return final


def publish(made: Path, final: Path) -> None:
    """Give a complete thing its final name, in one step."""
    final.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, final)


def remove(path: Path) -> None:
    """Remove a file or tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
