# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The cluster's lease: one healer at a time, and a token that goes stale when the lease passes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    Conflict,
    LeaseBusy,
    LeaseLost,
    NotBootstrapped,
    NotFound,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import NAMESPACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    format_micro_time,
    format_time,
    parse_time,
)

NAME = "selfheal"
_COLLECTION = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
_PATH = f"{_COLLECTION}/{NAME}"


@dataclass(frozen=True)
class Held:
    """A lease in our hands: the holder's name, the fencing token, and until when it lasts without renewal."""

    holder: str
    token: int
    expires: datetime

    def to_dict(self) -> dict[str, Any]:
        """The lease as modules return it."""
        return {"holder": self.holder, "token": self.token, "expires": format_time(self.expires)}


def acquire(client: Client, holder: str, duration: int, dry_run: bool = False) -> Held:
    """Take the lease.

    A lease in date is never taken over, not even by a holder of the same name: two runs may have been given one name,
    and each would believe the lease to be its own. The fencing token is the number of transitions; it grows each time
    the lease is taken.

    :raises LeaseBusy: when somebody holds it and has renewed it within its duration.
    """
    current = _read(client)
    if current is None:
        return _write(client, None, holder, 1, duration, dry_run)
    spec, now = current.body.get("spec") or {}, current.date
    owner = spec.get("holderIdentity") or ""
    expires = _expires(spec)
    if owner:
        if expires is None:
            raise StoreError(f"Lease {NAMESPACE}/{NAME} held by {owner} has no readable renewTime: delete it by hand")
        if expires > now + timedelta(seconds=2 * spec["leaseDurationSeconds"]):
            raise StoreError(
                f"Lease {NAMESPACE}/{NAME} held by {owner} was renewed at {spec['renewTime']}, which is still to come:"
                " a clock was wrong, delete it by hand"
            )
        if expires > now:
            left = int((expires - now).total_seconds()) + 1
            raise LeaseBusy(f"busy: {owner} heals this cluster now, its lease lasts {left} s unless it is renewed")
    return _write(client, current, holder, _token(spec) + 1, duration, dry_run)


def renew(client: Client, holder: str, token: int, duration: int) -> Held:
    """Prove that the lease is still ours, by renewing it.

    :raises LeaseLost: when it is not. Nothing may be written or done after that.
    """
    current = _read(client)
    spec = {} if current is None else current.body.get("spec") or {}
    owner = spec.get("holderIdentity") or "nobody"
    if current is None or owner != holder or _token(spec) != token:
        raise LeaseLost(
            f"the cluster's lease is not ours any more: {owner} holds it with token {spec.get('leaseTransitions')},"
            f" we had token {token} as {holder}"
        )
    expires = _expires(spec)
    if expires is None or expires <= current.date:
        raise LeaseLost(f"the lease of {holder} ran out at {format_time(expires)}: this run was silent for too long")
    try:
        return _write(client, current, holder, token, duration)
    except LeaseBusy as exc:
        raise LeaseLost(f"the lease of {holder} was written by somebody else while it was renewed") from exc


def release(client: Client, holder: str, token: int, dry_run: bool = False) -> bool:
    """Let the lease go if it is ours; whether it was."""
    current = _read(client)
    if current is None:
        return False
    spec = current.body.get("spec") or {}
    if spec.get("holderIdentity") != holder or _token(spec) != token:
        return False
    if dry_run:
        return True
    body = dict(current.body)
    body["spec"] = {**spec, "holderIdentity": ""}
    try:
        client.replace(_PATH, body)
    except Conflict:
        return False
    return True


def _read(client: Client) -> Answer | None:
    try:
        return client.get(_PATH)
    except NotFound:
        return None


def _write(
    client: Client, current: Answer | None, holder: str, token: int, duration: int, dry_run: bool = False
) -> Held:
    now = client.get("/version").date if current is None else current.date
    held = Held(holder=holder, token=token, expires=now + timedelta(seconds=duration))
    if dry_run:
        return held
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration,
        "leaseTransitions": token,
        "renewTime": format_micro_time(now),
        "acquireTime": format_micro_time(now),
    }
    try:
        if current is None:
            metadata: dict[str, Any] = {"name": NAME, "namespace": NAMESPACE}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            client.create(_COLLECTION, body)
        else:
            old = current.body.get("spec") or {}
            if old.get("leaseTransitions") == token and old.get("acquireTime"):
                spec["acquireTime"] = old["acquireTime"]
            client.replace(_PATH, {**current.body, "spec": spec})
    except Unreachable:
        # The reply may have been lost after the write was done; a lease that says what we wrote is ours.
        stored = _read(client)
        if stored is None or stored.body.get("spec") != spec:
            raise
    except Conflict:
        raise LeaseBusy("busy: another healer wrote the cluster's lease at the same moment") from None
    except NotFound:
        raise NotBootstrapped(
            f"namespace {NAMESPACE} does not exist: run the playbook selfheal.kubernetes.bootstrap first"
        ) from None
    return held


def _expires(spec: dict[str, Any]) -> datetime | None:
    renewed = parse_time(spec.get("renewTime"))
    duration = spec.get("leaseDurationSeconds")
    if renewed is None or not isinstance(duration, int):
        return None
    return renewed + timedelta(seconds=duration)


def _token(spec: dict[str, Any]) -> int:
    token = spec.get("leaseTransitions")
    return token if isinstance(token, int) else 0
