# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""KubeletVersion: kubelets are neither newer than the control plane nor more than three minor versions older.

The control plane's version is taken to be that of the newest kubelet on its nodes. Where the control plane has no nodes
to be seen, as in managed clusters, the newest kubelet of all stands in: no kubelet may be newer than the control plane,
so one that is too old for it is too old indeed, while one that is too new cannot be told. In the middle of an upgrade
the API server may be ahead of the kubelet beside it, so "newer" may pass by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

TOO_OLD = "KubeletTooOld"
TOO_NEW = "KubeletNewerThanControlPlane"
UNREADABLE = "KubeletVersionUnreadable"

MAX_OLDER = 3
VERSION = re.compile(r"v(\d{1,4})\.(\d{1,4})(?![0-9])", re.ASCII)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose kubelet does not fit the control plane, or does not say its version."""
    nodes = snapshot.nodes or ()
    versions = {n.kubelet_version: _version(n.kubelet_version) for n in nodes}
    masters = [v for n in nodes if n.is_control_plane and (v := versions[n.kubelet_version])]
    newest = max(masters or [v for v in versions.values() if v], default=None)
    whose = "the control plane's" if masters else "the newest kubelet's"
    for node in nodes:
        if not node.kubelet_version and not node.is_ready:
            # A kubelet that never spoke has said no version either, and other checks tell of that.
            continue
        mine = versions[node.kubelet_version]
        verdict, text = Verdict.UNHEALTHY, node.kubelet_version[:40]
        if mine is None or newest is None:
            verdict, reason, message = Verdict.UNKNOWN, UNREADABLE, f"the kubelet's version is no version: {text!r}"
        elif mine > newest:
            reason, message = TOO_NEW, f"the kubelet is {text}, newer than {whose} v{newest[0]}.{newest[1]}"
        elif mine < (newest[0], newest[1] - MAX_OLDER):
            reason = TOO_OLD
            message = (
                f"the kubelet is {text}, more than {MAX_OLDER} minor versions older than {whose}"
                f" v{newest[0]}.{newest[1]}"
            )
        else:
            continue
        yield CHECK.finding(
            policy,
            node.ref,
            reason,
            message,
            None,
            verdict=verdict,
            evidence={"kubelet": text, "compared_with": None if newest is None else f"v{newest[0]}.{newest[1]}"},
        )


def _version(text: str) -> tuple[int, int] | None:
    found = VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else None


CHECK = Check(
    name="KubeletVersion",
    about="Kubelets are of a version that the control plane supports.",
    parts=("nodes",),
    reasons={
        TOO_OLD: f"the kubelet is more than {MAX_OLDER} minor versions older than the control plane",
        TOO_NEW: "the kubelet is newer than the control plane",
        UNREADABLE: "the kubelet's version is absent or not of the form v1.34",
    },
    evaluate=evaluate,
    severity=Severity.WARNING,
    remedy=Remedy.NONE,
)
