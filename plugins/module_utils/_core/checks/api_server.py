# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""ApiServer: each API server by itself is live, ready and quick.

An API server that does not answer is down, or we are not in its network. The address that we were given may be a load
balancer that the world can reach, while the servers behind it stand in a network of their own. So silence counts
against a server only when something in that network has answered us in the same look: another server that was found out
and not given, or the given address where it is the address of a node itself. Without that it proves nothing, and is a
warning that we cannot see there (``api_endpoints`` of the policy can name what can be reached).

The given address is another matter: we are meant to reach it. When it is silent and any server answers, it is down;
when nobody answers, the server or our own network is at fault, and we cannot tell which.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

SILENT = "ApiServerUnreachable"
OUT_OF_SIGHT = "ApiServerOutOfSight"
NOT_LIVE = "ApiServerNotLive"
NOT_READY = "ApiServerNotReady"
READY_UNKNOWN = "ApiServerReadinessUnknown"
SLOW = "ApiServerSlow"
NONE_ASKED = "ApiServerNotAsked"

FAILED_SHOWN = 8


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each API server that is not well: the worst that can be said of it."""
    if snapshot.endpoints is None:
        return
    if not snapshot.endpoints:
        target = Ref("ControlPlane", "kube-apiserver")
        yield CHECK.finding(policy, target, NONE_ASKED, "no API server was asked by itself", None, Verdict.UNKNOWN)
    answering = any(_answers(e) for e in snapshot.endpoints)
    inside = _inside(snapshot)
    for endpoint in snapshot.endpoints:
        verdict, severity = Verdict.UNHEALTHY, Severity.CRITICAL
        if not _answers(endpoint):
            why = endpoint.trouble or "no reason is known"
            reason, message = SILENT, f"the API server at {endpoint.address} does not answer ({why})"
            if endpoint.given and not answering:
                verdict = Verdict.UNKNOWN
                message += ", and no other one does"
            elif not endpoint.given and not inside:
                reason, verdict, severity = OUT_OF_SIGHT, Verdict.UNKNOWN, Severity.WARNING
                message += ", and nothing in its network does: we may stand outside of it"
        elif endpoint.live is False:
            reason, message = NOT_LIVE, f"livez of the API server at {endpoint.address} fails{_failed(endpoint)}"
        elif endpoint.ready is False:
            reason, message = NOT_READY, f"readyz of the API server at {endpoint.address} fails{_failed(endpoint)}"
        elif endpoint.live is None or endpoint.ready is None:
            reason, verdict = READY_UNKNOWN, Verdict.UNKNOWN
            message = f"the API server at {endpoint.address} answers, but does not say whether it is live and ready"
            message += f" ({endpoint.trouble})" if endpoint.trouble else ""
        elif endpoint.latency_ms is not None and endpoint.latency_ms > policy.api_latency_ms:
            reason, severity = SLOW, Severity.WARNING
            message = (
                f"the API server at {endpoint.address} took {endpoint.latency_ms:.0f} ms to answer livez,"
                f" {policy.api_latency_ms} ms are allowed"
            )
        else:
            continue
        yield CHECK.finding(
            policy,
            endpoint.ref,
            reason,
            message,
            None,
            verdict=verdict,
            severity=severity,
            evidence={
                "live": endpoint.live,
                "ready": endpoint.ready,
                "failed": list(endpoint.failed[:FAILED_SHOWN]),
                "latency_ms": None if endpoint.latency_ms is None else round(endpoint.latency_ms, 1),
                "given": endpoint.given,
            },
        )


def _answers(endpoint: ApiEndpoint) -> bool:
    # One that refuses to tell us (403, 429) has answered all the same, and only an answer takes a time.
    return endpoint.live is not None or endpoint.latency_ms is not None


def _inside(snapshot: Snapshot) -> bool:
    """Whether anything in the network of the cluster's own nodes has answered us."""
    nodes = {address for node in snapshot.nodes or () for address in node.addresses}
    return any(_answers(e) and (not e.given or _host(e.address) in nodes) for e in snapshot.endpoints or ())


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _failed(endpoint: ApiEndpoint) -> str:
    if not endpoint.failed:
        return f" ({endpoint.trouble})" if endpoint.trouble else ", which check of its own does is not said"
    more = len(endpoint.failed) - FAILED_SHOWN
    return f": {', '.join(endpoint.failed[:FAILED_SHOWN])}" + (f" and {more} more" if more > 0 else "")


CHECK = Check(
    name="ApiServer",
    about="Each API server by itself is live, ready, and answers in time.",
    parts=("endpoints",),
    reasons={
        SILENT: "it does not answer, while others do (unknown when it is the given one and nobody answers)",
        OUT_OF_SIGHT: "it does not answer, and neither does anything else in its network",
        NOT_LIVE: "livez fails",
        NOT_READY: "readyz fails",
        READY_UNKNOWN: "it answers, but livez or readyz could not be read",
        SLOW: "it takes longer than api_latency_ms to answer livez",
        NONE_ASKED: "no API server was asked by itself",
    },
    evaluate=evaluate,
    severity=Severity.CRITICAL,
)
