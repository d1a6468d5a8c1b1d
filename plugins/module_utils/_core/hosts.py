# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a node to the inventory host that is the same machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node


class HostError(ValueError):
    """No inventory host, or more than one, is the node; the message says what was looked for."""


class NoHost(HostError):
    """No inventory host is the node."""


def match_host(node: Node, hosts: Mapping[str, Iterable[str]]) -> str:
    """The inventory host for a node.

    :param hosts: inventory host name to the other names and addresses it answers to.
    :returns: the one host that has the name or an InternalIP of the node as its own name or as an alias.
    :raises NoHost: when there is none.
    :raises HostError: when there is more than one.
    """
    for host, aliases in hosts.items():
        if not isinstance(aliases, (list, tuple)):
            raise HostError(f"hosts.{host}: expected a list of names and addresses, got {aliases!r}")
    wanted = {node.name, *node.addresses}
    matches = sorted(host for host, aliases in hosts.items() if host in wanted or wanted & {str(a) for a in aliases})
    if len(matches) == 1:
        return matches[0]
    looked_for = ", ".join([node.name, *node.addresses])
    if not matches:
        raise NoHost(
            f"node {node.name}: no inventory host matches it (looked for {looked_for} among {len(hosts)} hosts by name,"
            " ansible_host, selfheal_node and selfheal_node_address)"
        )
    raise HostError(f"node {node.name}: several inventory hosts match {looked_for}: {', '.join(matches)}")
