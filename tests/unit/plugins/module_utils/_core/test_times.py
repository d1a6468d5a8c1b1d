# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    LAST_YEAR,
    format_micro_time,
    format_time,
    parse_time,
    seconds_between,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago
from hypothesis import given
from hypothesis import strategies as st

ANY_TIME = st.datetimes(max_value=datetime(LAST_YEAR, 12, 31), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("2026-11-21T03:00:00Z", NOW, id="metav1.Time"),
        pytest.param("2026-11-21T03:00:00.000000Z", NOW, id="metav1.MicroTime"),
        pytest.param("2026-11-21T04:30:00+01:30", NOW, id="another zone"),
    ],
)
def test_readable(text: str, meant: datetime) -> None:
    parsed = parse_time(text)
    assert parsed == meant
    assert parsed is not None and parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "2026-11-21",
        "2026-11-21T03:00:00",
        "2026-13-40T99:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        1763694000,
        ["2026-11-21T03:00:00Z"],
        True,
        "9001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
    ids=repr,
)
def test_unreadable_counts_as_absent(text: str | None) -> None:
    assert parse_time(text) is None


@given(st.text() | st.none() | st.integers() | st.binary())
def test_nothing_breaks_it(text: str | None) -> None:
    parsed = parse_time(text)
    assert parsed is None or parsed.tzinfo is UTC


@given(ANY_TIME)
def test_round_trip(moment: datetime) -> None:
    assert parse_time(format_micro_time(moment)) == moment
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)


def test_forms() -> None:
    late = ago(0.5)
    assert format_time(late) == "2026-11-21T02:59:59Z"
    assert format_micro_time(late) == "2026-11-21T02:59:59.500000Z"
    assert format_time(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-21T03:00:00Z"
    assert format_time(None) is None


@pytest.mark.parametrize(
    ("later", "seconds"), [(0.0, 0), (0.999, 0), (1.0, 1), (299.999, 299), (300.0, 300), (-0.5, 0), (-3600.0, 0)]
)
def test_whole_seconds_never_below_zero(later: float, seconds: int) -> None:
    assert seconds_between(NOW, NOW + timedelta(seconds=later)) == seconds
