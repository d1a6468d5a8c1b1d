# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core import windows
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import PolicyError, parse_policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import DAYS, Window, is_open
from hypothesis import given
from hypothesis import strategies as st

HOUR = 60
# 2026-11-21 is a Saturday.
NIGHT = Window(22 * HOUR, 4 * HOUR)


def at(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def test_the_calendar_of_these_tests() -> None:
    assert DAYS[at(21, 12).weekday()] == "Sat"


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        pytest.param(Window(60, 180), at(21, 0, 59, 59), False, id="a second before"),
        pytest.param(Window(60, 180), at(21, 1), True, id="its first second"),
        pytest.param(Window(60, 180), at(21, 2, 59, 59), True, id="its last second"),
        pytest.param(Window(60, 180), at(21, 3), False, id="its end is not in it"),
        pytest.param(NIGHT, at(21, 21, 59, 59), False, id="before a night"),
        pytest.param(NIGHT, at(21, 22), True, id="the beginning of a night"),
        pytest.param(NIGHT, at(21, 0), True, id="midnight"),
        pytest.param(NIGHT, at(21, 3, 59, 59), True, id="the last second of a night"),
        pytest.param(NIGHT, at(21, 4), False, id="after a night"),
        pytest.param(Window(22 * HOUR, 24 * HOUR), at(21, 23, 59, 59), True, id="until midnight"),
        pytest.param(Window(22 * HOUR, 24 * HOUR), at(22, 0), False, id="not past midnight"),
        pytest.param(Window(22 * HOUR, 0), at(21, 23, 59), True, id="until 00:00"),
        pytest.param(Window(22 * HOUR, 0), at(22, 0), False, id="00:00 is its end"),
        pytest.param(Window(0, 0), at(21, 0), True, id="a whole day begins"),
        pytest.param(Window(0, 24 * HOUR), at(21, 23, 59, 59), True, id="a whole day ends"),
    ],
)
def test_edges(window: Window, moment: datetime, inside: bool) -> None:
    assert window.contains(moment) is inside


@pytest.mark.parametrize(
    ("days", "moment", "inside"),
    [
        pytest.param(("Sat",), at(21, 23), True, id="the evening of its day"),
        pytest.param(("Sat",), at(22, 3), True, id="the morning after belongs to it"),
        pytest.param(("Sat",), at(21, 3), False, id="the morning of its day belongs to the day before"),
        pytest.param(("Sat",), at(22, 23), False, id="the evening after"),
        pytest.param(("Sun",), at(23, 3), True, id="over the end of the week"),
        pytest.param(("Fri", "Sun"), at(21, 23), False, id="between two of its days"),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(days: tuple[str, ...], moment: datetime, inside: bool) -> None:
    assert Window(22 * HOUR, 4 * HOUR, days).contains(moment) is inside


@pytest.mark.parametrize(
    ("day", "moment", "inside"),
    [("Sat", at(21, 12), True), ("Fri", at(21, 12), False), ("Sun", at(21, 12), False)],
)
def test_a_day_that_ends_before_midnight_is_only_itself(day: str, moment: datetime, inside: bool) -> None:
    assert Window(600, 840, (day,)).contains(moment) is inside


BERLIN = Window(2 * HOUR, 3 * HOUR, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        pytest.param(BERLIN, at(21, 1), True, id="winter, an hour ahead of UTC"),
        pytest.param(BERLIN, at(21, 2), False, id="winter, by the clock of UTC it would be open"),
        pytest.param(BERLIN, at(21, 0, month=7), True, id="summer, two hours ahead of UTC"),
        pytest.param(BERLIN, at(21, 1, month=7), False, id="summer, after it"),
        pytest.param(BERLIN, at(25, 0, 30, month=10), True, id="the hour that comes twice, first"),
        pytest.param(BERLIN, at(25, 1, 30, month=10), True, id="the hour that comes twice, again"),
        pytest.param(BERLIN, at(25, 2, month=10), False, id="after it came twice"),
        pytest.param(BERLIN, at(29, 0, 59, 59, month=3), False, id="before the hour that is left out"),
        pytest.param(BERLIN, at(29, 1, month=3), False, id="01:59:59 is followed by 03:00:00"),
        pytest.param(
            Window(22 * HOUR, 2 * HOUR, ("Sat",), "Asia/Tokyo"), at(21, 13), True, id="Saturday 22:00 in Tokyo"
        ),
        pytest.param(
            Window(22 * HOUR, 2 * HOUR, ("Sat",), "Asia/Tokyo"), at(21, 16, 59), True, id="Sunday 01:59 in Tokyo"
        ),
        pytest.param(
            Window(0, 2 * HOUR, ("Sun",), "Pacific/Auckland"), at(21, 11), True, id="there it is Sunday already"
        ),
    ],
)
def test_time_zones(window: Window, moment: datetime, inside: bool) -> None:
    assert window.contains(moment) is inside


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 1), (10, 25, 3), (11, 21, 2)])
def test_a_window_over_the_change_of_the_clocks_is_as_long_as_the_clock_says(month: int, day: int, hours: int) -> None:
    window = Window(1 * HOUR + 30, 3 * HOUR + 30, timezone="Europe/Berlin")
    midnight = datetime(2026, month, day, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    minutes = [midnight + timedelta(minutes=n) for n in range(6 * HOUR)]
    assert sum(window.contains(moment) for moment in minutes) == hours * HOUR


WINDOWS = st.builds(
    Window,
    start=st.integers(0, 1440),
    end=st.integers(0, 1440),
    days=st.sets(st.sampled_from(DAYS), min_size=1).map(lambda d: tuple(day for day in DAYS if day in d)),
)


@given(WINDOWS)
def test_it_is_open_for_so_many_minutes_of_a_week(window: Window) -> None:
    length = window.end - window.start if window.start < window.end else window.end + 1440 - window.start
    week = [at(16, 0) + timedelta(minutes=n) for n in range(0, 7 * 1440, 5)]
    expected = length * len(window.days) / 5
    assert abs(sum(window.contains(moment) for moment in week) - expected) <= len(window.days)


def test_any_of_several_will_do_and_none_is_always() -> None:
    noon, night = Window(660, 780), NIGHT
    assert is_open([noon, night], at(21, 12)) and is_open([noon, night], at(21, 23))
    assert not is_open([noon, night], at(21, 15))
    assert is_open([], at(21, 15))
    assert is_open(iter([noon]), at(21, 12))


def test_for_people() -> None:
    assert str(Window(1320, 245, ("Sat", "Sun"), "Europe/Berlin")) == "Sat,Sun 22:00-04:05 Europe/Berlin"
    assert str(Window(0, 1440)) == "Mon,Tue,Wed,Thu,Fri,Sat,Sun 00:00-24:00 UTC"


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def nothing(key: str) -> NoReturn:
        raise ZoneInfoNotFoundError(f"No time zone found with key {key}")

    return lambda: monkeypatch.setattr(windows, "ZoneInfo", nothing)


def test_utc_needs_no_time_zone_database(no_database: Callable[[], None]) -> None:
    no_database()
    given = {"maintenance_windows": [{"start": "01:00", "end": "02:00", "timezone": "UTC"}, {"start": 60, "end": 120}]}
    both = parse_policy(given).maintenance_windows
    assert [window.contains(at(21, 1)) for window in both] == [True, True]
    given["maintenance_windows"][0]["timezone"] = "Europe/Berlin"
    with pytest.raises(
        PolicyError, match=r"\[0\]\.timezone: expected the name of a time zone like Europe/Berlin \(UTC"
    ):
        parse_policy(given)
