# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret survives, no bundle is too large, and no name is made of words that nobody has checked."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import (
    KEY_LINES,
    LEFT_OUT,
    LIMIT_RANGE,
    BundleError,
    Section,
    bundle_name,
    check_bundle,
    check_bundle_name,
    limits,
    outdated,
    redact,
    render,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW
from hypothesis import given
from hypothesis import strategies as st

UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
SUM = "4f1d2c0e6d5f2f7a5e0f8f6a7b1d3c5e9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d"
# What a journal says, and must go on saying.
PLAIN = (
    'Nov 29 12:00:00 worker-1 kubelet[812]: "Error syncing pod" err="failed to start sandbox" pod="shop/web-1"',
    "cali0a1b2c: flags=4163<UP,BROADCAST> mtu 1450, error: 110: Connection timed out",
    '-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -j KUBE-SVC-X',
    f"k8s.io/{SUM}    registry.example/pause:3.10    io.containerd.runc.v2",
    'MountVolume.SetUp failed for volume "kube-api-access-x7k2p" : secret "web" not found',
    "/var/lib/kubelet/pods/5f3c1f0a-8f0e-4d56-bb0c-6f1a3b0c2d11/volumes/kubernetes.io~empty-dir/scratch",
    "Out of memory: Killed process 4711 (java) total-vm:8388608kB, anon-rss:4194304kB",
)
# Words that mean nothing by themselves, so that only what stands around them tells that they are secret.
WORD = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=8, max_size=30)
# The same with what programs generate passwords of. Which of them ends a word depends on where it stands.
ODD = st.text("abcdXYZ789!#$%&()*+,-./:;=?@[]^_`{|}~", min_size=10, max_size=40).filter(lambda text: text[0].isalnum())
BASE64 = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", min_size=64, max_size=64)
_NAMES = """
password PASSWORD db_passwd DB_PASS_PASSWORD token authToken X-Vault-Token client_secret SECRET apiKey api_key
ACCESS_KEY aws_secret_access_key private-key client-key-data passphrase credential bootstrap-token
session_token STRIPE_KEY
"""
KEYS = st.sampled_from(_NAMES.split())
FORMS = st.sampled_from(
    (
        "{key}={secret}",
        "{key}: {secret}",
        "{key}:{secret}",
        "{key} = {secret}",
        "{key}='{secret}'",
        '{key}="{secret}"',
        '{{"user":"me","{key}":"{secret}"}}',
        '{{"user": "me", "{key}": "{secret}", "b": 1}}',
        '{{\\"{key}\\":\\"{secret}\\"}}',
        '\\\\\\"{key}\\\\\\":\\\\\\"{secret}\\\\\\"',
        "--{key}={secret}",
        "--{key} {secret}",
        "https://host/path?a=b&{key}={secret}",
        'map["{key}":"{secret}"]',
        "{key}=>{secret}",
        "{key}:={secret}",
        "{key}: |\n    {secret}",
        "\x1b[31m{key}\x1b[0m={secret}",
        "{key}\x07={secret}",
        "{key}\u200b={secret}",
    )
)
LINE = st.sampled_from(PLAIN)


def around(text: str, before: str, after: str) -> str:
    return f"{before}\nNov 29 12:00:01 worker-1 app[7]: {text} and so on\n{after}\n"


def test_what_a_journal_says_stays() -> None:
    text = "\n".join(PLAIN)
    assert redact(text) == (text, 0)


@given(WORD, KEYS, FORMS, LINE, LINE)
def test_a_secret_that_is_called_one_never_survives(secret: str, key: str, form: str, before: str, after: str) -> None:
    said, count = redact(around(form.format(key=key, secret=secret), before, after))
    assert secret not in said
    assert count >= 1 and LEFT_OUT in said
    assert said.startswith(before) and said.rstrip("\n").endswith(after), "and nothing else goes with it"


@given(ODD, KEYS, st.sampled_from(("{key}={secret}", '"{key}":"{secret}"', "{key}: {secret}", "--{key} {secret}")))
def test_whatever_letters_it_is_made_of(secret: str, key: str, form: str) -> None:
    said, _count = redact(around(form.format(key=key, secret=secret), "", ""))
    assert secret not in said and secret[:10] not in said and secret[-6:] not in said


@given(WORD, WORD)
def test_words_in_quotes_are_one_secret(first: str, second: str) -> None:
    for form in ('password="{} {}"', "password: '{} {}'", '{{\\"token\\":\\"{} {}\\"}}', '"password": "{} {}'):
        said, _count = redact(form.format(first, second))
        assert first not in said and second not in said


@given(WORD, WORD)
def test_in_a_file_of_settings_a_value_goes_to_the_end_of_its_line(first: str, second: str) -> None:
    said, _count = redact(f"user: me\n  password: {first} {second}\nnext: line\n")
    assert said == f"user: me\n  password: {LEFT_OUT}\nnext: line\n"


@given(
    WORD,
    st.sampled_from(
        (
            "Authorization: Bearer {}",
            "authorization: Basic {}",
            '-H "Authorization: Negotiate {}"',
            "Proxy-Authorization: {}",
            'Authorization: Digest username="me", response="{}"',
            '{{"Authorization":["Bearer {}"]}}',
            "Cookie: a=b; session={}",
            "Set-Cookie: {}; HttpOnly",
            "got bearer {}",
            "https://me:{}@registry.example/v2/",
            "postgres://app:{}@db:5432/shop?sslmode=require",
        )
    ),
)
def test_headers_and_addresses_give_nothing_away(secret: str, form: str) -> None:
    said, _count = redact(around(form.format(secret), *PLAIN[:2]))
    assert secret not in said and PLAIN[0] in said and PLAIN[1] in said


@given(st.data())
def test_tokens_are_known_by_their_form(data: st.DataObject) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    def word(size: int, of: str = letters) -> str:
        return data.draw(st.text(of, min_size=size, max_size=size))

    lower = "abcdefghijklmnopqrstuvwxyz0123456789"
    for secret in (
        f"eyJ{word(30)}.eyJ{word(60)}.{word(43)}",
        f"AKIA{word(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}",
        f"ghp_{word(36)}",
        f"glpat-{word(20)}",
        f"xoxb-{word(24)}",
        f"hvs.{word(24)}",
        f"{word(6, lower)}.{word(16, lower)}",
        f"aA1{word(40)}",
    ):
        said, count = redact(f"it said {secret} to me")
        assert (said, count) == (f"it said {LEFT_OUT} to me", 1)


def pem(lines: list[str], kind: str = "RSA PRIVATE KEY") -> list[str]:
    return [f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"]


@given(
    st.lists(BASE64, min_size=1, max_size=60),
    st.sampled_from(
        ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
    ),
    st.sampled_from(("", "Nov 29 12:00:00 worker-1 app[7]: ", "    ")),
)
def test_no_line_of_a_private_key_survives(body: list[str], kind: str, prefix: str) -> None:
    key = [prefix + line for line in pem(body, kind)]
    said, _count = redact("\n".join(["before", *key, "after"]))
    assert said == f"before\n{LEFT_OUT}\nafter"
    escaped = "\\n".join(pem(body, kind))
    said, _count = redact(f'before\n{{"key": "{escaped}"}}\nafter')
    assert said == f"before\n{LEFT_OUT}\nafter"


@given(st.lists(BASE64, min_size=2, max_size=60), st.integers(0, 59))
def test_also_of_half_a_key(body: list[str], cut: int) -> None:
    whole = pem(body)
    cut = min(cut, len(whole) - 1)
    for half in (whole[: cut + 1], whole[cut:]):
        if any("-----" in line for line in half):
            said, _count = redact("\n".join(half))
            assert not any(line in said for line in body)


def test_who_only_says_begin_hides_no_more_than_a_key_has() -> None:
    after = [f"line {number}" for number in range(1000)]
    said, _count = redact("\n".join(["-----BEGIN PRIVATE KEY-----", *after]))
    assert said.split("\n") == [LEFT_OUT, *after[KEY_LINES:]]


def test_certificates_stay() -> None:
    text = "-----BEGIN CERTIFICATE-----\nshort\n-----END CERTIFICATE-----"
    assert redact(text)[0] == text


def test_a_word_that_is_cut_in_two_goes_whole() -> None:
    secret = "q8Zr" * 500
    said, _count = redact(f"{'word ' * 700}{secret}")
    assert "q8Zr" not in said


@given(st.text(max_size=3000))
def test_what_is_told_does_nothing_to_a_terminal(text: str) -> None:
    said, _count = redact(text)
    assert all(line.isprintable() for line in said.split("\n"))


@pytest.mark.parametrize(
    "line",
    [
        "token" * 700,
        "--token-" * 450,
        "://a:" * 700,
        "\\" * 3900,
        "x" * 3900,
        "a:" * 1900,
        "eyJaaaaaa." * 390,
        '"' * 3900,
    ],
)
def test_no_text_takes_long(line: str) -> None:
    """A host may say anything, and the fence's time runs after this: 100 kB of the worst of each kind."""
    text, begun = f"{line}\n" * 25, time.perf_counter()
    redact(text)
    assert time.perf_counter() - begun < 5


# --- the size

SECTIONS = st.builds(
    Section,
    name=st.text(max_size=100),
    command=st.text(max_size=500),
    text=st.one_of(
        st.text(max_size=500),
        st.tuples(st.text(min_size=1, max_size=40), st.integers(1, 4000)).map(lambda pair: f"{pair[0]}\n" * pair[1]),
        st.tuples(st.text(min_size=1, max_size=4), st.integers(1, 40000)).map(lambda pair: pair[0] * pair[1]),
    ),
    share=st.integers(0, 100),
    tail=st.booleans(),
    limit=st.integers(0, 100000),
    rc=st.one_of(st.none(), st.integers()),
    trouble=st.text(max_size=500),
)


@given(
    st.dictionaries(st.text(max_size=60), st.one_of(st.text(max_size=500), st.integers(), st.none()), max_size=25),
    st.lists(SECTIONS, max_size=20),
    st.integers(LIMIT_RANGE[0], 300000),
)
def test_a_bundle_is_never_larger_than_its_limit(about: dict[str, Any], sections: list[Section], limit: int) -> None:
    made = render(about, sections, limit)
    assert len(made.encode()) <= limit
    told = json.loads(made)["sections"]
    assert len(told) == len(sections)
    for section, one in zip(sections, told, strict=True):
        lines = redact(section.text)[0].rstrip().split("\n") if section.text.strip() else []
        assert one["cut"] or len(one["lines"]) >= len([line for line in lines if line.strip()]) or section.limit


def test_what_matters_of_a_section_is_what_is_kept() -> None:
    lines = [f"line {number:06}" for number in range(20000)]
    text = "\n".join(lines)
    told = json.loads(render({}, [Section("a", "b", text, tail=True), Section("c", "d", text)], LIMIT_RANGE[0]))
    journal, table = (one["lines"] for one in told["sections"])
    assert journal[-1] == lines[-1] and table[0] == lines[0]
    assert 500 < len(journal) < 5000 and all(one["cut"] for one in told["sections"])
    assert journal == lines[-len(journal) :] and table == lines[: len(table)]


@given(WORD)
def test_a_secret_that_the_host_has_cut_from_its_name_goes_with_its_line(secret: str) -> None:
    """tail -c begins anywhere, for example between a name and its value."""
    journal = f"{secret} and so on\nwhole line\n"
    [told] = json.loads(render({}, [Section("a", "b", journal, tail=True, limit=len(journal))], 100000))["sections"]
    assert (told["lines"], told["cut"]) == (["whole line"], True)
    table = f"whole line\nbearer {secret[:4]}"
    [told] = json.loads(render({}, [Section("a", "b", table, limit=len(table))], 100000))["sections"]
    assert (told["lines"], told["cut"]) == (["whole line"], True)


@given(WORD)
def test_no_part_of_a_bundle_holds_a_secret(secret: str) -> None:
    said = f"token={secret} ok"
    section = Section(said, said, said, trouble=said)
    made = render({"message": said, said: 1}, [replace(section, name="a")], 100000)
    # The names are ours, and none of them is a host's.
    assert made.replace(said, "").count(secret) == 0


def test_shares_fit_into_the_whole() -> None:
    shares = {"a": 1, "b": 26, "c": 0}
    room = limits(shares, 2 * 1024 * 1024)
    assert room["b"] == pytest.approx(26 * room["a"], rel=0.01) and room["a"] == room["c"]
    assert sum(room.values()) < 2 * 1024 * 1024
    for wrong in (LIMIT_RANGE[0] - 1, LIMIT_RANGE[1] + 1):
        with pytest.raises(BundleError, match=f"expected bytes from {LIMIT_RANGE[0]} to {LIMIT_RANGE[1]}, got {wrong}"):
            limits(shares, wrong)
    with pytest.raises(BundleError, match="has no room for 60 sections"):
        limits({str(number): 1 for number in range(60)}, LIMIT_RANGE[0])


# --- names


def test_the_name_says_which_cluster_node_and_incident() -> None:
    name = bundle_name(UID, "worker-1.example", NOW)
    assert name == f"evidence_{UID}_worker-1.example_{NOW:%Y%m%dT%H%M%SZ}.json.gz"
    assert check_bundle_name(name) == name


@given(
    st.one_of(st.none(), st.text(max_size=80)), st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True)
)
def test_no_word_of_others_gets_into_a_name(uid: str | None, node: str) -> None:
    name = bundle_name(uid, node, NOW)
    assert check_bundle_name(name) == name
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", name) and len(name) <= 255 and not name.startswith(".")


def test_two_long_names_are_two() -> None:
    names = {bundle_name(UID, "a" * 240 + end, NOW) for end in ("b", "c")}
    assert len(names) == 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "../evidence",
        None,
        7,
        bundle_name(UID, "w1", NOW) + "\n",
        "/tmp/" + bundle_name(UID, "w1", NOW),
        "a" * 300,
    ],
)
def test_anything_else_is_no_name(name: object) -> None:
    with pytest.raises(BundleError, match="is not the name of an evidence bundle"):
        check_bundle_name(name)


def test_what_a_run_tells_of_its_bundle_is_checked() -> None:
    name = bundle_name(UID, "w1", NOW)
    assert check_bundle({"name": name, "sha256": SUM, "bytes": 7}) == Bundle(name, SUM, 7)
    assert check_bundle({"reason": "no folder\x1b[2J", "name": "", "bytes": 0}) == Bundle(reason="no folder?[2J")
    assert check_bundle(None) is check_bundle({}) is check_bundle({"name": None, "reason": ""}) is None
    reason = check_bundle({"reason": "a" * 1000})
    assert reason is not None and len(reason.reason) == 300
    for wrong in ({"name": name}, {"name": name, "bytes": 1}, {"name": "x", "bytes": 1, "sha256": SUM}):
        with pytest.raises(BundleError):
            check_bundle(wrong)


def test_old_bundles_of_this_cluster_go_and_nothing_else() -> None:
    day = 86400.0
    mine = {f"evidence_{UID}_w{number}_20261121T030002Z.json.gz": 100 * day - number for number in range(5)}
    newest = f"evidence_{UID}_w0_20261121T030002Z.json.gz"
    others = {
        "notes.txt": 0.0,
        f"evidence_{UID[:-1]}1_w1_20261121T030002Z.json.gz": 0.0,
        f"evidence_{UID}_w1_20261121T030002Z.json.gz.bak": 0.0,
        f"evidence_{UID}_w1_.json.gz": 0.0,
    }
    assert outdated(mine | others, newest, 5, 90, 100 * day) == ()
    assert outdated(mine | others, newest, 3, 90, 100 * day) == tuple(list(mine)[3:])
    assert outdated(mine | others, newest, 1, 90, 100 * day) == tuple(list(mine)[1:])
    assert outdated(mine | others, newest, 99, 90, 191 * day) == tuple(list(mine)[1:]), "the newest is never old"
    assert outdated(mine | others, "notes.txt", 1, 1, 1000 * day) == ()
