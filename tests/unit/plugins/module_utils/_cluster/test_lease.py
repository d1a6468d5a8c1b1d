# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease on an API server that loses requests and replies, and whose objects others write in the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Answer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    LeaseBusy,
    LeaseLost,
    NotBootstrapped,
    NotFound,
    StoreError,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.times import format_micro_time
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.kit import NOW
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_api import (
    LEASES,
    LOST_REPLY,
    LOST_REQUEST,
    FakeApi,
)

DURATION = 300
PATH = f"{LEASES}/{lease.NAME}"


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def spec(api: FakeApi) -> dict[str, Any]:
    stored: dict[str, Any] = api.objects[PATH]["spec"]
    return stored


def told(api: FakeApi) -> tuple[str, int]:
    """Who holds it, and with which token."""
    return spec(api)["holderIdentity"], spec(api)["leaseTransitions"]


def change(api: FakeApi, **changes: Any) -> None:
    """Somebody writes the lease by hand; what is None is taken away."""
    made = {**spec(api), **changes}
    api.put(PATH, {**api.objects[PATH], "spec": {name: value for name, value in made.items() if value is not None}})


# --- acquire


def test_the_first_one_makes_it(api: FakeApi) -> None:
    held = lease.acquire(api, "a", DURATION)
    assert held == lease.Held("a", 1, NOW + timedelta(seconds=DURATION))
    assert api.writes == [("POST", PATH)]
    assert spec(api) == {
        "holderIdentity": "a",
        "leaseDurationSeconds": DURATION,
        "leaseTransitions": 1,
        "renewTime": format_micro_time(NOW),
        "acquireTime": format_micro_time(NOW),
    }


@pytest.mark.parametrize("holder", ["b", "a"], ids=["another", "one of the same name"])
def test_it_is_busy_until_it_runs_out_and_not_a_second_longer(api: FakeApi, holder: str) -> None:
    lease.acquire(api, "a", DURATION)
    api.writes.clear()
    api.sleep(DURATION - 1)
    with pytest.raises(LeaseBusy, match=r"^busy: a heals this cluster now, its lease lasts 2 s unless it is renewed$"):
        lease.acquire(api, holder, DURATION)
    assert (api.writes, told(api)) == ([], ("a", 1))
    api.sleep(1)
    assert lease.acquire(api, holder, DURATION).token == 2
    assert told(api) == (holder, 2)
    assert spec(api)["acquireTime"] == spec(api)["renewTime"] == format_micro_time(api.now)


def test_one_that_was_let_go_is_free_at_once_and_gets_another_token(api: FakeApi) -> None:
    held = lease.acquire(api, "a", DURATION)
    assert lease.release(api, "a", held.token)
    assert lease.acquire(api, "b", DURATION).token == held.token + 1


@pytest.mark.parametrize(
    "wrong",
    [{"renewTime": None}, {"renewTime": "yesterday"}, {"leaseDurationSeconds": None}, {"leaseDurationSeconds": "300"}],
    ids=str,
)
def test_one_that_cannot_be_read_is_for_people(api: FakeApi, wrong: Mapping[str, Any]) -> None:
    lease.acquire(api, "a", DURATION)
    change(api, **wrong)
    api.writes.clear()
    api.sleep(10**6)
    with pytest.raises(StoreError, match="held by a has no readable renewTime: delete it by hand"):
        lease.acquire(api, "b", DURATION)
    assert api.writes == []


def test_one_that_nobody_holds_may_say_what_it_likes(api: FakeApi) -> None:
    lease.acquire(api, "a", DURATION)
    change(api, holderIdentity="", renewTime=None, leaseTransitions=None)
    assert lease.acquire(api, "b", DURATION).token == 1


@pytest.mark.parametrize(("ahead", "error"), [(DURATION, LeaseBusy), (DURATION + 1, StoreError), (10**9, StoreError)])
def test_one_from_the_far_future_is_for_people(api: FakeApi, ahead: int, error: type[Exception]) -> None:
    """The clock of another API server may be ahead for a little, which time settles."""
    lease.acquire(api, "a", DURATION)
    change(api, renewTime=format_micro_time(NOW + timedelta(seconds=ahead)))
    api.writes.clear()
    with pytest.raises(error, match="still to come: a clock was wrong" if error is StoreError else "^busy: a heals"):
        lease.acquire(api, "b", DURATION)
    assert api.writes == []


def test_check_mode_says_what_would_be_and_writes_nothing(api: FakeApi) -> None:
    assert lease.acquire(api, "a", DURATION, dry_run=True).token == 1
    assert api.objects == {}
    held = lease.acquire(api, "a", DURATION)
    assert lease.release(api, "a", held.token, dry_run=True)
    assert told(api) == ("a", 1)


def test_without_its_namespace_it_says_what_to_do(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_namespace(path: str, body: Mapping[str, Any]) -> Answer:
        raise NotFound(f'POST {path}: HTTP 404 namespaces "self-healing" not found')

    monkeypatch.setattr(api, "create", no_namespace)
    with pytest.raises(NotBootstrapped, match=r"selfheal\.kubernetes\.bootstrap first"):
        lease.acquire(api, "a", DURATION)


# --- what others write, and what is lost


class Contended(FakeApi):
    """Somebody else writes the lease between the next read of it and the write that builds on it."""

    rival: Mapping[str, Any] | None = None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        if path == "/version":
            # A lease that is not there yet has no clock, so this is asked last.
            self._intrude()
        answer = super().get(path, query)
        if path == PATH:
            self._intrude()
        return answer

    def _intrude(self) -> None:
        rival, self.rival = self.rival, None
        if rival is not None:
            self.put(PATH, {"metadata": {"name": lease.NAME}, "spec": {**rival}})


def rival(token: int) -> dict[str, Any]:
    times = {"renewTime": format_micro_time(NOW), "acquireTime": format_micro_time(NOW)}
    return {"holderIdentity": "b", "leaseDurationSeconds": DURATION, "leaseTransitions": token, **times}


def test_of_two_that_take_it_in_one_moment_the_later_is_told() -> None:
    api = Contended()
    api.rival = rival(1)
    with pytest.raises(LeaseBusy, match="^busy: another healer wrote the cluster's lease at the same moment$"):
        lease.acquire(api, "a", DURATION)
    assert (api.writes, told(api)) == ([], ("b", 1))
    api.sleep(DURATION)
    api.rival = rival(2)
    with pytest.raises(LeaseBusy):
        lease.acquire(api, "a", DURATION)
    assert told(api) == ("b", 2)


def test_one_that_is_written_while_it_is_renewed_is_lost() -> None:
    api = Contended()
    held = lease.acquire(api, "a", DURATION)
    api.rival = rival(2)
    with pytest.raises(LeaseLost, match="was written by somebody else while it was renewed"):
        lease.renew(api, "a", held.token, DURATION)
    assert told(api) == ("b", 2)


def test_one_that_is_written_while_it_is_let_go_is_not_ours_any_more() -> None:
    api = Contended()
    held = lease.acquire(api, "a", DURATION)
    api.rival = rival(2)
    assert lease.release(api, "a", held.token) is False
    assert told(api) == ("b", 2)


@pytest.mark.parametrize("when", ["made", "taken over", "renewed"])
@pytest.mark.parametrize("fate", [LOST_REPLY, LOST_REQUEST])
def test_after_silence_it_is_ours_only_if_it_says_what_we_wrote(api: FakeApi, when: str, fate: str) -> None:
    if when != "made":
        lease.acquire(api, "a", DURATION)
        api.sleep(DURATION if when == "taken over" else 60)
    before = dict(api.objects)
    api.fates.append(fate)

    def ask() -> lease.Held:
        return lease.renew(api, "a", 1, DURATION) if when == "renewed" else lease.acquire(api, "b", DURATION)

    if fate == LOST_REPLY:
        held = ask()
        assert told(api) == (held.holder, held.token)
        assert held.expires == api.now + timedelta(seconds=DURATION)
        assert lease.renew(api, held.holder, held.token, DURATION).token == held.token
    else:
        with pytest.raises(Unreachable):
            ask()
        assert api.objects == before


@pytest.mark.parametrize("same_name", [False, True], ids=["another", "one of the same name"])
def test_after_a_lost_request_what_a_rival_wrote_is_not_ours(api: FakeApi, same_name: bool) -> None:
    """Not even with our name and our token, if it was written in another moment."""
    lease.acquire(api, "z", DURATION)
    api.sleep(DURATION)
    replace = api.replace

    def lost(path: str, body: Mapping[str, Any]) -> Answer:
        api.sleep(1)
        theirs = {**rival(2), "renewTime": format_micro_time(api.now)}
        api.put(PATH, {**body, "spec": {**theirs, "holderIdentity": "a" if same_name else "b"}})
        api.fates.append(LOST_REQUEST)
        return replace(path, {**body, "metadata": api.objects[path]["metadata"]})

    api.replace = lost  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        lease.acquire(api, "a", DURATION)
    assert told(api) == ("a" if same_name else "b", 2)


# --- renew


def test_a_renewal_keeps_the_token_and_the_beginning(api: FakeApi) -> None:
    held = lease.acquire(api, "a", DURATION)
    api.sleep(DURATION - 1)
    renewed = lease.renew(api, "a", held.token, 400)
    assert renewed == lease.Held("a", held.token, api.now + timedelta(seconds=400))
    assert spec(api)["acquireTime"] == format_micro_time(NOW)
    assert (spec(api)["renewTime"], spec(api)["leaseDurationSeconds"]) == (format_micro_time(api.now), 400)


@pytest.mark.parametrize(
    ("holder", "token"), [("b", 1), ("a", 2), ("a", 0)], ids=["another holder", "a later token", "an earlier token"]
)
def test_who_has_not_got_it_cannot_renew_it(api: FakeApi, holder: str, token: int) -> None:
    lease.acquire(api, "a", DURATION)
    api.writes.clear()
    with pytest.raises(LeaseLost, match="not ours any more: a holds it with token 1, we had token"):
        lease.renew(api, holder, token, DURATION)
    assert api.writes == []


def test_what_was_let_go_taken_over_or_deleted_is_lost(api: FakeApi) -> None:
    held = lease.acquire(api, "a", DURATION)
    lease.release(api, "a", held.token)
    with pytest.raises(LeaseLost, match="nobody holds it"):
        lease.renew(api, "a", held.token, DURATION)
    lease.acquire(api, "a", DURATION)
    with pytest.raises(LeaseLost, match="a holds it with token 2, we had token 1"):
        lease.renew(api, "a", held.token, DURATION)
    del api.objects[PATH]
    with pytest.raises(LeaseLost, match="nobody holds it"):
        lease.renew(api, "a", 2, DURATION)
    assert api.objects == {}


def test_who_was_silent_for_too_long_has_lost_it_though_nobody_has_taken_it(api: FakeApi) -> None:
    held = lease.acquire(api, "a", DURATION)
    api.sleep(DURATION)
    with pytest.raises(LeaseLost, match="ran out at 2026-11-21T03:05:00Z: this run was silent for too long"):
        lease.renew(api, "a", held.token, DURATION)
    change(api, renewTime=None)
    with pytest.raises(LeaseLost):
        lease.renew(api, "a", held.token, DURATION)


# --- release


@pytest.mark.parametrize(("holder", "token"), [("b", 1), ("a", 2)], ids=["another holder", "another token"])
def test_only_what_is_ours_is_let_go(api: FakeApi, holder: str, token: int) -> None:
    lease.acquire(api, "a", DURATION)
    api.writes.clear()
    assert lease.release(api, holder, token) is False
    assert (api.writes, told(api)) == ([], ("a", 1))
    assert lease.release(api, "a", 1) is True
    assert told(api) == ("", 1)
    assert lease.release(api, "a", 1) is False


def test_there_may_be_nothing_to_let_go(api: FakeApi) -> None:
    assert lease.release(api, "a", 1) is False
    assert api.objects == {}
