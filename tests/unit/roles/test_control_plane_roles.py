# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell of the roles that repair a control plane and kubelet's certificates: its fences, and the lock on a host."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from lab.paths import CHECKOUT

ROLES = CHECKOUT / "roles"
PLANE, CERTIFICATES = ROLES / "control_plane_repair", ROLES / "kubelet_certificates"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inside = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from leaves(inside) if inside else [task]


def raws(role: Path) -> list[dict[str, Any]]:
    """Every task of a role that runs a command on a host."""
    files = sorted((role / "tasks").rglob("*.yml"))
    return [task for file in files for task in leaves(read(file)) if "ansible.builtin.raw" in task]


# --- the fence

# What changes something and stands behind no fence: the lock itself and its end, and the clearing away of a secret.
FREE = {
    "Lock the host",
    "Write the record, and let the lock go",
    "Make a token",
    "Put back what was there",
    "Take the token back",
    "Take the token away from the host",
}
CHANGES = re.compile(
    r"\b(mv|cp|rm|mkdir|mktemp|kill|touch|systemctl (?!show|cat|is-active)\w+|kubeadm (?!version))\b"
    r"|[^2&]>\$|defrag|compact"
)


@pytest.mark.parametrize(("role", "fence"), [(PLANE, "control_plane_repair"), (CERTIFICATES, "kubelet_certificates")])
def test_a_fence_stands_before_every_command_that_changes_something(role: Path, fence: str) -> None:
    fenced = 0
    for task in raws(role):
        script = task["ansible.builtin.raw"]
        if not CHANGES.search(script) or task["name"] in FREE:
            continue
        assert script.partition("sh -c '")[2].lstrip().startswith(f"{{{{ __{fence}_fence }}}}\n"), task["name"]
        fenced += 1
    assert fenced >= (6 if role == PLANE else 2)


def test_every_command_has_two_time_limits_and_no_quote_that_ends_it() -> None:
    for task in raws(PLANE) + raws(CERTIFICATES):
        script = task["ansible.builtin.raw"]
        limit = re.match(r"timeout (\d+|\{\{ [a-z_]+ \| int \}\}) ", script)
        assert limit, task["name"]
        if limit[1].isdigit():
            assert task["timeout"] > int(limit[1]), task["name"]
        body = re.sub(r"\{\{.*?\}\}", "", script, flags=re.DOTALL)
        assert body.count("'") in (0, 2), task["name"]
        assert task["failed_when"] is False and task["ignore_unreachable"] is True, task["name"]


def test_the_fences_hold_numbers_and_no_quotes() -> None:
    text = read(PLANE / "vars" / "main.yml")["__control_plane_repair_fence"]
    evil = {"control_plane_repair_lock": {"since": "1; reboot", "until": "1; reboot"}}
    made = Environment(autoescape=True).from_string(text).render(evil)
    assert not set(made) & set("'\"`") and "reboot" not in made
    assert read(CERTIFICATES / "vars" / "main.yml")["__kubelet_certificates_fence"] == ""


def test_no_command_behind_the_fence_outlives_the_lock() -> None:
    """The fence keeps 290 s back, and no command takes longer."""
    text = read(PLANE / "vars" / "main.yml")["__control_plane_repair_fence"]
    up = int(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]))
    for left, code in ((300, 0), (280, 71), (-1, 71)):
        lock = {"since": up - 5, "until": up + left}
        fence = Environment(autoescape=True).from_string(text).render(control_plane_repair_lock=lock)
        assert subprocess.run(["sh", "-c", f"{fence} exit 0"], check=False, timeout=10).returncode == code, left
    limits = [re.match(r"timeout (\d+) ", task["ansible.builtin.raw"]) for task in raws(PLANE) + raws(CERTIFICATES)]
    assert max(int(limit[1]) for limit in limits if limit) <= 290
    assert read(ROLES / "kubelet_restart" / "defaults" / "main.yml")["kubelet_restart_deadline"] <= 290


def test_no_task_prints_what_holds_a_token() -> None:
    """A registered answer, and a command, are shown with -v unless the task says no."""
    for file in ("token.yml", "bootstrap.yml", "api.yml"):
        for task in leaves(read(CERTIFICATES / "tasks" / file)):
            text = yaml.safe_dump(task)
            if re.search(r"token\.token|\.user\.token|look\.token|_certificates_token: ", text):
                assert task.get("no_log") is True or task["name"] == "Begin without a token", task["name"]


WORDS = re.compile(r"(?:stdout|stderr|\.msg)\b")
BOUNDED = re.compile(r"\| selfheal\.kubernetes\.one_line\(\d+")


def test_every_message_with_a_host_s_words_is_printable_and_has_an_end() -> None:
    """Whatever is shown, or remembered for being shown, passes the same filter; what is only parsed need not."""
    seen = 0
    for role in (PLANE, CERTIFICATES, ROLES / "kubelet_restart"):
        tasks = [task for file in (role / "tasks").rglob("*.yml") for task in leaves(read(file))]
        texts = [str(task[kind]["msg"]) for task in tasks for kind in FAIL if kind in task]
        texts += [str(value) for task in tasks for value in task.get("vars", {}).values()]
        variables = read(role / "vars" / "main.yml")
        texts += [str(value) for value in variables.values() if "\n" in str(value) or "{{" in str(value)]
        for text in texts:
            parsed = r"regex_findall|selfheal\.kubernetes\.(?!one_line)|stdout_lines"
            if WORDS.search(text) and not re.search(parsed, text):
                assert BOUNDED.search(text), text
                seen += 1
    assert seen >= 12
    playbook = (CHECKOUT / "playbooks" / "tasks" / "control_plane_repair.yml").read_text(encoding="utf-8")
    assert BOUNDED.search(playbook)


FAIL = ("ansible.builtin.fail", "ansible.builtin.debug")


# --- the file with the token

OURS = '{"current-context": "selfheal-bootstrap"}'


@pytest.mark.parametrize(
    ("there", "kept", "left"),
    [
        (OURS, "", ""),
        (OURS, "own", "own"),
        ("own", "", "own"),
        ("", "own", "own"),
        ("own", "older", "own"),
        ("", "", ""),
    ],
)
def test_a_host_s_own_bootstrap_file_outlives_ours(tmp_path: Path, there: str, kept: str, left: str) -> None:
    file = tmp_path / "bootstrap.conf"
    for path, text in ((file, there), (tmp_path / "bootstrap.conf.selfheal-7", kept)):
        if text:
            path.write_text(text, encoding="ascii")
    (tmp_path / "bootstrap.conf.new").write_text(OURS, encoding="ascii")
    text = read(CERTIFICATES / "vars" / "main.yml")["__kubelet_certificates_take"]
    known = {"kubelet_certificates_bootstrap_conf": str(file), "__kubelet_certificates_before": {"clock": 7}}
    environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
    subprocess.run(["sh", "-c", environment.from_string(text).render(known)], check=True, timeout=10)
    assert (file.read_text(encoding="ascii") if file.exists() else "") == left
    assert not (tmp_path / "bootstrap.conf.new").exists()


# --- nothing but certificates is printed of a file that holds keys

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIcertificate\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHsecret\n-----END EC PRIVATE KEY-----\n"
FILES = {
    "whole": (CERTIFICATE + KEY, 1),
    "key first": (KEY + CERTIFICATE, 1),
    "two": (CERTIFICATE + KEY + CERTIFICATE, 2),
    "no end": (CERTIFICATE.replace("-----END CERTIFICATE-----\n", "") + KEY, 0),
    "no end, and another one": (CERTIFICATE.replace("-----END CERTIFICATE-----\n", "") + KEY + CERTIFICATE, 1),
    "no begin": (CERTIFICATE.replace("-----BEGIN CERTIFICATE-----\n", "") + KEY + CERTIFICATE, 1),
    "key without its begin": (CERTIFICATE + KEY.replace("-----BEGIN EC PRIVATE KEY-----\n", "") + CERTIFICATE, 2),
    "only a key": (KEY, 0),
    "nothing": ("", 0),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("role", [PLANE, CERTIFICATES])
def test_of_a_file_only_whole_certificates_are_printed(role: Path, name: str) -> None:
    content, count = FILES[name]
    variables = read(role / "vars" / "main.yml")
    [command] = [value for key, value in variables.items() if key.endswith("_only")]
    done = subprocess.run(["sh", "-c", command], input=content, capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == CERTIFICATE * count


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("inline", [True, False])
def test_a_look_at_a_host_prints_no_key(tmp_path: Path, name: str, inline: bool) -> None:
    """The looks of both roles as the host gets them, on a folder instead of /etc/kubernetes."""
    content, count = FILES[name]
    home = tmp_path / "kubernetes"
    (home / "pki" / "etcd").mkdir(parents=True)
    pem = home / "current.pem"
    pem.write_text(content, encoding="ascii")
    (home / "pki" / "apiserver.crt").write_text(content, encoding="ascii")
    (home / "pki" / "ca.key").write_text(KEY, encoding="ascii")
    coded = base64.b64encode(content.encode()).decode()
    which = f"-data: {coded}" if inline else f": {pem}"
    key = f"-data: {base64.b64encode(KEY.encode()).decode()}" if inline else f": {pem}"
    conf = f"users:\n- user:\n    client-certificate{which}\n    client-key{key}\n"
    for file in ("kubelet.conf", "admin.conf"):
        (home / file).write_text(conf, encoding="ascii")
    # What else a look asks must not be this machine's own.
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("systemctl", "curl", "kubectl", "crictl", "ctr", "etcdctl"):
        (programs / program).write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        (programs / program).chmod(0o700)
    path = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    for role, task in ((PLANE, "Look at the host"), (CERTIFICATES, "Look at kubelet's certificate")):
        [text] = {one["ansible.builtin.raw"] for one in raws(role) if one["name"] == task}
        variables = read(role / "vars" / "main.yml") | read(role / "defaults" / "main.yml")
        environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
        shell = environment.from_string(text).render(variables).replace("/etc/kubernetes", str(home))
        done = subprocess.run(["sh", "-c", shell], env=path, capture_output=True, text=True, check=True, timeout=60)
        words = done.stdout + "".join(
            base64.b64decode(value).decode()
            for value in re.findall(r"(?m)^look\.certificate\.\S+?=(\S+)$", done.stdout)
        )
        assert "MHsecret" not in words and "PRIVATE" not in words
        assert base64.b64encode(KEY.encode()).decode()[8:40] not in words
        assert words.count("MIIcertificate") == (3 if role == PLANE else 1) * count


def test_workers_are_in_no_play_that_repairs_a_control_plane() -> None:
    playbook = (CHECKOUT / "playbooks" / "repair_control_plane.yml").read_text(encoding="utf-8")
    tasks = [file.read_text(encoding="utf-8") for file in (CHECKOUT / "playbooks" / "tasks").glob("control_plane*.yml")]
    assert tasks
    for text in (playbook, *tasks):
        assert "groups['all']" not in text and "workers" not in text.replace("Workers are never touched", "")
        for target in re.findall(r"delegate_to: (.*)", text):
            assert target == '"{{ __selfheal_plane }}"'


# --- whose processes are asked, run and ended

OURS_UID, TENANT = "4841f0be40258767c6cb18498042c712", "075446d7-021f-4fd7-81eb-e86aeecd50ce"
BROKEN = TENANT.replace("-", "_")
KIND = "/docker/da1c26/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable"
GROUPS = {
    "cgroupfs": f"0::/kubepods/burstable/pod{OURS_UID}/0af49c",
    "cgroupfs, the group of the pod itself": f"0::/kubepods/pod{OURS_UID}",
    "cgroupfs, kind": f"0::/kubelet/kubepods/burstable/pod{OURS_UID}/0af49c",
    "systemd": f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{OURS_UID}.slice/crio-0af4.scope",
    "systemd, kind": f"0::{KIND}-pod{OURS_UID}.slice/cri-containerd-0af49c.scope",
    "systemd, a runtime that is not": f"0::/system.slice/x.service/kubepods-pod{OURS_UID}.slice:cri-containerd:0a",
    "version 1": f"9:name=systemd:/kubepods/pod{OURS_UID}/0a\n8:pids:/kubepods/pod{OURS_UID}/0a\n0::/",
}
FOREIGN = {
    "a tenant's": f"0::/kubepods/burstable/pod{TENANT}/0af49c",
    "a tenant's slice": f"0::/kubepods.slice/kubepods-pod{BROKEN}.slice/cri-containerd-0a.scope",
    "a group below a tenant's own": f"0::/kubepods/burstable/pod{TENANT}/0af49c/pod{OURS_UID}/x",
    "a group below a tenant's own slice": f"0::/kubepods.slice/kubepods-pod{BROKEN}.slice/0a.scope/pod{OURS_UID}",
    "a longer one": f"0::/kubepods/pod{OURS_UID}0/0af49c",
    "a part of a name": f"0::/kubepods/xpod{OURS_UID}/0af49c",
    "another static pod's": f"0::/kubepods/burstable/pod{'5' * 32}/0af49c",
    "the host's": "0::/system.slice/etcd.service",
    "nothing": "",
}


class Processes:
    """A folder that stands for a host's processes and for what kubelet keeps of its pods."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "proc").mkdir()

    def pod(self, name: str, uid: str, container: str = "", namespace: str = "kube-system", logs: bool = True) -> None:
        if logs:
            (self.home / f"var/log/pods/{namespace}_{name}_{uid}").mkdir(parents=True)
        else:
            (self.home / f"var/lib/kubelet/pods/{uid}/containers/{container}").mkdir(parents=True)

    def process(self, pid: int, comm: str, group: str, says: str = "") -> None:
        folder = self.home / "proc" / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{comm}\n", encoding="ascii")
        (folder / "cgroup").write_text(f"{group}\n", encoding="ascii")
        (folder / "cmdline").write_text("etcd\0--data-dir=/var/lib/etcd\0", encoding="ascii")
        if says:
            program = folder / "root/usr/local/bin/etcdctl"
            program.parent.mkdir(parents=True)
            program.write_text(f'#!/bin/sh\necho "{says} $ETCDCTL_API $*"\n', encoding="ascii")
            program.chmod(0o755)

    def run(self, text: str, role: Path = PLANE) -> str:
        """The role's own functions, and then this."""
        variables = read(role / "vars" / "main.yml")
        names = ("processes", "etcdctl", "member")
        functions = " ".join(variables[f"__control_plane_repair_{name}"] for name in names)
        script = functions + "\n" + text
        for path in ("/proc/", "/var/log/pods", "/var/lib/kubelet/pods", "/var/lib/etcd/"):
            script = script.replace(path, f"{self.home}{path}")
        done = subprocess.run(
            ["sh", "-c", script],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.stdout.strip() or done.stderr.strip()


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


@pytest.mark.parametrize("logs", [True, False])
@pytest.mark.parametrize("group", GROUPS)
def test_the_static_pod_s_process_is_found_in_whatever_form_its_group_has(
    processes: Processes, group: str, logs: bool
) -> None:
    processes.pod("etcd-cp-1", OURS_UID, "etcd", logs=logs)
    processes.process(7, "etcd", GROUPS[group])
    processes.process(8, "sh", GROUPS[group])
    assert processes.run("static_pids etcd") == "7"
    assert processes.run("runs && echo yes") == "yes"


@pytest.mark.parametrize("group", FOREIGN)
def test_no_process_of_another_pod_is_taken_for_the_static_pod_s(processes: Processes, group: str) -> None:
    processes.pod("etcd-cp-1", OURS_UID)
    processes.pod("etcd-cp-1", OURS_UID, "etcd", logs=False)
    # What a tenant can make: pods of its own with any name and any container; and what a chart makes in kube-system.
    processes.pod("etcd-cp-1", TENANT, namespace="tenant")
    processes.pod("etcd-0", TENANT)
    processes.pod("etcd-cp-1", TENANT, "etcd", logs=False)
    processes.process(7, "etcd", FOREIGN[group], says="evil")
    assert processes.run("static_pids etcd") == ""
    assert processes.run("etcdctl_ version") == "etcd does not run, and there is no etcdctl"
    assert processes.run("runs && echo yes || echo no") == "no"


def test_calico_s_controllers_are_none_of_the_control_plane_s(processes: Processes) -> None:
    """The kernel calls both kube-controller."""
    processes.pod("kube-controller-manager-cp-1", OURS_UID)
    processes.process(7, "kube-controller", f"0::/kubepods/besteffort/pod{TENANT}/0a")
    processes.process(8, "kube-controller", f"0::/kubepods/burstable/pod{OURS_UID}/0a")
    assert processes.run("static_pids kube-controller-manager") == "8"


def test_etcdctl_is_taken_from_the_static_pod_alone(processes: Processes) -> None:
    processes.pod("etcd-cp-1", OURS_UID)
    processes.process(7, "etcd", FOREIGN["a tenant's"], says="evil")
    assert "does not run" in processes.run("etcdctl_ version")
    processes.process(9, "etcd", GROUPS["cgroupfs"], says="good")
    assert processes.run("etcdctl_ snapshot save /x").startswith("good 3 --endpoints=https://127.0.0.1:2379 ")
    # The process ends as its folder is entered, and its number goes to a tenant's.
    tenant = FOREIGN["a tenant's"]
    goes = f'cd() {{ command cd "$1" && echo {tenant} >/proc/9/cgroup; }};'
    assert "does not run" in processes.run(f"{goes} etcdctl_ version")


def test_data_that_an_etcd_has_open_are_in_use_wherever_it_runs(processes: Processes) -> None:
    """Whoever started it: they are not moved, nor copied as if they were at rest."""
    data = processes.home / "var/lib/etcd/member/snap/db"
    data.parent.mkdir(parents=True)
    data.write_text("precious", encoding="ascii")
    processes.process(7, "etcd", FOREIGN["the host's"])
    assert processes.run("runs && echo yes || echo no") == "no"
    (processes.home / "proc/7/fd/9").symlink_to(data)
    assert processes.run("runs && echo yes || echo no") == "yes"


def test_only_the_control_plane_s_own_processes_are_ended_and_asked() -> None:
    """No command goes by the name of a process alone."""
    ends = 0
    for task in raws(PLANE):
        text = task["ansible.builtin.raw"]
        assert not re.search(r"(?<!static_)pids |/comm|pgrep|pkill|killall|/root/", text), task["name"]
        for loop in re.findall(r"for pid in (.*?);(?=.*\bkill\b)", text, re.DOTALL):
            assert loop.startswith("$(static_pids "), task["name"]
            ends += 1
    assert ends == 2
    variables = read(PLANE / "vars" / "main.yml")
    for name, text in variables.items():
        if name != "__control_plane_repair_processes":
            assert not re.search(r"(?<!static_)pids ", str(text)), name


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("exit 0", 0),
        ("echo 'error: You must be logged in to the server (Unauthorized)' >&2; exit 1", 3),
        ("echo 'Error from server (Forbidden): no' >&2; exit 1", 3),
        ("echo 'The connection to the server was refused' >&2; exit 1", 1),
    ],
)
def test_an_api_server_that_does_not_know_us_answers(tmp_path: Path, says: str, code: int) -> None:
    """As with an admin.conf that has ended, where there is kubectl and no curl: it is not ended for that."""
    for tool in ("sed", "tr", "head", "timeout", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    (tmp_path / "kubectl").write_text(f"#!/bin/sh\n{says}\n", encoding="ascii")
    (tmp_path / "kubectl").chmod(0o755)
    text = read(PLANE / "vars" / "main.yml")["__control_plane_repair_livez"] + " livez"
    done = subprocess.run(["/bin/sh", "-c", text], env={"PATH": str(tmp_path)}, check=False, timeout=20)
    assert done.returncode == code


@pytest.mark.parametrize("task", ["Look at the host", "Look at etcd", "Ask whether people are at work"])
def test_every_look_says_whether_people_are_at_work(task: str) -> None:
    [text] = {one["ansible.builtin.raw"] for one in raws(PLANE) if one["name"] == task}
    assert "{{ __control_plane_repair_pause }}" in text


@pytest.mark.parametrize("paused", [True, False])
def test_a_file_says_that_people_are_at_work(tmp_path: Path, paused: bool) -> None:
    if paused:
        (tmp_path / "selfheal-paused").touch()
    text = read(PLANE / "vars" / "main.yml")["__control_plane_repair_pause"].replace("/etc/kubernetes", str(tmp_path))
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == ("look.paused=yes\n" if paused else "")


# --- what etcd holds


@pytest.mark.parametrize(
    ("room", "runs", "code"), [(9000, "", 0), (100, "", 1), (9000, "static", 1), (9000, "elsewhere", 1)]
)
def test_nothing_of_etcd_is_changed_without_a_snapshot(tmp_path: Path, room: int, runs: str, code: int) -> None:
    """An etcd that does not run is copied, one that runs and gives no snapshot is left alone, and so is a full disk."""
    data, folder = tmp_path / "etcd" / "member" / "snap" / "db", tmp_path / "lib"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"x" * 1024**2)
    variables = read(PLANE / "vars" / "main.yml")
    names = ("__control_plane_repair_keeper", "__control_plane_repair_snapshot")
    found = {"control_plane_repair_folder": str(folder), "control_plane_repair_found": {"clock": 5}}
    environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
    text = "".join(environment.from_string(variables[name]).render(found) for name in names)
    fakes = f"df() {{ echo Filesystem; echo disk 99999 99 {room} 1% /; }};"
    fakes += f"static_pids() {{ {'echo 1' if runs == 'static' else ':'}; }}; opened() {{ [ -n '{runs}' ]; }};"
    fakes += "etcdctl_() { echo no etcd >&2; return 1; };"
    script = f"{text.replace('/var/lib/etcd/', f'{tmp_path}/etcd/')} {fakes} snapshot"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == code, done.stderr
    assert [one.name for one in folder.iterdir()] == ([] if code else ["etcd.db-5"])
    assert code == 0 or "nothing was changed" in done.stderr


@pytest.mark.parametrize(
    ("compact", "done"),
    [
        ("return 0", ["compact 5", "defrag --cluster", "alarm disarm", "alarm list"]),
        (
            'echo "Error: etcdserver: mvcc: required revision has been compacted" >&2; return 1',
            ["compact 5", "defrag --cluster", "alarm disarm", "alarm list"],
        ),
        ('echo "Error: context deadline exceeded" >&2; return 1', ["compact 5"]),
    ],
)
def test_space_is_made_by_a_second_run_after_one_that_was_cut_short(
    tmp_path: Path, compact: str, done: list[str]
) -> None:
    """What was compacted is, and the revision stands still under the alarm; the rest is still to be done."""
    [text] = [one["ansible.builtin.raw"] for one in raws(PLANE) if one["name"] == "Make space in etcd"]
    body = text.partition("sh -c '")[2].rpartition("'")[0]
    body = re.sub(r"\{\{ __[a-z_]+ \}\}", "", body).replace("sleep 2", ":")
    status = '\\"revision\\":5,'
    fakes = f"""
      snapshot() {{ saved=kept; }}
      etcdctl_() {{
        shift; echo "$*" >>{tmp_path}/asked
        case "$1" in endpoint) echo "{status}" ;; compact) {compact} ;; esac
      }}"""
    ended = subprocess.run(["sh", "-c", fakes + body], capture_output=True, text=True, check=False, timeout=10)
    asked = (tmp_path / "asked").read_text(encoding="ascii").splitlines()
    assert asked[1:] == done
    assert ended.returncode == (0 if len(done) > 1 else 70), ended.stderr
    assert len(done) > 1 or "context deadline exceeded" in ended.stderr


def test_etcd_is_kept_before_anything_of_it_is_changed() -> None:
    for file, before, change in (
        ("etcd_space", "snapshot || exit 70", "compact "),
        ("manifest", "snapshot || exit 70", "kubeadm init"),
        ("manifest_copy", "snapshot || exit 70", "mv -f .$name.new"),
    ):
        [script] = [one["ansible.builtin.raw"] for one in raws(PLANE) if change in one["ansible.builtin.raw"]]
        assert -1 < script.find(before) < script.find(change), file


# --- the lock


def script(file: str, folder: Path, holder: str = "one", seconds: int = 300, number: int = 0) -> str:
    """A command of the role as the host gets it, without Ansible."""
    [task] = [task for task in raws(PLANE) if task["name"] == file]
    variables = {
        "control_plane_repair_lock_folder": str(folder / "run"),
        "control_plane_repair_folder": str(folder / "lib"),
        "control_plane_repair_lock_seconds": seconds,
        "control_plane_repair_holder": holder,
        "control_plane_repair_lock": {"number": number},
        "control_plane_repair_record": {"outcome": "repaired"},
        "__control_plane_repair_line": {"outcome": "repaired"},
    }
    environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
    environment.filters |= {"to_json": lambda _value: "", "b64encode": lambda _value: "eyJhIjogMX0="}
    return environment.from_string(task["ansible.builtin.raw"]).render(variables)


def run(text: str) -> tuple[int, dict[str, str]]:
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, dict(re.findall(r"(?m)^look\.([a-z]+)=(.*)$", done.stdout))


def test_a_second_run_is_told_who_has_the_lock_until_it_is_let_go(tmp_path: Path) -> None:
    code, told = run(script("Lock the host", tmp_path))
    assert (code, told["number"]) == (0, "1") and int(told["until"]) - int(told["since"]) == 300
    code, told = run(script("Lock the host", tmp_path, "two"))
    assert (code, told["holder"]) == (75, "one") and 290 <= int(told["left"]) <= 300
    assert run(script("Write the record, and let the lock go", tmp_path, number=1))[0] == 0
    assert (tmp_path / "lib" / "record.jsonl").read_text(encoding="ascii") == '{"a": 1}\n'
    code, told = run(script("Lock the host", tmp_path, "two"))
    assert (code, told["number"]) == (0, "2")


@pytest.mark.parametrize(
    ("file", "content"), [("until", "5\n"), ("boot", "another\n"), ("until", ""), ("until", "junk\n")]
)
def test_a_lock_of_a_dead_run_does_not_last(tmp_path: Path, file: str, content: str) -> None:
    """Its time is over, the host has restarted since, or the lock was never whole."""
    assert run(script("Lock the host", tmp_path))[0] == 0
    (tmp_path / "run" / "lock" / "1" / file).write_text(content, encoding="ascii")
    code, told = run(script("Lock the host", tmp_path, "two"))
    assert (code, told["number"]) == (0, "2")
    assert run(script("Lock the host", tmp_path, "three"))[0] == 75


def test_of_many_runs_that_want_a_lock_that_has_run_out_one_gets_it(tmp_path: Path) -> None:
    for round_ in range(5):
        folder = tmp_path / str(round_)
        folder.mkdir()
        assert run(script("Lock the host", folder))[0] == 0
        (folder / "run" / "lock" / "1" / "until").write_text("5\n", encoding="ascii")
        texts = [script("Lock the host", folder, f"run-{n}") for n in range(12)]
        with ThreadPoolExecutor(12) as pool:
            codes = [code for code, _told in pool.map(run, texts)]
        assert sorted(codes) == [0] + [75] * 11


def test_old_locks_and_records_do_not_pile_up(tmp_path: Path) -> None:
    record = tmp_path / "lib" / "record.jsonl"
    record.parent.mkdir()
    record.write_text('{"old": 1}\n' * 40, encoding="ascii")
    for number in range(1, 26):
        assert run(script("Lock the host", tmp_path))[0] == 0
        assert run(script("Write the record, and let the lock go", tmp_path, number=number))[0] == 0
    assert len(list((tmp_path / "run" / "lock").iterdir())) <= 21
    lines = record.read_text(encoding="ascii").splitlines()
    assert len(lines) == 50 and lines[-25:] == ['{"a": 1}'] * 25, "the oldest go"


def test_a_folder_that_cannot_be_written_gives_no_lock(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file", encoding="ascii")
    assert run(script("Lock the host", tmp_path))[0] == 70


@pytest.mark.parametrize("role", [PLANE, CERTIFICATES])
def test_every_command_is_shell_that_can_be_read(role: Path) -> None:
    variables = read(role / "vars" / "main.yml")
    for task in raws(role):
        text = task["ansible.builtin.raw"]
        # The role's own pieces of shell hold more of Ansible's expressions, which stand for a word or a number each.
        for _depth in range(3):
            text = re.sub(r"\{\{ (__[a-z_]+) \}\}", lambda found: variables.get(found[1], "1"), text)
        text = re.sub(r"\{\{.*?\}\}", "1", text, flags=re.DOTALL)
        inner = re.search(r"sh -c '(.*)'", text, re.DOTALL)
        for script in (text, inner[1] if inner else ":"):
            done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, check=False, timeout=10)
            assert done.returncode == 0, (task["name"], done.stderr)
