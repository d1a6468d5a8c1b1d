# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Reading a policy: from module parameters, or from the texts of a ConfigMap. Every mistake is told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote, urlsplit

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import DRIVERS, REPLACERS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.windows import DAYS, Window, zone


class PolicyError(ValueError):
    """One or more settings are wrong; each of ``mistakes`` says where, what was expected and what was given."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class _Wrong(Exception):
    """A value is wrong: each mistake in it with its place, which is an empty text for the value itself."""

    def __init__(self, *mistakes: tuple[str, str]) -> None:
        super().__init__(*mistakes)
        self.mistakes = mistakes


def _refuse(expected: str, value: Any) -> NoReturn:
    raise _Wrong(("", f"expected {expected}, got {value!r}"))


def _read_all(parts: Iterable[tuple[str, Callable[[Any], Any], Any]]) -> list[Any]:
    """Each value as its reader has it, given as place, reader and value.

    :raises _Wrong: with the mistakes of all of them.
    """
    values: list[Any] = []
    mistakes: list[tuple[str, str]] = []
    for place, read, value in parts:
        try:
            values.append(read(value))
        except _Wrong as exc:
            mistakes += [(f"{place}{inner}", said) for inner, said in exc.mistakes]
    if mistakes:
        raise _Wrong(*mistakes)
    return values


@dataclass(frozen=True)
class Integer:
    """A whole number; ``low`` and ``high`` are inclusive. Text will do, because extra vars and ConfigMaps are text."""

    low: int
    high: int
    unit: str
    about: str

    @property
    def expected(self) -> str:
        """What is expected, for people."""
        return f"an integer from {self.low} to {self.high} ({self.unit})"

    def read(self, value: Any) -> int:
        """The number."""
        number = _integer(value)
        if number is None or not self.low <= number <= self.high:
            _refuse(self.expected, value)
        return number


@dataclass(frozen=True)
class Flag:
    """True or false."""

    about: str
    expected: str = "true or false"

    def read(self, value: Any) -> bool:
        """The truth."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in ("true", "yes", "false", "no"):
            return value.strip().lower() in ("true", "yes")
        _refuse(self.expected, value)


@dataclass(frozen=True)
class Text:
    """One line of text."""

    about: str
    expected: str = "one line of text, at most 200 characters"

    def read(self, value: Any) -> str:
        """The text."""
        # A text of several lines in YAML ends with a line break that nobody has meant.
        text = value.strip() if isinstance(value, str) else None
        if text is None or len(text) > 200 or printable(text) != text:
            _refuse(self.expected, value)
        return text


@dataclass(frozen=True)
class Word:
    """One word that a pattern knows, or an empty text for none."""

    pattern: str
    expected: str
    about: str

    def read(self, value: Any) -> str:
        """The word."""
        text = "" if value is None else value.strip() if isinstance(value, str) else None
        if text is None or len(text) > 253 or (text and not re.fullmatch(self.pattern, text, re.ASCII)):
            _refuse(self.expected, value)
        return text


@dataclass(frozen=True)
class Choice:
    """One of these words, or an empty text for none of them."""

    words: tuple[str, ...]
    about: str

    @property
    def expected(self) -> str:
        """What is expected, for people."""
        return f"one of {', '.join(self.words)}, or empty"

    def read(self, value: Any) -> str:
        """The word."""
        text = "" if value is None else value.strip() if isinstance(value, str) else None
        if text is None or text not in ("", *self.words):
            _refuse(self.expected, value)
        return text


@dataclass(frozen=True)
class Listing:
    """A list, each entry of which is read by ``entry``."""

    expected: str
    about: str
    entry: Callable[[Any], Any]
    made: Callable[[list[Any]], Any] = tuple

    def read(self, value: Any) -> Any:
        """The list."""
        if not isinstance(value, (list, tuple)):
            _refuse(self.expected, value)
        return self.made(_read_all((f"[{index}]", self.entry, one) for index, one in enumerate(value)))


@dataclass(frozen=True)
class Table:
    """A mapping from the name of a check to something."""

    expected: str
    about: str
    entry: Callable[[Any], Any]

    def read(self, value: Any) -> Any:
        """The mapping."""
        if not isinstance(value, Mapping):
            _refuse(self.expected, value)
        return dict(_read_all((f".{_shown(name)}", self._pair, (name, one)) for name, one in value.items()))

    def _pair(self, pair: tuple[Any, Any]) -> list[Any]:
        return _read_all([("", _check_key, pair[0]), ("", self.entry, pair[1])])


Setting: TypeAlias = "Integer | Flag | Text | Word | Choice | Listing | Table"
BY_NAME: Mapping[str, Check] = {check.name: check for check in CHECKS}
SETTINGS_PAGE, CHECKS_PAGE = "docs/policy.md", "docs/checks.md"
MAX_SHOWN = 80


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # No setting needs more than 9 digits, and int() refuses thousands of them with an error of its own.
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if len(text) < 10 and text.isascii() and text.isdecimal() else None


def _shown(name: Any) -> str:
    """A name in a message, which it must neither fill nor break into lines."""
    text = name if isinstance(name, str) and name.isprintable() else repr(name)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _unknown(what: str, name: Any, known: Iterable[str], page: str) -> _Wrong:
    near: list[str] = []
    # Nothing as long as this is a slip, and the comparison of long texts takes its time.
    if isinstance(name, str) and len(name) <= MAX_SHOWN:
        spelt = {one.lower(): one for one in known}
        near = [spelt[one] for one in difflib.get_close_matches(name.lower(), spelt)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"{page} lists them"
    return _Wrong(("", f"unknown {what}, {hint}"))


def _check(value: Any) -> str:
    if not isinstance(value, str) or value not in BY_NAME:
        raise _unknown(f"check {_shown(repr(value))}", value, BY_NAME, CHECKS_PAGE)
    return value


def _check_key(value: Any) -> str:
    """The same where the place in the message is the name."""
    if not isinstance(value, str) or value not in BY_NAME:
        raise _unknown("check", value, BY_NAME, CHECKS_PAGE)
    return value


def _name(value: Any) -> str:
    try:
        return check_name("name", value)
    except InvalidName:
        _refuse("a name that is an RFC 1123 subdomain", value)


def _remedy(value: Any) -> Remedy:
    try:
        return Remedy("None" if value is None else str(value).capitalize())
    except ValueError:
        _refuse(f"one of {', '.join(Remedy)}", value)


def _disruptive(value: Any) -> Remedy:
    if value not in (Remedy.REBOOT, Remedy.REPLACE):
        _refuse(f"{Remedy.REBOOT} or {Remedy.REPLACE}", value)
    return Remedy(value)


def _minute(value: Any) -> int:
    # YAML 1.1 reads 22:00 as the number 1320, sixty by sixty, and nothing of that form is less than 60: who says 22
    # means an hour, and not 00:22.
    if isinstance(value, int) and not isinstance(value, bool) and 60 <= value <= 1440:
        return value
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    clock = (_integer(hours), _integer(minutes))
    if not colon or None in clock or not (0 <= clock[0] <= 24 and 0 <= clock[1] < 60 and clock <= (24, 0)):  # type: ignore[operator]
        _refuse("a time of the day like 22:00", value)
    return clock[0] * 60 + clock[1]  # type: ignore[operator]


def _days(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value or not set(map(str, value)) <= set(DAYS):
        _refuse(f"a list out of {', '.join(DAYS)}", value)
    return tuple(day for day in DAYS if day in value)


def _timezone(value: Any) -> str:
    try:
        zone(value)
        return str(value)
    except (KeyError, OSError, TypeError, ValueError):
        _refuse("the name of a time zone like Europe/Berlin (UTC where there is no time zone database)", value)


WINDOW_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "start": _minute,
    "end": _minute,
    "days": _days,
    "timezone": _timezone,
}


def _window(value: Any) -> Window:
    if not isinstance(value, Mapping) or not {"start", "end"} <= set(value) <= set(WINDOW_FIELDS):
        _refuse("a window with start and end, and optionally days and timezone", value)
    values = _read_all((f".{name}", WINDOW_FIELDS[name], one) for name, one in value.items())
    return Window(**dict(zip(value, values, strict=True)))


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("https://") or not _names_a_server(value):
        _refuse("an address like https://10.0.0.1:6443", value)
    return value.removesuffix("/")


def _names_a_server(address: str) -> bool:
    """Whether it is a host with or without a port, and nothing else."""
    if any(c.isspace() for c in address):
        return False
    try:
        url = urlsplit(address)
        good = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    place = address.removeprefix(f"{url.scheme}://").removesuffix("/")
    return good and place == url.netloc and "@" not in place and not place.endswith(":")


def _port(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).replace("-", "").isalnum():
        _refuse("the number or the name of a port", value)
    return str(value)


def _kind(value: Any) -> str:
    if value not in ("http", "https", "tcp"):
        _refuse("http, https or tcp", value)
    return str(value)


def _path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or any(c.isspace() for c in value):
        _refuse("a path like /healthz", value)
    if leaves_its_place(value):
        _refuse("a path like /healthz without the segments . and .. and without \\", value)
    return value


def leaves_its_place(path: str) -> bool:
    """Whether a path could lead out of where it is put: clients and servers on its way resolve . and .. in it."""
    plain = unquote(path.partition("?")[0])
    return "\\" in path or "\\" in plain or not {".", ".."}.isdisjoint(plain.split("/"))


PROBE_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "namespace": _name,
    "name": _name,
    "port": _port,
    "kind": _kind,
    "path": _path,
}


def _probe_fields(value: Any) -> None:
    if not isinstance(value, Mapping) or not {"namespace", "name", "port"} <= set(value) <= set(PROBE_FIELDS):
        _refuse("a probe with namespace, name, port, and optionally kind (http, https or tcp) and path", value)


def _probe(value: Any) -> ServiceProbe:
    given = {name: value[name] for name in PROBE_FIELDS if name in value} if isinstance(value, Mapping) else {}
    fields = ((f".{name}", PROBE_FIELDS[name], one) for name, one in given.items())
    _none, *values = _read_all([("", _probe_fields, value), *fields])
    return ServiceProbe(**dict(zip(given, values, strict=True)))


SETTINGS: Mapping[str, Setting] = {
    "monitor_only": Flag("whether the healer only says what it would do"),
    "health_check_interval": Integer(
        10,
        300,
        "seconds",
        "times node_failure_threshold, how long a node must be sick before a service on it is restarted (or"
        " transient_tolerance, if that is longer); and the time between the turns of a run that takes several, see"
        " selfheal_run_for",
    ),
    "node_failure_threshold": Integer(
        1,
        10,
        "looks",
        "times health_check_interval, how long a node must be sick before a service on it is restarted (or"
        " transient_tolerance, if that is longer)",
    ),
    "pod_restart_threshold": Integer(1, 20, "restarts", "a pod that was restarted more often than this is unhealthy"),
    "recovery_timeout": Integer(60, 1800, "seconds", "a repair must have proven itself within this time"),
    "notification_enabled": Flag("reserved, nothing is sent yet whatever it says"),
    "transient_tolerance": Integer(
        0,
        86400,
        "seconds",
        "no repair before trouble has lasted this long, a restart of a service not before health_check_interval times"
        " node_failure_threshold either, and nothing disruptive before the check's threshold either; the longer time"
        " counts",
    ),
    "cooldown": Integer(
        0,
        86400,
        "seconds",
        "no new attempt on a node this soon after the last; twice as long after each one that has failed",
    ),
    "cooldown_max": Integer(0, 86400, "seconds", "the longest that cooldown grows to"),
    "max_attempts": Integer(1, 10, "attempts", "attempts on a node within attempt_window, then people"),
    "attempt_window": Integer(60, 604800, "seconds", "how long an attempt counts"),
    "repair_deadline": Integer(
        300, 3600, "seconds", "a repair that has not proven itself this long after it began has failed"
    ),
    "reboot_driver": Choice(
        tuple(sorted(DRIVERS)),
        "how a node's machine is rebooted when softer repairs have not helped, see docs/reboot.md; no machine is"
        " rebooted if empty",
    ),
    "replace_driver": Choice(
        tuple(sorted(REPLACERS)),
        "how a node's machine is replaced by a new one when a reboot has not helped either, see docs/replace.md; no"
        " machine is replaced if empty, and none with GPUs or of the control plane whatever it says",
    ),
    "waiting_timeout": Integer(60, 3600, "seconds", "a node must be back from a reboot within this time"),
    "waiting_timeout_gpu": Integer(60, 7200, "seconds", "the same for a node with GPUs"),
    "waiting_timeout_replace": Integer(
        60, 7200, "seconds", "a new node must be Ready in the place of a replaced one within this time"
    ),
    "canary_image": Word(
        r"[A-Za-z0-9][A-Za-z0-9._:/@-]*",
        "the name of a container image like registry.example/busybox:1.37, or empty",
        "the image of a pod that has to prove a node after a repair, by starting, getting an address, resolving names,"
        " reaching a Service, and writing to a volume; it needs sh, nslookup and nc, as busybox has them; no pod is"
        " started if empty",
    ),
    "canary_storage_class": Word(
        r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?",
        "the name of a StorageClass, or empty",
        "the StorageClass of the volume that such a pod writes to; the cluster's default one if empty",
    ),
    "canary_timeout": Integer(30, 600, "seconds", "such a pod, and one to compare with, have this long altogether"),
    "evidence_age": Integer(30, 300, "seconds", "no repair on what was seen longer ago than this"),
    "mass_failure_percent": Integer(
        1, 100, "percent", "more sick nodes than this and nobody is touched (1 node always may)"
    ),
    "storm_cooldown": Integer(
        0,
        86400,
        "seconds",
        "nobody is touched for this long after more than mass_failure_percent of the nodes were sick, or the network"
        " was at fault",
    ),
    "max_unavailable_percent": Integer(
        1,
        100,
        "percent",
        "so much of a zone or pool may be under repair at once, cordoned nodes counted where a repair is disruptive"
        " (1 node always may)",
    ),
    "max_repairs": Integer(1, 10, "repairs", "repairs that are planned or under way at once, in each turn"),
    "lease_duration": Integer(
        300, 900, "seconds", "a healer that is silent for this long has lost the cluster's lease"
    ),
    "incident_retention": Integer(
        86400, 31536000, "seconds", "a closed incident is kept for this long, or for attempt_window if that is longer"
    ),
    "suspects_limit": Integer(10, 5000, "pods", "so many suspicious pods are looked at in full; the rest is counted"),
    "pod_oom_window": Integer(60, 86400, "seconds", "a container that ran out of memory is told for this long"),
    "cpu_percent": Integer(1, 100, "percent", "a node that uses more of its CPU than this is told"),
    "memory_percent": Integer(1, 100, "percent", "a node that uses more of its memory than this is told"),
    "disk_percent": Integer(1, 100, "percent", "a node that uses more of a file system than this is told"),
    "response_time_ms": Integer(1, 60000, "milliseconds", "a probed Service that answers slower than this is slow"),
    "error_rate_percent": Integer(0, 100, "percent", "more failed probes of a Service than this are too many"),
    "probe_count": Integer(1, 50, "requests", "how often each Service probe is sent in one look"),
    "api_latency_ms": Integer(1, 60000, "milliseconds", "an API server that answers livez slower than this is slow"),
    "clock_skew": Integer(1, 3600, "seconds", "clocks that differ by more than this are told"),
    "certificate_days": Integer(1, 365, "days", "a certificate that ends sooner than this is told"),
    "flapping_changes": Integer(2, 60, "changes", "a node that changes its mind so often within an hour is flapping"),
    "baseline_warmup": Integer(10, 1000, "looks", "looks before the usual is known well enough to compare"),
    "baseline_deviations": Integer(2, 50, "deviations", "so many robust deviations from the usual are unusual"),
    "kubelet_summary": Flag("whether kubelets are asked how full their disks are, which needs the right nodes/proxy"),
    "api_endpoints": Listing(
        "a list of addresses like https://10.0.0.1:6443",
        "the API servers to ask one by one; found out if empty",
        _address,
    ),
    "node_daemonsets": Listing("a list of names", "the DaemonSets that a node cannot do without", _name),
    "service_probes": Listing(
        "a list of probes",
        "the Services to ask for an answer, each with namespace, name and port, and optionally kind (http, https or"
        " tcp, default http) and path (default /)",
        _probe,
    ),
    "maintenance_windows": Listing(
        "a list of windows",
        "when disruptive repairs may begin, each with start and end (like 22:00, best in quotes; an end before the"
        " start is on the next day, the same time is a whole day), and optionally days on which it starts (a list out"
        f" of {', '.join(DAYS)}, default all) and timezone (default UTC); at any time if empty, and a restart of a"
        " service does not wait for them",
        _window,
    ),
    "approval_required": Listing(
        f"a list out of {Remedy.REBOOT} and {Remedy.REPLACE}",
        "repairs that wait until somebody has approved the next rung, which the playbook report names, by"
        " kubectl annotate incident NAME selfheal.kubernetes/approved=RUNG; a restart of a service is none of them",
        _disruptive,
    ),
    "paused": Text(
        "why nothing in the cluster is repaired, any text; a time like 2026-11-22T06:00:00Z in front ends it then"
    ),
    "disabled_checks": Listing("a list of names of checks", "checks that are left out", _check, frozenset),
    "thresholds": Table(
        "a mapping from names of checks to seconds",
        "seconds for which trouble must last before anything disruptive is done about it, before people are asked for"
        " where no repair is known or allowed, and before a patient check speaks at all, where they differ from the"
        " check's own; a service may be restarted earlier, see transient_tolerance",
        Integer(0, 604800, "seconds", "").read,
    ),
    "remedies": Table(
        f"a mapping from names of checks to {', '.join(Remedy)}",
        "the strongest thing that may be done about a check's findings, where it differs from the check's own",
        _remedy,
    ),
}


def parse_policy(given: Mapping[str, Any] | None, where: str = "policy") -> Policy:
    """Validate settings and fill in the defaults.

    :param given: setting name to value.
    :param where: what the settings stand in, for the messages.
    :raises PolicyError: with every mistake at once.
    """
    return Policy(**read_settings(given, where))


def read_settings(given: Mapping[str, Any] | None, where: str = "policy") -> dict[str, Any]:
    """The settings that were given, each as the Policy has it.

    :raises PolicyError: with every mistake at once.
    """
    settings = given or {}
    try:
        values = _read_all((f".{_shown(name)}", _setting, (name, value)) for name, value in settings.items())
    except _Wrong as exc:
        raise PolicyError(*(f"{where}{place}: {said}" for place, said in exc.mistakes)) from None
    return dict(zip(map(str, settings), values, strict=True))


def _setting(pair: tuple[Any, Any]) -> Any:
    name, value = pair
    setting = SETTINGS.get(str(name))
    if setting is None:
        raise _unknown("setting", name, SETTINGS, SETTINGS_PAGE)
    return setting.read(value)
