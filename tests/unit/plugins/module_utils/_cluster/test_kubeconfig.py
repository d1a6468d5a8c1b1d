# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our reading of kubeconfigs against the official package's."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.client.rest
import kubernetes.config
import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import kubeconfig
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import Access, load
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import Authority

SERVER = "https://10.0.0.1:6443"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(cluster: Mapping[str, Any], user: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": dict(cluster)}],
        "users": [{"name": "u", "user": dict(user or {})}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "one",
        **more,
    }


def write(path: Path, content: Mapping[str, Any]) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


PLAIN = {
    "a token": config({"server": SERVER}, {"token": "abc"}),
    "a server with a path": config({"server": "https://rancher.example/k8s/clusters/c-1/"}, {"token": "abc"}),
    "nobody": config({"server": SERVER}),
    "an empty token": config({"server": SERVER}, {"token": ""}),
    "no user": config({"server": SERVER}, contexts=[{"name": "one", "context": {"cluster": "c"}}]),
    "a user that is not there": config(
        {"server": SERVER}, contexts=[{"name": "one", "context": {"cluster": "c", "user": "x"}}]
    ),
    "a token in a file": config({"server": SERVER}, {"tokenFile": "token"}),
    "a token in a file and one beside it": config({"server": SERVER}, {"tokenFile": "token", "token": "beside"}),
    "a CA in a file": config({"server": SERVER, "certificate-authority": "pki/ca.crt"}, {"token": "t"}),
    "a CA inline": config({"server": SERVER, "certificate-authority-data": b64("inline")}, {"token": "t"}),
    "a CA inline and in a file": config(
        {"server": SERVER, "certificate-authority-data": b64("inline"), "certificate-authority": "nowhere"}
    ),
    "plain HTTP, where a CA has no use": config(
        {"server": "http://10.0.0.1:8080", "certificate-authority": "nowhere"}, {"client-key": "nowhere"}
    ),
    "nothing verified": config({"server": SERVER, "insecure-skip-tls-verify": True}, {"token": "t"}),
    "everything verified": config({"server": SERVER, "insecure-skip-tls-verify": False}),
    "another name": config({"server": SERVER, "tls-server-name": "kubernetes"}),
    "a proxy": config({"server": SERVER, "proxy-url": "http://proxy.example:3128"}),
    "a certificate inline": config(
        {"server": SERVER}, {"client-certificate-data": b64("cert"), "client-key-data": b64("key")}
    ),
    "a certificate in files": config(
        {"server": SERVER}, {"client-certificate": "pki/me.crt", "client-key": "pki/me.key"}
    ),
    "a certificate and a token": config(
        {"server": SERVER}, {"client-certificate": "pki/me.crt", "client-key": "pki/me.key", "token": "t"}
    ),
    "what minikube adds": config(
        {"server": SERVER, "extensions": [{"name": "x", "extension": {"provider": "minikube"}}]}, {"token": "t"}
    ),
}
OTHER = {
    "a name with a password": config({"server": SERVER}, {"username": "me", "password": "secret"}),
    "a token beside an unknown key": config({"server": SERVER}, {"token": "t", "as": "somebody"}),
    "an unknown key of the cluster": config({"server": SERVER, "novelty": 1}, {"token": "t"}),
    "gcp": config(
        {"server": SERVER},
        {"auth-provider": {"name": "gcp", "config": {"access-token": "g", "expiry": "2999-01-01T00:00:00Z"}}},
    ),
    "a plugin that gives a token": config(
        {"server": SERVER},
        {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/bin/echo",
                "args": [
                    json.dumps(
                        {
                            "apiVersion": "client.authentication.k8s.io/v1",
                            "kind": "ExecCredential",
                            "status": {"token": "fresh"},
                        }
                    )
                ],
                "interactiveMode": "Never",
            }
        },
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pki").mkdir()
    for name in ("token", "pki/ca.crt", "pki/me.crt", "pki/me.key"):
        (tmp_path / name).write_text(f"content of {name}", encoding="utf-8")
    return tmp_path


def official(path: str, context: str | None = None) -> kubernetes.client.Configuration:
    made = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(path, context, made, persist_config=False)
    return made


def content(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


def headers(made: kubernetes.client.Configuration) -> dict[str, str]:
    return {s["key"]: s["value"] for s in made.auth_settings().values() if s["value"]}


@pytest.mark.parametrize("given", [*PLAIN.values(), *OTHER.values()], ids=[*PLAIN, *OTHER])
def test_as_the_official_package_reads_it(home: Path, given: dict[str, Any]) -> None:
    path = write(home / "config", given)
    ours, theirs = load(path, None), official(path)
    assert ours.server == theirs.host
    assert dict(ours.headers()) == headers(theirs)
    assert ours.verify is theirs.verify_ssl
    assert ours.ca == content(theirs.ssl_ca_cert)
    assert (ours.certificate, ours.key) == (content(theirs.cert_file), content(theirs.key_file))
    assert (ours.tls_server_name, ours.proxy) == (theirs.tls_server_name, theirs.proxy)


@pytest.mark.parametrize("given", PLAIN.values(), ids=PLAIN)
def test_a_plain_one_is_read_here(home: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    monkeypatch.setattr(kubeconfig, "_official", None)
    load(write(home / "config", given), None)


@pytest.mark.parametrize("given", OTHER.values(), ids=OTHER)
def test_others_are_not(home: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    monkeypatch.setattr(kubeconfig, "_official", lambda files, context: Access(f"official {context}"))
    assert load(write(home / "config", given), None).server == "official one"


def test_without_the_official_package_it_is_said_clearly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    for name in ("kubernetes.client", "kubernetes.config"):
        monkeypatch.delitem(sys.modules, name)
    load(write(home / "config", PLAIN["a token"]), None)
    with pytest.raises(SettingsError, match="'kubernetes' is missing .* install kubernetes>=30"):
        load(write(home / "config", OTHER["a name with a password"]), None)


def test_a_line_end_after_a_token_is_none_of_it(home: Path) -> None:
    (home / "token").write_text("abc\n", encoding="utf-8")
    path = write(home / "config", PLAIN["a token in a file"])
    assert load(path, None).headers() == {"authorization": "Bearer abc"}


def test_the_key_is_not_shown(home: Path) -> None:
    shown = repr(load(write(home / "config", PLAIN["a certificate and a token"]), None))
    assert "me.key" not in shown and "Bearer" not in shown


# --- several files


def several(home: Path, first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    return os.pathsep.join(
        [write(home / "a" / "config", first), str(home / "absent"), write(home / "b/config", second)]
    )


def test_the_first_file_to_say_something_wins(home: Path) -> None:
    path = several(
        home,
        config({"server": "https://first"}, {"token": "first"}),
        config({"server": "https://second"}, {"token": "second"}),
    )
    access = load(path, None)
    assert (access.server, access.headers()) == ("https://first", {"authorization": "Bearer first"})
    assert official(path).host == "https://first"


def test_the_pieces_of_a_context_may_stand_in_several_files(home: Path) -> None:
    path = several(
        home,
        {"contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}], "current-context": "one"},
        config({"server": SERVER}, {"token": "second"}, contexts=[], **{"current-context": ""}),
    )
    access = load(path, None)
    assert (access.server, access.headers()) == (SERVER, {"authorization": "Bearer second"})


@pytest.mark.parametrize("plain", [True, False])
def test_the_current_context_is_the_first_ones_as_for_kubectl(home: Path, plain: bool) -> None:
    """The official package takes the last one's; healing another cluster than kubectl shows would be a bad surprise."""
    user = {"token": "t"} if plain else {"username": "me", "password": "secret"}
    second = config({"server": "https://second"}, {"token": "second"}, **{"current-context": "two"})
    second["clusters"][0]["name"] = second["contexts"][0]["context"]["cluster"] = "d"
    second["contexts"][0]["name"] = "two"
    path = several(home, config({"server": "https://first"}, user), second)
    assert load(path, None).server == "https://first"
    assert load(path, "two").server == "https://second"


def test_each_path_is_relative_to_its_own_file(home: Path) -> None:
    for name in ("a/ca.crt", "b/me.crt", "b/me.key", "b/token"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(name, encoding="utf-8")
    user = {"client-certificate": "me.crt", "client-key": "me.key", "tokenFile": "token"}
    path = several(
        home,
        config({"server": SERVER, "certificate-authority": "ca.crt"}, users=[]),
        config({"server": SERVER}, user),
    )
    access = load(path, None)
    assert (access.ca, access.certificate, access.key) == (b"a/ca.crt", b"b/me.crt", b"b/me.key")
    assert access.headers() == {"authorization": "Bearer b/token"}


# --- what cannot be used


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(config({"server": SERVER}, **{"current-context": ""}), "no current-context", id="no context"),
        pytest.param(config({}), "no server", id="no server"),
        pytest.param(config({"server": SERVER}, {"tokenFile": "nowhere"}), "nowhere", id="no token file"),
        pytest.param(config({"server": SERVER, "certificate-authority": "nowhere"}), "nowhere", id="no CA"),
        pytest.param(config({"server": SERVER}, clusters=[]), "no entry c in clusters", id="no cluster"),
        pytest.param(config({"server": SERVER}, clusters=[{"name": "c", "cluster": 5}]), "mapping", id="odd cluster"),
        pytest.param(config({"server": SERVER}, clusters=[{}]), "name", id="no name"),
        pytest.param(config({"server": SERVER}, clusters=5), "", id="odd clusters"),
    ],
)
def test_what_cannot_be_used(home: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=f"^kubeconfig .* cannot be used: .*{words}") as caught:
        load(write(home / "config", given), None)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_called_what_it_is(home: Path) -> None:
    os.mkfifo(home / "pipe")
    for path, why in {
        "pki": "is a directory",
        "pipe": "is not a file",
        "nowhere": "does not exist",
        "token/config": "does not exist",
        "x" * 300: "cannot be read (File name too long)",
    }.items():
        with pytest.raises(SettingsError) as caught:
            load(str(home / path), None)
        assert str(caught.value).startswith(f"no kubeconfig: {home / path} {why}; set kubeconfig ")
    with pytest.raises(SettingsError, match=r"cannot be read \(.*null"):
        load(str(home / "x\0"), None)


def test_each_of_several_that_are_no_files_is_called_what_it_is(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"^no kubeconfig: /nowhere does not exist, .*/pki is a directory; set "):
        load(f"/nowhere{os.pathsep}{home / 'pki'}", None)
    with pytest.raises(SettingsError, match="^no kubeconfig: no path is given; set "):
        load(os.pathsep, None)


def test_what_was_left_out_is_told_where_something_is_missed(home: Path) -> None:
    path = write(home / "config", config({"server": SERVER}))
    several = os.pathsep.join([str(home / "pki"), path, "/nowhere"])
    assert load(several, None).server == SERVER
    with pytest.raises(
        SettingsError,
        match=r"it has no entry two in contexts; left out: .*/pki is a directory, /nowhere does not exist$",
    ):
        load(several, "two")


def test_a_file_that_may_not_be_read_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's answer is made up."""

    def refuse(*_given: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(home / "config", config({"server": SERVER}))
    with monkeypatch.context() as patched:
        patched.setattr(kubeconfig, "open", refuse, raising=False)
        with pytest.raises(SettingsError, match=r"^kubeconfig .*/config cannot be used: .*Permission denied"):
            load(path, None)
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refuse)
        with pytest.raises(
            SettingsError, match=r"^no kubeconfig: .*/config cannot be read \(Permission denied\); set "
        ):
            load(path, None)


# --- proxies

PROXIES = [
    {},
    {"HTTPS_PROXY": "http://p:1"},
    {"https_proxy": "http://p:2", "HTTP_PROXY": "http://p:1"},
    {"ALL_PROXY": "http://p:3"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.1"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/24"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.1:6443"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.1:443"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example.org, api.internal"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "EXAMPLE.org"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ple.org"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"},
    {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ","},
]


@pytest.mark.parametrize("environment", PROXIES, ids=str)
@pytest.mark.parametrize("server", [SERVER, "https://api.example.org", "https://example.org:6443", "http://10.0.0.1"])
@pytest.mark.parametrize("own", [None, "http://own:9"])
def test_proxies_as_the_official_package_takes_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], server: str, own: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cluster = {"server": server} | ({"proxy-url": own} if own else {})
    path = write(home / "config", config(cluster))
    theirs = kubernetes.client.rest.RESTClientObject(official(path)).pool_manager.proxy
    assert load(path, None).proxy == (theirs.url if theirs else None)


def test_no_file_is_left_with_a_key(home: Path, authority: Authority) -> None:
    """The loader itself writes none at all."""
    before = sorted(home.rglob("*"))
    given = config(
        {"server": SERVER},
        {
            "client-certificate-data": base64.b64encode(authority.certificate).decode(),
            "client-key-data": base64.b64encode(authority.key).decode(),
        },
    )
    assert load(write(home / "config", given), None).key == authority.key
    assert sorted(home.rglob("*")) == sorted([*before, home / "config"])
