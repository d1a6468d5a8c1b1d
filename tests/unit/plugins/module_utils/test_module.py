# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import assess, view
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Verdict
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.settings import PolicyError
from ansible_collections.selfheal.kubernetes.plugins.module_utils._module import (
    connection_spec,
    look_at_cluster,
    open_cluster,
)

DEADLINE = 2


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"https://127.0.0.1:{taken.getsockname()[1]}"


def module_with(**params: Any) -> AnsibleModule:
    """As much of a module as these functions look at."""
    defaults = {name: option.get("default") for name, option in connection_spec(False).items()}
    return cast(AnsibleModule, SimpleNamespace(params=defaults | params))


def unreachable(nobody: str, **policy: Any) -> AnsibleModule:
    return module_with(host=nobody, api_key="x", request_deadline=DEADLINE, policy=policy)


def test_an_api_server_that_does_not_answer_is_told_after_one_wait(nobody: str) -> None:
    begun = time.monotonic()
    client, policy = look_at_cluster(unreachable(nobody, monitor_only=False, cooldown=60))
    waited = time.monotonic() - begun
    begun = time.monotonic()
    snapshot, judgement = assess(client, policy, None)
    plan = view(client, policy, None).plan
    # Asked again, each of them would have waited as long once more.
    assert time.monotonic() - begun < max(1.0, waited / 2)
    assert judgement.verdict is Verdict.UNKNOWN
    assert "refused" in snapshot.unread["identity"] and snapshot.nodes is None
    assert plan.blocked and plan.actions == ()
    assert (policy.monitor_only, policy.cooldown) == (False, 60)


def test_who_wants_to_write_is_told_at_once(nobody: str) -> None:
    with pytest.raises(Unreachable):
        open_cluster(unreachable(nobody))


def test_mistakes_of_the_job_come_before_any_wait(nobody: str) -> None:
    begun = time.monotonic()
    for opened in (open_cluster, look_at_cluster):
        with pytest.raises(PolicyError, match=r"^policy\.cooldown: "):
            opened(unreachable(nobody, cooldown=-1))
    assert time.monotonic() - begun < DEADLINE
