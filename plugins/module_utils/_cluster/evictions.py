# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Single pods that are evicted one by one, until others have come in their place."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import answer_of, eviction_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Forbidden
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import PluginPod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import Word


class Evictions:
    """What was asked for, pod by pod.

    :ivar evicted: the pods for which it was, by their UIDs, but for those of which it was refused.
    :ivar refused: why the last one was refused, empty if it was not.
    """

    def __init__(self, client: Client, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._not_before: dict[str, float] = {}
        self.evicted: dict[str, PluginPod] = {}
        self.refused = ""

    def ask(self, one: PluginPod, end: float, retry: float, forbidden: Callable[[str], str]) -> None:
        """Ask for the eviction of a pod, unless that was done a moment ago.

        :param retry: seconds after which it may be asked for again.
        :param forbidden: from the API server's words to the line that is told when the right is missing.
        :raises Forbidden: it is.
        """
        now = self._monotonic()
        if self._not_before.get(one.uid, now) > now or now >= end:
            return
        self._not_before[one.uid] = now + retry
        path, body = eviction_of(one.pod)
        # Noted before the answer, which may be lost; it is for this very pod, so asking again does no harm.
        asked_before = one.uid in self.evicted
        self.evicted[one.uid] = one
        answer = answer_of(self._client.once("POST", path, None, body, end - now))
        if answer.word is Word.ACCEPTED:
            self.refused = ""
            return
        if not asked_before:
            self.evicted.pop(one.uid)
        if answer.word is not Word.LOOK_AGAIN:
            self.refused = answer.message
        if answer.word is Word.FORBIDDEN:
            raise Forbidden(forbidden(answer.message))
        self._not_before[one.uid] = now + max(retry, answer.retry_after)
