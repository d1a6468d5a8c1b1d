# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""identity: a healer that does not know which cluster it should be in repairs nothing."""

from __future__ import annotations

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards._base import Candidate, Guard, Situation


def _objection(candidate: Candidate, situation: Situation) -> str | None:
    seen, expected = situation.snapshot.cluster_uid, situation.expected_uid
    if not expected:
        return (
            f"the expected cluster is not named; this one is {seen}:"
            " set cluster_uid (selfheal_cluster_uid for the playbooks) to that if it is the right one"
        )
    if seen != expected:
        return f"this is cluster {seen}, expected {expected}"
    return None


GUARD = Guard("identity", "Only the cluster whose kube-system UID was named is repaired.", _objection)
