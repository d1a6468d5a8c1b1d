#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: incident
short_description: Move the incident of a node through its phases
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - An incident is the memory of one sick node, from first suspicion to its end, kept in the cluster as a custom resource.
  - Each call renews the cluster's lease first, and writes nothing if the lease has passed to somebody else.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: none
    details: In check mode the module does nothing and is skipped. M(selfheal.kubernetes.remediation_plan_info) tells what would be done.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each event moves the incident, and an event that its phase does not know is an error.
options:
  event:
    description:
      - V(note) writes down what a plan wants remembered, as far as a fresh observation still agrees. A cordon that a replacement which has not
        come has left on a node that is well is lifted, if nobody has changed it since.
      - V(begin) observes afresh, asks every guard again, and begins the repair only if it is still called for. The attempt counts from here on.
      - V(acted) says that the repair's role has ended well. If the repair has taken longer than it may, the attempt fails, and RV(proceed) is
        false.
      - V(fail) says that it has failed.
      - V(hold) says that the host could not be reached or is not the node, so that nothing was tried. The attempt does not count, and the next
        plans come to the other nodes first.
      - V(answered) says that a host which had been silent answers, so that the next plan begins with the softest repair again.
      - V(verify) waits until fresh observations prove the node healthy, which closes the incident, or until O(timeout) or the deadline of the
        repair, which fails the attempt. A node that restarts is waited for first, until it is back with another boot ID.
    type: str
    required: true
    choices:
      - note
      - begin
      - acted
      - fail
      - hold
      - answered
      - verify
  notes:
    description:
      - The notes of a plan, RV(selfheal.kubernetes.remediation_plan_info#module:notes). For O(event=note).
    type: list
    elements: dict
    suboptions:
      node:
        description: The node.
        type: str
        required: true
      node_uid:
        description: The UID of the node.
        type: str
        required: true
      event:
        description: What to write down.
        type: str
        required: true
        choices:
          - open
          - confirm
          - acted
          - fail
          - recover
          - exhaust
          - hold
          - leave
          - forget
          - uncordon
      text:
        description: Why. The text of the fresh plan is what is written.
        type: str
  node:
    description:
      - The node. Required for every event but V(note).
    type: str
  node_uid:
    description:
      - The UID that the node had when it was planned for. Required for every event but V(note).
    type: str
  rung:
    description:
      - The rung that begins, or was to begin. Required for O(event=begin) and O(event=hold).
    type: str
  text:
    description:
      - What is to be told in the incident's story. Required for O(event=acted), O(event=fail), O(event=hold) and O(event=answered).
    type: str
  silent:
    description:
      - Whether the host was asked and gave no answer at all, for O(event=hold). The next plan passes over what needs the host, and may have its
        provider reboot it.
    type: bool
    default: false
  evidence:
    description:
      - The evidence bundle that was kept before the repair, or the reason that there is none, as role P(selfheal.kubernetes.node_evidence#role) tells
        it. The incident names it from then on. For O(event=begin).
    type: dict
    suboptions:
      name:
        description: The name of the file.
        type: str
      sha256:
        description: Its SHA-256 in hexadecimal digits.
        type: str
      bytes:
        description: Its size.
        type: int
      reason:
        description: Why there is none.
        type: str
  restarted:
    description:
      - Whether the host itself has told of another start since its reboot was asked for. The node is not waited for until it has another boot
        ID then, which containers never have, only until it is Ready. For O(event=verify).
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait for O(event=verify), from 1 to 1800. If not set, the policy's C(recovery_timeout) is used.
    type: int
"""

EXAMPLES = r"""
- name: Begin
  selfheal.kubernetes.incident:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    policy:
      monitor_only: false
    holder: "{{ lease.holder }}"
    token: "{{ lease.token }}"
    event: begin
    node: worker-1
    node_uid: 5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11
    rung: kubelet_restart
  register: begun
"""

RETURN = r"""
proceed:
  description: Whether the repair may go on, or has proven itself.
  returned: success
  type: bool
  sample: true
message:
  description: Why, or why not.
  returned: success
  type: str
  sample: "proven healthy: 4 good observations, its Lease seen to move 1 times"
incidents:
  description: The names of the incidents that were written.
  returned: success
  type: list
  elements: str
  sample:
    - worker-1-1
needs_people:
  description:
    - What people must look at, if RV(proceed) is false for a reason that neither time nor a person's wish settles.
    - For O(event=note), the nodes that should be uncordoned and may not be.
  returned: success
  type: list
  elements: str
  sample: []
phase:
  description: The phase of the node's incident after the call.
  returned: success, for every event but V(note), and if an incident was written
  type: str
  sample: Recovered
act_within_seconds:
  description:
    - How many seconds the repair may wait before it touches its host. After that what was seen is too old, or the lease may have passed on
      before the repair is over.
  returned: success and O(event=begin), and if RV(proceed)
  type: int
  sample: 54
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import check_bundle
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    check_range,
    connection_spec,
    lease_spec,
    open_cluster,
    run,
)

EVENTS = ("note", "begin", "acted", "fail", "hold", "answered", "verify")
# What ends something that was begun, which a pause of the cluster's owner does not keep from being written down.
FINISHING = ("acted", "fail", "hold", "answered", "verify")
TIMEOUT_RANGE = (1, 1800)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            **lease_spec(),
            "event": {"type": "str", "required": True, "choices": [*EVENTS]},
            "notes": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "node": {"type": "str", "required": True},
                    "node_uid": {"type": "str", "required": True},
                    "event": {
                        "type": "str",
                        "required": True,
                        "choices": [
                            "open",
                            "confirm",
                            "acted",
                            "fail",
                            "recover",
                            "exhaust",
                            "hold",
                            "leave",
                            "forget",
                            "uncordon",
                        ],
                    },
                    "text": {"type": "str"},
                },
            },
            "node": {"type": "str"},
            "node_uid": {"type": "str"},
            "rung": {"type": "str"},
            "evidence": {
                "type": "dict",
                "options": {
                    "name": {"type": "str"},
                    "sha256": {"type": "str"},
                    "bytes": {"type": "int"},
                    "reason": {"type": "str"},
                },
            },
            "text": {"type": "str"},
            "silent": {"type": "bool", "default": False},
            "restarted": {"type": "bool", "default": False},
            "timeout": {"type": "int"},
        },
        required_if=[
            ("event", "note", ("notes",)),
            ("event", "begin", ("node", "node_uid", "rung")),
            ("event", "acted", ("node", "node_uid", "text")),
            ("event", "fail", ("node", "node_uid", "text")),
            ("event", "hold", ("node", "node_uid", "rung", "text")),
            ("event", "answered", ("node", "node_uid", "text")),
            ("event", "verify", ("node", "node_uid")),
        ],
        supports_check_mode=False,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        if params["event"] != "note":
            check_node_name(params["node"])
        if params["timeout"] is not None:
            check_range("timeout", params["timeout"], TIMEOUT_RANGE)
        client, policy = open_cluster(module, finishing=params["event"] in FINISHING)
        healer = Healer(client, policy, params["cluster_uid"], params["holder"], params["token"])
        if params["event"] == "note":
            written = healer.write_notes(params["notes"])
            names = [incident.name for incident in written]
            lifted, people = healer.lift_cordons(params["notes"])
            told = f"written down, and uncordoned: {', '.join(lifted)}" if lifted else "written down"
            return {
                "changed": bool(names or lifted),
                "proceed": True,
                "message": told,
                "incidents": names,
                "needs_people": [printable(line) for line in people],
            }
        if params["event"] == "begin":
            bundle = check_bundle(params["evidence"])
            outcome = healer.begin(params["node"], params["node_uid"], params["rung"], bundle)
        elif params["event"] == "acted":
            outcome = healer.acted(params["node"], params["node_uid"], params["text"])
        elif params["event"] == "hold":
            outcome = healer.hold(params["node"], params["node_uid"], params["rung"], params["text"], params["silent"])
        elif params["event"] == "answered":
            outcome = healer.answered(params["node"], params["node_uid"], params["text"])
        elif params["event"] == "fail":
            outcome = healer.fail(params["node"], params["node_uid"], params["text"])
        else:
            timeout = params["timeout"] or policy.recovery_timeout
            outcome = healer.verify(params["node"], params["node_uid"], timeout, params["restarted"])
        result: dict[str, t.Any] = {
            "changed": outcome.changed,
            "proceed": outcome.proceed,
            "message": printable(outcome.message),
            "incidents": [],
            "needs_people": [printable(line) for line in outcome.people],
        }
        if outcome.incident is not None:
            result.update(incidents=[outcome.incident.name], phase=outcome.incident.phase.value)
        if params["event"] == "begin" and outcome.proceed:
            result["act_within_seconds"] = outcome.act_within
        return result

    run(module, body)


if __name__ == "__main__":
    main()
