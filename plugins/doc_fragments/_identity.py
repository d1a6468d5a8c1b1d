# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The cluster's identity, for modules that only look and for modules that write."""

    DOCUMENTATION = r"""
options:
  cluster_uid:
    description:
      - The UID of namespace C(kube-system) in the cluster that is meant.
      - If another cluster answers, the module fails before it reads or writes anything else.
    type: str
"""

    REQUIRED = r"""
options:
  cluster_uid:
    description:
      - The UID of namespace C(kube-system) in the cluster that is meant, as RV(selfheal.kubernetes.cluster_health_info#module:cluster_uid) gives it.
      - If another cluster answers, the module fails before it reads or writes anything else.
    type: str
    required: true
"""
