# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as an experiment of the Chaos Toolkit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from chaosheal.model import ChaosError
from chaosheal.nemesis.packages import HEALER
from chaosheal.nemesis.plan import Plan, Step
from chaosheal.targets import numbered

_WELL = ("probes", "cluster_is_well")
_SIGNAL = {"healer_kill": ("KILL",), "healer_pause": ("STOP", "CONT")}


def experiment_of(plan: Plan) -> dict[str, Any]:
    """An experiment that does the same to a cluster, step by step, as far as it has such nodes.

    It ends with the last quiet time, at whose end the cluster has to be steady.

    :raises ChaosError: it has no steps.
    """
    if not plan.steps:
        raise ChaosError("expected a plan with steps, got one without")
    well = _activity("probe", "cluster-is-well", *_WELL)
    moments: list[tuple[int, dict[str, Any]]] = []
    for step in plan.steps:
        moments += _moments(step)
    end = max((quiet.at + quiet.lasts for quiet in plan.quiet), default=0)
    moments.append((max(end, *(step.until for step in plan.steps)), _activity("probe", "is-well-again", *_WELL)))
    method, at = [], 0
    for moment, activity in sorted(moments, key=lambda one: one[0]):
        pause = {"pauses": {"before": moment - at}} if moment > at else {}
        method.append({**activity, **pause})
        at = max(at, moment)
    return {
        "version": "1.0.0",
        "title": f"A plan of {len(plan.steps)} steps, of seed {plan.seed}, {plan.shape}",
        "description": "Whatever the healer does about it must break no rule, and at the end all must be steady.",
        "tags": ["nemesis"],
        "configuration": {"budget": at, "chaosheal_max_nodes": 10, "chaosheal_max_percent": 100},
        "extensions": [
            {
                "name": "chaosheal",
                "id": f"N{plan.seed}-{plan.shape}",
                "recovers": False,
                "may_act": True,
                "steady": True,
                "healers": 2,
            }
        ],
        "steady-state-hypothesis": {"title": "The cluster is well", "probes": [{**well, "tolerance": True}]},
        "method": method,
        "rollbacks": [_activity("action", "undo-faults", "actions", "undo_faults")],
    }


def _moments(step: Step) -> list[tuple[int, dict[str, Any]]]:
    if step.fault in HEALER:
        signals = zip((step.at, step.until), _SIGNAL[step.fault], strict=False)
        return [(at, _signal(f"{word.lower()}-{step.ident}", word, step.index)) for at, word in signals]
    arguments = {
        "fault": step.fault,
        "target": numbered(step.role, step.index),
        "params": dict(step.params),
        "lasts": step.lasts,
    }
    return [(step.at, _activity("action", f"inject-{step.ident}", "actions", "inject_fault", arguments))]


def _signal(name: str, word: str, which: int) -> dict[str, Any]:
    return _activity("action", name, "actions", "signal_healer", {"name": word, "which": which})


def _activity(
    kind: str, name: str, module: str, function: str, arguments: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    provider = {"type": "python", "module": f"chaosheal.{module}", "func": function, "arguments": dict(arguments)}
    return {"type": kind, "name": name, "provider": provider}
