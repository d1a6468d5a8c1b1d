# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container runtime is there and does nothing."""

from __future__ import annotations

from chaosheal.faults._processes import stopped
from chaosheal.model import Fault, inside

FAULT = Fault(
    name="runtime_hang",
    about="containerd's process stands still, while systemd says that it is active",
    inject=lambda target, params: (inside("pkill -STOP -x containerd"),),
    undo=lambda target, params: (inside("pkill -CONT -x containerd", may_fail=True),),
    effect=lambda target, params: stopped("containerd"),
    outlives_reboot=False,
)
