# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Restart the device plugin of a node, without touching the node's host or its other pods.

Its pod is evicted, so that PodDisruptionBudgets hold, and its DaemonSet makes another one. The proof is that this one
is ready and that the node offers its GPUs again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import (
    LOOK_SECONDS,
    RETRY_SECONDS,
    Actor,
    NodeHands,
    pods_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    NoDevicePlugin,
    RestartFailed,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.evictions import Evictions
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import (
    PluginPod,
    gpus_of,
    plugins_of,
    still_missing,
)


@dataclass(frozen=True)
class PluginReport:
    """What became of the plugins: those that were evicted or would be, and those that are there now."""

    changed: bool
    message: str
    evicted: tuple[PluginPod, ...] = ()
    pods: tuple[PluginPod, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The report as modules return it."""
        return {name: [one.pod.to_dict() for one in getattr(self, name)] for name in ("evicted", "pods")}


class PluginRestarter:
    """Restarts the device plugins of one node.

    :param labels: each as key=value; a plugin's pod has one of them.
    :param cancelled: set by whoever wants it to end. It ends before the next write then.
    """

    def __init__(
        self,
        client: Client,
        actor: Actor,
        labels: Iterable[str],
        cancelled: threading.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._actor = actor
        self._labels = tuple(labels)
        self._hands = NodeHands(client, actor)
        self._cancelled = cancelled or threading.Event()
        self._monotonic = monotonic
        self._evictions = Evictions(client, monotonic)

    def restart(self, deadline: float, always: bool = False, dry_run: bool = False) -> PluginReport:
        """Restart them, unless the node offers all of its GPUs.

        :param always: also then.
        :raises NoDevicePlugin: when there is none on the node; nothing was done.
        :raises RestartFailed: when the proof is not complete at the deadline, or at a signal.
        :raises LeaseLost: when the lease is not ours any more.
        """
        end = self._monotonic() + deadline
        node = self._actor.node
        enough, numbers = gpus_of(self._hands.read())
        if enough and not always:
            return PluginReport(False, f"node {node} is left alone: {numbers}", pods=self._look(end))
        before = self._look(end)
        if not before:
            raise NoDevicePlugin(
                f"node {node} has no device plugin, and {numbers}: expected a DaemonSet's pod that mounts kubelet's"
                f" device-plugins folder and has one of the labels {', '.join(self._labels)}"
            )
        names = ", ".join(map(str, before))
        if dry_run:
            return PluginReport(True, f"would restart {names} on node {node}: {numbers}", before)
        missing, now, numbers = self._work(before, end)
        report = PluginReport(bool(self._evictions.evicted), "", tuple(self._evictions.evicted.values()), now)
        if missing:
            said = f"; the last eviction was refused: {self._evictions.refused}" if self._evictions.refused else ""
            how = (
                "was stopped by a signal" if self._cancelled.is_set() else f"has not come back within {deadline:.0f} s"
            )
            failed = RestartFailed(f"the device plugin of node {node} {how}: {missing}{said}")
            failed.details = {**report.to_dict(), "changed": report.changed}
            raise failed
        return PluginReport(report.changed, f"{names} restarted on node {node}: {numbers}", report.evicted, now)

    def _work(self, before: tuple[PluginPod, ...], end: float) -> tuple[str, tuple[PluginPod, ...], str]:
        """Evict what was there and look until the proof is complete.

        :returns: what is missing of it, the plugins that were seen last, and the numbers of GPUs.
        """
        missing, now, numbers = "", before, ""
        while True:
            try:
                hands = NodeHands(self._client.within(max(1.0, end - self._monotonic())), self._actor)
                hands.prove()
                now = self._look(end)
                enough, numbers = gpus_of(hands.read())
                missing = still_missing(before, now, (enough, numbers))
                if not missing:
                    return "", now, numbers
                wanted = {plugin.uid for plugin in before}
                for plugin in now:
                    if plugin.uid in wanted and not plugin.pod.deleting and not self._cancelled.is_set():
                        self._evict(plugin, end)
            except Unreachable as exc:
                # An API server that is away for a moment says nothing about the pods; for longer, the lease is gone.
                # A request that our own deadline has cut short tells less than what was seen before it.
                if not missing or self._monotonic() < end:
                    missing = f"the API server does not answer: {exc}"
            if self._monotonic() + LOOK_SECONDS >= end or self._cancelled.wait(LOOK_SECONDS):
                return missing, now, numbers

    def _evict(self, plugin: PluginPod, end: float) -> None:
        def forbidden(words: str) -> str:
            return f"pod {plugin} may not be evicted: {words}"

        self._evictions.ask(plugin, end, RETRY_SECONDS, forbidden)

    def _look(self, end: float) -> tuple[PluginPod, ...]:
        client = self._client.within(max(1.0, end - self._monotonic()))
        return pods_of(client, self._actor.node, lambda items: plugins_of(items, self._labels))
