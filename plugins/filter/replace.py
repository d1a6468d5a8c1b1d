# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cluster_api import (
    objection_to_delete,
    owner_of,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.kind_node import (
    NotKind,
    address_of,
    cluster_of,
    join_with,
    words_of,
)


def replace_owner(machine: Mapping[str, t.Any]) -> dict[str, str]:
    """The object of Cluster API that controls a Machine."""
    kind, name = owner_of(machine)
    return {"kind": kind, "name": name}


def replace_objection(
    machine: Mapping[str, t.Any],
    node: Mapping[str, str],
    owner: Mapping[str, t.Any],
    cluster: Mapping[str, t.Any],
) -> str:
    """Why the Machine of a node may not be deleted, empty if it may; what is not there is empty."""
    return objection_to_delete(node, machine or None, owner or None, cluster or None) or ""


def replace_container(container: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The cluster of a kind worker's container, and the words that make such a container again."""
    try:
        return {"cluster": cluster_of(container), "words": words_of(container)}
    except NotKind as exc:
        raise AnsibleFilterError(str(exc)) from None


def replace_join(text: str, token: str, hashes: list[str], container: Mapping[str, t.Any]) -> str:
    """The configuration by which a new container joins, made of the one by which the old one did."""
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
        old = next(one for one in documents if one.get("kind") == "JoinConfiguration")
    except (yaml.YAMLError, StopIteration):
        raise AnsibleFilterError("kind's kubeadm.conf of the old container has no JoinConfiguration") from None
    return yaml.safe_dump(join_with(old, str(token), list(map(str, hashes)), address_of(container)), sort_keys=False)


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {
            "replace_container": replace_container,
            "replace_join": replace_join,
            "replace_objection": replace_objection,
            "replace_owner": replace_owner,
        }
