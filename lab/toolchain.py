# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools of the project, made from nothing: a Python environment per lane and the collections that ours needs.

A lane is one ansible-core with the interpreters it supports (``[python.lanes]`` in lab/versions.toml). Everything is
kept in the cache under a key made of what went into it, so it is made once and a change of a version makes it anew.
Standard library only: this runs before any environment exists.

    python3 -m lab.toolchain run -- ansible-playbook --version
    eval "$(python3 -m lab.toolchain env)"
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

if __package__ in (None, ""):  # called as a file: python3 lab/toolchain.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab import shell, store
from lab.paths import CHECKOUT, cache_root, versions
from lab.progress import say, side_by_side, step
from lab.shell import LabError

COLLECTION = "selfheal.kubernetes"
# Written last into a virtual environment: one without it was interrupted half-way and is made anew. (It cannot be
# moved into place when complete, as other cached things are: it holds its own absolute path.)
MARKER = ".complete"
# Below cache_root(); the lab keeps its own things beside these.
OUR_FOLDERS = ("ansible-home", "ansible-test", "collections", "trees", "uv", "venv")
# What must not leak from the caller into a Python child: it would import something other than its own packages.
CLEAN = dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET"), "")


# --- interpreters and lanes


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs."""

    version: tuple[int, int, int]
    has_venv: bool
    path: str

    @property
    def minor(self) -> str:
        """The version as people name it: ``3.13``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def full(self) -> str:
        """The version down to the patch level: ``3.13.0``."""
        return ".".join(str(part) for part in self.version)


@dataclass(frozen=True)
class Lane:
    """One ansible-core on one interpreter."""

    name: str
    interpreter: Interpreter
    ansible_core: str


_PROBE = """
import importlib.util, json, sys
print(json.dumps({
    "version": sys.version_info[:3],
    "final": sys.version_info.releaselevel == "final",
    "implementation": sys.implementation.name,
    "path": getattr(sys, "_base_executable", None) or sys.executable,
    "venv": all(importlib.util.find_spec(m) for m in ("venv", "ensurepip", "ssl")),
}))
"""


def _probe(path: str) -> Interpreter | None:
    """What the program says about itself; None when it does not run or is no finished CPython."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        told = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    if not isinstance(told, dict) or told.get("implementation") != "cpython" or not told["final"]:
        return None
    major, minor, patch = told["version"]
    # The base interpreter behind a virtual environment: an environment made of an environment would die with it.
    return Interpreter((major, minor, patch), bool(told["venv"]), os.path.realpath(told["path"]))


def _candidates(environ: Mapping[str, str]) -> list[str]:
    """Every program that may be a Python: on PATH, in pyenv's versions, and the one that runs this."""
    minors = [minor for lane in versions()["python"]["lanes"].values() for minor in lane["pythons"]]
    names = ["python3", *(f"python{minor}" for minor in minors)]
    found = [sys.executable]
    pyenv = Path(environ.get("PYENV_ROOT") or os.path.join(environ.get("HOME", os.path.expanduser("~")), ".pyenv"))
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if Path(folder) != pyenv / "shims":  # slow scripts in front of what the next line finds
            found += [os.path.join(folder, name) for name in names]
    found += [str(path) for minor in minors for path in pyenv.glob(f"versions/{minor}.*/bin/python3")]
    # One program often has several names.
    unique = {os.path.realpath(path): path for path in reversed(found) if path and os.access(path, os.X_OK)}
    return list(unique.values())


def choose(interpreters: Sequence[Interpreter], pythons: Sequence[str]) -> Interpreter | None:
    """The best of the interpreters whose minor version is among those a lane supports: the newest that is whole."""
    fitting = [one for one in interpreters if one.minor in pythons]
    return max(fitting, key=lambda one: (one.version[:2], one.has_venv, one.version, one.path), default=None)


@cache
def lanes() -> dict[str, Lane]:
    """The lanes this machine can run, the newest ansible-core last.

    :raises LabError: there is no interpreter for any lane.
    """
    table = versions()["python"]["lanes"]
    with ThreadPoolExecutor(max_workers=4) as pool:
        interpreters = [one for one in pool.map(_probe, _candidates(os.environ)) if one]
    found = {}
    for name, lane in table.items():
        best = choose(interpreters, lane["pythons"])
        if best:
            found[name] = Lane(name, best, lane["ansible-core"])
    if not found:
        expected = ", ".join(minor for lane in table.values() for minor in lane["pythons"])
        seen = ", ".join(sorted({one.full for one in interpreters})) or "none"
        raise LabError(f"no usable Python: expected {expected}, on PATH or among pyenv's versions; found here: {seen}")
    return found


def lane_named(name: str | None) -> Lane:
    """The lane of that name, or the one with the newest ansible-core.

    :raises LabError: no such lane, or no interpreter for it on this machine.
    """
    available = lanes()
    if name is None:
        return list(available.values())[-1]
    if name in available:
        return available[name]
    known = versions()["python"]["lanes"]
    if name not in known:
        raise LabError(f"lane {name!r}: unknown; expected one of {', '.join(known)}")
    raise LabError(
        f"lane {name!r}: needs Python {' or '.join(known[name]['pythons'])}, which is not on this machine; "
        f"usable here: {', '.join(available)}"
    )


# --- the Python environments


def lock_file(lane: str) -> Path:
    """The full list of packages of a lane or an extra, made by ``lock`` from the pins in lab/versions.toml."""
    return CHECKOUT / "lab" / f"locked-{lane}.txt"


def pins(lane: str) -> dict[str, str]:
    """The packages we ask for in a lane or an extra, with versions; the rest of its lock file is what these need."""
    table = versions()["python"]
    if lane in table["extras"]:
        own = table["extras"][lane]
        return {**{name: table["packages"][name] for name in own["also"]}, **own["packages"]}
    return {"ansible-core": table["lanes"][lane]["ansible-core"], **table["packages"]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def missing_pins(wanted: Mapping[str, str], lock_text: str) -> list[str]:
    """The pins that a lock file's text does not hold at that version."""
    held = re.findall(r"^([\w.-]+)==([^\s;]+)", lock_text, re.MULTILINE)
    found = {(_normal(name), version) for name, version in held}
    return [
        f"{name}=={version}"
        for name, version in wanted.items()
        if (_normal(name.partition("[")[0]), version) not in found
    ]


def locked(lane: str) -> str:
    """The text of the lock file of a lane or an extra, seen to agree with the pins.

    :raises LabError: it is missing, or it was not made anew after a pin changed.
    """
    path = lock_file(lane)
    remedy = "make it anew: python3 -m lab.toolchain lock"
    if not path.exists():
        raise LabError(f"{path} is missing; {remedy}")
    text = path.read_text(encoding="utf-8")
    missing = missing_pins(pins(lane), text)
    if missing:
        raise LabError(f"{path} does not hold {', '.join(missing)} of lab/versions.toml; {remedy}")
    return text


def _with_ensurepip(interpreter: Interpreter) -> Interpreter:
    """The interpreter, with Debian's package for virtual environments installed where it was left out."""
    if interpreter.has_venv:
        return interpreter
    package = f"python{interpreter.minor}-venv"
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not apt or not interpreter.path.startswith("/usr/bin/") or (sudo and not shutil.which("sudo")):
        raise LabError(
            f"{interpreter.path} cannot make virtual environments (venv, ensurepip or ssl is missing): "
            f"install {package}, or another Python {interpreter.minor}"
        )
    with store.locked("apt"), step(f"{interpreter.path} has no ensurepip: apt-get install {package}"):
        debian = {"DEBIAN_FRONTEND": "noninteractive"}
        install = [*sudo, apt, "install", "-y", "--no-install-recommends", package]
        if shell.run(*install, env=debian, check=False).returncode:  # most often the package lists are missing or old
            shell.run(*sudo, apt, "update", env=debian)
            shell.run(*install, env=debian)
    found = _probe(interpreter.path)
    if not found or not found.has_venv:
        raise LabError(f"{interpreter.path} still cannot make virtual environments after {package} was installed")
    return found


def pip_settings(listing: str) -> dict[str, str]:
    """Where this user's pip looks for packages, out of what ``pip config list`` prints. Variables win over files."""
    options = ("index-url", "extra-index-url", "find-links", "cert", "client-cert", "proxy", "trusted-host")
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, _sign, value = line.partition("=")
        section, _dot, option = name.rpartition(".")
        if option in options and (section == ":env:" or option not in found):
            found[option] = str(ast.literal_eval(value))
    return found


def _uv_environ(settings: Mapping[str, str]) -> dict[str, str]:
    """uv does not read pip's configuration: tell it the same in its own words, unless it has been told itself."""
    names = {
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": settings.get("extra-index-url"),
        "UV_INSECURE_HOST": settings.get("trusted-host"),
        "SSL_CERT_FILE": settings.get("cert"),
        "SSL_CLIENT_CERT": settings.get("client-cert"),
        "ALL_PROXY": settings.get("proxy"),
    }
    told = {name: " ".join(value.split()) for name, value in names.items() if value and name not in os.environ}
    return {**told, **CLEAN, "UV_CACHE_DIR": str(cache_root() / "uv"), "UV_NO_PROGRESS": "1"}


@dataclass(frozen=True)
class Installers:
    """pip, which every Python can make for itself, and uv, which is several times faster."""

    folder: Path

    def pip(self, *arguments: str | Path) -> str:
        """Call pip; returns what it printed."""
        python = self.folder / "bin" / "python"
        return shell.run(python, "-m", "pip", "--disable-pip-version-check", *arguments, env=CLEAN).stdout

    def settings(self) -> dict[str, str]:
        """Where this user's pip looks for packages."""
        return pip_settings(self.pip("config", "list"))

    def uv(self, *arguments: str | Path) -> None:
        """Call uv with the indexes that pip is configured with."""
        shell.run(self.folder / "bin" / "uv", *arguments, env=_uv_environ(self.settings()))

    def install(self, python: Path, requirements: Path) -> None:
        """Install a lock file. Measured on 2 cores with 100 packages: uv 9 s, pip 29 s."""
        try:
            self.uv("pip", "install", "--quiet", "--no-deps", "--python", python, "-r", requirements)
        except shell.Stopped:
            raise
        except LabError as error:
            say(f"  uv could not install, trying pip: {str(error).splitlines()[-1].strip()}")
            self.pip("--python", python, "install", "--quiet", "--no-deps", "--no-compile", "-r", requirements)


def _virtual_environment(folder: Path, what: str, fill: Callable[[Path], None]) -> Path:
    """The environment, made by fill() unless a former run has made it to the end."""
    if (folder / MARKER).exists():
        return folder
    with store.locked(f"{folder.parent.name}-{folder.name}"):
        if not (folder / MARKER).exists():
            with step(what):
                store.remove(folder)
                fill(folder)
                (folder / MARKER).touch()
    return folder


def installers() -> Installers:
    """pip and uv in an environment of their own, one for all lanes."""
    interpreter = lane_named(None).interpreter
    uv = versions()["python"]["uv"]

    def fill(folder: Path) -> None:
        shell.run(_with_ensurepip(interpreter).path, "-m", "venv", folder, env=CLEAN)
        Installers(folder).pip("install", "--quiet", "--no-compile", f"uv=={uv}")

    key = store.key(uv, interpreter.full, interpreter.path)
    return Installers(_virtual_environment(store.place("venv", "installers", key), f"pip and uv {uv}", fill))


def venv_of(lane: Lane) -> Path:
    """Where the lane's environment is or will be."""
    key = store.key(lane.interpreter.full, lane.interpreter.path, locked(lane.name))
    return store.place("venv", lane.name, key)


def ensure(lane: str | None = None) -> Path:
    """Make what is missing: the lane's environment, the collections, the checkout's tree.

    :returns: the folder of the lane's virtual environment.
    :raises LabError: it cannot be made; says why.
    """
    chosen = lane_named(lane)

    def fill(folder: Path) -> None:
        tools = installers()
        shell.run(chosen.interpreter.path, "-m", "venv", "--without-pip", folder, env=CLEAN)
        tools.install(folder / "bin" / "python", lock_file(chosen.name))

    what = f"Python {chosen.interpreter.full} with ansible-core {chosen.ansible_core} (lane {chosen.name})"
    venv = _virtual_environment(venv_of(chosen), what, fill)
    link(tree(), {COLLECTION: CHECKOUT, **collections(chosen)})
    return venv


def environment_with(extra: str, lane: str | None = None) -> dict[str, str]:
    """The environment for a command that needs other packages than a lane has; what is missing is made first.

    It has the lane's ansible-core and collections, and the rest is its own, so that nothing else may come to need it.

    :param extra: one of ``[python.extras]`` in lab/versions.toml.
    :raises LabError: it cannot be made; says why.
    """
    chosen = lane_named(lane)
    ensure(chosen.name)

    def fill(folder: Path) -> None:
        tools = installers()
        shell.run(chosen.interpreter.path, "-m", "venv", "--without-pip", folder, env=CLEAN)
        core = folder / "core.txt"
        core.write_text(f"ansible-core=={chosen.ansible_core}\n", encoding="utf-8")
        for requirements in (core, lock_file(extra)):
            tools.install(folder / "bin" / "python", requirements)

    key = store.key(chosen.interpreter.full, chosen.interpreter.path, chosen.ansible_core, locked(extra))
    where = store.place("venv", f"{extra}-{chosen.name}", key)
    venv = _virtual_environment(where, f"Python {chosen.interpreter.full} with what {extra} needs", fill)
    root = store.place("trees", extra, store.key(str(CHECKOUT)))
    link(root, {COLLECTION: CHECKOUT, **collections(chosen), **collections(chosen, extra)})
    return _whole(_variables(venv, root))


def ensure_all() -> dict[str, Path]:
    """Every lane of this machine, made side by side.

    :returns: lane to the folder of its virtual environment.
    """
    jobs: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {}
    for name in lanes():
        jobs[name] = (lambda name=name: ensure(name), ())  # type: ignore[misc]
    side_by_side(jobs, workers=2)
    return {name: venv_of(lane) for name, lane in lanes().items()}


# --- collections


def _from_galaxy(venv: Path, target: Path, wanted: Mapping[str, str]) -> bool:
    """Install from the Galaxy servers that ansible-galaxy is configured with; False when they do not answer soon."""
    names = [f"{name}:=={version}" for name, version in wanted.items()]
    argv = ["collection", "install", "--no-deps", "--timeout", "5", "-p", str(target), *names]
    environ = {**CLEAN, **_ansible_home()}
    try:
        done = shell.run(venv / "bin" / "ansible-galaxy", *argv, env=environ, check=False, timeout=30)
    except shell.Stopped:
        raise
    except LabError:
        return False
    return done.returncode == 0


def _from_ansible_package(tools: Installers, target: Path, wanted: Mapping[str, str]) -> None:
    """Take the collections out of the ``ansible`` package, which holds many; only those we need are unpacked."""
    package = f"ansible=={versions()['python']['ansible']}"
    download = target / "download"
    # It is only unpacked, so it need not fit the Python that fetches it.
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python")
    tools.pip("download", *options, "--dest", download, package)
    roots = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in wanted)
    for wheel in download.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [name for name in archive.namelist() if name.startswith(roots)])
    store.remove(download)


def _collection_version(folder: Path) -> str:
    try:
        return str(json.loads((folder / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"])
    except (OSError, ValueError, KeyError):
        return "none"


def collections(lane: Lane, extra: str = "") -> dict[str, Path]:
    """The collections that ours and its lab need, or an extra does, at the pinned versions: name to folder."""
    table = versions()["python"]
    wanted: dict[str, str] = (table["extras"][extra] if extra else table)["collections"]
    if not wanted:
        return {}
    package = table["ansible"]

    def make(folder: Path) -> None:
        with step(f"collections {', '.join(wanted)}"):
            folder.mkdir()
            if not _from_galaxy(venv_of(lane), folder, wanted):
                say(f"  Galaxy does not answer: taking them out of the package ansible {package}")
                store.remove(folder / "ansible_collections")
                _from_ansible_package(installers(), folder, wanted)
            for name, version in wanted.items():
                got = _collection_version(folder / "ansible_collections" / name.replace(".", "/"))
                if got != version:
                    raise LabError(f"collection {name}: got version {got}, expected {version} of lab/versions.toml")

    made = store.artifact("collections", extra or "dependencies", store.key(package, wanted), make)
    return {name: made / "ansible_collections" / name.replace(".", "/") for name in wanted}


def link(root: Path, targets: Mapping[str, Path]) -> None:
    """Lay links to collections under root/ansible_collections, and drop those that are no longer wanted."""
    base = root / "ansible_collections"
    present = {f"{link.parent.name}.{link.name}": link.readlink() for link in base.glob("*/*") if link.is_symlink()}
    if present == targets:
        return
    with store.locked(f"tree-{root.name}"):
        for name in present.keys() - targets.keys():
            (base / name.replace(".", "/")).unlink(missing_ok=True)
        for name, target in targets.items():
            link = base / name.replace(".", "/")
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = link.with_name(f"{link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target)
            fresh.replace(link)  # in one step, so that a command that runs beside us never sees a gap


def tree() -> Path:
    """This checkout and its dependencies as Ansible and Python import them: a folder with ``ansible_collections``.

    It stands in the cache, keyed by the checkout's path: inside the checkout, its link to the checkout would be a loop.
    """
    return store.place("trees", "checkout", store.key(str(CHECKOUT)))


# --- the environment for a command


def _ansible_home() -> dict[str, str]:
    return {"ANSIBLE_HOME": str(cache_root() / "ansible-home")}


def _locale() -> dict[str, str]:
    """Ansible refuses to start where the locale is not UTF-8."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return {} if re.search(r"utf-?8", locale, re.IGNORECASE) else {"LC_ALL": "C.UTF-8"}


def settings(lane: str | None = None) -> dict[str, str]:
    """The variables that a lane adds to the environment; what they name is made where it is missing."""
    return _variables(ensure(lane), tree())


def _variables(venv: Path, tree_root: Path) -> dict[str, str]:
    root = str(tree_root)
    path = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != str(venv / "bin")]
    return {
        "PATH": os.pathsep.join([str(venv / "bin"), *path]),
        "VIRTUAL_ENV": str(venv),
        "ANSIBLE_COLLECTIONS_PATH": root,
        "PYTHONPATH": root,
        "MYPYPATH": root,
        **_ansible_home(),
        **_locale(),
    }


def environment(lane: str | None = None) -> dict[str, str]:
    """The whole environment for a command in a lane (default: the newest); what is missing is made first.

    :raises LabError: it cannot be made; says why.
    """
    return _whole(settings(lane))


def _whole(added: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would leak into a Python child, and with what is added."""
    dropped = {name for name in CLEAN if name in os.environ}
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **added}


# --- the command line


def relock() -> None:
    """Make the lock files anew from the pins; what need not change stays as it is."""
    tools = installers()
    table = versions()["python"]
    made_for = {name: (lane["pythons"][0], "") for name, lane in table["lanes"].items()}
    # An extra is for any lane, and gets ansible-core from that.
    floor, (python, _none) = next(iter(made_for.items()))
    made_for |= {name: (python, f"ansible-core=={pins(floor)['ansible-core']}\n") for name in table["extras"]}
    for name, (python, core) in made_for.items():
        path = lock_file(name)
        with store.scratch(f"lock-{name}") as folder:
            wanted, made = folder / "requirements.txt", folder / "locked.txt"
            wanted.write_text(core + "".join(f"{package}=={version}\n" for package, version in pins(name).items()))
            if path.exists():
                shutil.copyfile(path, made)
            with step(f"versions for {name}"):
                tools.uv(
                    *("pip", "compile", "--quiet", "--universal", "--python-version", python),
                    *(("--no-emit-package", "ansible-core") if core else ()),
                    *("--no-header", "--no-annotate", "--output-file", made, wanted),
                )
            head = (CHECKOUT / "lab" / "versions.toml").read_text(encoding="utf-8").splitlines()[:3]
            note = "# Made from lab/versions.toml by `python3 -m lab.toolchain lock`; do not edit."
            body = [line for line in made.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
            path.write_text("\n".join([*head, "", note, *body, ""]), encoding="utf-8")


def clean() -> None:
    """Remove what this program and the tests have made; the lab's clusters and caches are the lab's to remove."""
    with step("remove environments, collections and build/"):
        for folder in (*(cache_root() / name for name in OUR_FOLDERS), CHECKOUT / "build"):
            store.remove(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m lab.toolchain", description="The tools of the project, made from nothing."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("lanes", help="list the lanes of this machine")
    commands.add_parser("lock", help="make lab/locked-*.txt anew from lab/versions.toml")
    commands.add_parser("clean", help="remove the environments and collections of all checkouts, and this one's build/")
    for name, text in (
        ("env", "print shell exports"),
        ("run", "run a command: run [--lane L] [--with EXTRA] -- CMD..."),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--lane", help="default: the one with the newest ansible-core")
        if name == "run":
            command.add_argument(
                "--with",
                dest="extra",
                choices=[*versions()["python"]["extras"]],
                help="other packages: those of an extra",
            )
            command.add_argument("argv", nargs="+", metavar="CMD")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of this program; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        with shell.interruptible():
            if options.command == "lanes":
                for lane in lanes().values():
                    python = lane.interpreter
                    print(f"{lane.name}: ansible-core {lane.ansible_core}, Python {python.full} ({python.path})")
                return 0
            if options.command == "lock":
                relock()
                return 0
            if options.command == "clean":
                clean()
                return 0
            if options.command == "env":
                for name, value in settings(options.lane).items():
                    print(f"export {name}={shlex.quote(value)}")
                return 0
            environ = environment_with(options.extra, options.lane) if options.extra else environment(options.lane)
    except LabError as error:
        print(f"toolchain: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("toolchain: interrupted; the next run goes on from what is complete", file=sys.stderr)
        return 130
    program = options.argv[0]
    try:
        os.execvpe(program, options.argv, environ)
    except OSError as error:
        print(f"toolchain: {program}: cannot be started: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main())
