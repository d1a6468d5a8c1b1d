#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_canary
short_description: Show by a pod whether a node can run pods
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Starts a pod on the node, also on one that is cordoned, and tells whether it starts, gets an address, resolves names by the cluster's DNS, and
    reaches the API server's Service by address and by name; and by another pod whether a volume is mounted there and can be written to.
  - If something fails, the same is done on a healthy node, and what fails there as well does not speak against this one.
  - The pods are in namespace C(self-healing), have no service account's token and no rights on their node, and are removed at the end. What a
    run that was killed has left ends by itself and is removed by the next one.
  - Takes rights that the healer has only where the cluster was prepared with O(selfheal.kubernetes.bootstrap#role:main:bootstrap_canary).
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease.optional
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: none
    details: In check mode the module does nothing and is skipped, since there is no proof without a pod.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: What was made is removed, so nothing is changed.
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
  image:
    description:
      - The image of the pods. It needs C(sh), C(nslookup) and C(nc), as busybox has them. If not set, it is the policy's C(canary_image) of O(policy).
    type: str
  storage_class:
    description:
      - The StorageClass of the volume. If not set, it is the policy's C(canary_storage_class) of O(policy), or else the cluster's default one.
        Without any no volume is tried.
    type: str
  deadline:
    description:
      - Seconds that all of it may take, from 30 to 600. What could not be shown by then is unknown.
    type: int
    default: 120
  incident:
    description:
      - The incident that this is done for.
    type: str
"""

EXAMPLES = r"""
- name: Show that pods run on a node
  selfheal.kubernetes.node_canary:
    kubeconfig: ~/.kube/config
    cluster_uid: 5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10
    node: worker-1
    image: registry.example/busybox:1.37
"""

RETURN = r"""
verdict:
  description:
    - V(healthy), V(unhealthy), or V(unknown) if nobody can say, for example because the image is not there, or because it is the same on
      another node.
  returned: success
  type: str
  sample: healthy
message:
  description: What was seen, in one line.
  returned: success
  type: str
  sample: "a pod on worker-1: start, address, dns, service, volume well"
node:
  description: The node.
  returned: success
  type: str
  sample: worker-1
tests:
  description: Each of C(start), C(address), C(dns), C(service) and C(volume), with V(passed), V(failed), V(unknown) or V(skipped).
  returned: success
  type: dict
  sample: {start: passed, address: passed, dns: passed, service: passed, volume: skipped}
control_node:
  description: The node that it was compared with. Empty if there was no need or no such node.
  returned: success
  type: str
  sample: ""
control_tests:
  description: The same as RV(tests) for that node.
  returned: success
  type: dict
  sample: {}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.canary import CanaryRunner
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import NodeHands
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.canary import controls
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import parse_policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    check_range,
    connection_spec,
    policy_of,
    run,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import actor_spec, check_actor, open_node

DEADLINE_RANGE = (30, 600)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "image": {"type": "str"},
            "storage_class": {"type": "str"},
            "deadline": {"type": "int", "default": 120},
        },
        required_by={"token": ("holder", "node_uid")},
        supports_check_mode=False,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        check_range("deadline", params["deadline"], DEADLINE_RANGE)
        # The same words as in a policy, and so the same mistakes.
        given = {"canary_image": params["image"], "canary_storage_class": params["storage_class"]}
        own, policy = (
            parse_policy({name: value for name, value in given.items() if value}, "node_canary"),
            policy_of(module),
        )
        image = own.canary_image or policy.canary_image
        if not image:
            raise SettingsError("image: expected the name of a container image, or policy.canary_image")
        client, actor = open_node(module)
        hands = NodeHands(client, actor)
        hands.read()
        nodes = [Node.from_api(item) for item in client.items("/api/v1/nodes")]
        storage_class = own.canary_storage_class or policy.canary_storage_class
        runner = CanaryRunner(client, hands.prove, image, storage_class)
        proof = runner.prove(actor.node, controls(nodes, actor.node), float(params["deadline"]))
        return {"changed": False, "node": actor.node, **proof.to_dict()}

    run(module, body)


if __name__ == "__main__":
    main()
