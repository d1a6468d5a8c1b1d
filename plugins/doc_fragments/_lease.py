# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The lease that a writing module must hold, or may hold."""

    DOCUMENTATION = r"""
options:
  holder:
    description:
      - The name under which the cluster's lease is held, as RV(selfheal.kubernetes.remediation_lease#module:holder) gives it.
    type: str
    required: true
  token:
    description:
      - The fencing token, as RV(selfheal.kubernetes.remediation_lease#module:token) gives it.
      - If the lease has passed to somebody else, the module fails and writes nothing.
    type: int
    required: true
"""

    OPTIONAL = r"""
options:
  holder:
    description:
      - The name under which the cluster's lease is held, as RV(selfheal.kubernetes.remediation_lease#module:holder) gives it.
      - Without O(token), any name of whoever does this, which people read on the node. The user's and the host's if not set.
    type: str
  token:
    description:
      - The fencing token, as RV(selfheal.kubernetes.remediation_lease#module:token) gives it. Needs O(holder) and O(node_uid).
      - If the lease has passed to somebody else, the module fails and writes nothing more. It is renewed all the while.
      - If not set, no lease is asked for. That is for people who do this by hand, with their own rights.
    type: int
"""
