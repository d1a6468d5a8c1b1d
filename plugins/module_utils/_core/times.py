# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Timestamps as the Kubernetes API writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

# To this year years can be added.
LAST_YEAR = 9000


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 timestamp with a zone, or None for an absent or unreadable one.

    Unreadable counts as absent because absence already means unknown everywhere in the core. So does a time at the end
    of what can be counted: a kubelet writes its own Lease, and nobody may stop a run by a year to which nothing adds.
    """
    return _parsed(text) if text and isinstance(text, str) else None


# Most moments of a snapshot are told by many objects.
@lru_cache(maxsize=4096)
def _parsed(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo and parsed.year <= LAST_YEAR else None
    except (OverflowError, ValueError):
        return None


def format_time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with whole seconds, the form of metav1.Time."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def format_micro_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, the form of metav1.MicroTime that Leases use."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def seconds_between(earlier: datetime, later: datetime) -> int:
    """Whole seconds from one moment to the other, never below 0 (clocks may disagree a little)."""
    return max(0, int((later - earlier).total_seconds()))


def count_within(moments: Iterable[datetime], window: int, now: datetime) -> int:
    """How many of the moments lie less than so many seconds back."""
    return sum(1 for at in moments if seconds_between(at, now) < window)
