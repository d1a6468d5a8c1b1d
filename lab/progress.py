# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long steps, told to a person: a line when one starts, every 15 s while it lasts, and when it ends."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

BEAT_SECONDS = 15.0
_started = time.monotonic()
_lock = threading.Lock()


def say(text: str) -> None:
    """One line on standard error, stamped with the time since the program started."""
    elapsed = int(time.monotonic() - _started)
    with _lock:
        print(f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Announce a long step and keep saying that it is still under way."""
    begun = time.monotonic()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_SECONDS):
            say(f"  ... {name} ({time.monotonic() - begun:.0f} s)")

    say(f"> {name}")
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        say(f"x {name} failed after {time.monotonic() - begun:.1f} s")
        raise
    else:
        say(f"= {name}: {time.monotonic() - begun:.1f} s")
    finally:
        done.set()
        thread.join()


def side_by_side(jobs: dict[str, tuple[Callable[[], object], tuple[str, ...]]], workers: int = 4) -> dict[str, object]:
    """Run named jobs, each as soon as the jobs that it names as needed are done.

    :param jobs: name to (function without arguments, names of the jobs that must be done before it).
    :returns: name to what the function returned.
    :raises Exception: the first failure; jobs that have not started by then are not started.
    """
    results: dict[str, object] = {}
    running: dict[str, Future[object]] = {}
    waiting = dict(jobs)
    changed = threading.Condition()

    def note(_future: Future[object]) -> None:
        with changed:
            changed.notify()

    with ThreadPoolExecutor(max_workers=workers) as pool:
        while waiting or running:
            for name in [n for n, (_function, needs) in waiting.items() if all(need in results for need in needs)]:
                function, _needs = waiting.pop(name)
                running[name] = pool.submit(function)
                running[name].add_done_callback(note)
            if not running:
                raise ValueError(f"these jobs need something that nobody makes: {', '.join(sorted(waiting))}")
            with changed:
                changed.wait_for(lambda: any(future.done() for future in running.values()))
            for name in [n for n, future in running.items() if future.done()]:
                results[name] = running.pop(name).result()
    return results
