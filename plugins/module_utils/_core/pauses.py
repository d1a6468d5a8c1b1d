# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What has to be written so that a node or the whole cluster is paused, or is not any more. Pure.

The guard ``paused`` reads what is written here; anything else that people have written there holds as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.paused import ANNOTATION, holds
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import CONFIG_MAP, NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time, parse_time

SETTING = "paused"
REASON_LENGTH = 120
WHO_LENGTH = 50
MINUTES = (1, 10080)
# A second run comes some seconds after the first, and must not count as another pause.
NEAR = timedelta(seconds=120)


class Step(StrEnum):
    """What is to be done about a target."""

    NOTHING = "nothing"
    WRITE = "write"
    REMOVE = "remove"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Pause:
    """A pause that somebody wants: why, who, and its end if it has one."""

    reason: str
    who: str
    until: datetime | None = None

    @property
    def text(self) -> str:
        """What is written down: the end comes first, where the guard looks for it."""
        told = f"by {self.who.replace(':', '?')}: {self.reason}"
        return told if self.until is None else f"{format_time(self.until)} {told}"

    def is_in(self, text: str) -> bool:
        """Whether the text pauses for the same reason, whoever wrote it."""
        return _parted(text)[1].startswith("by ") and _parted(text)[1].partition(": ")[2] == self.reason

    def lasts_like(self, text: str) -> bool:
        """Whether the pause in the text ends when this one does, or nearly."""
        until = _parted(text)[0]
        if until is None or self.until is None:
            return until is self.until
        return abs(until - self.until) <= NEAR


def _parted(text: str) -> tuple[datetime | None, str]:
    first, _space, rest = text.strip().partition(" ")
    until = parse_time(first)
    return (None, text.strip()) if until is None else (until, rest)


@dataclass(frozen=True)
class Target:
    """A node, or the cluster where ``node`` is empty, with what its pause says now; None when there is none."""

    node: str
    text: str | None

    def held(self, now: datetime) -> bool:
        """Whether it is paused."""
        # An empty setting is none, while an annotation only has to be there.
        return self.text is not None and bool(self.node or self.text.strip()) and holds(self.text, now)

    def step(self, wanted: Pause | None, now: datetime) -> Step:
        """What is to be done for it to be paused as wanted, or not to be paused at all.

        A pause of somebody else that holds is not replaced: ours may end before it, and nobody would notice.
        """
        if wanted is None:
            return Step.NOTHING if self.text is None else Step.REMOVE
        if self.text is None or not self.held(now):
            return Step.WRITE
        if not wanted.is_in(self.text):
            return Step.REFUSE
        return Step.NOTHING if wanted.lasts_like(self.text) else Step.WRITE

    def change(self, wanted: Pause | None) -> dict[str, Any]:
        """The object with nothing in it but the pause, or None in its place, for a merge patch."""
        text = None if wanted is None else wanted.text
        if self.node:
            return {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": self.node, "annotations": {ANNOTATION: text}},
            }
        metadata = {"name": CONFIG_MAP, "namespace": NAMESPACE}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {SETTING: text}}
