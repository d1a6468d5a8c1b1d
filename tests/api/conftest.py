# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster import lease
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.healer import Healer
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ADMIN_TOKEN, HEALER_LEASE, ControlPlane

from lab import golang
from lab.paths import CHECKOUT

MODULES = "ansible_collections.selfheal.kubernetes.plugins.modules"
MANIFESTS = CHECKOUT / "roles" / "bootstrap" / "files"
# Lets the collection's modules reach 127.0.0.1 whatever proxy the machine has, and no kubeconfig but the one given.
CLEAN = ("KUBECONFIG", "K8S_AUTH_", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")


@pytest.fixture(scope="session")
def binaries() -> dict[str, Path]:
    """etcd, kube-apiserver and kubectl, built by the lab where its cache has them not."""
    return golang.build(["etcd", "kube-apiserver", "kubectl"])


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(CLEAN):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def bare(binaries: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster that nobody has prepared."""
    made = ControlPlane(tmp_path_factory.mktemp("bare"), binaries)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def prepared(binaries: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with the namespace, the kinds and the rights that the role ``bootstrap`` applies."""
    made = ControlPlane(tmp_path_factory.mktemp("prepared"), binaries)
    try:
        made.start()
        for name in ("namespace.yml", "crds.yml", "rbac.yml"):
            done = made.kubectl("apply", "-f", MANIFESTS / name)
            assert done.returncode == 0, done.stderr
        done = made.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(prepared: ControlPlane) -> ControlPlane:
    """The prepared cluster without any node and without any memory."""
    prepared.reset()
    return prepared


@pytest.fixture(scope="module")
def drain_rights(prepared: ControlPlane) -> Iterator[None]:
    """The rights that only ``bootstrap_drain`` gives."""
    done = prepared.kubectl("apply", "-f", MANIFESTS / "rbac-drain.yml")
    assert done.returncode == 0, done.stderr
    yield
    prepared.kubectl("delete", "-f", MANIFESTS / "rbac-drain.yml")


@pytest.fixture(scope="session")
def healer_token(prepared: ControlPlane) -> str:
    """A token of the service account that repairs."""
    return prepared.token_of("selfheal-healer")


@pytest.fixture(scope="session")
def observer_token(prepared: ControlPlane) -> str:
    """A token of the service account that looks."""
    return prepared.token_of("selfheal-observer")


@pytest.fixture(scope="session")
def admin_token() -> str:
    """A token that may do anything."""
    return ADMIN_TOKEN


HEALING = Policy(monitor_only=False)
MakeHealer = Callable[..., Healer]


@pytest.fixture
def healer(cluster: ControlPlane, healer_token: str) -> MakeHealer:
    """Makes a healer that holds the lease, with the rights that it has in earnest."""

    def make(holder: str = "healer-a", policy: Policy = HEALING, **options: Any) -> Healer:
        client = options.pop("client", None) or cluster.client(healer_token)
        # Whoever had the lease before is gone: what becomes of it then is for test_lease.py.
        cluster.request("PATCH", HEALER_LEASE, {"spec": {"holderIdentity": ""}})
        held = lease.acquire(client, holder, policy.lease_duration)
        return Healer(client, policy, cluster.uid, held.holder, held.token, **options)

    return make


RunModule = Callable[..., dict[str, Any]]


@pytest.fixture
def module(cluster: ControlPlane, healer_token: str) -> RunModule:
    """Runs a module in this process, with the healer's token unless ``account`` gives another; its result."""

    def call(name: str, *, account: str | None = None, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "host": cluster.url,
            "api_key": healer_token if account is None else account,
            "ca_cert": str(cluster.ca_cert),
            **options,
            "_ansible_check_mode": check_mode,
        }
        printed = io.StringIO()
        with patch_module_args(arguments), redirect_stdout(printed), pytest.raises(SystemExit) as ended:
            import_module(f"{MODULES}.{name}").main()
        result: dict[str, Any] = json.loads(printed.getvalue().splitlines()[-1])
        assert bool(ended.value.code) == bool(result.get("failed")), result
        return result

    return call


@dataclass(frozen=True)
class Played:
    """What became of a run of ansible-playbook."""

    code: int
    output: str


Play = Callable[..., Played]


def start_play(
    home: Path,
    playbook: str,
    variables: Mapping[str, Any],
    *options: str,
    inventory: str = "",
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a playbook of the collection as a user would, in a home of its own."""
    hosts, extra = home / "hosts.ini", home / "vars.json"
    hosts.write_text(inventory or "localhost ansible_connection=local\n", encoding="utf-8")
    extra.write_text(json.dumps(dict(variables)), encoding="utf-8")
    program = shutil.which("ansible-playbook")
    assert program, "run the tests through lab.toolchain"
    return subprocess.Popen(
        [program, f"selfheal.kubernetes.{playbook}", "-i", hosts, "-e", f"@{extra}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=home,
        env={
            **os.environ,
            "HOME": str(home),
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            **(environment or {}),
        },
    )


def end_of(running: subprocess.Popen[str], seconds: float = 240) -> Played:
    """What becomes of a run that was started; one that does not end in time is killed."""
    try:
        output, _none = running.communicate(timeout=seconds)
    except BaseException:
        running.kill()
        running.communicate()
        raise
    return Played(running.returncode, output)


def play_in(home: Path, playbook: str, variables: Mapping[str, Any], *options: str, **more: Any) -> Played:
    """Run a playbook of the collection as a user would, in a home of its own."""
    return end_of(start_play(home, playbook, variables, *options, **more))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a playbook of the collection in the test's own folder."""
    return partial(play_in, tmp_path)


def run_role(
    home: Path, cluster: ControlPlane, role: str, variables: Mapping[str, Any], told: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a role in a playbook of a user's own, which says at its end what it was told to say."""
    connection = {
        "kubeconfig": str(write_kubeconfig(home, cluster, ADMIN_TOKEN)),
        "cluster_uid": cluster.uid,
    }
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/selfheal.kubernetes.selfheal": connection},
            "roles": [{"role": f"selfheal.kubernetes.{role}", **variables}],
            "post_tasks": [{"ansible.builtin.debug": {"msg": told}}],
        }
    ]
    book = home / f"{role}.yml"
    book.write_text(yaml.safe_dump(plays), encoding="utf-8")
    program = shutil.which("ansible-playbook")
    assert program
    return subprocess.run(
        [program, book, *options],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=home,
        env={**os.environ, "HOME": str(home), "ANSIBLE_HOME": str(home / "ansible"), "ANSIBLE_NOCOLOR": "1"},
    )


def write_kubeconfig(folder: Path, cluster: ControlPlane, token: str) -> Path:
    """A kubeconfig file for a cluster and a token."""
    path = folder / "kubeconfig.json"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": cluster.url, "certificate-authority": str(cluster.ca_cert)}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
