# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.filter.reboot import host_is_silent
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.hosts import HostError, is_silent, match_host
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import node

ONE = node("w1", addresses=("10.0.0.11", "fd00::11"))


@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        pytest.param({"w1": [], "w2": []}, "w1", id="by its own name"),
        pytest.param({"web": ["10.0.0.11"], "w2": ["10.0.0.12"]}, "web", id="by ansible_host"),
        pytest.param({"web": ["", "w1", ""], "db": ["", "", ""]}, "web", id="by selfheal_node"),
        pytest.param({"web": ["fd00::11"]}, "web", id="by another address"),
        pytest.param({"10.0.0.11": []}, "10.0.0.11", id="a host that is named by the address"),
        pytest.param({"web": ["w1", "10.0.0.11"]}, "web", id="several aliases of one host are one match"),
        pytest.param({"web": ("10.0.0.11",)}, "web", id="a tuple is a list"),
    ],
)
def test_match(hosts: dict[str, list[str]], host: str) -> None:
    assert match_host(ONE, hosts) == host


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        pytest.param(
            {}, "no inventory host matches it (looked for w1, 10.0.0.11, fd00::11 among 0 hosts", id="no hosts"
        ),
        pytest.param({"w2": ["10.0.0.12"]}, "among 1 hosts", id="another one"),
        pytest.param({"w10": [], "w": ["w11"]}, "among 2 hosts", id="names that only begin alike"),
        pytest.param({"W1": []}, "no inventory host", id="case matters"),
        pytest.param({"b": ["10.0.0.11"], "a": ["w1"]}, "several inventory hosts match", id="two of them"),
        pytest.param(
            {"w1": ["10.1.0.11"], "b-w1": ["10.0.0.11", "w1"]},
            "several inventory hosts match",
            id="two clusters, one name",
        ),
        pytest.param({"h": "w1"}, "hosts.h: expected a list of names and addresses, got 'w1'", id="text"),
        pytest.param({"h": None}, "hosts.h: expected a list", id="nothing"),
        pytest.param({"w1": [], "h": 5}, "hosts.h: expected a list", id="a number beside the match"),
    ],
)
def test_no_match(hosts: dict[str, list[str]], words: str) -> None:
    with pytest.raises(HostError) as caught:
        match_host(ONE, hosts)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_are_named_in_order() -> None:
    with pytest.raises(HostError, match=r"match w1, 10\.0\.0\.11, fd00::11: a, b$"):
        match_host(ONE, {"b": ["10.0.0.11"], "a": ["w1"]})


def test_letters_are_not_aliases() -> None:
    with pytest.raises(HostError):
        match_host(node("a"), {"h": "abc"})


def test_empty_aliases_match_nothing() -> None:
    with pytest.raises(HostError):
        match_host(node("w1"), {"h": [""], "g": [""]})


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Failed to connect to the host via ssh: ssh: connect to host 10.0.0.1 port 22: Connection timed out", None),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", 255),
        ("ssh: connect to host 10.0.0.1 port 22: Connection refused", 255),
        ("Connection timed out during banner exchange", 255),
        ("kex_exchange_identification: Connection closed by remote host", 255),
        ("Timed out after 30 second(s).", None),
        ("The raw action failed to execute in the expected time frame (30) and was terminated", None),
        ("Error response from daemon: container 5f3c is not running", 1),
        ("Error response from daemon: Container 5f3c is paused, unpause the container before exec", 1),
        ("cat: /etc/machine-id: Input/output error", 1),
        ("sh: 0: Cannot allocate memory", 2),
        ("sh: 1: Cannot fork", 2),
        ("", 124),
        ("", 137),
    ],
)
def test_a_silence(words: str, status: int | None) -> None:
    assert is_silent(words, status)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("", None),
        ("", 0),
        ("cat: /etc/machine-id: No such file or directory", 1),
        ("root@10.0.0.1: Permission denied (publickey).", 255),
        ("Host key verification failed. Connection closed by remote host", 255),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @ Connection closed", 255),
        ("ssh: Could not resolve hostname w1: Name or service not known", 255),
        ("Too many authentication failures, connection closed", 255),
        ("Error response from daemon: No such container: w1", 1),
        ("Error response from daemon: No such container: w1", 124),
        ("the connection plugin 'x' was not found", None),
        ("Timeout (12s) waiting for privilege escalation prompt: ", None),
        ("ssh: connect to host fd00::1 port 22: Network is unreachable", 255),
        ("channel 0: open failed: administratively prohibited, Connection closed by remote host", 255),
        ("Your account has expired; please contact your administrator. Connection closed by 10.0.0.1", 255),
        (
            '"System is booting up. Unprivileged users are not permitted to log in yet." Connection closed by 10.0.0.1',
            255,
        ),
        ("[Errno 11] Resource temporarily unavailable", None),
        ("something new under the sun", 1),
    ],
)
def test_what_may_be_our_own_fault_is_none(words: str, status: int | None) -> None:
    assert not is_silent(words, status)


@pytest.mark.parametrize(
    ("asked", "silent"),
    [
        ({"unreachable": True, "msg": "Failed to connect to the host via ssh: Connection timed out"}, True),
        ({"rc": 255, "stderr": "Connection timed out", "stdout": ""}, True),
        # Its banner speaks of a time limit, and it has answered.
        ({"rc": 0, "stdout": "uninitialized\nuptime=86400", "stderr": "sessions timeout after 600 s"}, False),
        ({"rc": 1, "stdout": "uptime=86400", "stderr": "cat: Input/output error"}, False),
        ({"rc": 1, "stdout": "this session is timed out", "stderr": ""}, False),
        ({}, False),
    ],
)
def test_what_a_task_has_registered(asked: dict[str, object], silent: bool) -> None:
    assert host_is_silent(asked) is silent
