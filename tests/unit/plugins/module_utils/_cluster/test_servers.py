# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API servers asked by themselves, and Services through the API server's proxy."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import servers
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Forbidden
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks import api_server
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import ApiEndpoint, Ref
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy, ServiceProbe
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import snapshot
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster import fake_cluster as fake
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Authority,
    Reply,
    Request,
    Server,
    serving,
)

NOWHERE = "https://127.0.0.1:1"


@pytest.fixture
def cluster(server: Server) -> fake.FakeCluster:
    made = fake.healthy()
    server.script = made
    return made


@pytest.fixture
def client(server: Server) -> Client:
    """With the real clock, because times are what this is about."""
    return Client(Settings(host=server.url, api_key="token-1"))


def known(cluster: fake.FakeCluster, *addresses: str, port: Any = 6443, **slice_: Any) -> None:
    """Which API servers the cluster knows."""
    cluster.objects[fake.API_SLICES] = [
        {
            "metadata": {"name": "kubernetes"},
            "endpoints": [{"addresses": list(addresses)}],
            "ports": [{"name": "https", "port": port}],
            **slice_,
        }
    ]


def sent(request: Request) -> str | None:
    """What was said about who we are."""
    return {name.lower(): value for name, value in request.headers.items()}.get("authorization")


def told(*endpoints: ApiEndpoint) -> list[tuple[str, str]]:
    """What the check says about whom."""
    seen = snapshot([], endpoints=endpoints)
    return [(finding.target.name, finding.reason) for finding in api_server.CHECK.evaluate(seen, Policy())]


# --- API servers


def test_one_that_is_well(cluster: fake.FakeCluster, server: Server, client: Client) -> None:
    (seen,) = servers.read_endpoints(client, Policy())
    assert replace(seen, latency_ms=None) == ApiEndpoint(server.url, True, True, given=True)
    assert seen.latency_ms is not None and 0 < seen.latency_ms < 5000
    asked = [(request.path, request.query) for request in server.seen if request.path in ("/readyz", "/livez")]
    assert asked == [("/readyz", {}), ("/livez", {}), ("/livez", {})]


def test_the_time_to_connect_does_not_count(cluster: fake.FakeCluster, server: Server, client: Client) -> None:
    """Nor does the first question, which comes over a connection that is still being made."""

    def slow(_request: Request) -> None:
        time.sleep(0.3)

    cluster.replies["/readyz"] = slow
    (seen,) = servers.read_endpoints(client, Policy())
    assert seen.ready and seen.latency_ms is not None and seen.latency_ms < 300


def test_one_that_is_slow(cluster: fake.FakeCluster, client: Client) -> None:
    def slow(_request: Request) -> None:
        time.sleep(0.1)

    cluster.replies["/livez"] = slow
    (seen,) = servers.read_endpoints(client, Policy())
    assert seen.live and seen.latency_ms is not None and 100 <= seen.latency_ms < 2000


def test_one_that_is_not_ready(cluster: fake.FakeCluster, client: Client) -> None:
    text = (
        "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/x failed: reason withheld\nreadyz check failed"
    )
    cluster.replies["/readyz"] = Reply(500, text.encode())
    (seen,) = servers.read_endpoints(client, Policy())
    assert (seen.live, seen.ready, seen.failed) == (True, False, ("etcd", "poststarthook/x"))


def test_one_that_is_not_live(cluster: fake.FakeCluster, client: Client) -> None:
    cluster.replies["/livez"] = Reply(500, b"[-]ping failed: reason withheld\nlivez check failed")
    (seen,) = servers.read_endpoints(client, Policy())
    assert (seen.live, seen.ready, seen.failed) == (False, True, ("ping",))


@pytest.mark.parametrize("status", [401, 403, 404, 302, 503])
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_one_that_will_not_say(cluster: fake.FakeCluster, client: Client, status: int, path: str) -> None:
    cluster.replies[path] = Reply(status, {"message": "no\nway"})
    (seen,) = servers.read_endpoints(client, Policy())
    assert (seen.live is None, seen.ready is None) == (path == "/livez", path == "/readyz")
    assert f"GET {path}: HTTP {status} no way" in seen.trouble and "\n" not in seen.trouble


def test_one_that_does_not_answer(cluster: fake.FakeCluster, server: Server, client: Client) -> None:
    known(cluster, "127.0.0.1", port=1)
    given, other = servers.read_endpoints(client, Policy())
    assert (given.address, given.live, given.given) == (server.url, True, True)
    assert (other.address, other.live, other.ready, other.given, other.latency_ms) == (NOWHERE, None, None, False, None)
    assert "refused" in other.trouble and "\n" not in other.trouble


def test_one_that_hangs(cluster: fake.FakeCluster, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "API_DEADLINE", 0.3)
    cluster.replies["/livez"] = Reply(hang=True)
    begun = time.monotonic()
    seen = servers.ask_server(client, client.server, True)
    assert (seen.live, seen.ready) == (None, None) and "timed out" in seen.trouble
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("slice_", "expected"),
    [
        ({}, ["https://10.0.0.1:6443", "https://10.0.0.2:6443"]),
        ({"endpoints": [{"addresses": ["fd00::1"]}]}, ["https://[fd00::1]:6443"]),
        ({"endpoints": [{"addresses": ["not an address", "10.0.0.3"]}]}, ["https://10.0.0.3:6443"]),
        ({"endpoints": None}, []),
        ({"endpoints": [{}]}, []),
        ({"ports": None}, []),
        ({"ports": [{"name": "metrics", "port": 1}, {"port": 443}]}, ["https://10.0.0.1:443", "https://10.0.0.2:443"]),
    ],
)
def test_which_api_servers_the_cluster_knows(
    cluster: fake.FakeCluster, server: Server, client: Client, slice_: dict[str, Any], expected: list[str]
) -> None:
    known(cluster, "10.0.0.2", "10.0.0.1", **slice_)
    assert servers._addresses(client) == expected
    assert server.seen[-1].query["labelSelector"] == ["kubernetes.io/service-name=kubernetes"]


def test_the_policy_may_name_them(cluster: fake.FakeCluster, server: Server, client: Client) -> None:
    known(cluster, "10.255.255.1")
    seen = servers.read_endpoints(client, Policy(api_endpoints=(NOWHERE,)))
    assert [e.address for e in seen] == [server.url, NOWHERE]
    assert fake.API_SLICES not in {request.path for request in server.seen}


def test_the_given_one_is_asked_once(cluster: fake.FakeCluster, server: Server, client: Client) -> None:
    (seen,) = servers.read_endpoints(client, Policy(api_endpoints=(server.url,)))
    assert seen.given


def test_so_many_at_most(cluster: fake.FakeCluster, client: Client) -> None:
    seen = servers.read_endpoints(client, Policy(api_endpoints=tuple(f"https://127.0.0.1:{n}" for n in range(1, 40))))
    assert len(seen) == 16


def test_each_with_its_own_certificate(authority: Authority) -> None:
    with serving(authority.server_context()) as one, serving(authority.server_context()) as two:
        one.script = two.script = fake.healthy()
        client = Client(Settings(host=one.url, api_key="t", ca_cert=str(authority.ca_file)))
        seen = servers.read_endpoints(client, Policy(api_endpoints=(two.url,)))
    assert [(e.address, e.live, e.certificate_expires) for e in seen] == [
        (one.url, True, authority.expires),
        (two.url, True, authority.expires),
    ]


def test_one_with_a_certificate_of_somebody_else(authority: Authority, tmp_path: Any) -> None:
    other = Authority(tmp_path)
    with serving(authority.server_context()) as one, serving(other.server_context()) as two:
        one.script = two.script = fake.healthy()
        client = Client(Settings(host=one.url, api_key="secret", ca_cert=str(authority.ca_file)))
        _given, stranger = servers.read_endpoints(client, Policy(api_endpoints=(two.url,)))
        assert stranger.live is None and "CERTIFICATE_VERIFY_FAILED" in stranger.trouble
        assert two.seen == []  # nobody who is not verified sees our token


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("status", [200, 401, 500])
def test_nobody_lives_who_is_not_verified(authority: Authority, tmp_path: Any, status: int) -> None:
    """Anybody could say so. It is no silence either, and the token is for the given one alone."""
    with serving(authority.server_context()) as one, serving(Authority(tmp_path).server_context()) as two:
        one.script, two.script = fake.healthy(), lambda _request: Reply(status, b"[-]etcd failed")
        client = Client(Settings(host=one.url, api_key="t", ca_cert=str(authority.ca_file), validate_certs=False))
        given, other = servers.read_endpoints(client, Policy(api_endpoints=(two.url,)))
        assert (given.live, given.ready, {sent(request) for request in one.seen}) == (True, True, {"Bearer t"})
        assert (other.live, other.ready, other.failed) == (None, None, ())
        assert other.latency_ms is not None and "certificates are not verified" in other.trouble
        assert {sent(request) for request in two.seen} == {None}
    assert told(given, other) == [(two.url, api_server.READY_UNKNOWN)]


@pytest.mark.parametrize(("status", "live"), [(200, True), (401, None), (403, None), (500, False)])
def test_one_that_shows_no_authority_of_the_clusters_own(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, status: int, live: bool | None
) -> None:
    """It is asked without the token; livez and readyz are open to everybody unless somebody closed them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    with serving(authority.server_context()) as one, serving(authority.server_context()) as two:
        one.script, two.script = fake.healthy(), lambda _request: Reply(status, {"message": "no"})
        client = Client(Settings(host=one.url, api_key="t"))
        given, other = servers.read_endpoints(client, Policy(api_endpoints=(two.url,)))
        assert {sent(request) for request in one.seen} == {"Bearer t"}
        assert {sent(request) for request in two.seen} == {None}
    assert (given.live, other.live, other.ready) == (True, live, live)
    assert other.latency_ms is not None
    assert ("without credentials" in other.trouble) == (live is None)
    expected = {True: [], False: [(two.url, api_server.NOT_LIVE)], None: [(two.url, api_server.READY_UNKNOWN)]}
    assert told(given, other) == expected[live]


def test_one_of_the_clusters_own_authority_has_the_token(authority: Authority) -> None:
    with serving(authority.server_context()) as one, serving(authority.server_context()) as two:
        one.script = two.script = fake.healthy()
        client = Client(Settings(host=one.url, api_key="t", ca_cert=str(authority.ca_file)))
        assert all(e.live and e.ready for e in servers.read_endpoints(client, Policy(api_endpoints=(two.url,))))
        assert {sent(request) for request in two.seen} == {"Bearer t"}


# --- Services


PROXY = "/api/v1/namespaces/shop/services/web:80/proxy"


def probe(client: Client, kind: str = "http", path: str = "/", **policy: Any) -> Any:
    return servers.probe_service(client, ServiceProbe("shop", "web", "80", kind, path), Policy(**policy))


def status(code: int, message: str, reason: str = "ServiceUnavailable") -> Reply:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return Reply(code, body)


REFUSED = "error trying to reach service: dial tcp 10.0.0.9:80: connect: connection refused"
BREAKS_OFF = (
    'error trying to reach service: net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"'
)


@pytest.mark.parametrize(
    ("reply", "http", "tcp", "words"),
    [
        pytest.param(Reply(200, b"hello"), True, True, "", id="200"),
        pytest.param(Reply(204, b""), True, True, "", id="204"),
        pytest.param(Reply(302, b"", {"Location": "/login"}), True, True, "", id="302"),
        pytest.param(Reply(404, b"<html>"), False, True, "the Service answered with HTTP 404", id="404"),
        pytest.param(Reply(500, b"oops"), False, True, "the Service answered with HTTP 500", id="500"),
        pytest.param(Reply(403, {"error": "login"}), False, True, "HTTP 403", id="403 of the Service"),
        pytest.param(status(503, REFUSED), False, False, "connection refused", id="refused"),
        pytest.param(status(500, REFUSED, "InternalError"), False, False, "connection refused", id="refused, 500"),
        pytest.param(
            status(503, "error trying to reach service: dial tcp 10.0.0.9:80: i/o timeout"),
            False,
            False,
            "i/o timeout",
            id="dial time-out",
        ),
        pytest.param(
            status(504, "error trying to reach service: net/http: timeout awaiting response headers"),
            False,
            False,
            "timeout",
            id="no answer",
        ),
        pytest.param(
            status(503, 'no endpoints available for service "web"'), False, False, "no endpoints", id="no endpoints"
        ),
        pytest.param(status(404, 'services "web" not found', "NotFound"), False, False, "not found", id="no Service"),
        pytest.param(status(503, BREAKS_OFF), False, True, "malformed HTTP response", id="no HTTP"),
        pytest.param(status(503, "error trying to reach service: EOF"), False, True, "EOF", id="EOF"),
        pytest.param(
            status(503, "error trying to reach service: read tcp 1->2: read: connection reset by peer"),
            False,
            True,
            "reset by peer",
            id="reset",
        ),
    ],
)
def test_an_answer(server: Server, client: Client, reply: Reply, http: bool, tcp: bool, words: str) -> None:
    server.answers(reply)
    for kind, good in (("http", http), ("https", http), ("tcp", tcp)):
        seen = probe(client, kind, probe_count=3)
        assert (seen.sent, seen.failed, len(seen.times_ms)) == (3, 0 if good else 3, 3 if good else 0)
        assert words in seen.trouble if not good else seen.trouble == ""
        assert seen.service == Ref("Service", "web", "shop") and seen.kind == kind


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("http", "/health", f"{PROXY}/health"),
        ("https", "/", "/api/v1/namespaces/shop/services/https:web:80/proxy/"),
        ("tcp", "/ignored", f"{PROXY}/"),
    ],
)
def test_what_is_asked(server: Server, client: Client, kind: str, path: str, expected: str) -> None:
    server.answers(Reply(200))
    probe(client, kind, path, probe_count=1)
    assert [request.path for request in server.seen] == [expected]


def test_a_query_in_the_path(server: Server, client: Client) -> None:
    server.answers(Reply(200))
    probe(client, path="/q?a=1&b=%20", probe_count=1)
    assert (server.seen[0].path, server.seen[0].query) == (f"{PROXY}/q", {"a": ["1"], "b": [" "]})


@pytest.mark.parametrize("path", ["/../../../version", "/%2e%2E/x", "/a/./b", "/..%2fx", "/..\\x", "/%5c..", "/.."])
def test_nothing_outside_of_the_service_is_asked(server: Server, client: Client, path: str) -> None:
    """The policy's reader refuses such a path, and so does who would send it."""
    server.answers(Reply(200))
    seen = probe(client, path=path)
    assert (seen.sent, seen.trouble, server.seen) == (0, "its path leads out of the Service", [])


def test_some_of_them_fail(server: Server, client: Client) -> None:
    server.answers(Reply(200), Reply(500), Reply(200))
    seen = probe(client, probe_count=5)
    assert (seen.sent, seen.failed, len(seen.times_ms)) == (5, 1, 4)
    assert seen.trouble == "the Service answered with HTTP 500"


def test_the_times(server: Server, client: Client) -> None:
    def slow(_request: Request) -> Reply:
        time.sleep(0.05)
        return Reply(200)

    server.script = slow
    seen = probe(client, probe_count=2)
    assert len(seen.times_ms) == 2 and all(50 <= milliseconds < 3000 for milliseconds in seen.times_ms)


def test_one_that_does_not_answer_at_all_is_given_up_early(server: Server, client: Client) -> None:
    server.answers(Reply(reset=True))
    seen = probe(client, probe_count=20)
    assert (seen.sent, seen.failed) == (2, 2) and server.url in seen.trouble


def test_what_we_may_not_ask_is_not_the_services_fault(server: Server, client: Client) -> None:
    server.answers(status(403, 'cannot get resource "services/proxy"', "Forbidden"))
    with pytest.raises(Forbidden, match="services/proxy"):
        servers.read_probes(client, Policy(service_probes=(ServiceProbe("shop", "web", "80"),)))


def test_all_of_them(server: Server, client: Client) -> None:
    server.script = lambda request: Reply(200 if "/web:" in request.path else 500)
    probes = tuple(ServiceProbe("shop", name, "80") for name in ("web", "db", "web"))
    seen = servers.read_probes(client, Policy(service_probes=probes, probe_count=2))
    assert [(p.service.name, p.failed) for p in seen] == [("web", 0), ("db", 2), ("web", 0)]
    assert servers.read_probes(client, Policy()) == ()
