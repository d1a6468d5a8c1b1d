# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Reading a policy: from module parameters, or from the texts of a ConfigMap. Every mistake is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import CHECKS
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe


class PolicyError(ValueError):
    """One or more settings are wrong; the message names each with what was expected and what was given."""


class _Wrong(Exception):
    """One value is wrong; the text says what was expected."""


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
            raise _Wrong(self.expected)
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
        raise _Wrong(self.expected)


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
            raise _Wrong(self.expected)
        return self.made([self.entry(one) for one in value])


@dataclass(frozen=True)
class Table:
    """A mapping from the name of a check to something."""

    expected: str
    about: str
    entry: Callable[[Any], Any]

    def read(self, value: Any) -> Any:
        """The mapping."""
        if not isinstance(value, Mapping):
            raise _Wrong(self.expected)
        return {_check(name): self.entry(one) for name, one in value.items()}


Setting: TypeAlias = "Integer | Flag | Listing | Table"
BY_NAME: Mapping[str, Check] = {check.name: check for check in CHECKS}


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # No setting needs more than 9 digits, and int() refuses thousands of them with an error of its own.
    if isinstance(value, str) and len(value) < 10 and value.strip().isascii() and value.strip().isdecimal():
        return int(value)
    return None


def _check(value: Any) -> str:
    if not isinstance(value, str) or value not in BY_NAME:
        raise _Wrong(f"names of checks ({', '.join(BY_NAME)})")
    return value


def _name(value: Any) -> str:
    try:
        return check_name("name", value)
    except InvalidName:
        raise _Wrong("names that are RFC 1123 subdomains") from None


def _remedy(value: Any) -> Remedy:
    try:
        return Remedy("None" if value is None else str(value).capitalize())
    except ValueError:
        raise _Wrong(f"one of {', '.join(Remedy)}") from None


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("https://") or any(c.isspace() for c in value):
        raise _Wrong("addresses like https://10.0.0.1:6443")
    return value.rstrip("/")


def _probe(value: Any) -> ServiceProbe:
    expected = "probes with namespace, name, port, and optionally kind (http, https or tcp) and path"
    if not isinstance(value, Mapping) or not set(value) <= {"namespace", "name", "port", "kind", "path"}:
        raise _Wrong(expected)
    port, kind, path = str(value.get("port", "")), value.get("kind", "http"), value.get("path", "/")
    if kind not in ("http", "https", "tcp") or not port.replace("-", "").isalnum():
        raise _Wrong(expected)
    if not isinstance(path, str) or not path.startswith("/") or any(c.isspace() for c in path):
        raise _Wrong(expected)
    return ServiceProbe(_name(value.get("namespace")), _name(value.get("name")), port, kind, path)


SETTINGS: Mapping[str, Setting] = {
    "monitor_only": Flag("whether the healer only says what it would do"),
    "health_check_interval": Integer(10, 300, "seconds", "time between two looks of a run that loops"),
    "node_failure_threshold": Integer(
        1, 10, "looks", "a service on a node may be restarted once so many looks in a row would have seen it sick"
    ),
    "pod_restart_threshold": Integer(1, 20, "restarts", "a pod that was restarted more often than this is unhealthy"),
    "recovery_timeout": Integer(60, 1800, "seconds", "a repair must have proven itself within this time"),
    "notification_enabled": Flag("whether anybody is told"),
    "transient_tolerance": Integer(0, 86400, "seconds", "trouble shorter than this is left alone"),
    "cooldown": Integer(0, 86400, "seconds", "no new attempt on a node this soon after the last"),
    "max_attempts": Integer(1, 10, "attempts", "attempts on a node within attempt_window, then people"),
    "attempt_window": Integer(60, 604800, "seconds", "how long an attempt counts"),
    "mass_failure_percent": Integer(
        1, 100, "percent", "more sick nodes than this and nobody is touched (1 node always may)"
    ),
    "max_repairs": Integer(1, 10, "repairs", "repairs in one run"),
    "lease_duration": Integer(
        300, 900, "seconds", "a healer that is silent for this long has lost the cluster's lease"
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
    "service_probes": Listing("a list of probes", "the Services to ask for an answer", _probe),
    "disabled_checks": Listing("a list of names of checks", "checks that are left out", _check, frozenset),
    "thresholds": Table(
        "a mapping from names of checks to seconds",
        "seconds for which trouble must last, where they differ from the check's own",
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
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    for name, value in (given or {}).items():
        setting = SETTINGS.get(str(name))
        if setting is None:
            mistakes.append(f"{where}.{name}: unknown setting, expected one of {', '.join(SETTINGS)}")
            continue
        try:
            values[str(name)] = setting.read(value)
        except _Wrong as exc:
            mistakes.append(f"{where}.{name}: expected {exc}, got {value!r}")
    if mistakes:
        raise PolicyError("; ".join(mistakes))
    return values
