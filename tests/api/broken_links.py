# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients whose connection breaks at the moment that hurts most."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client


class LosesReplies(Client):
    """A client whose connection breaks after the server has done what it was asked, at the writes that are named."""

    def __init__(self, *arguments: Any, lose: tuple[str, str]) -> None:
        super().__init__(*arguments)
        self._lose = lose
        self.lost = 0

    def _send(self, method: str, path: str, *rest: Any) -> Any:
        answer = super()._send(method, path, *rest)
        if self._lose == (method, path) and self.lost == 0:
            self.lost += 1
            assert answer[0] < 300, answer
            raise client_module._BrokenConnection("the reply was lost")
        return answer


class LosesRequests(LosesReplies):
    """A client whose connection breaks before the server has heard anything."""

    def _send(self, method: str, path: str, *rest: Any) -> Any:
        if self._lose == (method, path):
            self.lost += 1
            raise client_module._BrokenConnection("the request was lost")
        return super()._send(method, path, *rest)
