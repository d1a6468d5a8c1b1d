# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role node_reboot run as a user would, for a host of which an emulated machine is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "tests" / "e2e" / "node_reboot.yml"
HERE = {"ansible_connection": "local"}
# Nobody listens there.
SILENT = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}


def reboot(driver: str, host: str, folder: Path, where: Mapping[str, object], **options: object) -> tuple[int, str]:
    """Run the role; the host never restarts, whatever the emulator does.

    :param where: the host's variables.
    :param options: the driver's.
    """
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {host: dict(where)}}}), encoding="utf-8")
    variables = {
        "target": host,
        "node_reboot_driver": driver,
        "node_reboot_options": options,
        "node_reboot_attempts": 1,
        "node_reboot_timeout": 30,
        "node_reboot_interval": 10,
    }
    program = shutil.which("ansible-playbook") or str(Path(sys.executable).with_name("ansible-playbook"))
    argv = [program, "-i", str(inventory), str(ROLE), "-e", json.dumps(variables)]
    done = subprocess.run(argv, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=180)
    return done.returncode, done.stdout + done.stderr
