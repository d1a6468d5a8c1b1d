# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What modules that act on one node have in common: who acts on which, under which lease, and what stops them."""

from __future__ import annotations

import getpass
import signal
import socket
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.drain import Actor
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    MonitorOnly,
    NodeGone,
    NotFound,
    SettingsError,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import identify
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import check_name, check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import connect, open_cluster

HOLDER_LENGTH = 300


def actor_spec() -> dict[str, t.Any]:
    """The options that say who acts on which node; with the documentation fragment ``_lease.optional``."""
    return {
        "holder": {"type": "str"},
        "token": {"type": "int", "no_log": False},
        "node": {"type": "str", "required": True},
        "node_uid": {"type": "str"},
        "incident": {"type": "str"},
    }


def check_actor(module: AnsibleModule) -> None:
    """Refuse what can be no node, no incident and no holder, before anything is sent.

    :raises InvalidName: for a name. :raises SettingsError: for a holder that cannot be shown to people.
    """
    params = module.params
    check_node_name(params["node"])
    if params["incident"]:
        check_name("incident", params["incident"])
    if params["holder"] and (len(params["holder"]) > HOLDER_LENGTH or not params["holder"].isprintable()):
        raise SettingsError(f"holder: expected one printable line of at most {HOLDER_LENGTH} characters")


def open_node(module: AnsibleModule, finishing: bool = False) -> tuple[Client, Actor]:
    """A client, and who acts: the run that holds the lease, or a person without one.

    :param finishing: what was begun is being ended, which may be done whatever the policy says by now.
    """
    params = module.params
    duration = 0
    if params["token"] is not None:
        client, policy = open_cluster(module, finishing)
        if policy.monitor_only and not finishing:
            raise MonitorOnly(
                "the cluster's ConfigMap self-healing-config sets monitor_only, so nothing is written: its owner has to"
                " lift it"
                if policy.braked
                else "policy.monitor_only is on, so nothing is written: set it to false to heal"
            )
        duration = policy.lease_duration
    else:
        client = connect(module)
        identify(client, params["cluster_uid"])
    return client, Actor(
        cluster_uid=params["cluster_uid"],
        node=params["node"],
        node_uid=params["node_uid"] or _uid_of(client, params["node"]),
        holder=params["holder"] or _somebody(),
        token=params["token"],
        lease_duration=duration,
        incident=params["incident"] or "",
    )


def _uid_of(client: Client, node: str) -> str:
    try:
        return str(client.get(f"/api/v1/nodes/{node}").body["metadata"]["uid"])
    except NotFound:
        raise NodeGone(f"node {node} is not in this cluster") from None


def _somebody() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        # A container may run under a user that has no name.
        return socket.gethostname()


@contextmanager
def signals() -> Iterator[threading.Event]:
    """Set by a signal that wants this process to end. Nothing more is begun then, and the result says what was."""
    event = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_args: event.set()) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
