# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the replacement of a member of etcd: their shell, run for real on a folder instead of a host."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.etcd_member import AT_HOME, Step, read_view
from jinja2 import Environment

from lab.paths import CHECKOUT

ROLE = CHECKOUT / "roles" / "control_plane_repair"
PLAYBOOKS = CHECKOUT / "playbooks"
CHANGING = ("keep", "out", "remove", "add", "enter", "promote", "finish")
BEGINS_NEW = "    - --initial-cluster=cp-1=https://10.0.0.1:2380\n"
JOINS = f"{BEGINS_NEW}    - --initial-cluster-state=existing\n"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def first(step: str) -> str:
    """The first command of a step, which is the one that changes something."""
    return next(
        str(one["ansible.builtin.raw"])
        for one in read(ROLE / "tasks" / f"member_{step}.yml")
        if "ansible.builtin.raw" in one
    )


def uptime() -> int:
    return int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]))


class Place:
    """A folder that stands for a host, with a fake etcdctl and as many processes as a test says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for folder in ("etc/kubernetes/manifests", "var/lib/etcd", "bin"):
            (home / folder).mkdir(parents=True)
        self.manifest = home / "etc/kubernetes/manifests/etcd.yaml"
        self.saved = home / "var/lib/selfheal/etcd-member/etcd.yaml"
        self.data = home / "var/lib/etcd/member"
        self.runs = ""
        self.says = ":"
        self.said = home / "said"

    def lay(self, manifest: str = BEGINS_NEW, data: bool = True) -> None:
        self.manifest.write_text(manifest, encoding="ascii")
        if data:
            (self.data / "wal").mkdir(parents=True)

    def kept(self) -> list[str]:
        return sorted(one.name for one in (self.home / "var/lib/etcd").iterdir())

    def run(self, step: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        known = read(ROLE / "defaults" / "main.yml") | read(ROLE / "vars" / "main.yml")
        known |= {
            "control_plane_repair_lock": {"since": uptime() - 9, "until": uptime() + 900},
            "control_plane_repair_act_until": uptime() + 60,
            "control_plane_repair_found": {"clock": 5},
            "control_plane_repair_member_id": "1f",
            "control_plane_repair_member_name": "cp-1",
            "control_plane_repair_member_url": "https://10.0.0.1:2380",
            "control_plane_repair_manifest": JOINS,
        } | variables
        environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
        environment.filters |= {
            "b64encode": lambda text: base64.b64encode(text.encode()).decode(),
            "regex_replace": lambda text, what, by: re.sub(what, by, text),
        }
        text = first(step)
        for _depth in range(4):
            text = environment.from_string(text).render(known)
        for path in ("/etc/kubernetes", "/var/lib/etcd", "/var/lib/selfheal"):
            text = text.replace(path, f"{self.home}{path}")
        # After the fence and the functions of the role, so that these hold.
        fakes = f"runs() {{ {self.runs or 'return 1'}; }}; sleep() {{ :; }};"
        fakes += f' etcdctl_() {{ echo "$*" >>{self.said}; {self.says}; }};'
        lines = text.split("\n")
        last = max(n for n, line in enumerate(lines) if re.match(r" *[a-z_]+\(\) \{|.*exit 71; \};$|timeout ", line))
        text = "\n".join([*lines[: last + 1], fakes, *lines[last + 1 :]])
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False, timeout=60)
        self.asked = self.said.read_text(encoding="utf-8").splitlines() if self.said.exists() else []
        return done


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_every_step_of_the_core_is_a_file_of_the_role_with_its_options_and_its_time() -> None:
    steps = {step.value for step in Step}
    files = {one.stem.removeprefix("member_") for one in (ROLE / "tasks").glob("member_*.yml")}
    assert files == {*steps, "look"}
    specs = read(ROLE / "meta" / "argument_specs.yml")["argument_specs"]
    assert {f"member_{step}" for step in files} <= set(specs)
    seconds = read(PLAYBOOKS / "vars" / "etcd_member.yml")["__selfheal_step_seconds"]
    assert set(seconds) == steps
    for step in CHANGING:
        assert int(re.match(r"timeout (\d+) ", first(step))[1]) <= seconds[step] <= 240, step  # type: ignore[index]
    assert {step.value for step in AT_HOME} == {"out", "enter", "ready", "kubelet", "finish"}


@pytest.mark.parametrize("step", CHANGING)
def test_no_step_is_taken_after_the_lease_or_the_lock_have_passed(place: Place, step: str) -> None:
    place.lay()
    before = place.kept()
    late = (
        {"control_plane_repair_act_until": uptime() - 1},
        {"control_plane_repair_lock": {"since": uptime() - 900, "until": uptime() + 200}},
        {"control_plane_repair_lock": {"since": uptime() + 500, "until": uptime() + 900}},
    )
    for variables in late:
        done = place.run(step, **variables)
        assert (done.returncode, place.asked) == (71, []), done.stderr
        assert "nothing was done" in done.stderr
    assert place.manifest.exists() and place.kept() == before and not place.saved.exists()


def test_the_manifest_is_gone_before_the_data_are_and_both_are_kept(place: Place) -> None:
    place.lay()
    (place.data / "wal" / "0.wal").write_text("precious", encoding="ascii")
    done = place.run("out")
    assert done.returncode == 0, done.stderr
    assert not place.manifest.exists() and place.saved.read_text(encoding="ascii") == BEGINS_NEW
    [name] = place.kept()
    assert re.fullmatch(r"selfheal-kept-\d+", name)
    assert (place.home / "var/lib/etcd" / name / "wal" / "0.wal").read_text(encoding="ascii") == "precious"
    script = first("out")
    assert -1 < script.find("rm -f $at") < script.find("while runs") < script.find("mv -T /var/lib/etcd/member")
    again = place.run("out")
    assert again.returncode == 0, "whoever was killed after it does it again"
    assert place.kept() == [name]


def test_data_stay_where_they_are_while_etcd_runs_or_its_manifest_is_back(place: Place) -> None:
    place.lay()
    place.runs = "return 0"
    done = place.run("out")
    assert done.returncode == 70 and "etcd still runs" in done.stderr
    assert place.kept() == ["member"] and place.saved.exists()
    place.runs = f"cp {place.saved} {place.manifest}; return 1"
    done = place.run("out")
    assert done.returncode == 70 and "somebody has put the manifest of etcd back" in done.stderr
    assert place.kept() == ["member"]


def test_without_a_manifest_to_keep_nothing_is_moved(place: Place) -> None:
    (place.data / "wal").mkdir(parents=True)
    done = place.run("out")
    assert done.returncode == 70 and place.kept() == ["member"]


def test_only_a_manifest_that_joins_is_put_over_an_empty_disk(place: Place) -> None:
    done = place.run("enter", control_plane_repair_manifest=BEGINS_NEW)
    assert done.returncode == 70 and "would begin a new cluster" in done.stderr
    folder = place.manifest.parent
    assert list(folder.iterdir()) == []
    done = place.run("enter")
    assert done.returncode == 0, done.stderr
    assert place.manifest.read_text(encoding="ascii") == JOINS and list(folder.iterdir()) == [place.manifest]
    assert place.manifest.stat().st_mode & 0o777 == 0o600


def test_nothing_is_started_over_data_or_over_another_manifest(place: Place) -> None:
    place.lay(manifest="somebody's")
    assert place.run("enter").returncode == 70
    assert place.manifest.read_text(encoding="ascii") == "somebody's"
    place.manifest.unlink()
    done = place.run("enter")
    assert done.returncode == 70 and "data of one" in done.stderr
    assert not place.manifest.exists()


def test_the_members_are_changed_by_these_words_and_no_other(place: Place) -> None:
    assert place.run("remove").returncode == 0
    assert place.asked[-1] == "--command-timeout=20s member remove 1f"
    answer = {"header": {"cluster_id": 9}, "member": {"ID": 8736251243083777837, "isLearner": True}, "members": []}
    told = json.dumps(answer, separators=(",", ":")).replace('"', '\\"')
    place.says = f'echo "{told}"'
    done = place.run("add", control_plane_repair_member_url="https://[fd00::1]:2380")
    assert done.returncode == 0 and done.stdout == "look.added=8736251243083777837\n"
    assert (
        place.asked[-1] == "--command-timeout=20s member add cp-1 --learner --peer-urls=https://[fd00::1]:2380 -w json"
    )
    evil = "$(touch x); 'reboot' \" `id`"
    place.run("add", control_plane_repair_member_url=evil, control_plane_repair_member_name=evil)
    place.run("remove", control_plane_repair_member_id=evil)
    for line in place.asked:
        assert not set(line) & set("$();'\"`")


def test_a_learner_that_has_not_caught_up_is_asked_for_again(place: Place) -> None:
    behind = "echo can only promote a learner member which is in sync with leader; return 1"
    place.says = f"[ $(wc -l <{place.said}) -gt 2 ] || {{ {behind}; }}"
    assert place.run("promote").returncode == 0
    assert len(place.asked) == 3
    place.says = "echo membership: no such member; return 1"
    done = place.run("promote")
    assert done.returncode == 70 and "no such member" in done.stderr


def test_the_look_prints_what_the_core_reads(place: Place) -> None:
    place.lay()
    place.saved.parent.mkdir(parents=True)
    place.saved.write_text("kept", encoding="ascii")
    (place.home / "var/lib/etcd/selfheal-kept-7").mkdir()
    script = first("look")
    assert "{{ __control_plane_repair_fence }}" not in script, "it changes nothing"
    assert not re.search(r"\b(mv|cp|rm|touch|mkdir)\b", script)
    view = read_view(place.run("look").stdout)
    assert (view.manifest, view.saved, view.data, view.running) == (BEGINS_NEW, "kept", True, False)
    assert view.aside.endswith("selfheal-kept-7") and view.addresses
    assert not view.is_out and not view.paused
    (place.home / "etc/kubernetes/selfheal-paused").touch()
    assert read_view(place.run("look").stdout).paused


def test_the_lease_is_asked_before_each_step_and_the_look_before_that() -> None:
    names = [task["name"] for task in _leaves(read(PLAYBOOKS / "tasks" / "etcd_member_round.yml"))]
    order = ["Look at etcd", "Judge what was seen", "Ask the cluster once more, and renew the lease"]
    at = [names.index(name) for name in [*order, "Step {{ __selfheal_next.step }}"]]
    assert at == sorted(at) and at[-1] - at[-2] == 2, "only the answer is looked at in between"


def test_only_control_plane_hosts_are_in_the_play() -> None:
    files = [*(PLAYBOOKS / "tasks").glob("etcd_member*.yml"), PLAYBOOKS / "replace_etcd_member.yml"]
    assert len(files) >= 6
    for file in files:
        for target in re.findall(r"delegate_to: (.*)", file.read_text(encoding="utf-8")):
            assert target in ('"{{ __selfheal_plane }}"', '"{{ __selfheal_next.at }}"')


def _leaves(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        found += _leaves(inside) if inside else [task]
    return found
