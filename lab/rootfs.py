# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root file systems, made from Debian's packages with mmdebstrap, as tar archives in the cache."""

from __future__ import annotations

from pathlib import Path

from lab import host, store
from lab.paths import cache_root, versions
from lab.progress import step
from lab.shell import run

# A node: what kubelet, containerd, Calico and a repair by hand call for.
NODE = (
    "bash",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "ebtables",
    "ethtool",
    "hostname",
    "iproute2",
    "ipset",
    "iptables",
    "iputils-ping",
    "jq",
    "kmod",
    "mount",
    "netbase",
    "nftables",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
# The shared base of the images that need more than one static program, and of the load balancer.
TOOLS = (
    "busybox",
    "ca-certificates",
    "conntrack",
    "haproxy",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "procps",
    "wget",  # Debian's busybox has one too, which crashes on -T
)
_EXCLUDED = ("doc", "groff", "info", "linda", "lintian", "locale", "man")


def make(name: str, packages: tuple[str, ...]) -> Path:
    """Path of the tar archive of a Debian with these packages."""
    suite = versions()["image"]["debian"]
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _EXCLUDED]
    options.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")

    def build(target: Path) -> None:
        host.apt_install("mmdebstrap", "debian-archive-keyring")
        with step(f"Debian {suite} for {name}"):
            run(
                "mmdebstrap",
                "--variant=essential",
                "--format=tar",
                f"--include={','.join(packages)}",
                *options,
                suite,
                target,
                *_sources(suite),
                log=cache_root() / "logs" / f"rootfs-{name}.log",
            )

    return store.artifact("rootfs", name, store.key(suite, sorted(packages), options), build)


def _sources(suite: str) -> list[str]:
    """This machine's own package sources, when it runs the same Debian: they know its mirror; else the default ones."""
    release = host.os_release()
    if release.get("ID") == "debian" and release.get("VERSION_CODENAME") == suite:
        for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
            if path.is_file() and path.read_text(encoding="utf-8").strip():
                return [str(path)]
    return []
