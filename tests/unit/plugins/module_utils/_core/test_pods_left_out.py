# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.pods_left_out import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Severity, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pods, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.pods import pod, seen


def look(pods: Pods | None) -> list[object]:
    return [
        (f.target, f.reason, f.message, f.verdict, f.severity, f.since)
        for f in CHECK.evaluate(Snapshot(observed_at=NOW, pods=pods), Policy())
    ]


def test_pods_that_were_not_looked_at_leave_a_doubt() -> None:
    pods = Pods(total=500, suspects=(pod(),), left_out={"CrashLoopBackOff": 4, "": 1, "Pending": 30, "None": 0})
    assert look(pods) == [
        (
            Ref("Cluster", "pods"),
            "PodsNotLookedAt",
            "35 suspicious pods were not looked at, only 1: 30 Pending, 4 CrashLoopBackOff, 1 without a status",
            Verdict.UNKNOWN,
            Severity.ERROR,
            None,
        )
    ]
    (finding,) = CHECK.evaluate(Snapshot(observed_at=NOW, pods=pods), Policy())
    assert finding.evidence == {
        "left_out": {"Pending": 30, "CrashLoopBackOff": 4, "": 1},
        "looked_at": 1,
        "total": 500,
    }


def test_many_kinds_are_counted() -> None:
    (finding,) = CHECK.evaluate(
        Snapshot(observed_at=NOW, pods=Pods(total=99, left_out={f"S{n}": n for n in range(1, 12)})), Policy()
    )
    assert finding.message.endswith("5 S5, 4 S4 and 3 more kinds")


def test_it_says_nothing_when_all_were_looked_at_or_none_was_read() -> None:
    assert list(CHECK.evaluate(seen(pod()), Policy())) == []
    assert look(Pods(total=3, left_out={"Pending": 0})) == []
    assert look(None) == []
    assert set(CHECK.reasons) == {"PodsNotLookedAt"}
