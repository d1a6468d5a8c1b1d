# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane without its member of etcd."""

from __future__ import annotations

from chaosheal.faults._manifests import lost

FAULT = lost("etcd_loss", "etcd", "the manifest of the member of etcd is gone, and it with it; its data stays")
