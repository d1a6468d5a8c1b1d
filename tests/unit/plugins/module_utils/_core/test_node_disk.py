# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_disk
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Severity, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import DiskUsage, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import UID, node, snapshot

GIB = 2**30


def disks(
    root: int | None = 10, images: int | None = 10, root_inodes: int | None = 10, images_inodes: int | None = 10
) -> DiskUsage:
    """File systems of 100 GiB and 1000 inodes with so many percent in use; None is not told."""
    used = {"root": root, "images": images}
    inodes = {"root": root_inodes, "images": images_inodes}
    return DiskUsage(
        used={name: percent * GIB for name, percent in used.items() if percent is not None},
        capacity=dict.fromkeys(used, 100 * GIB),
        inodes_used={name: percent * 10 for name, percent in inodes.items() if percent is not None},
        inodes=dict.fromkeys(inodes, 1000),
    )


def findings_of(seen: DiskUsage | None, policy: Policy = Policy()) -> list[Finding]:
    told = {} if seen is None else {"w1": seen}
    return list(node_disk.CHECK.evaluate(snapshot([node()], disks=told), policy))


# What the kubelet tells -> the reason, if there is one.
DISKS: dict[str, tuple[DiskUsage | None, str | None]] = {
    "roomy": (disks(), None),
    "root at the limit": (disks(root=90), None),
    "root just above": (DiskUsage({"root": 90 * GIB + 1}, {"root": 100 * GIB}), "DiskUsageHigh"),
    "images above": (disks(images=91), "DiskUsageHigh"),
    "inodes at the limit": (disks(root_inodes=90), None),
    "inodes above": (disks(images_inodes=91), "InodeUsageHigh"),
    "both above": (disks(root=95, root_inodes=95), "DiskUsageHigh"),
    "no inodes told": (DiskUsage({"root": 1}, {"root": 100}), None),
    "not asked or not answered": (None, "DisksOutOfSight"),
    "told nothing": (DiskUsage({}, {}), "DiskMetricsAbsent"),
    "one file system not told": (disks(images=None), "DiskMetricsAbsent"),
    "one not told, the other full": (disks(root=95, images=None), "DiskUsageHigh"),
    "capacity not told": (DiskUsage({"root": 5}, {}), "DiskMetricsAbsent"),
    "capacity nothing": (DiskUsage({"root": 5}, {"root": 0}), "DiskMetricsAbsent"),
}


@pytest.mark.parametrize(("seen", "reason"), DISKS.values(), ids=DISKS)
def test_each_telling_has_its_reason(seen: DiskUsage | None, reason: str | None) -> None:
    found = findings_of(seen)
    assert [f.reason for f in found] == ([] if reason is None else [reason])
    for finding in found:
        assert finding.verdict is (Verdict.UNHEALTHY if finding.reason.endswith("High") else Verdict.UNKNOWN)
        assert (finding.severity, finding.remedy) == (Severity.WARNING, Remedy.NONE)
        assert finding.target == (Ref("Cluster", UID) if seen is None else node().ref)
        assert finding.since is None


def test_every_reason_is_given_by_some_telling() -> None:
    assert {reason for _seen, reason in DISKS.values() if reason} == set(node_disk.CHECK.reasons)


def test_the_limit_is_the_policys() -> None:
    assert findings_of(disks(root=50), Policy(disk_percent=50)) == []
    assert [f.reason for f in findings_of(disks(root=51), Policy(disk_percent=50))] == ["DiskUsageHigh"]
    assert [f.reason for f in findings_of(disks(root_inodes=51), Policy(disk_percent=50))] == ["InodeUsageHigh"]


def test_every_full_file_system_is_told_with_its_numbers() -> None:
    (finding,) = findings_of(disks(root=95, images=92, images_inodes=99))
    assert finding.message == (
        "node w1 uses 92.0 % of images (92.0 GiB of 100.0 GiB), 95.0 % of root (95.0 GiB of 100.0 GiB),"
        " 99.0 % of the inodes of images; 90 % are allowed"
    )
    assert finding.evidence == {"images_percent": 92.0, "root_percent": 95.0, "images_inodes_percent": 99.0}


def test_what_is_not_told_is_named() -> None:
    assert findings_of(disks(images=None))[0].message == "the kubelet of node w1 does not tell the use of images"
    assert findings_of(DiskUsage({}, {}))[0].message.endswith("does not tell the use of any file system")


def test_the_nodes_that_were_not_asked_are_told_together() -> None:
    nodes = [node(f"w{number}") for number in range(8)]
    seen = snapshot(nodes[::-1], disks={"w0": disks(), "w1": disks(root=95), "gone": disks(root=99)}, cluster_uid=None)
    unseen, full = node_disk.CHECK.evaluate(seen, Policy())
    assert unseen.target == Ref("Cluster", "cluster")
    assert unseen.message == (
        "how full the disks of 6 of 8 nodes are was not told in this look: w2, w3, w4, w5, w6, ..."
    )
    assert unseen.evidence == {"nodes": 8, "unseen": 6}
    assert (full.node, full.reason) == ("w1", "DiskUsageHigh")


def test_a_few_are_all_named() -> None:
    (unseen,) = findings_of(None)
    assert unseen.message == "how full the disks of 1 of 1 nodes are was not told in this look: w1"


def test_it_says_nothing_when_a_part_was_not_read() -> None:
    for part in node_disk.CHECK.parts:
        seen = replace(snapshot([node()], disks={}), **{part: None})
        assert list(node_disk.CHECK.evaluate(seen, Policy())) == []
    assert set(node_disk.CHECK.parts) == {"nodes", "disks"}
