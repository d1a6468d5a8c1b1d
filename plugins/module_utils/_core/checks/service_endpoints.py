# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ServiceEndpoints: each Service has somebody behind it who is ready."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pods import down_since
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Pod, Service
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import seconds_between

NONE_READY = "NoReadyEndpoints"
NONE_AT_ALL = "NoEndpoints"
# Without these two nothing in the cluster finds anything else.
VITAL = (("default", "kubernetes"), ("kube-system", "kube-dns"))
SHOWN = 5


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each Service that has had no ready endpoint for the check's threshold."""
    now = snapshot.observed_at
    pods = {(p.namespace, p.name): p for p in (snapshot.pods.suspects if snapshot.pods is not None else ())}
    for service in snapshot.services or ():
        if service.ready > 0:
            continue
        moment = service.changed or _lost_last(pods.get((service.namespace, name)) for name in service.unready)
        age = None if moment is None else (now - moment).total_seconds()
        # A little into the future is young, too, because clocks differ.
        if age is not None and abs(age) < CHECK.threshold_in(policy):
            continue
        # Where nobody tells since when (nobody does for the API server's own), it has no ready endpoint all the same.
        since = moment if age is not None and age >= 0 else None
        reason = NONE_READY if service.total > 0 else NONE_AT_ALL
        lasting = "since when is not known" if since is None else f"for {seconds_between(since, now)} s"
        yield CHECK.finding(
            policy,
            service.ref,
            reason,
            f"{_said(service)} ({lasting})",
            since,
            severity=_severity(service, reason),
            evidence={"ready": service.ready, "total": service.total, "unready": list(service.unready[:SHOWN])},
        )


def _lost_last(pods: Iterable[Pod | None]) -> datetime | None:
    """When the last of the pods became unready; Kubernetes tells no change of a Service whose pods never were ready."""
    return max((at for p in pods if p is not None and (at := down_since(p) or p.created) is not None), default=None)


def _severity(service: Service, reason: str) -> Severity:
    if (service.namespace, service.name) in VITAL:
        return Severity.CRITICAL
    # It may be scaled to zero on purpose.
    return Severity.WARNING if reason == NONE_AT_ALL else Severity.ERROR


def _said(service: Service) -> str:
    if service.total <= 0:
        return "no endpoint at all: nothing runs behind it, or its selector matches nothing"
    shown = ", ".join(service.unready[:SHOWN])
    more = f" and {len(service.unready) - SHOWN} more" if len(service.unready) > SHOWN else ""
    return f"0 of {service.total} endpoints ready" + (f": {shown}{more}" if shown else "")


CHECK = Check(
    name="ServiceEndpoints",
    about="Each Service has a ready endpoint.",
    parts=("services",),
    reasons={
        NONE_READY: "the Service has endpoints, and none is ready",
        NONE_AT_ALL: "the Service has no endpoint at all: scaled to zero, or its selector matches nothing",
    },
    evaluate=evaluate,
    threshold=60,
    patient=True,
)
