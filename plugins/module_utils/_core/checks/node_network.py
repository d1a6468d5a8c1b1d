# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeNetwork: the NetworkUnavailable condition of nodes whose network is Calico or Cilium.

Who wrote the condition is known by its reason. Calico sets CalicoIsUp when it starts and CalicoIsDown when it shuts
down, Cilium's operator sets CiliumIsUp for nodes with a healthy agent. Nobody takes CalicoIsUp back when an agent
crashes (newest versions do), so the absence of a finding here does not prove that the network works.

Of other writers only True is told, once it has lasted, as a warning that is never repaired: new pods stay away from
such a node, which people want to know, but NoRouteCreated is a fault of the cloud's route controller, and no reboot
makes a route. That nobody writes the condition at all is usual for some networks, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._base import Check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import said
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import (
    Finding,
    Remedy,
    Severity,
    Snapshot,
    Verdict,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Condition
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

CALICO_UP = "CalicoIsUp"
CALICO_DOWN = "CalicoIsDown"
CILIUM_UP = "CiliumIsUp"
CILIUM_DOWN = "CiliumIsDown"
UNCLEAR = "NetworkStatusUnknown"
OTHER = "NetworkUnavailable"

UP = (CALICO_UP, CILIUM_UP)


def evaluate(snapshot: Snapshot, policy: Policy) -> Iterable[Finding]:
    """One finding for each node whose network is said to be down, or where what is said makes no sense."""
    now = snapshot.observed_at
    for node in snapshot.nodes or ():
        condition = node.condition("NetworkUnavailable")
        reason = "" if condition is None else _reason(condition)
        if condition is None or not reason:
            continue
        since = condition.last_transition
        if reason == OTHER and since is not None and not CHECK.lasting(since, now, policy):
            # Nodes of clouds with routes begin like that.
            continue
        finding = CHECK.finding(
            policy,
            node.ref,
            reason,
            said(condition),
            since,
            verdict=Verdict.UNKNOWN if reason == UNCLEAR else Verdict.UNHEALTHY,
            severity=Severity.WARNING if reason == OTHER else None,
            evidence={"status": condition.status, "reason": condition.reason},
        )
        yield replace(finding, remedy=Remedy.NONE) if reason == OTHER else finding


def _reason(condition: Condition) -> str:
    """The reason for a finding; empty when there is nothing to say."""
    calico, cilium = condition.reason.startswith("Calico"), condition.reason.startswith("Cilium")
    if condition.status == "True":
        return CALICO_DOWN if calico else CILIUM_DOWN if cilium else OTHER
    if not (calico or cilium) or (condition.status == "False" and condition.reason in UP):
        return ""
    return UNCLEAR


CHECK = Check(
    name="NodeNetwork",
    about="Calico or Cilium, where one of them is the network, is up on the node.",
    parts=("nodes",),
    reasons={
        CALICO_UP: "Calico is up: no finding",
        CILIUM_UP: "Cilium is up: no finding",
        CALICO_DOWN: "NetworkUnavailable is True by Calico",
        CILIUM_DOWN: "NetworkUnavailable is True by Cilium",
        UNCLEAR: "Calico or Cilium wrote the condition, and it says neither that the network is up nor that it is down",
        OTHER: "NetworkUnavailable is True by somebody else, for example NoRouteCreated: only told",
    },
    evaluate=evaluate,
    threshold=600,
    severity=Severity.ERROR,
    remedy=Remedy.REBOOT,
)
