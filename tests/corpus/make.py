# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.corpus.make``: write the snapshots that are made by hand, always the same ones.

The cases are in cases/, each with its label beside it. The labels are a person's: nothing there is computed by the code
that is tested with them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.selfheal.kubernetes.tests.corpus.build import Raw
from ansible_collections.selfheal.kubernetes.tests.corpus.cases import (
    control_plane,
    healthy,
    nodes,
    odd,
    patterns,
    workloads,
)
from ansible_collections.selfheal.kubernetes.tests.corpus.cases._label import MADE, NEAR_MISSES

__all__ = ["NEAR_MISSES", "everything", "text", "write"]

# Each registers its snapshots when it is imported.
SOURCES = (control_plane, healthy, nodes, odd, patterns, workloads)
FOLDER = Path(__file__).resolve().parent / "made"


def everything() -> dict[str, Raw]:
    """Name to content of every made snapshot."""
    return dict(MADE)


def text(content: Raw) -> str:
    """The file's text: one object a line, so that a change of one is a change of one line."""
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_value(value)}" for key, value in content.items()) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, dict) and any(isinstance(each, list) for each in value.values()):
        lines = [f"  {json.dumps(key)}: {_lines(each)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + "\n}"
    return _dump(value)


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {_dump(each)}" for each in value) + "\n  ]"
    return _dump(value)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write() -> None:
    """Write every file, and remove those that nothing makes any more."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem not in MADE:
            path.unlink()
    for name, content in MADE.items():
        (FOLDER / f"{name}.json").write_text(text(content), encoding="utf-8")


if __name__ == "__main__":
    write()
    print(f"{len(MADE)} snapshots in {FOLDER}")
