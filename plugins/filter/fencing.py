# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.drivers import FENCERS, unnamed
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import domain_power as power_of
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.fencing import objection_to_machine


def domain_power(state: object) -> str:
    """What libvirt's word for the state of a domain says of its power."""
    return power_of(str(state))


def fence_machine(
    given: Mapping[str, t.Any], name: str, node_provider_id: str, node_system_uuid: str = "", told: str = ""
) -> dict[str, t.Any]:
    """Whether the machine that a driver means is the node's, and whether the driver can be asked for that."""
    driver = FENCERS.get(str(name))
    why = unnamed(str(name), given, node_provider_id, "fence")
    return {
        "objection": objection_to_machine(why, str(told).strip(), str(node_system_uuid)) or "",
        "tells": bool(why) and driver is not None and driver.tells_uuid,
    }


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Name to filter."""
        return {"domain_power": domain_power, "fence_machine": fence_machine}
