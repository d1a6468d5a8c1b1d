# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorded seeds: 10,000 bad nights. ``python -m tests.simulation --seeds N`` runs one seed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.guards import cooldown
from ansible_collections.selfheal.kubernetes.tests.simulation.stateful import (
    MUST,
    PROCESSES,
    RUNS,
    SEEDS,
    Result,
    never,
    pool,
    shard,
    submit,
)


@pytest.fixture(scope="module")
def shards() -> Iterator[dict[int, Future[Result]]]:
    """All shards, in a few processes; each test waits for its own."""
    with pool(PROCESSES) as workers:
        yield submit(SEEDS, RUNS, workers)
        workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("seed", SEEDS, ids=[f"seed-{seed}" for seed in SEEDS])
def test_nothing_is_ever_done_that_must_not_be(seed: int, shards: dict[int, Future[Result]]) -> None:
    result = shards[seed].result()
    assert not result.failure, result.failure
    assert result.counts["runs"] >= RUNS


def test_everything_that_must_be_met_was_met(shards: dict[int, Future[Result]]) -> None:
    counts = Counter[str]()
    for future in shards.values():
        counts += future.result().counts
    assert never(counts) == []
    assert counts["runs"] >= RUNS * len(SEEDS)


def test_what_was_never_met_is_told() -> None:
    counts = Counter(dict.fromkeys(MUST, 1))
    assert never(counts) == []
    del counts["turn busy"]
    assert never(counts) == ["the lease was contended"]


def test_a_seed_gives_the_same_runs_again() -> None:
    first, second = shard(7, 10), shard(7, 10)
    assert first.counts == second.counts
    assert first.counts != shard(8, 10).counts


@pytest.mark.parametrize(
    ("module", "name", "broken", "told"),
    [
        (cooldown, "seconds_between", lambda _earlier, _later: 10**6, "I10 attempts"),
        (lease, "renew", lambda *_given: None, "I6 lease"),
    ],
)
def test_a_failure_tells_its_seed_and_the_shortest_story(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object, told: str
) -> None:
    """Two planted bugs; the others are the mutants'."""
    monkeypatch.setattr(module, name, broken)
    failure = shard(101, 500).failure
    assert failure.startswith("seed 101: ")
    assert told in failure
    assert "state = Night()" in failure and "state.teardown()" in failure
    assert len(failure.splitlines()) < 80
