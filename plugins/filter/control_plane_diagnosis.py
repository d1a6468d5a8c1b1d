# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: control_plane_diagnosis
short_description: Say what is wrong on a control-plane host
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Judges what the look of role P(selfheal.kubernetes.control_plane_repair#role) has printed on a host whose API server does not answer, and says
    which repairs fit. It asks nobody and changes nothing.
positional: _input
options:
  _input:
    description: What the host has printed.
    type: str
    required: true
  authorities:
    description: The SHA-256 of the public key of each authority by which the cluster is known, in hexadecimal digits.
    type: list
    elements: str
    required: true
  now:
    description: The controller's clock in seconds since 1970. By a host's clock that differs from it no certificate is renewed.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ (look.stdout | selfheal.kubernetes.control_plane_diagnosis(authorities, now().timestamp() | int)).evidence }}"
"""

RETURN = r"""
_value:
  description: What was found.
  type: dict
  contains:
    evidence:
      description: Lines for people, one for each part.
      type: list
      elements: str
    refusal:
      description: Why the host must not be touched, empty if it may be.
      type: str
    answers:
      description: Whether the API server answers on the host itself with an etcd that has a leader, null if nobody could ask.
      type: bool
    steps:
      description: The repairs that fit, in their order, each with C(name), C(why) and C(component).
      type: list
      elements: dict
    people:
      description: What must be left to people.
      type: list
      elements: str
    paused:
      description: Whether people are at work on the host, so that no host of the control plane may be touched.
      type: bool
    uptime:
      description: For how many seconds the host has run, -1 if it did not say.
      type: int
    clock:
      description: The host's clock in seconds since 1970.
      type: int
    runtime:
      description: The unit of the container runtime.
      type: str
    node:
      description: The node's name as kubelet's certificate says it.
      type: str
    address:
      description: The address of the API server on this host.
      type: str
    port:
      description: Its port.
      type: int
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import diagnose


def control_plane_diagnosis(text: object, authorities: Sequence[object], now: int) -> dict[str, Any]:
    """The filter."""
    if not isinstance(text, str) or isinstance(authorities, str):
        raise TypeError("control_plane_diagnosis: expected a text and a list of SHA-256 sums")
    found = asdict(diagnose(text, [str(one) for one in authorities], int(now)))
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"control_plane_diagnosis": control_plane_diagnosis}
