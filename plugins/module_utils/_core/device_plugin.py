# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Which pods of a node are device plugins, and whether what was restarted has proven itself.

A device plugin registers with kubelet through a socket in kubelet's device-plugins folder, so each of them mounts that
folder from its host. A pod that has a plugin's label and does not mount it is none, whoever has labelled it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.node_gpu import reading
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import NodePod
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node

FOLDER = re.compile(r"/device-plugins/?\Z")
# NVIDIA's GPU operator, its Helm chart, its manifest, and that of GKE.
LABELS = (
    "app=nvidia-device-plugin-daemonset",
    "app.kubernetes.io/name=nvidia-device-plugin",
    "name=nvidia-device-plugin-ds",
    "k8s-app=nvidia-gpu-device-plugin",
)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL = re.compile(rf"(?:[a-z0-9.-]{{1,253}}/)?{_NAME}={_NAME}\Z")


@dataclass(frozen=True)
class PluginPod:
    """The pod of a plugin, for devices or for the network: whether it is ready, and what it waits for if not."""

    pod: NodePod
    ready: bool
    waiting: str = ""

    @property
    def uid(self) -> str:
        """The pod's."""
        return self.pod.uid

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> PluginPod:
        """Read a Pod object as the API gives it.

        :raises ValueError: when it does not say which pod it is.
        """
        status = item.get("status") or {}
        pod = NodePod.from_api(item)
        ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
        containers = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
        states = [c.get("state") or {} for c in containers]
        waiting = [str(s["waiting"].get("reason") or "") for s in states if s.get("waiting")]
        # The containers after one that fails wait for it, and have nothing to say.
        telling = [reason for reason in waiting if reason != "PodInitializing"] or waiting
        return cls(pod, ready and not pod.deleting, telling[0] if telling else "")

    def __str__(self) -> str:
        return str(self.pod)


def objection_to_labels(labels: Iterable[str]) -> str:
    """Why these are no labels, each as key=value; empty when they are."""
    labels = list(labels)
    wrong = [label for label in labels if not _LABEL.match(label)]
    if not labels or wrong:
        return f"expected a list of labels, each as key=value, got {', '.join(map(repr, wrong)) or 'an empty one'}"
    return ""


def plugins_of(items: Iterable[Mapping[str, Any]], labels: Iterable[str]) -> tuple[PluginPod, ...]:
    """The device plugins among the pods of a node, as the API gives them, in the order of their names.

    :param labels: each as key=value; a pod needs one of them.
    :raises ValueError: when a pod does not say which one it is.
    """
    wanted = {tuple(label.split("=", 1)) for label in labels}
    found = [PluginPod.from_api(item) for item in items if _is_plugin(item, wanted)]
    return tuple(sorted(found, key=lambda p: (p.pod.namespace, p.pod.name, p.uid)))


def _is_plugin(item: Mapping[str, Any], wanted: Iterable[tuple[str, ...]]) -> bool:
    metadata = item.get("metadata") or {}
    labels = metadata.get("labels") or {}
    if not any(labels.get(key) == value for key, value in wanted):
        return False
    # Nothing but a DaemonSet makes a pod again on the very node that it was taken from.
    if not any(o.get("controller") and o.get("kind") == "DaemonSet" for o in metadata.get("ownerReferences") or ()):
        return False
    volumes = (item.get("spec") or {}).get("volumes") or ()
    return any(FOLDER.search(str((volume.get("hostPath") or {}).get("path") or "")) for volume in volumes)


def gpus_of(node: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a Node, as the API gives it, offers the GPUs that its labels promise, or more; and the numbers."""
    seen = Node.from_api(node)
    verdict, _reason, message, evidence = reading(seen)
    promised, offered = evidence.get("promised"), evidence.get("allocatable")
    if isinstance(promised, Mapping) and isinstance(offered, Mapping):
        return all(offered[resource] >= count for resource, count in promised.items()), message
    return verdict is Verdict.HEALTHY, message


def still_missing(before: Iterable[PluginPod], now: Iterable[PluginPod], gpus: tuple[bool, str]) -> str:
    """What is still missing of the proof that the plugins were restarted; empty when it is complete.

    :param before: the pods that were to go.
    :param now: the plugins on the node.
    :param gpus: what ``gpus_of`` says.
    """
    before, now = tuple(before), tuple(now)
    gone = {plugin.uid for plugin in before}
    left = [plugin for plugin in now if plugin.uid in gone]
    if left:
        return f"pod {left[0]} is still there{', terminating' if left[0].pod.deleting else ''}"
    fresh: dict[str, list[PluginPod]] = {}
    for plugin in now:
        fresh.setdefault(plugin.pod.controller_uid, []).append(plugin)
    for plugin in before:
        successors = fresh.get(plugin.pod.controller_uid, [])
        if not successors:
            return f"{plugin.pod.controller} has made no new pod in the place of {plugin}"
        if not any(one.ready for one in successors):
            return f"pod {successors[0]} is not ready{': ' + successors[0].waiting if successors[0].waiting else ''}"
    enough, numbers = gpus
    return "" if enough else numbers
