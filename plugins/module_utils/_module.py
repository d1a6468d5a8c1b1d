# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What the modules have in common: their connection options, and errors turned into one line."""

from __future__ import annotations

import os
import traceback
import typing as t
from collections.abc import Callable, Mapping

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import policy_source
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer, Client, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import EtcdAccess, etcd_access
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import BundleError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import HostError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.machine import MachineError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, NoSuchNode
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import PolicyError, parse_policy
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

# Longer ones would outlive the lease under which a write was begun.
DEADLINE_RANGE = (1, 60)


def connection_spec(cluster_uid_required: bool) -> dict[str, t.Any]:
    """The options of the documentation fragments ``_connection`` and ``_identity``."""

    def option(name: str, **kwargs: t.Any) -> dict[str, t.Any]:
        return {"type": "str", "fallback": (env_fallback, [name]), **kwargs}

    return {
        "kubeconfig": option("K8S_AUTH_KUBECONFIG", type="path"),
        "context": option("K8S_AUTH_CONTEXT"),
        "host": option("K8S_AUTH_HOST"),
        "api_key": option("K8S_AUTH_API_KEY", no_log=True),
        "ca_cert": option("K8S_AUTH_SSL_CA_CERT", type="path"),
        "validate_certs": option("K8S_AUTH_VERIFY_SSL", type="bool", default=True),
        "request_deadline": {"type": "int", "default": 30},
        "etcd_endpoints": {"type": "list", "elements": "str"},
        "etcd_ca_cert": {"type": "path"},
        "etcd_client_cert": {"type": "path"},
        "etcd_client_key": {"type": "path", "no_log": False},
        "cluster_uid": {"type": "str", "required": cluster_uid_required},
        "policy": {"type": "dict", "default": {}},
    }


def lease_spec() -> dict[str, t.Any]:
    """The options of the documentation fragment ``selfheal.kubernetes._lease``."""
    return {
        "holder": {"type": "str", "required": True},
        "token": {"type": "int", "required": True, "no_log": False},
    }


def check_range(name: str, value: int, limits: tuple[int, int]) -> None:
    """Refuse seconds beyond their limits, which are included.

    :raises SettingsError: with the range and what was given.
    """
    if not limits[0] <= value <= limits[1]:
        raise SettingsError(f"{name}: expected seconds from {limits[0]} to {limits[1]}, got {value}")


def connect(module: AnsibleModule) -> Client:
    """A client made from the module's options. Nothing is sent yet."""
    params = module.params
    check_range("request_deadline", params["request_deadline"], DEADLINE_RANGE)
    return Client(
        Settings(
            kubeconfig=params["kubeconfig"] or None,
            context=params["context"] or None,
            host=params["host"] or None,
            api_key=params["api_key"] or None,
            ca_cert=params["ca_cert"] or None,
            validate_certs=params["validate_certs"],
            deadline=float(params["request_deadline"]),
            etcd=_etcd_of(module),
        )
    )


def _etcd_of(module: AnsibleModule) -> EtcdAccess | None:
    names = ("etcd_endpoints", "etcd_ca_cert", "etcd_client_cert", "etcd_client_key")
    return etcd_access(*(module.params.get(name) for name in names))


def policy_of(module: AnsibleModule) -> Policy:
    """The policy made from the module's options alone."""
    return parse_policy(module.params["policy"])


def open_cluster(module: AnsibleModule, finishing: bool = False) -> tuple[Client, Policy]:
    """A client, and the policy as the module's options and the cluster's ConfigMap make it.

    :param finishing: what was begun is being written down to its end, see ``policy_source``.
    """
    parse_policy(module.params["policy"])
    client = connect(module)
    policy = policy_source.policy_of(client, module.params["policy"], module.params["cluster_uid"], finishing)
    return client, policy


def look_at_cluster(module: AnsibleModule) -> tuple[Client, Policy]:
    """The same for a module that only looks, for which an API server that does not answer is something to tell."""
    try:
        return open_cluster(module)
    except (Unauthorized, Unreachable) as exc:
        return SilentClient(exc, _etcd_of(module)), policy_of(module)


class SilentClient(Client):
    """A client of an API server that has not answered: it says so again, without waiting for it again."""

    def __init__(self, why: ClusterError, etcd: EtcdAccess | None = None) -> None:
        self._why = why
        self.etcd = etcd

    def get(self, path: str, query: Mapping[str, t.Any] | None = None) -> Answer:
        """Say why there is no answer."""
        raise self._why


def check_known_nodes(names: list[str], snapshot: Snapshot) -> None:
    """Refuse the name of a node that the cluster does not have.

    :raises NoSuchNode: naming each of them. Nothing is said about nodes that could not be read.
    """
    missing = [name for name in names if snapshot.nodes is not None and snapshot.node(name) is None]
    if missing:
        raise NoSuchNode(f"no such node in this cluster: {', '.join(missing)}")


def run(module: AnsibleModule, body: Callable[[], dict[str, t.Any]]) -> t.NoReturn:
    """Run a module's body and end the module with its result, or with one clear line."""
    try:
        module.exit_json(**body())
    except (BundleError, ClusterError, PolicyError, HostError, InvalidName, MachineError) as exc:
        module.fail_json(msg=printable(str(exc)), error_class=type(exc).__name__, **getattr(exc, "details", {}))
    except Exception as exc:
        # Nobody at 3 a.m. reads a traceback, and whoever mends it needs no more than this.
        place = traceback.extract_tb(exc.__traceback__)[-1]
        module.fail_json(
            msg=printable(
                f"a mistake in selfheal.kubernetes, please report it: {type(exc).__name__}: {exc}"
                f" ({os.path.basename(place.filename)}, line {place.lineno})"
            ),
            error_class="Bug",
        )
    raise AssertionError("a module has ended before it gets here")
