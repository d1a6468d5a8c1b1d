# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that nobody can drain."""

from __future__ import annotations

import json

from chaosheal.faults._pods import NAMESPACE, PAUSE
from chaosheal.model import Fault, Look, Target, api


def _name(target: Target) -> str:
    return f"blocked-drain-{target.ident}"


def _manifest(target: Target) -> str:
    labels = {"app": _name(target)}
    meta = {"name": _name(target), "namespace": NAMESPACE, "labels": labels}
    spec = {
        "nodeName": target.node,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "app", "image": PAUSE}],
    }
    budget = {"minAvailable": 1, "selector": {"matchLabels": labels}}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget},
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


FAULT = Fault(
    name="blocked_drain",
    about="a pod on the node may not be evicted, as its PodDisruptionBudget says",
    inject=lambda target, params: (api("apply", "-f", "-", stdin=_manifest(target)),),
    undo=lambda target, params: (
        api("delete", "pdb,pod", _name(target), "-n", NAMESPACE, "--ignore-not-found", "--grace-period=1"),
    ),
    effect=lambda target, params: Look(
        api(
            *("get", "pdb", _name(target), "-n", NAMESPACE),
            *("-o", "jsonpath={.status.currentHealthy} {.status.disruptionsAllowed}"),
        ),
        says="^1 0$",
    ),
    roles=("worker",),
    seconds=90,
)
