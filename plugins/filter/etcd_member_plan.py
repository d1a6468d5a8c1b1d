# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_member_plan
short_description: Say whether a member of etcd may be replaced, and which step comes next
version_added: 0.1.0
author:
  - the selfheal.kubernetes authors (@selfheal-kubernetes)
description:
  - Judges what the entry point C(member_look) of role P(selfheal.kubernetes.control_plane_repair#role) has printed on the control-plane hosts. It asks
    nobody and changes nothing.
positional: _input
options:
  _input:
    description:
      - Looks, one after the other, each a mapping from inventory host to what it has printed. All of them must say the same.
    type: list
    elements: dict
    required: true
  found:
    description: Every control-plane host of the inventory, with what P(selfheal.kubernetes.control_plane_diagnosis#filter) gives and C(trouble).
    type: dict
    required: true
  aliases:
    description: Inventory host to the other names and addresses that it answers to.
    type: dict
    default: {}
  want:
    description: The host or the member that is meant; the only one that is not healthy if empty.
    type: str
    default: ""
  gone:
    description: Whether its machine is gone for good.
    type: bool
    default: false
  done:
    description: The steps that this run has done.
    type: list
    elements: str
    default: []
  added:
    description: The ID of the member that this run has added, in hexadecimal digits.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Ask what comes next
  ansible.builtin.set_fact:
    plan: "{{ [looks] | selfheal.kubernetes.etcd_member_plan(found) }}"
"""

RETURN = r"""
_value:
  description: What comes next.
  type: dict
  contains:
    refusal:
      description: Why nothing may be done, empty if something may be, or nothing has to be.
      type: str
    step:
      description: The next step, empty if there is none.
      type: str
    host:
      description: The inventory host of the member that is replaced.
      type: str
    member:
      description: The member's name.
      type: str
    member_id:
      description: Its ID in hexadecimal digits, empty if it is not in the list of members.
      type: str
    url:
      description: Its peer URL.
      type: str
    helper:
      description: A host whose member is healthy.
      type: str
    at:
      description: The host on which the step is done.
      type: str
    manifest:
      description: The manifest with which the new member is started, only for that step.
      type: str
    lines:
      description: What was seen, for people.
      type: list
      elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import Step
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.etcd_member import Host, make_plan, read_view


def etcd_member_plan(
    rounds: Sequence[Mapping[str, str]],
    found: Mapping[str, Mapping[str, Any]],
    aliases: Mapping[str, Sequence[str]] | None = None,
    want: str = "",
    gone: bool = False,
    done: Sequence[str] = (),
    added: str = "",
) -> dict[str, Any]:
    """The filter."""
    if isinstance(rounds, (str, Mapping)) or not rounds:
        raise TypeError("etcd_member_plan: expected a list of looks")
    hosts = {
        str(host): Host(
            node=str(one.get("node", "")),
            trouble=str(one.get("trouble", "")),
            refusal=str(one.get("refusal", "")),
            steps=tuple(Step(str(s["name"]), str(s["why"]), str(s["component"])) for s in one.get("steps", ())),
            paused=one.get("paused") is True,
            aliases=tuple(str(alias) for alias in (aliases or {}).get(host, ()) if alias),
        )
        for host, one in found.items()
    }
    views = [{str(host): read_view(str(text)) for host, text in one.items()} for one in rounds]
    plan = asdict(
        make_plan(views, hosts, want=str(want), gone=bool(gone), done=[str(s) for s in done], added=str(added))
    )
    return {key: list(value) if isinstance(value, tuple) else str(value) for key, value in plan.items()}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file by name."""
        return {"etcd_member_plan": etcd_member_plan}
