# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""What can go wrong on the way to the API server, as types that a caller can tell apart."""

from __future__ import annotations

from typing import Any


class ClusterError(Exception):
    """Base of the errors of this package; the message is one line for people.

    ``details`` are what a module returns besides.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.details: dict[str, Any] = {}


class SettingsError(ClusterError):
    """The connection is not described well enough to be tried."""


class Unreachable(ClusterError):
    """No answer: refused, timed out, no route, or the server went on failing until the deadline."""


class Unauthorized(ClusterError):
    """The API server does not know who we are (401)."""


class Forbidden(ClusterError):
    """The API server knows us and says no (403)."""


class NotFound(ClusterError):
    """There is no such object, or no such kind of object (404)."""


class Conflict(ClusterError):
    """Somebody else has written the object since it was read, or it exists already (409)."""


class Rejected(ClusterError):
    """The API server refuses the request for a reason of its own (other 4xx)."""


class Expired(Rejected):
    """The rest of a list that was being read in pages is not to be had any more (410)."""


class WrongCluster(ClusterError):
    """The cluster that answered is not the one that was expected."""


class MonitorOnly(ClusterError):
    """The policy forbids every write."""


class LeaseBusy(ClusterError):
    """Another healer holds the cluster's lease."""


class LeaseLost(ClusterError):
    """The lease that this run held has passed to somebody else, or was let go."""


class StoreError(ClusterError):
    """A stored object cannot be read for what it should be; nothing is done on a guess."""


class NotBootstrapped(StoreError):
    """The cluster does not have the kinds or the namespace that the healer's memory needs."""


class DrainBlocked(ClusterError):
    """Pods stand in the way that may not be evicted."""


class DrainTimeout(ClusterError):
    """Pods are left, and the time is over."""


class DrainCancelled(ClusterError):
    """Somebody wants the drain to end: a person has lifted the cordon, or the run is being stopped."""


class NodeGone(ClusterError):
    """The node is not there any more, or another one has its name."""


class NotFenced(ClusterError):
    """The node may not be said to be out of service, or that may not be taken back yet."""


class NotReplaced(ClusterError):
    """The node may not be replaced, its machine not be taken away yet, or no other node has come in its place."""


class NoDevicePlugin(ClusterError):
    """The node has no pod of a device plugin that could be restarted."""


class RestartFailed(ClusterError):
    """What was restarted has not proven itself, or the run is being stopped."""


class NetworkNotFound(ClusterError):
    """The cluster has no network plugin that we know, or several."""


class ManifestRefused(ClusterError):
    """A network plugin's manifest must not be applied to this cluster."""
