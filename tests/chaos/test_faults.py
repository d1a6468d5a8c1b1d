# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each fault on a real cluster: it takes effect, is taken back, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaosheal.faults import FAULTS
from chaosheal.hands import Hands
from chaosheal.injection import Breaker
from chaosheal.journal import still_broken
from chaosheal.model import ChaosError
from chaosheal.observer import look

from lab.drill import Drill
from tests.chaos.ground import image
from tests.chaos.waiting import until
from tests.e2e.gpus import LABEL


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted({*FAULTS} - {"gpu_loss"}))
def test_it_takes_effect_and_is_taken_back(whole: Breaker, name: str) -> None:
    fault = FAULTS[name]
    params = {"image": image()} if "image" in fault.params else {}
    [injected] = whole.inject(name, {"role": fault.roles[0]}, params)
    [entry] = whole.journal.entries()
    if not fault.passes:
        assert whole.is_there(entry), "it does not go away by itself"
    assert whole.undo() == []
    if not fault.passes:
        until(lambda: not whole.is_there(entry), 180, f"{name} is gone from {injected.node}")


@pytest.mark.nightly
def test_gpus_are_lost_and_come_back(drill: Drill, gpu_node: str, whole: Breaker, hands: Hands) -> None:
    with pytest.raises(ChaosError, match="offers no GPU that it could lose"):
        whole.inject("gpu_loss", {"names": [drill.worker(1)]})
    whole.inject("gpu_loss", {"label": f"{LABEL}=2"})
    entry = whole.journal.entries()[-1]
    until(lambda: whole.is_there(entry), 30, "it does not go away by itself")
    assert any(line.startswith(f"{gpu_node}: 0 of 2 GPUs") for line in look(hands, 3))
    assert whole.undo() == []
    until(lambda: not whole.is_there(entry), 120, f"{gpu_node} offers its GPUs again")


@pytest.mark.nightly
@pytest.mark.parametrize("direction", ["both", "deaf", "mute"])
@pytest.mark.parametrize("how", ["drop", "reset"])
def test_a_partition_cuts_off_the_node_and_its_pods_whichever_way(whole: Breaker, direction: str, how: str) -> None:
    whole.inject("partition", {"role": "worker"}, {"direction": direction, "how": how})
    [entry] = whole.journal.entries()
    assert whole.is_there(entry)


def test_a_fault_that_everybody_has_forgotten_is_taken_back(whole: Breaker, hands: Hands) -> None:
    [injected] = whole.inject("kubelet_stop", {"role": "worker"}, lasts=20)
    running = "systemctl is-active kubelet"
    argv = ["docker", "exec", injected.node, "sh", "-c", running]
    assert subprocess.run(argv, capture_output=True, check=False).returncode != 0
    until(lambda: subprocess.run(argv, capture_output=True, check=False).returncode == 0, 60, "kubelet runs again")
    until(lambda: not still_broken(whole.journal.entries()), 60, "the journal says so")


def test_nothing_is_broken_where_nobody_has_allowed_it(whole: Breaker, drill: Drill) -> None:
    drill.cluster.kubectl("label", "namespace", "kube-system", "selfheal.kubernetes/chaos-")
    try:
        with pytest.raises(ChaosError, match="no fair game"):
            whole.inject("node_crash", {"role": "worker"})
        assert whole.journal.entries() == []
    finally:
        drill.cluster.kubectl("label", "namespace", "kube-system", "selfheal.kubernetes/chaos=allowed")


def test_people_can_list_and_take_back(whole: Breaker, drill: Drill) -> None:
    def chaosheal(*words: str) -> subprocess.CompletedProcess[str]:
        here = str(Path(__file__).resolve().parents[2] / "chaos")
        environ = {**os.environ, "PYTHONPATH": here}
        return subprocess.run(
            [sys.executable, "-m", "chaosheal", *words], env=environ, capture_output=True, text=True, check=False
        )

    [injected] = whole.inject("kubelet_hang", {"role": "worker"})
    where = (str(whole.journal.path), str(drill.cluster.kubeconfig))
    assert f"{injected.ident} kubelet_hang on {injected.node}, injected" in chaosheal("broken", *where).stdout
    done = chaosheal("undo", *where)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert chaosheal("broken", *where).stdout == ""
    wrong = chaosheal("undo", where[0], "/nowhere")
    assert wrong.returncode == 0, "nothing is broken, so nobody has to be asked"
