# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that is short of process numbers."""

from __future__ import annotations

from chaosheal.faults._pressure import pressed

FAULT = pressed(
    "pid_pressure",
    "pid.available",
    # There are millions of numbers, of which a node uses some hundreds.
    "99.999%",
    "PIDPressure",
    "kubelet takes the node for short of process numbers; nothing is used up",
)
