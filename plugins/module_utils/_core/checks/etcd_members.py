# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""EtcdMembers: every member of etcd is healthy, they have a leader and a majority to lose, and room to write.

What nobody could ask counts neither as healthy nor as sick: quorum is lost only when it would be with every unknown
member healthy. Only etcd itself (``direct``) tells its leader, its alarms and the size of its database; its pods do
not, so there the lack of them means nothing.

A learner has no vote and an even number of voters no use; neither is broken, so both are warnings, as is a cluster that
cannot bear to lose one more member.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

SICK = "EtcdMemberUnhealthy"
UNKNOWN = "EtcdMemberUnknown"
OUT_OF_SIGHT = "EtcdOutOfSight"
QUORUM_LOST = "EtcdQuorumLost"
QUORUM_AT_RISK = "EtcdQuorumAtRisk"
NO_LEADER = "EtcdNoLeader"
NOSPACE = "EtcdOutOfSpace"
CORRUPT = "EtcdCorrupt"
ALARM = "EtcdAlarm"
LARGE = "EtcdDatabaseLarge"
LEARNER = "EtcdLearner"
EVEN = "EtcdEvenMembers"

DATABASE_PERCENT = 80
_ALARMS = {"NOSPACE": NOSPACE, "CORRUPT": CORRUPT}
_WHOLE = Ref("Etcd", "etcd")


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each thing that is wrong with a member, and with all of them together."""
    etcd = snapshot.etcd
    if etcd is None:
        return
    # Where no node is a control plane somebody else runs it, etcd too: nobody here can do anything about that.
    ours = any(node.is_control_plane for node in snapshot.nodes or ())
    if not etcd.members and (etcd.direct or ours):
        message = "no member of etcd can be seen, though the control plane is ours: it may run outside of the cluster"
        yield CHECK.finding(policy, _WHOLE, OUT_OF_SIGHT, message, None, Verdict.UNKNOWN, Severity.WARNING)
    for member in etcd.members:
        yield from _of_member(member, policy)
    yield from _of_alarms(etcd, policy)
    yield from _of_the_whole(etcd, policy)


def _of_member(member: EtcdMember, policy: Policy) -> Iterable[Finding]:
    # A member that was added and has not started yet has no name.
    target = Ref("Etcd", member.name or "unstarted")
    why = f" ({member.trouble})" if member.trouble else ""
    if member.healthy is None:
        message = f"nobody could ask etcd member {target.name}{why}"
        yield CHECK.finding(policy, target, UNKNOWN, message, None, Verdict.UNKNOWN, Severity.ERROR)
    elif not member.healthy:
        message = f"etcd member {target.name} is not healthy{why}"
        yield CHECK.finding(policy, target, SICK, message, None, severity=Severity.ERROR)
    if member.learner:
        message = f"etcd member {target.name} is a learner: it has no vote until it is promoted"
        yield CHECK.finding(policy, target, LEARNER, message, None, severity=Severity.WARNING)
    if member.db_bytes is None or not member.quota_bytes or member.quota_bytes < 0:
        return
    if member.db_bytes * 100 > member.quota_bytes * DATABASE_PERCENT:
        yield CHECK.finding(
            policy,
            target,
            LARGE,
            f"the database of etcd member {target.name} has {member.db_bytes / 2**20:.0f} MiB, which is"
            f" {100 * member.db_bytes / member.quota_bytes:.1f} % of its quota: at 100 % nothing can be written",
            None,
            severity=Severity.WARNING,
            evidence={"db_bytes": member.db_bytes, "quota_bytes": member.quota_bytes},
        )


def _of_alarms(etcd: Etcd, policy: Policy) -> Iterable[Finding]:
    by_reason: dict[str, set[str]] = {}
    for alarm in etcd.alarms:
        if alarm.upper() == "NONE":
            continue
        kind = next((known for known in _ALARMS if known in alarm.upper()), "")
        by_reason.setdefault(_ALARMS.get(kind, ALARM), set()).add(alarm)
    for reason, alarms in sorted(by_reason.items()):
        effect = {NOSPACE: "etcd takes no more writes", CORRUPT: "the members do not agree on the data"}.get(reason)
        message = f"etcd has raised {', '.join(sorted(alarms))}" + (f": {effect}" if effect else "")
        yield CHECK.finding(policy, _WHOLE, reason, message, None, evidence={"alarms": sorted(alarms)})


def _of_the_whole(etcd: Etcd, policy: Policy) -> Iterable[Finding]:
    voters = [m for m in etcd.members if not m.learner]
    healthy, unknown = sum(m.healthy is True for m in voters), sum(m.healthy is None for m in voters)
    seen = f"{healthy} of {len(voters)} voting members of etcd are healthy"
    seen += f", {unknown} unknown" if unknown else ""
    numbers = {"voters": len(voters), "healthy": healthy, "unknown": unknown, "quorum": etcd.quorum}
    if voters and healthy + unknown < etcd.quorum:
        message = f"{seen}, {etcd.quorum} must be: nothing can be written"
        yield CHECK.finding(policy, _WHOLE, QUORUM_LOST, message, None, evidence=numbers)
    elif healthy + unknown == etcd.quorum < len(voters):
        message = f"{seen}, {etcd.quorum} must be: losing one more stops the cluster"
        yield CHECK.finding(policy, _WHOLE, QUORUM_AT_RISK, message, None, severity=Severity.WARNING, evidence=numbers)
    if etcd.direct and not etcd.leader and any(m.healthy is not None for m in voters):
        message = f"etcd has no leader ({seen}): nothing can be written"
        yield CHECK.finding(policy, _WHOLE, NO_LEADER, message, None, evidence=numbers)
    if voters and len(voters) % 2 == 0:
        message = f"etcd has {len(voters)} voting members: it bears no more losses than {len(voters) - 1} would"
        yield CHECK.finding(policy, _WHOLE, EVEN, message, None, severity=Severity.WARNING, evidence=numbers)


CHECK = Check(
    name="EtcdMembers",
    about="The members of etcd are healthy, lead and vote, and have room to write.",
    parts=("etcd",),
    reasons={
        SICK: "the member says that it is not healthy, or does not answer",
        UNKNOWN: "nobody could ask the member",
        OUT_OF_SIGHT: "no member can be seen, though there are nodes of the control plane",
        QUORUM_LOST: "too few healthy members are left to agree on a write",
        QUORUM_AT_RISK: "the loss of one more member would lose the quorum",
        NO_LEADER: "the members have no leader, by etcd's own words",
        NOSPACE: "alarm NOSPACE: the quota is used up, and etcd takes no more writes",
        CORRUPT: "alarm CORRUPT: the members do not agree on the data",
        ALARM: "etcd has raised another alarm",
        LARGE: f"the database has more than {DATABASE_PERCENT} % of its quota",
        LEARNER: "the member is a learner and has no vote",
        EVEN: "an even number of voting members bears no more losses than one member less",
    },
    evaluate=evaluate,
    severity=Severity.CRITICAL,
)
