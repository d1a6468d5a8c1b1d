# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet is killed, which systemd makes good by itself."""

from __future__ import annotations

from chaosheal.faults._processes import younger
from chaosheal.model import Fault, inside

FAULT = Fault(
    name="kubelet_kill",
    about="kubelet is killed once; systemd starts it again",
    inject=lambda target, params: (inside("pkill -KILL -x kubelet"),),
    undo=lambda target, params: (inside("systemctl start kubelet"),),
    effect=lambda target, params: younger("kubelet", 60),
    passes=True,
)
