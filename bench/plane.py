# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real etcd and a real kube-apiserver that hold a synthetic cluster."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.selfheal.kubernetes.tests.api.control_plane import ControlPlane

from bench.meter import Meter
from bench.shapes import Size, stored
from lab.paths import CHECKOUT
from lab.progress import step

# etcd takes 128 operations and 1.5 MiB in one request.
BATCH_OPERATIONS, BATCH_BYTES = 128, 1_000_000
LOADERS = 2
# The API server answers once it has read everything; at the largest size on a small machine that takes minutes.
READY_TRIES = 6
MANIFESTS = CHECKOUT / "roles" / "bootstrap" / "files"
OBSERVER = "selfheal-observer"


class BenchPlane(ControlPlane):
    """A cluster that is full before its API server starts, so that nothing is left over from the filling."""

    def __init__(self, folder: Path, binaries: dict[str, Path], size: Size) -> None:
        super().__init__(folder, binaries)
        self.size = size
        self.bytes_stored = 0
        self._pids: dict[str, int] = {}

    @property
    def meters(self) -> dict[str, Meter]:
        """A meter for each of the two programs."""
        return {program: Meter(pid) for program, pid in self._pids.items()}

    def bootstrap(self) -> str:
        """Apply what the role ``bootstrap`` applies; a token of the service account that looks."""
        for name in ("namespace.yml", "crds.yml", "rbac.yml"):
            done = self.kubectl("apply", "-f", MANIFESTS / name)
            if done.returncode:
                raise RuntimeError(f"{name}: {done.stderr}")
        return self.token_of(OBSERVER)

    def answered_bytes(self) -> float:
        """Bytes of all answers that the API server has given, by its own count."""
        status, text = self.request("GET", "/metrics")
        if status != 200:
            raise RuntimeError(f"/metrics: {status} {text}")
        lines = (line for line in str(text).splitlines() if line.startswith("apiserver_response_sizes_sum"))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def version(self) -> str:
        """The version of the API server."""
        return str(self.get("/version")["gitVersion"])

    def lead(self) -> None:
        """Nothing: the Leases of the components are among the stored objects, and last as long as a run."""

    def _spawn(self, program: str, *options: str) -> None:
        if program == "kube-apiserver":
            self._fill(next(o.split("=", 1)[1] for o in options if o.startswith("--etcd-servers=")))
            # Pages come from snapshots that go with the first compaction. In a cluster where things happen there are
            # newer ones; in this one the API server would read every page from etcd after ten minutes.
            options = (*options, "--etcd-compaction-interval=0s")
        if program == "etcd":
            options = (*options, f"--quota-backend-bytes={8 << 30}", "--log-level=error")
        super()._spawn(program, *options)
        self._pids[program] = self._processes[-1].pid

    def _await_ready(self) -> None:
        for last in (*(False for _try in range(READY_TRIES - 1)), True):
            try:
                return super()._await_ready()
            except RuntimeError:
                if last or any(process.poll() is not None for process in self._processes):
                    raise
        return None

    def _fill(self, etcd: str) -> None:
        await_etcd(etcd)
        with step(f"put {self.size.nodes} nodes and {self.size.pods} pods into etcd"):
            self.bytes_stored = fill(etcd, stored(self.size, datetime.now(UTC)))


def await_etcd(url: str, seconds: float = 60) -> None:
    """Wait until etcd takes requests."""
    end = time.monotonic() + seconds
    while True:
        try:
            return put(_connection(url), [("/bench/began", b"{}")])
        except OSError as error:
            if time.monotonic() > end:
                raise RuntimeError(f"etcd at {url} does not answer: {error}") from None
            time.sleep(0.1)


def fill(url: str, content: Iterator[tuple[str, bytes]]) -> int:
    """Put everything into etcd through its JSON gateway; how many bytes the values have."""
    whole = 0
    lock = threading.Lock()
    waiting = batches(content)

    def take() -> list[tuple[str, bytes]]:
        nonlocal whole
        with lock:
            batch = next(waiting, [])
            whole += sum(len(value) for _key, value in batch)
            return batch

    def load() -> None:
        connection = _connection(url)
        while batch := take():
            put(connection, batch)

    with ThreadPoolExecutor(LOADERS) as pool:
        for done in [pool.submit(load) for _number in range(LOADERS)]:
            done.result()
    return whole


def batches(content: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """The content in parts that etcd takes in one request."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for key, value in content:
        if batch and (len(batch) == BATCH_OPERATIONS or size + len(value) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += len(value)
    if batch:
        yield batch


def put(connection: http.client.HTTPConnection, batch: Iterable[tuple[str, bytes]]) -> None:
    """Write a batch in one transaction."""
    puts = (
        f'{{"requestPut":{{"key":"{base64.b64encode(key.encode()).decode()}",'
        f'"value":"{base64.b64encode(value).decode()}"}}}}'
        for key, value in batch
    )
    connection.request("POST", "/v3/kv/txn", body=f'{{"success":[{",".join(puts)}]}}'.encode())
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200 or not json.loads(said).get("succeeded"):
        raise RuntimeError(f"etcd: {answer.status} {said[:300]!r}")


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
