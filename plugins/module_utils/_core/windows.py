# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Maintenance windows: when a disruptive repair may begin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Window:
    """From ``start`` to ``end``, in minutes of the day by the clock of ``timezone``, on the days on which it starts.

    One that ends at or before its start lasts past midnight.
    """

    start: int
    end: int
    days: tuple[str, ...] = DAYS
    timezone: str = "UTC"

    def contains(self, now: datetime) -> bool:
        """Whether the moment lies in it."""
        there = now.astimezone(zone(self.timezone))
        minute = there.hour * 60 + there.minute
        today, yesterday = DAYS[there.weekday()], DAYS[(there - timedelta(days=1)).weekday()]
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)

    def __str__(self) -> str:
        return f"{','.join(self.days)} {_clock(self.start)}-{_clock(self.end)} {self.timezone}"


def zone(name: str) -> tzinfo:
    """The time zone of that name. UTC is known also where there is no time zone database.

    :raises KeyError, OSError, TypeError, ValueError: when there is none.
    """
    return UTC if name == "UTC" else ZoneInfo(name)


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Whether one of them is open; always when there is none."""
    windows = tuple(windows)
    return not windows or any(window.contains(now) for window in windows)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
