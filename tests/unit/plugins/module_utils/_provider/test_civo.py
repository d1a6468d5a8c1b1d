# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reboots by Civo's API: at most one that has an effect, whatever happens to the requests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotFound,
    Rejected,
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.civo import (
    Civo,
    Outcome,
    Reply,
    over_http,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._provider.once import NoReply, NotSent, ReplyLost

from tests.emulators import civo as emulator
from tests.emulators.civo import INSTANCE, REGION, TOKEN, Cloud, serve


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(cloud: Cloud, clock: Clock, **changes: Any) -> Civo:
    """A client whose requests go to the cloud by hand, where each takes a tenth of a second."""

    def send(method: str, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Reply:
        clock.sleep(0.1)
        answer = cloud.answer(method, target, dict(headers), body or b"")
        if answer.status == 0:
            raise NoReply("Remote end closed connection without response")
        if answer.status == 1:
            clock.sleep(seconds)
            raise NoReply("timed out")
        return Reply(answer.status, answer.headers, answer.body)

    options: dict[str, Any] = {"token": TOKEN, "region": REGION, "send": send, **changes}
    return Civo(**options, sleep=clock.sleep, monotonic=clock)


def test_it_is_asked_for_once_and_hard() -> None:
    clock = Clock()
    cloud = Cloud(clock=clock)
    assert client(cloud, clock).reboot(INSTANCE) == Outcome(True, True, "ACTIVE")
    assert cloud.kinds == ["hard_reboots"]
    assert cloud.requests == [f"GET /v2/instances/{INSTANCE}", f"POST /v2/instances/{INSTANCE}/hard_reboots"]
    assert client(cloud, clock).reboot(INSTANCE) == Outcome(False, False, "REBOOTING"), "that one is left to it"
    clock.sleep(10)
    client(cloud, clock).reboot(INSTANCE, hard=False)
    assert cloud.kinds == ["hard_reboots", "soft_reboots"]


SEQUENCES = [faults for length in (1, 2, 3) for faults in product(emulator.FAULTS, repeat=length)]


@pytest.mark.parametrize("busy", [0.0, 1.0, 300.0])
@pytest.mark.parametrize("reads", [False, True], ids=["writes", "reads and writes"])
def test_at_most_one_reboot_whatever_happens(busy: float, reads: bool) -> None:
    """Every sequence of three faults; and what it says is true."""
    asked = 0
    for faults in SEQUENCES:
        clock = Clock()
        cloud = Cloud(faults, reads=reads, busy=busy, clock=clock)
        begun = clock.now
        try:
            outcome = client(cloud, clock).reboot(INSTANCE)
        except ReplyLost:
            pass
        except ClusterError:
            assert cloud.reboots == 0, faults
        else:
            assert cloud.reboots == 1 and outcome.asked, faults
            asked += 1
        assert cloud.reboots <= 1, faults
        assert clock.now - begun <= 60 + 20 + 15, faults
    assert asked > len(SEQUENCES) / 20


@pytest.mark.parametrize("fault", emulator.FAULTS)
def test_whoever_looks_at_the_host_gets_exactly_one(fault: str) -> None:
    """What role node_reboot does: only a host that is seen in its old boot is asked for again."""
    for first, second in product((fault,), emulator.FAULTS):
        clock = Clock()
        cloud = Cloud((first, second), busy=0.0, clock=clock)
        for _attempt in range(4):
            if cloud.reboots:
                break
            try:
                client(cloud, clock).reboot(INSTANCE)
            except ClusterError:
                clock.sleep(60)
        assert cloud.reboots == 1, (first, second)


def test_a_lost_reply_is_made_good_by_what_the_instance_shows() -> None:
    for fault in (emulator.LOST_AFTER, emulator.SILENT_AFTER, emulator.BROKEN_AFTER, emulator.GARBLED_AFTER):
        clock = Clock()
        cloud = Cloud((fault,), busy=30.0, clock=clock)
        assert client(cloud, clock).reboot(INSTANCE) == Outcome(True, False, "ACTIVE"), fault
    cloud = Cloud((emulator.LOST_BEFORE,), clock=clock)
    with pytest.raises(ReplyLost, match=r"^the reply was lost \(Remote end closed .* ACTIVE 20 s later$"):
        client(cloud, clock).reboot(INSTANCE)
    assert [request.partition(" ")[0] for request in cloud.requests].count("POST") == 1


def test_too_busy_is_waited_for_as_long_as_it_says_but_not_longer_than_there_is_time() -> None:
    clock = Clock()
    cloud = Cloud((emulator.BUSY, emulator.BUSY), clock=clock)
    assert client(cloud, clock).reboot(INSTANCE).acknowledged
    assert 1002 <= clock.now < 1003.5
    cloud = Cloud((emulator.BUSY_FOR_LONG,) * 9, clock=clock)
    begun = clock.now
    with pytest.raises(Rejected, match=r"too busy: HTTP 429$"):
        client(cloud, clock).reboot(INSTANCE)
    assert cloud.reboots == 0 and clock.now - begun < 60


def test_what_was_never_sent_is_sent_again() -> None:
    clock = Clock()
    cloud = Cloud(clock=clock)
    refusals = iter([True, False, True, True, False])
    inner = client(cloud, clock)._send

    def send(*args: Any) -> Reply:
        if next(refusals, False):
            raise NotSent("[Errno 111] Connection refused")
        return inner(*args)

    assert client(cloud, clock, send=send).reboot(INSTANCE).acknowledged
    assert cloud.reboots == 1

    def never(*args: Any) -> Reply:
        raise NotSent("[Errno 111] Connection refused")

    with pytest.raises(Unreachable, match="gives no answer: .* refused"):
        client(cloud, clock, send=never).reboot(INSTANCE)


@pytest.mark.parametrize(
    ("changes", "instance", "error", "words"),
    [
        ({"token": "wrong"}, INSTANCE, Unauthorized, "HTTP 401"),
        ({"region": "NYC1"}, INSTANCE, Forbidden, "the region is not yours"),
        ({}, INSTANCE.replace("7", "8"), NotFound, "HTTP 404"),
    ],
)
def test_what_is_refused_is_not_asked_again(changes: Any, instance: str, error: type[Exception], words: str) -> None:
    clock = Clock()
    cloud = Cloud(clock=clock)
    with pytest.raises(error, match=words):
        client(cloud, clock, **changes).reboot(instance)
    assert len(cloud.requests) == 1 and cloud.reboots == 0


def test_an_api_that_says_no_in_a_good_answer_has_not_done_it() -> None:
    def send(*_words: Any) -> Reply:
        told = {"id": INSTANCE, "status": "ACTIVE", "result": "failed", "reason": f"no {TOKEN}"}
        return Reply(200, {}, json.dumps(told).encode())

    with pytest.raises(Rejected, match=r"did not reboot instance .*: HTTP 200, no \*\*\*$"):
        client(Cloud(), Clock(), send=send).reboot(INSTANCE)


@pytest.mark.parametrize("told", [{}, {"id": "other", "status": "ACTIVE"}, {"id": INSTANCE, "status": 7}, [], "x"])
def test_an_answer_about_something_else_is_no_answer(told: Any) -> None:
    def send(method: str, *_rest: Any) -> Reply:
        assert method == "GET", "nothing is asked of an instance that could not be seen"
        return Reply(200, {}, json.dumps(told).encode())

    with pytest.raises(Rejected, match="makes no sense"):
        client(Cloud(), Clock(), send=send).reboot(INSTANCE)


def test_nothing_is_sent_with_options_that_cannot_be() -> None:
    cloud, clock = Cloud(), Clock()
    for changes in ({"token": ""}, {"token": "a b"}, {"token": "a\nX-Evil: 1"}, {"region": ""}, {"region": "a&b=c"}):
        with pytest.raises(SettingsError):
            client(cloud, clock, **changes)
    for instance in ("", "x", "../" + INSTANCE, INSTANCE + "/../x", INSTANCE + "?", "-" * 36, INSTANCE + "\n"):
        with pytest.raises(SettingsError, match="^instance: expected the UUID"):
            client(cloud, clock).reboot(instance)
    for url in ("http://api.civo.com", "ftp://x", "https://", "https://a:b@c", "https://x/?y", "x"):
        with pytest.raises(SettingsError, match="^url: "):
            over_http(url)
    assert cloud.requests == []


# --- the module, over HTTP


def run_module(url: str, **options: Any) -> tuple[dict[str, Any], str]:
    given = {
        "instance": INSTANCE,
        "region": REGION,
        "token": TOKEN,
        "url": url,
        "request_timeout": 1,
        "settle": 4,
        **options,
    }
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {name: value for name, value in given.items() if value is not None}})
    name = "ansible_collections.selfheal.kubernetes.plugins.modules.civo_instance_reboot"
    script = (
        "import sys\nfrom ansible.module_utils import basic\n"
        "basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.argv[1].encode(), 'legacy'\n"
        f"from {name} import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, arguments], capture_output=True, text=True, check=False, timeout=60
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    result: dict[str, Any] = json.loads(done.stdout)
    return result, said


@pytest.mark.parametrize("fault", [f for f in emulator.FAULTS if f != emulator.BUSY_FOR_LONG])
def test_the_module_has_at_most_one_effect_over_a_real_connection(fault: str) -> None:
    cloud = Cloud((fault,), busy=60.0)
    with serve(cloud) as url:
        result, said = run_module(url)
    assert cloud.reboots <= 1
    assert bool(result.get("changed")) == (cloud.reboots == 1), said
    if not cloud.reboots:
        assert result["failed"] and result["error_class"] == "ReplyLost", said
    assert TOKEN not in json.dumps({name: value for name, value in result.items() if name != "invocation"}), said
    assert "token" not in result.get("invocation", {}).get("module_args", {}) or (
        result["invocation"]["module_args"]["token"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    )


def test_what_is_switched_off_stays_so_unless_somebody_wants_it_on() -> None:
    clock = Clock()
    cloud = Cloud(clock=clock, off=True)
    with pytest.raises(Rejected, match="is switched off, which somebody may have done: nothing was done"):
        client(cloud, clock).reboot(INSTANCE)
    with serve(cloud) as url:
        for check_mode in (False, True):
            result, said = run_module(url, _ansible_check_mode=check_mode)
            assert result["failed"] and "switched off" in result["msg"], said
    assert cloud.reboots == 0
    assert client(cloud, clock).reboot(INSTANCE, power_on=True) == Outcome(True, True, "SHUTOFF")
    assert cloud.reboots == 1


def test_the_module_looks_only_in_check_mode_and_says_what_is_wrong() -> None:
    cloud = Cloud()
    with serve(cloud) as url:
        result, said = run_module(url, _ansible_check_mode=True)
        assert (result["changed"], result["status"], cloud.reboots) == (True, "ACTIVE", 0), said
        assert run_module(url, token="wrong")[0]["error_class"] == "Unauthorized"
        assert "settle: expected seconds from 0 to 300" in run_module(url, settle=999)[0]["msg"]
        assert "missing required arguments: token" in run_module(url, token=None)[0]["msg"]
    refused = run_module("http://127.0.0.1:9", timeout=5)[0]
    assert refused["error_class"] == "Unreachable" and "refused" in refused["msg"]
