# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node image of a cluster, and the things that belong to it.

Where a registry answers, kind's published image is taken, and the nodes pull Calico. Where none does, our own image is
made: the same programs built from their Go modules, on a Debian root file system, every container image inside.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import archive, golang, rootfs, store
from lab.archive import Image, Layer, Link
from lab.engine import docker, ensure
from lab.paths import CHECKOUT, cache_root, versions
from lab.progress import say, side_by_side, step
from lab.shell import LabError, run

ASSETS = CHECKOUT / "lab" / "assets"
LABEL = "selfheal.lab"
NODE_REPOSITORY = "selfheal.local/node"
REGISTRY_SECONDS = 5
_CALICO_PROGRAMS = ("calico-node", "calico", "install", "kube-controllers", "check-status")
_CNI_PLUGINS = ("bandwidth", "host-local", "loopback", "portmap", "tuning")
_ON_NODE = ("kubeadm", "kubectl", "kubelet")
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Kit:
    """What a cluster is made with.

    :ivar node_image: the image for kind.
    :ivar calico: the manifest to apply, a path or an address.
    :ivar load: images of the engine that must be loaded into the nodes (none where the node image has them inside).
    """

    node_image: str
    calico: str
    kind: Path
    kubectl: Path
    load: tuple[str, ...] = ()


def kit() -> Kit:
    """Make or fetch everything a cluster needs, and make sure that the engine runs."""
    own = own_tag()
    engine_up = False
    if _own_parts_are_built():
        ensure()
        engine_up = True
        if _have(own):
            return _own_kit(own)
    if not engine_up:
        # On a bare machine the engine takes half a minute; the builds below do not wait for it.
        ensure()
    if _have(versions()["image"]["published"]) or _registry_answers():
        return _published_kit()
    say("no registry answers: making the node image here")
    with store.locked("node-image"):
        if not _have(own):
            _build(own)
    return _own_kit(own)


def own_tag() -> str:
    """Name of our own node image; its tag changes with everything it is made of."""
    inputs = (versions()["cluster"], versions()["image"], rootfs.NODE, rootfs.TOOLS, ASSETS)
    sources = (Path(__file__), Path(archive.__file__))
    return f"{NODE_REPOSITORY}:v{versions()['cluster']['kubernetes']}-{store.key(*inputs, *sources)}"


def _own_parts_are_built() -> bool:
    return all(path.exists() for path in golang.places(["kind", "kubectl", "calico-vxlan.yaml"]).values())


def _own_kit(tag: str) -> Kit:
    paths = golang.build(["kind", "kubectl", "calico-vxlan.yaml"])
    return Kit(tag, str(paths["calico-vxlan.yaml"]), paths["kind"], paths["kubectl"])


def _published_kit() -> Kit:
    image = versions()["image"]
    for name in (image["published"], image["busybox_published"]):
        if not _have(name):
            with step(f"pull {name}"):
                docker("pull", "--quiet", name)
    docker("tag", image["busybox_published"], image["busybox"])

    def take_kubectl(target: Path) -> None:
        container = docker("create", image["published"]).stdout.strip()
        try:
            docker("cp", f"{container}:/usr/bin/kubectl", target)
        finally:
            docker("rm", "--force", "--volumes", container)

    kubectl = store.artifact("bin", "kubectl-published", store.key(image["published"]), take_kubectl)
    # kubectl looks at the name it is called by, and PATH wants a folder with nothing else in it.
    named = kubectl.with_name(f"{kubectl.name}-bin") / "kubectl"
    named.parent.mkdir(exist_ok=True)
    if not named.exists():
        os.link(kubectl, named)
    release = f"https://raw.githubusercontent.com/projectcalico/calico/v{versions()['cluster']['calico']}"
    kind = golang.build(["kind"])["kind"]
    return Kit(image["published"], f"{release}/manifests/calico-vxlan.yaml", kind, named, (image["busybox"],))


def _have(name: str) -> bool:
    return docker("image", "inspect", name, check=False).returncode == 0


def _registry_answers() -> bool:
    name = versions()["image"]["published"]
    try:
        return docker("manifest", "inspect", name, check=False, timeout=REGISTRY_SECONDS).returncode == 0
    except LabError:  # no answer in that time
        return False


def _build(tag: str) -> None:
    parts = golang.components()

    def programs(component: str) -> Callable[[], object]:
        part = parts[component]
        return lambda: golang.build([*part.binaries, *part.files])

    # The longest first, since they start in this order.
    jobs: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
        "kubernetes": (programs("kubernetes"), ()),
        "node": (lambda: rootfs.make("node", rootfs.NODE), ()),
        "calico": (programs("calico"), ()),
        "tools": (lambda: rootfs.make("tools", rootfs.TOOLS), ()),
        **{name: (programs(name), ()) for name in ("coredns", "etcd", "etcdctl", "kind")},
        "shim": (lambda: golang.build_source("runc-shim", ASSETS / "runc-shim"), ()),
        "pause": (lambda: golang.build_source("pause", ASSETS / "pause"), ()),
    }
    made = side_by_side(jobs)
    binaries: dict[str, Path] = {}
    for name in parts:
        binaries |= made[name]
    binaries |= {"pause": made["pause"], "runc-shim": made["shim"]}
    with store.scratch("node-image") as folder:
        tools = Layer(tar=made["tools"])
        with step("write the container images"):
            names = image_names(binaries["kubeadm"], binaries["calico-vxlan.yaml"])
            applets = _busybox(made["tools"], folder / "busybox")
            archive.write(inner_images(names, binaries, tools, folder / "busybox", applets), folder / "inner.tar")
            base = f"{NODE_REPOSITORY}-base:{tag.rpartition('-')[2]}"
            archive.write(
                [node_base(base, made["node"], binaries, names["pause"]), load_balancer(tools)], folder / "outer.tar"
            )
        with step("put the container images into the node image"):
            docker("load", "--input", folder / "outer.tar")
            _preload(base, folder / "inner.tar", tag)
    docker("rmi", base, check=False)
    for old in docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", NODE_REPOSITORY).stdout.split():
        if old != tag:
            docker("rmi", old, check=False)  # refused while a cluster still uses it
    # DEV golang.drop_caches()


def image_names(kubeadm: Path, calico_manifest: Path) -> dict[str, str]:
    """The names by which kubeadm and Calico's manifest will ask for images, by the last part of the name.

    :raises LabError: kubeadm wants another version of something than lab/versions.toml has.
    """
    version = versions()["cluster"]
    asked = run(kubeadm, "config", "images", "list", "--kubernetes-version", f"v{version['kubernetes']}").stdout.split()
    manifest = calico_manifest.read_text(encoding="utf-8").splitlines()
    asked += [line.split("image:")[1].strip() for line in manifest if line.strip().startswith("image:")]
    names = {}
    for reference in asked:
        path, _, tag = reference.rpartition(":")
        last = path.rpartition("/")[2]
        names["calico/node" if path.endswith("calico/node") else last] = reference
        want = version.get(last)
        if want and tag.removeprefix("v").split("-")[0] != want:
            raise LabError(f"lab/versions.toml: {last} is {want}, but kubeadm {version['kubernetes']} wants {reference}")
    return names


def inner_images(
    names: dict[str, str], binaries: dict[str, Path], tools: Layer, busybox: Path, applets: list[str]
) -> list[Image]:
    """The container images inside the node image."""

    def at(folder: str, *wanted: str) -> dict[str, Path | bytes | Link | None]:
        return {f"{folder}/{name}": binaries[name] for name in wanted}

    images = [Image(names[name], (Layer(files=at("/usr/local/bin", name)),), (name,)) for name in _CONTROL_PLANE]
    calico_cni = at("/opt/cni/bin", "install", "calico") | {"/opt/cni/bin/calico-ipam": binaries["calico"]}
    shell = {"/bin/busybox": busybox} | {f"/bin/{name}": Link("busybox") for name in applets if name != "busybox"}
    return [
        *images,
        Image(names["etcd"], (Layer(files=at("/usr/local/bin", "etcd", "etcdctl")),), ("etcd",)),
        Image(names["coredns"], (Layer(files=at("", "coredns")),), ("/coredns",)),
        Image(names["pause"], (Layer(files=at("", "pause")),), ("/pause",)),
        Image(names["kube-proxy"], (tools, Layer(files=at("/usr/local/bin", "kube-proxy"))), ("kube-proxy",)),
        Image(names["cni"], (Layer(files=calico_cni),), command=("/opt/cni/bin/install",)),
        Image(
            names["calico/node"],
            (
                tools,
                # The tools' /bin and /sbin are links into /usr.
                Layer(
                    files=at("/usr/bin", "calico-node")
                    | {"/usr/sbin/start_runit": ASSETS / "calico-node" / "start_runit"}
                ),
            ),
            command=("start_runit",),
        ),
        Image(
            names["kube-controllers"],
            (Layer(files=at("/usr/bin", "kube-controllers", "check-status") | {"/status": None, "/profiles": None}),),
            ("/usr/bin/kube-controllers",),
        ),
        Image(
            versions()["image"]["busybox"],
            (Layer(files={**shell, "/tmp": None, "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n"}),),
            command=("sh",),
        ),
    ]


def node_base(name: str, root: Path, binaries: dict[str, Path], pause: str) -> Image:
    """The node image before any container image is in it."""
    version = f"v{versions()['cluster']['kubernetes']}"
    config = (ASSETS / "node" / "etc" / "containerd" / "config.toml").read_text(encoding="utf-8")
    files: dict[str, Path | bytes | Link | None] = {
        f"/{path.relative_to(ASSETS / 'node')}": path for path in (ASSETS / "node").rglob("*") if path.is_file()
    }
    files |= {f"/usr/bin/{name}": binaries[name] for name in _ON_NODE}
    files |= {f"/opt/cni/bin/{name}": Link(f"/usr/lib/cni/{name}") for name in _CNI_PLUGINS}
    wants = "/etc/systemd/system/multi-user.target.wants"
    files |= {
        f"{wants}/kubelet.service": Link("/etc/systemd/system/kubelet.service"),
        f"{wants}/containerd.service": Link("/lib/systemd/system/containerd.service"),
        # A container has no consoles, and its host has done what these would do.
        **{
            f"/etc/systemd/system/{unit}": Link("/dev/null")
            for unit in ("console-getty.service", "getty.target", "systemd-udevd.service", "systemd-logind.service")
        },
        "/etc/containerd/config.toml": config.replace("@PAUSE@", pause).encode(),
        "/etc/kubernetes/manifests": None,
        "/kind/version": version.encode(),
        "/usr/local/bin/runc-shim": binaries["runc-shim"],
    }
    return Image(
        name,
        (Layer(tar=root), Layer(files=files)),
        ("/usr/local/bin/entrypoint", "/sbin/init"),
        env={"container": "docker"},
        labels={LABEL: "1"},
        stop_signal="SIGRTMIN+3",
    )


def load_balancer(tools: Layer) -> Image:
    """What kind puts before several control planes, under the name by which it asks for it."""
    path = "/usr/local/etc/haproxy/haproxy.cfg"
    return Image(
        versions()["image"]["loadbalancer"],
        (tools, Layer(files={path: ASSETS / "loadbalancer" / "haproxy.cfg"})),
        # kind's configuration asks for 100000 connections, which is more than the limit on open files may allow.
        ("haproxy", "-W", "-db", "-n", "4000", "-f", path),
        labels={LABEL: "1"},
    )


def _busybox(tools: Path, target: Path) -> list[str]:
    """Take busybox out of the tools' archive and ask it what it can do."""
    member = run("tar", "--list", "--file", tools, "--wildcards", "./*bin/busybox").stdout.split()[0]
    with target.open("wb") as file:
        subprocess.run(["tar", "--extract", "--to-stdout", "--file", tools, member], stdout=file, check=True)
    target.chmod(0o755)
    return run(target, "--list").stdout.split()


_IMPORT = """
set -eu
containerd >/var/log/containerd-import.log 2>&1 &
pid=$!
tries=0
until ctr version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 150 ]; then tail -n 5 /var/log/containerd-import.log >&2; exit 1; fi
  sleep 0.2
done
ctr --namespace k8s.io images import --all-platforms --no-unpack --digests /run/images.tar
kill $pid
wait $pid || true
rm -f /var/log/containerd-import.log
"""


def _preload(base: str, images: Path, tag: str) -> None:
    """Import the images into the containerd of the base, and keep the result under the tag.

    They are not unpacked: an overlay on the engine's overlay cannot be mounted, and each node unpacks them on its volume.
    """
    container = "selfheal-node-image"
    docker("rm", "--force", "--volumes", container, check=False)
    mount = f"type=bind,source={images},target=/run/images.tar,readonly"
    docker(
        *("run", "--detach", "--privileged", "--name", container, "--tmpfs", "/run", "--tmpfs", "/tmp"),
        *("--mount", mount, "--entrypoint", "sleep", base, "infinity"),
    )
    try:
        docker("exec", container, "sh", "-c", _IMPORT)
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        docker("commit", "--change", entrypoint, "--change", "CMD []", container, tag)
    finally:
        docker("rm", "--force", "--volumes", container, check=False)
