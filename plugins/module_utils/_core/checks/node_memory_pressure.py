# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeMemoryPressure: the kubelet is short of memory.

Nothing is done about it: the kubelet evicts pods by itself, the memory is theirs, and a reboot would only bring them
to another node, which runs short next.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import pressure_check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy

PRESSURE = "KubeletHasInsufficientMemory"
UNCLEAR = "MemoryPressureUnknown"

CHECK = pressure_check(
    name="NodeMemoryPressure",
    about="The node has enough memory.",
    condition="MemoryPressure",
    reason=PRESSURE,
    unclear=UNCLEAR,
    remedy=Remedy.NONE,
)
