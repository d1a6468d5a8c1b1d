# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: certificates
short_description: Read the certificates of a text
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Reads every certificate in PEM that stands in a text, as a command on a host has printed it. The host needs no program that understands
    certificates.
positional: _input
options:
  _input:
    description: The text. What stands between the certificates does not count, and half a certificate is none.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say when the authority's certificate ends
  ansible.builtin.debug:
    msg: "{{ (authority.stdout | selfheal.kubernetes.certificates | first).not_after }}"
"""

RETURN = r"""
_value:
  description: One entry for each certificate, in the order of the text.
  type: list
  elements: dict
  contains:
    common_name:
      description: C(CN) of its subject.
      type: str
      sample: system:node:worker-1
    organizations:
      description: Each C(O) of its subject.
      type: list
      elements: str
      sample: ["system:nodes"]
    issuer:
      description: Who has signed it.
      type: str
      sample: CN=kubernetes
    not_before:
      description: From when on it is valid, in seconds since 1970.
      type: int
      sample: 1795860000
    not_after:
      description: Until when it is valid, in seconds since 1970.
      type: int
      sample: 1827396000
    key:
      description: The SHA-256 of its public key in hexadecimal digits, as C(kubeadm join) takes it after C(sha256:).
      type: str
      sample: 4f1d2c0e6d5f2f7a5e0f8f6a7b1d3c5e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d
    trouble:
      description: Why it cannot be read, empty if it can. Nothing else is known then.
      type: str
      sample: ""
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.certificates import read_certificates


def certificates(text: object) -> list[dict[str, Any]]:
    """The filter."""
    if not isinstance(text, str):
        raise TypeError(f"certificates: expected a text, got {type(text).__name__}")
    return [{**asdict(one), "organizations": list(one.organizations)} for one in read_certificates(text)]


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"certificates": certificates}
