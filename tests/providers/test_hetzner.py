# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver hetzner of role node_reboot against an emulator of Hetzner Cloud's API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.emulators.hetzner import (
    BROKEN_AFTER,
    BROKEN_BEFORE,
    BUSY,
    LOST_AFTER,
    SERVER,
    TOKEN,
    Cloud,
    serve,
)
from tests.providers.roles import HERE, SILENT, reboot

ON = {"node_reboot_power_on": True}
RESET = f"POST /v1/servers/{SERVER}/actions/reset"


def ask(
    cloud: Cloud, folder: Path, where: Mapping[str, object] | None = None, token: str = TOKEN, server: str = SERVER
) -> str:
    """Run the role for a host that is silent, and never restarts; its output, in which no token may be."""
    with serve(cloud) as url:
        code, output = reboot("hetzner", "h1", folder, where or SILENT, instance=server, token=token, url=url)
    assert code == 2 and token not in output, output
    return output


@pytest.mark.parametrize(
    ("status", "more", "resets"),
    [("running", {}, 1), ("off", {}, 0), ("off", ON, 1), ("stopping", {}, 0)],
    ids=["on", "off", "off-and-wanted-on", "on-its-way"],
)
def test_a_machine_that_is_on_is_reset_and_one_that_is_off_only_if_that_is_wanted(
    tmp_path: Path, status: str, more: dict[str, object], resets: int
) -> None:
    cloud = Cloud(status)
    output = ask(cloud, tmp_path, {**SILENT, **more})
    assert cloud.resets == resets == cloud.requests.count(RESET), output
    assert ("its machine is switched off" in output) is (status == "off" and not more), output
    assert ("Hetzner Cloud says that it is stopping" in output) is (status == "stopping"), output
    # A run that is ended between two requests would leave the machine off.
    assert {one for one in cloud.requests if one.startswith("POST ")} <= {RESET}


def test_a_wrong_token_and_a_server_that_is_not_there_are_told(tmp_path: Path) -> None:
    cloud = Cloud()
    output = ask(cloud, tmp_path, token="wrong-token-of-a-test")
    assert "cannot say whether its machine is on: HTTP 401, " in output and "Unauthorized" in output, output
    output = ask(cloud, tmp_path, HERE, token="wrong-token-of-a-test")
    assert "did not reset server 4711: HTTP 401, " in output, output
    output = ask(cloud, tmp_path, HERE, server="4712")
    assert "did not reset server 4712: HTTP 404, " in output, output
    assert cloud.resets == 0


@pytest.mark.parametrize(
    ("fault", "resets"), [(LOST_AFTER, 1), (BROKEN_AFTER, 1), (BROKEN_BEFORE, 0), (BUSY, 0)], ids=str
)
def test_a_machine_is_reset_once_at_most_whatever_the_reply(tmp_path: Path, fault: str, resets: int) -> None:
    cloud = Cloud(fault=fault)
    output = ask(cloud, tmp_path)
    assert cloud.resets == resets and cloud.requests.count(RESET) == 1, output
    # What was refused in so many words is told at once; what may have been obeyed is waited for.
    assert ("was not rebooted by driver hetzner" in output) is (fault == BUSY), output
