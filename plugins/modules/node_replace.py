#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_replace
short_description: See to a node that is to be replaced by a new one
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - The part of a replacement that the API server knows of, made for role P(selfheal.kubernetes.node_replace#role). It takes no machine away.
  - GPU nodes and control-plane nodes are refused in every state.
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
      - V(surveyed) tells of the node, if it is one that may be replaced. Nothing is written.
      - V(clear) proves that its machine may be taken away now. A node that is alive must be cordoned and drained. The lease is renewed.
      - V(removed) removes the Node of a machine that is gone, and with it its pods. Required is O(gone). Nothing is done if the node was heard of since.
      - V(replaced) waits until the node has left and one that is not in O(known) is Ready.
    type: str
    choices:
      - surveyed
      - clear
      - removed
      - replaced
    default: surveyed
  unless_ready:
    description:
      - Whether O(state=clear) fails for a node that is Ready, because it has come back by itself.
    type: bool
    default: false
  gone:
    description:
      - When the machine was seen to be gone, in RFC 3339 with a zone. For O(state=removed).
    type: str
  known:
    description:
      - The UIDs of the nodes that were there before, as RV(known) of O(state=surveyed). Required for O(state=replaced).
    type: list
    elements: str
  timeout:
    description:
      - Seconds to wait for O(state=replaced), from 10 to 7200.
    type: int
    default: 1800
  incident:
    description:
      - The incident that this is done for.
    type: str
"""

EXAMPLES = r"""
- name: Remove the Node of a machine that is no more
  selfheal.kubernetes.node_replace:
    kubeconfig: /home/me/.kube/config
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    node: worker-1
    node_uid: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    state: removed
    gone: "2026-11-28T14:00:00Z"
"""

RETURN = r"""
message:
  description: What was seen or done.
  returned: success
  type: str
  sample: "node worker-1, machine kind://docker/lab/worker-1, is removed"
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
alive:
  description: Whether it is Ready or its Lease is in date, so that its pods end when they are evicted.
  returned: success, for O(state=surveyed) and O(state=clear)
  type: bool
  sample: false
ready:
  description: Whether it is Ready.
  returned: as RV(alive)
  type: bool
  sample: false
provider_id:
  description: C(spec.providerID).
  returned: as RV(alive)
  type: str
  sample: kind://docker/lab/worker-1
machine:
  description: The C(name) and C(namespace) of the Machine of Cluster API that the node says it is, empty without one.
  returned: as RV(alive)
  type: dict
known:
  description: The UIDs of all the nodes.
  returned: success, for O(state=surveyed)
  type: list
  elements: str
  sample: []
act_within_seconds:
  description: Within how many seconds from the beginning of this call the machine has to be taken away, 0 without a lease.
  returned: success, for O(state=clear)
  type: int
  sample: 60
new:
  description: The C(name), C(uid) and C(provider_id) of the node that has come.
  returned: success, for O(state=replaced)
  type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.replacing import Replacer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import NODE_REPLACE
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.replacing import machine_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import parse_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, connection_spec, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import (
    actor_spec,
    check_actor,
    open_node,
)

TIMEOUT_RANGE = (10, 7200)
STATES = ["surveyed", "clear", "removed", "replaced"]


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "state": {"type": "str", "choices": STATES, "default": "surveyed"},
            "unless_ready": {"type": "bool", "default": False},
            "gone": {"type": "str"},
            "known": {"type": "list", "elements": "str"},
            "timeout": {"type": "int", "default": 1800},
        },
        required_by={"token": ("holder", "node_uid")},
        required_if=[("state", "removed", ("gone", "node_uid")), ("state", "replaced", ("known", "node_uid"))],
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        check_range("timeout", params["timeout"], TIMEOUT_RANGE)
        gone = parse_time(params["gone"]) if params["gone"] is not None else None
        if params["state"] == "removed" and gone is None:
            raise SettingsError(f"gone: expected a time in RFC 3339 with a zone, got {params['gone']}")
        # What was begun is ended, whatever the policy says by now; taking the machine away is where it begins.
        client, actor = open_node(module, finishing=params["state"] in ("removed", "replaced"))
        replacer = Replacer(client, actor)
        told: dict[str, t.Any] = {"changed": False, "node": actor.node, "node_uid": actor.node_uid}
        if gone is not None and params["state"] == "removed":
            changed, message = replacer.remove(gone, module.check_mode)
            return {**told, "changed": changed, "message": printable(message)}
        if params["state"] == "replaced":
            new = replacer.wait(params["known"], params["timeout"])
            found = {"name": new.name, "uid": new.uid, "provider_id": new.provider_id}
            message = f"node {actor.node} is replaced by node {new.name}, {machine_of(new)}"
            return {**told, "message": printable(message), "new": found}
        clear = params["state"] == "clear"
        old = replacer.clear(params["unless_ready"], module.check_mode) if clear else replacer.survey()
        message = f"node {actor.node}, {machine_of(old.node)}, {'may go now' if clear else 'may be replaced'}"
        result = {**told, "message": printable(message), **old.to_dict()}
        if clear:
            result["act_within_seconds"] = max(0, actor.lease_duration - NODE_REPLACE.deadline)
        return result

    run(module, body)


if __name__ == "__main__":
    main()
