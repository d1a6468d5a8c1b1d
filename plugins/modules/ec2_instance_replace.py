#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_replace
short_description: Have an instance of an EC2 Auto Scaling group terminated, so that the group launches a new one
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Asks for it by C(TerminateInstanceInAutoScalingGroup), and keeps the group's desired capacity.
  - The instance has to be C(InService) in a group that launches and terminates. One that is on its way out already is not asked for again.
  - There is at most one request that has an effect. It is repeated only if it was never sent, or if AWS was too busy for it. If no answer comes,
    the group is looked at, and the module fails with RV(error_class) V(ReplyLost) if that does not tell.
  - Credentials are found by boto3, in the environment (E(AWS_ACCESS_KEY_ID) and so on), in configuration files, or in the instance that it runs on.
    They need C(autoscaling:DescribeAutoScalingInstances), C(autoscaling:DescribeAutoScalingGroups), C(ec2:DescribeInstances) and
    C(autoscaling:TerminateInstanceInAutoScalingGroup).
requirements:
  - boto3
extends_documentation_fragment:
  - selfheal.kubernetes._attributes
attributes:
  check_mode:
    support: full
    details: Proves everything but the right to terminate, which AWS does not tell beforehand.
  diff_mode:
    support: none
  idempotent:
    support: full
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
      - Where the APIs are, if not where they are for everybody. Variable E(AWS_ENDPOINT_URL) of the environment if not set.
    type: str
  timeout:
    description:
      - Seconds for asking, from 5 to 300.
    type: int
    default: 55
  settle:
    description:
      - For how many seconds the instance is waited for to be gone afterwards, from 0 to 600. Nothing fails if it is not.
    type: int
    default: 0
  request_timeout:
    description:
      - Seconds without a word after which one request is given up, from 1 to 60.
    type: int
    default: 10
seealso:
  - module: amazon.aws.autoscaling_instance
    description: Adds, detaches and terminates instances of a group.
"""

EXAMPLES = r"""
- name: Replace
  selfheal.kubernetes.ec2_instance_replace:
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
group:
  description: Its Auto Scaling group. Empty if it had left that before.
  returned: success
  type: str
  sample: workers
gone_at:
  description: When the instance was seen to be terminated, empty if it was not.
  returned: success
  type: str
  sample: "2026-11-28T14:00:00Z"
error_class:
  description: The kind of the error, such as V(Unauthorized), V(Forbidden), V(NotFound), V(Rejected), V(Unreachable) and V(ReplyLost).
  returned: failure
  type: str
  sample: ReplyLost
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import check_range, run
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.autoscaling import AutoScaling, Boto3

RANGES = {"timeout": (5, 300), "settle": (0, 600), "request_timeout": (1, 60)}


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "instance": {"type": "str", "required": True},
            "region": {"type": "str", "required": True, "fallback": (env_fallback, ["AWS_REGION"])},
            "profile": {"type": "str", "fallback": (env_fallback, ["AWS_PROFILE"])},
            "url": {"type": "str", "fallback": (env_fallback, ["AWS_ENDPOINT_URL"])},
            "timeout": {"type": "int", "default": 55},
            "settle": {"type": "int", "default": 0},
            "request_timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        for name, limits in RANGES.items():
            check_range(name, params[name], limits)
        api = Boto3(params["region"], params["profile"], params["url"], params["request_timeout"])
        scaling = AutoScaling(api, params["timeout"])
        if module.check_mode:
            group, needed = scaling.check(params["instance"])
            return {"changed": needed, "instance": params["instance"], "group": group, "gone_at": ""}
        done = scaling.replace(params["instance"], params["settle"])
        return {"changed": done.asked, "instance": params["instance"], "group": done.group, "gone_at": done.gone_at}

    run(module, body)


if __name__ == "__main__":
    main()
