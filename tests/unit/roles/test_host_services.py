# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shell of the roles that restart a host's services, run against programs that play the host.

What a real node does with it is shown by the scenarios in extensions/molecule. Here is what no node of ours has:
another container runtime, two of them, a host without tools; and that nothing is done behind a fence that has closed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import to_bool
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from lab.paths import CHECKOUT

ROLES = ("container_runtime_restart", "kube_proxy_restart", "kubelet_restart")
CLOSED = "{ false; } || { echo this command comes too late, nothing was done >&2; exit 71; };"
# systemctl's words that change nothing.
LOOKS = {"show", "is-active", "is-enabled", "cat"}


def read(role: str, part: str, name: str = "main") -> Any:
    return yaml.safe_load((CHECKOUT / "roles" / role / part / f"{name}.yml").read_text(encoding="utf-8"))


def leaves(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield from leaves(task["block"]) if "block" in task else [task]


def script(role: str, name: str, **variables: Any) -> str:
    """The raw command of the task, as Ansible renders it."""
    environment = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701
    environment.filters["bool"] = to_bool
    values = {**read(role, "defaults"), **read(role, "vars"), f"{role}_host": "node-1", **variables}
    for key, value in list(values.items()):
        if isinstance(value, str):
            values[key] = environment.from_string(value).render(values)
    [task] = [task for task in leaves(read(role, "tasks")) if task["name"].startswith(name)]
    return environment.from_string(task["ansible.builtin.raw"]).render(values)


class Host:
    """Programs in a folder that is searched first; each notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"
        # What the roles' shell calls, and none of this machine's own services.
        for tool in ("sh", "timeout", "grep", "tr", "sleep", "cat", "sed", "head", "tail", "ls"):
            os.symlink(f"/usr/bin/{tool}" if Path(f"/usr/bin/{tool}").exists() else f"/bin/{tool}", folder / tool)

    def has(self, program: str, body: str) -> None:
        path = self.folder / program
        path.write_text(f'#!/bin/sh\necho "{program} $*" >>{self.log}\n{body}\n', encoding="utf-8")
        path.chmod(0o755)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            env={"PATH": str(self.folder)},
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def calls(self, program: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(f"{program} ")]

    def changes(self) -> list[str]:
        return [line for line in self.calls("systemctl") if line.split()[1] not in LOOKS]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def units(*, mode: str = "process", **states: str) -> str:
    """A systemctl for which the named units ("a_service") are there, with this ActiveState; the others are not."""
    names = {f"{name.removesuffix('_service').replace('_', '-')}.service": state for name, state in states.items()}
    cases = "".join(f'*" {name} "*) load=loaded active={state} pid=1 ;;\n' for name, state in names.items())
    return f"""
case "$1" in show) ;; *) exit 0 ;; esac
load=not-found active=inactive pid=0 file=enabled
case " $* " in {cases} esac
case " $* " in
  *" --value "*|*" --value") case " $* " in
    *" LoadState "*) echo $load ;;
    *" ActiveState "*) echo $active ;;
    *" UnitFileState "*) echo $file ;;
    *" MainPID "*) echo $pid ;;
    *" KillMode "*) echo {mode} ;;
  esac ;;
  *) echo Id=$2; echo LoadState=$load; echo UnitFileState=$file; echo ActiveState=$active ;;
esac"""


def said(done: subprocess.CompletedProcess[str]) -> Mapping[str, str]:
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


# --- the fence


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("container_runtime_restart", "Restart the container runtime and wait"),
        ("kube_proxy_restart", "Restart kube-proxy and wait"),
        ("kubelet_restart", "Restart kubelet and wait"),
    ],
)
def test_nothing_is_done_behind_a_closed_fence(host: Host, role: str, name: str) -> None:
    host.has("systemctl", units(containerd_service="active", kubelet_service="active", kube_proxy_service="active"))
    for tool in ("ctr", "crictl", "curl", "kill"):
        host.has(tool, "exit 1")
    done = host.run(script(role, name, **{f"__{role}_fence": CLOSED, f"{role}_deadline": 3}))
    assert done.returncode == 71, done
    assert "too late" in done.stderr
    assert not host.log.exists(), "not even a look"
    # The same host without a fence, so that the silence means something.
    host.run(script(role, name, **{f"{role}_deadline": 3}))
    assert host.changes()


@pytest.mark.parametrize("role", ROLES)
def test_each_command_and_each_task_has_a_time_limit(role: str) -> None:
    raw = [task for task in leaves(read(role, "tasks")) if "ansible.builtin.raw" in task]
    assert raw
    for task in raw:
        assert task["ansible.builtin.raw"].startswith("timeout "), task["name"]
        assert task["timeout"], task["name"]
        assert task["ignore_unreachable"] is True and task["failed_when"] is False, "the role tells it in its own words"


@pytest.mark.parametrize("role", ROLES)
def test_a_rung_s_role_ends_within_the_rung_s_deadline(role: str) -> None:
    """The rung's entry point takes 120 s off for everything but the one command that has a deadline.

    And as many seconds as a look before it may take.
    """
    *before, rung = read(role, "tasks", "rung")
    taken = 120 + sum(task["timeout"] for task in read("kubelet_certificates", "tasks", "look") if before)
    assert rung["vars"][f"{role}_deadline"] == f"{{{{ repair_node_action.deadline_seconds - {taken} }}}}"
    compiled = Environment(autoescape=False)  # noqa: S701
    limits = [task["timeout"] for task in leaves(read(role, "tasks")) if "ansible.builtin.raw" in task]
    values = {f"{role}_deadline": 500}
    rendered = [int(compiled.from_string(str(limit)).render(values)) for limit in limits]
    assert max(rendered) > 500 and sum(rendered) <= 500 + 120


# --- which runtime


@pytest.mark.parametrize(
    ("there", "told", "found", "socket"),
    [
        (("containerd_service",), "", "containerd.service", "/run/containerd/containerd.sock"),
        (("crio_service",), "", "crio.service", "/var/run/crio/crio.sock"),
        (
            ("containerd_service", "crio_service"),
            "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock",
            "crio.service",
            "/var/run/crio/crio.sock",
        ),
        (
            ("containerd_service", "crio_service"),
            "KUBELET_KUBEADM_ARGS=--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            "containerd.service",
            "/run/containerd/containerd.sock",
        ),
        (("containerd_service", "crio_service"), "nothing", "none", None),
        ((), "", "none", None),
    ],
)
def test_the_runtime_is_found(
    host: Host, there: tuple[str, ...], told: str, found: str, socket: str | None, tmp_path: Path
) -> None:
    host.has("systemctl", units(**dict.fromkeys(there, "active")))
    host.has("crictl", "exit 0")
    configuration = tmp_path / "config.yaml"
    configuration.write_text(told, encoding="utf-8")
    command = script("container_runtime_restart", "Look at").replace("/var/lib/kubelet/config.yaml", str(configuration))
    seen = said(host.run(command))
    if found == "none":
        assert seen == {"Unit": "none"}
        return
    assert (seen["Id"], seen["Answers"]) == (found, "yes")
    assert host.calls("crictl") == [f"crictl --runtime-endpoint unix://{socket} version"]


# With HTTP/2 or without, and what a call ends with.
CURL = """case "$*" in
  --version) echo "Features: SSL{}" ;;
  *"unix-socket /run/containerd/containerd.sock http://localhost/runtime.v1.RuntimeService/Version") {} ;;
  *) echo grpc-status: 2 ;;
esac"""


@pytest.mark.parametrize(
    ("tool", "body", "answer"),
    [
        ("crictl", "exit 0", "yes"),
        ("crictl", "exit 1", "no"),
        ("ctr", 'echo "io.containerd.grpc.v1           cri      linux/amd64    ok    "', "yes"),
        ("ctr", 'echo "io.containerd.grpc.v1           cri      linux/amd64    error    "', "no"),
        # containerd answers, and serves no CRI: kubelet cannot use it.
        ("ctr", 'echo "io.containerd.grpc.v1           images      -    ok    "', "no"),
        ("ctr", "exit 1", "no"),
        ("curl", CURL.format(" HTTP2", "echo grpc-status: 0"), "yes"),
        ("curl", CURL.format(" HTTP2", "echo grpc-status: 12"), "no"),
        ("curl", CURL.format(" HTTP2", "exit 28"), "no"),
        ("curl", CURL.format("", "exit 1"), "unseen"),
        ("wget", "exit 1", "unseen"),
    ],
)
def test_the_runtime_is_asked_by_what_the_host_has(host: Host, tool: str, body: str, answer: str) -> None:
    host.has("systemctl", units(containerd_service="active"))
    host.has(tool, body)
    assert said(host.run(script("container_runtime_restart", "Look at")))["Answers"] == answer


def restart(host: Host, **variables: Any) -> subprocess.CompletedProcess[str]:
    variables = {"container_runtime_restart_deadline": 4, **variables}
    return host.run(script("container_runtime_restart", "Restart the container runtime and wait", **variables))


def test_a_runtime_that_answers_is_not_killed_and_kubelet_is_left_alone(host: Host) -> None:
    host.has("systemctl", units(containerd_service="active", kubelet_service="active"))
    host.has("crictl", "exit 0")
    host.has("curl", "exit 0")
    assert restart(host).returncode == 0
    assert host.changes() == [
        "systemctl daemon-reload",
        "systemctl reset-failed containerd.service",
        "systemctl restart --no-block containerd.service",
    ]


def test_a_silent_one_is_killed_alone_before_it_is_restarted(host: Host) -> None:
    host.has("systemctl", units(containerd_service="active"))
    host.has("crictl", "exit 1")
    assert restart(host).returncode == 124, "it stays silent"
    kill = "systemctl kill --kill-who=main --signal=KILL containerd.service"
    assert host.changes()[-2:] == [kill, "systemctl restart --no-block containerd.service"]


def test_a_kubelet_that_is_not_active_is_restarted_with_it(host: Host) -> None:
    host.has("systemctl", units(containerd_service="active", kubelet_service="failed"))
    host.has("crictl", "exit 0")
    host.has("curl", "exit 0")
    done = restart(host)
    assert done.returncode == 124, "this kubelet stays as it is"
    assert host.changes()[-1] == "systemctl restart --no-block kubelet.service"
    assert done.stdout.splitlines() == ["Runtime=proven", "Kubelet=restarted"]


def sooner(role: str, name: str, seconds: int, **variables: Any) -> str:
    """The command with one of its waits cut down to 2 seconds."""
    command = script(role, name, **variables)
    assert command.count(f"-ge {seconds} ]") == 1
    return command.replace(f"-ge {seconds} ]", "-ge 2 ]")


RUNTIME = ("container_runtime_restart", "Restart the container runtime and wait")


def test_a_runtime_that_does_not_end_is_killed_once_and_not_at_once(host: Host) -> None:
    host.has("systemctl", units(containerd_service="deactivating"))
    host.has("crictl", "exit 0")
    kill = "systemctl kill --kill-who=main --signal=KILL containerd.service"
    assert host.run(script(*RUNTIME, container_runtime_restart_deadline=4)).returncode == 124
    assert kill not in host.changes(), "it has 20 s to end by itself"
    assert host.run(sooner(*RUNTIME, 20, container_runtime_restart_deadline=10)).returncode == 124
    assert host.changes().count(kill) == 1


def test_a_kubelet_that_denies_being_well_is_restarted_once_and_not_at_once(host: Host) -> None:
    host.has("systemctl", units(containerd_service="active", kubelet_service="active"))
    host.has("crictl", "exit 0")
    host.has("curl", "exit 22")
    again = "systemctl restart --no-block kubelet.service"
    assert restart(host).returncode == 124
    assert again not in host.changes(), "it has 15 s to see that the runtime is back"
    assert host.run(sooner(*RUNTIME, 15, container_runtime_restart_deadline=10)).returncode == 124
    assert host.changes().count(again) == 1


@pytest.mark.parametrize(
    ("mode", "comm", "group", "spared"),
    [
        ("process", "containerd-shim", "/system.slice/containerd.service", True),
        ("none", "containerd-shim", "/system.slice/containerd.service", True),
        ("control-group", "containerd-shim", "/system.slice/containerd.service", False),
        ("mixed", "containerd-shim", "/a.slice/containerd.service/shims", False),
        ("control-group", "conmon", "/system.slice/containerd.service", False),
        # As CRI-O and some of containerd's settings have it: the shims are elsewhere, and outlive what systemd does.
        ("control-group", "containerd-shim", "/kubepods.slice/other.scope", True),
        ("control-group", "containerd-shim", "/system.slice/xcontainerd.service", True),
        ("control-group", "containerd", "/system.slice/containerd.service", True),
        # What a unit says that is masked and could not be unmasked.
        ("", "containerd-shim", "/system.slice/containerd.service", False),
    ],
)
def test_nothing_is_restarted_where_systemd_would_end_the_containers(
    host: Host, tmp_path: Path, mode: str, comm: str, group: str, spared: bool
) -> None:
    host.has("systemctl", units(mode=mode, containerd_service="active"))
    host.has("crictl", "exit 0")
    process = tmp_path / "proc" / "77"
    process.mkdir(parents=True)
    (process / "comm").write_text(f"{comm}\n", encoding="utf-8")
    (process / "cgroup").write_text(f"0::{group}\n", encoding="utf-8")
    command = script(*RUNTIME, container_runtime_restart_deadline=4)
    assert command.count("/proc/[0-9]*") == 1
    done = host.run(command.replace("/proc/[0-9]*", f"{tmp_path}/proc/[0-9]*"))
    assert done.returncode == (0 if spared else 73), done
    ends = [line for line in host.changes() if line.split()[1] in ("kill", "restart", "stop")]
    assert bool(ends) is spared


def test_a_host_without_kubelet_is_fine(host: Host) -> None:
    host.has("systemctl", units(containerd_service="active"))
    host.has("crictl", "exit 0")
    assert restart(host).returncode == 0


@pytest.mark.parametrize("kubelet", [False, "no"])
def test_kubelet_is_left_alone_where_it_is_repaired_by_itself(host: Host, kubelet: object) -> None:
    host.has("systemctl", units(containerd_service="active", kubelet_service="failed"))
    host.has("crictl", "exit 0")
    assert restart(host, container_runtime_restart_kubelet=kubelet).returncode == 0
    assert not [call for call in host.changes() if "kubelet" in call]


def test_cri_dockerd_is_asked_at_its_own_socket_and_not_by_ctr(host: Host) -> None:
    host.has("systemctl", units(cri_docker_service="active"))
    host.has("ctr", "exit 1")
    look = script("container_runtime_restart", "Look at", container_runtime_restart_unit="cri-docker.service")
    assert said(host.run(look))["Answers"] == "unseen" and host.calls("ctr") == []
    host.has("crictl", "exit 0")
    assert said(host.run(look))["Answers"] == "yes"
    assert host.calls("crictl") == ["crictl --runtime-endpoint unix:///run/cri-dockerd.sock version"]


def test_the_reason_is_not_lost_among_what_systemd_says_of_the_containers(host: Host) -> None:
    left = "containerd.service: Found left-over process 1 (containerd-shim) in control group while starting unit."
    usual = "This usually indicates unclean termination of a previous run, or service implementation deficiencies."
    host.has("systemctl", units(containerd_service="active"))
    lines = ["containerd: failed to load TOML", *[left, usual] * 40]
    host.has("journalctl", "\n".join(f'echo "{line}"' for line in lines))
    values = {"__container_runtime_restart_back": False}
    done = host.run(script("container_runtime_restart", "Read the last lines", **values))
    assert done.stdout.splitlines()[-1] == "containerd: failed to load TOML", done


# --- what the tasks say of what they have seen


def evaluated(role: str, name: str, key: str, **values: Any) -> bool:
    """A task's condition, as Ansible puts it together."""
    [task] = [task for task in leaves(read(role, "tasks")) if task["name"] == name]
    environment = Environment(autoescape=False)  # noqa: S701
    environment.tests["search"] = lambda text, pattern: bool(re.search(pattern, text))
    conditions = task[key] if isinstance(task[key], list) else [task[key]]
    return all(bool(environment.compile_expression(str(one))(**values)) for one in conditions)


@pytest.mark.parametrize(
    ("seen", "stops"),
    [
        ("Kubelet=loaded active\nKubeletAnswers=yes", False),
        ("Kubelet=loaded active\nKubeletAnswers=unseen", False),
        ("Kubelet=loaded active\nKubeletAnswers=no", True),
        ("Kubelet=loaded inactive\nKubeletAnswers=no", True),
        ("Kubelet=loaded activating\nKubeletAnswers=unseen", True),
        # Whoever starts containers on this host, it is no unit of that name.
        ("Kubelet=not-found inactive\nKubeletAnswers=no", False),
    ],
)
def test_no_container_is_killed_that_nobody_would_start_again(seen: str, stops: bool) -> None:
    variables = {
        "__kube_proxy_restart_seen": {"stdout": f"How=container\n{seen}\nRunning=yes"},
        "__kube_proxy_restart_needed": True,
    }
    name = "Stop if nobody would start it again"
    assert evaluated("kube_proxy_restart", name, "when", **variables) is stops


def test_no_message_hands_on_what_moves_a_terminal() -> None:
    """What a host says reaches people's terminals, so only what can be printed may be left of it."""
    for role in ROLES:
        for task in leaves(read(role, "tasks")):
            said = str(task.get("ansible.builtin.fail", {}).get("msg", ""))
            if ".stdout" in said or ".stderr" in said:
                assert "| selfheal.kubernetes.one_line(" in said, task["name"]


# --- kube-proxy under containerd and under others

CRICTL = """
case "$*" in
  *" ps --all "*) echo aaa ;;
  *" ps --state Running "*) echo aaa ;;
  *" inspect "*) printf '{"status": {"id": "aaa"}, "info": {"sandboxID": "b", "pid": 4321, "x": {"pids": 7}}}\\n' ;;
esac"""
RULES = """echo "*nat"
echo "-A OUTPUT -m comment --comment \\"kubernetes service portals\\" -j KUBE-SERVICES"
echo "-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -j KUBE-SVC-X" """


def test_kube_proxy_is_found_by_crictl(host: Host) -> None:
    host.has("systemctl", units(kubelet_service="active"))
    host.has("crictl", CRICTL)
    host.has("curl", "exit 0")
    host.has("iptables-save", RULES)
    seen = said(host.run(script("kube_proxy_restart", "Look at")))
    assert seen == {
        "How": "container",
        "Kubelet": "loaded active",
        "KubeletAnswers": "yes",
        "Running": "yes",
        "Answers": "yes",
        "Rules": "yes",
    }
    labels = "--label io.kubernetes.container.name=kube-proxy --label io.kubernetes.pod.namespace=kube-system"
    assert all(labels in call for call in host.calls("crictl") if " ps " in call)
    find = script("kube_proxy_restart", "Look at").split("told()")[0] + 'find; echo "pid=$pid"\''
    assert said(host.run(find)) == {"pid": "4321"}


def test_the_container_s_process_is_killed_and_only_behind_an_open_fence(host: Host) -> None:
    """A process of the test's own plays kube-proxy; nobody starts it again, so the role waits in vain."""
    with subprocess.Popen(["sleep", "60"]) as proxy:
        try:
            host.has("systemctl", units(kubelet_service="active"))
            host.has("crictl", CRICTL.replace("4321", str(proxy.pid)))
            host.has("curl", "exit 0")
            host.has("iptables-save", RULES)
            options = {"kube_proxy_restart_deadline": 3}
            closed = host.run(script("kube_proxy_restart", "Restart", **options, __kube_proxy_restart_fence=CLOSED))
            assert (closed.returncode, proxy.poll()) == (71, None)
            done = host.run(script("kube_proxy_restart", "Restart", **options))
            assert done.returncode == 124, "the old process is no proof"
            assert done.stdout == f"Restarted={proxy.pid}\n"
            assert proxy.wait(5) == -9
            assert host.changes() == []
        finally:
            proxy.kill()


@pytest.mark.parametrize(
    ("tasks", "pid"),
    [
        ("aaa 4321 RUNNING", "4321"),
        ("aaa 0 STOPPED\nbbb 99 RUNNING", "99"),
        ("aaa 4321 STOPPED", ""),
        ("ccc 4321 RUNNING", ""),
        # No process of a container: every process, the own group, not a number.
        ("aaa -1 RUNNING", ""),
        ("aaa 0 RUNNING", ""),
        ("aaa ? RUNNING", ""),
    ],
)
def test_kube_proxy_is_found_by_ctr(host: Host, tasks: str, pid: str) -> None:
    host.has("systemctl", units(kubelet_service="active"))
    host.has("ctr", f"""case "$*" in *"containers ls"*) printf "aaa\\nbbb\\n" ;; *) printf '{tasks}\\n' ;; esac""")
    find = script("kube_proxy_restart", "Look at").split("told()")[0] + 'find; echo "how=$how"; echo "pid=$pid"\''
    command = find.replace("/run/containerd/containerd.sock", "/nowhere.sock").replace(
        "/var/run/crio/crio.sock", "/no.sock"
    )
    assert said(host.run(command)) == {"how": "container", "pid": pid}


@pytest.mark.parametrize(
    ("body", "how"), [("exit 1", "silent"), ("exit 0", "none"), ('case "$*" in *--all*) echo aaa ;; esac', "container")]
)
def test_a_kube_proxy_that_does_not_run(host: Host, body: str, how: str) -> None:
    host.has("systemctl", units(kubelet_service="active"))
    host.has("crictl", body)
    done = host.run(script("kube_proxy_restart", "Look at"))
    assert done.stdout.splitlines()[0] == f"How={how}"
    assert ("Running=no" in done.stdout) == (how == "container")


PORTS = (
    RULES.rpartition("\n")[0]
    + """
echo "-A KUBE-SERVICES -m comment --comment ports -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS" """
)
EMPTY = RULES.rpartition("\n")[0]


@pytest.mark.parametrize(
    ("four", "six", "rules"),
    [
        (RULES, PORTS, "yes"),
        (PORTS, RULES, "yes"),
        # What kube-proxy writes for a family without Services says nothing about the other one.
        (EMPTY, PORTS, "no"),
        (EMPTY, RULES, "no"),
        (RULES, EMPTY, "no"),
        (PORTS, PORTS, "no"),
        ("exit 0", PORTS, "no"),
        (RULES, "exit 0", "yes"),
    ],
)
def test_rules_of_one_family_say_nothing_about_the_other(host: Host, four: str, six: str, rules: str) -> None:
    host.has("systemctl", units(kubelet_service="active"))
    host.has("crictl", CRICTL)
    host.has("iptables-save", four)
    host.has("ip6tables-save", six)
    assert said(host.run(script("kube_proxy_restart", "Look at")))["Rules"] == rules


@pytest.mark.parametrize(
    ("tool", "body", "rules"),
    [
        ("iptables-legacy-save", RULES, "yes"),
        ("ip6tables-save", RULES, "yes"),
        ("iptables-save", RULES.replace("-A KUBE-SERVICES", ":KUBE-SERVICES"), "no"),
        ("iptables-save", RULES.replace("-A OUTPUT", "-A INPUT"), "no"),
        ("nft", 'echo "elements = { 10.96.0.1 . tcp . 443 : goto service-2QRHZV4L-default/kubernetes }"', "yes"),
        ("nft", "exit 1", "no"),
        ("wget", "exit 0", "unseen"),
    ],
)
def test_rules_count_when_they_lead_to_a_service(host: Host, tool: str, body: str, rules: str) -> None:
    host.has("systemctl", units(kubelet_service="active"))
    host.has("crictl", CRICTL)
    host.has(tool, body)
    assert said(host.run(script("kube_proxy_restart", "Look at")))["Rules"] == rules


# --- what an inventory can name


def patterns(role: str) -> dict[str, str]:
    """Option to the pattern that it has to match, out of the role's own check."""
    [check] = [task for task in leaves(read(role, "tasks")) if task["name"] == "Check the options"]
    found = [re.fullmatch(r"(\w+) is match\('(.*)'\)", line) for line in check["ansible.builtin.assert"]["that"]]
    return {one[1]: one[2] for one in found if one}


ALL_PATTERNS = {option: text for role in ROLES[:2] for option, text in patterns(role).items()}
# \Z is what Python calls the very end; the alphabet holds what a shell would take for more than text.
NAMES = st.text(alphabet="az09/.@_:-;|&$`'\"\\ \n\t(){}<>*?!#~", max_size=12)


def test_every_text_option_is_checked() -> None:
    assert set(ALL_PATTERNS) == {
        *("container_runtime_restart_unit", "container_runtime_restart_socket"),
        "kube_proxy_restart_socket",
    }


@given(option=st.sampled_from(sorted(ALL_PATTERNS)), name=NAMES, ending=st.sampled_from(["", ".service", "\n"]))
def test_what_the_check_lets_through_is_one_plain_word(option: str, name: str, ending: str) -> None:
    value = name + ending
    if re.match(ALL_PATTERNS[option], value):
        assert shlex.quote(value) == (value or "''")
        assert not value.startswith("-")
