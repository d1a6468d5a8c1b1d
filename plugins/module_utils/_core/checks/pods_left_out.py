# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""PodsLeftOut: every suspicious pod was looked at in full."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

LEFT_OUT = "PodsNotLookedAt"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for the whole cluster when there was no room for some of the suspects."""
    if snapshot.pods is None or not (left_out := {k: n for k, n in snapshot.pods.left_out.items() if n > 0}):
        return
    counts = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{count} {status or 'without a status'}" for status, count in counts[:8])
    more = f" and {len(counts) - 8} more kinds" if len(counts) > 8 else ""
    looked = len(snapshot.pods.suspects)
    yield CHECK.finding(
        policy,
        Ref("Cluster", "pods"),
        LEFT_OUT,
        f"{sum(left_out.values())} suspicious pods were not looked at, only {looked}: {told}{more}",
        None,
        verdict=Verdict.UNKNOWN,
        evidence={"left_out": dict(counts), "looked_at": looked, "total": snapshot.pods.total},
    )


CHECK = Check(
    name="PodsLeftOut",
    about="Every suspicious pod was looked at in full.",
    parts=("pods",),
    reasons={LEFT_OUT: "there are more suspicious pods than suspects_limit, so some were only counted"},
    evaluate=evaluate,
)
