# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ServiceProbe: each Service that is probed answers, rightly and in time."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Snapshot, Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ProbeResult
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

UNREACHABLE = "ServiceDoesNotAnswer"
ERRORS = "ErrorRateTooHigh"
SLOW = "ResponseTooSlow"
NOT_PROBED = "ServiceNotProbed"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each probe that did not go well; the worst that can be said of it."""
    for probe in snapshot.probes or ():
        reading = _reading(probe, policy)
        if reading is None:
            continue
        reason, message = reading
        yield CHECK.finding(
            policy,
            probe.service,
            reason,
            f"{probe.kind}: {message}" + (f" ({' '.join(probe.trouble.split())})" if probe.trouble else ""),
            None,
            verdict=Verdict.UNKNOWN if reason == NOT_PROBED else Verdict.UNHEALTHY,
            evidence={
                "kind": probe.kind,
                "sent": probe.sent,
                "failed": probe.failed,
                "median_ms": _middle(probe),
            },
        )


def _reading(probe: ProbeResult, policy: Policy) -> tuple[str, str] | None:
    if probe.sent <= 0:
        return NOT_PROBED, "no probe was sent"
    if probe.failed >= probe.sent:
        return UNREACHABLE, f"{probe.failed} of {probe.sent} probes failed"
    if probe.failed * 100 > policy.error_rate_percent * probe.sent:
        rate = f"{probe.failed * 100 / probe.sent:.0f} %"
        limit = f"over {policy.error_rate_percent} % is too many"
        return ERRORS, f"{probe.failed} of {probe.sent} probes failed, {rate} ({limit})"
    middle = _middle(probe)
    if middle is not None and middle > policy.response_time_ms:
        return SLOW, f"half of the answers took longer than {middle:.0f} ms (over {policy.response_time_ms} ms is slow)"
    return None


def _middle(probe: ProbeResult) -> float | None:
    return round(median(probe.times_ms), 1) if probe.times_ms else None


CHECK = Check(
    name="ServiceProbe",
    about="Each Service that is probed answers, rightly and in time.",
    parts=("probes",),
    reasons={
        UNREACHABLE: "all probes failed",
        ERRORS: "more probes failed than the policy allows",
        SLOW: "the median of the response times is over the policy's",
        NOT_PROBED: "no probe could be sent",
    },
    evaluate=evaluate,
)
