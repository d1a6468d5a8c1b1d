# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeDisk: how full each node's file systems are, in bytes and in inodes, by the kubelet's summary.

The kubelets are asked only when the policy's ``kubelet_summary`` is on, because that needs the right nodes/proxy, which
can do far more than look; while it is off the check is unknown. In a large cluster each look asks some of them in turn,
so the nodes that nobody told anything about are one finding together, and not thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._usage import Share, gib, share
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

FULL = "DiskUsageHigh"
INODES = "InodeUsageHigh"
ABSENT = "DiskMetricsAbsent"
UNSEEN = "DisksOutOfSight"

NAMES_SHOWN = 5


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node with a file system above ``disk_percent``, and one for all that nobody knows about."""
    if snapshot.disks is None:
        return
    nodes = snapshot.nodes or ()
    unseen = sorted(node.name for node in nodes if node.name not in snapshot.disks)
    if unseen:
        target = Ref("Cluster", snapshot.cluster_uid or "cluster")
        named = ", ".join(unseen[:NAMES_SHOWN]) + (", ..." if len(unseen) > NAMES_SHOWN else "")
        message = f"how full the disks of {len(unseen)} of {len(nodes)} nodes are was not told in this look: {named}"
        evidence = {"nodes": len(nodes), "unseen": len(unseen)}
        yield CHECK.finding(policy, target, UNSEEN, message, None, Verdict.UNKNOWN, evidence=evidence)
    for node in nodes:
        disks = snapshot.disks.get(node.name)
        if disks is None:
            continue
        blocks, inodes = _shares(disks.used, disks.capacity), _shares(disks.inodes_used, disks.inodes)
        full = {name: s for name, s in blocks.items() if s is not None and s.over(policy.disk_percent)}
        crowded = {name: s for name, s in inodes.items() if s is not None and s.over(policy.disk_percent)}
        if full or crowded:
            told = [f"{s.percent:.1f} % of {name} ({gib(s.used)} of {gib(s.capacity)})" for name, s in full.items()]
            told += [f"{s.percent:.1f} % of the inodes of {name}" for name, s in crowded.items()]
            message = f"node {node.name} uses {', '.join(told)}; {policy.disk_percent} % are allowed"
            shares = {
                **{f"{name}_percent": round(s.percent, 1) for name, s in full.items()},
                **{f"{name}_inodes_percent": round(s.percent, 1) for name, s in crowded.items()},
            }
            yield CHECK.finding(policy, node.ref, FULL if full else INODES, message, None, evidence=shares)
            continue
        # File systems without inodes of a fixed number (btrfs) tell none; one that tells no bytes is in doubt.
        untold = [name for name, s in blocks.items() if s is None]
        if untold or not blocks:
            what = f"of {', '.join(untold)}" if untold else "of any file system"
            message = f"the kubelet of node {node.name} does not tell the use {what}"
            yield CHECK.finding(policy, node.ref, ABSENT, message, None, Verdict.UNKNOWN)


def _shares(used: Mapping[str, int], capacity: Mapping[str, int]) -> dict[str, Share | None]:
    return {name: share(used.get(name), capacity.get(name)) for name in sorted({*used, *capacity})}


CHECK = Check(
    name="NodeDisk",
    about="The node's file systems have room, in bytes and in inodes.",
    parts=("nodes", "disks"),
    reasons={
        FULL: "a file system of the node is fuller than disk_percent",
        INODES: "a file system of the node has used more of its inodes than disk_percent",
        ABSENT: "the kubelet does not tell how full one or all of the node's file systems are",
        UNSEEN: "some nodes' kubelets were not asked in this look or did not answer",
    },
    evaluate=evaluate,
    severity=Severity.WARNING,
)
