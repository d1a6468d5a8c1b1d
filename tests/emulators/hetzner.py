# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hetzner Cloud's API of servers, version 1, as its documentation tells it, with faults, over HTTP.

What is emulated: ``GET /v1/servers/{id}``, ``POST /v1/servers/{id}/actions/reset`` and its action, the bearer token,
and errors as ``{"error": {"code", "message"}}``. That a reset turns on a server that is off ("cuts power to a server
and starts it again") is what we take the documentation for.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.emulators.listening import Reply, listening

TOKEN = "hetzner-token-of-a-test-0123456789"
SERVER = "4711"

# What may happen to the request for a reset: each does or does not do it, and says something or nothing.
OK = "ok"
BUSY = "429"
BROKEN_BEFORE = "500, nothing done"
BROKEN_AFTER = "500, and done"
LOST_AFTER = "connection closed, and done"


def error(code: str, message: str) -> dict[str, Any]:
    """An error as the API words it."""
    return {"error": {"code": code, "message": message, "details": {}}}


class Cloud:
    """One server, and what happens to requests for a reset.

    :param status: the server's, until it is reset.
    """

    def __init__(self, status: str = "running", fault: str = OK) -> None:
        self.status = status
        self.resets = 0
        self.requests: list[str] = []
        self._fault = fault
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What a request comes to: the status, 0 for no answer at all, and the body."""
        with self._lock:
            self.requests.append(f"{method} {path}")
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, error("unauthorized", "unable to authenticate")
        words = path.strip("/").split("/")
        if words[:2] != ["v1", "servers"] or words[3:] not in ([], ["actions", "reset"]):
            return 404, error("not_found", "not found")
        if words[2] != SERVER:
            return 404, error("not_found", f"server with ID '{words[2]}' not found")
        if method == "GET" and not words[3:]:
            return 200, {"server": {"id": int(SERVER), "name": "node-1", "status": self.status}}
        if method != "POST" or not words[3:]:
            return 404, error("not_found", "not found")
        return self._reset()

    def _reset(self) -> tuple[int, dict[str, Any]]:
        if self._fault == BUSY:
            return 429, error("rate_limit_exceeded", "limit of 3600 requests per hour reached")
        if self._fault == BROKEN_BEFORE:
            return 500, error("server_error", "an error occurred")
        with self._lock:
            self.resets += 1
            self.status = "running"
        if self._fault == BROKEN_AFTER:
            return 500, error("server_error", "an error occurred")
        if self._fault == LOST_AFTER:
            return 0, {}
        resources = [{"id": int(SERVER), "type": "server"}]
        action = {"id": 13, "command": "reset_server", "status": "running", "progress": 0, "resources": resources}
        return 201, {"action": {**action, "started": "2026-11-28T14:00:00Z", "finished": None, "error": None}}


@contextmanager
def serve(cloud: Cloud) -> Iterator[str]:
    """The cloud over HTTP on this machine; what to give for its address."""

    def reply(method: str, target: str, headers: dict[str, str], _body: bytes) -> Reply | None:
        status, told = cloud.answer(method, target, {name.lower(): value for name, value in headers.items()})
        return Reply(status, {"Content-Type": "application/json"}, json.dumps(told).encode()) if status else None

    with listening(reply) as url:
        yield f"{url}/v1"
