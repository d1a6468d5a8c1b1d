# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running other programs: logged, cancellable as a whole, with one clear line when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.progress import side_by_side

# What to do, and the names of the jobs that must be done before.
Job = tuple[Callable[[], object], tuple[str, ...]]
LOG_LINES_IN_ERROR = 12
STOP_GRACE_SECONDS = 3.0


class LabError(Exception):
    """Something a person can put right; the text is one clear line (and perhaps the end of a log)."""


class Stopped(LabError):
    """This command was ended, or not started, because the run as a whole is being stopped."""


_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopping = threading.Event()


def run(
    *argv: str | os.PathLike[str],
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes | None = None,
    log: Path | None = None,
    check: bool = True,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    :param env: variables added to the environment.
    :param log: both outputs are appended to this file instead of being returned.
    :param timeout: seconds, after which the program and its children are killed.
    :raises LabError: it is not installed, failed (with check) or timed out.
    :raises Stopped: the run is being stopped.
    """
    command = [os.fspath(part) for part in argv]
    sink = None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        sink = log.open("ab")
    try:
        with _lock:
            if _stopping.is_set():
                raise Stopped(f"{command[0]}: not started, the run is being stopped")
            try:
                # Its own session: Ctrl-C reaches it through stop_all() and never half-way through our own clean-up.
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env={**os.environ, **env} if env else None,
                    stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                    stdout=sink or subprocess.PIPE,
                    stderr=subprocess.STDOUT if sink else subprocess.PIPE,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise LabError(f"{command[0]}: not found on this machine ({error})") from None
            _running.add(process)
        try:
            out, err = process.communicate(stdin.encode() if isinstance(stdin, str) else stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.communicate()
            raise LabError(f"{_brief(command)}: no end within {timeout:.0f} s") from None
        except BaseException:
            _signal_group(process, signal.SIGTERM)
            raise
        finally:
            with _lock:
                _running.discard(process)
    finally:
        if sink:
            sink.close()
    stdout, stderr = (out or b"").decode(errors="replace"), (err or b"").decode(errors="replace")
    if process.returncode and check:
        if _stopping.is_set():
            raise Stopped(f"{_brief(command)}: stopped")
        text = tail(log) if log else (stderr.strip() or stdout.strip())
        where = f" (log: {log})" if log else ""
        raise LabError(f"{_brief(command)}: exit {process.returncode}{where}\n{_last_lines(text)}".rstrip())
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def tail(path: Path, lines: int = LOG_LINES_IN_ERROR) -> str:
    """The last lines of a log; empty when there is none."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 64 * 1024))
        return _last_lines(file.read().decode(errors="replace"), lines)
    return ""


def read_lines(path: Path) -> list[str]:
    """All lines of a log; none when there is none."""
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    return []


def stop_all() -> None:
    """End every program that run() has under way, and let it start no more (until the run is over)."""
    with _lock:
        _stopping.set()
        running = list(_running)
    for process in running:
        _signal_group(process, signal.SIGTERM)
    for process in running:
        try:
            process.wait(STOP_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)


def together(jobs: dict[str, Job]) -> dict[str, Any]:
    """progress.side_by_side, but the first job that fails ends the others at once and is the one that is told about."""
    causes: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> Callable[[], object]:
        def job() -> object:
            try:
                return work()
            except BaseException as error:
                if not causes:
                    causes.append(error)
                    stop_all()
                raise

        return job

    try:
        return side_by_side({name: (guarded(work), needs) for name, (work, needs) in jobs.items()})
    except Exception:
        if causes:
            raise causes[0] from None
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """Within this block Ctrl-C, SIGTERM and the first failure end all programs at once instead of after their time.

    Nothing is cleaned up here: what a run leaves is either complete or taken away by the next run.
    """
    in_main = threading.current_thread() is threading.main_thread()

    def interrupt(_number: int, _frame: object) -> None:
        stop_all()
        raise KeyboardInterrupt

    previous = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)} if in_main else {}
    try:
        yield
    except BaseException:
        stop_all()
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _stopping.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _brief(command: list[str]) -> str:
    text = " ".join([os.path.basename(command[0]), *command[1:]]).replace("\n", " ")
    return text if len(text) <= 120 else text[:117] + "..."


def _last_lines(text: str, lines: int = LOG_LINES_IN_ERROR) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])
