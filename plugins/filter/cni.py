# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import (
    CniError,
    host_network,
    host_trouble,
    provider_named,
)


def cni_host(text: str, provider: str, folder: str) -> dict[str, t.Any]:
    """What is wrong with a host's network configuration and programs, as the role's look has printed them."""
    try:
        wanted = provider_named(str(provider))
    except CniError as exc:
        raise AnsibleFilterError(str(exc)) from None
    try:
        seen = host_network(str(text), str(folder).rstrip("/"))
    except CniError:
        return {"readable": False, "trouble": []}
    return {"readable": True, "trouble": host_trouble(seen, wanted)}


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {"cni_host": cni_host}
