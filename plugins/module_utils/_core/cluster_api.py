# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Whether the Machine of a node may be deleted, judged by what Cluster API's own objects say.

Whoever may write nodes could have a node name another one's Machine, so the Machine has to name the node as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GROUP = "cluster.x-k8s.io"
MACHINE = f"{GROUP}/machine"
NAMESPACE = f"{GROUP}/cluster-namespace"
PAUSED = f"{GROUP}/paused"
CONTROL_PLANE = f"{GROUP}/control-plane"
# What makes a new Machine when one of its own is deleted.
OWNERS = ("MachineSet", "MachinePool")


def owner_of(machine: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of the object that controls a Machine; empty texts if none does."""
    for owner in _metadata(machine).get("ownerReferences") or ():
        if owner.get("controller"):
            group = str(owner.get("apiVersion") or "").partition("/")[0]
            return (str(owner.get("kind") or ""), str(owner.get("name") or "")) if group == GROUP else ("", "")
    return "", ""


def objection_to_delete(
    node: Mapping[str, str],
    machine: Mapping[str, Any] | None,
    owner: Mapping[str, Any] | None,
    cluster: Mapping[str, Any] | None,
) -> str | None:
    """Why the Machine of a node may not be deleted, or None.

    :param node: its ``name`` and its ``provider_id``.
    :param machine: the Machine that the node names, None if it is not there.
    :param owner: the object that controls it, None if it is not there.
    :param cluster: the Cluster that it is of, None if it is not there.
    """
    if machine is None:
        return "the Machine that it names is not there"
    spec, status = machine.get("spec") or {}, machine.get("status") or {}
    name = f"Machine {_metadata(machine).get('name')}"
    named = str((status.get("nodeRef") or {}).get("name") or "")
    if named != node.get("name"):
        return f"{name} is that of {'node ' + named if named else 'no node'}"
    provider_id = str(spec.get("providerID") or "")
    if provider_id != node.get("provider_id"):
        return (
            f"{name} has providerID {provider_id or 'none'}, and the node {node.get('provider_id') or 'none'}: they are"
            " not the same machine"
        )
    kind, owned_by = owner_of(machine)
    if CONTROL_PLANE in (_metadata(machine).get("labels") or {}) or kind.endswith("ControlPlane"):
        return f"{name} is of the control plane, which is never replaced"
    if kind not in OWNERS:
        owned = f"is controlled by {kind} {owned_by}" if kind else "has no controller"
        return f"{name} {owned}: nothing would make a new one, expected a {' or a '.join(OWNERS)}"
    if owner is None or _metadata(owner).get("deletionTimestamp"):
        return f"{kind} {owned_by}, which {name} is of, is {'not there' if owner is None else 'being deleted'}"
    if cluster is None or _metadata(cluster).get("deletionTimestamp"):
        gone = "not there" if cluster is None else "being deleted"
        return f"Cluster {spec.get('clusterName')}, which {name} is of, is {gone}"
    # Without replicas said there is one.
    replicas = (owner.get("spec") or {}).get("replicas", 1)
    if not isinstance(replicas, int) or replicas < 1:
        return f"{kind} {owned_by} wants {replicas} Machines: it would make no new one"
    if (cluster.get("spec") or {}).get("paused"):
        return f"Cluster {_metadata(cluster).get('name')} is paused: nothing would be done"
    for what, one in ((name, machine), (f"{kind} {owned_by}", owner), ("its Cluster", cluster)):
        if PAUSED in (_metadata(one).get("annotations") or {}):
            return f"{what} is paused (annotation {PAUSED}): nothing would be done"
    return None


def _metadata(item: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
