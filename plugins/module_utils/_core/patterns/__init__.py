# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The registry of patterns: a new pattern is one file here and one line in PATTERNS.

The first one to claim an object wins. The order goes from what makes all the rest doubtful to what is true of one node
alone: a control plane in trouble makes nodes seem lost that are not; a zone is a narrower and surer answer than the
network, which leaves to it what it explains; storage and missing resources are causes, a cascade is how they spread;
and a node that flaps for any of those reasons is told by that reason.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns import (
    cascading_failure,
    control_plane_brownout,
    flapping,
    network_partition,
    resource_exhaustion,
    storage_trouble,
    zone_outage,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.patterns._base import Pattern

PATTERNS: tuple[Pattern, ...] = (
    control_plane_brownout.PATTERN,
    zone_outage.PATTERN,
    network_partition.PATTERN,
    storage_trouble.PATTERN,
    resource_exhaustion.PATTERN,
    cascading_failure.PATTERN,
    flapping.PATTERN,
)
