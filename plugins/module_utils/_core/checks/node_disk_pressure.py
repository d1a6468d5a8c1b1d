# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""NodeDiskPressure: the kubelet is short of disk space or inodes, and its own cleaning has not helped for long.

The kubelet collects images and evicts pods first. What is left after half an hour are files that no pod owns, some of
which a reboot frees; it is never a reason to replace the machine.
"""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks._pressure import pressure_check
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Remedy

PRESSURE = "KubeletHasDiskPressure"
UNCLEAR = "DiskPressureUnknown"

CHECK = pressure_check(
    name="NodeDiskPressure",
    about="The node has enough disk space and inodes.",
    condition="DiskPressure",
    reason=PRESSURE,
    unclear=UNCLEAR,
    remedy=Remedy.REBOOT,
)
