# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look of the role at a host, run on folders of this machine, and where its changes are fenced."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.cni import (
    PROVIDERS,
    host_network,
    host_trouble,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.ladder import CNI_REAPPLY
from jinja2 import Environment

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "roles" / "cni_reapply"
CONFIG = (
    '{"plugins": [{"type": "calico", "ipam": {"type": "calico-ipam"}},'
    ' {"type": "portmap"}, {"type": "$(touch spoilt)"}]}'
)
ANSWERS = """#!/bin/sh
read -r asked
[ "$CNI_COMMAND" = VERSION ] && [ "$asked" = '{"cniVersion":"0.3.1"}' ] || exit 1
echo '{"cniVersion": "1.0.0", "supportedVersions": ["0.3.1", "1.0.0"]}'
"""


def read(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from leaves(inside) if inside else iter([task])


def everything() -> list[dict[str, Any]]:
    return [task for path in sorted((ROLE / "tasks").glob("*.yml")) for task in leaves(read(f"tasks/{path.name}"))]


class Host:
    """A folder with configurations, and one with programs."""

    def __init__(self, folder: Path) -> None:
        self.conf, self.bin = folder / "net.d", folder / "bin"
        for one in (self.conf, self.bin):
            one.mkdir()

    def config(self, name: str, text: str) -> None:
        (self.conf / name).write_text(text, encoding="utf-8")

    def program(self, name: str, text: str = ANSWERS, mode: int = 0o755) -> None:
        (self.bin / name).write_text(text, encoding="utf-8")
        (self.bin / name).chmod(mode)

    def look(self) -> list[str]:
        """What the role finds to be wrong for Calico."""
        values = {
            **read("vars/main.yml"),
            "cni_reapply_conf_dir": str(self.conf),
            "cni_reapply_bin_dir": str(self.bin),
        }
        [task] = [task for task in everything() if "ansible.builtin.raw" in task]
        command = Environment(autoescape=False).from_string(task["ansible.builtin.raw"]).render(values)  # noqa: S701
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=self.bin, text=True, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done
        told = host_trouble(host_network(done.stdout, str(self.conf)), PROVIDERS["calico"])
        return [line.replace(str(self.conf), "CONF") for line in told]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.config("10-calico.conflist", CONFIG)
    for name in ("calico", "calico-ipam", "portmap"):
        made.program(name)
    return made


def test_a_host_that_has_everything_is_well_and_nothing_of_its_own_is_run(host: Host) -> None:
    host.program("install", "#!/bin/sh\ntouch ran")
    host.program("$(touch spoilt)", "#!/bin/sh\ntouch ran")
    assert host.look() == []
    assert not list(host.bin.glob("ran")) and not list(host.bin.glob("spoilt"))


def test_what_is_wrong_is_seen(host: Host) -> None:
    (host.bin / "calico").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 100)
    (host.bin / "calico-ipam").unlink()
    host.program("portmap", "")
    assert host.look() == [
        "program calico does not answer as a network plugin does, so it is corrupt",
        "program calico-ipam is missing",
        "program portmap is empty",
    ]
    host.program("calico", mode=0o644)
    (host.bin / "calico-ipam").symlink_to("/nowhere")
    host.program("portmap", "#!/bin/sh\nsleep 30")
    assert host.look() == [
        "program calico is not executable",
        "program calico-ipam is missing",
        "program portmap does not answer as a network plugin does, so it is corrupt",
    ]


def test_configurations_are_read_whatever_they_are(host: Host) -> None:
    (host.conf / "10-calico.conflist").unlink()
    assert host.look() == ["CONF has no network configuration"]
    host.config("odd name 'x' $(touch spoilt).conf", "{")
    host.config("99-long.conflist", CONFIG + " " * 70000)
    told = host.look()
    assert "CONF/odd name 'x' $(touch spoilt).conf is no network configuration" in told
    assert "CONF/99-long.conflist is no network configuration" in told
    (host.conf / "10-calico.conflist").write_bytes(CONFIG.encode() + b"\n\n")
    assert "no configuration in CONF is that of calico" not in host.look()
    assert not list(host.bin.glob("spoilt"))


# --- the texts of the role


def test_every_option_is_documented_with_its_default() -> None:
    specs = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: spec["default"] for name, spec in specs.items()} == read("defaults/main.yml")


def test_the_rung_hands_on_every_option_and_ends_in_time() -> None:
    [task] = read("tasks/rung.yml")
    given = task["vars"]
    assert set(read("defaults/main.yml")) == {name for name in given if name.startswith("cni_reapply_")}
    assert given["__cni_reapply_local_fence"] == "{{ repair_node_local_fence }}"
    [with_source, without] = map(int, re.findall(r"\b(?:150|75)\b", given["cni_reapply_deadline"]))
    times = {t["name"]: t["timeout"] for t in everything() if isinstance(t.get("timeout"), int)}
    looks = 2 * times["Look at the host's network configuration and programs"]
    assert looks <= without and CNI_REAPPLY.deadline - with_source >= 60


def test_everything_that_is_no_look_at_the_host_is_done_on_the_controller() -> None:
    own = ("assert", "debug", "fail", "include_role", "include_tasks", "raw", "set_fact")
    for task in everything():
        if set(task) & {f"ansible.builtin.{name}" for name in own}:
            continue
        # What makes the source is told so where it is included.
        if task in list(leaves(read("tasks/source.yml"))):
            continue
        assert task["delegate_to"] == "localhost" and task["vars"]["ansible_become"] is False, task["name"]
    [have] = [task for task in everything() if task["name"] == "Have the manifest"]
    apply = have["ansible.builtin.include_tasks"]["apply"]
    assert apply["delegate_to"] == "localhost" and apply["vars"] == {"ansible_become": False}


def test_the_fence_stands_right_before_what_is_applied() -> None:
    names = [task["name"] for task in leaves(read("tasks/apply.yml"))]
    assert names.index("Apply what is missing or differs") == names.index("Stop if it comes too late") + 1
    [fence] = [task for task in everything() if task["name"] == "Stop if it comes too late"]
    assert fence["ansible.builtin.command"]["argv"] == ["sh", "-c", "{{ __cni_reapply_local_fence }} :"]
    assert read("vars/main.yml")["__cni_reapply_local_fence"] == ""
    # Behind it nothing but the very module that the lease is proven by for each of its writes.
    modules = {key for task in everything() for key in task if key.startswith(("selfheal.", "kubernetes."))}
    assert modules == {
        *("kubernetes.core.helm_template", "kubernetes.core.k8s", "kubernetes.core.k8s_info"),
        *("selfheal.kubernetes.cni_manifest", "selfheal.kubernetes.cni_restart"),
    }


def test_nothing_is_applied_to_another_cluster_than_the_one_that_was_looked_at() -> None:
    [_would, do] = read("tasks/apply.yml")
    see, stop, *_fence, apply = do["block"]
    where = {key: value for key, value in see["kubernetes.core.k8s_info"].items() if "connection" in value}
    assert where.items() <= apply["kubernetes.core.k8s"].items() and len(where) == 6
    condition = Environment(autoescape=False).compile_expression(stop["when"])  # noqa: S701
    for seen, refused in (("uid-1", False), ("uid-2", True), ("", True)):
        values = {"__cni_reapply_seen_uid": seen, "__cni_reapply_plan": {"cluster_uid": "uid-1"}}
        assert condition(**values) is refused
    mapped = Environment(autoescape=False).from_string(stop["vars"]["__cni_reapply_seen_uid"])  # noqa: S701
    assert mapped.render(__cni_reapply_cluster={"resources": [{"metadata": {"uid": "uid-1"}}]}) == "uid-1"
    assert mapped.render(__cni_reapply_cluster={"failed": True}) == ""


def test_without_the_collection_that_applies_it_ends_before_anything_is_included() -> None:
    tasks = read("tasks/main.yml")
    names = [task["name"] for task in tasks]
    lacks = tasks[names.index("Stop if there is nothing to apply it with")]
    assert names.index(lacks["name"]) < names.index("Mend the network of a node")
    assert "'kubernetes.core.k8s_config_resource_name' is not filter" in lacks["when"]


def test_what_gets_into_the_shell_was_checked() -> None:
    [check] = [task for task in everything() if task["name"] == "Check the options"]
    checked = " ".join(check["ansible.builtin.assert"]["that"])
    [look] = [task for task in everything() if "ansible.builtin.raw" in task]
    for inside in re.findall(r"\{\{(.*?)\}\}", look["ansible.builtin.raw"]):
        name = inside.split("|")[0].strip()
        assert name == "__cni_reapply_programs" or f"{name} is match('/[A-Za-z0-9@._/-]*\\Z')" in checked, name
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in read("vars/main.yml")["__cni_reapply_programs"])
    wanted = {name for provider in PROVIDERS.values() for name in provider.plugins}
    assert wanted <= set(read("vars/main.yml")["__cni_reapply_programs"])


def test_no_message_hands_on_what_moves_a_terminal() -> None:
    for task in everything():
        said = str(task.get("ansible.builtin.fail", {}).get("msg", ""))
        if "std" in said or "_failed" in said:
            assert "| selfheal.kubernetes.one_line(" in said, task["name"]


def test_the_rights_are_no_more_than_they_must_be() -> None:
    """No right to delete anything but the pods of the proof, none to write rights or kinds, and no Secret is read."""
    for item in read("files/rbac.yml")["items"]:
        for rule in item.get("rules", ()):
            verbs = set(rule["verbs"])
            assert not {"*"} & {*verbs, *rule["resources"], *rule["apiGroups"]}
            assert "secrets" not in rule["resources"] and not verbs & {"update", "escalate", "bind", "impersonate"}
            assert "delete" not in verbs or item["metadata"]["namespace"] == "self-healing"
            if "patch" in verbs:
                assert rule["resourceNames"] and item["metadata"]["name"] == "selfheal-cni-agents"
            if item["metadata"]["name"] == "selfheal-cni":
                assert verbs <= {"get", "list"}
    names = {
        name for i in read("files/rbac.yml")["items"] for r in i.get("rules", ()) for name in r.get("resourceNames", ())
    }
    for provider in PROVIDERS.values():
        assert {provider.daemonset, provider.settings} <= names
