# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this machine is, can do, and lacks."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from lab import store
from lab.paths import cache_root
from lab.shell import LabError, run

MINIMUM_FREE_GIB = 15
SYS_RESOURCE_BIT = 24
INOTIFY_INSTANCES = 1024
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")


def os_release(text: str | None = None) -> dict[str, str]:
    """The fields of /etc/os-release (or of the given text)."""
    if text is None:
        try:
            text = Path("/etc/os-release").read_text(encoding="utf-8")
        except OSError:
            text = ""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value.strip("\"'") for name, value in pairs}


def is_debian_like(release: dict[str, str]) -> bool:
    """Debian, Ubuntu and their children: apt is there and knows docker.io and mmdebstrap."""
    return "debian" in (release.get("ID", ""), *release.get("ID_LIKE", "").split())


def check() -> None:
    """Refuse a machine on which a lab cannot work, before anything is begun.

    :raises LabError: not Linux on amd64 or arm64, or too little disk.
    """
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise LabError(
            f"this machine is {platform.system()} on {platform.machine()}; the lab needs Linux on x86_64 or aarch64"
        )
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"{root}: the cache cannot be made: {error.strerror} (XDG_CACHE_HOME moves it)") from None
    free = shutil.disk_usage(root).free / 2**30
    if free < MINIMUM_FREE_GIB:
        raise LabError(f"{root}: {free:.1f} GiB free, the lab needs {MINIMUM_FREE_GIB} GiB (XDG_CACHE_HOME moves it)")


def as_root() -> tuple[str, ...]:
    """What to put before a command that needs root: nothing, or sudo without a question.

    :raises LabError: neither root nor sudo without a password.
    """
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and run("sudo", "-n", "true", check=False).returncode == 0:
        return ("sudo", "-n")
    raise LabError("this step needs root: run it as root, or as a user whom sudo asks for no password")


def lacks_sys_resource(status: str | None = None) -> bool:
    """Whether CAP_SYS_RESOURCE is missing from this machine (the bounding set of this process), so that
    ``docker run --privileged`` cannot work as it is."""
    text = Path("/proc/self/status").read_text(encoding="utf-8") if status is None else status
    for line in text.splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> SYS_RESOURCE_BIT & 1
    return False


def raise_inotify_limit() -> None:
    """A node needs some 15 inotify instances, and many systems allow all of root's processes only 128 of them."""
    now = int(_INOTIFY.read_text(encoding="utf-8"))
    if now < INOTIFY_INSTANCES:
        before = cache_root() / "inotify-before"
        if not before.exists():
            before.write_text(f"{now}\n", encoding="utf-8")
        run(*as_root(), "tee", _INOTIFY, stdin=f"{INOTIFY_INSTANCES}\n")


def restore_inotify_limit() -> None:
    """Put back what raise_inotify_limit() changed, if nobody has changed it since."""
    before = cache_root() / "inotify-before"
    if before.exists():
        if int(_INOTIFY.read_text(encoding="utf-8")) == INOTIFY_INSTANCES:
            run(*as_root(), "tee", _INOTIFY, stdin=before.read_bytes())
        before.unlink()


def systemd_runs() -> bool:
    """Whether systemd is this machine's init."""
    return Path("/run/systemd/system").is_dir()


def apt_install(*packages: str) -> None:
    """Install those of the Debian packages that are missing.

    :raises LabError: no apt here, no root, or apt failed.
    """
    with store.locked("apt"):
        _apt_install(packages)


def _apt_install(packages: tuple[str, ...]) -> None:
    known = run("dpkg-query", "-W", "-f", "${Package} ${Status}\n", *packages, check=False).stdout if _has_apt() else ""
    installed = {line.split()[0] for line in known.splitlines() if line.endswith(" installed")}
    missing = [package for package in packages if package not in installed]
    if not missing:
        return
    if not (_has_apt() and is_debian_like(os_release())):
        name = os_release().get("PRETTY_NAME", "this system")
        raise LabError(f"{name} has no apt that the lab could use: install {', '.join(missing)} by hand")
    # Without systemd, RUNLEVEL=1 keeps the packages' scripts from starting services of their own.
    settings = ["DEBIAN_FRONTEND=noninteractive", *([] if systemd_runs() else ["RUNLEVEL=1"])]
    log = cache_root() / "logs" / "apt.log"
    apt = (*as_root(), "env", *settings, "apt-get", "-o", "DPkg::Lock::Timeout=300")
    run(*apt, "update", log=log)
    run(*apt, "install", "--yes", "--no-install-recommends", *missing, log=log)


def _has_apt() -> bool:
    return bool(shutil.which("apt-get") and shutil.which("dpkg-query"))
