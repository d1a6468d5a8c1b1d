#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_reboot
short_description: Reboot an EC2 instance
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Asks EC2 to reboot an instance by C(RebootInstances), and comes back when it has said yes. It does not wait until the instance is back.
  - EC2 resets an instance that does not shut down within a few minutes. Addresses and what is on instance stores stay.
  - A dry run proves first that the credentials may do it and that the instance is there.
  - There is at most one reboot. A request is repeated only if it was never sent, or if EC2 was too busy for it. If no answer comes, the module
    fails with RV(error_class) V(ReplyLost), and only the host itself can tell whether it has restarted.
  - Credentials are found by boto3, in the environment (E(AWS_ACCESS_KEY_ID) and so on), in configuration files, or in the instance that it runs on.
requirements:
  - boto3
extends_documentation_fragment:
  - selfheal.kubernetes._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each run reboots.
options:
  instance:
    description:
      - The ID of the instance.
    type: str
    required: true
  region:
    description:
      - The region that it is in. Variable E(AWS_REGION) of the environment if not set.
    type: str
    required: true
  profile:
    description:
      - A profile of AWS's configuration files. Variable E(AWS_PROFILE) of the environment if not set.
    type: str
  url:
    description:
      - Where the API is, if not where it is for everybody. Variable E(AWS_ENDPOINT_URL_EC2) of the environment if not set.
    type: str
  timeout:
    description:
      - Seconds for all of it, from 5 to 300.
    type: int
    default: 55
  request_timeout:
    description:
      - Seconds without a word after which one request is given up, from 1 to 60.
    type: int
    default: 10
seealso:
  - module: amazon.aws.ec2_instance
    description: Stops and starts instances.
"""

EXAMPLES = r"""
- name: Reboot
  selfheal.kubernetes.ec2_instance_reboot:
    instance: i-0123456789abcdef0
    region: eu-west-1
  delegate_to: localhost
"""

RETURN = r"""
instance:
  description: The ID of the instance.
  returned: success
  type: str
  sample: i-0123456789abcdef0
error_class:
  description: The kind of the error, such as V(Unauthorized), V(Forbidden), V(NotFound), V(Unreachable) and V(ReplyLost).
  returned: failure
  type: str
  sample: ReplyLost
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.ec2 import Ec2, over_boto3

RANGES = {"timeout": (5, 300), "request_timeout": (1, 60)}


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "region": {"type": "str", "required": True, "fallback": (env_fallback, ["AWS_REGION"])},
            "profile": {"type": "str", "fallback": (env_fallback, ["AWS_PROFILE"])},
            "url": {"type": "str", "fallback": (env_fallback, ["AWS_ENDPOINT_URL_EC2"])},
            "timeout": {"type": "int", "default": 55},
            "request_timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        for name, limits in RANGES.items():
            check_range(name, params[name], limits)
        ask = over_boto3(params["region"], params["profile"], params["url"], params["request_timeout"])
        ec2 = Ec2(ask, params["timeout"])
        if module.check_mode:
            ec2.check(params["instance"])
        else:
            ec2.reboot(params["instance"])
        return {"changed": True, "instance": params["instance"]}

    run(module, body)


if __name__ == "__main__":
    main()
