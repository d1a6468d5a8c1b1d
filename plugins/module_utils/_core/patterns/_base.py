# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What a pattern is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Diagnosis,
    Finding,
    Incident,
    Snapshot,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

Evaluate = Callable[[tuple[Finding, ...], Snapshot, Policy, tuple[Incident, ...]], Iterable[Diagnosis]]


@dataclass(frozen=True)
class Pattern:
    """Several findings with one cause: ``evaluate`` gives a diagnosis for each cause that it recognises."""

    name: str
    about: str
    evaluate: Evaluate
