#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_record
short_description: Bring the one-line truth of a cluster up to date
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Observes the cluster, reads its incidents, and writes the ClusterRecord C(cluster) if it says something else than what is true now.
  - Adds what it saw to the statistics of what is usual for the cluster, ConfigMap C(selfheal-baseline) in namespace C(self-healing), at most
    once in 13 minutes. That is no change of the record, so C(changed) does not tell it, and no failure to write it fails the module.
  - Renews the cluster's lease first, and writes nothing if the lease has passed to somebody else.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity.required
  - selfheal.kubernetes._lease
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.actiongroup
attributes:
  check_mode:
    support: none
    details: In check mode the module does nothing and is skipped.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: The statistics of what is usual grow by one look every 13 minutes.
options:
  storm:
    description:
      - The storm that the plan of this run has seen, RV(selfheal.kubernetes.remediation_plan_info#module:storm). One that is over by now
        is remembered all the same, so that its cool-down is kept.
    type: dict
"""

EXAMPLES = r"""
- name: Bring the record up to date
  selfheal.kubernetes.cluster_record:
    cluster_uid: 0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10
    policy:
      monitor_only: false
    holder: "{{ lease.holder }}"
    token: "{{ lease.token }}"
"""

RETURN = r"""
verdict:
  description: V(healthy), V(unhealthy) or V(unknown), as M(selfheal.kubernetes.cluster_health_info) gives it.
  returned: success
  type: str
  sample: healthy
record:
  description: What the record says now. C(kubectl explain clusterrecord.status) describes every field.
  returned: success
  type: dict
  contains:
    healthy:
      description: C(True), C(False) or C(Unknown).
      type: str
      sample: "True"
    unhealthySince:
      description: Since when the cluster is sick.
      returned: if it is
      type: str
      sample: "2026-11-21T03:12:00Z"
    failureReason:
      description: The reasons of what is wrong, or what could not be read.
      returned: if there is one
      type: str
      sample: NodeStatusUnknown
    repairAttempts:
      description: The attempts of the open incidents.
      type: int
      sample: 0
    openIncidents:
      description: How many incidents are open.
      type: int
      sample: 0
    unhealthyNodeCount:
      description: How many nodes are sick.
      type: int
      sample: 0
    unhealthyNodes:
      description: Up to 50 of them, each with C(name), C(reason) and C(since).
      type: list
      elements: dict
      sample: []
    lastRepair:
      description: The last repair that was begun.
      returned: if there was one
      type: str
      sample: kubelet_restart on worker-1
    lastRepairTime:
      description: When it was begun.
      returned: if there was one
      type: str
      sample: "2026-11-21T03:14:00Z"
    lastOutcome:
      description: What became of it.
      returned: if there was one
      type: str
      sample: Repaired
    lastSucceededTime:
      description: When a repair has last proven itself.
      returned: if one has
      type: str
      sample: "2026-11-21T03:15:00Z"
    storm:
      description: The last storm, as in RV(selfheal.kubernetes.remediation_plan_info#module:storm).
      returned: if there was one
      type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.storm import Storm
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    connection_spec,
    lease_spec,
    open_cluster,
    run,
)


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={**connection_spec(cluster_uid_required=True), **lease_spec(), "storm": {"type": "dict"}},
        supports_check_mode=False,
    )
    params = module.params

    def body() -> dict[str, t.Any]:
        try:
            known = Storm.from_dict(params["storm"]) if params["storm"] else None
        except ValueError as exc:
            raise SettingsError(f"storm: {exc}") from None
        client, policy = open_cluster(module, finishing=True)
        healer = Healer(client, policy, params["cluster_uid"], params["holder"], params["token"])
        changed, verdict, record = healer.write_record(known)
        return {"changed": changed, "verdict": verdict.value, "record": record}

    run(module, body)


if __name__ == "__main__":
    main()
