# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against a real HTTP server on a real socket; only the clock and the sleeping are made up."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import client as client_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Authority,
    Clock,
    Reply,
    Request,
    Script,
    Server,
    serving,
)

GOOD = Reply(body={"kind": "Thing"})


def packed(data: bytes) -> bytes:
    """Gzip in chunks."""
    data = gzip.compress(data)
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


# --- repeating reads


@pytest.mark.parametrize(
    "trouble",
    [
        *(
            pytest.param(Reply(status, {"message": "later"}), id=str(status))
            for status in (408, 429, 500, 502, 503, 504)
        ),
        pytest.param(Reply(reset=True), id="reset"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_reads_are_repeated(server: Server, client: Client, clock: Clock, trouble: Reply, times: int) -> None:
    server.answers(*[trouble] * times, GOOD)
    assert client.get("/x").body == {"kind": "Thing"}
    assert len(server.seen) == times + 1
    assert len(clock.slept) == times
    assert all(seconds > 0 for seconds in clock.slept)


@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(Reply(status, {"message": "later"}), id=str(status)) for status in (408, 429, 500, 503, 504)),
        pytest.param(Reply(302, headers={"Location": "/elsewhere"}), id="redirect"),
        pytest.param(Reply(reset=True), id="reset"),
    ],
)
def test_reads_end_at_the_deadline(server: Server, client: Client, clock: Clock, trouble: Reply) -> None:
    server.answers(trouble)
    with pytest.raises(Unreachable) as caught:
        client.get("/x")
    assert "\n" not in str(caught.value)
    assert 20 < clock.now < 30  # tried until the end, and not beyond it
    assert len(clock.slept) < 20
    assert {request.path for request in server.seen} == {"/x"}  # a redirect is not followed


def test_the_pauses_grow_and_are_bounded(server: Server, client: Client, clock: Clock) -> None:
    server.answers(Reply(503))
    with pytest.raises(Unreachable):
        client.get("/x")
    assert clock.slept[0] <= 0.25
    assert 2.0 <= max(clock.slept) <= 4.0


@pytest.mark.parametrize(
    ("header", "at_least"), [("7", 7.0), ("0", 0.1), ("-5", 0.1), ("soon", 0.1), ("nan", 0.1), ("", 0.1)]
)
def test_retry_after(server: Server, client: Client, clock: Clock, header: str, at_least: float) -> None:
    server.answers(Reply(429, headers={"Retry-After": header}), GOOD)
    client.get("/x")
    assert at_least <= clock.slept[0] <= max(at_least, 0.25)


@pytest.mark.parametrize("header", ["3600", "inf", "30"])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    server: Server, client: Client, clock: Clock, header: str
) -> None:
    server.answers(Reply(429, {"message": "too many"}, {"Retry-After": header}))
    with pytest.raises(Unreachable, match="GET /x: HTTP 429 too many"):
        client.get("/x")
    assert (len(server.seen), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(401, Unauthorized, id="401"),
        pytest.param(403, Forbidden, id="403"),
        pytest.param(404, NotFound, id="404"),
        pytest.param(409, Conflict, id="409"),
        pytest.param(400, Rejected, id="400"),
        pytest.param(410, Rejected, id="410"),
        pytest.param(422, Rejected, id="422"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_clear_no_is_not_asked_again(
    server: Server, client: Client, clock: Clock, status: int, error: type[ClusterError], method: str
) -> None:
    server.answers(Reply(status, {"kind": "Status", "message": "no\nway"}, {"Retry-After": "1"}))
    with pytest.raises(error) as caught:
        send(client, method)
    assert caught.type is error
    assert str(caught.value) == f"{method} /x: HTTP {status} no way"
    assert (len(server.seen), clock.slept) == (1, [])


# --- writes


def send(client: Client, method: str) -> Any:
    calls = {
        "GET": lambda: client.get("/x"),
        "POST": lambda: client.create("/x", {"a": 1}),
        "PUT": lambda: client.replace("/x", {"a": 1}),
        "DELETE": lambda: client.delete("/x", "7"),
    }
    return calls[method]().body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(Reply(status, {"message": "?"}), id=str(status)) for status in (408, 500, 502, 503, 504)),
        pytest.param(Reply(reset=True), id="reset"),
        pytest.param(Reply(body=b"<html>"), id="no JSON"),
    ],
)
def test_a_write_whose_fate_is_unknown_is_not_repeated(
    server: Server, client: Client, clock: Clock, method: str, trouble: Reply
) -> None:
    server.answers(trouble, GOOD)
    with pytest.raises(Unreachable):
        send(client, method)
    assert [request.method for request in server.seen] == [method]
    assert clock.slept == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_that_was_not_let_in_is_repeated(server: Server, client: Client, clock: Clock, method: str) -> None:
    server.answers(Reply(429, headers={"Retry-After": "2"}), GOOD)
    assert send(client, method) == {"kind": "Thing"}
    assert [request.method for request in server.seen] == [method] * 2
    assert server.seen[0].body == server.seen[1].body
    assert clock.slept == [2.0]


def test_a_write_over_a_connection_that_died_in_the_pool_is_not_repeated(server: Server, client: Client) -> None:
    server.answers(Reply(headers={"Connection": "keep-alive"}), Reply(reset=True), GOOD)
    client.get("/x")
    with pytest.raises(Unreachable):
        client.create("/x", {})
    assert [request.method for request in server.seen] == ["GET", "POST"]


# --- time-outs and addresses where nobody is


def test_a_server_that_never_answers_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 0.2)
    server.answers(Reply(hang=True))
    client = Client(Settings(host=server.url, api_key="t", deadline=2), clock.sleep, clock)
    with pytest.raises(Unreachable, match=r"Read timed out"):
        client.get("/x")
    assert len(server.seen) > 1


def test_a_hanging_write_is_sent_once(server: Server, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT", 0.2)
    server.answers(Reply(hang=True))
    with pytest.raises(Unreachable):
        Client(Settings(host=server.url, api_key="t"), clock.sleep, clock).create("/x", {})
    assert len(server.seen) == 1


def test_what_is_left_of_the_deadline_limits_a_read(server: Server) -> None:
    server.answers(Reply(hang=True))
    with pytest.raises(Unreachable):  # with the real clock: READ_TIMEOUT alone would be 15 s
        Client(Settings(host=server.url, api_key="t", deadline=0.5)).get("/x")


@pytest.mark.parametrize("what", ["headers", "body", "chunk", "mark"])
def test_a_server_that_drips_cannot_hold_us_up(server: Server, what: str) -> None:
    """Each byte comes well within the time-out of a read, and the last one never."""
    server.answers(Reply(body=b"x" * 60000, drip=what))
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="timed out"):
        Client(Settings(host=server.url, api_key="t", deadline=0.6)).get("/x")
    assert 0.5 < time.monotonic() - begun < 3


def test_a_body_that_is_cut_off_is_read_again(server: Server, client: Client) -> None:
    server.answers(Reply(body={"kind": "x" * 5000}, cut=True), GOOD)
    assert client.get("/x").body == {"kind": "Thing"}
    assert len(server.seen) == 2


def test_nobody_listens(clock: Clock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        client = Client(Settings(host=f"http://127.0.0.1:{port}", api_key="t"), clock.sleep, clock)
        with pytest.raises(Unreachable) as caught:
            client.get("/x")
    assert str(caught.value).startswith(f"http://127.0.0.1:{port}: ")
    assert "refused" in str(caught.value) and "\n" not in str(caught.value)


# --- answers


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"{", b"[1, 2]", b'"ok"', b"null", b"\xff\xfe"], ids=repr)
def test_what_is_no_json_object_does_not_come_from_an_api_server(server: Server, client: Client, body: bytes) -> None:
    server.answers(Reply(body=body))
    with pytest.raises(Unreachable, match="^GET /x: the answer is not .*so it does not come from an API server$"):
        client.get("/x")


@pytest.mark.parametrize("body", [b"<html>\n\n" + b"x" * 5000, b"", b"[]", b"\xff\xfe", b'{"message": null}'])
def test_errors_without_a_proper_body_are_one_short_line(server: Server, client: Client, body: bytes) -> None:
    server.answers(Reply(403, body))
    with pytest.raises(Forbidden) as caught:
        client.get("/x")
    assert str(caught.value).startswith("GET /x: HTTP 403")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 350


def test_the_servers_clock(server: Server, client: Client) -> None:
    server.answers(GOOD)
    assert client.get("/x").date == datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 03:00:00 GMT"])
def test_without_a_date_our_own_clock_must_do(server: Server, client: Client, date: str) -> None:
    server.answers(Reply(headers={"Date": date}))
    assert abs(client.get("/x").date - datetime.now(UTC)) < timedelta(minutes=5)


# --- what is sent


def test_the_request(server: Server, client: Client) -> None:
    server.answers(GOOD)
    client.replace("/apis/x/y", {"a": "ü"})
    client.get("/x", {"limit": 5, "continue": "a/b=&c"})
    write, read = server.seen
    assert write.body == {"a": "ü"}
    headers = {name.lower(): value for name, value in write.headers.items()}
    assert headers["authorization"] == "Bearer token-1"
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert headers["user-agent"].startswith("selfheal.kubernetes")
    assert read.query == {"limit": ["5"], "continue": ["a/b=&c"]}
    assert read.body is None


def test_what_is_deleted_is_what_was_read(server: Server, client: Client) -> None:
    server.answers(GOOD)
    client.delete("/apis/x/y", "41")
    (request,) = server.seen
    assert (request.method, request.path) == ("DELETE", "/apis/x/y")
    assert request.body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"resourceVersion": "41"},
    }


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_asking_once(server: Server, client: Client, clock: Clock, status: int) -> None:
    server.answers(Reply(status, b"[-]etcd failed", {"X-More": "1"}))
    raw = client.ask("/readyz", {"verbose": ""})
    assert (raw.status, raw.data, raw.headers["X-More"]) == (status, b"[-]etcd failed", "1")
    assert raw.date == datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert (len(server.seen), clock.slept) == (1, [])


@pytest.mark.parametrize("trouble", [Reply(reset=True), Reply(body=b"x" * 100, cut=True)], ids=["reset", "cut"])
def test_asking_once_without_an_answer(server: Server, client: Client, trouble: Reply) -> None:
    server.answers(trouble)
    with pytest.raises(Unreachable, match=f"^{server.url}: "):
        client.ask("/livez")
    assert len(server.seen) == 1


def test_what_was_sent_and_received_is_counted(server: Server, client: Client) -> None:
    server.answers(Reply(503), Reply(body=b'{"a": "' + b"x" * 100000 + b'"}'))
    client.get("/x")
    client.at(server.url).get("/x")
    assert client.stats.requests == 3
    assert 200000 < client.stats.received < 220000  # the marks between its small chunks count


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(
    ("trust", "token"),
    [
        ("its own CA", "Bearer token-9"),
        ("its own CA, not verified", None),
        ("the system's CAs", None),
        ("nobody", None),
        ("plain HTTP", None),
    ],
)
def test_another_address_of_the_same_cluster(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, trust: str, token: str | None
) -> None:
    """It has our token only if it proves the cluster's own authority; the given one has it in any case."""
    if trust == "the system's CAs":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    tls = authority.server_context()
    with serving(tls) as given, serving(None if trust == "plain HTTP" else tls) as another:
        given.answers(GOOD)
        another.answers(GOOD)
        ca = str(authority.ca_file) if trust in ("its own CA", "its own CA, not verified", "plain HTTP") else None
        verify = trust in ("its own CA", "the system's CAs", "plain HTTP")
        client = Client(Settings(host=given.url, api_key="token-9", ca_cert=ca, validate_certs=verify))
        other = client.at(f"{another.url}/")
        assert other.get("/x").body == {"kind": "Thing"}
        assert (other.server, other.anonymous, bearer(another.seen[0])) == (another.url, token is None, token)
        assert other.verifies == (trust in ("its own CA", "the system's CAs"))
        client.at(f"{given.url}/").get("/x")
        client.get("/x")
        assert {bearer(request) for request in given.seen} == {"Bearer token-9"}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("verify", [True, False])
def test_another_address_and_a_certificate_of_ours(authority: Authority, home: Path, verify: bool) -> None:
    """Both servers want one, so whoever is not shown it gives no answer."""
    with serving(authority.server_context(ask=True)) as given, serving(authority.server_context(ask=True)) as another:
        given.answers(GOOD)
        another.answers(GOOD)
        path = kubeconfig(home / "k.yml", given.url)
        content = json.loads(path.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        cluster["certificate-authority-data"] = base64.b64encode(authority.ca_file.read_bytes()).decode()
        user["client-certificate-data"] = base64.b64encode(authority.certificate).decode()
        user["client-key-data"] = base64.b64encode(authority.key).decode()
        path.write_text(json.dumps(content), encoding="utf-8")
        client = Client(Settings(kubeconfig=str(path), validate_certs=verify))
        assert client.at(given.url).ask("/x").status == 200
        if verify:
            assert client.at(another.url).ask("/x").status == 200
        else:
            with pytest.raises(Unreachable):
                client.at(another.url).ask("/x")
            assert another.seen == []


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
CHUNKS = {
    "one": (b'\r\n7\r\n{"a":1}\r\n0\r\n\r\n', {"a": 1}),
    "two": (b'\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n', {"a": 1}),
    "capitals": (b'\r\nA\r\n{"a":1234}\r\n0\r\n\r\n', {"a": 1234}),
    "an extension": (b'\r\n7;x=y\r\n{"a":1}\r\n0;last\r\n\r\n', {"a": 1}),
    "a trailer": (b'\r\n7\r\n{"a":1}\r\n0\r\nX-Sum: 5\r\nX-More: 6\r\n\r\n', {"a": 1}),
    "packed": (b"Content-Encoding: gzip\r\n\r\n" + packed(b'{"a":1}'), {"a": 1}),
    "no end": (b'\r\n7\r\n{"a":1}\r\n', None),
    "cut in a chunk": (b'\r\n9\r\n{"a":1}', None),
    "no size": (b'\r\n\r\n{"a":1}\r\n0\r\n\r\n', None),
    "an odd size": (b'\r\nxyz\r\n{"a":1}\r\n0\r\n\r\n', None),
    "below nothing": (b'\r\n-7\r\n{"a":1}\r\n0\r\n\r\n', None),
}


@pytest.mark.parametrize(("data", "expected"), CHUNKS.values(), ids=CHUNKS)
def test_chunks(data: bytes, expected: object) -> None:
    """What is whole is read, and what is not is no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            taken, _peer = listener.accept()
            with taken:
                taken.recv(65536)
                taken.sendall(HEAD + data)

        threading.Thread(target=answer, daemon=True).start()
        client = Client(Settings(host=f"http://127.0.0.1:{listener.getsockname()[1]}", api_key="t", deadline=5))
        if expected is None:
            with pytest.raises(Unreachable):
                client.ask("/x")
        else:
            assert json.loads(client.ask("/x").data) == expected


def test_a_connection_is_used_again(server: Server, client: Client) -> None:
    big = {"kind": "x" * 5000}
    server.answers(Reply(body=big), GOOD, Reply(404, big), Reply(body=big), GOOD)
    for _number in range(2):
        client.get("/x")
    with pytest.raises(NotFound):
        client.get("/x")
    client.get("/x")
    assert server.connections == 1


def test_what_was_read_is_ours(server: Server, client: Client) -> None:
    """Pages are read into memory that is used again; nobody who keeps an answer sees the next one in it."""
    server.script = lambda request: Reply(body=request.path.encode() * 100)
    kept = [client.ask(path).data for path in ("/aaaa", "/bbbb", "/cccc")]
    assert kept == [b"/aaaa" * 100, b"/bbbb" * 100, b"/cccc" * 100]
    assert all(isinstance(data, bytes) for data in kept)


def test_what_was_lent_and_kept_is_in_nobodys_way(server: Server, client: Client) -> None:
    server.script = lambda request: Reply(body={"items": [request.path * 20000]})
    kept: list[Any] = []

    def keep(data: Any) -> Any:
        kept.append(data)
        return json.loads(bytes(data))

    for path in ("/a", "/much/longer"):
        (page,) = client.pages(path, decode=keep)
        assert page == {"items": [path * 20000]}


def test_pages_of_all_sizes(server: Server, client: Client) -> None:
    sizes = [0, 1, 5, 96, 97, 98, 500, 70000, 3, 200000, 140000, 10]
    server.script = lambda request: Reply(body={"items": ["ü" * int(request.path[1:])]})
    for size in sizes:
        assert list(client.items(f"/{size}")) == ["ü" * size]


def test_threads_share_a_client(server: Server, client: Client) -> None:
    server.script = lambda request: Reply(body={"path": request.path, "more": request.path * 100})
    paths = [f"/x/{number}" for number in range(60)]
    with ThreadPoolExecutor(6) as pool:
        assert [a.body["path"] for a in pool.map(client.get, paths)] == paths
    assert client.stats.requests == 60


# --- pages


def paged(total: int, size: int) -> Script:
    def script(request: Request) -> Reply:
        start = int(request.query.get("continue", ["0"])[0])
        end = min(start + size, total)
        metadata = {"continue": str(end)} if end < total else {}
        return Reply(body={"items": [{"n": n} for n in range(start, end)], "metadata": metadata})

    return script


@pytest.mark.parametrize(("total", "requests"), [(0, 1), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_every_page_is_read(server: Server, client: Client, total: int, requests: int) -> None:
    server.script = paged(total, 3)
    assert [item["n"] for item in client.items("/x", {"labelSelector": "a=b"})] == list(range(total))
    assert len(server.seen) == requests
    assert all(request.query["limit"] == ["500"] for request in server.seen)
    assert all(request.query["labelSelector"] == ["a=b"] for request in server.seen)


def test_a_page_is_repeated_by_itself(server: Server, client: Client) -> None:
    pages = paged(6, 3)
    broken = [True]

    def script(request: Request) -> Reply:
        if "continue" in request.query and broken:
            broken.pop()
            return Reply(503)
        return pages(request)

    server.script = script
    assert len(list(client.items("/x"))) == 6
    assert len(server.seen) == 3


def test_a_list_that_breaks_off_is_no_list(server: Server, client: Client) -> None:
    pages = paged(6, 3)
    server.script = lambda request: (
        Reply(410, {"message": "too old"}) if "continue" in request.query else pages(request)
    )
    with pytest.raises(Rejected, match="HTTP 410 too old"):
        list(client.items("/x"))


def test_a_list_whose_pages_ran_out_is_begun_anew_once(server: Server, client: Client) -> None:
    pages = paged(6, 3)
    gone = [True]

    def script(request: Request) -> Reply:
        if "continue" in request.query and gone:
            gone.pop()
            return Reply(410, {"message": "The provided continue parameter is too old"})
        return pages(request)

    server.script = script
    assert [item["n"] for item in client.items("/x")] == list(range(6))
    assert ["continue" in request.query for request in server.seen] == [False, True, False, True]


def test_a_list_that_is_gone_before_it_began_is_not_begun_anew(server: Server, client: Client) -> None:
    server.answers(Reply(410, {"message": "gone"}))
    with pytest.raises(Rejected):
        list(client.items("/x"))
    assert len(server.seen) == 1


def test_a_busy_server_is_asked_for_half_as_much(server: Server, client: Client) -> None:
    pages = paged(9, 3)
    busy = [2, 3]

    def script(request: Request) -> Reply:
        if len(server.seen) in busy:
            return Reply(429)
        return pages(request)

    server.script = script
    assert len(list(client.items("/x", {"limit": 400}))) == 9
    assert [int(request.query["limit"][0]) for request in server.seen] == [400, 400, 200, 100, 100][: len(server.seen)]
    assert len(server.seen) == 5


def test_a_page_never_gets_empty_by_halving(server: Server, client: Client) -> None:
    server.answers(*[Reply(429)] * 3, Reply(body={"items": []}))
    assert list(client.items("/x", {"limit": 2})) == []
    assert [request.query["limit"] for request in server.seen] == [["2"], ["1"], ["1"], ["1"]]


@pytest.mark.parametrize("body", [{"items": None}, {"items": None, "metadata": None}])
def test_a_list_of_nothing(server: Server, client: Client, body: object) -> None:
    server.answers(Reply(body=body))
    assert list(client.items("/x")) == []


@pytest.mark.parametrize("body", [{}, {"kind": "Status"}, {"item": []}])
def test_what_has_no_items_is_no_list(server: Server, client: Client, body: object) -> None:
    # Read as "no incidents", it would forget every attempt that was made.
    server.answers(Reply(body=body))
    with pytest.raises(Unreachable, match="^GET /x: the answer is not a list of objects$"):
        list(client.items("/x"))


# --- settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without any kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def kubeconfig(path: Path, server: str = "http://127.0.0.1:1", token: str = "token-2") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "one",
            }
        ),
        encoding="utf-8",
    )
    return path


def bearer(request: Request) -> str | None:
    return {name.lower(): value for name, value in request.headers.items()}.get("authorization")


@pytest.mark.parametrize("how", ["given", "environment", "home"])
def test_where_a_kubeconfig_is_found(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    server.answers(GOOD)
    path = kubeconfig(home / ".kube" / "config" if how == "home" else home / "x.yml", server.url)
    if how == "environment":
        monkeypatch.setenv("KUBECONFIG", str(path))
    client = Client(Settings(kubeconfig=str(path) if how == "given" else None))
    client.get("/x")
    assert client.server == server.url
    assert bearer(server.seen[0]) == "Bearer token-2"


def test_a_kubeconfig_below_home(server: Server, home: Path) -> None:
    server.answers(GOOD)
    kubeconfig(home / "k.yml", server.url)
    assert Client(Settings(kubeconfig="~/k.yml", context="one")).get("/x").body == {"kind": "Thing"}


def test_several_kubeconfig_files_of_which_one_is_not_there(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(GOOD)
    path = kubeconfig(home / "k.yml", server.url)
    monkeypatch.setenv("KUBECONFIG", f"{home / 'absent'}{os.pathsep}{path}")
    assert Client(Settings()).get("/x").body == {"kind": "Thing"}


BAD_FILES = {
    "empty": "",
    "no YAML": "{ unclosed: [",
    "a list": "[1, 2]",
    "text": "hello",
    "binary": "\x01\x02",
    "no contexts": "apiVersion: v1\nkind: Config\n",
    "a context without its cluster": json.dumps(
        {
            "clusters": [],
            "users": [],
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "one",
        }
    ),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_kubeconfig_that_cannot_be_used(home: Path, content: str) -> None:
    path = home / "bad.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        Client(Settings(kubeconfig=str(path)))
    assert str(caught.value).startswith(f"kubeconfig {path} cannot be used: ")
    assert "\n" not in str(caught.value)


def test_no_such_context(home: Path) -> None:
    path = kubeconfig(home / "k.yml")
    with pytest.raises(SettingsError, match=r"k\.yml cannot be used: .*nowhere"):
        Client(Settings(kubeconfig=str(path), context="nowhere"))


@pytest.mark.parametrize("named", [True, False])
def test_no_kubeconfig_at_all(home: Path, named: bool) -> None:
    with pytest.raises(SettingsError) as caught:
        Client(Settings(kubeconfig=str(home / "absent") if named else None))
    expected = str(home / "absent") if named else "~/.kube/config"
    assert str(caught.value).startswith(f"no kubeconfig: {expected} does not exist; set kubeconfig ")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(Settings(host="http://x"), "host and api_key belong together", id="no token"),
        pytest.param(Settings(api_key="t"), "host and api_key belong together", id="no host"),
        pytest.param(Settings(host="http://x", api_key="t", kubeconfig="k"), "but not both", id="a file as well"),
        pytest.param(Settings(host="http://x", api_key="t", context="c"), "but not both", id="a context as well"),
        pytest.param(
            Settings(host="https://x", api_key="t", ca_cert="/nowhere/ca.crt"),
            "ca_cert: /nowhere/ca.crt is not a readable file",
            id="no certificate",
        ),
    ],
)
def test_settings_that_do_not_fit(home: Path, settings: Settings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Client(settings)


def test_a_service_account_that_is_mounted_is_never_used(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pod of AWX it would be AWX's own cluster that is repaired."""
    import kubernetes.config.incluster_config as incluster

    host, port = server.http.server_address[:2]
    (home / "token").write_text("mounted", encoding="utf-8")
    (home / "ca.crt").write_text("x", encoding="utf-8")
    monkeypatch.setattr(incluster, "SERVICE_TOKEN_FILENAME", str(home / "token"))
    monkeypatch.setattr(incluster, "SERVICE_CERT_FILENAME", str(home / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(host))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
    with pytest.raises(SettingsError, match="^no kubeconfig"):
        Client(Settings())
    assert server.seen == []


def test_a_plugin_that_gives_the_token(server: Server, home: Path) -> None:
    """EKS, GKE, AKS and OIDC logins all come this way."""
    server.answers(GOOD)
    plugin = home / "login"
    status = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "fresh"}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(status)}'\n", encoding="utf-8")
    plugin.chmod(0o755)
    path = kubeconfig(home / "k.yml", server.url)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    Client(Settings(kubeconfig=str(path))).get("/x")
    assert bearer(server.seen[0]) == "Bearer fresh"


def test_the_file_is_not_written_to(server: Server, home: Path) -> None:
    server.answers(GOOD)
    path = kubeconfig(home / "k.yml", server.url)
    before = path.read_bytes()
    Client(Settings(kubeconfig=str(path))).get("/x")
    assert path.read_bytes() == before


def test_a_plain_kubeconfig_does_without_the_official_package(server: Server, home: Path) -> None:
    """Importing it takes longer than most of what a module does."""
    path = kubeconfig(home / "k.yml", server.url)
    code = (
        "import sys; from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import *;"
        f"Client(Settings(kubeconfig={str(path)!r})); print('kubernetes' in sys.modules, 'urllib3' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "False True\n", done.stderr


def test_without_urllib3_it_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(SettingsError, match="'urllib3' is missing from the interpreter that runs this module"):
        Client(Settings(host="https://10.0.0.1", api_key="t"))


# --- TLS


@pytest.fixture
def secure(tmp_path: Path, authority: Authority) -> Iterator[Server]:
    """A server with a certificate for 127.0.0.1 and the name kubernetes, which asks for one of ours."""
    with serving(authority.server_context()) as made:
        made.answers(GOOD)
        yield made


def trusting(server: Server, authority: Authority, **settings: Any) -> Client:
    return Client(Settings(host=server.url, api_key="t", ca_cert=str(authority.ca_file), **settings))


def test_a_certificate_is_verified(secure: Server, authority: Authority, clock: Clock) -> None:
    client = trusting(secure, authority)
    assert client.certificate_expires is None
    assert client.get("/x").body == {"kind": "Thing"}
    assert client.certificate_expires == authority.expires


def test_a_certificate_that_nobody_trusts(secure: Server, clock: Clock) -> None:
    client = Client(Settings(host=secure.url, api_key="t"), clock.sleep, clock)
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        client.get("/x")
    assert clock.slept == [] and secure.seen == []


def test_a_certificate_for_another_name(secure: Server, authority: Authority, clock: Clock) -> None:
    settings = Settings(host=secure.url.replace("127.0.0.1", "localhost"), api_key="t", ca_cert=str(authority.ca_file))
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED.*localhost"):
        Client(settings, clock.sleep, clock).get("/x")
    assert clock.slept == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_nothing_is_verified_where_it_is_not_wanted(secure: Server, home: Path) -> None:
    path = kubeconfig(home / "k.yml", secure.url)
    client = Client(Settings(kubeconfig=str(path), validate_certs=False))
    assert client.get("/x").body == {"kind": "Thing"}
    assert client.certificate_expires is None
    with pytest.raises(Unreachable):
        Client(Settings(kubeconfig=str(path))).ask("/x")


@pytest.mark.parametrize("inline", [True, False])
def test_a_certificate_of_ours(authority: Authority, home: Path, monkeypatch: pytest.MonkeyPatch, inline: bool) -> None:
    """It is shown to the server, under another name than the address, and no key is left in a file."""
    place = home / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with serving(authority.server_context(ask=True)) as server:
        server.answers(GOOD)
        path = kubeconfig(home / "k.yml", server.url.replace("127.0.0.1", "localhost"))
        content = json.loads(path.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        cluster["tls-server-name"] = "kubernetes"
        for entry, name, data in (
            (cluster, "certificate-authority", authority.ca_file.read_bytes()),
            (user, "client-certificate", authority.certificate),
            (user, "client-key", authority.key),
        ):
            if inline:
                entry[f"{name}-data"] = base64.b64encode(data).decode()
            else:
                (home / f"{name}.pem").write_bytes(data)
                entry[name] = f"{name}.pem"
        path.write_text(json.dumps(content), encoding="utf-8")
        client = Client(Settings(kubeconfig=str(path)))
        assert client.get("/x").body == {"kind": "Thing"}
        entry = client.cluster_entry()
        assert base64.b64decode(entry["certificate-authority-data"]) == authority.ca_file.read_bytes()
        assert (entry["tls-server-name"], entry["server"]) == ("kubernetes", client.server)
    assert list(place.iterdir()) == []


def test_without_a_certificate_of_ours(authority: Authority) -> None:
    with serving(authority.server_context(ask=True)) as server:
        server.answers(GOOD)
        with pytest.raises(Unreachable):
            trusting(server, authority).ask("/x")


@pytest.mark.parametrize("bad", [b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"])
def test_a_certificate_that_cannot_be_used(home: Path, bad: bytes) -> None:
    (home / "ca.crt").write_bytes(bad)
    with pytest.raises(SettingsError, match="certificates for https://x cannot be used: ") as caught:
        Client(Settings(host="https://x", api_key="t", ca_cert=str(home / "ca.crt")))
    assert "\n" not in str(caught.value)


# --- proxies


@pytest.mark.parametrize(
    ("environment", "through"),
    [
        ({}, False),
        ({"HTTP_PROXY": "{proxy}"}, True),
        ({"http_proxy": "{proxy}"}, True),
        ({"ALL_PROXY": "{proxy}"}, True),
        ({"HTTPS_PROXY": "{proxy}"}, False),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "10.0.0.0/8,example.org"}, False),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": ".org"}, False),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "*"}, False),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "10.0.0.0/8, ,example.com"}, True),
    ],
)
def test_a_proxy_of_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], through: bool
) -> None:
    server.answers(GOOD)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(proxy=server.url))
    client = Client(Settings(host="http://api.example.org:1", api_key="t", deadline=0.2))
    assert client.cluster_entry().get("proxy-url") == (server.url if through else None)
    if through:
        assert client.get("/x").body == {"kind": "Thing"}
        assert server.seen[0].path == "/x"


def test_tls_through_a_proxy(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is told where to, and sees nothing else."""
    told: list[bytes] = []
    with serving(authority.server_context()) as server, socket.create_server(("127.0.0.1", 0)) as proxy:
        server.answers(GOOD)

        def pass_on() -> None:
            taken, _peer = proxy.accept()
            with taken, socket.create_connection(server.http.server_address[:2]) as onward:
                told.append(taken.recv(65536))
                taken.sendall(b"HTTP/1.1 200 Connection established\r\nVia: us\r\n\r\n")
                copier = threading.Thread(target=copy, args=(onward, taken), daemon=True)
                copier.start()
                copy(taken, onward)

        def copy(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    told.append(data)
                    target.sendall(data)

        threading.Thread(target=pass_on, daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        client = trusting(server, authority)
        assert client.get("/x").body == {"kind": "Thing"}
        assert client.certificate_expires == authority.expires
        client.close()
    assert told[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1." % server.http.server_address[1])
    assert not any(b"Bearer" in data or b"Thing" in data for data in told)


@pytest.mark.filterwarnings("ignore:SOCKS support")
@pytest.mark.parametrize(
    ("proxy", "words"),
    [("socks5://127.0.0.1:1", "PySocks"), ("ftp://x", "cannot be used"), ("http://[", "cannot be used")],
)
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str, words: str) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsError, match=f"proxy .*{words}"):
        Client(Settings(host="https://10.0.0.1", api_key="t"))


@pytest.mark.filterwarnings("ignore:SOCKS support")
@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("socks5://bob:secret@127.0.0.1:1", r"socks5://\*\*\*@127.0.0.1:1 needs .* PySocks"),
        ("ftp://bob:secret@x", r"ftp://\*\*\*@x cannot be used"),
        ("http://bob:secret@x:99999", r"http://\*\*\*@x:99999 cannot be used"),
        ("http://bob:secret/secret@x", r"http://\*\*\*@x cannot be used"),
        ("bob:secret://@secret@x", r"\*\*\*@x cannot be used"),
    ],
)
def test_the_password_of_a_proxy_is_not_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, shown: str
) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    path = kubeconfig(home / "k.yml", "https://10.0.0.1")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["proxy-url"] = proxy
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"^the proxy {shown}") as caught:
        Client(Settings(kubeconfig=str(path)))
    assert "secret" not in str(caught.value) and "bob" not in str(caught.value)


def test_the_password_of_a_proxy_that_does_not_answer_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://bob:secret@127.0.0.1:1")
    client = Client(Settings(host="https://10.0.0.1", api_key="t"))

    def fail(*_given: object, **_more: object) -> None:
        raise OSError("no way through http://bob:secret@127.0.0.1:1")

    with pytest.raises(Unreachable, match="proxy.*refused") as caught:
        client.ask("/x")
    assert "secret" not in str(caught.value)
    monkeypatch.setattr(client._transport._pool, "request", fail)
    with pytest.raises(Unreachable, match=r"no way through http://\*\*\*@127.0.0.1:1$"):
        client.ask("/x")


@pytest.mark.parametrize("address", ["https://bob:secret@10.0.0.1", "https://bob:secret#1@10.0.0.1", "https://bob@x"])
def test_an_address_with_a_user_is_refused(home: Path, address: str) -> None:
    for settings in (
        Settings(host=address, api_key="t"),
        Settings(kubeconfig=str(kubeconfig(home / "k.yml", address))),
    ):
        with pytest.raises(
            SettingsError, match=r"^expected the API server's address .*, got https://\*\*\*@"
        ) as caught:
            Client(settings)
        assert "secret" not in str(caught.value) and "bob" not in str(caught.value)


def test_an_address_that_is_none_and_has_a_user() -> None:
    with pytest.raises(SettingsError, match=r"got \*\*\*@10.0.0.1:6443$"):
        Client(Settings(host="bob:secret@10.0.0.1:6443", api_key="t"))


@pytest.mark.parametrize("host", ["https://[", "10.0.0.1:6443", "https://", "x", "ftp://x", "https:///x"])
def test_an_address_that_is_none(host: str) -> None:
    """Without a scheme it would be plain HTTP."""
    with pytest.raises(SettingsError, match="expected the API server's address like https://"):
        Client(Settings(host=host, api_key="t"))
