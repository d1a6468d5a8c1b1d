# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a node to the inventory host that is the same machine, and whether that host is silent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Node

# How connections say that nobody has answered at all.
_NO_ANSWER = re.compile(
    r"time[sd]? ?-?out|expected time frame|no route to host|connection (?:was )?(?:refused|reset|closed|aborted)"
    r"|closed by remote host"
    r"|host is (?:down|unreachable)|broken pipe|is not running|is paused"
    # A shell that answers, of a system that can neither read nor start anything any more.
    r"|input/output error|cannot fork|cannot allocate memory|resource temporarily unavailable",
    re.IGNORECASE,
)
# How they say that the fault may be on our side: a key, a name, an inventory. A silence that people make is none.
_OUR_SIDE = re.compile(
    r"permission denied|authenticat|verification failed|identification has changed|could not resolve|not known"
    r"|name resolution|no such|not found|bad |invalid|passphrase|unprotected|privilege|prohibited|forwarding|expired"
    r"|unprivileged users|nologin|booting up|going down|network is unreachable|\[errno|account",
    re.IGNORECASE,
)
_TIMED_OUT = (124, 137)


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


def is_silent(words: str, status: int | None = None) -> bool:
    """Whether a host that was asked for its machine-id, and has not told it, has given no answer at all.

    Only what is known to be a silence is one, because a reboot may rest on it.

    :param words: everything that was said instead, by the host or about the connection to it.
    :param status: how the command has ended, if it has; 124 and 137 are those of a time limit.
    """
    if _OUR_SIDE.search(words):
        return False
    return status in _TIMED_OUT or _NO_ANSWER.search(words) is not None
