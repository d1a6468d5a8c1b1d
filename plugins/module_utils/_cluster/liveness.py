# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Whether the API server answers at all, asked for some seconds before anybody takes it for dead."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, explain
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import one_line

PAUSE = 2.0
ASK_SECONDS = 8.0


@dataclass(frozen=True)
class Liveness:
    """What became of it.

    :ivar answers: it is live, or it refuses us, which no dead server does.
    :ivar trouble: what it said last instead of being live, empty if it is.
    """

    answers: bool
    trouble: str


def watch(
    client: Client,
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Liveness:
    """Ask for ``/livez`` until it is live, and at least once.

    :param seconds: for how long.
    """
    end = monotonic() + seconds
    while True:
        trouble = ""
        try:
            raw = client.ask("/livez", None, ASK_SECONDS)
        except Unreachable as exc:
            trouble = one_line(exc)
        else:
            if raw.status == 200:
                return Liveness(True, "")
            trouble = explain("GET", "/livez", raw.status, raw.data)
            if raw.status in (401, 403):
                return Liveness(True, trouble)
        if monotonic() + PAUSE >= end:
            return Liveness(False, trouble)
        sleep(PAUSE)


def authority(client: Client) -> str:
    """The certificates by which the cluster is known to us, in PEM; empty if it is none of the cluster's own."""
    data = base64.b64decode(client.cluster_entry().get("certificate-authority-data", ""))
    # Official files may hold one in DER.
    return data.decode("utf-8", "replace") if not data or b"-BEGIN " in data else ssl.DER_cert_to_PEM_cert(data)
