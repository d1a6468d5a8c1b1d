#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_server_info
short_description: Whether the API server answers, and by which authority it is known
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Asks C(/livez) for as long as O(wait) says, and ends as soon as the API server is live.
  - An API server that does not answer is no failure of the module. One that refuses our credentials answers.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.info_module
  - selfheal.kubernetes._attributes.actiongroup
options:
  cluster_uid:
    description:
      - Accepted so that one set of defaults serves all modules. An API server that does not answer cannot be asked who it is.
    type: str
  wait:
    description: Seconds for which it is asked, from 0 to 600. With V(0) it is asked once.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: See whether the API server is down for good
  selfheal.kubernetes.api_server_info:
    wait: 15
  register: api
"""

RETURN = r"""
answers:
  description: Whether it answers.
  returned: success
  type: bool
  sample: false
trouble:
  description: What it said instead of being live, empty if it is.
  returned: success
  type: str
  sample: "https://10.0.0.1:6443: no connection: Connection refused"
server:
  description: Its address.
  returned: success
  type: str
  sample: https://10.0.0.1:6443
authority:
  description: The certificates by which the cluster is known to us, in PEM; empty if it is known by the system's authorities, or not verified.
  returned: success
  type: str
  sample: |
    -----BEGIN CERTIFICATE-----
    MIIC...
    -----END CERTIFICATE-----
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.liveness import authority, watch
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    check_range,
    connect,
    connection_spec,
    run,
)

WAIT_RANGE = (0, 600)


def main() -> None:
    """Entry point."""
    spec = {**connection_spec(cluster_uid_required=False), "wait": {"type": "int", "default": 0}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def body() -> dict[str, t.Any]:
        check_range("wait", module.params["wait"], WAIT_RANGE)
        client = connect(module)
        seen = watch(client, module.params["wait"])
        known = {"server": client.server, "authority": authority(client)}
        return {"changed": False, "answers": seen.answers, "trouble": seen.trouble, **known}

    run(module, body)


if __name__ == "__main__":
    main()
