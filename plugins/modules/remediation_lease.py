#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: remediation_lease
short_description: Take or release the lease that lets one healer at a time repair a cluster
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - The lease is the C(coordination.k8s.io) Lease C(selfheal) in namespace C(self-healing) of the cluster.
  - A holder that has not renewed it for the policy's C(lease_duration) has lost it. Each write of M(selfheal.kubernetes.incident) renews it.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: With O(state=held) a lease that is held already is busy, whoever holds it.
options:
  state:
    description:
      - V(held) takes the lease. If a run has it and has renewed it in time, the module fails and names that run.
      - V(released) lets it go if O(holder) has it with O(token).
    type: str
    choices:
      - held
      - released
    default: held
  holder:
    description:
      - With O(state=held), a name for the run, for example the number of its job in AWX. Random digits are appended, see RV(holder).
      - If not set, the host's name is used.
      - With O(state=released), the name under which the lease is held.
    type: str
  token:
    description:
      - The fencing token with which the lease is held. Required with O(state=released).
    type: int
"""

EXAMPLES = r"""
- name: Take the lease
  selfheal.kubernetes.remediation_lease:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    policy:
      monitor_only: false
    holder: awx-job-4711
  register: lease

- name: Release it
  selfheal.kubernetes.remediation_lease:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    state: released
    holder: "{{ lease.holder }}"
    token: "{{ lease.token }}"
"""

RETURN = r"""
holder:
  description: The name under which the lease is held.
  returned: success
  type: str
  sample: awx-job-4711-9f3c1a
token:
  description: The fencing token, which grows each time the lease changes hands.
  returned: success
  type: int
  sample: 12
expires:
  description: When the lease ends if it is not renewed.
  returned: success and O(state=held)
  type: str
  sample: "2026-11-21T03:02:00Z"
"""

import secrets
import socket
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import MonitorOnly
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connection_spec, open_cluster, run


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=True),
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "holder": {"type": "str"},
            "token": {"type": "int", "no_log": False},
        },
        required_if=[("state", "released", ("holder", "token"))],
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        client, policy = open_cluster(module, finishing=params["state"] == "released")
        if policy.monitor_only and params["state"] == "held":
            why = (
                "the cluster's ConfigMap self-healing-config sets monitor_only, so the lease is not taken: its owner has"
                " to lift it"
                if policy.braked
                else "policy.monitor_only is on, so the lease is not taken: set it to false to heal"
            )
            raise MonitorOnly(why)
        if params["state"] == "released":
            holder = params["holder"]
            changed = lease.release(client, holder, params["token"], dry_run=module.check_mode)
            return {"changed": changed, "holder": holder, "token": params["token"]}
        # Two runs may be given the same name, by two installations of AWX for one.
        holder = f"{params['holder'] or socket.gethostname()}-{secrets.token_hex(3)}"
        held = lease.acquire(client, holder, policy.lease_duration, dry_run=module.check_mode)
        return {"changed": True, **held.to_dict()}

    run(module, body)


if __name__ == "__main__":
    main()
