# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""etcd asked itself, through gateways that are well, sick, silent, or none at all."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import etcd as etcd_module
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import (
    EtcdAccess,
    etcd_access,
    read_etcd,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_etcd import (
    ALARMS,
    CORRUPT,
    IDS,
    MEMBERS,
    NAMES,
    NOSPACE,
    STATUS,
    Gateways,
    down,
    member,
)
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Authority,
    Reply,
    serving,
)


@pytest.fixture
def gateways() -> Iterator[Gateways]:
    with ExitStack() as stack:
        yield Gateways({name: stack.enter_context(serving()) for name in NAMES})


# --- what etcd tells


def test_all_is_well(gateways: Gateways) -> None:
    assert gateways.read() == Etcd(tuple(member(name) for name in NAMES), (), "cp1", direct=True)


def test_only_what_reads_is_asked_and_the_log_is_not_written_by_all(gateways: Gateways) -> None:
    gateways.read()
    for name, server in gateways.servers.items():
        asked = [(request.method, request.path, request.body) for request in server.seen]
        alarms = [("POST", ALARMS, {"action": "GET"})] if name == "cp1" else []
        assert asked == [("POST", STATUS, {}), ("POST", MEMBERS, {}), *alarms, ("GET", "/health", None)]


def test_a_release_that_tells_no_quota(gateways: Gateways) -> None:
    gateways.status["cp2"] = {"dbSizeQuota": None}
    assert gateways.read().members[1] == member("cp2", quota_bytes=None)


def test_a_learner(gateways: Gateways) -> None:
    gateways.learners.add("cp3")
    assert gateways.read().members[2] == member("cp3", learner=True)


def test_a_member_that_has_not_started(gateways: Gateways) -> None:
    gateways.listed.append({"ID": str(IDS["new"]), "peerURLs": ["http://10.0.0.9:2380"], "isLearner": True})
    (new, *others) = gateways.read().members
    assert (new.name, new.healthy, new.learner) == ("", None, True)
    assert new.trouble == f"member {IDS['new']:x} has not started yet"
    assert [one.healthy for one in others] == [True, True, True]


def test_no_leader(gateways: Gateways) -> None:
    gateways.leader = ""
    seen = gateways.read()
    assert seen.leader == ""
    assert seen.members == tuple(member(name, False, trouble="etcdserver: no leader") for name in NAMES)
    # Alarms are read through the log, which nobody leads.
    assert not any(request.path == ALARMS for server in gateways.servers.values() for request in server.seen)


def test_no_leader_and_no_word_about_it(gateways: Gateways) -> None:
    gateways.status["cp2"] = {"leader": None}
    seen = gateways.read()
    assert seen.members[1] == member("cp2", False, trouble="it knows no leader")
    assert seen.leader == "cp1"


def test_the_latest_term_knows_the_leader(gateways: Gateways) -> None:
    gateways.status["cp3"] = {"leader": str(IDS["cp2"]), "raftTerm": "5"}
    assert gateways.read().leader == "cp2"


def test_a_learner_has_no_say_about_the_leader(gateways: Gateways) -> None:
    gateways.learners.add("cp3")
    gateways.leader = ""
    gateways.status["cp3"] = {"leader": str(IDS["cp1"]), "errors": None, "raftTerm": "9"}
    assert gateways.read().leader == ""


def test_a_learner_is_better_than_nobody(gateways: Gateways) -> None:
    gateways.learners.add("cp3")
    down(gateways, "cp1", "cp2")
    assert gateways.read().leader == "cp1"


def test_a_leader_that_is_not_listed(gateways: Gateways) -> None:
    gateways.status = {name: {"leader": str(IDS["new"])} for name in NAMES}
    assert gateways.read().leader == f"{IDS['new']:x}"


def test_whoever_knows_most_tells_the_members(gateways: Gateways) -> None:
    gateways.replies["cp1", MEMBERS] = Reply(200, {"members": gateways.listed[:1]})
    gateways.status["cp1"] = {"raftAppliedIndex": "9"}
    assert [one.name for one in gateways.read().members] == list(NAMES)


# --- alarms


@pytest.mark.parametrize("leader", ["cp1", ""], ids=["by the leader", "by what the members have heard"])
def test_no_space(gateways: Gateways, leader: str) -> None:
    gateways.alarms, gateways.leader = [NOSPACE], leader
    seen = gateways.read()
    assert seen.alarms == ("cp2: NOSPACE",)
    # The alarm is told by itself, and makes no member sick.
    assert {one.healthy for one in seen.members} == {bool(leader)}
    assert not any("alarm" in one.trouble for one in seen.members)


def test_corrupt(gateways: Gateways) -> None:
    gateways.alarms = [NOSPACE, CORRUPT]
    seen = gateways.read()
    assert seen.alarms == ("cp2: NOSPACE", "cp3: CORRUPT")
    assert seen.members == (
        member("cp1"),
        member("cp2"),
        member("cp3", False, trouble="its data are corrupt"),
    )


def test_an_alarm_of_all_of_them(gateways: Gateways) -> None:
    gateways.alarms = [{"memberID": "0", "alarm": "CORRUPT"}]
    seen = gateways.read()
    assert seen.alarms == ("CORRUPT",) and all(one.healthy for one in seen.members)


def test_an_alarm_that_nobody_knows_of_a_member_that_is_gone(gateways: Gateways) -> None:
    gateways.alarms = [{"memberID": str(IDS["new"]), "alarm": "FIRE"}, {"memberID": str(IDS["cp1"]), "alarm": "NONE"}]
    gateways.replies = {(name, "/health"): Reply(200, {"health": "true"}) for name in NAMES}
    assert gateways.read().alarms == (f"{IDS['new']:x}: FIRE",)


def test_the_leader_knows_better_what_is_over(gateways: Gateways) -> None:
    gateways.status["cp2"] = {"errors": [f"memberID:{IDS['cp2']} alarm:NOSPACE "]}
    seen = gateways.read()
    assert seen.alarms == () and all(one.healthy for one in seen.members)


@pytest.mark.parametrize("reply", [Reply(504, {"code": 4, "message": "context deadline exceeded"}), Reply(hang=True)])
def test_alarms_that_the_leader_does_not_tell(gateways: Gateways, reply: Reply) -> None:
    gateways.alarms = [NOSPACE]
    gateways.replies["cp1", ALARMS] = reply
    seen = gateways.read()
    assert seen.alarms == ("cp2: NOSPACE",) and all(one.healthy for one in seen.members)


@pytest.mark.parametrize("health", [{"health": "false", "reason": "ALARM NOSPACE"}, {"health": "false"}])
def test_releases_that_cannot_leave_alarms_out(gateways: Gateways, health: dict[str, str]) -> None:
    gateways.alarms = [NOSPACE]
    gateways.replies = {(name, "/health"): Reply(503, health) for name in NAMES}
    assert all(one.healthy for one in gateways.read().members)


# --- members that are not well


def test_one_member_is_down(gateways: Gateways) -> None:
    down(gateways, "cp2")
    seen = gateways.read()
    trouble = f"{gateways.servers['cp2'].url}: connection refused: nothing listens there"
    assert seen.members == (member("cp1"), EtcdMember("cp2", False, trouble=trouble), member("cp3"))
    assert seen.leader == "cp1"


def test_the_majority_is_down(gateways: Gateways) -> None:
    down(gateways, "cp1", "cp2")
    gateways.leader = ""
    seen = gateways.read()
    assert [(one.name, one.healthy) for one in seen.members] == [("cp1", False), ("cp2", False), ("cp3", False)]


@pytest.mark.parametrize("drip", ["", "headers", "body"])
def test_one_member_is_slow(gateways: Gateways, drip: str) -> None:
    """Not even the one that says something all the time takes longer than the deadline."""
    gateways.replies["cp3", STATUS] = Reply(body=b"x" * 60000, hang=not drip, drip=drip)
    begun = time.monotonic()
    seen = gateways.read(deadline=1)
    assert time.monotonic() - begun < 3
    assert [one.healthy for one in seen.members] == [True, True, False]
    assert "takes the connection and does not answer" in seen.members[2].trouble


def test_one_member_does_not_even_speak_tls(authority: Authority) -> None:
    """As when its process is stopped: the kernel takes the connection, and nobody the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"https://127.0.0.1:{frozen.getsockname()[1]}"
        access = EtcdAccess((url,), authority.ca_file.read_bytes(), authority.certificate, authority.key)
        with pytest.raises(Unreachable, match="takes the connection and does not answer"):
            read_etcd(access, 1)


def test_the_answer_says_what_is_wrong(gateways: Gateways) -> None:
    gateways.replies["cp2", STATUS] = Reply(503, {"code": 14, "message": "etcdserver:\nserver stopped"})
    seen = gateways.read()
    url = gateways.servers["cp2"].url
    assert seen.members[1] == EtcdMember(
        "cp2", False, trouble=f"{url}: POST {STATUS}: HTTP 503 etcdserver: server stopped"
    )


@pytest.mark.parametrize(
    ("reply", "healthy", "trouble"),
    {
        "false": (Reply(503, {"health": "false", "reason": "RANGE ERROR:\nslow"}), False, "RANGE ERROR: slow"),
        "false without a reason": (Reply(503, {"health": "false"}), False, "no reason given"),
        "a real boolean": (Reply(200, {"health": True}), True, ""),
        "garbage": (Reply(200, b"<html>"), None, "not that of an etcd member"),
        "another page": (Reply(404, b"404 page not found"), None, "HTTP 404"),
        "silence": (Reply(hang=True), None, "does not answer"),
    }.values(),
)
def test_the_health_of_a_member(gateways: Gateways, reply: Reply, healthy: bool | None, trouble: str) -> None:
    gateways.replies["cp2", "/health"] = reply
    seen = gateways.read(deadline=1.5)
    assert seen.members[1].healthy is healthy and trouble in seen.members[1].trouble
    assert "\n" not in seen.members[1].trouble
    assert (seen.members[0], seen.members[2]) == (member("cp1"), member("cp3"))


# --- members that nobody could ask


@pytest.mark.parametrize(
    ("reply", "trouble"),
    {
        "garbage": (Reply(200, b"\x00<html>"), "the answer is not that of an etcd member"),
        "a list": (Reply(200, []), "the answer is not that of an etcd member"),
        "JSON of somebody else": (Reply(200, {"status": "ok"}), "the answer is not that of an etcd member"),
        "odd shapes": (Reply(200, {"header": ["x"], "errors": 5}), "the answer is not that of an etcd member"),
        "deep JSON": (Reply(200, b"[" * 100_000), "the answer is not that of an etcd member"),
        "no gateway": (Reply(404, b"404 page not found"), "its JSON gateway is switched off"),
        "a proxy without a server": (Reply(502, b"<html>bad gateway"), "HTTP 502"),
        "no right": (Reply(403, {"message": "CN not\npermitted"}), "HTTP 403 CN not permitted"),
        "elsewhere": (Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), "HTTP 302"),
        "a broken connection": (Reply(reset=True), ""),
    }.values(),
)
def test_what_answers_and_is_no_member(gateways: Gateways, reply: Reply, trouble: str) -> None:
    gateways.replies["cp2", STATUS] = reply
    seen = gateways.read()
    assert (seen.members[1].name, seen.members[1].healthy) == ("cp2", None)
    assert trouble in seen.members[1].trouble and "\n" not in seen.members[1].trouble
    assert (seen.members[0], seen.members[2]) == (member("cp1"), member("cp3"))


def test_a_member_that_is_not_among_the_endpoints(gateways: Gateways) -> None:
    del gateways.servers["cp3"]
    seen = gateways.read()
    assert seen.members[2].healthy is None
    assert "is not among etcd_endpoints" in seen.members[2].trouble


def test_an_address_that_the_member_does_not_tell(gateways: Gateways) -> None:
    """It answers, so it is known whatever its address is; if it did not, nobody could say whose address it is."""
    for name in NAMES:
        gateways.entry(name)["clientURLs"] = [f"https://10.0.0.{name[-1]}:2379"]
    assert [one.healthy for one in gateways.read().members] == [True, True, True]
    down(gateways, "cp3")
    seen = gateways.read()
    assert seen.members[2].healthy is None
    assert "10.0.0.3:2379 is not among etcd_endpoints" in seen.members[2].trouble
    assert f"{gateways.servers['cp3'].url}: connection refused" in seen.members[2].trouble


def test_a_name_where_the_member_tells_its_address(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    url = gateways.servers["cp3"].url
    down(gateways, "cp3")
    named = EtcdAccess((gateways.servers["cp1"].url, url.replace("127.0.0.1", "localhost")))
    assert [one.healthy for one in read_etcd(named).members] == [True, None, False]


def test_a_member_with_two_addresses(gateways: Gateways) -> None:
    gateways.entry("cp1")["clientURLs"].insert(0, "http://127.0.0.1:1")
    access = EtcdAccess(("http://127.0.0.1:1", *gateways.access.endpoints))
    assert read_etcd(access).members == tuple(member(name) for name in NAMES)


def test_a_machine_that_cannot_be_reached(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be dead, or we may not be let through: nobody here can tell."""
    gateways.entry("cp3")["clientURLs"] = ["https://192.0.2.1:2379"]
    connect = socket.socket.connect

    def dropped(self: socket.socket, address: Any) -> None:
        if address[0] == "192.0.2.1":
            raise TimeoutError("timed out")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", dropped)
    urls = [gateways.servers[name].url for name in ("cp1", "cp2")]
    seen = read_etcd(EtcdAccess((*urls, "https://192.0.2.1:2379"), b"", None, None))
    assert seen.members[2] == EtcdMember("cp3", None, trouble="https://192.0.2.1:2379: it was not reached: timed out")


def test_a_name_that_nobody_knows(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def unknown(host: Any, *args: Any, **options: Any) -> Any:
        if host == "cp3.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    gateways.entry("cp3")["clientURLs"] = ["https://cp3.invalid:2379"]
    seen = read_etcd(EtcdAccess((gateways.servers["cp1"].url, "https://cp3.invalid:2379")))
    assert seen.members[2].healthy is None
    assert "it was not reached: Name or service not known" in seen.members[2].trouble


def test_a_resolver_that_does_not_answer(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    released = gateways.servers["cp1"].released
    resolve = socket.getaddrinfo

    def stuck(host: Any, *args: Any, **options: Any) -> Any:
        if host == "cp3.invalid":
            released.wait(10)
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    begun = time.monotonic()
    seen = read_etcd(EtcdAccess((gateways.servers["cp1"].url, "https://cp3.invalid:2379")), 0.5)
    assert time.monotonic() - begun < 5
    assert seen.members[0].healthy
    assert "https://cp3.invalid:2379: no answer in time" in seen.members[2].trouble


# --- nobody, or not the right ones


def test_nobody_answers(gateways: Gateways) -> None:
    down(gateways, *NAMES)
    with pytest.raises(Unreachable) as told:
        gateways.read()
    urls = ", ".join(gateways.access.endpoints)
    assert str(told.value) == f"no member of etcd has answered: {urls}: connection refused: nothing listens there"


def test_nobody_tells_the_members(gateways: Gateways) -> None:
    gateways.replies = {(name, MEMBERS): Reply(503, {"message": "not now"}) for name in NAMES}
    with pytest.raises(Unreachable, match="answers, but no endpoint tells its members"):
        gateways.read()


@pytest.mark.parametrize("members", [5, "x", {}, [], [5, None], [{"ID": "x"}]])
def test_members_of_an_odd_shape(gateways: Gateways, members: Any) -> None:
    gateways.replies = {(name, MEMBERS): Reply(200, {"members": members}) for name in NAMES}
    with pytest.raises(Unreachable, match="answers, but no endpoint tells its members"):
        gateways.read()


def test_two_etcds(gateways: Gateways) -> None:
    """The one for events, say: then nobody knows which members and alarms are meant."""
    gateways.status["cp2"] = {"header": {"cluster_id": "78", "member_id": str(IDS["cp2"])}}
    first, second = (gateways.servers[name].url for name in ("cp1", "cp2"))
    with pytest.raises(SettingsError, match=f"{first} and {second} belong to different etcd clusters"):
        gateways.read()


@pytest.mark.parametrize(
    "status",
    [
        {"dbSize": [], "dbSizeQuota": {}, "raftTerm": "x", "raftAppliedIndex": None},
        {"dbSize": "9" * 5000, "dbSizeQuota": True, "raftTerm": 1.5, "raftAppliedIndex": "9" * 5000},
    ],
)
def test_numbers_of_an_odd_shape(gateways: Gateways, status: dict[str, Any]) -> None:
    gateways.status = dict.fromkeys(NAMES, status)
    assert gateways.read().members[0] == member("cp1", db_bytes=None, quota_bytes=None)


def test_names_and_addresses_of_an_odd_shape(gateways: Gateways) -> None:
    gateways.entry("cp1").update(name="c\np1", clientURLs="x")
    gateways.entry("cp2").update(clientURLs=[5, "https://[::1", "https://a:b", None])
    gateways.alarms = [{"memberID": str(IDS["cp1"]), "alarm": "A\nB"}]
    seen = gateways.read()
    assert [one.name for one in seen.members] == ["c p1", "cp2", "cp3"]
    assert seen.alarms == ("c p1: A B",)


# --- certificates


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> dict[str, str]:
    """The three options, with files that are good."""
    (tmp_path / "client.crt").write_bytes(authority.certificate)
    (tmp_path / "client.key").write_bytes(authority.key)
    return {
        "ca_cert": str(authority.ca_file),
        "client_cert": str(tmp_path / "client.crt"),
        "client_key": str(tmp_path / "client.key"),
    }


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """The same of another authority."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    other = Authority(folder)
    (folder / "client.crt").write_bytes(other.certificate)
    (folder / "client.key").write_bytes(other.key)
    return {
        "ca_cert": str(other.ca_file),
        "client_cert": str(folder / "client.crt"),
        "client_key": str(folder / "client.key"),
    }


def asking(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """TLS for a member that wants its clients' certificates."""
    context = authority.server_context(ask=True)
    context.maximum_version = version
    return context


TLS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@TLS
def test_both_know_each_other(authority: Authority, files: dict[str, str], version: ssl.TLSVersion) -> None:
    with serving(asking(authority, version)) as server:
        gateways = Gateways({"cp1": server})
        access = etcd_access([server.url], **files)
        assert access is not None and "PRIVATE" not in repr(access)
        assert read_etcd(access) == Etcd((member("cp1"),), (), "cp1", direct=True)
        assert gateways.entry("cp1")["clientURLs"][0].startswith("https:")


def test_the_wrong_authority(authority: Authority, files: dict[str, str], stranger: dict[str, str]) -> None:
    with serving(authority.server_context(ask=True)) as server:
        access = etcd_access([server.url], **{**files, "ca_cert": stranger["ca_cert"]})
        assert access is not None
        with pytest.raises(Unreachable) as told:
            read_etcd(access)
        text = f"no member of etcd has answered: {server.url}: its certificate is not to be trusted: "
        assert str(told.value).startswith(text) and "\n" not in str(told.value)
        assert not server.seen


def test_a_certificate_for_somebody_else(authority: Authority, files: dict[str, str]) -> None:
    with serving(authority.server_context(ask=True)) as server:
        access = etcd_access([server.url.replace("127.0.0.1", "localhost")], **files)
        assert access is not None
        with pytest.raises(Unreachable, match="not to be trusted: .*localhost"):
            read_etcd(access)


@TLS
def test_a_client_that_is_not_let_in(
    authority: Authority, files: dict[str, str], stranger: dict[str, str], version: ssl.TLSVersion
) -> None:
    with serving(asking(authority, version)) as server:
        access = etcd_access([server.url], **{**stranger, "ca_cert": files["ca_cert"]})
        assert access is not None
        with pytest.raises(Unauthorized) as told:
            read_etcd(access)
        text = f"etcd does not let us in: {server.url}: it does not accept the client certificate: "
        assert str(told.value).startswith(text) and "\n" not in str(told.value)


def test_one_member_with_a_wrong_certificate_is_unknown(
    authority: Authority, files: dict[str, str], stranger: dict[str, str], tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    with serving(authority.server_context(ask=True)) as good, serving(other.server_context()) as bad:
        Gateways({"cp1": good, "cp2": bad})
        access = etcd_access([good.url, bad.url], **files)
        assert access is not None
        seen = read_etcd(access)
    assert seen.members[0] == member("cp1")
    assert seen.members[1].healthy is None and "not to be trusted" in seen.members[1].trouble


# --- what the user gives


def test_nothing_given() -> None:
    assert etcd_access(None, None, None, None) is None
    assert etcd_access([], "", "", "") is None


@pytest.mark.parametrize("missing", ["ca_cert", "client_cert", "client_key"])
def test_all_four_or_none(files: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=f"^etcd_endpoints needs etcd_{missing} too: give all four, or none$"):
        etcd_access(["https://10.0.0.1:2379"], **{**files, missing: ""})
    with pytest.raises(SettingsError, match="^etcd_endpoints is missing, and etcd_[a-z_ and]* cannot be used"):
        etcd_access([], **{**files, missing: ""})
    # Half of them is a mistake even where none would do.
    with pytest.raises(SettingsError, match=f"needs etcd_{missing} too"):
        etcd_access(["http://127.0.0.1:2379"], **{**files, missing: ""})


@pytest.mark.parametrize(
    ("given", "kept"),
    {
        "https://10.0.0.1:2379": "https://10.0.0.1:2379",
        " https://10.0.0.1:2379/ ": "https://10.0.0.1:2379",
        "https://cp-1.example.com:2379": "https://cp-1.example.com:2379",
        "https://[2001:DB8::1]:2379": "https://[2001:db8::1]:2379",
        "http://127.0.0.1:2379": "http://127.0.0.1:2379",
        "http://127.8.9.1:2379": "http://127.8.9.1:2379",
        "http://[::1]:2379": "http://[::1]:2379",
        "http://localhost:2379": "http://localhost:2379",
    }.items(),
)
def test_addresses(files: dict[str, str], given: str, kept: str) -> None:
    access = etcd_access([given, given], **files)
    assert access is not None and access.endpoints == (kept,)
    if given.startswith("http:"):
        assert etcd_access([given], None, None, None) == EtcdAccess((kept,))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "10.0.0.1",
        "10.0.0.1:2379",
        "https://10.0.0.1",
        "https://10.0.0.1:0",
        "https://10.0.0.1:65536",
        "https://10.0.0.1:x",
        "https://10.0.0:2379",
        "https://:2379",
        "https://a b:2379",
        "https://a/b:2379",
        "https://[::1:2379",
        "https://[fe80::1%25eth0]:2379",
        "https://user:secret@10.0.0.1:2379",
        "https://10.0.0.1:2379/v3",
        "https://10.0.0.1:2379?x=1",
        "https://10.0.0.1:2379#x",
        "unix:///run/etcd.sock",
        "ftp://10.0.0.1:2379",
        "https://10.0.0.1:2379\nX-Evil: 1",
        5,
        None,
    ],
)
def test_no_addresses(files: dict[str, str], given: Any) -> None:
    with pytest.raises(SettingsError, match="^etcd_endpoints: expected an address like https://10.0.0.1:2379") as told:
        etcd_access(["https://10.0.0.2:2379", given], **files)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "etcd.example.com", "[2001:db8::1]", "127.0.0.1.example.com", "localhosts"]
)
def test_plain_http_stays_on_the_machine(files: dict[str, str], host: str) -> None:
    with pytest.raises(SettingsError, match="is not encrypted"):
        etcd_access([f"http://{host}:2379"], **files)


def test_too_many_addresses(files: dict[str, str]) -> None:
    most = [f"https://10.0.0.{number}:2379" for number in range(1, etcd_module.MOST_ENDPOINTS + 1)]
    access = etcd_access(most, **files)
    assert access is not None and len(access.endpoints) == etcd_module.MOST_ENDPOINTS
    with pytest.raises(SettingsError, match="at most 32 addresses, got 33"):
        etcd_access([*most, "https://10.0.1.1:2379"], **files)


def test_files_that_are_not_what_they_should_be(
    files: dict[str, str], stranger: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(b"\xff\x00garbage")
    (tmp_path / "locked").write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    cases = {
        "etcd_ca_cert: .*/none cannot be read: No such file": {"ca_cert": str(tmp_path / "none")},
        "etcd_client_cert: .*/none cannot be read: No such file": {"client_cert": str(tmp_path / "none")},
        "etcd_client_key: .* cannot be read: Is a directory": {"client_key": str(tmp_path)},
        "etcd_ca_cert: .*/empty holds no certificate": {"ca_cert": str(tmp_path / "empty")},
        "etcd_ca_cert: .*/garbage holds no certificate": {"ca_cert": str(tmp_path / "garbage")},
        "etcd_ca_cert: .*/client.key holds no certificate": {"ca_cert": files["client_key"]},
        "etcd_client_cert and etcd_client_key: .*/garbage and .*client.key are no": {
            "client_cert": str(tmp_path / "garbage")
        },
        "etcd_client_cert and etcd_client_key: .* are no certificate and its key": {
            "client_key": stranger["client_key"]
        },
        "etcd_client_key: .*/locked is encrypted": {"client_key": str(tmp_path / "locked")},
    }
    for text, wrong in cases.items():
        with pytest.raises(SettingsError, match=f"^{text}") as told:
            etcd_access(["https://10.0.0.1:2379"], **{**files, **wrong})
        assert "\n" not in str(told.value)
        assert isinstance(told.value, ClusterError)
