# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What requests have in common that may have one effect at most: how they end without an answer, and their waits."""

from __future__ import annotations

import random

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import ClusterError


class ReplyLost(ClusterError):
    """It was asked for, no answer came, and nothing shows whether it was obeyed."""


class NotSent(Exception):
    """The request never left, so nothing was done."""


class NoReply(Exception):
    """It may have been sent, and no answer came, or not all of it."""


def delay(tries: int) -> float:
    """Seconds to wait after so many tries, each time about twice as long, up to 8; not the same for all who wait."""
    return min(0.5 * 2.0 ** min(tries, 5), 8.0) * random.uniform(0.75, 1.25)
