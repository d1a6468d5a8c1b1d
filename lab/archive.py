# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Container images written without an engine, in the format of ``docker save``."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The same everywhere, so the same content always makes the same image.
EPOCH = "2026-01-01T00:00:00Z"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Link:
    """A symbolic link to put into a layer."""

    target: str


# A file of this machine (its mode is kept) or a whole folder; the content of a file; a link; None is an empty folder.
Content = Path | bytes | Link | None


@dataclass(frozen=True)
class Layer:
    """One layer: a ready tar archive, or files by their absolute path in the image."""

    tar: Path | None = None
    files: dict[str, Content] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image to be written."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    stop_signal: str | None = None


def write(images: Iterable[Image], target: Path) -> None:
    """Write the images to one archive; layers that several of them share are in it once."""
    manifest, written = [], {}
    with tarfile.open(target, "w") as archive:
        for image in images:
            for layer in image.layers:
                if id(layer) not in written:
                    written[id(layer)] = _add_layer(archive, layer, target.with_suffix(".layer"))
            digests = [written[id(layer)] for layer in image.layers]
            config = json.dumps(configuration(image, digests), sort_keys=True).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add_bytes(archive, name, config)
            layers = [f"{digest}.tar" for digest in digests]
            manifest.append({"Config": name, "RepoTags": [image.name], "Layers": layers})
        _add_bytes(archive, "manifest.json", json.dumps(manifest).encode())


def configuration(image: Image, digests: list[str]) -> dict[str, Any]:
    """The image's configuration document; digests are those of its uncompressed layers."""
    env = {"PATH": DEFAULT_PATH, **image.env}
    config = {
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "Labels": image.labels,
        "WorkingDir": image.workdir,
    }
    if image.stop_signal:
        config["StopSignal"] = image.stop_signal
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": EPOCH,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": EPOCH, "created_by": "lab"} for _digest in digests],
    }


def write_layer(layer: Layer, target: Path) -> None:
    """Write a layer made of files: owned by root, no times, in a fixed order."""
    with tarfile.open(target, "w") as archive:
        made: set[str] = set()
        for name, what in sorted(layer.files.items()):
            if isinstance(what, Path) and what.is_dir():
                for path in sorted(p for p in what.rglob("*") if not p.is_dir()):
                    _add_entry(archive, made, f"{name.rstrip('/')}/{path.relative_to(what)}", path)
            else:
                _add_entry(archive, made, name, what)


def _add_entry(archive: tarfile.TarFile, made: set[str], name: str, what: Content) -> None:
    name = name.strip("/")
    parents = [os.fspath(parent) for parent in Path(name).parents][-2::-1]
    for folder in [*parents, *([name] if what is None else [])]:
        if folder not in made:
            made.add(folder)
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
    if what is None:
        return
    entry = tarfile.TarInfo(name)
    if isinstance(what, Link):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, what.target, 0o777
        archive.addfile(entry)
    elif isinstance(what, bytes):
        entry.size, entry.mode = len(what), 0o644
        archive.addfile(entry, io.BytesIO(what))
    else:
        entry.size, entry.mode = what.stat().st_size, 0o755 if os.access(what, os.X_OK) else 0o644
        with what.open("rb") as content:
            archive.addfile(entry, content)


def _add_layer(archive: tarfile.TarFile, layer: Layer, temporary: Path) -> str:
    path = layer.tar
    if path is None:
        path = temporary
        write_layer(layer, path)
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        if f"{digest}.tar" not in archive.getnames():
            entry = tarfile.TarInfo(f"{digest}.tar")
            entry.size = path.stat().st_size
            archive.addfile(entry, content)
    if path is temporary:
        temporary.unlink()
    return digest


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    if name not in archive.getnames():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
