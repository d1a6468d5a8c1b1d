#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cni_restart
short_description: Restart the network plugin of a node, and prove that pods have a network there
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - >-
    Evicts the pod of the network plugin (Calico, Cilium or Flannel) on the node through the Eviction API, so PodDisruptionBudgets hold, and waits until its
    DaemonSet has made another one that is ready. That one writes the node's network configuration and programs anew.
  - >-
    Proof of success is a new pod on the node that gets an address, reaches a new pod on another node, and is reached from there, each over the address alone.
    Its pods are removed whatever comes of it, and end by themselves where nobody is left to do so.
  - >-
    Without O(probe_image) the proof is that a new pod gets an address, that the plugin's pod is ready, and that the node's condition C(NetworkUnavailable)
    is not True, for Calico written anew; the result says what was not proven.
  - Does nothing if nothing is wrong, unless O(always) says otherwise.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease.optional
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
    details: Tells which pod would be evicted. Whether a PodDisruptionBudget would allow it is not asked, and nothing is proven.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: A plugin with which nothing is wrong is left alone, unless O(always) or O(why) is set.
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
  provider:
    description:
      - The network plugin. If empty, the one that is found in the cluster.
    type: str
    default: ""
    choices: ["", calico, cilium, flannel]
  why:
    description:
      - What is known to be wrong with the node's network, one line each. Not empty, it is a reason to restart it.
    type: list
    elements: str
    default: []
  always:
    description:
      - Whether to restart it also on a node where nothing is wrong with it.
    type: bool
    default: false
  deadline:
    description:
      - Seconds after which the restart has failed, from 30 to 1800. The failure says what is missing.
    type: int
    default: 180
  probe_image:
    description:
      - An image with C(sh), C(timeout), C(wget) and C(httpd), such as busybox, that every node can have.
    type: str
    default: ""
  probe_namespace:
    description:
      - The namespace for the pods of the proof. They satisfy the restricted Pod Security Standard.
    type: str
    default: self-healing
  incident:
    description:
      - The incident that this is done for.
    type: str
seealso:
  - module: selfheal.kubernetes.cni_manifest
"""

EXAMPLES = r"""
- name: Restart the network plugin of a node whose pods get no address
  selfheal.kubernetes.cni_restart:
    kubeconfig: ~/.kube/config
    cluster_uid: 5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10
    node: worker-1
    always: true
    probe_image: busybox:1.37
"""

RETURN = r"""
message:
  description: What was done and proven, in one line.
  returned: success
  type: str
  sample: >-
    calico (DaemonSet kube-system/calico-node) on node worker-1 was restarted: a new pod got address 192.168.1.7, reached 192.168.2.9 on node worker-2, and
    was reached from there
node:
  description: The node.
  returned: success
  type: str
  sample: worker-1
node_uid:
  description: Its UID.
  returned: success
  type: str
  sample: 0b0f3b4e-4d0c-4d8e-8a3f-6d8a5f0f9a11
network:
  description: The network plugin. C(manager) is who makes it, if not people.
  returned: success
  type: dict
  sample: {provider: calico, namespace: kube-system, daemonset: calico-node, image: "docker.io/calico/node:v3.28.5", manager: ""}
why:
  description: What was wrong when it began, as far as it is known.
  returned: success
  type: list
  elements: str
proof:
  description: What was proven, null if nothing was done. C(unproven) says what was not, and why.
  returned: success
  type: dict
  sample: {address: 192.168.1.7, peer: worker-2, reached: true, was_reached: true, unproven: ""}
evicted:
  description: The pods that were evicted, or would be in check mode, each with C(namespace), C(name) and C(uid). Also in a failure at the deadline.
  returned: success
  type: list
  elements: dict
pods:
  description: The plugin's pods on the node at the end, in the same form.
  returned: success
  type: list
  elements: dict
error_class:
  description:
    - What kind of failure it was. V(NetworkNotFound) if the cluster has no network plugin that is known, V(RestartFailed) if what was restarted has
      not proven itself.
    - Others are those of the connection, such as V(Unreachable), V(Forbidden), V(LeaseLost), V(WrongCluster) and V(MonitorOnly).
  returned: failure
  type: str
  sample: RestartFailed
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.cni import NetworkMender
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import PROVIDERS, objection_to_image
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, connection_spec, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import (
    actor_spec,
    check_actor,
    open_node,
    signals,
)

DEADLINE_RANGE = (30, 1800)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "provider": {"type": "str", "default": "", "choices": ["", *PROVIDERS]},
            "why": {"type": "list", "elements": "str", "default": []},
            "always": {"type": "bool", "default": False},
            "deadline": {"type": "int", "default": 180},
            "probe_image": {"type": "str", "default": ""},
            "probe_namespace": {"type": "str", "default": "self-healing"},
        },
        required_by={"token": ("holder", "node_uid")},
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        check_range("deadline", params["deadline"], DEADLINE_RANGE)
        check_name("probe_namespace", params["probe_namespace"])
        objection = objection_to_image(params["probe_image"]) if params["probe_image"] else ""
        if objection:
            raise SettingsError(f"probe_image: {objection}")
        client, actor = open_node(module)
        with signals() as cancelled:
            mender = NetworkMender(
                client, actor, params["provider"], params["probe_image"], params["probe_namespace"], cancelled
            )
            report = mender.mend(params["deadline"], params["why"], params["always"], module.check_mode)
        return {
            "changed": report.changed,
            "message": printable(report.message),
            "node": actor.node,
            "node_uid": actor.node_uid,
            **report.to_dict(),
        }

    run(module, body)


if __name__ == "__main__":
    main()
