# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeGPU: a node offers as many NVIDIA GPUs as it has.

GPU feature discovery writes into labels what the machine has (``nvidia.com/gpu.count``), the device plugin decides what
the kubelet offers (allocatable ``nvidia.com/gpu``). Shared GPUs are offered several times, by the label
``nvidia.com/gpu.replicas``, under the same name or with ``.shared`` behind it. A node with mixed MIG slices is judged
by its slices, each kind of which has labels of its own; its whole GPUs are not, because their label counts the sliced
ones too.

Since when is not in the API: neither labels nor allocatable have times, and those of the node's conditions are about
something else. So ``since`` is None, and that the trouble lasts must come from memory.

More than promised makes the node unknown, not unhealthy: labels are rewritten later than the kubelet's status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

MATCH = "GPUCountMatch"
MISMATCH = "GPUCountMismatch"
NONE_ALLOCATABLE = "NoAllocatableGPU"
NO_GPU = "NonGPUNode"
UNREADABLE = "GPUCountUnreadable"

GPU = "nvidia.com/gpu"
SLICE = "nvidia.com/mig-"
SLICE_COUNT = re.compile(rf"({re.escape(SLICE)}[A-Za-z0-9.]+)\.count\Z")


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node that does not offer what its labels promise."""
    for node in snapshot.nodes or ():
        verdict, reason, message, evidence = reading(node)
        if verdict is not Verdict.HEALTHY:
            yield CHECK.finding(policy, node.ref, reason, message, None, verdict=verdict, evidence=evidence)


def reading(node: Node) -> tuple[Verdict, str, str, Mapping[str, object]]:
    """What the node's labels and its allocatable say together: verdict, reason, a message, and the numbers."""
    slices = sorted(m[1] for label in node.labels if label.startswith(SLICE) and (m := SLICE_COUNT.match(label)))
    try:
        promised = _promises(node, slices) or _promises(node, [GPU])
        offered = {resource: _offered(node, resource) for resource in promised}
    except ValueError as exc:
        return Verdict.UNKNOWN, UNREADABLE, str(exc), {}
    if not promised:
        return Verdict.HEALTHY, NO_GPU, "the node promises no GPU", {}
    evidence = {"promised": promised, "allocatable": offered}
    told = ", ".join(f"{offered[r]} of {promised[r]} {r}" for r in promised)
    message = f"allocatable are {told}"
    if not any(offered.values()):
        return Verdict.UNHEALTHY, NONE_ALLOCATABLE, message, evidence
    if any(offered[r] < promised[r] for r in promised):
        return Verdict.UNHEALTHY, MISMATCH, message, evidence
    if offered != promised:
        return Verdict.UNKNOWN, MISMATCH, message, evidence
    return Verdict.HEALTHY, MATCH, message, evidence


def _promises(node: Node, resources: Iterable[str]) -> dict[str, int]:
    """How many of each resource the labels promise; those of which they promise none are left out."""
    promises = {}
    for resource in resources:
        count = _number(f"label {resource}.count", node.labels.get(f"{resource}.count", "0"))
        # 0 and 1 both say that nothing is shared.
        times = max(1, _number(f"label {resource}.replicas", node.labels.get(f"{resource}.replicas", "1")))
        if count:
            promises[resource] = count * times
    return promises


def _offered(node: Node, resource: str) -> int:
    if not node.allocatable:
        raise ValueError("the node says nothing about what is allocatable")
    names = (resource, f"{resource}.shared")
    return sum(_number(f"allocatable {name}", node.allocatable.get(name, "0")) for name in names)


def _number(what: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise ValueError(f"{what} is no number of GPUs: {text[:40]!r}")
    return int(text)


CHECK = Check(
    name="NodeGPU",
    about="The node offers as many NVIDIA GPUs as its labels say it has.",
    parts=("nodes",),
    reasons={
        MATCH: "as many GPUs are allocatable as the labels say: no finding",
        NO_GPU: "the labels say that the node has no GPU: no finding",
        MISMATCH: "fewer GPUs are allocatable than the labels say, or (unknown) more",
        NONE_ALLOCATABLE: "the labels say that the node has GPUs, and none is allocatable",
        UNREADABLE: "a label or the allocatable count is absent or no whole number",
    },
    evaluate=evaluate,
    threshold=600,
    severity=Severity.ERROR,
    remedy=Remedy.REBOOT,
)
