#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_health_info
short_description: Observe a Kubernetes cluster and judge its health
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Reads the nodes of a cluster and their Leases, runs every check over them, and returns a verdict with its evidence.
  - The verdict is three-valued. What could not be read is V(unknown), and never V(healthy).
  - An API server that cannot be reached is an observation and not a failure of the module, so RV(verdict) is V(unknown) then.
  - Wrong input and a wrong cluster are failures.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.info_module
  - selfheal.kubernetes._attributes.actiongroup
seealso:
  - module: selfheal.kubernetes.remediation_plan_info
"""

EXAMPLES = r"""
- name: Look at the cluster
  selfheal.kubernetes.cluster_health_info:
    kubeconfig: ~/.kube/config
  register: health

- name: Go on only if it is healthy
  ansible.builtin.assert:
    that: health.verdict == 'healthy'
    fail_msg: "{{ health.report | join('\n') }}"
"""

RETURN = r"""
schema_version:
  description: Version of this result. Fields are added to a version and not taken away.
  returned: success
  type: int
  sample: 1
verdict:
  description: The worst of what was found. V(unhealthy) is worse than V(unknown).
  returned: success
  type: str
  sample: unhealthy
cluster_uid:
  description: The UID of namespace C(kube-system), or null if it could not be read.
  returned: success
  type: str
  sample: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
observed_at:
  description: The API server's clock when it was asked.
  returned: success
  type: str
  sample: "2026-11-21T03:00:00Z"
nodes_seen:
  description: How many nodes were seen, or null if they could not be read.
  returned: success
  type: int
  sample: 3
findings:
  description: One entry for each object that is not well. At most 100 are returned.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: The check that speaks.
      type: str
      sample: NodeReady
    node:
      description: The node it speaks of.
      type: str
      sample: worker-1
    node_uid:
      description: The UID of the node.
      type: str
      sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    verdict:
      description: V(unhealthy) or V(unknown).
      type: str
      sample: unhealthy
    reason:
      description: One of the reasons of the check.
      type: str
      sample: NodeStatusUnknown
    message:
      description: The same for people.
      type: str
      sample: "Ready is Unknown (NodeStatusUnknown: Kubelet stopped posting node status.)"
    since:
      description: Since when, or null if nobody can say.
      type: str
      sample: "2026-11-21T02:58:00Z"
    persisted_seconds:
      description: Seconds for which it has lasted.
      type: int
      sample: 120
    threshold_seconds:
      description: Seconds after which a repair may be disruptive.
      type: int
      sample: 300
    past_threshold:
      description: Whether it has lasted that long.
      type: bool
      sample: false
    evidence:
      description: What was seen.
      type: dict
      sample:
        ready: Unknown
        heartbeat: "2026-11-21T02:57:10Z"
        heartbeat_age_seconds: 170
        heartbeat_expired: true
findings_left_out:
  description: How many findings were left out of RV(findings).
  returned: success
  type: int
  sample: 0
unread:
  description: Each part that could not be read, with the reason.
  returned: success
  type: dict
  sample: {}
report:
  description: The same as lines for people.
  returned: success
  type: list
  elements: str
  sample:
    - cluster 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10 is HEALTHY, 3 nodes seen
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import assess
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    connect,
    connection_spec,
    health_result,
    policy_of,
    run,
)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(argument_spec=connection_spec(cluster_uid_required=False), supports_check_mode=True)

    def body() -> dict[str, t.Any]:
        snapshot, judgement = assess(connect(module), policy_of(module), module.params["cluster_uid"])
        return {"changed": False, **health_result(snapshot, judgement)}

    run(module, body)


if __name__ == "__main__":
    main()
