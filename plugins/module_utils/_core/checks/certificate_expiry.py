# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""CertificateExpiry: the serving certificate of each API server does not end soon.

Nothing is said where the date is not known: that is so for an endpoint that did not answer, for one behind plain HTTP,
and where the client's TLS does not show certificates, none of which is a sign of an old one. An endpoint that does not
answer has a check of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Finding, Remedy, Severity, Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time

EXPIRING = "CertificateExpiring"
EXPIRED = "CertificateExpired"


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each endpoint whose certificate has expired or will within ``certificate_days``."""
    now = snapshot.observed_at
    for endpoint in snapshot.endpoints or ():
        expires = endpoint.certificate_expires
        if expires is None:
            continue
        left = expires - now
        if left > timedelta(days=policy.certificate_days):
            continue
        at = format_time(expires)
        if left < timedelta():
            reason, severity, since = EXPIRED, Severity.ERROR, expires
            message = f"the certificate expired {_words(-left)} ago, at {at}"
        else:
            reason, severity, since = EXPIRING, Severity.WARNING, expires - timedelta(days=policy.certificate_days)
            message = f"the certificate expires in {_words(left)}, at {at}"
        yield CHECK.finding(
            policy,
            endpoint.ref,
            reason,
            message,
            since,
            severity=severity,
            evidence={"expires": at, "certificate_days": policy.certificate_days},
        )


def _words(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{span.seconds // 3600} h {span.seconds % 3600 // 60} min"


CHECK = Check(
    name="CertificateExpiry",
    about="The certificates of the API servers do not end soon.",
    parts=("endpoints",),
    reasons={
        EXPIRING: "the certificate ends within certificate_days",
        EXPIRED: "the certificate has ended (severity error)",
    },
    evaluate=evaluate,
    severity=Severity.WARNING,
    remedy=Remedy.NONE,
)
