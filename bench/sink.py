# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests as they went out, and their replay by a client that looks at nothing: the floor for any client."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

BUFFER_BYTES = 1 << 20
PODS = "/api/v1/pods"
# A list begins with its metadata.
_CONTINUE = re.compile(rb'"continue":\s*"([^"]+)"')

# The requests of one connection, one after the other: URL and headers.
Lane = list[tuple[str, list[tuple[str, str]]]]


def is_screening(url: str) -> bool:
    """Whether a request is a page of the list of all pods, and not a look at some of them."""
    parts = urlsplit(url)
    return parts.path == PODS and not {"fieldSelector", "labelSelector"} & set(parse_qs(parts.query))


def screening_only(lanes: Sequence[Lane]) -> list[Lane]:
    """Only the pages of the list of all pods."""
    kept = [[one for one in lane if is_screening(one[0])] for lane in lanes]
    return [lane for lane in kept if lane]


@contextmanager
def recorded(host: str) -> Iterator[list[Lane]]:
    """Record every request that this process sends to that host and port, a lane for each connection."""
    connection_class: Any = http.client.HTTPConnection
    originals = connection_class.putrequest, connection_class.putheader
    lanes: dict[int, Lane] = {}
    kept: list[Any] = []  # so that no id is used twice
    lock = threading.Lock()
    told: list[Lane] = []

    def putrequest(self: Any, method: str, url: str, *args: Any, **options: Any) -> None:
        if f"{self.host}:{self.port}" == host:
            if method != "GET":
                raise AssertionError(f"an observation only reads, and this is {method} {url}")
            with lock:
                if id(self) not in lanes:
                    kept.append(self)
                    told.append(lanes.setdefault(id(self), []))
            lanes[id(self)].append((url, []))
        originals[0](self, method, url, *args, **options)

    def putheader(self: Any, header: Any, *values: Any) -> None:
        if id(self) in lanes:
            text = [part if isinstance(part, str) else bytes(part).decode("latin-1") for part in (header, *values)]
            lanes[id(self)][-1][1].append((text[0], ", ".join(text[1:])))
        originals[1](self, header, *values)

    connection_class.putrequest, connection_class.putheader = putrequest, putheader
    try:
        yield told
    finally:
        connection_class.putrequest, connection_class.putheader = originals


def save(lanes: Sequence[Lane], path: Path) -> None:
    """Keep recorded requests; they hold a token, so the file is for its owner."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(lanes), encoding="utf-8")


def load(path: Path) -> list[Lane]:
    """Recorded requests."""
    lanes = json.loads(path.read_text(encoding="utf-8"))
    return [[(url, [tuple(pair) for pair in headers]) for url, headers in lane] for lane in lanes]


class Sink:
    """Sends requests on keep-alive connections, and reads the answers without a look."""

    def __init__(self, server: str, ca: str) -> None:
        self._host = urlsplit(server).netloc
        self._context = ssl.create_default_context(cafile=ca)

    def replay(self, lanes: Sequence[Lane]) -> dict[str, int]:
        """Every lane in a thread of its own; bytes of the answers, those of the screening among them."""

        def run(lane: Lane) -> list[tuple[str, int]]:
            connection = self._connection()
            return [(url, self._get(connection, url, headers)[0]) for url, headers in lane]

        with ThreadPoolExecutor(len(lanes)) as pool:
            seen = [one for done in pool.map(run, lanes) for one in done]
        return {
            "requests": len(seen),
            "bytes": sum(count for _url, count in seen),
            "screening_bytes": sum(count for url, count in seen if is_screening(url)),
        }

    def full_list(self, token: str, limit: int) -> dict[str, int]:
        """Every pod in full, page after page."""
        connection, more = self._connection(), ""
        headers = [("Host", self._host), ("Accept", "application/json"), ("Authorization", f"Bearer {token}")]
        requests = whole = 0
        while requests == 0 or more:
            url = f"{PODS}?limit={limit}" + (f"&continue={more}" if more else "")
            count, head = self._get(connection, url, headers)
            requests, whole = requests + 1, whole + count
            found = _CONTINUE.search(head)
            more = found.group(1).decode() if found else ""
        return {"requests": requests, "bytes": whole}

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, timeout=300, context=self._context)

    def _get(
        self, connection: http.client.HTTPSConnection, url: str, headers: Sequence[tuple[str, str]]
    ) -> tuple[int, bytes]:
        connection.putrequest("GET", url, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        buffer = bytearray(BUFFER_BYTES)
        count = answer.readinto(buffer)
        head, whole = bytes(buffer[:2000]), count
        while count:
            count = answer.readinto(buffer)
            whole += count
        # What an observation may do without is refused to the sink as well.
        if answer.status not in (200, 403, 404):
            raise RuntimeError(f"{url}: HTTP {answer.status} {head[:300]!r}")
        return whole, head
