# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an exploration asks besides the invariants: of each act and of each write, by what is stored at that moment.

The invariants know the history of one run; here many histories have become one, and only what is stored tells of them.
The limits stand here in words of their own: a rule that asked the code for them would agree with its faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.simulation.world import INCIDENTS, LEASE_SECONDS, Act, World, Written

# What was proven in the moment of a repair may be its last breath.
BREATH = timedelta(seconds=2)
# For so long nobody can know of a node's silence.
SILENT = timedelta(seconds=LEASE_SECONDS + 1)
UNDER_REPAIR = ("Repairing", "Waiting", "Verifying")
CLOSED = ("Recovered", "Gone")
# From a phase to those that one write may lead to. The same phase is a note of why nothing is done; from Repairing and
# Verifying one write may hold two steps, because what a dead run left is failed and handed to people at once.
STEPS: Mapping[str, tuple[str, ...]] = {
    "Suspected": ("Suspected", "Unhealthy", "Recovered", "Gone", "Escalated"),
    "Unhealthy": ("Unhealthy", "Repairing", "Recovered", "Gone", "Escalated"),
    "Repairing": ("Waiting", "Verifying", "Unhealthy", "Recovered", "Gone", "Escalated"),
    "Waiting": ("Verifying", "Unhealthy", "Recovered", "Gone", "Escalated"),
    "Verifying": ("Unhealthy", "Recovered", "Gone", "Escalated"),
    "Escalated": ("Escalated", "Recovered", "Gone"),
    "Recovered": (),
    "Gone": (),
}


def broken(before: World, after: World, policy: Policy) -> list[str]:
    """Every rule that was broken between two worlds of which the one came of the other by a request."""
    # An act changes what is true, so it is held against what was.
    acts = [text for act in after.acts[len(before.acts) :] for text in _act(before, act, policy)]
    return acts + [text for write in after.writes[len(before.writes) :] for text in _write(after, write)]


# --- acts


def _act(world: World, act: Act, policy: Policy) -> Iterable[str]:
    stored = [(item["spec"]["target"]["uid"], item["status"]) for item in world.objects[INCIDENTS].values()]
    if any(status["phase"] not in STEPS for _uid, status in stored):
        yield "unreadable state: it acts while an incident is in a phase that nobody knows"
    own = [status for uid, status in stored if uid == act.meant and status["phase"] not in CLOSED]
    if len(own) != 1 or (own[0]["phase"], own[0]["rung"]) != ("Repairing", act.rung):
        yield f"unwritten act: no incident says that {act.rung} is being done to {act.node}"
        return
    status = own[0]
    if status["history"][-1]["by"] != act.by:
        yield f"unwritten act: the repair of {act.node} was begun by {status['history'][-1]['by']}"
    ever = [one for uid, one in stored if uid == act.meant]
    done, counted = 1 + sum(one.meant == act.meant for one in world.acts), sum(one["attempts"] for one in ever)
    if done > counted:
        yield f"attempts: {done} acts on {act.node}, and {counted} are counted"
    times = sorted(_time(at) for one in ever for at in one["attemptedAt"])
    within = [at for at in times if act.at - at < timedelta(seconds=policy.attempt_window)]
    if len(within) > policy.max_attempts:
        yield f"attempts: {len(within)} within the window; the limit is {policy.max_attempts}"
    if len(times) > 1:
        yield from _gap((times[-1] - times[-2]).total_seconds(), status["attempts"] - 1, policy)


def _gap(gap: float, failed: int, policy: Policy) -> Iterable[str]:
    needed = min(policy.cooldown * 2 ** max(0, failed - 1), policy.cooldown_max)
    if gap < policy.cooldown:
        yield f"cool-down: {gap:.0f} s after the last attempt; the limit is {policy.cooldown} s"
    elif gap < needed:
        yield f"backoff: {gap:.0f} s after the last attempt; after {failed} failures it must be {needed} s"


# --- writes


def _write(world: World, write: Written) -> Iterable[str]:
    if write.kind == INCIDENTS and write.before is not None and write.after is not None:
        yield from _incident_write(world, write, write.before, write.after)


def _incident_write(world: World, write: Written, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    name, old, new = before["metadata"]["name"], before["status"], after["status"]
    if old["phase"] not in STEPS:
        yield f"unreadable state: {write.by} writes incident {name}, which is in a phase that nobody knows"
        return
    if new["phase"] not in STEPS[old["phase"]]:
        yield f"machine: {write.by} takes incident {name} from {old['phase']} to {new['phase']}"
    if new["history"][: len(old["history"])] != old["history"]:
        yield f"lost update: what {write.by} writes of {name} does not build on what is stored"
    # When it was decided: the write may come later, and is then no lie.
    at = _time(new["history"][-1]["at"])
    limit = old.get("deadline")
    if old["phase"] == "Repairing" and new["phase"] in ("Waiting", "Verifying") and limit and at > _time(limit):
        yield f"deadline: {name} goes on to {new['phase']} after {limit}"
    if new["phase"] == "Recovered" and old["phase"] != "Recovered":
        yield from _recovery(world, write, old, before["spec"]["target"], at)


def _recovery(
    world: World, write: Written, old: Mapping[str, Any], target: Mapping[str, Any], at: datetime
) -> Iterable[str]:
    node = world.nodes.get(target["name"])
    if node is None or node.uid != target["uid"]:
        gone_since = node.born if node is not None else at
        # A machine that has just been replaced may have been proven healthy before.
        if gone_since < at:
            yield f"another node: {write.by} calls {target['name']} recovered, which is another machine now"
        return
    if old["phase"] in ("Waiting", "Verifying"):
        since = min(_time(old["history"][-1]["at"]) + BREATH, at)
    else:
        since = at - SILENT
    if not node.kubelet.was(True, since, at):
        yield f"proof: {write.by} calls {node.name} recovered, and it was not well after {since:%H:%M:%S}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
