# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real copy of the collection for tools that want to stand in ``ansible_collections/selfheal/kubernetes``.

``ansible-test`` runs in it without containers and leaves nothing in the user's home: it gets a home of ours, in the
cache, in which it keeps its own environments from run to run.

    python3 -m lab.sanity --lane new -- ansible-test sanity --test validate-modules
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import shell, store, toolchain
from lab.paths import CHECKOUT, cache_root
from lab.shell import LabError

# Before it makes an environment, ansible-test fetches a get-pip script from a server of its own. Many networks reach
# package indexes only, so this script is laid where ansible-test would keep that one: it runs the very pip that
# ansible-test wants, out of its wheel, which the index has.
GET_PIP = """\
import glob, os, runpy, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, glob.glob(os.path.join(here, "pip-*.whl"))[0])
words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--find-links", here, *words]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
ASK_PIP_VERSION = """\
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version="%d.%d" % sys.version_info[:2]))["pip"])
"""


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout that is ours alone for a while."""

    folder: Path
    environ: dict[str, str]


def source_files() -> list[Path]:
    """The files of the checkout that git tracks or would, relative to it.

    :raises LabError: the checkout is no git work tree.
    """
    listing = shell.run("git", "-C", CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    files = [Path(name) for name in listing.split("\0") if name]
    return [path for path in files if (CHECKOUT / path).is_file() or (CHECKOUT / path).is_symlink()]


def _pip_conf(settings: Mapping[str, str]) -> str:
    """ansible-test keeps PIP_* variables and the user's pip.conf from its children: the same, as a file it reads."""
    lines = [f"{option} = {value}".replace("\n", "\n    ") for option, value in settings.items()]
    return "\n".join(["[global]", *lines, ""])


def _prepare_home(home: Path, venv: Path) -> None:
    """Lay pip's configuration and what makes ansible-test's environments into its home."""
    version = shell.run(venv / "bin" / "python", "-c", ASK_PIP_VERSION).stdout.strip()
    cache = home / ".ansible" / "test" / "cache"
    conf = home / ".config" / "pip" / "pip.conf"
    tools = toolchain.installers()
    if not (cache / f"pip-{version}-py3-none-any.whl").exists():
        tools.pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", cache, f"pip=={version}")
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    for path, text in ((script, GET_PIP), (conf, _pip_conf(tools.settings()))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # an index URL may hold a password
        path.write_text(text, encoding="utf-8")


@contextmanager
def copy(lane: str | None) -> Iterator[Copy]:
    """A fresh copy of the checkout beside its dependencies; others who want one in this lane wait.

    :raises LabError: it cannot be made; says why.
    """
    environ = toolchain.environment(lane)
    chosen = toolchain.lane_named(lane)
    venv = toolchain.venv_of(chosen)
    home = cache_root() / "ansible-test" / venv.name
    folder = home / "ansible_collections" / toolchain.COLLECTION.replace(".", "/")
    with store.locked(f"ansible-test-{venv.name}"):
        _prepare_home(home, venv)
        toolchain.link(home, toolchain.collections(chosen))
        store.remove(folder)
        for path in source_files():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / path, folder / path, follow_symlinks=False)
        own = {"HOME": str(home), "ANSIBLE_COLLECTIONS_PATH": str(home), "ANSIBLE_HOME": str(home / ".ansible")}
        for name in ("PYTHONPATH", "MYPYPATH"):
            environ.pop(name)
        yield Copy(folder, {**environ, **own})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command in a copy of the checkout; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m lab.sanity", description="Run in a copy of the checkout.")
    parser.add_argument("--lane", help="default: the one with the newest ansible-core")
    parser.add_argument("argv", nargs="*", metavar="CMD", help="default: ansible-test sanity, all tests")
    options = parser.parse_args(arguments)
    try:
        with copy(options.lane) as made:
            python = toolchain.lane_named(options.lane).interpreter.minor
            argv = options.argv or ["ansible-test", "sanity", "--color", "no", "--python", python]
            with subprocess.Popen(argv, cwd=made.folder, env=made.environ, stdin=subprocess.DEVNULL) as process:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    process.terminate()
                    raise
    except LabError as error:
        print(f"sanity: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"sanity: {error.filename}: {error.strerror}", file=sys.stderr)
        return 127
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
