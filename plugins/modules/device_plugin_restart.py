#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_plugin_restart
short_description: Restart the device plugin of a GPU node
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Evicts the pod of the node's device plugin through the Eviction API, so PodDisruptionBudgets hold, and waits until its DaemonSet has made another
    one that is ready, and the node offers the GPUs that its labels promise.
  - A device plugin is a DaemonSet's pod that has one of O(labels) and mounts kubelet's C(device-plugins) folder from its host. No other pod is touched.
  - Does nothing if the node offers its GPUs, unless O(always) says otherwise.
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
    support: partial
    details: A node that offers its GPUs is left alone, unless O(always) is set.
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
  always:
    description:
      - Whether to restart it also on a node that offers its GPUs.
    type: bool
    default: false
  deadline:
    description:
      - Seconds after which the restart has failed, from 10 to 1800. The failure says what is missing.
    type: int
    default: 180
  labels:
    description:
      - Labels of device plugins, each as C(key=value). The default ones are those of NVIDIA's GPU operator, Helm chart and manifest, and of GKE.
    type: list
    elements: str
    default:
      - app=nvidia-device-plugin-daemonset
      - app.kubernetes.io/name=nvidia-device-plugin
      - name=nvidia-device-plugin-ds
      - k8s-app=nvidia-gpu-device-plugin
  incident:
    description:
      - The incident that this is done for.
    type: str
seealso:
  - module: selfheal.kubernetes.node_drain
"""

EXAMPLES = r"""
- name: Restart the device plugin of a node that offers too few GPUs
  selfheal.kubernetes.device_plugin_restart:
    kubeconfig: ~/.kube/config
    cluster_uid: 5f3c7a0e-6f55-4f5e-9c86-0d2f1f2d7a10
    node: gpu-17
"""

RETURN = r"""
message:
  description: What was done, in one line.
  returned: success
  type: str
  sample: "gpu-operator/nvidia-device-plugin-daemonset-x7k2p restarted on node gpu-17: allocatable are 8 of 8 nvidia.com/gpu"
node:
  description: The node.
  returned: success
  type: str
  sample: gpu-17
node_uid:
  description: Its UID.
  returned: success
  type: str
  sample: 0b0f3b4e-4d0c-4d8e-8a3f-6d8a5f0f9a11
evicted:
  description: The pods that were evicted, or would be in check mode, each with C(namespace), C(name) and C(uid). Also in a failure at the deadline.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: gpu-operator
      name: nvidia-device-plugin-daemonset-x7k2p
      uid: 5c0e0e6c-5d0b-4a7e-8d6f-0c9b4a1e2f33
pods:
  description: The device plugins on the node at the end, in the same form.
  returned: success
  type: list
  elements: dict
error_class:
  description:
    - What kind of failure it was. V(NoDevicePlugin) if the node has none, V(RestartFailed) if what was restarted has not proven itself.
    - Others are those of the connection, such as V(Unreachable), V(Forbidden), V(LeaseLost), V(WrongCluster) and V(MonitorOnly).
  returned: failure
  type: str
  sample: RestartFailed
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.device_plugin import PluginRestarter
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.device_plugin import LABELS, objection_to_labels
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, connection_spec, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._node_module import (
    actor_spec,
    check_actor,
    open_node,
    signals,
)

DEADLINE_RANGE = (10, 1800)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **actor_spec(),
            "always": {"type": "bool", "default": False},
            "deadline": {"type": "int", "default": 180},
            "labels": {"type": "list", "elements": "str", "default": list(LABELS)},
        },
        required_by={"token": ("holder", "node_uid")},
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_actor(module)
        check_range("deadline", params["deadline"], DEADLINE_RANGE)
        objection = objection_to_labels(params["labels"])
        if objection:
            raise SettingsError(f"labels: {objection}")
        client, actor = open_node(module)
        with signals() as cancelled:
            restarter = PluginRestarter(client, actor, params["labels"], cancelled)
            report = restarter.restart(params["deadline"], params["always"], module.check_mode)
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
