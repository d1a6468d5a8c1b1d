# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GPUs that are lost, in scripts that are run for once, with what they would touch in a place of its own."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from chaosheal.faults import fault_named, gpu_loss
from chaosheal.hands import Done, Hands
from chaosheal.model import ChaosError, Command, Target, Where

FAULT = fault_named("gpu_loss")
TARGET = Target("worker-1", "0a1b2c3d", planes=("10.0.0.1",))


def program(folder: Path, name: str, line: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs come before all others."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize(
    ("told", "seen"), [("echo -n 0", True), ("true", True), ("echo -n 2", False), ("exit 1", False)]
)
def test_it_is_seen_by_what_kubelet_tells_the_api_server(own: Path, told: str, seen: bool) -> None:
    program(own, "kubectl", told)
    look = FAULT.effect(TARGET, {})
    assert look.command.where is Where.API and r"allocatable.nvidia\.com/gpu" in look.command.argv[-1]
    assert Hands("kubeconfig").sees(look, TARGET.node) is seen


@pytest.mark.parametrize(
    ("told", "good"), [("echo -n 2", True), ("echo -n 0", False), ("true", False), ("exit 1", False)]
)
def test_a_node_that_has_none_can_lose_none(own: Path, told: str, good: bool) -> None:
    program(own, "kubectl", told)
    first, hands = FAULT.inject(TARGET, {})[0], Hands("kubeconfig")
    if good:
        assert isinstance(hands.carry_out(first, TARGET.node), Done)
        return
    with pytest.raises(ChaosError, match="the node offers no GPU that it could lose"):
        hands.carry_out(first, TARGET.node)


def script(command: Command) -> str:
    assert command.where is Where.NODE
    return command.argv[2]


def test_the_sockets_of_plugins_go_and_kubelet_begins_anew(own: Path) -> None:
    folder = own / "plugins"
    folder.mkdir()
    for name in ("nvidia-gpu.sock", "kubelet.sock"):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(folder / name))
    (folder / "kubelet_internal_checkpoint").touch()
    program(own, "systemctl", f'echo "$@" $(ls {folder}) >{own}/log')
    subprocess.run(["sh", "-c", script(FAULT.inject(TARGET, {})[1]).replace(gpu_loss.FOLDER, str(folder))], check=True)
    assert (own / "log").read_text(encoding="utf-8") == "restart kubelet kubelet.sock kubelet_internal_checkpoint\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="processes of our own need root")
def test_whoever_holds_the_folder_is_begun_anew_and_nobody_else(own: Path) -> None:
    (own / "undo").write_text(script(FAULT.undo(TARGET, {})[0]), encoding="utf-8")
    plugin = f"mount -t tmpfs t /var/lib && mkdir -p {gpu_loss.FOLDER} && mount -t tmpfs t {gpu_loss.FOLDER}"
    other = plugin.replace("device-plugins", "pods")
    # In a table of processes of their own, so that no plugin of this machine's is met.
    lines = (
        f"unshare -m sh -c '{plugin}; exec sleep 60' & plugin=$!",
        f"unshare -m sh -c '{other}; exec sleep 60' & other=$!",
        f"sleep 1; sh {own}/undo; sh {own}/undo; sleep 0.5",
        'kill -0 "$other" && kill "$other"; echo "other $?"; wait "$plugin"; echo "plugin $?"',
    )
    inner = ["unshare", "-p", "-f", "-m", "--mount-proc", "sh", "-c", "\n".join(lines)]
    probe = subprocess.run(["unshare", "-p", "-f", "-m", "--mount-proc", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this machine lets nobody make a table of processes of his own")
    done = subprocess.run(inner, capture_output=True, text=True, check=False, timeout=90)
    assert done.stdout == "other 0\nplugin 137\n", done
