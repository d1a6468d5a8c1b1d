#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: remediation_permit
short_description: Whether a changing step may be taken now, and within how many seconds
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - For a run that acts on hosts without an incident. It proves that the cluster is the right one, asks whether healing is on and nobody has paused it,
    and renews the lease if one is held.
  - If the lease has passed to somebody else, or the API server does not answer, the module fails.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
    details: The lease is not renewed.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  holder:
    description:
      - The name under which the cluster's lease is held, as RV(selfheal.kubernetes.remediation_lease#module:holder) gives it.
    type: str
  token:
    description:
      - The fencing token, as RV(selfheal.kubernetes.remediation_lease#module:token) gives it. Needs O(holder).
      - If not set, no lease is asked for, which is for a run that only looks so far.
    type: int
  node:
    description:
      - The node on whose behalf the step is taken. One that is paused or excluded says no; one that the cluster does not have says nothing.
    type: str
  seconds:
    description:
      - Within how many seconds the step ends once it has begun, from 1 to 240.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Ask before the host is touched
  selfheal.kubernetes.remediation_permit:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    policy:
      monitor_only: false
    holder: "{{ lease.holder }}"
    token: "{{ lease.token }}"
    node: cp-2
    seconds: 120
  register: permit
"""

RETURN = r"""
proceed:
  description: Whether the step may be taken.
  returned: success
  type: bool
  sample: true
message:
  description: Why not, empty if it may.
  returned: success
  type: str
  sample: "the cluster is paused (by me@here: the network is being moved); the playbook selfheal.kubernetes.resume ends that"
guard:
  description: Which of the guards says no, V(monitor_only), V(paused) or V(excluded), or V(policy) for settings that cannot be used; empty if none does.
  returned: success
  type: str
  sample: paused
braked:
  description: Whether the cluster's owner has set C(monitor_only) in ConfigMap C(self-healing-config), which no job can lift.
  returned: success
  type: bool
  sample: false
act_within_seconds:
  description: Within how many seconds it has to begin, so that the lease outlasts it; 0 if no lease was asked for, and in check mode.
  returned: success
  type: int
  sample: 180
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import NotFound
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import excluded, monitor_only, paused
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.excluded import LABEL
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards.paused import ANNOTATION, holds
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    check_range,
    connection_spec,
    open_cluster,
    run,
)

SECONDS_RANGE = (1, 240)
BRAKE = monitor_only.GUARD.name
PAUSED = paused.GUARD.name


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            "holder": {"type": "str"},
            "token": {"type": "int", "no_log": False},
            "node": {"type": "str"},
            "seconds": {"type": "int", "default": 60},
        },
        required_by={"token": ("holder",)},
        supports_check_mode=True,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        check_range("seconds", params["seconds"], SECONDS_RANGE)
        if params["node"]:
            check_node_name(params["node"])
        client, policy = open_cluster(module)
        now = identify(client, params["cluster_uid"]).date

        def objection() -> tuple[str, str]:
            if policy.braked:
                return BRAKE, "the cluster's ConfigMap self-healing-config sets monitor_only: its owner has to lift it"
            if policy.monitor_only:
                return BRAKE, "policy.monitor_only is on: set it to false to heal"
            if policy.trouble:
                return "policy", f"the cluster's settings cannot be used: {policy.trouble}"
            if policy.owner_paused and holds(policy.owner_paused, now):
                by = policy.owner_paused
                return PAUSED, f"the cluster is paused ({by}); the playbook selfheal.kubernetes.resume ends that"
            if policy.paused and holds(policy.paused, now):
                return PAUSED, f"this run is paused ({policy.paused}) by its own setting"
            return _node_objection()

        def _node_objection() -> tuple[str, str]:
            node = params["node"]
            if not node:
                return "", ""
            try:
                meta = client.get(f"/api/v1/nodes/{node}").body.get("metadata") or {}
            except NotFound:
                return "", ""
            pause = (meta.get("annotations") or {}).get(ANNOTATION)
            if pause is not None and holds(pause, now):
                return PAUSED, f"annotation {ANNOTATION}={pause!r} is on node {node}; take it off to allow repairs"
            label = (meta.get("labels") or {}).get(LABEL)
            return ("", "") if label is None else (excluded.GUARD.name, f"label {LABEL}={label!r} excludes node {node}")

        guard, message = objection()
        within = 0
        if not guard and params["token"] is not None and not module.check_mode:
            lease.renew(client, params["holder"], params["token"], policy.lease_duration)
            within = policy.lease_duration - params["seconds"]
        return {
            "changed": False,
            "proceed": not guard,
            "guard": guard,
            "braked": policy.braked,
            "message": printable(message),
            "act_within_seconds": within,
        }

    run(module, body)


if __name__ == "__main__":
    main()
