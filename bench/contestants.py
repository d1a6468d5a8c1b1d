# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One contestant in a process of its own, so that what it uses is what the process uses.

``python -m bench.contestants NAME`` reads a line of JSON, makes ready (imports are part of no measurement, and told
apart), says so, waits for a line, does its work once, and prints what it used as a line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import sink
from bench.meter import MB, Meter
from bench.shapes import SAMPLE_LABEL, Size

PEER_PAGE = 500
# The page that costs an API server least for a list in full.
FULL_PAGE = 5000
Work = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """What a contestant is told."""

    server: str
    token: str
    ca: str
    folder: str
    kubectl: str
    nodes: int
    pods: int
    sampled: bool = False

    @property
    def requests(self) -> Path:
        """Where the requests of an observation are kept for the sink."""
        return Path(self.folder) / "requests.json"

    @property
    def selector(self) -> str:
        """The label selector for peers that are given a sample only."""
        return f"{SAMPLE_LABEL}=yes" if self.sampled else ""


# --- ours


def ours(task: Task) -> Work:
    """Observe, judge, and make the module's result."""
    from bench import ours as own

    def work() -> dict[str, Any]:
        with sink.recorded(task.server.split("//", 1)[1]) as lanes:
            done = own.whole(task.server, task.token, task.ca)
        sink.save(lanes, task.requests)
        return done

    return work


def ours_stdlib(task: Task) -> Work:
    """The same where msgspec is not installed."""
    _without_msgspec()
    return ours(task)


def _without_msgspec() -> None:
    sys.modules["msgspec"] = None  # type: ignore[assignment]


def screening(task: Task) -> Work:
    """Screen all pods, and nothing else."""
    from bench import ours as own

    return lambda: own.screening(task.server, task.token, task.ca)


def screening_stdlib(task: Task) -> Work:
    """The same where msgspec is not installed."""
    _without_msgspec()
    return screening(task)


def exact(task: Task) -> Work:
    """Compare what the screening finds with what a look at every pod in full finds."""
    from bench import ours as own

    size = Size("", task.nodes, task.pods, 0, 0)
    return lambda: own.exact(task.server, task.token, task.ca, size)


# --- floors


def floor(task: Task) -> Work:
    """Our requests, and no look at the answers."""
    client, lanes = sink.Sink(task.server, task.ca), sink.load(task.requests)
    return lambda: client.replay(lanes)


def floor_screening(task: Task) -> Work:
    """Our requests for the screening of the pods, and no look at the answers."""
    client, lanes = sink.Sink(task.server, task.ca), sink.screening_only(sink.load(task.requests))
    return lambda: client.replay(lanes)


def full_list(task: Task) -> Work:
    """One list of every pod in full, and no look at the answers."""
    client = sink.Sink(task.server, task.ca)
    return lambda: client.full_list(task.token, FULL_PAGE)


# --- peers


def official(task: Task) -> Work:
    """Typed lists of pods and nodes with the official client, page after page; nothing is kept of a page."""
    import kubernetes.client

    configuration = kubernetes.client.Configuration(host=task.server, api_key={"authorization": f"Bearer {task.token}"})
    configuration.ssl_ca_cert = task.ca
    api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(configuration))

    def pages(call: Callable[..., Any], **options: Any) -> Any:
        more = None
        while True:
            page = call(limit=PEER_PAGE, **({"_continue": more} if more else {}), **options)
            yield from page.items
            more = page.metadata._continue
            if not more:
                return

    def work() -> dict[str, Any]:
        seen = sick = 0
        for pod in pages(
            api.list_pod_for_all_namespaces, **({"label_selector": task.selector} if task.sampled else {})
        ):
            seen += 1
            ready = [c.status for c in pod.status.conditions or () if c.type == "Ready"]
            sick += pod.status.phase not in ("Running", "Succeeded") or ready != ["True"]
        nodes = 0 if task.sampled else sum(1 for _node in pages(api.list_node))
        return {"pods": seen, "sick": sick, "nodes": nodes}

    return work


def kubectl(task: Task) -> Work:
    """``kubectl get pods -A -o json``, and nobody reads it."""
    config = Path(task.folder) / "kubeconfig.json"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": task.server, "certificate-authority": task.ca}}],
        "users": [{"name": "u", "user": {"token": task.token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    config.touch(mode=0o600)
    config.write_text(json.dumps(content), encoding="utf-8")
    select = ["-l", task.selector] if task.sampled else []
    argv = [task.kubectl, f"--kubeconfig={config}", f"--cache-dir={task.folder}/kubectl", "get", "pods", "-A", *select]

    def work() -> dict[str, Any]:
        subprocess.run([*argv, "-o", "json"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return {}

    return work


def k8s_info(task: Task) -> Work:
    """A playbook of ``kubernetes.core.k8s_info`` and one Jinja filter, as many are written."""
    return _play(task, task.selector)


def k8s_info_nothing(task: Task) -> Work:
    """The same playbook where nothing matches: what Ansible and the module cost before the first pod."""
    return _play(task, f"{SAMPLE_LABEL}=no-such-pod")


def _play(task: Task, selector: str) -> Work:
    selectors = [selector] if selector else []
    sick = "{{ found.resources | rejectattr('status.phase', 'equalto', 'Running') | list | length }}"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {
                "kubernetes.core.k8s_info": {"api_version": "v1", "kind": "Pod", "label_selectors": selectors},
                "register": "found",
            },
            {"ansible.builtin.debug": {"msg": f"{{{{ found.resources | length }}}} pods, {sick} of them sick"}},
        ],
    }
    book = Path(task.folder) / "play.json"
    book.write_text(json.dumps([play]), encoding="utf-8")
    environment = {
        **os.environ,
        "K8S_AUTH_HOST": task.server,
        "K8S_AUTH_API_KEY": task.token,
        "K8S_AUTH_SSL_CA_CERT": task.ca,
        "HOME": task.folder,
        "ANSIBLE_HOME": f"{task.folder}/ansible",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    argv = ["ansible-playbook", "-i", "localhost,", str(book)]

    def work() -> dict[str, Any]:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment, cwd=task.folder)
        if done.returncode:
            raise RuntimeError(done.stdout[-1500:] + done.stderr[-500:])
        said = next(line for line in done.stdout.splitlines() if "of them sick" in line)
        return {"said": said.strip(), "pods": int(said.split('"')[3].split(" ")[0])}

    return work


CONTESTANTS: dict[str, Callable[[Task], Work]] = {
    "ours": ours,
    "ours-stdlib": ours_stdlib,
    "screening": screening,
    "screening-stdlib": screening_stdlib,
    "exact": exact,
    "sink": floor,
    "sink-screening": floor_screening,
    "full-list": full_list,
    "official-client": official,
    "kubectl": kubectl,
    "k8s_info": k8s_info,
    "k8s_info-nothing": k8s_info_nothing,
}


def measured(work: Work) -> dict[str, Any]:
    """Do the work; what it gives, and what this process and its children used for it."""
    meter = Meter(os.getpid())
    imports = meter.cpu()
    meter.begin()
    base = meter.memory()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    told = work()
    wall = time.perf_counter() - begun
    use = meter.end()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A child's peak is known only at its end, and only that of the largest. A program of its own counts whole.
    largest = after.ru_maxrss * 1024 / MB
    return {
        **told,
        "wall": wall,
        "cpu": use.cpu + after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime,
        "cpu_before": imports,
        "rss": max(meter.peak() / MB, largest),
        "rss_growth": max(use.growth, largest),
        "rss_before": base / MB,
    }


def main(arguments: list[str]) -> int:
    """Run one contestant."""
    (name,) = arguments
    task = Task(**json.loads(sys.stdin.readline()))
    work = CONTESTANTS[name](task)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return 1
    print(json.dumps(measured(work)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
