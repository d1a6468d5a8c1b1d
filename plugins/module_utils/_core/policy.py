# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The policy: every setting, its range and its default, validated as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class PolicyError(ValueError):
    """One or more settings are wrong; the message names each with what was expected and what was given."""


@dataclass(frozen=True)
class Setting:
    """One integer setting in the policy; ``low`` and ``high`` are inclusive."""

    low: int
    high: int
    unit: str
    about: str


@dataclass(frozen=True)
class Policy:
    """All the settings, with their defaults."""

    monitor_only: bool = True
    node_ready_threshold: int = 300
    soft_rung_after: int = 90
    transient_tolerance: int = 120
    cooldown: int = 300
    max_attempts: int = 3
    attempt_window: int = 86400
    mass_failure_percent: int = 20
    max_repairs: int = 10
    recovery_timeout: int = 300
    lease_duration: int = 300


SETTINGS: Mapping[str, Setting] = {
    "node_ready_threshold": Setting(
        10, 86400, "seconds", "a node that is not Ready for this long may be repaired by what is disruptive"
    ),
    "soft_rung_after": Setting(0, 86400, "seconds", "a service may be restarted after this long"),
    "transient_tolerance": Setting(0, 86400, "seconds", "trouble shorter than this is left alone"),
    "cooldown": Setting(0, 86400, "seconds", "no new attempt on a node this soon after the last"),
    "max_attempts": Setting(1, 10, "attempts", "attempts on a node within attempt_window, then people"),
    "attempt_window": Setting(60, 604800, "seconds", "how long an attempt counts"),
    "mass_failure_percent": Setting(
        1, 100, "percent", "more sick nodes than this and nobody is touched (1 node always may)"
    ),
    "max_repairs": Setting(1, 10, "repairs", "repairs in one run"),
    "recovery_timeout": Setting(60, 1800, "seconds", "a repair must have proven itself within this time"),
    "lease_duration": Setting(
        300, 900, "seconds", "a healer that is silent for this long has lost the cluster's lease"
    ),
}


def parse_policy(given: Mapping[str, Any] | None) -> Policy:
    """Validate settings and fill in the defaults.

    :param given: setting name to value; integers may come as text, as extra vars do.
    :raises PolicyError: with every mistake at once.
    """
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    known = [f.name for f in fields(Policy)]
    for name, value in (given or {}).items():
        if name not in known:
            mistakes.append(f"policy.{name}: unknown setting, expected one of {', '.join(known)}")
        elif name == "monitor_only":
            if isinstance(value, bool):
                values[name] = value
            elif isinstance(value, str) and value.strip().lower() in ("true", "yes", "false", "no"):
                values[name] = value.strip().lower() in ("true", "yes")
            else:
                mistakes.append(f"policy.{name}: expected true or false, got {value!r}")
        else:
            setting = SETTINGS[name]
            number = _integer(value)
            if number is None or not setting.low <= number <= setting.high:
                mistakes.append(
                    f"policy.{name}: expected an integer from {setting.low} to {setting.high} ({setting.unit}),"
                    f" got {value!r}"
                )
            else:
                values[name] = number
    if mistakes:
        raise PolicyError("; ".join(mistakes))
    return Policy(**values)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # No setting needs more than 9 digits, and int() refuses thousands of them with an error of its own.
    if isinstance(value, str) and len(value) < 10 and value.strip().isascii() and value.strip().isdecimal():
        return int(value)
    return None
