# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of variables that the playbooks take is the list of those that they read and hand on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.paths import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
LIST = PLAYBOOKS / "vars" / "variables.yml"


def used() -> set[str]:
    """Every name in the playbooks that could be a variable of a user."""
    paths = [path for path in PLAYBOOKS.rglob("*.yml") if path != LIST]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return set(re.findall(r"(?<![\w.])selfheal_[a-z_]*[a-z]\b", code))


def test_the_list_names_what_the_playbooks_use_and_nothing_else() -> None:
    listed = yaml.safe_load(LIST.read_text(encoding="utf-8"))["__selfheal_variables"]
    assert len(set(listed)) == len(listed)
    assert set(listed) == used()


def test_the_readme_names_what_a_user_may_set() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"selfheal_[a-z_]*[a-z]\b", readme))
    assert used() - told == set()


def refused(playbook: str, inventory: str, *options: str) -> str:
    """What a playbook says that ends with 2 before it asks anybody for the cluster."""
    done = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            inventory,
            f"selfheal.kubernetes.{playbook}",
            "-e",
            "selfheal_kubeconfig=/nowhere",
            *options,
        ],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2 and "nowhere" not in said, said
    return said


@pytest.mark.parametrize("playbook", sorted(path.stem for path in PLAYBOOKS.glob("*.yml")))
def test_every_playbook_refuses_a_uid_that_is_none_before_it_asks_anybody(playbook: str) -> None:
    said = refused(playbook, "localhost,", "-e", "selfheal_cluster_uid=UID")
    told = "selfheal_cluster_uid: expected the UID of namespace kube-system, which the playbook health tells, got UID"
    assert told in said, said


def test_a_name_that_is_misspelt_for_one_host_is_refused_too(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("w-1 selfheal_node=worker-1\nw-2 selfheal_nod=worker-2\n", encoding="utf-8")
    said = refused("heal", str(inventory))
    assert "selfheal_nod: not a variable of selfheal.kubernetes" in said and "selfheal_node: not" not in said, said
