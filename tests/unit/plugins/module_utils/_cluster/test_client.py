# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client against a real HTTP server on a real socket; only the clock and the sleeping are made up."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.observe import observe
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.judge import judge
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy

DATE = "Sat, 21 Nov 2026 03:00:00 GMT"


@dataclass(frozen=True)
class Reply:
    """What the server does with one request. ``reset`` breaks the connection, ``hang`` keeps it open without a word."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    hang: bool = False


@dataclass(frozen=True)
class Request:
    """A request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


Script = Callable[[Request], Reply]


class Server:
    """An HTTP server that does what a script says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.replies: list[Reply] = []
        self.script: Script | None = None
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                url = urlsplit(self.path)
                request = Request(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    dict(self.headers.items()),
                    json.loads(raw) if raw else None,
                )
                outer.seen.append(request)
                self._answer(outer.reply_to(request))

            def _answer(self, reply: Reply) -> None:
                if reply.reset:
                    # Linger 0: the kernel sends RST and no FIN.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                if reply.hang:
                    outer.released.wait(30)
                    self.close_connection = True
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response_only(reply.status)
                for name, value in {"Date": DATE, "Content-Length": str(len(data)), **reply.headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _serve

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

            def finish(self) -> None:
                with suppress(OSError, ValueError):
                    super().finish()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def reply_to(self, request: Request) -> Reply:
        if self.script is not None:
            return self.script(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def answers(self, *replies: Reply) -> None:
        """One reply after the other; the last one is repeated."""
        self.replies = list(replies)


class Clock:
    """A clock that moves by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.released.set()
    made.http.shutdown()
    made.http.server_close()
    thread.join(5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Client:
    # A proxy of the machine must not come between us and 127.0.0.1.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return Client(Settings(host=server.url, api_key="token-1"), clock.sleep, clock)


GOOD = Reply(body={"kind": "Thing"})


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
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
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
    }
    return calls[method]().body


@pytest.mark.parametrize("method", ["POST", "PUT"])
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


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_that_was_not_let_in_is_repeated(server: Server, client: Client, clock: Clock, method: str) -> None:
    server.answers(Reply(429, headers={"Retry-After": "2"}), GOOD)
    assert send(client, method) == {"kind": "Thing"}
    assert [(request.method, request.body) for request in server.seen] == [(method, {"a": 1})] * 2
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


# --- observing through all this


def cluster(nodes: Reply, leases: Reply, identity: Reply | None = None) -> Script:
    who = identity or Reply(body={"metadata": {"uid": "uid-1"}})
    parts = {"/api/v1/namespaces/kube-system": who, "/api/v1/nodes": nodes}
    return lambda request: parts.get(request.path, leases)


NODES = Reply(
    body={
        "items": [
            {"metadata": {"name": "w1", "uid": "u1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        ]
    }
)
LEASES = Reply(body={"items": [{"metadata": {"name": "w1"}, "spec": {"renewTime": "2026-11-21T02:59:55.000000Z"}}]})
BROKEN = {
    "no nodes": cluster(Reply(500, {"message": "etcd"}), LEASES),
    "no Leases": cluster(NODES, Reply(403, {"message": "RBAC"})),
    "no identity": cluster(NODES, LEASES, Reply(403, {"message": "RBAC"})),
    "no uid": cluster(NODES, LEASES, Reply(body={"metadata": {}})),
    "odd metadata": cluster(NODES, LEASES, Reply(body={"metadata": "x"})),
    "a node with an odd name": cluster(Reply(body={"items": [{"metadata": {"name": "a;b"}}]}), LEASES),
    "a node of an odd shape": cluster(Reply(body={"items": ["x"]}), LEASES),
    "nodes of an odd shape": cluster(Reply(body={"items": 5}), LEASES),
    "nodes without items": cluster(Reply(body={}), LEASES),
    "a Lease of an odd shape": cluster(
        NODES, Reply(body={"items": [{"metadata": {"name": "w1"}, "spec": {"leaseDurationSeconds": "x"}}]})
    ),
    "a Lease without a name": cluster(NODES, Reply(body={"items": [{"metadata": {}}]})),
    "no Kubernetes": lambda _: Reply(body={}),
    "a web page": lambda _: Reply(body=b"<html>"),
    "401": lambda _: Reply(401),
    "500": lambda _: Reply(500),
}


def test_a_whole_cluster(server: Server, client: Client) -> None:
    server.script = cluster(NODES, LEASES)
    seen = observe(client)
    assert (seen.cluster_uid, [n.name for n in seen.nodes or ()], seen.unread) == ("uid-1", ["w1"], {})
    assert seen.observed_at == datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert judge(seen, Policy()).verdict is Verdict.HEALTHY


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_whatever_is_broken_the_verdict_is_unknown(server: Server, client: Client, script: Script) -> None:
    server.script = script
    seen = observe(client)
    assert judge(seen, Policy()).verdict is Verdict.UNKNOWN
    reasons = judge(seen, Policy()).unread
    assert reasons and all(reason and "\n" not in reason for reason in reasons.values())


def test_a_server_that_does_not_answer_is_asked_once(server: Server, client: Client) -> None:
    server.answers(Reply(401, {"message": "Unauthorized"}))
    assert set(observe(client).unread) == {"identity", "nodes", "heartbeats"}
    assert len(server.seen) == 1


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


@pytest.mark.parametrize("validate", [True, False])
def test_validate_certs(home: Path, validate: bool) -> None:
    path = kubeconfig(home / "k.yml", "https://127.0.0.1:1")
    client = Client(Settings(kubeconfig=str(path), validate_certs=validate))
    assert client._configuration.verify_ssl is validate  # what the pool is made from; tests/api sees the real thing
