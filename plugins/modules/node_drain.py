#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_drain
short_description: Drain a node, lift a cordon that was set so, or say that a dead node is out of service
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Pods are evicted through the Eviction API and never deleted, so PodDisruptionBudgets hold. All that are left are evicted at once, round
    after round, until they are gone or O(deadline) is over.
  - The rules are those of C(kubectl drain). Pods of DaemonSets, static pods and finished pods are left alone; a pod without a controller, or
    with data in an emptyDir volume, is in the way unless O(force) or O(delete_emptydir_data) says otherwise.
  - A cordon bears the annotation C(selfheal.kubernetes/cordoned), which says by whom, for which incident and when it was set. No other cordon is
    ever lifted. Whoever uncordons the node cancels its drain. Whoever takes the annotation away makes the cordon their own.
  - Each write is preceded by a proof that the cluster is the right one and that the lease is still held, if one is.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease.optional
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
    details: Tells which pods would be evicted. Whether a PodDisruptionBudget would allow it is not asked.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  node:
    description:
      - The node.
    type: str
    required: true
  node_uid:
    description:
      - The UID that the node must have. If not set, it is the one that it has when the module begins.
    type: str
  state:
    description:
      - V(drained) cordons the node, unless somebody has, and evicts its pods. What blocks is named, and nothing is done then.
      - V(cordoned) does the first half of that.
      - V(uncordoned) lifts a cordon that this module has set and nobody has changed since. Any other one stays, which is no failure.
      - V(fenced) sets the taint C(node.kubernetes.io/out-of-service), upon which the cluster deletes the node's pods and detaches their volumes
        by force. Only with a O(fencing_proof) that nothing runs there any more, and never on a node that is Ready.
      - V(unfenced) takes that taint away once the node is Ready after a restart, if this module has set it.
    type: str
    choices:
      - drained
      - cordoned
      - uncordoned
      - fenced
      - unfenced
    default: drained
  deadline:
    description:
      - Seconds after which a drain has failed, from 10 to 7200. The failure names the pods that are left and what holds them.
    type: int
    default: 600
  delete_emptydir_data:
    description:
      - Whether pods with emptyDir volumes may be evicted. Their data is lost.
    type: bool
    default: false
  force:
    description:
      - Whether pods without a controller may be evicted. Nothing makes them again.
    type: bool
    default: false
  grace_period:
    description:
      - Seconds for each pod to end in, from 1 to 86400. If not set, each has its own C(terminationGracePeriodSeconds).
      - There is no 0, because a pod that is not waited for may still run when another one has its volume.
    type: int
  incident:
    description:
      - The incident that this is done for. What people have uncordoned in its course is not cordoned for it again.
    type: str
  fencing_proof:
    description:
      - By what it is proven that nothing runs on the node any more. Required for O(state=fenced).
    type: dict
    suboptions:
      kind:
        description:
          - V(power_off), its power was seen to be off.
          - V(boot_id_changed), it has another boot ID than the one that the cluster knows.
          - V(start_time_changed), its cloud says that it has started anew since it was last heard of.
        type: str
        required: true
        choices:
          - power_off
          - boot_id_changed
          - start_time_changed
      evidence:
        description:
          - Who has seen what, in one line of at most 500 characters. It is kept on the node.
        type: str
        required: true
      seen:
        description:
          - When it was seen, in RFC 3339 with a zone. A proof is good for 300 seconds.
        type: str
        required: true
      before:
        description:
          - The boot ID or the start time (RFC 3339) before. Required for those that have changed.
        type: str
      after:
        description:
          - The same, after.
        type: str
"""

EXAMPLES = r"""
- name: Drain a node by hand
  selfheal.kubernetes.node_drain:
    kubeconfig: /home/me/.kube/config
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    node: worker-1
    deadline: 900
    delete_emptydir_data: true

- name: Uncordon it
  selfheal.kubernetes.node_drain:
    kubeconfig: /home/me/.kube/config
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    node: worker-1
    state: uncordoned

- name: Let the pods and volumes of a machine that is off move
  selfheal.kubernetes.node_drain:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    holder: "{{ lease.holder }}"
    token: "{{ lease.token }}"
    node: worker-1
    node_uid: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    state: fenced
    fencing_proof:
      kind: power_off
      evidence: "BMC bmc-17 says PowerState Off"
      seen: "2026-11-28T14:00:00Z"
"""

RETURN = r"""
message:
  description: What was done, or why nothing was.
  returned: success
  type: str
  sample: "node worker-1 is drained: 12 pods evicted"
node:
  description: The node.
  returned: success
  type: str
  sample: worker-1
node_uid:
  description: Its UID.
  returned: success
  type: str
  sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
cordon:
  description: Whose cordon the node has now, and what our mark on it says.
  returned: for O(state=drained), O(state=cordoned) and O(state=uncordoned), also when the drain has failed
  type: dict
  contains:
    by:
      description: V(none), V(ours), or V(others).
      type: str
      sample: ours
    mark:
      description: Who has set it (C(by)), for which C(incident), and when (C(at)). Null without a mark.
      type: dict
machine:
  description: What the node says of its machine.
  returned: success, for O(state=drained), O(state=cordoned) and O(state=uncordoned)
  type: dict
  contains:
    provider_id:
      description: C(spec.providerID).
      type: str
      sample: kind://docker/lab/worker-1
    system_uuid:
      description: C(status.nodeInfo.systemUUID).
      type: str
      sample: 4c4c4544-0042-4a10-8056-b2c04f4d3233
counts:
  description: How many pods were evicted (in check mode, would be), remain, and were left alone.
  returned: as RV(cordon)
  type: dict
  contains:
    evicted:
      description: Evictions that the API server has accepted.
      type: int
      sample: 12
    remaining:
      description: Pods that are left. After a success there are none; in check mode, those that end already.
      type: int
      sample: 0
    skipped:
      description: Pods that a drain leaves alone.
      type: int
      sample: 4
evicted:
  description: The first 50 of these.
  returned: as RV(cordon)
  type: list
  elements: dict
  contains:
    namespace:
      description: The pod's namespace.
      type: str
      sample: shop
    name:
      description: Its name.
      type: str
      sample: web-7d4b9c-x2x1p
    uid:
      description: Its UID.
      type: str
      sample: 2d6b1c1e-5d42-4d0a-8c3c-7f1d9a1f6f10
remaining:
  description: The first 50 of these, each with C(namespace), C(name), C(uid), and C(why) it is still there.
  returned: as RV(cordon)
  type: list
  elements: dict
skipped:
  description: The first 50 of these, each with C(namespace), C(name), C(uid), and C(why).
  returned: as RV(cordon)
  type: list
  elements: dict
budgets:
  description: The PodDisruptionBudgets that hold what remains, at most 20, with their numbers, null where they could not be read.
  returned: as RV(cordon)
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
      sample: shop
    name:
      description: Its name.
      type: str
      sample: web
    disruptions_allowed:
      description: How many pods may be evicted now.
      type: int
      sample: 0
    current_healthy:
      description: How many of its pods are healthy.
      type: int
      sample: 2
    desired_healthy:
      description: How many must be.
      type: int
      sample: 2
    expected_pods:
      description: How many pods it counts.
      type: int
      sample: 3
rounds:
  description: In how many rounds something was evicted.
  returned: as RV(cordon)
  type: int
  sample: 3
fence:
  description: Whose out-of-service taint the node has now, and what our mark beside it says.
  returned: success, for O(state=fenced) and O(state=unfenced)
  type: dict
  contains:
    by:
      description: V(none), V(ours), or V(others).
      type: str
      sample: ours
    mark:
      description: Who has set it (C(by)), for which C(incident), when (C(at)), by which C(proof) with which C(evidence), C(seen) when. Null without one.
      type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor, Drainer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.fencing import Fencer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drain import Allowed
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import (
    EVIDENCE_LENGTH,
    FencingProof,
    Proven,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, connection_spec, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import (
    actor_spec,
    check_actor,
    open_node,
    signals,
)

DEADLINE_RANGE = (10, 7200)
GRACE_RANGE = (1, 86400)
STATES = ["drained", "cordoned", "uncordoned", "fenced", "unfenced"]


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "state": {"type": "str", "choices": STATES, "default": "drained"},
            "deadline": {"type": "int", "default": 600},
            "delete_emptydir_data": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "grace_period": {"type": "int"},
            "fencing_proof": {
                "type": "dict",
                "options": {
                    "kind": {"type": "str", "required": True, "choices": [one.value for one in Proven]},
                    "evidence": {"type": "str", "required": True},
                    "seen": {"type": "str", "required": True},
                    "before": {"type": "str"},
                    "after": {"type": "str"},
                },
                "required_if": [
                    ("kind", "boot_id_changed", ("before", "after")),
                    ("kind", "start_time_changed", ("before", "after")),
                ],
            },
        },
        required_by={"token": ("holder", "node_uid")},
        required_if=[("state", "fenced", ("fencing_proof",))],
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        check_range("deadline", params["deadline"], DEADLINE_RANGE)
        if params["grace_period"] is not None:
            check_range("grace_period", params["grace_period"], GRACE_RANGE)
        proof = _proof(params["fencing_proof"])
        client, actor = open_node(module, finishing=params["state"] in ("uncordoned", "unfenced"))
        if params["state"] in ("fenced", "unfenced"):
            fencer = Fencer(client, actor)
            fencing = params["state"] == "fenced"
            told = fencer.fence(proof, module.check_mode) if fencing else fencer.unfence(module.check_mode)
            return _result(actor, told.changed, told.message, told.to_dict())
        with signals() as cancelled:
            drainer = Drainer(client, actor, cancelled)
            if params["state"] == "cordoned":
                report = drainer.cordon(module.check_mode)
            elif params["state"] == "uncordoned":
                report = drainer.uncordon(module.check_mode)
            else:
                allowed = Allowed(params["delete_emptydir_data"], params["force"])
                if module.check_mode:
                    report = drainer.survey(allowed)
                else:
                    report = drainer.drain(allowed, params["deadline"], params["grace_period"])
        return _result(actor, report.changed, report.message, report.to_dict())

    run(module, body)


def _proof(given: dict[str, t.Any] | None) -> FencingProof | None:
    if given is None:
        return None
    evidence = given["evidence"].strip()
    if not evidence or len(evidence) > EVIDENCE_LENGTH or not evidence.isprintable():
        raise SettingsError(
            f"fencing_proof.evidence: expected one printable line of at most {EVIDENCE_LENGTH} characters"
        )
    seen = parse_time(given["seen"])
    if seen is None:
        raise SettingsError(f"fencing_proof.seen: expected a time in RFC 3339 with a zone, got {given['seen']}")
    return FencingProof(Proven(given["kind"]), evidence, seen, given["before"] or "", given["after"] or "")


def _result(actor: Actor, changed: bool, message: str, details: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        "changed": changed,
        "message": printable(message),
        "node": actor.node,
        "node_uid": actor.node_uid,
        **details,
    }


if __name__ == "__main__":
    main()
