# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's pure parts, and its cache, locks and program runner. Real clusters are tests/e2e's matter."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest
import yaml

from lab import __main__, archive, engine, golang, host, kind, node_image, rootfs, shell, store
from lab.cluster import Cluster, every_cluster, unready
from lab.paths import CHECKOUT, versions


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "selfheal"


# --- the cache -------------------------------------------------------------------------------------------------------


def test_a_key_changes_with_content_names_and_modes_but_not_with_the_place(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "file").write_text("one")
        return made

    one, two = folder("a"), folder("b")
    assert store.key(one) == store.key(two)
    (two / "file").chmod(0o755)
    assert store.key(one) != store.key(two)
    (two / "file").chmod(0o644)
    (two / "file").write_text("two")
    assert store.key(one) != store.key(two)
    assert store.key({"a": 1, "b": 2}) == store.key({"b": 2, "a": 1})
    assert store.key("a", "b") != store.key("ab")


def test_an_artifact_is_made_once_and_only_under_its_key(cache: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_text("content")

    first = store.artifact("kind", "thing", "k1", make)
    assert first.read_text() == "content"
    assert store.artifact("kind", "thing", "k1", make) == first
    assert len(made) == 1
    assert store.artifact("kind", "thing", "k2", make) != first
    assert len(made) == 2


def test_a_failed_make_leaves_nothing_and_the_next_run_starts_afresh(cache: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError, match="cut"):
        store.artifact("kind", "thing", "k", fail)
    assert not store.place("kind", "thing", "k").exists()
    assert not any((cache / "tmp").iterdir())
    # What a killed run cannot remove, the next one does.
    (cache / "tmp" / "kind-thing").mkdir()
    (cache / "tmp" / "kind-thing" / "old").write_text("left")

    def make(path: Path) -> None:
        assert not (path.parent / "old").exists()
        path.write_text("whole")

    assert store.artifact("kind", "thing", "k", make).read_text() == "whole"


def _make_slowly(counter: Path) -> None:
    def make(path: Path) -> None:
        with counter.open("a") as file:
            file.write("made\n")
        time.sleep(0.3)
        path.write_text("x")

    store.artifact("kind", "shared", "k", make)


def test_two_processes_that_want_the_same_thing_make_it_once(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_make_slowly, args=(counter,)) for _number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "made\n"


def test_a_lock_excludes_and_a_shared_one_does_not() -> None:
    with store.locked("a"):
        with store.locked("a", wait=False) as held:
            assert not held
        with store.locked("b", wait=False) as held:
            assert held
    with store.locked("c", shared=True):
        with store.locked("c", shared=True, wait=False) as held:
            assert held
        with store.locked("c", wait=False) as held:
            assert not held


def test_remove_takes_a_file_a_tree_or_a_link_and_not_what_the_link_means(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(kept)
    for name in ("tree", "file", "link", "nothing"):
        store.remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


# --- running programs ------------------------------------------------------------------------------------------------


def test_a_failed_program_is_one_clear_line_with_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(shell.LabError, match=r"^sh -c .*: exit 3\nwhy$"):
        shell.run("sh", "-c", "echo why >&2; exit 3")
    with pytest.raises(shell.LabError, match="no-such-program: not found"):
        shell.run("no-such-program")
    with pytest.raises(shell.LabError, match="no end within 0 s"):
        shell.run("sleep", "5", timeout=0.1)
    log = tmp_path / "logs" / "x.log"
    with pytest.raises(shell.LabError, match=r"\(log: .*x\.log\)\nin the log"):
        shell.run("sh", "-c", "echo in the log; exit 1", log=log)
    assert shell.run("cat", stdin="text").stdout == "text"
    assert shell.run("sh", "-c", "echo $LAB_TEST", env={"LAB_TEST": "x"}).stdout == "x\n"


def test_the_first_failure_ends_the_other_jobs_and_is_the_one_told_about() -> None:
    def fail() -> None:
        time.sleep(0.2)
        raise shell.LabError("the cause")

    begun = time.monotonic()
    with pytest.raises(shell.LabError, match="^the cause$"), shell.interruptible():
        shell.together({"long": (lambda: shell.run("sleep", "60"), ()), "failing": (fail, ())})
    assert time.monotonic() - begun < 10
    # Afterwards programs can be run again.
    assert shell.run("true").returncode == 0


def test_an_interrupt_ends_the_programs_with_their_children(tmp_path: Path) -> None:
    script = (
        "from lab import shell\n"
        "with shell.interruptible():\n"
        f"    shell.run('sh', '-c', 'sleep 60 & echo $! > {tmp_path}/child; wait')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stderr=subprocess.PIPE)
    child = tmp_path / "child"
    deadline = time.monotonic() + 20
    while not (child.exists() and child.read_text().strip()):
        assert time.monotonic() < deadline, "the child never started"
        time.sleep(0.05)
    process.send_signal(2)
    _out, err = process.communicate(timeout=10)
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in err
    grandchild = Path(f"/proc/{child.read_text().strip()}/stat")
    deadline = time.monotonic() + 5
    # An orphan that nobody reaps stays as a zombie in a container without init.
    while grandchild.exists() and grandchild.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the grandchild lives on"
        time.sleep(0.05)


def test_nothing_is_started_while_the_run_is_being_stopped() -> None:
    with shell.interruptible():
        shell.stop_all()
        with pytest.raises(shell.Stopped):
            shell.run("true")
    assert shell.run("true").returncode == 0


# --- this machine ----------------------------------------------------------------------------------------------------


def test_the_missing_capability_is_read_off_the_bounding_set() -> None:
    assert host.lacks_sys_resource("CapBnd:\t000001fffeffffff\n")
    assert not host.lacks_sys_resource("CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n")
    assert not host.lacks_sys_resource("")


def test_debian_and_its_children_have_apt() -> None:
    assert host.is_debian_like(host.os_release('ID=debian\nPRETTY_NAME="Debian"\n'))
    assert host.is_debian_like(host.os_release('ID=linuxmint\nID_LIKE="ubuntu debian"\n'))
    assert not host.is_debian_like(host.os_release("ID=fedora\nID_LIKE='rhel'\n"))
    assert not host.is_debian_like({})


def test_too_little_disk_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _path: _Usage(2**30))
    with pytest.raises(shell.LabError, match=r"1\.0 GiB free, the lab needs 15 GiB"):
        host.check()
    monkeypatch.setattr(host.shutil, "disk_usage", lambda _path: _Usage(16 * 2**30))
    host.check()


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.platform, "system", lambda: "Darwin")
    with pytest.raises(shell.LabError, match="this machine is Darwin"):
        host.check()


def test_without_root_and_sudo_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(host.shutil, "which", lambda _name: None)
    with pytest.raises(shell.LabError, match="needs root"):
        host.as_root()


# --- the engine ------------------------------------------------------------------------------------------------------


def test_the_shim_is_configured_only_where_there_is_one(cache: Path) -> None:
    plain, shimmed = engine.configuration(None), engine.configuration(Path("/x/shim"))
    assert "default-runtime" not in plain
    assert shimmed["runtimes"][shimmed["default-runtime"]] == {"path": "/x/shim"}
    assert Path(plain["data-root"]).is_relative_to(cache)


def test_a_stale_pid_file_is_not_our_engine(cache: Path) -> None:
    assert engine.our_pid() is None
    (cache / "engine").mkdir(parents=True)
    for content in ("not a number", str(os.getpid()), "999999999"):
        (cache / "engine" / "dockerd.pid").write_text(content)
        assert engine.our_pid() is None


def test_mounts_of_a_killed_engine_are_found_inner_ones_first() -> None:
    lines = ["/", "/c/engine/data", "/c/engine/data/o 1/merged", "/c/engine-other", "/run/docker/netns/x"]
    text = "\n".join(f"1 2 8:1 / {line.replace(' ', chr(92) + '040')} rw - ext4 /dev/x rw" for line in lines)
    assert engine.mounts_below(Path("/c/engine"), text) == ["/c/engine/data/o 1/merged", "/c/engine/data"]


def test_only_docker_s_own_packet_filter_rules_are_taken_out() -> None:
    saved = (
        "*nat\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A POSTROUTING -s 10.1.0.0/16 -j MASQUERADE\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n"
        "*filter\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A INPUT -i eth0 -j ACCEPT\nCOMMIT\n"
    )
    kept = engine.without_docker_rules(saved)
    assert "DOCKER" not in kept
    assert "-A POSTROUTING -s 10.1.0.0/16 -j MASQUERADE\n" in kept
    assert "-A INPUT -i eth0 -j ACCEPT\n" in kept
    assert kept.count("COMMIT\n") == 2


# --- Go --------------------------------------------------------------------------------------------------------------

UPSTREAM = {
    "Go": "1.24.0",
    "Replace": [
        {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
        {"Old": {"Path": "example.org/a"}, "New": {"Path": "example.org/b", "Version": "v1.2.3"}},
        {"Old": {"Path": "example.org/c", "Version": "v1.0.0"}, "New": {"Path": "example.org/c", "Version": "v1.0.1"}},
    ],
}


def test_replacements_are_repeated_since_go_honours_only_the_main_module_s() -> None:
    component = golang.Component("k8s.io/kubernetes", "v1.34.4", {}, siblings="v0.34.4")
    assert golang.go_mod(component, UPSTREAM).splitlines() == [
        "module selfheal.local/build",
        "go 1.24.0",
        "require k8s.io/kubernetes v1.34.4",
        "replace example.org/a => example.org/b v1.2.3",
        "replace example.org/c v1.0.0 => example.org/c v1.0.1",
        "replace k8s.io/api => k8s.io/api v0.34.4",
    ]


def test_a_folder_of_the_upstream_repository_is_left_out_or_overridden() -> None:
    plain = golang.go_mod(golang.Component("go.etcd.io/etcd/server/v3", "v3.6.5", {}), UPSTREAM)
    assert "staging" not in plain
    assert "k8s.io/api" not in plain
    override = golang.Component("x", "v1", {}, overrides={"k8s.io/api": "k8s.io/api v0.0.1"})
    assert "replace k8s.io/api => k8s.io/api v0.0.1\n" in golang.go_mod(override, UPSTREAM)


def test_a_program_is_rebuilt_when_its_version_or_stamps_change_and_not_for_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def place(version: str, stamps: dict[str, str], binaries: dict[str, str]) -> Path:
        part = golang.Component("m", version, binaries, stamps=stamps)
        monkeypatch.setattr(golang, "components", lambda: {"m": part})
        return golang.places(["a"])["a"]

    first = place("v1", {}, {"a": "cmd/a"})
    assert place("v1", {}, {"a": "cmd/a", "b": "cmd/b"}) == first
    assert place("v2", {}, {"a": "cmd/a"}) != first
    assert place("v1", {"x": "y"}, {"a": "cmd/a"}) != first
    assert first.name == "a"


def test_an_unknown_program_is_named_with_the_known_ones() -> None:
    with pytest.raises(shell.LabError, match=r"unknown program: nope; known are .*etcd, etcdctl.*kube-apiserver"):
        golang.build(["etcd", "nope"])


@pytest.mark.parametrize(
    ("answer", "enough"),
    [
        ("go version go1.26.8 linux/amd64", True),
        ("go version go1.24 linux/arm64", True),
        ("go version go1.9.7 linux/amd64", False),
        ("go version go1.23.12 linux/amd64", False),
        ("go version devel", False),
        ("", False),
    ],
)
def test_an_old_go_is_not_used(answer: str, enough: bool) -> None:
    assert golang._at_least(answer, "1.24") is enough


def test_every_version_that_the_components_use_stands_in_the_versions_file() -> None:
    parts = golang.components()
    assert parts["kubernetes"].siblings == "v0." + versions()["cluster"]["kubernetes"].partition(".")[2]
    names = [name for part in parts.values() for name in (*part.binaries, *part.files)]
    assert len(names) == len(set(names)), "a name of a program must tell the component"


# --- images ----------------------------------------------------------------------------------------------------------


def _members(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as content:
        return {member.name: member for member in content}


def test_a_layer_is_the_same_bytes_each_time_and_owned_by_root(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    files: dict[str, archive.Content] = {
        "/usr/bin/program": program,
        "/etc/conf": b"text",
        "/usr/bin/other": archive.Link("program"),
        "/tmp": None,
    }
    layer = archive.Layer(files=files)
    archive.write_layer(layer, tmp_path / "one.tar")
    os.utime(program, (1, 1))
    archive.write_layer(layer, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    members = _members(tmp_path / "one.tar")
    assert list(members) == ["etc", "etc/conf", "tmp", "usr", "usr/bin", "usr/bin/other", "usr/bin/program"]
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}
    modes = {name: member.mode for name, member in members.items()}
    assert (modes["usr/bin/program"], modes["etc/conf"], modes["tmp"]) == (0o755, 0o644, 0o1777)
    assert members["usr/bin/other"].linkname == "program"


def test_an_archive_has_shared_layers_once_and_true_digests(tmp_path: Path) -> None:
    base = archive.Layer(files={"/base": b"base"})
    images = [
        archive.Image("x/one:1", (base, archive.Layer(files={"/a": b"1"})), ("/a",), env={"K": "v"}),
        archive.Image("x/two:1", (base,), command=("sh",), stop_signal="SIGRTMIN+3", labels={"l": "1"}),
    ]
    archive.write(images, tmp_path / "images.tar")
    with tarfile.open(tmp_path / "images.tar") as content:

        def read(name: str) -> bytes:
            file = content.extractfile(name)
            assert file
            return file.read()

        manifest = json.loads(read("manifest.json"))
        assert [entry["RepoTags"] for entry in manifest] == [["x/one:1"], ["x/two:1"]]
        assert manifest[0]["Layers"][0] == manifest[1]["Layers"][0]
        assert len(content.getnames()) == len(set(content.getnames()))
        for entry in manifest:
            config = json.loads(read(entry["Config"]))
            digests = [f"sha256:{hashlib.sha256(read(layer)).hexdigest()}" for layer in entry["Layers"]]
            assert config["rootfs"]["diff_ids"] == digests
            assert hashlib.sha256(read(entry["Config"])).hexdigest() in entry["Config"]
    first = archive.configuration(images[0], [])["config"]
    assert first["Entrypoint"] == ["/a"]
    assert "K=v" in first["Env"]
    assert archive.configuration(images[1], [])["config"]["StopSignal"] == "SIGRTMIN+3"
    assert not (tmp_path / "images.layer").exists()


def _fake_kubeadm(tmp_path: Path, etcd: str) -> tuple[Path, Path]:
    v = versions()["cluster"]
    lines = [
        f"r.example/kube-apiserver:v{v['kubernetes']}",
        f"r.example/etcd:{etcd}-0",
        f"r.example/coredns/coredns:v{v['coredns']}",
        f"r.example/pause:{v['pause']}",
    ]
    kubeadm = tmp_path / "kubeadm"
    kubeadm.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(lines) + "\n")
    kubeadm.chmod(0o755)
    manifest = tmp_path / "calico.yaml"
    manifest.write_text("spec:\n  image: c.example/calico/node:v1\n  image: c.example/calico/cni:v1\n")
    return kubeadm, manifest


def test_image_names_are_those_that_kubeadm_and_calico_ask_for(tmp_path: Path) -> None:
    names = node_image.image_names(*_fake_kubeadm(tmp_path, versions()["cluster"]["etcd"]))
    assert names["calico/node"] == "c.example/calico/node:v1"
    assert names["cni"] == "c.example/calico/cni:v1"
    assert names["coredns"].startswith("r.example/coredns/coredns:")


def test_a_version_that_kubeadm_does_not_want_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        shell.LabError, match=r"versions\.toml: etcd is .*, but kubeadm wants r\.example/etcd:9\.9\.9-0"
    ):
        node_image.image_names(*_fake_kubeadm(tmp_path, "9.9.9"))


def test_the_node_image_s_tag_changes_with_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = node_image.tag()
    assert before == node_image.tag()
    monkeypatch.setattr(rootfs, "NODE", (*rootfs.NODE, "nano"))
    assert node_image.tag() != before


def test_shell_assets_have_no_syntax_error() -> None:
    scripts = [path for path in node_image.ASSETS.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!")]
    assert len(scripts) >= 3
    for script in scripts:
        interpreter = script.read_text().splitlines()[0].removeprefix("#!")
        subprocess.run([*interpreter.split(), "-n", str(script)], check=True)
        assert os.access(script, os.X_OK)


# --- clusters --------------------------------------------------------------------------------------------------------


def _patches(config: dict[str, object]) -> dict[str, dict[str, object]]:
    return {p["kind"]: p for p in map(yaml.safe_load, config["kubeadmConfigPatches"])}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("shape", "planes", "workers"), [("small", 1, 2), ("ha", 3, 2)])
def test_a_shape_is_what_kind_is_told(shape: str, planes: int, workers: int) -> None:
    config = kind.cluster_config("x", kind.SHAPES[shape], kind.TIMERS["fast"], Path("/p"), Path("/s"), restricted=True)
    roles = [node["role"] for node in config["nodes"]]
    assert (roles.count("control-plane"), roles.count("worker")) == (planes, workers)
    assert config["networking"]["podSubnet"] == kind.POD_SUBNET
    assert yaml.safe_load(yaml.safe_dump(config)) == config


def test_fast_timers_are_told_to_all_three_and_stock_ones_to_nobody() -> None:
    def patches(timers: str, restricted: bool) -> dict[str, dict[str, object]]:
        shape = kind.SHAPES["small"]
        return _patches(
            kind.cluster_config("x", shape, kind.TIMERS[timers], Path("/p"), Path("/s"), restricted=restricted)
        )

    fast, stock = patches("fast", True), patches("stock", False)
    assert fast["ClusterConfiguration"]["controllerManager"] == {"extraArgs": {"node-monitor-grace-period": "20s"}}
    assert fast["ClusterConfiguration"]["apiServer"]["extraArgs"]["default-unreachable-toleration-seconds"] == "30"
    assert fast["KubeletConfiguration"]["nodeStatusUpdateFrequency"] == "4s"
    assert fast["KubeletConfiguration"]["featureGates"] == {"KubeletInUserNamespace": True}
    assert "controllerManager" not in stock["ClusterConfiguration"]
    assert "default-unreachable-toleration-seconds" not in stock["ClusterConfiguration"]["apiServer"]["extraArgs"]
    assert set(stock["KubeletConfiguration"]) == {"kind", "failCgroupV1"}
    for one in (fast, stock):
        assert one["ClusterConfiguration"]["apiServer"]["extraArgs"]["audit-log-path"].startswith(kind.AUDIT_FOLDER)


def test_the_audit_policy_keeps_service_accounts_and_the_admin() -> None:
    rules = kind.audit_policy()["rules"]
    assert rules[-1] == {"level": "Metadata"}
    for rule in rules[:-1]:
        assert rule["level"] == "None"
        silenced = rule.get("users", []) + rule.get("userGroups", [])
        assert silenced, "a rule without users silences everybody"
        assert not any("serviceaccount" in name or "admin" in name or "authenticated" in name for name in silenced)


def _node(name: str, address: str, *, plane: bool = False, ready: str = "True") -> dict[str, object]:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"node-role.kubernetes.io/control-plane": ""} if plane else {}},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def test_the_inventory_tells_ansible_the_way_into_each_node(cache: Path) -> None:
    cluster = Cluster("x")
    cluster.folder.mkdir(parents=True)
    made = kind.inventory([_node("x-worker", "10.0.0.3"), _node("x-control-plane", "10.0.0.2", plane=True)])
    cluster.inventory.write_text(yaml.safe_dump(made))
    groups = made["all"]["children"]["nodes"]["children"]
    assert groups["workers"]["hosts"]["x-worker"] == {
        "ansible_connection": "community.docker.docker",
        "ansible_host": "x-worker",
        "selfheal_node_address": "10.0.0.3",
    }
    told = [(node.name, node.role, node.address) for node in cluster.nodes()]
    assert told == [("x-control-plane", "control-plane", "10.0.0.2"), ("x-worker", "worker", "10.0.0.3")]


def _daemonset(name: str, available: int, **more: int) -> dict[str, object]:
    status = {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": available, **more}
    metadata = {"name": name, "generation": 1}
    return {"kind": "DaemonSet", "metadata": metadata, "status": {"observedGeneration": 1, **status}}


def _deployment(name: str, available: int) -> dict[str, object]:
    status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": available}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": 1},
        "status": status,
    }


def test_ready_means_every_node_and_every_workload() -> None:
    nodes = [_node("a", "1"), _node("b", "2")]
    want = ("daemonset/c", "deployment/d")
    good = [*nodes, _daemonset("c", 2), _deployment("d", 1)]
    assert unready(good, 2, want) == ""
    assert unready(good, 3, want) == "2 of 3 nodes ready; not rolled out: daemonset/c"
    assert unready([*nodes, _daemonset("c", 1), _deployment("d", 1)], 2, want) == "not rolled out: daemonset/c"
    assert unready([*nodes, _daemonset("c", 2), _deployment("d", 0)], 2, want) == "not rolled out: deployment/d"
    assert unready([*nodes, _daemonset("c", 2)], 2, want) == "not rolled out: deployment/d"
    # A status that is older than the object says nothing about it.
    stale = _daemonset("c", 2, observedGeneration=0)
    assert unready([*nodes, stale, _deployment("d", 1)], 2, want) == "not rolled out: daemonset/c"
    lost = [_node("a", "1", ready="Unknown"), _node("b", "2"), *good[2:]]
    assert unready(lost, 2, want) == "1 of 2 nodes ready"


def test_kind_s_own_word_for_a_failure_is_found_in_its_noise() -> None:
    log = " ✓ Preparing nodes\nERROR: failed to create cluster: no space\nStack Trace:\nruntime.goexit\n"
    assert kind.failure(log) == "failed to create cluster: no space"
    assert kind.failure("nothing") == "kind create cluster failed"


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a" * 41, "a;rm", "a.b"])
def test_a_bad_cluster_name_is_refused(name: str) -> None:
    with pytest.raises(shell.LabError, match="cluster name"):
        Cluster(name)


def test_a_run_that_was_killed_before_it_noted_anything_counts_as_half_made(cache: Path) -> None:
    assert Cluster("x").state() == {}
    (cache / "clusters" / "x").mkdir(parents=True)
    assert Cluster("x").state()["phase"] == "creating"
    (cache / "clusters" / "x" / "state.json").write_text('{"phase": "rea')
    assert Cluster("x").state()["phase"] == "creating"
    assert [cluster.name for cluster in every_cluster()] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["up", "--shape", "big"], "lab: unknown shape 'big': expected one of small, ha"),
        (["up", "--timers", "slow"], "lab: unknown timers 'slow': expected one of fast, stock"),
        (["env", "--name", "nosuch"], "lab: there is no cluster 'nosuch': python -m lab up --name nosuch"),
        (["binary", "nosuch"], "lab: unknown program: nosuch;"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_side_threads_may_use_interruptible_too() -> None:
    seen: list[int] = []

    def work() -> None:
        with shell.interruptible():
            seen.append(shell.run("true").returncode)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]
