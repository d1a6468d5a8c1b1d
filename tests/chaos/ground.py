# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real kind cluster that may be broken, with its healer's credentials.

SELFHEAL_KEEP and SELFHEAL_CLUSTER mean what they mean to the end-to-end tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from chaosheal.runner import Healing, Promise
from chaosheal.suite import Wanted
from chaosheal.targets import FAIR_GAME

from lab.cluster import Cluster
from lab.drill import Drill
from lab.paths import CHECKOUT, versions
from lab.shell import LabError
from tests.e2e.gpus import with_gpus

EXPERIMENTS = CHECKOUT / "chaos" / "experiments"
# By which experiments know what image applications are made of.
IMAGE_VARIABLE = "CHAOSHEAL_IMAGE"


def image() -> str:
    """The image with a shell that the lab's nodes have."""
    return str(versions()["image"]["busybox"])


@contextmanager
def fair_game(shape: str = "small", timers: str = "fast") -> Iterator[Drill]:
    """A cluster, prepared for its healer, and marked as one that may be broken.

    :param shape: of the lab's; timers as well.
    :raises LabError: it cannot be made.
    """
    cluster = Cluster(os.environ.get("SELFHEAL_CLUSTER", "selfheal-chaos"), shape, timers).up()
    try:
        drill = Drill(cluster)
        _bootstrap(drill)
        cluster.kubectl("label", "namespace", "kube-system", "--overwrite", "=".join(FAIR_GAME))
        os.environ.update({**cluster.env(), IMAGE_VARIABLE: image()})
        yield drill
    finally:
        if not os.environ.get("SELFHEAL_KEEP"):
            cluster.down()


Ground = Callable[[Drill], AbstractContextManager[object]]


def grounds(runs: Iterable[Wanted]) -> Iterator[tuple[Ground, list[Wanted]]]:
    """What the cluster or its healer is given besides, and the runs for which it is."""
    runs = list(runs)
    for ground in (nullcontext, with_rights, with_gpus):
        on_it = [one for one in runs if _ground_of(one.promise) is ground]
        if on_it:
            yield ground, on_it


def _ground_of(promise: Promise) -> Ground:
    if "gpu_loss" in promise.faults:
        # They are there for no others: whoever restarts kubelet takes them away, and would have to make that good.
        return with_gpus
    return with_rights if "replace_driver" in (promise.healer.get("selfheal_policy") or {}) else nullcontext


@contextmanager
def with_rights(drill: Drill) -> Iterator[None]:
    """A healer that may drain nodes and remove them.

    :raises LabError: it cannot be given these rights.
    """
    _bootstrap(drill, selfheal_bootstrap_drain=True, selfheal_bootstrap_replace=True)
    try:
        yield
    finally:
        _bootstrap(drill)


def _bootstrap(drill: Drill, **rights: bool) -> None:
    run = drill.bootstrap(**rights)
    if run.code:
        raise LabError(f"the playbook bootstrap ended with {run.code}: {run.output[-1000:]}")


def healing(drill: Drill) -> Healing:
    """How its healer is run: allowed to act, and with short times where the cluster has such."""
    variables = drill.healing({})
    if drill.cluster.timers == "stock":
        del variables["selfheal_policy"]
    return Healing(str(drill.cluster.inventory), str(drill.healer), variables)
