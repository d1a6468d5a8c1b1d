# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Whether a host has restarted, by what it says of its start.

A start is the boot ID of the host's kernel, and the moment, in ticks of that kernel, at which the host's first process
began: ``<32 hex digits>/<ticks>``. The boot ID alone would do for machines. Containers of one machine, as kind's nodes,
share it, and it stays as it is when they restart; but their first process is another one then. Neither needs a clock
that is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOLD = re.compile(r"^boot=([0-9a-fA-F-]{32,36})/([0-9]{1,20}) age=(-?[0-9]{1,12})\s*$", re.ASCII | re.MULTILINE)
_WANTED = re.compile(r"([0-9a-fA-F-]{32,36})(?:/([0-9]{1,20}))?", re.ASCII)


@dataclass(frozen=True)
class Start:
    """One start of a host, and for how many seconds its first process has run (negative where that makes no sense)."""

    boot_id: str
    ticks: str
    age: int

    @property
    def name(self) -> str:
        """What tells this start from every other one of the host."""
        return f"{self.boot_id}/{self.ticks}"


def start_in(text: str) -> Start | None:
    """The start that a host has told of in its answer; None if it has not."""
    found = _TOLD.search(text)
    return Start(_plain(found[1]), found[2], int(found[3])) if found and len(_plain(found[1])) == 32 else None


def has_restarted(before: str, start: Start | None, waited: float) -> bool:
    """Whether the host has restarted since it was asked to.

    :param before: the name of its start at that moment; empty if it did not answer then.
    :param start: what it says now.
    :param waited: seconds since it was asked to, by the asker's clock.
    """
    if start is None:
        return False
    if before:
        return start.name != before
    # Nothing is known of before, so it has to be younger than the request.
    return 0 <= start.age < waited


def is_over(wanted: str, start: Start | None) -> bool:
    """Whether a start that somebody wants to be ended has ended already.

    :param wanted: a boot ID as in ``status.nodeInfo.bootID`` of a node, with or without the ticks; empty for any.
    """
    named = _WANTED.fullmatch(wanted)
    if start is None or named is None:
        return False
    return _plain(named[1]) != start.boot_id or (named[2] is not None and named[2] != start.ticks)


def _plain(boot_id: str) -> str:
    return boot_id.replace("-", "").lower()
