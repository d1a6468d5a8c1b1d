# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker's engine: the one that answers, else systemd's, else one of our own.

Our own has its configuration, data and log below the cache, listens on the standard socket, outlives this program, and
is found again by the next run. Only that one is ever ended by us.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import golang, host, store
from lab.paths import CHECKOUT, cache_root
from lab.progress import step
from lab.shell import LabError, run, tail

SOCKET = "/var/run/docker.sock"
RUN_FOLDER = Path("/var/run/docker")
RUNTIME = "selfheal"
START_SECONDS = 60
STOP_SECONDS = 60
# Since apt's packages put dockerd and its helpers there, and a user's PATH may lack it.
PATH_WITH_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def docker(*argv: str | os.PathLike[str], check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Docker's CLI; the options are those of shell.run."""
    return run("docker", *argv, check=check, **options)


def ensure() -> None:
    """Make sure that an engine answers which can run a node container.

    :raises LabError: there is none and none can be started, or the one that runs cannot run privileged containers.
    """
    with store.locked("engine"):
        if not answers():
            _install()
            with step("start Docker's engine"):
                _start()
        _check_runtime()


def answers() -> bool:
    """Whether an engine answers the CLI.

    :raises LabError: one does, but not to this user.
    """
    if not shutil.which("docker"):
        return False
    reply = docker("version", "--format", "{{.Server.Version}}", check=False, timeout=30)
    if "permission denied" in reply.stderr.lower():
        raise LabError("Docker's engine refuses this user; run as root, or add the user to the group 'docker'")
    return reply.returncode == 0 and bool(reply.stdout.strip())


def our_pid() -> int | None:
    """The process id of our own engine, if it runs."""
    try:
        pid = int(_pidfile().read_text(encoding="utf-8"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    # A stale file may name a process of somebody else's by now: ours was started with our configuration file.
    return pid if str(_config()) in words else None


def made_here() -> bool:
    """Whether an engine of our own was ever started, running or not."""
    return _config().exists()


def environment() -> dict[str, str]:
    """Variables with which the CLI, kind and Ansible reach the engine; empty where that needs none."""
    return {"DOCKER_HOST": f"unix://{SOCKET}"} if our_pid() else {}


def stop() -> None:
    """End our own engine, if it runs, and take away its data, its bridge and its packet filter rules."""
    with store.locked("engine"):
        if not _home().exists():
            return
        pid = our_pid()
        if pid:
            with step(f"stop our engine (process {pid})"):
                docker("network", "prune", "--force", check=False)
                _stop(pid, our_pid)
        if not answers():  # else somebody else's engine has come up after ours, and these are its own by now
            _remove_traces()
        _unmount(_home())
        run(*host.as_root(), "rm", "-rf", _home())


def configuration(shim: Path | None) -> dict[str, Any]:
    """The content of our engine's configuration file.

    :param shim: the OCI runtime to put before runc, where one is needed.
    """
    settings = {
        "data-root": str(_home() / "data"),
        "hosts": [f"unix://{SOCKET}"],
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "2"},
        "oom-score-adjust": 0,
        "pidfile": str(_pidfile()),
        "storage-driver": "overlay2",
    }
    if shim:
        settings |= {"runtimes": {RUNTIME: {"path": str(shim)}}, "default-runtime": RUNTIME}
    return settings


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """Mount points at and below a folder, the inner ones first.

    :param mountinfo: the text of /proc/self/mountinfo.
    """
    points = [line.split()[4].encode().decode("unicode_escape") for line in mountinfo.splitlines()]
    found = {point for point in points if Path(point).is_relative_to(folder)}
    return sorted(found, key=len, reverse=True)


def without_docker_rules(saved: str) -> str:
    """The text of iptables-save less the chains of Docker's engine and the rules that name them or its bridge."""
    return "".join(line for line in saved.splitlines(keepends=True) if not re.search(r"\bDOCKER\b|\bdocker0\b", line))


def _home() -> Path:
    return cache_root() / "engine"


def _config() -> Path:
    return _home() / "daemon.json"


def _pidfile() -> Path:
    return _home() / "dockerd.pid"


def _log() -> Path:
    return _home() / "dockerd.log"


def _install() -> None:
    if not shutil.which("dockerd", path=PATH_WITH_SBIN):
        with step("install Docker's engine (docker.io)"):
            host.apt_install("ca-certificates", "docker.io", "iptables")
    if not shutil.which("docker"):
        with step("install Docker's command line"):
            host.apt_install("docker-cli")


def _start() -> None:
    if host.systemd_runs() and run("systemctl", "cat", "docker.service", check=False).returncode == 0:
        run(*host.as_root(), "systemctl", "start", "docker")
        if not answers():
            raise LabError("systemctl start docker: the engine does not answer; see journalctl -u docker")
        return
    process = None
    if not our_pid():  # else it is only slow: wait for it below
        shim = None
        if host.lacks_sys_resource():
            shim = golang.build_source("runc-shim", CHECKOUT / "lab" / "assets" / "runc-shim")
        _home().mkdir(parents=True, exist_ok=True)
        _config().write_text(json.dumps(configuration(shim), indent=2), encoding="utf-8")
        policy = run(*host.as_root(), "iptables", "-S", "FORWARD", check=False, env={"PATH": PATH_WITH_SBIN}).stdout
        (_home() / "forward-policy").write_text(policy.split("\n")[0], encoding="utf-8")
        run(*host.as_root(), "rm", "-f", _pidfile())  # our_pid() has just said that it is stale
        _end_orphan()
        with _log().open("wb") as log:
            process = subprocess.Popen(
                [*host.as_root(), "env", f"PATH={PATH_WITH_SBIN}", "dockerd", "--config-file", str(_config())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process and process.poll() is not None:
            raise LabError(f"dockerd ended at once, exit {process.returncode} (log: {_log()})\n{tail(_log())}")
        if time.monotonic() > deadline:
            raise LabError(f"dockerd does not answer after {START_SECONDS} s (log: {_log()})\n{tail(_log())}")
        time.sleep(0.2)


def _check_runtime() -> None:
    if not host.lacks_sys_resource():
        return
    runtime = docker("info", "--format", "{{.DefaultRuntime}}").stdout.strip()
    if runtime != RUNTIME:
        raise LabError(
            f"Docker's engine uses the runtime {runtime!r}, but this machine lacks CAP_SYS_RESOURCE, so no kind node "
            "can start under it; stop that engine and the lab starts one that can"
        )


def _end_orphan() -> None:
    """End the containerd of a dockerd that was killed: it holds what the next dockerd's own containerd needs."""
    pid = _orphan_pid()
    if pid:
        _stop(pid, _orphan_pid)


def _orphan_pid() -> int | None:
    try:
        pid = int((RUN_FOLDER / "containerd" / "containerd.pid").read_text(encoding="utf-8"))
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if str(RUN_FOLDER / "containerd" / "containerd.toml") in words else None


def _stop(pid: int, still: Callable[[], int | None]) -> None:
    run(*host.as_root(), "kill", f"-{signal.SIGTERM}", str(pid))
    deadline = time.monotonic() + STOP_SECONDS
    while still() == pid:
        if time.monotonic() > deadline:
            run(*host.as_root(), "kill", f"-{signal.SIGKILL}", str(pid), check=False)
        time.sleep(0.2)


def _unmount(folder: Path) -> None:
    # dockerd mounts its data folder on itself, and one that was killed leaves that and its network namespaces behind.
    for point in mounts_below(folder.resolve(), Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        run(*host.as_root(), "umount", "--lazy", point, check=False)


def _remove_traces() -> None:
    root, env = host.as_root(), {"PATH": PATH_WITH_SBIN}
    _unmount(RUN_FOLDER)
    run(*root, "rm", "-rf", RUN_FOLDER, SOCKET)
    run(*root, "ip", "link", "delete", "docker0", check=False, env=env)
    for tool in ("iptables", "ip6tables"):
        saved = run(*root, f"{tool}-save", check=False, env=env).stdout
        if "DOCKER" in saved:
            run(*root, f"{tool}-restore", stdin=without_docker_rules(saved), env=env)
    policy = _home() / "forward-policy"
    if policy.exists() and policy.read_text(encoding="utf-8") == "-P FORWARD ACCEPT":
        run(*root, "iptables", "-P", "FORWARD", "ACCEPT", check=False, env=env)
