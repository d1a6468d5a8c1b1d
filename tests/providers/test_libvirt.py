# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver libvirt of role node_reboot with a program in virsh's place that tells what it was asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.providers.roles import SILENT, reboot

VIRSH = """#!/bin/sh
echo "$LC_ALL $*" >>{told}
case " $* " in
*" domstate "*) echo "{state}" ;;
*" reset "*) [ "{state}" = running ] || {{ echo "error: domain is not running" >&2; exit 1; }} ;;
esac
"""


@pytest.mark.parametrize(
    ("state", "more", "done"),
    [
        ("running", {}, ["reset"]),
        ("running", {"node_reboot_power_on": True}, ["reset"]),
        ("shut off", {}, []),
        ("shut off", {"node_reboot_power_on": True}, ["start"]),
    ],
)
def test_a_domain_is_reset_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, more: dict[str, object], done: list[str]
) -> None:
    told, program = tmp_path / "told", tmp_path / "virsh"
    program.write_text(VIRSH.format(told=told, state=state), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    url = "qemu+ssh://root@10.0.0.1/system"
    code, output = reboot("libvirt", "h1", tmp_path, {**SILENT, **more}, instance="vm-1", url=url)
    assert code == 2, output
    asked = told.read_text(encoding="utf-8").splitlines()
    assert [line for line in asked if " domstate " not in line] == [
        f"C --quiet --connect {url} {verb} vm-1" for verb in done
    ], output
    assert ("its machine is switched off" in output) is (not done), output
    assert "was not rebooted by driver" not in output, output


def test_that_virsh_is_not_there_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that ansible-playbook is found without the path.
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, output = reboot("libvirt", "h1", tmp_path, SILENT, instance="vm-1")
    assert code == 2 and "driver libvirt needs the program virsh on the controller, which is not there" in output
