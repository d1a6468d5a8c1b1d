# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real kind cluster for the end-to-end tests.

It is kept between runs when SELFHEAL_KEEP is set, which makes work on the tests quicker. SELFHEAL_CLUSTER gives it
another name than selfheal-e2e, so that two clones of the project on one machine can each have theirs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from lab.cluster import Cluster
from lab.drill import Drill
from tests.e2e.planes import keep


def pytest_configure() -> None:
    """Let an end from outside go the way of Ctrl-C: a playbook left alone would look for its cluster for hours."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def drill() -> Iterator[Drill]:
    """A small cluster, prepared for its healer."""
    cluster = Cluster(os.environ.get("SELFHEAL_CLUSTER", "selfheal-e2e"), "small").up()
    try:
        drill = Drill(cluster)
        run = drill.bootstrap()
        assert run.code == 0, run.output
        yield drill
    finally:
        if not os.environ.get("SELFHEAL_KEEP"):
            cluster.down()


@pytest.fixture(scope="session")
def ha() -> Iterator[Drill]:
    """A cluster with three control planes, which is expensive: one for all tests that need it."""
    cluster = Cluster(f"{os.environ.get('SELFHEAL_CLUSTER', 'selfheal-e2e')}-ha", "ha").up()
    try:
        drill = Drill(cluster)
        run = drill.bootstrap()
        assert run.code == 0, run.output
        keep(drill)
        yield drill
    finally:
        if not os.environ.get("SELFHEAL_KEEP"):
            cluster.down()


@pytest.fixture
def healthy(drill: Drill) -> Drill:
    """The cluster with every node Ready, whatever the test before has done to it."""
    _mend(drill)
    return drill


def _mend(drill: Drill) -> None:
    for node in drill.cluster.nodes():
        drill.mend(node.name)
    for node in drill.cluster.nodes():
        drill.wait_ready(node.name, "True")
    # Each test tells a story of its own, so what the last one left in the healer's memory is cleared.
    drill.forget()
