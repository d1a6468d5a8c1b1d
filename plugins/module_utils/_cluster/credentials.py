# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Credentials with fewer rights than the ones that ask for them."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client


def service_account_kubeconfig(
    client: Client, namespace: str, account: str, seconds: int
) -> tuple[dict[str, Any], str]:
    """A kubeconfig with a new token of a service account, and when the token ends.

    :param seconds: for how long the token is asked for; the cluster may give it for a shorter time.
    """
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    status = client.create(path, request).body["status"]
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": client.cluster_entry()}],
        "users": [{"name": account, "user": {"token": status["token"]}}],
        "contexts": [{"name": account, "context": {"cluster": "cluster", "user": account}}],
        "current-context": account,
    }
    return kubeconfig, status["expirationTimestamp"]
