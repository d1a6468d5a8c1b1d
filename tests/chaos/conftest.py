# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of faults and of experiments share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chaosheal import fingerprint
from chaosheal.hands import Hands
from chaosheal.injection import Breaker
from chaosheal.journal import Journal
from chaosheal.observer import look
from chaosheal.runner import end_as_with_ctrl_c
from chaosheal.targets import Radius

from lab.drill import Drill
from tests.chaos.ground import fair_game


def pytest_configure() -> None:
    """End well when the run is ended from outside."""
    end_as_with_ctrl_c()


@pytest.fixture(scope="session")
def drill() -> Iterator[Drill]:
    """A small cluster, prepared for its healer, and marked as one that may be broken."""
    with fair_game() as drill:
        yield drill


@pytest.fixture(scope="session")
def hands(drill: Drill) -> Hands:
    return Hands(str(drill.cluster.kubeconfig))


@pytest.fixture
def gpu_node(drill: Drill) -> Iterator[str]:
    """A worker with GPUs; it comes before what wants the cluster whole."""
    from tests.e2e.gpus import with_gpus

    with with_gpus(drill) as node:
        yield node


@pytest.fixture
def whole(drill: Drill, hands: Hands, tmp_path: Path) -> Iterator[Breaker]:
    """Breaks a cluster that is well, and sees to it that nothing is left over."""
    from tests.chaos.waiting import until

    expected = len(hands.nodes())
    until(lambda: not look(hands, expected), 240, "the cluster is well")
    before = fingerprint.take(hands, hands.nodes())
    breaker = Breaker(hands, Journal(tmp_path / "faults.jsonl"), Radius(2, 100))
    yield breaker
    assert breaker.undo() == []
    until(lambda: not look(hands, expected), 300, "the cluster is well again")
    assert fingerprint.differences(before, fingerprint.take(hands, hands.nodes())) == []
