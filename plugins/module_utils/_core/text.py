# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Text of others, such as a kubelet's words about its node, before people see it."""

from __future__ import annotations

from collections.abc import Iterable


def printable(text: str) -> str:
    """The text in one line that does nothing to a terminal: it could fake a recap, or erase what stands above it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def one_line(parts: Iterable[object], length: int) -> str:
    """What several have said, as one printable line of at most so many characters; who has said nothing is left out.

    Where it is cut it ends with three dots.
    """
    words = " ".join(printable(" ".join(str(part).split())) for part in parts if part is not None).split()
    line = " ".join(words)
    return line if len(line) <= length else f"{line[: max(0, length - 3)].rstrip()}..."[:length]
