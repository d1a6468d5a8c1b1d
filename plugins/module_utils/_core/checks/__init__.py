# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The registry of checks: a new check is one file here and one line in CHECKS."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import node_heartbeat, node_ready

CHECKS = (node_ready.CHECK, node_heartbeat.CHECK)
