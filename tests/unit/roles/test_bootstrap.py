# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which optional rights a run of the playbook bootstrap says that the healer has, run by Ansible itself.

The modules are replaced by ones that know which files of rights were applied before.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.paths import CHECKOUT

UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
REFUSED = "https://127.0.0.1:1: Connection refused"
# Which cluster it is, or why nobody knows.
INFO = """
import json, pathlib
from ansible.module_utils.basic import AnsibleModule
options = {name: {"type": "raw"} for name in ("cluster_uid", "folder")}
module = AnsibleModule(options, supports_check_mode=True)
said = json.loads((pathlib.Path(module.params["folder"]) / "cluster.json").read_text())
module.exit_json(**said)
"""
# Keeps the names of what was applied in a file, and tells a change when that becomes another set.
K8S = """
import json, pathlib
from ansible.module_utils.basic import AnsibleModule
options = {name: {"type": "raw"} for name in ("state", "apply", "definition", "folder")}
module = AnsibleModule(options, supports_check_mode=True)
path = pathlib.Path(module.params["folder"]) / "applied.json"
before = set(json.loads(path.read_text()))
items = module.params["definition"].get("items", [module.params["definition"]])
names = {one["kind"] + "/" + one["metadata"].get("namespace", "") + "/" + one["metadata"]["name"] for one in items}
after = before | names if module.params["state"] == "present" else before - names
if not module.check_mode:
    path.write_text(json.dumps(sorted(after)))
module.exit_json(changed=after != before)
"""


class Cluster:
    """A cluster that the fakes stand for, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ours = folder / "ansible_collections" / "selfheal" / "kubernetes"
        theirs = folder / "ansible_collections" / "kubernetes" / "core"
        for part in ("playbooks", "roles/bootstrap", "roles/cni_reapply", "meta"):
            shutil.copytree(CHECKOUT / part, ours / part)
        fakes = ((ours, "cluster_health_info", INFO), (ours, "service_account_kubeconfig", ""), (theirs, "k8s", K8S))
        for home, name, text in fakes:
            (home / "plugins" / "modules").mkdir(parents=True, exist_ok=True)
            (home / "plugins" / "modules" / f"{name}.py").write_text(text, encoding="utf-8")
        (theirs / "meta").mkdir()
        runtime = {"requires_ansible": ">=2.19.0", "action_groups": {"k8s": ["k8s"]}}
        (theirs / "meta" / "runtime.yml").write_text(yaml.safe_dump(runtime), encoding="utf-8")
        # The fakes are told where the cluster is by the role's own way to tell all modules of a group.
        file = ours / "roles" / "bootstrap" / "vars" / "main.yml"
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        told["__bootstrap_connection"] = {"folder": str(folder)}
        file.write_text(yaml.safe_dump(told), encoding="utf-8")
        (folder / "applied.json").write_text("[]", encoding="utf-8")
        self.says({"cluster_uid": UID, "unread": {}})

    def says(self, answer: dict[str, Any]) -> None:
        (self.folder / "cluster.json").write_text(json.dumps(answer), encoding="utf-8")

    def bootstrap(self, *rights: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
        """The exit code of a run that names these rights, and what it printed."""
        local = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        (self.folder / "hosts").write_text(local, encoding="utf-8")
        values = {"selfheal_cluster_uid": UID} | {f"selfheal_bootstrap_{right}": True for right in rights}
        argv = ["ansible-playbook", "-i", "hosts", "selfheal.kubernetes.bootstrap", "-e", json.dumps(values), *options]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(self.folder), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_a_run_says_which_rights_the_healer_has_and_which_it_has_taken_away(cluster: Cluster) -> None:
    code, said = cluster.bootstrap("canary", "cni")
    assert code == 0 and '"optional rights of the healer now: canary, cni"' in said, said
    code, said = cluster.bootstrap("drain", options=("--check",))
    lost = "taken away, because they were not asked for: canary, cni (asked for by -e selfheal_bootstrap_canary=true -e"
    assert code == 0 and f"optional rights of the healer would be: drain; would be {lost}" in said, said
    code, said = cluster.bootstrap("canary", "drain", "replace")
    lost = "taken away by this run, because they were not asked for: cni (asked for by -e selfheal_bootstrap_cni=true)"
    assert code == 0 and f"optional rights of the healer now: canary, drain, replace; {lost}" in said, said
    code, said = cluster.bootstrap()
    lost = "taken away by this run, because they were not asked for: canary, drain, replace"
    assert code == 0 and f"optional rights of the healer now: none; {lost}" in said, said


def test_a_cluster_that_does_not_say_who_it_is_is_told_with_the_reason_alone(cluster: Cluster) -> None:
    unknown = ["0 of 31 checks are healthy; unknown: ApiServer, NodeReady"]
    cluster.says({"cluster_uid": None, "unread": {"identity": REFUSED, "pods": REFUSED}, "report": unknown})
    code, said = cluster.bootstrap()
    told = f"nothing is applied, the cluster does not say who it is: could not read namespace kube-system: {REFUSED}"
    assert code == 2 and told in said and "checks" not in said, said
    assert json.loads((cluster.folder / "applied.json").read_text(encoding="utf-8")) == []
