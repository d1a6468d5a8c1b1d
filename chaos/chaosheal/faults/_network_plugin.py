# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of a node's network plugin, and whether kubelet finds the node without a network."""

from __future__ import annotations

from chaosheal.model import Look, Target, api

FOLDER = "/etc/cni/net.d"
# The container runtime watches the folder itself, so that one stays where it is.
ASIDE = "/etc/cni/chaosheal"


def without_network(target: Target) -> Look:
    """Whether the API server has it from kubelet that new pods have no network there."""
    told = "jsonpath={.status.conditions[?(@.type=='Ready')].message}"
    return Look(api("get", "node", target.node, "-o", told), says="NetworkReady=false|NetworkPluginNotReady|cni")
