# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real HTTP server on a real socket that does what a test says, and a clock that moves by sleeping only."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DATE = "Sat, 21 Nov 2026 03:00:00 GMT"
CHUNKED_FROM = 200
CHUNK = 97


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    ``reset`` breaks the connection, ``hang`` keeps it open without a word, ``drip`` sends the headers (or the body, or
    a chunk's mark) byte by byte with a pause after each, ``cut`` ends the body before its end.
    """

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    hang: bool = False
    drip: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Request:
    """A request as the server saw it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


Script = Callable[[Request], Reply]


class _Quiet(ThreadingHTTPServer):
    """What a client does to a connection is no news for the terminal."""

    def handle_error(self, *_: object) -> None:
        pass


class Server:
    """An HTTP server that does what a script says, and remembers what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Request] = []
        self.replies: list[Reply] = []
        self.connections = 0
        self.script: Script | None = None
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body are two writes; together with late acknowledgements they would cost 40 ms each.
            disable_nagle_algorithm = True

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                url = urlsplit(self.path)
                request = Request(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    dict(self.headers.items()),
                    json.loads(raw) if raw else None,
                )
                outer.seen.append(request)
                self._answer(outer.reply_to(request))

            def _answer(self, reply: Reply) -> None:
                if reply.reset:
                    # Linger 0: the kernel sends RST and no FIN.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                if reply.hang:
                    outer.released.wait(30)
                    self.close_connection = True
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                if reply.drip:
                    self._drip(reply.drip, data)
                    return
                self.send_response_only(reply.status)
                # As the API server, which does not know how long a list will be.
                chunked = len(data) > CHUNKED_FROM
                length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
                for name, value in {"Date": DATE, **length, **reply.headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                if chunked:
                    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)] + [b""]
                    data = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
                self.wfile.write(data[: len(data) // 2] if reply.cut else data)
                self.close_connection = self.close_connection or reply.cut

            def _drip(self, what: str, data: bytes) -> None:
                """Never as long as the time-out without a byte, and never done."""
                whole = {
                    "headers": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60000,
                    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + data,
                    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n" + data,
                    "mark": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + data,
                }[what]
                with suppress(OSError):
                    for byte in whole:
                        self.wfile.write(bytes([byte]))
                        if outer.released.wait(0.01):
                            break
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, *_: object) -> None:
                """Nothing on the terminal."""

            def finish(self) -> None:
                with suppress(OSError, ValueError):
                    super().finish()

        self.http = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.http.server_address[1]}"

    def reply_to(self, request: Request) -> Reply:
        if self.script is not None:
            return self.script(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def answers(self, *replies: Reply) -> None:
        """One reply after the other; the last one is repeated."""
        self.replies = list(replies)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server at work."""
    made = Server(tls)
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.released.set()
        made.http.shutdown()
        made.http.server_close()
        thread.join(5)


class Authority:
    """A certificate authority with a certificate for a server at 127.0.0.1 and one for a client."""

    def __init__(self, folder: Path) -> None:
        self.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
        ca_key, ca = self._sign("authority", None)
        server_key, server = self._sign("server", (ca_key, ca))
        client_key, client = self._sign("client", (ca_key, ca))
        self.ca_file, self._server_file = folder / "ca.crt", folder / "server.pem"
        self.ca_file.write_bytes(_pem(ca))
        self._server_file.write_bytes(_pem(server) + _key_pem(server_key))
        self.certificate, self.key = _pem(client), _key_pem(client_key)

    def server_context(self, ask: bool = False) -> ssl.SSLContext:
        """TLS for a server, which may ask its clients for a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # With 1.3 a client learns only from its first read that its certificate was not good enough.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._server_file)
        if ask:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_file)
        return context

    def _sign(self, name: str, by: tuple[Any, Any] | None) -> tuple[Any, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("kubernetes")]
        )
        issuer_key, issuer = by if by is not None else (key, None)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.expires - timedelta(days=8))
            .not_valid_after(self.expires)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        made = made if issuer is None else made.add_extension(names, critical=False)
        return key, made.sign(issuer_key, hashes.SHA256())


def _pem(certificate: Any) -> bytes:
    return bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _key_pem(key: Any) -> bytes:
    plain = serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))


class Clock:
    """A clock that moves by sleeping only. Each thread has its own, so that nobody's sleep uses up another's time."""

    def __init__(self) -> None:
        self._own = threading.local()
        self.slept: list[float] = []
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._own.now = self() + seconds
        self.now = max(self.now, self._own.now)

    def __call__(self) -> float:
        now: float = getattr(self._own, "now", 0.0)
        return now
