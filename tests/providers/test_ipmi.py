# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver ipmi of role node_reboot against a BMC of pyghmi."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.paths import CHECKOUT
from tests.providers.roles import SILENT, reboot

EMULATOR = CHECKOUT / "tests" / "emulators" / "ipmi.py"


@contextmanager
def machine(folder: Path, state: str) -> Iterator[tuple[int, Path]]:
    """A BMC of a machine that is on or off: its port, and the file in which it tells what it has done."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = folder / "told"
    told.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, str(EMULATOR), str(port), str(told), state])
    try:
        for _attempt in range(200):
            if told.exists():
                break
            time.sleep(0.1)
        yield port, told
    finally:
        process.terminate()
        process.wait(10)


def test_a_machine_that_is_on_is_reset_and_one_that_is_off_only_if_that_is_wanted(tmp_path: Path) -> None:
    for state, more, done in (
        ("on", {}, ["there", "reset"]),
        ("off", {}, ["there"]),
        ("off", {"node_reboot_power_on": True}, ["there", "on"]),
    ):
        with machine(tmp_path, state) as (port, told):
            given = {"bmc": "127.0.0.1", "port": port, "username": "admin", "password": "hush-hush"}
            code, output = reboot("ipmi", "h1", tmp_path, {**SILENT, **more}, **given)
            assert code == 2 and "hush-hush" not in output, output
            assert told.read_text(encoding="utf-8").split() == done, (state, more, output)
            assert ("its machine is switched off" in output) is (done == ["there"]), output


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    with machine(tmp_path, "on") as (port, told):
        code, output = reboot(
            "ipmi", "h1", tmp_path, SILENT, bmc="127.0.0.1", port=port, username="admin", password="wrong"
        )
        assert code == 2 and "cannot say whether its machine is on: Incorrect password" in output, output
        assert told.read_text(encoding="utf-8").split() == ["there"]
