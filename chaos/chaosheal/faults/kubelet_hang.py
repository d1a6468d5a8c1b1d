# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubelet is there and does nothing, which systemd calls active."""

from __future__ import annotations

from chaosheal.faults._processes import hung

FAULT = hung("kubelet_hang", "kubelet", "kubelet's process stands still, while systemd says that it is active")
