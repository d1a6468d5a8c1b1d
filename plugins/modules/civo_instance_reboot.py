#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: civo_instance_reboot
short_description: Reboot an instance of Civo
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Asks Civo's API, version 2, to reboot an instance, and comes back when it has said yes. It does not wait until the instance is back.
  - Looks at the instance first, which proves that the token, the region and the ID are right. One that is rebooting already is left to it.
  - There is at most one reboot. A request is repeated only if it was never sent, or if the API was too busy for it (HTTP 429); reads are
    repeated on HTTP 5xx and broken connections as well, and nothing is after HTTP 401, 403 and 404.
  - If no answer comes, the instance is watched for O(settle) seconds. One that is seen to obey counts as asked. If it is not, the module fails
    with RV(error_class) V(ReplyLost), and only the host itself can tell whether it has restarted.
extends_documentation_fragment:
  - selfheal.kubernetes._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: Each run reboots, unless a reboot is under way.
options:
  instance:
    description:
      - The UUID of the instance.
    type: str
    required: true
  region:
    description:
      - The region that it is in, such as V(LON1). Variable E(CIVO_REGION) of the environment if not set.
    type: str
    required: true
  token:
    description:
      - The API key. Variable E(CIVO_TOKEN) of the environment if not set.
    type: str
    required: true
  hard:
    description:
      - Whether it is like cutting the power. Otherwise the instance is asked to restart by itself.
    type: bool
    default: true
  power_on:
    description:
      - Whether to reboot an instance that is switched off, too. Otherwise it is left alone, and the module fails.
    type: bool
    default: false
  url:
    description:
      - Where the API is. Variable E(CIVO_API_URL) of the environment if not set.
    type: str
    default: https://api.civo.com
  validate_certs:
    description:
      - Whether the API has to prove by a certificate that it is the one.
    type: bool
    default: true
  ca_path:
    description:
      - A file of certificates in PEM that are trusted besides those of the system.
    type: path
  timeout:
    description:
      - Seconds for all of it but O(settle), from 5 to 300.
    type: int
    default: 60
  request_timeout:
    description:
      - Seconds without a word after which one request is given up, from 1 to 60.
    type: int
    default: 10
  settle:
    description:
      - For how many seconds the instance is watched after a request that had no answer, from 0 to 300.
    type: int
    default: 20
seealso:
  - name: Civo's API
    description: Its documentation of instances.
    link: https://www.civo.com/api/instances
"""

EXAMPLES = r"""
- name: Cut the power and boot again
  selfheal.kubernetes.civo_instance_reboot:
    instance: 779d651a-8e10-4019-9cc0-448451d16157
    region: LON1
    token: "{{ civo_token }}"
  delegate_to: localhost
"""

RETURN = r"""
instance:
  description: The UUID of the instance.
  returned: success
  type: str
  sample: 779d651a-8e10-4019-9cc0-448451d16157
status:
  description: The status of the instance before it was asked.
  returned: success
  type: str
  sample: ACTIVE
acknowledged:
  description: Whether the API has said yes. If not, the instance was rebooting already, or was seen to obey after the reply was lost.
  returned: success
  type: bool
  sample: true
error_class:
  description: The kind of the error, such as V(Unauthorized), V(NotFound), V(Unreachable) and V(ReplyLost).
  returned: failure
  type: str
  sample: ReplyLost
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.civo import (
    API,
    REBOOTING,
    Civo,
    over_http,
    refuse_off,
)

RANGES = {"timeout": (5, 300), "request_timeout": (1, 60), "settle": (0, 300)}


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "region": {"type": "str", "required": True, "fallback": (env_fallback, ["CIVO_REGION"])},
            "token": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["CIVO_TOKEN"])},
            "hard": {"type": "bool", "default": True},
            "power_on": {"type": "bool", "default": False},
            "url": {"type": "str", "default": API, "fallback": (env_fallback, ["CIVO_API_URL"])},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
            "request_timeout": {"type": "int", "default": 10},
            "settle": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        for name, limits in RANGES.items():
            check_range(name, params[name], limits)
        civo = Civo(
            params["token"],
            params["region"],
            over_http(params["url"], params["validate_certs"], params["ca_path"]),
            deadline=params["timeout"],
            request_timeout=params["request_timeout"],
            settle=params["settle"],
        )
        told = {"instance": params["instance"]}
        if module.check_mode:
            status = civo.status(params["instance"])
            refuse_off(params["instance"], status, params["power_on"])
            return {**told, "changed": status != REBOOTING, "status": status, "acknowledged": False}
        outcome = civo.reboot(params["instance"], params["hard"], params["power_on"])
        return {**told, "changed": outcome.asked, "status": outcome.status, "acknowledged": outcome.acknowledged}

    run(module, body)


if __name__ == "__main__":
    main()
