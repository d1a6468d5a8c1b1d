# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodePIDPressure: the kubelet is short of process ids.

Nothing is done about it: the processes are those of pods, which the kubelet evicts by itself.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import pressure_check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy

PRESSURE = "KubeletHasInsufficientPID"
UNCLEAR = "PIDPressureUnknown"

CHECK = pressure_check(
    name="NodePIDPressure",
    about="The node has process ids to give.",
    condition="PIDPressure",
    reason=PRESSURE,
    unclear=UNCLEAR,
    remedy=Remedy.NONE,
)
