# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What is usual for a cluster: robust statistics of a few metrics, learned over its looks.

A value is unusual when it lies far from the median of all that is kept, and also from what this hour of the day (UTC)
is used to. Far is told in robust deviations (1.4826 times the median of the distances from the median, which is the
standard deviation where the values are spread normally), so that one outlier in the history changes nothing. What the
hour is used to is two things, and one of them is enough to make a value usual:

- the median of the same hour, for what fills the hour;
- the second-highest peak of the earlier days from the hour before to the hour after, for the nightly job that takes ten
  minutes only, or that begins by local time and moves with it in summer.

Whatever lasts for half of what is kept becomes usual: a baseline tells of changes, not of states, which have checks of
their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
    from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pods
    from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

VERSION = 1
HOUR_LIMIT = 20
HOUR_LEAST = 3
# No divisor of an hour, so that the looks of a steady schedule wander through the hour and see what is short, too.
SPACING = timedelta(minutes=13)
DAY = timedelta(days=1)
KEPT = 28 * DAY
# What a deviation is worth at least, as a share of the median: few nodes more of many are nothing unusual.
RELATIVE = 0.05
NORMAL = 1.4826
RECENT_EVENTS = timedelta(minutes=10)
RECENT_RESTARTS = timedelta(hours=1)


class BaselineError(ValueError):
    """A stored baseline cannot be read; the message is one line that says why."""


@dataclass(frozen=True)
class Metric:
    """One number about a cluster.

    ``floor`` is what one deviation is worth at least, in the metric's own unit: with a flat history every wiggle would
    be unusual else. ``down`` is whether less than usual is unusual as well.
    """

    about: str
    floor: float
    down: bool = False


METRICS: Mapping[str, Metric] = {
    "api_latency_ms": Metric("milliseconds that the slowest API server takes", 10),
    "cpu_percent": Metric("share of the cluster's CPU in use, in percent", 2),
    "daemonset_pods_missing": Metric("pods of DaemonSets that are wanted and not ready", 0.5),
    "memory_percent": Metric("share of the cluster's memory in use, in percent", 1.5),
    "nodes_not_ready": Metric("nodes that are not Ready", 0.5),
    "pods": Metric("pods", 5, down=True),
    "pods_restarting": Metric("pods with a container that was restarted within the hour", 1),
    "pods_suspect": Metric("pods that may not be well", 1),
    "services_without_endpoints": Metric("Services without a ready endpoint", 0.5),
    "warning_events": Metric("Warning events of the last 10 minutes", 2),
}


@dataclass(frozen=True)
class Look:
    """The metrics of one moment, those that could be read."""

    at: datetime
    values: Mapping[str, float]


@dataclass(frozen=True)
class Baseline:
    """What was seen so far.

    ``looks`` are the ones kept, oldest first: at most 20 for each hour of the day (UTC), none older than 28 days.
    ``learned`` counts for each metric all the looks that it was learned from, and ``since`` is the first of them.
    """

    looks: tuple[Look, ...] = ()
    learned: Mapping[str, int] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Deviation:
    """A metric that is not what it usually is.

    ``median`` is that of this hour, ``overall`` that of all that is kept; ``deviations`` is the distance from the
    nearest of all that the value was compared with, below 0 when the value is lower. ``samples`` of all hours were
    compared with, ``hour_samples`` of them are of this hour.
    """

    metric: str
    value: float
    median: float
    overall: float
    deviations: float
    samples: int
    hour_samples: int


def metrics_of(snapshot: Snapshot) -> Mapping[str, float]:
    """The metrics of a snapshot; those of a part that was not read are left out.

    Nothing but the snapshot counts, so that what is learned and what is compared are the same numbers.
    """
    values: dict[str, float] = {}
    now = snapshot.observed_at
    if snapshot.nodes is not None:
        values["nodes_not_ready"] = sum(not node.is_ready for node in snapshot.nodes)
    if snapshot.pods is not None:
        values["pods"] = snapshot.pods.total
        values["pods_suspect"] = len(snapshot.pods.suspects) + sum(snapshot.pods.left_out.values())
        values["pods_restarting"] = _restarting(snapshot.pods, now)
    if snapshot.daemonsets is not None:
        values["daemonset_pods_missing"] = sum(max(0, d.desired - d.ready) for d in snapshot.daemonsets)
    if snapshot.services is not None:
        values["services_without_endpoints"] = sum(s.ready <= 0 for s in snapshot.services)
    if snapshot.events is not None:
        values["warning_events"] = sum(_recent(event.last, now, RECENT_EVENTS) for event in snapshot.events)
    times = [e.latency_ms for e in snapshot.endpoints or () if e.live is not None and e.latency_ms is not None]
    if times:
        values["api_latency_ms"] = max(times)
    measured = (snapshot.metrics or {}).values()
    _share(values, "cpu_percent", [(u.cpu_cores, u.cpu_capacity) for u in measured])
    _share(values, "memory_percent", [(u.memory_bytes, u.memory_capacity) for u in measured])
    return {name: value for name, value in values.items() if isfinite(value)}


def learn(baseline: Baseline, values: Mapping[str, float], now: datetime) -> Baseline:
    """The baseline with one look more; the same one when the last look is less than 13 minutes back.

    Looks at a distance, because 20 in a row would fill an hour's memory with one single hour.
    """
    known = {name: round(float(v), 2) for name, v in values.items() if name in METRICS and isfinite(v)}
    at = now.astimezone(UTC).replace(microsecond=0)
    # A look from the future was made by a clock that was wrong, and would stop all learning until then.
    kept = [look for look in baseline.looks if timedelta(0) <= at - look.at <= KEPT]
    if not known or any(at - look.at < SPACING for look in kept):
        return baseline
    return Baseline(
        looks=_trimmed([*kept, Look(at, known)]),
        learned={**baseline.learned, **{name: baseline.learned.get(name, 0) + 1 for name in known}},
        since={**baseline.since, **{name: min(at, baseline.since.get(name, at)) for name in known}},
    )


def unusual(baseline: Baseline, values: Mapping[str, float], now: datetime, policy: Policy) -> tuple[Deviation, ...]:
    """The metrics that are unusual, in the order of their names.

    A metric is compared once it was learned from ``baseline_warmup`` looks and for a whole day, and only in hours of
    the day that are known: a cluster that has never been looked at by night has no usual nights.
    """
    found = []
    for name in sorted(METRICS.keys() & values.keys()):
        since = baseline.since.get(name)
        if since is None or now - since < DAY or baseline.learned.get(name, 0) < policy.baseline_warmup:
            continue
        history = [(look.at, look.values[name]) for look in baseline.looks if name in look.values and look.at <= now]
        deviation = _compare(name, values[name], history, now.astimezone(UTC), policy.baseline_deviations)
        if deviation is not None:
            found.append(deviation)
    return tuple(found)


def to_dict(baseline: Baseline) -> dict[str, Any]:
    """The baseline as JSON can hold it: one row for each look, with the metrics in the order that is given once."""
    names = sorted({name for look in baseline.looks for name in look.values})
    return {
        "version": VERSION,
        "metrics": names,
        "looks": [[int(look.at.timestamp()), *(look.values.get(n) for n in names)] for look in baseline.looks],
        "learned": dict(sorted(baseline.learned.items())),
        "since": {name: int(at.timestamp()) for name, at in sorted(baseline.since.items())},
    }


def from_dict(data: object) -> Baseline:
    """The baseline that ``to_dict`` made. Metrics that this version does not know are left out.

    :raises BaselineError: for anything else.
    """
    if not isinstance(data, dict):
        raise BaselineError("the baseline cannot be read: it is no JSON object")
    if data.get("version") != VERSION:
        raise BaselineError(f"the baseline cannot be read: its version is {data.get('version')!r:.40}, not {VERSION}")
    try:
        names = _list(data["metrics"])
        if len(set(names)) != len(names):
            raise ValueError("a metric is named twice")
        looks = [_look(names, _list(row)) for row in _list(data["looks"])]
        learned = {n: _whole(count) for n, count in data["learned"].items() if n in METRICS}
        since = {n: _moment(at) for n, at in data["since"].items() if n in METRICS}
    except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError) as exc:
        raise BaselineError(f"the baseline cannot be read ({type(exc).__name__}: {exc!s:.80})") from None
    return Baseline(_trimmed(looks), learned, since)


def _restarting(pods: Pods, now: datetime) -> int:
    ends = [[c.last_finished for c in pod.containers] for pod in pods.suspects]
    restarted = sum(any(_recent(end, now, RECENT_RESTARTS) for end in of_pod) for of_pod in ends)
    return restarted + pods.left_out.get("CrashLoopBackOff", 0)


def _recent(moment: datetime | None, now: datetime, window: timedelta) -> bool:
    return moment is not None and now - moment < window


def _share(values: dict[str, float], name: str, pairs: Iterable[tuple[float, float | None]]) -> None:
    known = [(used, capacity) for used, capacity in pairs if capacity is not None and capacity > 0]
    if known:
        values[name] = 100 * sum(used for used, _capacity in known) / sum(capacity for _used, capacity in known)


def _trimmed(looks: Iterable[Look]) -> tuple[Look, ...]:
    counts: dict[int, int] = {}
    kept = []
    for look in sorted(looks, key=lambda one: one.at, reverse=True):
        counts[look.at.hour] = counts.get(look.at.hour, 0) + 1
        if counts[look.at.hour] <= HOUR_LIMIT:
            kept.append(look)
    return tuple(reversed(kept))


def _compare(
    name: str, value: float, history: list[tuple[datetime, float]], now: datetime, limit: int
) -> Deviation | None:
    metric = METRICS[name]
    overall = [v for _at, v in history]
    of_hour = [v for at, v in history if at.hour == now.hour]
    if not isfinite(value) or len(of_hour) < HOUR_LEAST:
        return None
    high = value >= median(overall)
    if not high and not metric.down:
        return None
    distances = [_distance(metric, value, overall), _distance(metric, value, of_hour)]
    peaks = _peaks(history, now, max if high else min)
    if len(peaks) > 1:
        # One day may have been an incident; what came on two days comes at this hour.
        distances.append(_distance(metric, value, [sorted(peaks)[-2 if high else 1]]))
    nearest = min(distances) if high else max(distances)
    if (nearest if high else -nearest) < limit:
        return None
    return Deviation(
        metric=name,
        value=value,
        median=median(of_hour),
        overall=median(overall),
        deviations=nearest,
        samples=len(overall),
        hour_samples=len(of_hour),
    )


def _distance(metric: Metric, value: float, samples: list[float]) -> float:
    middle = median(samples)
    spread = NORMAL * median(abs(sample - middle) for sample in samples)
    return (value - middle) / max(spread, metric.floor, RELATIVE * abs(middle))


def _peaks(
    history: Iterable[tuple[datetime, float]], now: datetime, extreme: Callable[[float, float], float]
) -> list[float]:
    """The extreme value of each earlier day around this hour."""
    days: dict[int, float] = {}
    for at, value in history:
        # At most two hours off a whole number of days, so that rounding finds the right one across midnight, too.
        days_ago = round((now - at) / DAY)
        if days_ago and (at.hour - now.hour) % 24 in (23, 0, 1):
            days[days_ago] = extreme(days.get(days_ago, value), value)
    return list(days.values())


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _look(names: list[str], row: list[Any]) -> Look:
    at, *values = row
    told = {n: _number(v) for n, v in zip(names, values, strict=True) if v is not None}
    return Look(_moment(at), {n: v for n, v in told.items() if n in METRICS})


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r:.40} is no count")
    return value


def _moment(value: object) -> datetime:
    return datetime.fromtimestamp(_whole(value), UTC)
