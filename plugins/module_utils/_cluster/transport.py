# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""One request after the other over urllib3's connections, none of them longer than it may take."""

from __future__ import annotations

import http.client
import io
import os
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError, Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import Access, masked, one_line

# A TLS record carries 16 KiB at most.
BUFFER = 64 * 1024
# Bytes of the line before a chunk, or of one after them all.
LINE = 65536
CONNECTIONS = 16


class BrokenConnection(Exception):
    """No answer came, or not all of it."""


@dataclass
class Stats:
    """How many requests were sent, and how many bytes came back, headers and chunk marks included."""

    requests: int = 0
    received: int = 0


@dataclass(frozen=True)
class Received:
    """An answer as it came. Data that is no bytes is lent, and gone with the thread's next request."""

    status: int
    headers: Mapping[str, str]
    data: bytes | memoryview


class Transport:
    """A pool of connections to one server. Threads may share it."""

    def __init__(self, access: Access, monotonic: Callable[[], float], stats: Stats) -> None:
        try:
            import urllib3  # noqa: F401 (said clearly here, and not where it is needed)
        except ImportError:
            raise SettingsError(
                "the Python package 'urllib3' is missing from the interpreter that runs this module: install urllib3"
            ) from None
        self._access = access
        self._lock = threading.Lock()
        self._stats = stats
        self._monotonic = monotonic
        self._request = threading.local()
        self.certificate_expires: datetime | None = None
        options: dict[str, Any] = {"maxsize": CONNECTIONS}
        if access.server.startswith("https"):
            options["ssl_context"] = _context(access)
            if access.tls_server_name:
                options["server_hostname"] = access.tls_server_name
        self._pool = _pool(access.proxy, options)
        self._pool.pool_classes_by_scheme = self._watched(self._pool.pool_classes_by_scheme)

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        end: float,
        connect: float,
        read: float,
        lend: bool = False,
    ) -> Received:
        """Send one request and read its answer whole.

        :param end: the moment at which it is given up, wherever it stands, even if its bytes come one by one.
        :param lend: whether the data of a good answer may be lent.
        :raises BrokenConnection: when another try might do better.
        :raises Unreachable: when it would not: the certificate is not trusted.
        """
        import urllib3

        left = max(0.1, end - self._monotonic())
        self._request.end, self._request.received, self._request.body = end, 0, None
        try:
            answer = self._pool.request(
                method,
                self._access.server + target,
                body=body,
                headers=dict(headers),
                timeout=urllib3.Timeout(connect=min(connect, left), read=min(read, left)),
                retries=False,
                redirect=False,
            )
            data = answer.data if self._request.body is None else self._request.body
            return Received(answer.status, answer.headers, data if lend and answer.status == 200 else bytes(data))
        except urllib3.exceptions.HTTPError as exc:
            # A certificate that is not trusted now will not be so in a second.
            if exc.args and isinstance(exc.args[0], ssl.SSLCertVerificationError):
                raise Unreachable(f"{self._access.server}: {_said(exc, self._access.proxy)}") from None
            raise BrokenConnection(_said(exc, self._access.proxy)) from None
        except (OSError, ValueError) as exc:
            raise BrokenConnection(_said(exc, self._access.proxy)) from None
        finally:
            with self._lock:
                self._stats.requests += 1
                self._stats.received += self._request.received
            self._request.body = None

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.clear()

    def _watched(self, classes: Mapping[str, Any]) -> dict[str, Any]:
        """The pool's classes, with connections that note the server's certificate and read by the clock."""
        outer = self

        def connection(kind: Any) -> Any:
            class Connection(kind):  # type: ignore[misc]
                def connect(self) -> None:
                    super().connect()
                    outer._note_certificate(self.sock)

                def response_class(self, sock: Any, *args: Any, **options: Any) -> http.client.HTTPResponse:
                    return _Response(outer, sock, *args, **options)

            return Connection

        return {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": connection(pool.ConnectionCls)})
            for scheme, pool in classes.items()
        }

    def _note_certificate(self, sock: Any) -> None:
        # What is not verified is not decoded by Python, and says nothing about the server anyway.
        certificate = sock.getpeercert() if hasattr(sock, "getpeercert") else None
        if certificate and certificate.get("notAfter"):
            seconds = ssl.cert_time_to_seconds(certificate["notAfter"])
            self.certificate_expires = datetime.fromtimestamp(seconds, UTC)

    def clock(self, sock: Any) -> None:
        """Let the next read of this thread's request last no longer than there is time.

        :raises TimeoutError: when there is none.
        """
        left = self._request.end - self._monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if left < (sock.gettimeout() or left + 1):
            sock.settimeout(left)

    def count(self, received: int) -> None:
        """Note that so many bytes have come for this thread's request."""
        self._request.received += received

    def room(self, size: int) -> bytearray:
        """This thread's memory for a body, with room for so many bytes; what it holds stays."""
        room: bytearray | None = getattr(self._request, "room", None)
        if room is None:
            room = self._request.room = bytearray(BUFFER)
        if len(room) < size:
            try:
                room.extend(bytes(max(size - len(room), len(room))))
            except BufferError:
                # Somebody still has what was lent to them.
                room = self._request.room = room + bytes(size)
        return room

    def lend(self, size: int) -> None:
        """Let this thread's request have the first bytes of that memory as its body."""
        self._request.body = memoryview(self.room(size))[:size]


class _Response(http.client.HTTPResponse):
    """An answer whose chunks go into memory that is used again and again.

    The API server sends a list object by object, and new memory for each of thousands of pieces, and once more for the
    whole of them, costs more than TLS.
    """

    def __init__(self, transport: Transport, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(_Clocked(sock, transport), *args, **options)  # type: ignore[arg-type]
        self._transport = transport

    def read(self, amt: int | None = None) -> bytes:
        """The body; of one in chunks nothing, because it is lent."""
        if amt is not None or not self.chunked or self.fp is None or self.headers.get("Content-Encoding"):
            return super().read(amt)
        size = 0
        while True:
            line = self.fp.readline(LINE)
            try:
                chunk = int(line.partition(b";")[0], 16)
            except ValueError:
                chunk = -1
            if chunk < 0:
                raise http.client.IncompleteRead(b"")
            if chunk == 0:
                break
            room = self._transport.room(size + chunk)
            with memoryview(room) as view, view[size : size + chunk] as piece:
                if self.fp.readinto(piece) < chunk:
                    raise http.client.IncompleteRead(b"", chunk)
            size += chunk
            self.fp.readline(LINE)
        while self.fp.readline(LINE) not in (b"\r\n", b"\n", b""):
            pass
        self.close()
        self._transport.lend(size)
        return b""


class _Clocked:
    """A socket for http.client to read from. Its time-out alone would start anew with every byte."""

    def __init__(self, sock: Any, transport: Transport) -> None:
        self._sock = sock
        self._transport = transport

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(_Raw(self._sock, self._sock.makefile(mode, buffering=0), self._transport), BUFFER)


class _Raw(io.RawIOBase):
    def __init__(self, sock: Any, raw: Any, transport: Transport) -> None:
        self._sock = sock
        self._raw = raw
        self._transport = transport

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._transport.clock(self._sock)
        size: int | None = self._raw.readinto(buffer)
        self._transport.count(size or 0)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


def _pool(proxy: str | None, options: dict[str, Any]) -> Any:
    import urllib3

    if proxy is None:
        return urllib3.PoolManager(**options)
    try:
        if proxy.lower().startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(proxy, **options)
        return urllib3.ProxyManager(proxy, **options)
    except ImportError:
        raise SettingsError(
            f"the proxy {masked(proxy, proxy)} needs the Python package PySocks, which is missing"
        ) from None
    except (urllib3.exceptions.HTTPError, ValueError) as exc:
        # urllib3 cuts an address where it stops to understand it, which may be within the password.
        why = "expected an address like http://10.0.0.1:3128" if "@" in proxy else one_line(exc)
        raise SettingsError(f"the proxy {masked(proxy, proxy)} cannot be used: {why}") from None


def _said(exc: Exception, proxy: str | None) -> str:
    """What went wrong in one line, without the proxy's password."""
    return one_line(masked(str(exc), proxy or "").strip() or type(exc).__name__)


def _context(access: Access) -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context

    context: ssl.SSLContext = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if access.verify else ssl.CERT_NONE)
    # From Python 3.13 on it refuses certificates that Go, and so every other client of the cluster, takes.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if access.ca:
            # Official files may hold several certificates, text between them, or one in DER.
            try:
                context.load_verify_locations(cadata=access.ca.decode("ascii"))
            except UnicodeDecodeError:
                context.load_verify_locations(cadata=access.ca)
        elif access.verify:
            context.load_default_certs()
        if access.certificate:
            _load_certificate(context, access.certificate, access.key)
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise SettingsError(f"the certificates for {access.server} cannot be used: {one_line(exc)}") from None
    return context


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes | None) -> None:
    """OpenSSL reads them from files only; these are ours alone, and gone at once."""
    handle, path = tempfile.mkstemp(prefix="selfheal-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(certificate + b"\n" + (key or b""))
        context.load_cert_chain(path)
    finally:
        os.remove(path)
