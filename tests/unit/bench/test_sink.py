# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import sink
from bench.meter import Meter


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def get(connection: http.client.HTTPConnection, url: str) -> None:
    connection.request("GET", url, headers={"Accept": "application/json", "X-Page": "1"})
    connection.getresponse().read()


@pytest.mark.parametrize(
    ("url", "screening"),
    [
        ("/api/v1/pods?limit=5000", True),
        ("/api/v1/pods?limit=5000&includeObject=None&continue=abc", True),
        ("/api/v1/pods", True),
        ("/api/v1/pods?fieldSelector=status.phase%3DPending", False),
        ("/api/v1/pods?labelSelector=a%3Db", False),
        ("/api/v1/namespaces/kube-system/pods?limit=500", False),
        ("/api/v1/nodes?limit=500", False),
    ],
)
def test_only_pages_of_all_pods_are_the_screening(url: str, screening: bool) -> None:
    assert sink.is_screening(url) is screening


def test_lanes_without_a_page_of_the_screening_are_left_out() -> None:
    page = ("/api/v1/pods?limit=5", [("Accept", "a")])
    assert sink.screening_only([[("/api/v1/nodes", []), page], [("/version", [])]]) == [[page]]


def test_every_connection_is_a_lane_with_its_requests_in_order(server: str) -> None:
    first, second = http.client.HTTPConnection(server), http.client.HTTPConnection(server)
    with sink.recorded(server) as lanes:
        get(first, "/a")
        get(second, "/b")
        get(first, "/c")
    assert [[url for url, _headers in lane] for lane in lanes] == [["/a", "/c"], ["/b"]]
    headers = dict(lanes[0][0][1])
    assert headers["Host"] == server and headers["X-Page"] == "1" and headers["Accept-Encoding"] == "identity"


def test_other_servers_are_not_recorded_and_nothing_is_once_it_is_over(server: str) -> None:
    connection = http.client.HTTPConnection(server)
    with sink.recorded("127.0.0.1:1") as lanes:
        get(connection, "/a")
    assert lanes == []
    with sink.recorded(server) as lanes:
        pass
    get(connection, "/b")
    assert lanes == []


def test_an_observation_that_writes_is_caught(server: str) -> None:
    connection = http.client.HTTPConnection(server)
    with sink.recorded(server), pytest.raises(AssertionError, match="only reads"):
        connection.request("POST", "/a", body=b"{}")


def test_what_was_recorded_can_be_kept_by_its_owner_alone(tmp_path: Path) -> None:
    lanes = [[("/a?x=1", [("Host", "h"), ("Authorization", "Bearer t")])], [("/b", [])]]
    path = tmp_path / "requests.json"
    sink.save(lanes, path)
    assert sink.load(path) == lanes
    assert path.stat().st_mode & 0o077 == 0


def test_the_head_of_a_list_tells_whether_there_is_more() -> None:
    more = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"eyJ2In0","remainingItem'
    last = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"'
    found = sink._CONTINUE.search(more)
    assert found and found.group(1) == b"eyJ2In0"
    assert sink._CONTINUE.search(last) is None


def test_a_meter_counts_work_and_memory_from_its_beginning() -> None:
    import os

    meter = Meter(os.getpid())
    meter.begin()
    held = bytearray(50_000_000)
    held[::4096] = b"x" * len(held[::4096])
    del held
    sum(number * number for number in range(200_000))
    use = meter.end()
    assert 0.001 < use.cpu < 30
    assert 45 < use.growth < 500
    meter.begin()
    assert meter.end().growth < 45
