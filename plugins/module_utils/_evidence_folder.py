# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The folder on the controller in which evidence bundles are kept."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tempfile

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import (
    BundleError,
    check_bundle_name,
    outdated,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle

# What a run that was killed may have left half-written, and after how many seconds nobody writes it any more.
_BEGUN, _ABANDONED = ".evidence-", 3600


def why_not(folder: str) -> str:
    """Why nothing can be kept in the folder, or an empty text. It is not made: a missing one is a forgotten mount."""
    if not folder:
        return "no folder is set for it (selfheal_evidence_dir)"
    if not os.path.isabs(folder):
        return f"{folder} is not an absolute path"
    if not os.path.isdir(folder):
        return f"{folder} is not a directory on the controller: make or mount it first"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} may not be written to"
    return ""


def keep(folder: str, name: str, content: str) -> Bundle:
    """Write the bundle: all of it or nothing, for its owner alone.

    :raises BundleError: when it cannot be written.
    """
    check_bundle_name(name)
    why = why_not(folder)
    if why:
        raise BundleError(why)
    # Without a time of writing in it the same content gives the same sum.
    data = gzip.compress(content.encode(), mtime=0)
    path = ""
    try:
        # Only its owner may read what is made like this.
        number, path = tempfile.mkstemp(prefix=_BEGUN, dir=folder)
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path, os.path.join(folder, name))
    except OSError as exc:
        if path:
            _remove(path)
        raise BundleError(f"{folder}: it cannot be written ({exc.strerror or exc})") from None
    return Bundle(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def prune(folder: str, newest: str, keep_count: int, keep_days: int, now: float) -> tuple[str, ...]:
    """Remove the bundles of the same cluster that need not be kept any more; their names. No other file is touched."""
    written: dict[str, float] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                told = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(told.st_mode):
                    continue
                if entry.name.startswith(_BEGUN) and now - told.st_mtime > _ABANDONED:
                    _remove(entry.path)
                written[entry.name] = told.st_mtime
    except OSError:
        # What is there too much of today goes the next time.
        return ()
    return tuple(
        name for name in outdated(written, newest, keep_count, keep_days, now) if _remove(os.path.join(folder, name))
    )


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
        return True
    except OSError:
        return False
