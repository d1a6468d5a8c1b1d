# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import toolchain
from lab.paths import versions
from lab.shell import LabError
from lab.toolchain import CHECKOUT, Interpreter

LANES = versions()["python"]["lanes"]


def interpreter(version: str, has_venv: bool = True) -> Interpreter:
    major, minor, patch = (int(part) for part in version.split("."))
    return Interpreter((major, minor, patch), has_venv, f"/opt/python{version}/bin/python3")


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def called(*argv: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "lab.toolchain", *argv)
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "selfheal"


def test_the_collection_is_importable_by_its_own_name():
    package = importlib.import_module("ansible_collections.selfheal.kubernetes")
    assert [Path(path).resolve() for path in package.__path__] == [CHECKOUT]


@pytest.mark.parametrize(
    ("lane", "present", "best"),
    [
        pytest.param("new", ["3.11.9", "3.12.4", "3.13.1", "3.13.0"], "3.13.1", id="newest-patch"),
        pytest.param("new", ["3.9.1", "3.12.1"], "3.12.1", id="oldest-that-will-do"),
        pytest.param("new", ["3.12.1", "3.15.0"], "3.12.1", id="newer-than-ansible-core-supports"),
        pytest.param("new", ["3.10.1", "3.11.2"], None, id="all-too-old"),
        pytest.param("py311", ["3.11.2", "3.11.11", "3.13.0"], "3.11.11", id="lane-of-the-floor"),
        pytest.param("py311", [], None, id="none"),
    ],
)
def test_a_lane_takes_the_best_interpreter_that_it_supports(lane, present, best):
    chosen = toolchain.choose([interpreter(version) for version in present], LANES[lane]["pythons"])
    assert (chosen and chosen.full) == best


def test_an_interpreter_that_can_make_environments_comes_before_a_newer_patch_that_cannot():
    present = [interpreter("3.11.9", has_venv=False), interpreter("3.11.2", has_venv=True)]
    assert toolchain.choose(present, ["3.11"]).full == "3.11.2"
    assert toolchain.choose([*present, interpreter("3.12.0", has_venv=False)], ["3.11", "3.12"]).full == "3.12.0"


def test_a_probe_tells_the_base_interpreter_of_an_environment():
    found = toolchain._probe(sys.executable)
    assert found.version == tuple(sys.version_info[:3])
    assert Path(found.path) == Path(sys._base_executable).resolve()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("exit 127", id="shim-without-version"),
        pytest.param("echo hello", id="no-python"),
        pytest.param("echo '[1, 2]'", id="other-json"),
        pytest.param("""echo '{"implementation": "pypy", "final": true, "version": [3, 11, 1]}'""", id="other-python"),
        pytest.param(
            """echo '{"implementation": "cpython", "final": false, "version": [3, 14, 0]}'""", id="pre-release"
        ),
    ],
)
def test_what_is_no_finished_cpython_is_passed_over(tmp_path, body):
    assert toolchain._probe(program(tmp_path / "python3.13", body)) is None


def test_candidates_come_from_path_and_pyenv_but_not_from_its_shims(tmp_path):
    places = [tmp_path / "bin", tmp_path / "pyenv/shims", tmp_path / "pyenv/versions/3.12.7/bin"]
    for place in places:
        place.mkdir(parents=True)
    on_path = program(places[0] / "python3.11", "exit 1")
    program(places[1] / "python3.12", "exit 1")
    of_pyenv = program(places[2] / "python3", "exit 1")
    environ = {"PATH": os.pathsep.join(map(str, places[:2])), "PYENV_ROOT": str(tmp_path / "pyenv")}
    assert set(toolchain._candidates(environ)) - {sys.executable} == {on_path, of_pyenv}


def test_no_interpreter_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(toolchain, "_candidates", lambda environ: [])
    with pytest.raises(LabError, match=r"^no usable Python: expected 3\.11, .*; found here: none$"):
        toolchain.lanes.__wrapped__()


def test_one_interpreter_gives_one_lane(monkeypatch):
    monkeypatch.setattr(toolchain, "_candidates", lambda environ: ["only"])
    monkeypatch.setattr(toolchain, "_probe", lambda path: interpreter("3.11.2"))
    only = toolchain.lanes.__wrapped__()
    assert list(only) == ["py311"]
    monkeypatch.setattr(toolchain, "lanes", lambda: only)
    assert toolchain.lane_named(None).name == "py311"
    with pytest.raises(
        LabError, match=r"lane 'new': needs Python 3\.12 or 3\.13 or 3\.14, which is not on this machine"
    ):
        toolchain.lane_named("new")


@pytest.mark.parametrize("lane", [*LANES, *versions()["python"]["extras"]])
def test_the_lock_file_holds_every_pin(lane):
    assert toolchain.missing_pins(toolchain.pins(lane), toolchain.locked(lane)) == []


def test_a_pin_that_the_lock_file_does_not_hold_is_told():
    text = "# note\nPyYAML==6.0.3\ntypes-pyyaml==6.0.12 ; sys_platform == 'linux'\nmypy==2.4.10\n"
    assert toolchain.missing_pins({"pyyaml": "6.0.3", "types_PyYAML": "6.0.12"}, text) == []
    assert toolchain.missing_pins({"mypy[reports]": "2.4.10"}, text) == []
    assert toolchain.missing_pins({"mypy": "2.4.1", "ruff": "1.0"}, text) == ["mypy==2.4.1", "ruff==1.0"]


def test_pip_settings_take_variables_over_files_and_leave_the_rest():
    listing = """\
:env:.cert='/from/variable.pem'
global.cert='/from/file.pem'
global.index-url='https://user:p%40ss@index.example/simple'
global.timeout='180'
install.find-links='/one\\n/two'
"""
    assert toolchain.pip_settings(listing) == {
        "cert": "/from/variable.pem",
        "index-url": "https://user:p%40ss@index.example/simple",
        "find-links": "/one\n/two",
    }


def test_uv_is_told_what_pip_is_told_unless_it_is_told_itself(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("UV_INDEX", "https://mine.example/simple")
    told = toolchain._uv_environ({"cert": "/a.pem", "index-url": "https://i.example", "extra-index-url": "https://x"})
    assert (told["SSL_CERT_FILE"], told["UV_DEFAULT_INDEX"]) == ("/a.pem", "https://i.example")
    assert "UV_INDEX" not in told


def test_an_environment_is_made_once_and_made_anew_after_an_interruption(empty_cache):
    folder = empty_cache / "venv" / "some-key"
    calls = []

    def fill(place: Path) -> None:
        calls.append(place.exists())
        place.mkdir(parents=True)
        (place / f"part-{len(calls)}").touch()
        if len(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        toolchain._virtual_environment(folder, "test", fill)
    assert (folder / "part-1").exists()
    for _again in range(2):
        toolchain._virtual_environment(folder, "test", fill)
    assert calls == [False, False], "what the interrupted run left is gone, and a complete one is not made again"
    assert sorted(path.name for path in folder.iterdir()) == [toolchain.MARKER, "part-2"]


def test_the_tree_follows_what_is_wanted(empty_cache, tmp_path):
    root = empty_cache / "trees" / "one"
    first, second = tmp_path / "first", tmp_path / "second"
    toolchain.link(root, {"a.b": first, "c.d": first})
    toolchain.link(root, {"a.b": second})
    links = {str(path.relative_to(root)): path.readlink() for path in root.rglob("*") if path.is_symlink()}
    assert links == {"ansible_collections/a/b": second}


def test_collections_of_another_version_are_refused(empty_cache, monkeypatch):
    def other(venv: Path, target: Path, wanted: dict[str, str]) -> bool:
        for name in wanted:
            folder = target / "ansible_collections" / name.replace(".", "/")
            folder.mkdir(parents=True)
            (folder / "MANIFEST.json").write_text('{"collection_info": {"version": "0.0.1"}}', encoding="utf-8")
        return True

    monkeypatch.setattr(toolchain, "_from_galaxy", other)
    with pytest.raises(LabError, match=r"got version 0\.0\.1, expected"):
        toolchain.collections(toolchain.lane_named(None))
    assert not list((empty_cache / "collections").glob("*"))


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        pytest.param(["run", "--lane", "old", "--", "true"], 2, "lane 'old': unknown; expected one of", id="lane"),
        pytest.param(["run", "--", "no-such-program"], 127, "no-such-program: cannot be started", id="program"),
    ],
)
def test_bad_input_is_one_line(argv, status, said):
    done = called(*argv)
    assert done.returncode == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_runs_with_the_lanes_tools_and_its_exit_status_is_ours():
    done = called("run", "--", "sh", "-c", "command -v ansible; exit 7")
    assert done.returncode == 7
    assert Path(done.stdout.strip()) == toolchain.venv_of(toolchain.lane_named(None)) / "bin" / "ansible"


def test_an_extra_leaves_ansible_core_to_the_lane():
    for extra in versions()["python"]["extras"]:
        assert "ansible-core" not in toolchain.locked(extra)
