# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node image of a cluster, and the things that belong to it.

Where a registry answers, kind's published image is taken, and the nodes pull Calico. Where none does, our own image is
made: the same programs built from their Go modules, on a Debian root file system, every container image inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab import golang, node_image, store
from lab.engine import docker, ensure
from lab.paths import cache_root, versions
from lab.progress import say, step
from lab.shell import LabError

REGISTRY_SECONDS = 5


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
    own = node_image.tag()
    ensure()
    if _own_images_are_there(own):
        return _own_kit(own)
    if _have(versions()["image"]["published"]) or _registry_answers():
        return _published_kit()
    say("no registry answers: making the node image here")
    with store.locked("node-image"):
        if not _own_images_are_there(own):
            node_image.build(own, owner())
            golang.drop_caches()
    return _own_kit(own)


def owner() -> str:
    """The value of the label on what this cache has put into the engine, which other caches may use as well."""
    return store.key(str(cache_root().resolve()))


def remove_ours(current: str) -> None:
    """Remove the images that this cache made and no cluster uses, except the current ones ("" for all)."""
    keep = (current, versions()["image"]["loadbalancer"]) if current else ()
    mine = f"label={node_image.LABEL}={owner()}"
    shown = docker("image", "ls", "--filter", mine, "--format", "{{.ID}} {{.Repository}}:{{.Tag}}").stdout
    for identity, name in (line.split() for line in shown.splitlines()):
        if name not in keep:
            docker("rmi", identity if "<none>" in name else name, check=False)  # refused while in use


def _own_images_are_there(tag: str) -> bool:
    return _have(tag) and _have(versions()["image"]["loadbalancer"])


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
            target.mkdir()
            docker("cp", f"{container}:/usr/bin/kubectl", target / "kubectl")
        finally:
            docker("rm", "--force", "--volumes", container)

    tools = store.artifact("bin", "published", store.key(image["published"]), take_kubectl)
    release = f"https://raw.githubusercontent.com/projectcalico/calico/v{versions()['cluster']['calico']}"
    kind = golang.build(["kind"])["kind"]
    return Kit(
        image["published"], f"{release}/manifests/calico-vxlan.yaml", kind, tools / "kubectl", (image["busybox"],)
    )


def _have(name: str) -> bool:
    return docker("image", "inspect", name, check=False).returncode == 0


def _registry_answers() -> bool:
    name = versions()["image"]["published"]
    try:
        return docker("manifest", "inspect", name, check=False, timeout=REGISTRY_SECONDS).returncode == 0
    except LabError:  # no answer in that time
        return False
