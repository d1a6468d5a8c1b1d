# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A healer that has lost its rights."""

from __future__ import annotations

from chaosheal.model import Fault, Look, api

_HEALER = "system:serviceaccount:self-healing:selfheal-healer"
_BINDING = ("patch", "clusterrolebinding", "selfheal-healer", "--type", "json", "-p")

FAULT = Fault(
    name="credentials_revoked",
    about="the healer's rights in the cluster are given to nobody, so that it is refused with 403",
    inject=lambda target, params: (
        api(*_BINDING, '[{"op": "replace", "path": "/subjects/0/name", "value": "chaosheal-nobody"}]'),
    ),
    undo=lambda target, params: (
        api(*_BINDING, '[{"op": "replace", "path": "/subjects/0/name", "value": "selfheal-healer"}]'),
    ),
    # Exit status 1 is its word for no.
    effect=lambda target, params: Look(
        api("auth", "can-i", "create", "incidents", "--as", _HEALER, may_fail=True), says="^no"
    ),
)
