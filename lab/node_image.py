# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our own node image: what is in it, and how it is put together.

The tag of the image changes with this file, so nothing else stands here.
"""

from __future__ import annotations

from pathlib import Path

from lab import archive, golang, rootfs, store
from lab.archive import Content, Image, Layer, Link
from lab.engine import docker
from lab.paths import CHECKOUT, versions
from lab.progress import step
from lab.shell import Job, LabError, run, together

ASSETS = CHECKOUT / "lab" / "assets"
LABEL = "selfheal.lab"
REPOSITORY = "selfheal.local/node"
# What a canary pod calls for and Debian's essential packages lack.
_APPLETS = ("httpd", "nc", "nslookup", "traceroute", "vi")
_CNI_PLUGINS = ("bandwidth", "host-local", "loopback", "portmap", "tuning")
_ON_NODE = ("kubeadm", "kubectl", "kubelet")
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def tag() -> str:
    """Its name; the tag changes with everything the image is made of."""
    inputs = (versions()["cluster"], versions()["image"], rootfs.NODE, rootfs.TOOLS, ASSETS)
    sources = (Path(__file__), Path(archive.__file__))
    return f"{REPOSITORY}:v{versions()['cluster']['kubernetes']}-{store.key(*inputs, *sources)}"


def build(tag: str, owner: str) -> None:
    """Build every part that the cache does not have, and put them together under the tag.

    :param owner: the value of the label by which clean() knows its own.
    """
    parts = golang.components()

    def programs(component: str) -> Job:
        part = parts[component]
        return lambda: golang.build([*part.binaries, *part.files]), ()

    def ours(name: str) -> Job:
        return lambda: {name: golang.build_source(name, ASSETS / name)}, ()

    def debian(name: str, packages: tuple[str, ...]) -> Job:
        return lambda: {name: rootfs.make(name, packages)}, ()

    # The longest first, since they start in this order.
    jobs = {
        "kubernetes": programs("kubernetes"),
        "node": debian("node", rootfs.NODE),
        "calico": programs("calico"),
        "tools": debian("tools", rootfs.TOOLS),
        **{name: programs(name) for name in ("coredns", "etcd", "etcdctl", "kind")},
        **{name: ours(name) for name in ("runc-shim", "pause")},
    }
    made: dict[str, Path] = {}
    for paths in together(jobs).values():
        made |= paths
    with store.scratch("node-image") as folder:
        tools = Layer(tar=made["tools"])
        with step("write the container images"):
            names = image_names(made["kubeadm"], made["calico-vxlan.yaml"])
            archive.write(inner_images(names, made, tools), folder / "inner.tar")
            base = f"{REPOSITORY}-base:{tag.rpartition('-')[2]}"
            archive.write(
                [node_base(base, made, names["pause"], owner), load_balancer(tools, owner)], folder / "outer.tar"
            )
        with step("put the container images into the node image"):
            docker("load", "--input", folder / "outer.tar")
            _preload(base, folder / "inner.tar", tag)
    docker("rmi", base, check=False)


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
        path, _colon, tag = reference.rpartition(":")
        last = path.rpartition("/")[2]
        names["calico/node" if path.endswith("calico/node") else last] = reference
        want = version.get(last)
        if want and tag.removeprefix("v").split("-")[0] != want:
            raise LabError(f"lab/versions.toml: {last} is {want}, but kubeadm wants {reference}")
    return names


def inner_images(names: dict[str, str], binaries: dict[str, Path], tools: Layer) -> list[Image]:
    """The container images inside the node image."""

    def at(folder: str, *wanted: str) -> dict[str, Content]:
        return {f"{folder}/{name}": binaries[name] for name in wanted}

    images = [Image(names[name], (Layer(files=at("/usr/local/bin", name)),), (name,)) for name in _CONTROL_PLANE]
    calico_cni = at("/opt/cni/bin", "install", "calico") | {"/opt/cni/bin/calico-ipam": binaries["calico"]}
    # The tools' layer is on every node anyhow, so this image takes no space and needs no unpacking.
    canary: dict[str, Content] = {f"/usr/local/bin/{name}": Link("/bin/busybox") for name in _APPLETS}
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
        Image(versions()["image"]["busybox"], (tools, Layer(files=canary)), command=("sh",)),
    ]


def node_base(name: str, made: dict[str, Path], pause: str, owner: str) -> Image:
    """The node image before any container image is in it."""
    version = f"v{versions()['cluster']['kubernetes']}"
    config = (ASSETS / "node" / "etc" / "containerd" / "config.toml").read_text(encoding="utf-8")
    files: dict[str, Content] = {
        f"/{path.relative_to(ASSETS / 'node')}": path for path in (ASSETS / "node").rglob("*") if path.is_file()
    }
    files |= {f"/usr/bin/{program}": made[program] for program in _ON_NODE}
    files |= {f"/opt/cni/bin/{plugin}": Link(f"/usr/lib/cni/{plugin}") for plugin in _CNI_PLUGINS}
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
        "/usr/local/bin/runc-shim": made["runc-shim"],
    }
    return Image(
        name,
        (Layer(tar=made["node"]), Layer(files=files)),
        ("/usr/local/bin/entrypoint", "/sbin/init"),
        env={"container": "docker"},
        labels={LABEL: owner},
        stop_signal="SIGRTMIN+3",
    )


def load_balancer(tools: Layer, owner: str) -> Image:
    """What kind puts before several control planes, under the name by which it asks for it."""
    path = "/usr/local/etc/haproxy/haproxy.cfg"
    return Image(
        versions()["image"]["loadbalancer"],
        (tools, Layer(files={path: ASSETS / "loadbalancer" / "haproxy.cfg"})),
        # kind's configuration asks for 100000 connections, which is more than the limit on open files may allow.
        ("haproxy", "-W", "-db", "-n", "4000", "-f", path),
        labels={LABEL: owner},
    )


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
ctr --namespace k8s.io images import --all-platforms --no-unpack /run/images.tar
kill $pid
wait $pid || true
rm -f /var/log/containerd-import.log
"""


def _preload(base: str, images: Path, tag: str) -> None:
    """Import the images into the containerd of the base, and keep the result under the tag.

    They are not unpacked: an overlay on the engine's overlay cannot be mounted; each node unpacks them on its volume.
    """
    container = "selfheal-node-image"
    docker("rm", "--force", "--volumes", container, check=False)
    mount = f"type=bind,source={images},target=/run/images.tar,readonly"
    docker(
        *("run", "--detach", "--privileged", "--name", container, "--tmpfs", "/run"),
        *("--mount", mount, "--entrypoint", "sleep", base, "infinity"),
    )
    try:
        docker("exec", container, "sh", "-c", _IMPORT)
        entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        docker("commit", "--change", entrypoint, "--change", "CMD []", container, tag)
    finally:
        docker("rm", "--force", "--volumes", container, check=False)
