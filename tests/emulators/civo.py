# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Civo's API of instances, version 2, as its documentation tells it, with faults, by hand or over HTTP.

What is emulated: ``GET /v2/instances/:id``, ``POST /v2/instances/:id/reboots``, ``/hard_reboots`` and
``/soft_reboots``, the bearer token, the region as a parameter, ``{"result": "success"}``, and errors that may or may
not be JSON. How long a status REBOOTING lasts, and how an error of the API looks inside, is not documented: tests try
what is worst.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators.listening import Reply, listening

TOKEN = "civo-token-of-a-test-0123456789"
REGION = "LON1"
INSTANCE = "779d651a-8e10-4019-9cc0-448451d16157"

# What may happen to one request: each does or does not do what it was asked for, and says something or nothing.
OK = "ok"
BUSY = "429"
BUSY_FOR_LONG = "429 for an hour"
BROKEN_BEFORE = "500, nothing done"
BROKEN_AFTER = "500, and done"
GATEWAY_AFTER = "502 of a gateway, and done"
SILENT_BEFORE = "no answer in time, nothing done"
SILENT_AFTER = "no answer in time, and done"
LOST_BEFORE = "connection closed, nothing done"
LOST_AFTER = "connection closed, and done"
GARBLED_AFTER = "200 with half an answer, and done"
FAULTS = (
    OK,
    BUSY,
    BUSY_FOR_LONG,
    BROKEN_BEFORE,
    BROKEN_AFTER,
    GATEWAY_AFTER,
    SILENT_BEFORE,
    SILENT_AFTER,
    LOST_BEFORE,
    LOST_AFTER,
    GARBLED_AFTER,
)
HARMLESS = (OK, BUSY)


@dataclass(frozen=True)
class Answer:
    """What a request gets; a status of 0 is none at all, and 1 one that does not come in time."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Cloud:
    """One instance, and a plan of what happens to the requests.

    :param faults: of the next requests, one each; all are well afterwards.
    :param reads: whether requests that only read have faults, too.
    :param busy: seconds for which the instance is REBOOTING; 0 is the worst, since nobody can see it.
    :param effect: called at each reboot.
    :param off: whether the instance is switched off, until it is rebooted.
    """

    def __init__(
        self,
        faults: tuple[str, ...] = (),
        reads: bool = False,
        busy: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        effect: Callable[[], object] = lambda: None,
        off: bool = False,
    ) -> None:
        self.off = off
        self.faults = list(faults)
        self.reads = reads
        self.reboots = 0
        self.kinds: list[str] = []
        self.requests: list[str] = []
        self._busy = busy
        self._until = 0.0
        self._clock = clock
        self._effect = effect
        self._lock = threading.Lock()

    @property
    def status(self) -> str:
        return "SHUTOFF" if self.off else "REBOOTING" if self._clock() < self._until else "ACTIVE"

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """What a request comes to."""
        with self._lock:
            self.requests.append(f"{method} {target.partition('?')[0]}")
            fault = self.faults.pop(0) if self.faults and (self.reads or method == "POST") else OK
        if fault == BUSY:
            return Answer(429, b"slow down", {"Retry-After": "1"})
        if fault == BUSY_FOR_LONG:
            return Answer(429, b"slow down", {"Retry-After": "3600"})
        if fault == BROKEN_BEFORE:
            return Answer(500, b"<html>Internal Server Error</html>")
        if fault == SILENT_BEFORE:
            return Answer(1)
        if fault == LOST_BEFORE:
            return Answer(0)
        done = self._do(method, target, headers, body)
        return {
            BROKEN_AFTER: Answer(500, b'{"reason": "it broke"}'),
            GATEWAY_AFTER: Answer(502, b"<html>Bad Gateway</html>"),
            SILENT_AFTER: Answer(1),
            LOST_AFTER: Answer(0),
            GARBLED_AFTER: Answer(200, b'{"result": "succ'),
        }.get(fault, done)

    def _do(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        given = parse_qs(parts.query) | parse_qs(body.decode())
        if {name.lower(): value for name, value in headers.items()}.get("authorization") != f"bearer {TOKEN}":
            return Answer(401, b'{"reason": "the token %s is not known"}' % TOKEN[::-1].encode())
        if given.get("region") != [REGION]:
            return Answer(403, b'{"code": "region_unavailable", "reason": "the region is not yours"}')
        words = parts.path.strip("/").split("/")
        if words[:3] != ["v2", "instances", INSTANCE]:
            return Answer(404, b"Not found")
        if method == "GET" and len(words) == 3:
            told: dict[str, Any] = {"id": INSTANCE, "hostname": "node-1", "status": self.status, "region": REGION}
            return Answer(200, json.dumps(told).encode())
        if method == "POST" and words[3:] in (["reboots"], ["hard_reboots"], ["soft_reboots"]):
            with self._lock:
                self.off = False
                self.reboots += 1
                self.kinds.append(words[3])
                self._until = self._clock() + self._busy
            self._effect()
            return Answer(200, b'{"result": "success"}')
        return Answer(404, b"Not found")


@contextmanager
def serve(cloud: Cloud, silence: float = 3.0) -> Iterator[str]:
    """The cloud over HTTP on this machine; its address.

    :param silence: seconds that an answer which does not come in time takes.
    """

    def reply(method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        answer = cloud.answer(method, target, headers, body)
        if answer.status == 1:
            time.sleep(silence)
        return Reply(answer.status, answer.headers, answer.body) if answer.status > 1 else None

    with listening(reply) as url:
        yield url
