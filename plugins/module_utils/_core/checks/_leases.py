# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What a Lease says of whoever should renew it.

Its age alone proves nothing, because two clocks are in it: one that is out of date makes its holder unknown, and only
one that did not move while somebody watched it makes it unhealthy. One that moved is alive, whatever its age.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Heartbeat


class Silence(Enum):
    """How a Lease fails to prove life."""

    ABSENT = "absent"
    EXPIRED = "expired"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Doubt:
    """What speaks against the holder of a Lease, and since when."""

    silence: Silence
    message: str
    since: datetime | None

    @property
    def verdict(self) -> Verdict:
        """Only what somebody watched is known."""
        return Verdict.UNHEALTHY if self.silence is Silence.STOPPED else Verdict.UNKNOWN


def doubt(lease: Heartbeat | None, holder: str, name: str, now: datetime) -> Doubt | None:
    """What speaks against the holder; None for a Lease that proves life.

    :param holder: who should renew it, as a message names them.
    :param name: the Lease, as a message names it.
    """
    if lease is not None and lease.alive(now):
        return None
    if lease is None or lease.renewed is None:
        return Doubt(Silence.ABSENT, f"{holder} has no Lease that was ever renewed", None)
    message = f"{name} is {lease.age(now)} s old, it lasts {lease.duration} s"
    if lease.stood_still(now):
        message += f" and was not renewed while it was watched for {lease.watched} s"
        return Doubt(Silence.STOPPED, message, lease.runs_out)
    return Doubt(Silence.EXPIRED, message, lease.runs_out)
