# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Names that come from a cluster or from a person, checked before anything is done with them."""

from __future__ import annotations

import hashlib
import re

# Kubernetes limits the length of the whole name only, not of its labels.
_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
MAX_NAME = 253
# The namespace that everything of ours is in, and the ConfigMap in it with the settings of the cluster's owner.
NAMESPACE = "self-healing"
CONFIG_MAP = "self-healing-config"
# A person's word on an incident, which lets one repair begin.
APPROVED = "selfheal.kubernetes/approved"


class InvalidName(ValueError):
    """A name that is not an RFC 1123 subdomain; the message is one line that says so."""


class NoSuchNode(InvalidName):
    """The name of a node that the cluster does not have."""


def check_name(what: str, name: object) -> str:
    """The name itself when it is an RFC 1123 subdomain of at most 253 characters.

    :param what: what it is the name of, for the message.
    :raises InvalidName: for anything else.
    """
    if isinstance(name, str) and len(name) <= MAX_NAME and _SUBDOMAIN.fullmatch(name):
        return name
    shown = repr(name)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    raise InvalidName(
        f"{what} {shown} is not valid: expected an RFC 1123 subdomain"
        " (lower-case letters, digits, '-' and '.', at most 253 characters)"
    )


def check_node_name(name: object) -> str:
    """The name itself when it is a valid node name.

    :raises InvalidName: for anything else.
    """
    return check_name("node name", name)


def incident_name(node: str, ordinal: int) -> str:
    """The name of the n-th incident of a node; the same for every healer, so that only one can create it."""
    suffix = f"-{ordinal}"
    if len(node) + len(suffix) <= MAX_NAME:
        return node + suffix
    digest = hashlib.sha256(node.encode()).hexdigest()[:8]
    return f"{node[: MAX_NAME - len(suffix) - 9].rstrip('.-')}-{digest}{suffix}"
