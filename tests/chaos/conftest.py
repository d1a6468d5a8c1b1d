# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real kind cluster that may be broken, with its healer's credentials.

SELFHEAL_KEEP and SELFHEAL_CLUSTER mean what they mean to the end-to-end tests.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaosheal import fingerprint
from chaosheal.hands import Hands
from chaosheal.injection import Breaker
from chaosheal.journal import Journal
from chaosheal.observer import look
from chaosheal.targets import FAIR_GAME, Radius

from lab.cluster import Cluster
from lab.drill import Drill


def pytest_configure() -> None:
    """Let an end from outside go the way of Ctrl-C, so that what was broken is taken back."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def drill() -> Iterator[Drill]:
    """A small cluster, prepared for its healer, and marked as one that may be broken."""
    cluster = Cluster(os.environ.get("SELFHEAL_CLUSTER", "selfheal-chaos"), "small").up()
    try:
        drill = Drill(cluster)
        run = drill.bootstrap()
        assert run.code == 0, run.output
        cluster.kubectl("label", "namespace", "kube-system", "--overwrite", "=".join(FAIR_GAME))
        os.environ.update(cluster.env())
        yield drill
    finally:
        if not os.environ.get("SELFHEAL_KEEP"):
            cluster.down()


@pytest.fixture(scope="session")
def hands(drill: Drill) -> Hands:
    return Hands(str(drill.cluster.kubeconfig))


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
