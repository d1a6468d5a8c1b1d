#!/usr/bin/python
# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pause_info
short_description: Tell what to write so that nodes or a whole cluster are paused, or are not any more
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - A pause keeps healers away from a node (annotation C(selfheal.kubernetes/paused)), or from the whole cluster (key C(paused) of ConfigMap
    C(self-healing-config) in namespace C(self-healing)).
  - Reads what is paused and returns the objects that have to be patched. Writes nothing, because pausing takes the rights of the person who
    does it; the playbooks C(selfheal.kubernetes.pause) and C(selfheal.kubernetes.resume) do it with M(kubernetes.core.k8s).
  - A pause with the same reason that ends within two minutes of the wanted moment is the wanted one, whoever made it.
  - If a pause with another reason holds, the module fails, because the new one could end before it. The other one has to be ended first.
extends_documentation_fragment:
  - selfheal.kubernetes._connection
  - selfheal.kubernetes._identity
  - selfheal.kubernetes._attributes
  - selfheal.kubernetes._attributes.info_module
  - selfheal.kubernetes._attributes.actiongroup
options:
  state:
    description:
      - Whether there is to be a pause.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description:
      - The nodes. The whole cluster if empty.
    type: list
    elements: str
    default: []
  reason:
    description:
      - Why, in one printable line of at most 120 characters. Required for O(state=present).
    type: str
  who:
    description:
      - Who does it, in at most 50 printable characters. Required for O(state=present).
    type: str
  minutes:
    description:
      - After how many minutes the pause ends by itself, from 1 to 10080, counted by the API server's clock. If not set, it does not end by itself.
    type: int
seealso:
  - module: selfheal.kubernetes.incident_info
"""

EXAMPLES = r"""
- name: What has to be written?
  selfheal.kubernetes.pause_info:
    kubeconfig: ~/.kube/config
    nodes: [worker-1]
    reason: its disk is being replaced
    who: anna@ops-1
    minutes: 120
  register: pause

- name: Write it
  kubernetes.core.k8s:
    kubeconfig: ~/.kube/config
    state: patched
    merge_type: [merge]
    definition: "{{ pause.objects }}"
  when: pause.objects | length > 0
"""

RETURN = r"""
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
objects:
  description: The objects to patch, each with nothing but its pause in it, which is null if it is to be removed. Empty if nothing is to be done.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: v1
      kind: Node
      metadata:
        name: worker-1
        annotations:
          selfheal.kubernetes/paused: "2026-11-21T05:00:00Z by anna@ops-1: its disk is being replaced"
lines:
  description: What that makes of each of them, for people.
  returned: success
  type: list
  elements: str
  sample:
    - "node worker-1: paused, 2026-11-21T05:00:00Z by anna@ops-1: its disk is being replaced"
"""

import typing as t
from datetime import datetime, timedelta

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError, SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.people import read_pauses, who_and_when
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.pauses import (
    MINUTES,
    REASON_LENGTH,
    WHO_LENGTH,
    Pause,
    Step,
    Target,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.render import clean
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_time
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connect, connection_spec, run


class PausedAlready(ClusterError):
    """A pause of somebody else holds."""


def main() -> t.NoReturn:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **connection_spec(cluster_uid_required=False),
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "reason": {"type": "str"},
            "who": {"type": "str"},
            "minutes": {"type": "int"},
        },
        required_if=[("state", "present", ("reason", "who"))],
        supports_check_mode=True,
    )

    def body() -> dict[str, t.Any]:
        params = module.params
        nodes = list(dict.fromkeys(check_node_name(name) for name in params["nodes"]))
        _check_options(params)
        client = connect(module)
        cluster_uid, now = who_and_when(client, params["cluster_uid"])
        wanted = _wanted(params, now)
        steps = {target: target.step(wanted, now) for target in read_pauses(client, nodes)}
        others = [_name(target) + f" ({_told(target)})" for target, step in steps.items() if step is Step.REFUSE]
        if others:
            raise PausedAlready(
                f"paused for another reason already: {', '.join(others)}; when that is over, end it with the playbook"
                " selfheal.kubernetes.resume"
            )
        return {
            "changed": False,
            "cluster_uid": cluster_uid,
            "observed_at": format_time(now),
            "objects": [target.change(wanted) for target, step in steps.items() if step in (Step.WRITE, Step.REMOVE)],
            "lines": [_line(target, step, wanted) for target, step in steps.items()],
        }

    run(module, body)


def _check_options(params: dict[str, t.Any]) -> None:
    if params["state"] == "absent":
        return
    for name, limit in (("reason", REASON_LENGTH), ("who", WHO_LENGTH)):
        text = params[name].strip()
        if not text or len(text) > limit or not text.isprintable():
            raise SettingsError(f"{name}: expected one printable line of at most {limit} characters")
    minutes = params["minutes"]
    if minutes is not None and not MINUTES[0] <= minutes <= MINUTES[1]:
        raise SettingsError(f"minutes: expected an integer from {MINUTES[0]} to {MINUTES[1]}, got {minutes}")


def _wanted(params: dict[str, t.Any], now: datetime) -> Pause | None:
    if params["state"] == "absent":
        return None
    minutes = params["minutes"]
    until = None if minutes is None else now + timedelta(minutes=minutes)
    return Pause(params["reason"].strip(), params["who"].strip(), until)


def _name(target: Target) -> str:
    return f"node {target.node}" if target.node else "the cluster"


def _told(target: Target) -> str:
    return clean(target.text, 200)


def _line(target: Target, step: Step, wanted: Pause | None) -> str:
    if step is Step.WRITE and wanted is not None:
        return f"{_name(target)}: paused, {wanted.text}"
    if step is Step.REMOVE:
        return f"{_name(target)}: resumed, its pause was: {_told(target)}"
    return f"{_name(target)}: {'not paused' if wanted is None else f'paused already, {_told(target)}'}"


if __name__ == "__main__":
    main()
