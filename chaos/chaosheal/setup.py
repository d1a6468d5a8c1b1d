# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the configuration of an experiment to what works with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosheal.hands import Hands
from chaosheal.injection import Breaker
from chaosheal.journal import Journal
from chaosheal.model import ChaosError
from chaosheal.targets import Radius


def hands_of(configuration: Mapping[str, Any] | None) -> Hands:
    """By ``chaosheal_kubeconfig`` (KUBECONFIG if not set) and ``chaosheal_engine`` (docker if not set).

    :raises ChaosError: there is no kubeconfig.
    """
    given = configuration or {}
    kubeconfig = str(given.get("chaosheal_kubeconfig") or os.environ.get("KUBECONFIG") or "")
    if not kubeconfig or not Path(kubeconfig).is_file():
        raise ChaosError(f"chaosheal_kubeconfig: expected the path of a kubeconfig, got {kubeconfig!r}")
    return Hands(kubeconfig, str(given.get("chaosheal_engine") or "docker"))


def journal_of(configuration: Mapping[str, Any] | None) -> Journal:
    """By ``chaosheal_journal``, a path; ``chaosheal-journal.jsonl`` in the current folder if not set."""
    return Journal(Path(str((configuration or {}).get("chaosheal_journal") or "chaosheal-journal.jsonl")))


def events_of(configuration: Mapping[str, Any] | None) -> Path:
    """By ``chaosheal_events``, which the runner sets.

    :raises ChaosError: it is not set.
    """
    told = (configuration or {}).get("chaosheal_events")
    if not told:
        raise ChaosError("there is no healer to wait for; it is started by: python -m chaosheal run")
    return Path(str(told))


def radius_of(configuration: Mapping[str, Any] | None) -> Radius:
    """By ``chaosheal_max_nodes`` (1 if not set) and ``chaosheal_max_percent`` of a role (50 if not set).

    :raises ChaosError: a value that is no number, or out of range.
    """
    limits = {"chaosheal_max_nodes": (1, 1, 1000), "chaosheal_max_percent": (50, 1, 100)}
    found = []
    for name, (default, least, most) in limits.items():
        value = (configuration or {}).get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ChaosError(f"{name}: expected a number from {least} to {most}, got {ascii(value)[:60]}")
        found.append(value)
    return Radius(*found)


def breaker_of(configuration: Mapping[str, Any] | None) -> Breaker:
    """What breaks and mends by all of these."""
    return Breaker(hands_of(configuration), journal_of(configuration), radius_of(configuration))
