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
  - Reads a cluster once, in few requests, runs every check over what it saw, looks for causes that several findings have in common, and
    returns a verdict with its evidence. Writes nothing.
  - The verdict is three-valued. What could not be read is V(unknown), and never V(healthy).
  - The checks, their reasons and their thresholds stand in docs/checks.md of the collection, the settings in docs/policy.md.
  - The result has at most 64 KiB, however large the cluster is and however sick. The worst is kept, and the rest is counted.
  - An API server that cannot be reached is an observation and not a failure of the module, so RV(verdict) is V(unknown) then.
  - Wrong input and a wrong cluster are failures. Wrong settings in the cluster's ConfigMap are not, they make RV(verdict) V(unknown).
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
  description: The worst of what was found, warnings left out. V(unhealthy) is worse than V(unknown).
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
pods_seen:
  description: How many pods were seen, or null if they could not be read.
  returned: success
  type: int
  sample: 48
counts:
  description: How many findings there are, the ones that are left out of RV(findings) included.
  returned: success
  type: dict
  contains:
    findings:
      description: All of them.
      type: int
      sample: 3
    critical:
      description: Those that are unhealthy and critical.
      type: int
      sample: 1
    error:
      description: Those that are unhealthy, and neither critical nor warnings.
      type: int
      sample: 0
    unknown:
      description: Those that are unknown, warnings left out.
      type: int
      sample: 1
    warning:
      description: The warnings, which do not make a cluster unhealthy.
      type: int
      sample: 1
    sick_nodes:
      description: The nodes that have a finding which is no warning, the unknown ones included.
      type: int
      sample: 1
    by_check:
      description: Check to reason to how many.
      type: dict
      sample:
        NodeReady:
          NodeStatusUnknown: 1
checks:
  description: "Each check that is switched on, with its own verdict: the name of the check to C(healthy), C(unhealthy) or C(unknown)."
  returned: success
  type: dict
  sample:
    NodeReady: unhealthy
    NodeHeartbeat: healthy
disabled_checks:
  description: The checks that the policy switches off, so that nobody takes their silence for health.
  returned: success
  type: list
  elements: str
  sample: []
findings:
  description: One entry for each object that is not well, the worst first. At most 100 are returned.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: The check that speaks.
      type: str
      sample: NodeReady
    kind:
      description: The kind of the object, or V(Cluster), V(ControlPlane), V(Endpoint) or V(Etcd) for parts of a cluster that are no objects.
      type: str
      sample: Node
    namespace:
      description: The namespace of the object. Empty if it has none.
      type: str
      sample: ""
    name:
      description: The name of the object.
      type: str
      sample: worker-1
    uid:
      description: The UID of the object. Empty if it has none.
      type: str
      sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    node:
      description: The node that it is, or that it lives on. Empty if there is none.
      type: str
      sample: worker-1
    verdict:
      description: V(unhealthy) or V(unknown).
      type: str
      sample: unhealthy
    severity:
      description: V(critical), V(error) or V(warning). Warnings are never repaired.
      type: str
      sample: critical
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
    remedy:
      description: The strongest thing that may be done about it, V(None), V(Restart), V(Reboot) or V(Replace).
      type: str
      sample: Replace
    evidence:
      description: What was seen. C(left_out) in it counts what had no room.
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
patterns:
  description: What several findings have in common. At most 20 are returned.
  returned: success
  type: list
  elements: dict
  contains:
    pattern:
      description: The pattern.
      type: str
      sample: ZoneOutage
    cause:
      description: The probable cause.
      type: str
      sample: zone eu-1a has failed
    remedy:
      description: What to do about the cause, in words.
      type: str
      sample: wait for the zone, or move the work out of it
    message:
      description: What was seen, with the numbers.
      type: str
      sample: 4 of 4 nodes of zone eu-1a are not well, 0 of 8 elsewhere
    root:
      description: The object to do it to, or null if there is none.
      type: str
      sample: Node worker-1
    since:
      description: Since when, or null if nobody can say.
      type: str
      sample: "2026-11-21T02:58:00Z"
    members:
      description: The objects that are not repaired one by one for as long as it holds. At most 20 are named.
      type: list
      elements: str
      sample: [Node worker-1, Node worker-2, Node worker-3, Node worker-4]
    members_left_out:
      description: How many members are not named.
      type: int
      sample: 0
    evidence:
      description: What was seen. C(left_out) in it counts what had no room.
      type: dict
      sample:
        zone: eu-1a
patterns_left_out:
  description: How many patterns were left out of RV(patterns).
  returned: success
  type: int
  sample: 0
unread:
  description:
    - "Each part that could not be read, with the reason: the name of the part to a text."
    - C(policy) stands for the settings in ConfigMap C(self-healing-config), and names every mistake in them.
  returned: success
  type: dict
  sample: {}
report:
  description: The same as lines for people, what matters most first. The first one has the verdict and the counts.
  returned: success
  type: list
  elements: str
  sample:
    - cluster 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10 is HEALTHY, 3 nodes seen
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import assess
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.result import health_result
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connection_spec, look_at_cluster, run


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(argument_spec=connection_spec(cluster_uid_required=False), supports_check_mode=True)

    def body() -> dict[str, t.Any]:
        client, policy = look_at_cluster(module)
        snapshot, judgement = assess(client, policy, module.params["cluster_uid"])
        return {"changed": False, **health_result(snapshot, judgement)}

    run(module, body)


if __name__ == "__main__":
    main()
