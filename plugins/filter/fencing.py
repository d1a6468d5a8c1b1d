# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import domain_power as power_of


def domain_power(state: object) -> str:
    """What libvirt's word for the state of a domain says of its power."""
    return power_of(str(state))


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {"domain_power": domain_power}
