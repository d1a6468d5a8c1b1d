# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.baseline import (
    METRICS,
    SPACING,
    Baseline,
    BaselineError,
    Deviation,
    Look,
    from_dict,
    learn,
    metrics_of,
    to_dict,
    unusual,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import (
    ApiEndpoint,
    Container,
    DaemonSet,
    Event,
    Pod,
    Pods,
    Ref,
    Service,
    Usage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW, ago, node, ready, snapshot
from hypothesis import given
from hypothesis import strategies as st

DAY = 86400
STEP = int(SPACING.total_seconds())
NAME = "warning_events"
# Of a metric that is told in both directions.
BOTH = "pods"


def history(value: Callable[[datetime], float], days: float = 5, name: str = NAME, end: datetime = NOW) -> Baseline:
    """What so many days of looks, one each 13 minutes and the last one just before ``end``, leave behind."""
    times = [end - timedelta(seconds=age) for age in range(int(days * DAY), 0, -STEP)]
    looks = tuple(Look(at, {name: value(at)}) for at in times)
    kept = tuple(look for i, look in enumerate(looks) if sum(o.at.hour == look.at.hour for o in looks[i:]) <= 20)
    return Baseline(kept, {name: len(looks)}, {name: times[0]})


def flat(value: float, name: str = NAME, days: float = 5) -> Baseline:
    return history(lambda _at: value, days, name)


def seen(
    baseline: Baseline, value: float, name: str = NAME, now: datetime = NOW, policy: Policy = Policy()
) -> Deviation | None:
    found = unusual(baseline, {name: value}, now, policy)
    assert {one.metric for one in found} <= {name}
    return found[0] if found else None


# --- the metrics of a snapshot


def restarted(name: str, *ends: float | None) -> Pod:
    containers = tuple(
        Container(f"c{i}", True, 3, "running", last_finished=None if e is None else ago(e)) for i, e in enumerate(ends)
    )
    return Pod(name, "shop", f"uid-{name}", "w1", "Running", containers=containers)


def test_every_metric_is_read_off_a_snapshot() -> None:
    suspects = (restarted("p1", 3599, 20), restarted("p2", 3600, None), restarted("p3"))
    times = [*map(ago, (0, 599, 600, 9999)), None]
    busy = snapshot(
        [node("a"), node("b", ready("False")), node("c", conditions=())],
        pods=Pods(100, suspects, {"CrashLoopBackOff": 4}),
        daemonsets=(DaemonSet("d", "x", "", 5, 5, 3), DaemonSet("e", "x", "", 1, 1, 2)),
        services=(Service("s", "x", 0, 2), Service("t", "x", 0, 0), Service("u", "x", 1, 2)),
        events=tuple(Event(Ref("Pod", "p"), "BackOff", "", last) for last in times),
        endpoints=(
            ApiEndpoint("https://1", True, True, 5.0),
            ApiEndpoint("https://2", False, None, 80.0),
            ApiEndpoint("https://3", True, True, None),
            ApiEndpoint("https://4", None, None, 9000.0),
        ),
        metrics={
            "a": Usage(1.0, 30, 2.0, 100),
            "b": Usage(1.0, 10, 6.0, 100),
            "c": Usage(99.0, 99, None, None),
            "d": Usage(99.0, 99, 0.0, 0),
        },
    )
    assert metrics_of(busy) == {
        "nodes_not_ready": 2,
        "pods": 100,
        "pods_suspect": 7,
        "pods_restarting": 5,
        "daemonset_pods_missing": 2,
        "services_without_endpoints": 2,
        "warning_events": 2,
        "api_latency_ms": 80.0,
        "cpu_percent": 25.0,
        "memory_percent": 20.0,
    }
    assert set(metrics_of(busy)) == set(METRICS)


PARTS = {
    "nodes": {"nodes_not_ready"},
    "pods": {"pods", "pods_suspect", "pods_restarting"},
    "daemonsets": {"daemonset_pods_missing"},
    "services": {"services_without_endpoints"},
    "events": {"warning_events"},
    "endpoints": {"api_latency_ms"},
    "metrics": {"cpu_percent", "memory_percent"},
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_read_has_no_metrics(part: str) -> None:
    whole = snapshot([node()])
    assert metrics_of(whole).keys() - metrics_of(replace(whole, **{part: None})).keys() == PARTS[part]
    assert metrics_of(Snapshot(NOW)) == {}


def test_what_is_no_number_is_no_metric() -> None:
    bad = snapshot([node()], endpoints=(ApiEndpoint("https://1", True, True, float("inf")),))
    assert "api_latency_ms" not in metrics_of(bad)


# --- learning


def test_the_first_look_is_learned() -> None:
    learned = learn(Baseline(), {NAME: 3, "pods": 1.005}, NOW + timedelta(microseconds=7))
    assert learned == Baseline((Look(NOW, {NAME: 3.0, "pods": 1.0}),), {NAME: 1, "pods": 1}, {NAME: NOW, "pods": NOW})


@pytest.mark.parametrize(("seconds", "learned"), [(0, 1), (STEP - 1, 1), (STEP, 2), (DAY, 2)])
def test_looks_are_kept_at_a_distance(seconds: int, learned: int) -> None:
    first = learn(Baseline(), {NAME: 1}, NOW)
    second = learn(first, {NAME: 2}, NOW + timedelta(seconds=seconds))
    assert second.learned == {NAME: learned}
    assert (second is first) == (learned == 1)


def test_nothing_is_learned_from_nothing() -> None:
    known = flat(1)
    for values in ({}, {"nonsense": 1.0}, {NAME: float("nan")}, {NAME: float("inf")}):
        assert learn(known, values, NOW) is known


def test_a_metric_that_cannot_be_read_is_not_learned() -> None:
    both = learn(Baseline(), {NAME: 1, "pods": 2}, NOW)
    one = learn(both, {"pods": 3, "nonsense": 4}, NOW + SPACING)
    assert one.learned == {NAME: 1, "pods": 2}
    assert one.looks[-1].values == {"pods": 3}
    assert one.since == {NAME: NOW, "pods": NOW}


def test_the_memory_is_bounded_and_old_looks_leave() -> None:
    known, now = Baseline(), NOW
    for number in range(110 * 7):
        known = learn(known, dict.fromkeys(METRICS, 123456.78 + number), now)
        now += SPACING
    assert known.learned == dict.fromkeys(METRICS, 770)
    assert known.since == dict.fromkeys(METRICS, NOW)
    assert len(known.looks) == 24 * 20
    assert all(sum(look.at.hour == hour for look in known.looks) == 20 for hour in range(24))
    assert all(a.at < b.at for a, b in pairwise(known.looks))
    assert now - known.looks[0].at < timedelta(days=5)
    # A ConfigMap holds 1 MiB.
    assert len(json.dumps(to_dict(known))) < 65_536


@pytest.mark.parametrize(("age", "kept"), [(28 * DAY, 2), (28 * DAY + 1, 1)])
def test_a_look_leaves_after_28_days(age: int, kept: int) -> None:
    known = learn(learn(Baseline(), {NAME: 1}, ago(age)), {NAME: 2}, NOW)
    assert len(known.looks) == kept
    assert known.since == {NAME: ago(age)}


def test_a_look_from_the_future_does_not_stop_the_learning() -> None:
    wrong = learn(Baseline(), {NAME: 1}, NOW + timedelta(days=365))
    right = learn(wrong, {NAME: 2}, NOW)
    assert [look.at for look in right.looks] == [NOW]
    assert right.since == {NAME: NOW}


def test_learning_makes_the_same_as_a_history() -> None:
    known = Baseline()
    for age in range(3 * DAY, 0, -STEP):
        known = learn(known, {NAME: age % 7}, ago(age))
    assert known == history(lambda at: int((NOW - at).total_seconds()) % 7, 3)


# --- what is unusual


@pytest.mark.parametrize(
    ("usual", "value", "told"),
    [
        pytest.param(0, 11.9, False, id="a wiggle of a flat history"),
        pytest.param(0, 12, True, id="6 times the floor of 2"),
        pytest.param(1000, 1299, False, id="less than 30 % of much"),
        pytest.param(1000, 1300, True, id="30 % of much"),
    ],
)
def test_a_flat_history_has_a_floor(usual: float, value: float, told: bool) -> None:
    assert (seen(flat(usual), value) is not None) is told


def test_the_deviation_tells_its_numbers() -> None:
    assert seen(flat(10, days=2), 50) == Deviation(NAME, 50, 10, 10, 20, samples=222, hour_samples=10)


def test_a_wild_history_allows_more() -> None:
    # The median is 20 and the median distance from it 10, so that a robust deviation is 14.826.
    wild = history(lambda at: (10, 20, 30)[int((NOW - at).total_seconds()) // STEP % 3])
    assert seen(wild, 20 + 6 * 14.8) is None
    found = seen(wild, 20 + 6 * 14.83)
    assert found is not None and found.deviations == pytest.approx(6, abs=0.01)


def test_a_wild_hour_allows_more_in_that_hour() -> None:
    # At 03:00 the median is 100 and the median distance from it 100; no night has seen more than 200.
    wild = history(lambda at: (0, 100, 200)[at.minute % 3] if at.hour == NOW.hour else 1)
    assert seen(wild, 100 + 6 * 148) is None
    assert seen(wild, 100 + 6 * 149) is not None
    assert seen(wild, 100 + 6 * 148, now=NOW + timedelta(hours=9)) is not None


@pytest.mark.parametrize("limit", [2, 6, 50])
def test_the_limit_is_the_policys(limit: int) -> None:
    policy = Policy(baseline_deviations=limit)
    assert seen(flat(0), 2 * limit - 0.1, policy=policy) is None
    assert seen(flat(0), 2 * limit, policy=policy) is not None


def test_less_is_unusual_only_where_it_may_be_trouble() -> None:
    assert seen(flat(1000), 0) is None
    assert seen(flat(1000, BOTH), 701, BOTH) is None
    found = seen(flat(1000, BOTH), 700, BOTH)
    assert found is not None and found.deviations == -6
    assert seen(flat(1000, BOTH), 1300, BOTH) is not None


def test_what_is_usual_in_general_is_not_unusual_at_this_hour() -> None:
    # Only nights are quiet; a busy night is like the day.
    assert seen(history(lambda at: 5 if at.hour in (2, 3, 4) else 500), 500) is None


def test_an_hour_of_the_day_that_nobody_knows_is_not_judged() -> None:
    by_day = history(lambda _at: 1)
    by_day = replace(by_day, looks=tuple(look for look in by_day.looks if look.at.hour in range(8, 18)))
    assert seen(by_day, 1000) is None
    assert seen(by_day, 1000, now=NOW.replace(hour=17)) is not None


def test_three_looks_make_an_hour_known() -> None:
    for count, told in ((2, False), (3, True)):
        known = flat(1)
        of_hour = [look for look in known.looks if look.at.hour == NOW.hour][:count]
        known = replace(known, looks=(*of_hour, *(look for look in known.looks if look.at.hour != NOW.hour)))
        assert (seen(known, 1000) is not None) is told


def test_looks_of_the_future_do_not_count() -> None:
    later = NOW + timedelta(days=2)
    wrong = history(lambda at: 1000 if at > NOW else 1, days=5, end=later)
    assert seen(wrong, 1000) is not None


def nightly(minutes: int) -> Callable[[datetime], float]:
    """A job that begins at 02:05 and takes so many minutes."""
    return lambda at: 500.0 if timedelta() <= at - at.replace(hour=2, minute=5) < timedelta(minutes=minutes) else 1.0


NIGHT = NOW.replace(hour=2, minute=10)


@pytest.mark.parametrize("minutes", [10, 25, 55])
def test_a_job_of_every_night_becomes_usual(minutes: int) -> None:
    known = history(nightly(minutes), end=NIGHT.replace(minute=0))
    assert seen(known, 510, now=NIGHT) is None
    assert seen(known, 500, now=NIGHT + timedelta(hours=1)) is None  # summer time has ended
    assert seen(known, 500, now=NIGHT - timedelta(hours=1)) is None
    assert seen(known, 500, now=NIGHT + timedelta(hours=12)) is not None
    assert seen(known, 5000, now=NIGHT) is not None


def test_what_happened_in_one_night_only_is_told_in_the_second() -> None:
    once = NIGHT - timedelta(days=1)
    known = history(lambda at: 500.0 if abs((at - once).total_seconds()) < 1200 else 1.0)
    assert sum(look.values[NAME] == 500 for look in known.looks) >= 3
    assert seen(known, 500, now=NIGHT) is not None


def test_tonight_does_not_vouch_for_itself() -> None:
    # Last night and for the last half an hour: that is two nights, of which tonight is the one in question.
    hit = [look.at for look in flat(1).looks if (NIGHT - look.at) % timedelta(days=1) < timedelta(minutes=30)]
    known = history(lambda at: 500.0 if at in hit[-5:] else 1.0)
    assert {(NIGHT - look.at).days for look in known.looks if look.values[NAME] == 500} == {0, 1}
    assert seen(known, 500, now=NIGHT) is not None


def test_an_incident_across_midnight_is_one_night() -> None:
    midnight = NOW.replace(hour=0, minute=0)
    known = history(lambda at: 500.0 if abs((at - midnight + timedelta(days=1)).total_seconds()) < 1800 else 1.0)
    assert seen(known, 500, now=midnight + timedelta(minutes=5)) is not None
    assert seen(known, 500, now=midnight - timedelta(minutes=5)) is not None


def test_trouble_that_goes_on_is_told_for_hours() -> None:
    began = NOW - timedelta(hours=6)
    assert seen(history(lambda at: 500.0 if at >= began else 1.0), 500) is not None


def test_a_low_of_every_night_becomes_usual_too() -> None:
    known = history(lambda at: 1000 - nightly(10)(at), name=BOTH)
    assert seen(known, 500, BOTH, now=NIGHT) is None
    assert seen(known, 500, BOTH, now=NIGHT + timedelta(hours=6)) is not None


# --- warm-up


@pytest.mark.parametrize(("looks", "told"), [(49, False), (50, True)])
def test_it_speaks_after_so_many_looks(looks: int, told: bool) -> None:
    known = replace(flat(1), learned={NAME: looks})
    assert (seen(known, 1000) is not None) is told
    assert (seen(known, 1000, policy=Policy(baseline_warmup=looks)) is not None) is True


@pytest.mark.parametrize(("age", "told"), [(DAY - 1, False), (DAY, True)])
def test_it_speaks_after_a_whole_day(age: int, told: bool) -> None:
    assert (seen(replace(flat(1), since={NAME: ago(age)}), 1000) is not None) is told


def test_each_metric_warms_up_by_itself() -> None:
    known = flat(1)
    known = replace(known, looks=tuple(Look(look.at, {**look.values, "pods": 1.0}) for look in known.looks))
    young = replace(known, learned={NAME: 500, "pods": 49}, since={NAME: ago(9 * DAY), "pods": ago(9 * DAY)})
    assert [d.metric for d in unusual(young, {NAME: 1000, "pods": 1000}, NOW, Policy())] == [NAME]
    known = replace(young, learned={NAME: 500, "pods": 50})
    assert [d.metric for d in unusual(known, {"pods": 1000, NAME: 1000}, NOW, Policy())] == ["pods", NAME]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_unusual(value: float) -> None:
    assert seen(flat(1), value) is None


def test_an_unknown_metric_is_not_unusual() -> None:
    assert unusual(flat(1), {"nonsense": 1000}, NOW, Policy()) == ()


def test_an_empty_baseline_says_nothing() -> None:
    assert unusual(Baseline(), dict.fromkeys(METRICS, 10**9), NOW, Policy(baseline_warmup=10)) == ()


# --- properties

VALUES = st.floats(0, 10**6) | st.integers(0, 50).map(float)
NAMES = st.sampled_from(sorted(METRICS))
LIMITS = st.integers(2, 50).map(lambda limit: Policy(baseline_deviations=limit))
MOMENTS = st.integers(0, DAY).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(st.randoms(use_true_random=False), st.lists(st.floats(0, 100), min_size=1, max_size=9), VALUES, LIMITS)
def test_the_order_of_samples_does_not_matter(random: Any, pattern: list[float], value: float, policy: Policy) -> None:
    known = history(lambda at: pattern[int((NOW - at).total_seconds()) // STEP % len(pattern)], 3)
    expected = seen(known, value, policy=policy)
    shuffled = replace(known, looks=tuple(random.sample(known.looks, len(known.looks))))
    assert seen(shuffled, value, policy=policy) == expected
    # Nor does it within an hour of one day: its values change places among themselves.
    hours: dict[tuple[int, int], list[float]] = {}
    for look in known.looks:
        hours.setdefault((look.at.day, look.at.hour), []).append(look.values[NAME])
    for values in hours.values():
        random.shuffle(values)
    mixed = tuple(Look(look.at, {NAME: hours[look.at.day, look.at.hour].pop()}) for look in known.looks)
    assert seen(replace(known, looks=mixed), value, policy=policy) == expected


@given(NAMES, VALUES, LIMITS, MOMENTS)
def test_a_constant_series_never_alarms_at_the_same_value(
    name: str, value: float, policy: Policy, now: datetime
) -> None:
    assert seen(flat(value, name, 3), value, name, now, policy) is None


@given(NAMES, st.floats(0, 100), st.integers(1, 3 * DAY), st.floats(0, 10**9), MOMENTS)
def test_one_outlier_in_the_history_does_not_silence_a_real_one(
    name: str, usual: float, age: int, outlier: float, now: datetime
) -> None:
    known = flat(usual, name, 3)
    real = usual + 1000
    assert seen(known, real, name, now) is not None
    at = min(known.looks, key=lambda look: abs((now - look.at).total_seconds() - age)).at
    looks = tuple(Look(look.at, {name: outlier}) if look.at == at else look for look in known.looks)
    assert seen(replace(known, looks=looks), real, name, now) is not None


@given(
    NAMES,
    st.floats(0, 100),
    st.floats(0, 10**6),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(13, 59),
    st.integers(0, 59),
)
def test_a_value_repeated_at_the_same_hour_of_each_day_becomes_usual(
    name: str, usual: float, peak: float, hour: int, begin: int, minutes: int, at_minute: int
) -> None:
    def value(at: datetime) -> float:
        since = at - at.replace(hour=hour, minute=begin, second=0)
        return peak if timedelta(0) <= since % timedelta(days=1) < timedelta(minutes=minutes) else usual

    now = (NOW + timedelta(days=1)).replace(hour=hour, minute=at_minute)
    assert seen(history(value, 3, name, end=now), peak, name, now) is None


@given(st.lists(VALUES, max_size=60), VALUES, st.integers(10, 1000), st.integers(1, 59))
def test_warming_up_it_never_speaks(values: list[float], value: float, warmup: int, minutes: int) -> None:
    known, now = Baseline(), NOW
    for one in values:
        if len(known.looks) >= warmup and now - NOW >= timedelta(days=1):
            break
        assert unusual(known, dict.fromkeys(METRICS, value), now, Policy(baseline_warmup=warmup)) == ()
        known = learn(known, dict.fromkeys(METRICS, one), now)
        now += timedelta(minutes=minutes)


@given(st.lists(st.floats(0, 20), min_size=3, max_size=9), VALUES, LIMITS)
def test_further_off_is_never_less_unusual(pattern: list[float], value: float, policy: Policy) -> None:
    known = history(lambda at: pattern[int((NOW - at).total_seconds()) // STEP % len(pattern)], 2)
    if seen(known, value, policy=policy) is not None:
        assert seen(known, value + 1, policy=policy) is not None


# --- there and back again


@st.composite
def baselines(draw: st.DrawFn) -> Baseline:
    known, now = Baseline(), NOW
    for values in draw(st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), max_size=8)):
        known = learn(known, values, now)
        now += timedelta(seconds=draw(st.integers(STEP, DAY)))
    return known


@given(baselines())
def test_round_trip(known: Baseline) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(known)))) == known


GOOD = to_dict(learn(learn(Baseline(), {NAME: 1, "pods": 2}, NOW), {"pods": 3}, NOW + SPACING))
SECONDS = int(NOW.timestamp())


def test_the_form_is_one_row_for_each_look() -> None:
    assert GOOD == {
        "version": 1,
        "metrics": ["pods", "warning_events"],
        "looks": [[SECONDS, 2.0, 1.0], [SECONDS + STEP, 3.0, None]],
        "learned": {"pods": 2, "warning_events": 1},
        "since": {"pods": SECONDS, "warning_events": SECONDS},
    }


CORRUPT: dict[str, object] = {
    "nothing": None,
    "text": "x",
    "a list": [],
    "an empty object": {},
    "another version": {**GOOD, "version": 2},
    **{f"no {key}": {k: v for k, v in GOOD.items() if k != key} for key in GOOD},
    **{f"{key} is a number": {**GOOD, key: 5} for key in GOOD if key != "version"},
    "a metric twice": {**GOOD, "metrics": ["pods", "pods"]},
    "metrics that are lists": {**GOOD, "metrics": [[], []]},
    "a row too short": {**GOOD, "looks": [[SECONDS, 1.0]]},
    "a row too long": {**GOOD, "looks": [[SECONDS, 1.0, 2.0, 3.0]]},
    "an empty row": {**GOOD, "looks": [[]]},
    "a row that is no list": {**GOOD, "looks": [{}]},
    "a value that is text": {**GOOD, "looks": [[SECONDS, "1", 2.0]]},
    "a value that is true": {**GOOD, "looks": [[SECONDS, True, 2.0]]},
    "a value that is no number": {**GOOD, "looks": [[SECONDS, float("nan"), 2.0]]},
    "a value without end": {**GOOD, "looks": [[SECONDS, 10**400, 2.0]]},
    "a time that is text": {**GOOD, "looks": [["2026-11-21T03:00:00Z", 1.0, 2.0]]},
    "a time before 1970": {**GOOD, "looks": [[-1, 1.0, 2.0]]},
    "a time after the end of time": {**GOOD, "looks": [[10**15, 1.0, 2.0]]},
    "a time far after that": {**GOOD, "looks": [[10**30, 1.0, 2.0]]},
    "a count that is a fraction": {**GOOD, "learned": {"pods": 1.5}},
    "a count below nothing": {**GOOD, "learned": {"pods": -1}},
    "since that is no time": {**GOOD, "since": {"pods": None}},
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT)
def test_what_is_corrupt_is_said_in_one_line(data: object) -> None:
    with pytest.raises(BaselineError, match=r"^the baseline cannot be read") as caught:
        from_dict(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_metrics_of_another_release_are_left_out() -> None:
    newer = {
        **GOOD,
        "metrics": ["pods", "tomorrow"],
        "learned": {"pods": 2, "tomorrow": 2},
        "since": {"pods": SECONDS, "tomorrow": SECONDS},
    }
    known = from_dict(newer)
    assert [dict(look.values) for look in known.looks] == [{"pods": 2.0}, {"pods": 3.0}]
    assert (known.learned, known.since) == ({"pods": 2}, {"pods": NOW})


def test_too_many_looks_are_trimmed_and_put_in_order() -> None:
    rows = [[SECONDS + n, float(n), None] for n in range(30)]
    known = from_dict({**GOOD, "looks": rows[::-1]})
    assert [look.values["pods"] for look in known.looks] == list(range(10, 30))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "pods"]), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([key for key in GOOD if key != "version"]))
def test_garbage_is_read_or_refused(data: object, key: str) -> None:
    for one in (data, {**GOOD, key: data}):
        try:
            known = from_dict(one)
        except BaselineError:
            continue
        assert from_dict(to_dict(known)) == known
        unusual(known, {NAME: 5.0}, NOW, Policy())
