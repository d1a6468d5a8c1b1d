#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stand_down
short_description: End a run that has done nothing, with an exit code of its own
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Ends the run for its host with one line, in a way in which C(ansible-playbook) ends with exit code 4, and not with 2 as after
    M(ansible.builtin.fail). Nothing was done, and nothing has failed.
  - Ansible has no other way to that code that leaves the recap, and what M(ansible.builtin.set_stats) hands to a workflow, as they are.
  - To Ansible the host counts as unreachable from then on, so nothing rescues it and no task comes after it. Meant for the controller.
extends_documentation_fragment:
  - selfheal.kubernetes._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  msg:
    description:
      - The line.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Leave the cluster to the run that has its lease
  selfheal.kubernetes.stand_down:
    msg: "nothing was done: {{ lease.msg }}"
  when: lease.error_class | default('') == 'LeaseBusy'
"""

RETURN = r"""
msg:
  description: The line.
  returned: always
  type: str
  sample: "nothing was done: busy: awx-job-4711-9f3c1a heals this cluster now, its lease lasts 212 s unless it is renewed"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(argument_spec={"msg": {"type": "str", "required": True}}, supports_check_mode=True)
    module.exit_json(changed=False, unreachable=True, msg=printable(module.params["msg"]))
    raise AssertionError("a module has ended before it gets here")


if __name__ == "__main__":
    main()
