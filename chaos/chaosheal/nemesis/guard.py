# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps go beyond the faults that a cluster is said to survive. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaosheal.nemesis.packages import HEALER, PACKAGES
from chaosheal.nemesis.plan import Step


@dataclass(frozen=True)
class Model:
    """What a cluster and its healer are said to survive.

    :ivar nodes: so many broken at once, at most.
    :ivar percent: of the workers, but one always may.
    :ivar quorum_loss: whether a control plane may lose its quorum, as one of a single node does with it.
    :ivar longest: no fault lasts longer, in seconds.
    :ivar quiet: seconds after the last of some faults, within which the cluster has to be steady.
    :ivar faults: which there are at all, of those that a nemesis may use.
    """

    nodes: int = 2
    percent: int = 40
    quorum_loss: bool = False
    longest: int = 1200
    # A node that needs every rung is well again by then.
    quiet: int = 1500
    faults: frozenset[str] = frozenset(PACKAGES)


# What plans keep to where nobody says otherwise.
SURVIVED = Model()


def objection(step: Step, others: Sequence[Step], workers: int, planes: int, model: Model) -> str:
    """Why this step may not be added to these; empty if it may."""
    if step.fault not in model.faults:
        return f"there is no {step.fault}"
    if step.role == "healer":
        return (
            "another fault of the healer lasts"
            if any(_meets(step, one) for one in others if one.role == "healer")
            else ""
        )
    # The most are broken at a moment at which one of them begins.
    beside = [one for one in others if _meets(step, one) and one.fault not in HEALER]
    if any(one.target == step.target for one in beside):
        return "the node is broken already"
    for moment in {step.at, *(one.at for one in beside if one.at >= step.at)}:
        broken = {one.target for one in beside if one.at <= moment < one.until} | {step.target}
        if len(broken) > model.nodes:
            return f"more than {model.nodes} nodes would be broken at once"
        if sum(role == "worker" for role, _index in broken) > max(1, workers * model.percent // 100):
            return f"more than {model.percent} % of the workers would be broken at once"
        lost = sum(role == "control-plane" for role, _index in broken)
        if lost > (planes if model.quorum_loss else (planes - 1) // 2):
            return "the control plane would lose its quorum"
    return ""


def _meets(one: Step, other: Step) -> bool:
    return one.at < other.until and other.at < one.until
