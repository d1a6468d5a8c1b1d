# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What emulators have in common: something that answers over HTTP on this machine, or does not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Reply(NamedTuple):
    """An answer, with the headers that it has besides those of every answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[str, str, dict[str, str], bytes], Reply | None]


@contextmanager
def listening(answer: Answer) -> Iterator[str]:
    """Where requests are answered; its address.

    :param answer: from method, target, headers and body to the answer; None closes the connection without one.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            pass

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = answer(self.command, self.path, dict(self.headers), body)
            self.close_connection = True
            if reply is None:
                return
            self.send_response(reply.status)
            always = {"Connection": "close", "Content-Length": str(len(reply.body))}
            for name, value in {**always, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _handle

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
