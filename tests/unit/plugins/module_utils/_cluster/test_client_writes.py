# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patches, requests that are sent once, and deadlines that are shorter than the client's own."""

from __future__ import annotations

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import APPLY, Client
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Conflict, Unreachable
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Clock,
    Reply,
    Server,
)

NODE = "/api/v1/nodes/w1"


def test_a_patch_says_what_kind_it_is_and_whose(client: Client, server: Server) -> None:
    server.answers(Reply(body={"kind": "Node"}))
    assert client.patch(NODE, {"spec": {}}).body == {"kind": "Node"}
    assert client.patch(NODE, {"spec": {}}, APPLY, "selfheal").body == {"kind": "Node"}
    merged, applied = server.seen
    assert (merged.method, merged.path, merged.body, merged.query) == ("PATCH", NODE, {"spec": {}}, {})
    assert merged.headers["Content-Type"] == "application/merge-patch+json"
    assert applied.headers["Content-Type"] == "application/apply-patch+yaml"
    assert applied.query == {"fieldManager": ["selfheal"]}


def test_a_patch_is_sent_again_only_when_nothing_was_done(client: Client, server: Server) -> None:
    server.answers(Reply(429), Reply(body={}))
    client.patch(NODE, {})
    server.answers(Reply(409))
    with pytest.raises(Conflict):
        client.patch(NODE, {})
    server.answers(Reply(reset=True))
    with pytest.raises(Unreachable):
        client.patch(NODE, {})
    assert len(server.seen) == 4


@pytest.mark.parametrize("status", [201, 403, 404, 409, 429, 500])
def test_what_is_sent_once_is_not_sent_twice(client: Client, server: Server, clock: Clock, status: int) -> None:
    server.answers(Reply(status, {"message": "x"}, {"Retry-After": "7"}))
    raw = client.once("POST", f"{NODE}/x", None, {"a": 1}, 10)
    assert raw.status == status and raw.headers["Retry-After"] == "7"
    assert [(r.method, r.body) for r in server.seen] == [("POST", {"a": 1})] and not clock.slept


def test_what_is_sent_once_and_gets_no_answer_is_not_sent_again_either(client: Client, server: Server) -> None:
    server.answers(Reply(reset=True))
    with pytest.raises(Unreachable):
        client.once("POST", NODE, None, {}, 10)
    assert len(server.seen) == 1


def test_a_deadline_may_be_shorter_than_the_clients_own_and_not_longer(
    client: Client, server: Server, clock: Clock
) -> None:
    server.answers(Reply(503))
    for seconds, most in ((2.0, 2.0), (900.0, 30.0)):
        begun = clock.now
        with pytest.raises(Unreachable):
            client.within(seconds).get(NODE)
        assert most / 2 < clock.now - begun <= most
    begun = clock.now
    with pytest.raises(Unreachable):
        client.get(NODE)
    assert clock.now - begun > 15
