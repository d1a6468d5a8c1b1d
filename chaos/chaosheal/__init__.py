# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chaos Toolkit extension: faults of nodes and control planes, proven to take effect, taken back whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaoslib.types import Discovery

__all__ = ["__version__", "discover"]
__version__ = "0.1.0"


def discover(discover_system: bool = True) -> Discovery:
    """What this extension has, for ``chaos discover``."""
    # Faults can be listed and taken back where there is no Chaos Toolkit.
    from chaoslib.discovery.discover import discover_actions, discover_probes, initialize_discovery_result

    discovery: Discovery = initialize_discovery_result("chaostoolkit-heal", __version__, "kubernetes")
    discovery["activities"].extend(discover_actions("chaosheal.actions"))
    discovery["activities"].extend(discover_probes("chaosheal.probes"))
    return discovery
