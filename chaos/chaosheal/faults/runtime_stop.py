# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container runtime does not run; containers live on in their shims."""

from __future__ import annotations

from chaosheal.faults._processes import absent
from chaosheal.model import Fault, inside

FAULT = Fault(
    name="runtime_stop",
    about="containerd is stopped, and its unit disabled; containers live on in their shims",
    inject=lambda target, params: (inside("systemctl disable --now containerd"),),
    undo=lambda target, params: (inside("systemctl enable --now containerd && systemctl start kubelet"),),
    effect=lambda target, params: absent("containerd"),
)
