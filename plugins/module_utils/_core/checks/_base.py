# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy


@dataclass(frozen=True)
class Check:
    """One aspect of one kind of object.

    ``parts`` names the parts of a snapshot without which the check can say nothing.
    ``evaluate`` gives a finding for each object that is not well, and none for one that is.
    """

    name: str
    about: str
    parts: tuple[str, ...]
    reasons: tuple[str, ...]
    evaluate: Callable[[Snapshot, Policy], Iterable[Finding]]
