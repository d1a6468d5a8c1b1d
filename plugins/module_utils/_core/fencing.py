# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""When a dead node may be said to be out of service, and when that may be taken back.

The taint ``node.kubernetes.io/out-of-service`` makes the cluster delete the node's pods and detach their volumes by
force. Where the old pods still run, two write to one volume; so it takes a proof, and what is merely likely is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import texts_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import (
    format_time,
    parse_time,
    seconds_between,
)

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
TAINT_VALUE = "nodeshutdown"
TAINT_EFFECT = "NoExecute"
FENCED = "selfheal.kubernetes/fenced"
MANAGER = "selfheal-fence"
# A machine that was off so many seconds ago may have been switched on since.
PROOF_SECONDS = 300
# The clocks of whoever has seen it and of the API server may differ by so much.
SKEW_SECONDS = 30
EVIDENCE_LENGTH = 500


class Proven(Enum):
    """By what it is proven that nothing of a node runs any more."""

    POWER_OFF = "power_off"
    BOOT_ID_CHANGED = "boot_id_changed"
    START_TIME_CHANGED = "start_time_changed"


@dataclass(frozen=True)
class FencingProof:
    """A proof: which one, the words of whoever has seen it, when, and for a change its two sides."""

    kind: Proven
    evidence: str
    seen: datetime
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class LastSigns:
    """What the API server knows last of a node: its Ready, its boot ID, and when kubelet renewed its Lease."""

    ready: str
    boot_id: str
    renewed: datetime | None


def objection_to_fence(signs: LastSigns, proof: FencingProof | None, now: datetime) -> str | None:
    """Why a node may not be said to be out of service, or None."""
    if proof is None:
        return "there is no proof that nothing runs on it any more"
    return (
        _unsound(proof, now)
        or _alive(signs, proof)
        or {
            Proven.POWER_OFF: _nothing_more,
            Proven.BOOT_ID_CHANGED: _other_boot,
            Proven.START_TIME_CHANGED: _other_start,
        }[proof.kind](signs, proof)
    )


def _unsound(proof: FencingProof, now: datetime) -> str | None:
    if not proof.evidence.strip():
        return "the proof has no evidence: say who has seen what"
    ahead = (proof.seen - now).total_seconds()
    if ahead > SKEW_SECONDS:
        return f"the proof is of {format_time(proof.seen)}, which is yet to come: it is {format_time(now)}"
    age = seconds_between(proof.seen, now)
    if age > PROOF_SECONDS:
        return f"the proof is {age} s old, at most {PROOF_SECONDS} s are taken: look again"
    return None


def _alive(signs: LastSigns, proof: FencingProof) -> str | None:
    if signs.ready == "True":
        return "it is Ready, whatever the proof says"
    if signs.renewed is None:
        return "its Lease cannot be read, so nobody knows when it was last alive"
    if signs.renewed > proof.seen:
        return f"its Lease was renewed at {format_time(signs.renewed)}, after the proof of {format_time(proof.seen)}"
    return None


def _nothing_more(signs: LastSigns, proof: FencingProof) -> str | None:
    return None


def _other_boot(signs: LastSigns, proof: FencingProof) -> str | None:
    if not proof.before or not proof.after or proof.before == proof.after:
        return f"its boot ID has not changed: {proof.before or 'unknown'} before, {proof.after or 'unknown'} after"
    if proof.before != signs.boot_id:
        return f"its pods ran under boot ID {signs.boot_id or 'unknown'}, the proof is about {proof.before}"
    return None


def _other_start(signs: LastSigns, proof: FencingProof) -> str | None:
    before, after = parse_time(proof.before), parse_time(proof.after)
    if before is None or after is None:
        return f"expected two RFC 3339 times for its start, got {proof.before!r} and {proof.after!r}"
    if after <= before:
        return f"it has not started anew: at {proof.before} before, at {proof.after} after"
    if signs.renewed is not None and after <= signs.renewed:
        # It was alive under the new start as well, and what ran then may still run.
        return f"its Lease was renewed at {format_time(signs.renewed)}, after it had started anew at {proof.after}"
    return None


@dataclass(frozen=True)
class FenceMark:
    """What the annotation beside a taint of ours says."""

    by: str
    incident: str
    at: str
    node_uid: str
    boot_id: str
    proof: str
    evidence: str
    seen: str

    def to_text(self) -> str:
        """The annotation's value."""
        return json.dumps({_FENCE_FIELDS[name]: value for name, value in vars(self).items()})

    def to_dict(self) -> dict[str, Any]:
        """The mark as modules return it."""
        return {k: getattr(self, k) for k in ("by", "incident", "at", "proof", "evidence", "seen")}


_FENCE_FIELDS = {
    "by": "by",
    "incident": "incident",
    "at": "at",
    "node_uid": "node",
    "boot_id": "bootID",
    "proof": "proof",
    "evidence": "evidence",
    "seen": "seen",
}


def fence_mark_of(node: Mapping[str, Any]) -> FenceMark | None:
    """Our mark beside the out-of-service taint of a Node; None unless it is one, and of this node."""
    metadata = node.get("metadata") or {}
    fields = texts_of((metadata.get("annotations") or {}).get(FENCED), *_FENCE_FIELDS.values())
    if fields is None or fields["node"] != metadata.get("uid") or parse_time(fields["at"]) is None:
        return None
    return FenceMark(**{name: fields[key] for name, key in _FENCE_FIELDS.items()})


class Fence(Enum):
    """Whose out-of-service taint a node has."""

    NONE = "none"
    OURS = "ours"
    OTHERS = "others"


def fence_of(node: Mapping[str, Any]) -> Fence:
    """Whose out-of-service taint a Node has. Ours bears the time of our mark; anybody else's has another, or none."""
    taints = [t for t in (node.get("spec") or {}).get("taints") or () if t.get("key") == OUT_OF_SERVICE]
    if not taints:
        return Fence.NONE
    mark = fence_mark_of(node)
    return Fence.OURS if mark is not None and taints == [taint_of(mark)] else Fence.OTHERS


def taint_of(mark: FenceMark) -> dict[str, str]:
    """The taint that belongs to a mark."""
    return {"key": OUT_OF_SERVICE, "value": TAINT_VALUE, "effect": TAINT_EFFECT, "timeAdded": mark.at}


def objection_to_unfence(signs: LastSigns, mark: FenceMark) -> str | None:
    """Why the taint may not be taken from a node yet, or None."""
    if signs.ready != "True":
        return f"it is not back: Ready is {signs.ready or 'unknown'}"
    if mark.boot_id and signs.boot_id == mark.boot_id:
        return (
            f"it is back with the boot ID that it had when it was fenced ({mark.boot_id}), so it never went down:"
            f" the proof was wrong ({mark.proof}: {mark.evidence}), and its pods may have run twice"
        )
    return None


def signs_of(node: Mapping[str, Any], lease: Mapping[str, Any] | None) -> LastSigns:
    """Read the last signs of life out of a Node and its Lease, as the API gives them."""
    status = node.get("status") or {}
    ready: Mapping[str, Any] = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    renewed = ((lease or {}).get("spec") or {}).get("renewTime")
    return LastSigns(
        ready=str(ready.get("status") or ""),
        boot_id=str((status.get("nodeInfo") or {}).get("bootID") or ""),
        renewed=parse_time(renewed),
    )


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# What boards tell whose maker has given them none, so that many tell the same.
_NOBODY = frozenset({"03000200-0400-0500-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc"})


def is_uuid_of_one(text: str) -> bool:
    """Whether a system UUID is one that a single machine has."""
    return _UUID.fullmatch(text) is not None and text.lower() not in _NOBODY and len(set(text) - {"-"}) > 2


def objection_to_machine(unnamed: str, told: str, known: str) -> str | None:
    """Why what a driver says of a machine's power may be said of another machine than the node's, or None.

    An inventory that is off by one proves the wrong machine off, while the right one still writes.

    :param unnamed: why the providerID does not name the machine to the driver, empty if it does.
    :param told: the system UUID that the driver tells of its machine.
    :param known: that of the node, ``status.nodeInfo.systemUUID``.
    """
    if not unnamed:
        return None
    if not told:
        return f"{unnamed}, and the driver tells no system UUID"
    if not is_uuid_of_one(known):
        return f"{unnamed}, and the node's own system UUID is {ascii(known)[:80]}, which is nobody's"
    if told.lower() != known.lower():
        return f"{unnamed}, and its system UUID is {ascii(told)[:80]}, that of the node is {known}"
    return None


def domain_power(state: str) -> str:
    """What a domain's state, in the words of libvirt, says of its power: ``on``, ``off``, or nothing.

    Only ``shut off`` is off: one in shutdown runs and writes, a crashed one may be kept with its devices for a dump,
    and one that is paused or suspended goes on.
    """
    words = " ".join(state.split())
    if words == "shut off":
        return "off"
    return "on" if words in ("running", "idle", "paused", "in shutdown", "crashed", "pmsuspended", "dying") else ""
