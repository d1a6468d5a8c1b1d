# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kubeadm_config
short_description: Make a host's kubeadm configuration out of what etcd holds
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Takes the value of ConfigMap C(kube-system/kubeadm-config) as etcd holds it, and makes a configuration for C(kubeadm init phase) on one host.
positional: _input
options:
  _input:
    description: The value in base64.
    type: str
    required: true
  node:
    description: The node's name.
    type: str
    required: true
  address:
    description: The address of the API server on the host.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Make the configuration
  ansible.builtin.set_fact:
    config: "{{ stored.stdout | trim | selfheal.kubernetes.kubeadm_config('cp-1', '10.0.0.1', 6443) }}"
"""

RETURN = r"""
_value:
  description: What was made.
  type: dict
  contains:
    config:
      description: The configuration as YAML, empty if there is none.
      type: str
    trouble:
      description: Why there is none, empty if there is one.
      type: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import Unfit
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import kubeadm_config as made_of


def kubeadm_config(stored: object, node: str, address: str, port: int) -> dict[str, str]:
    """The filter."""
    if not isinstance(stored, str):
        raise TypeError(f"kubeadm_config: expected a text, got {type(stored).__name__}")
    try:
        return {"config": made_of(stored, node, address, int(port)), "trouble": ""}
    except Unfit as exc:
        return {"config": "", "trouble": str(exc)}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"kubeadm_config": kubeadm_config}
