# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role, run by Ansible against programs that play the host: what it keeps, leaves out, and never does."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.evidence import LIMIT_RANGE, limits

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "roles" / "node_evidence"
UID = "0b9b5a4e-6e4f-4b55-b0b3-1a3b8a3c9d10"
NAME = f"evidence_{UID}_w1_20261121T030002Z.json.gz"
SECRET = "hunter2hunter2"
FAULT = "kubelet[1]: panic: the disk of worker-1 is on fire"


def read(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


COMMANDS: list[dict[str, Any]] = read("vars/main.yml")["__node_evidence_commands"]


def test_no_command_can_leave_its_quotes_or_read_what_processes_were_given() -> None:
    assert len({one["name"] for one in COMMANDS}) == len(COMMANDS)
    for one in COMMANDS:
        assert not set(one["command"]) & set("'\"`$\\{}<>"), one
        assert set(one) <= {"name", "command", "share", "tail"}
        # Arguments and environments hold secrets, and so do the files that only root reads.
        assert not re.search(
            r"environ|cmdline|\bargs\b|\bps (aux|-ef)|/pki|\.conf\b|kubeconfig|secrets?", one["command"]
        ), one
        assert re.match(
            r"(date|dmesg|systemctl|journalctl|free|ps|df|cat|ip|iptables-save|nft|ss|ctr|ls)\b", one["command"]
        )
    changing = r"\b(rm|mv|cp|tee|touch|start|stop|restart|kill|flush|delete|add|set|enable|disable)\b"
    assert not [one for one in COMMANDS if re.search(changing, one["command"])]


def test_each_of_them_has_room_in_the_smallest_bundle() -> None:
    room = limits({one["name"]: one["share"] for one in COMMANDS}, LIMIT_RANGE[0])
    assert min(room.values()) > 200


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from leaves(inside) if inside else iter([task])


def test_what_the_host_says_is_never_shown() -> None:
    inner = list(leaves([*read("tasks/main.yml"), *read("tasks/ask.yml")]))
    touching = [
        one
        for one in inner
        if "ansible.builtin.raw" in one or "answers" in one.get("selfheal.kubernetes.evidence_bundle", {})
    ]
    assert len(touching) == 2 and all(one["no_log"] is True for one in touching)


@dataclass(frozen=True)
class Kept:
    """What became of a run of the role."""

    output: str
    result: dict[str, Any]
    folder: Path

    @property
    def bundle(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(gzip.decompress((self.folder / NAME).read_bytes()))
        return told

    def section(self, name: str) -> dict[str, Any]:
        [found] = [one for one in self.bundle["sections"] if one["name"] == name]
        return dict(found)


def collect(folder: Path, *options: str, programs: dict[str, str] | None = None, **variables: Any) -> Kept:
    """Run the role against this machine, whose programs of these names are the test's own."""
    tools, kept = folder / "tools", folder / "kept"
    tools.mkdir()
    kept.mkdir()
    for name, text in {
        "journalctl": f"echo '{FAULT}'; echo 'token={SECRET}'",
        "dmesg": "echo nothing",
        **(programs or {}),
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    role = {
        "node_evidence_node": "w1",
        "node_evidence_dir": str(kept),
        "node_evidence_name": NAME,
        "node_evidence_cluster_uid": UID,
        "node_evidence_about": {"reason": "NodeStatusUnknown", "message": f"password={SECRET}"},
        **variables,
    }
    tasks = [
        {"ansible.builtin.include_role": {"name": "selfheal.kubernetes.node_evidence"}, "vars": role},
        {"ansible.builtin.debug": {"msg": "RESULT {{ node_evidence_result | to_json }}"}},
    ]
    play = {"hosts": "machine", "gather_facts": False, "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (folder / "hosts.ini").write_text(f"localhost {local}\nmachine {local}\n", encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", "hosts.ini", "play.yml", "-vvv", *options],
        cwd=folder,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    [line] = [line for line in output.splitlines() if "RESULT {" in line]
    return Kept(output, json.loads(json.loads(line.strip().removeprefix('"msg": ')).removeprefix("RESULT ")), kept)


def test_it_keeps_what_tells_of_the_fault_and_no_secret_anywhere(tmp_path: Path) -> None:
    done = collect(tmp_path)
    path = done.folder / NAME
    assert [one.name for one in done.folder.iterdir()] == [NAME] and path.stat().st_mode & 0o7777 == 0o600
    assert (done.result["name"], done.result["path"], done.result["reason"]) == (NAME, str(path), "")
    assert done.result["bytes"] == path.stat().st_size and len(done.result["sha256"]) == 64
    journal = done.section("journal of kubelet")
    assert journal["lines"] == [FAULT, "token=<left-out>"]
    assert (journal["cut"], journal["secrets_left_out"]) == (False, 1)
    assert done.bundle["reason"] == "NodeStatusUnknown" and done.bundle["node"] == "w1"
    assert [one["name"] for one in done.bundle["sections"]] == [one["name"] for one in COMMANDS]
    assert SECRET not in json.dumps(done.bundle)
    # Not even with -vvv, since a job's log is kept.
    assert SECRET not in done.output.replace(f"password={SECRET}", "") and FAULT not in done.output


def test_a_flood_is_cut_and_a_command_that_hangs_costs_its_own_section_and_no_more(tmp_path: Path) -> None:
    flood = "i=0; while [ $i -lt 20000 ]; do echo line $i of a flood; i=$((i + 1)); done"
    programs = {"journalctl": flood, "dmesg": "echo begun; exec sleep 100"}
    done = collect(tmp_path, programs=programs, node_evidence_max_bytes=LIMIT_RANGE[0])
    assert len(gzip.decompress((done.folder / NAME).read_bytes())) <= LIMIT_RANGE[0]
    journal = done.section("journal of kubelet")
    assert journal["cut"] and journal["lines"][-1] == "line 19999 of a flood"
    assert done.section("kernel log")["lines"][:1] == ["begun"]
    assert 5 <= done.result["seconds"] < 45


def test_when_the_time_is_over_the_rest_is_not_asked_and_that_is_told(tmp_path: Path) -> None:
    done = collect(tmp_path, programs={"dmesg": "exec sleep 4"}, node_evidence_timeout=3)
    assert "it was not asked for" in done.section("configuration of kubelet")["trouble"]
    assert "trouble" not in done.section("identity")


@pytest.mark.parametrize(
    ("folder", "why"),
    [("", "no folder is set for it"), ("/nowhere/at/all", "/nowhere/at/all is not a directory on the controller")],
)
def test_without_a_folder_nothing_is_asked_and_the_reason_is_told(tmp_path: Path, folder: str, why: str) -> None:
    asked = tmp_path / "asked"
    done = collect(tmp_path, programs={"dmesg": f"touch {asked}"}, node_evidence_dir=folder)
    assert why in done.result["reason"] and done.result["name"] == done.result["path"] == ""
    assert not asked.exists()


def test_check_mode_asks_and_writes_nothing(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    done = collect(tmp_path, "--check", programs={"dmesg": f"touch {asked}"})
    assert done.result["reason"] == "nothing is kept in check mode"
    assert not asked.exists() and list(done.folder.iterdir()) == []


def test_a_host_that_does_not_answer_is_no_failure_and_is_told(tmp_path: Path) -> None:
    ssh = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    done = collect(tmp_path, "-e", json.dumps({"node_evidence_host": "silent"}), "-i", _inventory(tmp_path, ssh))
    assert done.result["reason"].startswith("the host has told nothing: "), done.result
    assert "Failed to connect to the host" in done.result["reason"] and list(done.folder.iterdir()) == []


def _inventory(folder: Path, variables: dict[str, Any]) -> str:
    path = folder / "silent.json"
    path.write_text(json.dumps({"all": {"hosts": {"silent": variables}}}), encoding="utf-8")
    return str(path)
