# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane without its scheduler."""

from __future__ import annotations

from chaosheal.faults._manifests import lost

FAULT = lost(
    "scheduler_loss",
    "kube-scheduler",
    "the scheduler's manifest is gone, so that no pod finds a node",
    leads=True,
)
