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


# --- what etcd holds


@pytest.mark.parametrize(("room", "runs", "code"), [(9000, False, 0), (100, False, 1), (9000, True, 1)])
def test_nothing_of_etcd_is_changed_without_a_snapshot(tmp_path: Path, room: int, runs: bool, code: int) -> None:
    """An etcd that does not run is copied, one that runs and gives no snapshot is left alone, and so is a full disk."""
    data, folder = tmp_path / "etcd" / "member" / "snap" / "db", tmp_path / "lib"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"x" * 1024**2)
    variables = read(PLANE / "vars" / "main.yml")
    names = ("__control_plane_repair_keeper", "__control_plane_repair_snapshot")
    found = {"control_plane_repair_folder": str(folder), "control_plane_repair_found": {"clock": 5}}
    environment = Environment(autoescape=False)  # noqa: S701 (it is shell, and nothing of a stranger's)
    text = "".join(environment.from_string(variables[name]).render(found) for name in names)
    fakes = f"df() {{ echo Filesystem; echo disk 99999 99 {room} 1% /; }}; pids() {{ {'echo 1' if runs else ':'}; }};"
    fakes += "etcdctl_() { echo no etcd >&2; return 1; };"
    script = f"{text.replace('/var/lib/etcd/', f'{tmp_path}/etcd/')} {fakes} snapshot"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == code, done.stderr
    assert [one.name for one in folder.iterdir()] == ([] if code else ["etcd.db-5"])
    assert code == 0 or "nothing was changed" in done.stderr


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
