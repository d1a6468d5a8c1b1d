#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: remediation_plan_info
short_description: Decide which repairs a Kubernetes cluster needs and may have
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Observes the cluster, judges it, reads the open incidents, and returns the repairs that every guard allows, and the ones that a guard refuses.
  - Reads only. The plan of a run in check mode is the plan of the run itself.
  - The result has at most 64 KiB, however large the cluster is and however sick. What a repair of this run needs is kept, and the rest is counted.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.info_module
  - selfheal.kubernetes._attributes.actiongroup
options:
  hosts:
    description:
      - Inventory host name to the list of other names and addresses that the host answers to. Empty strings are ignored.
      - A node is the host of its own name, or the one host that has its name or its C(InternalIP) as an alias.
      - The repair of a node that has no host, or several, is refused, and told to people.
    type: dict
    default: {}
  nodes:
    description:
      - Plan for these nodes only. All nodes are still observed, and counted by the guards.
    type: list
    elements: str
    default: []
seealso:
  - module: selfheal.kubernetes.cluster_health_info
  - module: selfheal.kubernetes.incident
"""

EXAMPLES = r"""
- name: What would be repaired now?
  selfheal.kubernetes.remediation_plan_info:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    policy:
      monitor_only: false
    hosts:
      worker-1: [10.0.0.11]
      worker-2: [10.0.0.12]
  register: plan
"""

RETURN = r"""
health:
  description: The same as the result of M(selfheal.kubernetes.cluster_health_info), with less room for its lists.
  returned: success
  type: dict
  sample:
    verdict: unhealthy
monitor_only:
  description: Whether the policy forbids every repair and every write.
  returned: success
  type: bool
  sample: false
braked:
  description:
    - Whether the cluster's owner has set C(monitor_only) in ConfigMap C(self-healing-config), which no job can lift.
    - RV(monitor_only) is true then.
  returned: success
  type: bool
  sample: false
blocked:
  description: Why nothing at all may be done or written, or an empty text.
  returned: success
  type: str
  sample: ""
needs_people:
  description: The nodes that only people can help, with the reason. At most 100 are returned.
  returned: success
  type: list
  elements: str
  sample: []
actions:
  description: The repairs that every guard allows, in the order in which they are to be done.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node to repair.
      type: str
      sample: worker-1
    node_uid:
      description: The UID of the node.
      type: str
      sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    host:
      description: The inventory host that is the node.
      type: str
      sample: worker-1
    rung:
      description: The rung of the ladder.
      type: str
      sample: kubelet_restart
    role:
      description: The role that does it.
      type: str
      sample: selfheal.kubernetes.kubelet_restart
    reason:
      description: The reason of the finding.
      type: str
      sample: NodeStatusUnknown
    message:
      description: The finding for people.
      type: str
      sample: Ready is Unknown (NodeStatusUnknown, Kubelet stopped posting node status.)
    disruptive:
      description: Whether pods of the node suffer from it.
      type: bool
      sample: false
    machine_id:
      description: The machine-id that the node reports, by which a role makes sure that the host is the node.
      type: str
      sample: 1b4f0c1e5d2a4c7b9e8f7a6b5c4d3e2f
    driver:
      description: How the machine is rebooted or replaced, the policy's C(reboot_driver) or C(replace_driver), for a rung that does; else empty.
      type: str
      sample: ""
    provider_id:
      description: For such a rung, what the node says of its machine at its provider (C(spec.providerID)); else empty.
      type: str
      sample: ""
    silent:
      description: Whether the rung was chosen because the host has not answered, so that nothing softer can be done for it.
      type: bool
      sample: false
    witnesses:
      description: For such a rung, the inventory hosts of nodes that are well. One of them must answer, to show that the way to the hosts is open.
      type: list
      elements: str
      sample: []
    evidence:
      description: The name of the evidence bundle that has to be kept before the repair; empty if none is due.
      type: str
      sample: ""
    deadline_seconds:
      description: Within how many seconds the role ends, its connection time-outs included.
      type: int
      sample: 240
refused:
  description: The repairs that a guard refuses, one entry for each guard that does.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node.
      type: str
      sample: worker-1
    rung:
      description: The rung that was refused.
      type: str
      sample: kubelet_restart
    guard:
      description: The guard that refuses.
      type: str
      sample: transient_tolerance
    message:
      description: Why, with the numbers it saw.
      type: str
      sample: the trouble has lasted 40 s; a soft repair waits for 120 s (transient tolerance 120 s, soft rungs from 90 s)
actions_left_out:
  description: How many repairs were left out of RV(actions). The next run brings them.
  returned: success
  type: int
  sample: 0
refused_left_out:
  description: How many refusals were left out of RV(refused), which holds 100 at most.
  returned: success
  type: int
  sample: 0
needs_people_left_out:
  description: How many nodes were left out of RV(needs_people).
  returned: success
  type: int
  sample: 0
notes_left_out:
  description: How many notes were left out of RV(notes), which holds 100 at most. The next run brings them.
  returned: success
  type: int
  sample: 0
notes:
  description:
    - What has to be written down before anything is done, for the option O(selfheal.kubernetes.incident#module:notes).
    - Empty if the policy forbids writes.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node.
      type: str
      sample: worker-1
    node_uid:
      description: The UID of the node.
      type: str
      sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    event:
      description: What to write down, one of the choices of O(selfheal.kubernetes.incident#module:notes[].event).
      type: str
      sample: open
    text:
      description: Why.
      type: str
      sample: NodeStatusUnknown, Kubelet stopped posting node status.
storm:
  description:
    - The last storm, as it is to be remembered after this look, for the option O(selfheal.kubernetes.cluster_record#module:storm).
    - Empty if there was none.
  returned: success
  type: dict
  contains:
    cause:
      description: What made it a storm, C(mass_failure) or the pattern C(NetworkPartition).
      type: str
      sample: mass_failure
    since:
      description: When it began.
      type: str
      sample: "2026-11-21T03:12:00Z"
    ended:
      description: When it ended.
      returned: if it is over
      type: str
      sample: "2026-11-21T03:20:00Z"
health_check_interval:
  description: Seconds between two looks, as the policy says.
  returned: success
  type: int
  sample: 30
writes_needed:
  description: Whether a run has anything to write or to do.
  returned: success
  type: bool
  sample: true
report:
  description: The plan as lines for people.
  returned: success
  type: list
  elements: str
  sample:
    - nothing to do
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import (
    learning_due,
    stale_record,
    view,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.plan import with_hosts
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.result import plan_result
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    check_known_nodes,
    connection_spec,
    look_at_cluster,
    run,
)

BRAKED = "BRAKE  ConfigMap self-healing-config says monitor_only: nothing is repaired, whatever this run was told"


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=False),
            "hosts": {"type": "dict", "default": {}},
            "nodes": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        only = [check_node_name(name) for name in module.params["nodes"]]
        client, policy = look_at_cluster(module)
        seen = view(client, policy, module.params["cluster_uid"], only)
        check_known_nodes(only, seen.snapshot)
        plan = with_hosts(seen.plan, seen.snapshot, module.params["hosts"])
        may_write = not (policy.monitor_only or plan.blocked)
        result = plan_result(seen.snapshot, seen.judgement, plan)
        if policy.braked:
            result["report"].insert(0, BRAKED)
        return {
            "changed": False,
            "monitor_only": policy.monitor_only,
            "braked": policy.braked,
            "storm": {} if seen.storm is None else seen.storm.to_dict(),
            "health_check_interval": policy.health_check_interval,
            "writes_needed": may_write
            and bool(plan.actions or plan.notes or stale_record(client, seen) or learning_due(seen.snapshot)),
            **result,
        }

    run(module, body)


if __name__ == "__main__":
    main()
