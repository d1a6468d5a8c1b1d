#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_info
short_description: Tell why a node was repaired, and why another one was not
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Reads the incidents that are kept in the cluster and tells of each what was seen, what was tried and how that ended, what was not done and
    which guard refused it, and what people can do about it. Writes nothing, and looks at nothing else.
  - What is told of a node comes out of its incidents. If it has none, the ClusterRecord is asked what it says.
  - An incident that cannot be read is no failure of the module. RV(unread) says why, and the others are told.
  - The result has at most 64 KiB, however many incidents there are. What was left out is counted.
  - The rights of the service account C(selfheal-observer) are enough.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.info_module
  - selfheal.kubernetes._attributes.actiongroup
options:
  nodes:
    description:
      - Tell of these nodes, with every incident of theirs that is kept. A name that neither the cluster nor an incident has is refused.
      - If empty, the open incidents are told, and the last closed one of each node that has no open one.
    type: list
    elements: str
    default: []
seealso:
  - module: selfheal.kubernetes.incident
  - module: selfheal.kubernetes.remediation_plan_info
"""

EXAMPLES = r"""
- name: Why was it rebooted, and why was it not?
  selfheal.kubernetes.incident_info:
    kubeconfig: ~/.kube/config
    nodes: [worker-1]
  register: story

- name: Show it
  ansible.builtin.debug:
    msg: "{{ story.report }}"
"""

RETURN = r"""
schema_version:
  description: Version of this result. Fields are added to a version and not taken away.
  returned: success
  type: int
  sample: 1
cluster_uid:
  description: The UID of namespace C(kube-system), or null if it may not be read.
  returned: success
  type: str
  sample: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
observed_at:
  description: The API server's clock when it was asked.
  returned: success
  type: str
  sample: "2026-11-21T03:00:00Z"
incidents:
  description: The incidents, the open ones first, then the closed ones, the latest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the incident.
      type: str
      sample: worker-1-1
    node:
      description: The node.
      type: str
      sample: worker-1
    node_uid:
      description: The UID of the node. One that is back under the same name with another UID is another node.
      type: str
      sample: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    check:
      description: The check that spoke.
      type: str
      sample: NodeReady
    reason:
      description: Its reason.
      type: str
      sample: NodeStatusUnknown
    phase:
      description: Where the incident stands.
      type: str
      sample: Unhealthy
    open:
      description: Whether it still asks for attention.
      type: bool
      sample: true
    since:
      description: Since when the node has been sick.
      type: str
      sample: "2026-11-21T02:57:10Z"
    evidence:
      description: What was seen when it was opened.
      type: str
      sample: ready=Unknown, heartbeat_age_seconds=170
    evidence_bundle:
      description:
        - What was kept of the node before the first repair that ended what ran there, with C(name), C(sha256) and C(bytes) of the file, or the
          C(reason) that there is none. Empty if no such repair was begun.
      type: dict
      sample: {}
    rung:
      description: The last repair that was begun. Empty if none was.
      type: str
      sample: kubelet_restart
    attempts:
      description: How many repairs were begun.
      type: int
      sample: 1
    tried:
      description: The last ten repairs that were begun.
      type: list
      elements: dict
      contains:
        number:
          description: The first is 1.
          type: int
          sample: 1
        rung:
          description: The repair.
          type: str
          sample: kubelet_restart
        began:
          description: When it was begun.
          type: str
          sample: "2026-11-21T03:00:02Z"
        by:
          description: Who began it.
          type: str
          sample: awx-job-4711-5f3c1f0a
        ended:
          description: When its end was seen, or null.
          type: str
          sample: "2026-11-21T03:05:10Z"
        how:
          description: How it ended. Empty if nobody has seen its end.
          type: str
          sample: failed
        message:
          description: The words with which it ended.
          type: str
          sample: "not healthy 300 s after kubelet_restart: it is not Ready"
    deadline:
      description: When the repair that is under way must have proven itself, or null.
      type: str
      sample: null
    wait_until:
      description: When the node must be back from a reboot that is under way, or a new one be there in its place, or null.
      type: str
      sample: null
    refused:
      description: The guards that kept the node from its next repair at RV(incidents[].refused_at), with the numbers that they saw then.
      type: list
      elements: dict
      contains:
        rung:
          description: The repair that was refused. V(none) if there is none to be refused.
          type: str
          sample: kubelet_restart
        guard:
          description: The guard.
          type: str
          sample: cooldown
        message:
          description: Why, with the numbers it saw.
          type: str
          sample: the last attempt began 20 s ago; the cool-down is 300 s after 1 failed attempts
    refused_at:
      description: When one of the refusals joined or left, or null.
      type: str
      sample: "2026-11-21T03:05:12Z"
    approved:
      description: What people have approved by annotation C(selfheal.kubernetes/approved). Empty if nothing.
      type: str
      sample: ""
    people:
      description: What people have done about it, and what they can do.
      type: list
      elements: str
      sample:
        - "cooldown: nothing: time settles it, and the next run looks again"
    outcome:
      description: How it ended, or how the last repair did. Empty if neither has.
      type: str
      sample: RepairFailed
    closed_at:
      description: When it was closed, or null.
      type: str
      sample: null
    history:
      description: Its story. The beginning is kept and the middle left out if it is long.
      type: list
      elements: dict
      contains:
        at:
          description: When.
          type: str
          sample: "2026-11-21T02:58:00Z"
        phase:
          description: The phase from then on.
          type: str
          sample: Suspected
        by:
          description: Who wrote it.
          type: str
          sample: awx-job-4711-5f3c1f0a
        message:
          description: Why.
          type: str
          sample: "NodeStatusUnknown: Ready is Unknown"
    history_left_out:
      description: How many moments were left out of RV(incidents[].history).
      type: int
      sample: 0
incidents_left_out:
  description: How many incidents were left out of RV(incidents) for want of room.
  returned: success
  type: int
  sample: 0
unread:
  description: What is kept and cannot be read, with the reason. Nothing is repaired for as long as that is so.
  returned: success
  type: list
  elements: str
  sample: []
report:
  description: The same as lines for people. The first one has what the ClusterRecord says.
  returned: success
  type: list
  elements: str
  sample:
    - "cluster 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10, by its ClusterRecord: healthy: True; 0 open incidents"
    - no incident is kept; a run in monitor-only writes nothing down
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.people import (
    check_nodes,
    read_kept,
    read_record,
    who_and_when,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.explain import report_result
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connect, connection_spec, run


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=False),
            "nodes": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        nodes = [check_node_name(name) for name in module.params["nodes"]]
        client = connect(module)
        cluster_uid, now = who_and_when(client, module.params["cluster_uid"])
        incidents, unread = read_kept(client)
        check_nodes(client, nodes, incidents)
        status, storm, troubles = read_record(client)
        unread += troubles
        return {"changed": False, **report_result(cluster_uid, incidents, status, storm, now, nodes, unread)}

    run(module, body)


if __name__ == "__main__":
    main()
