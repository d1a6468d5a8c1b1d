# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that hands on connections with a delay: ``python3 delay.py NAME PORT MARK SECONDS``.

It stands in a node's network where the packet filter sends connections to, asks the kernel where each was to go, and
marks its own, which are not sent to it again. It goes on in the background; NAME is there to find it by.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys

_SO_ORIGINAL_DST = 80
_SO_MARK = 36


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Hand bytes on, each as much later as the others, so that only the way is longer and not narrower."""
    clock = asyncio.get_running_loop().time
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1024)

    async def take() -> None:
        while data := await reader.read(65536):
            await waiting.put((clock() + seconds, data))
        await waiting.put((clock() + seconds, b""))

    taking = asyncio.ensure_future(take())
    try:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - clock())
            if not data:
                break
            writer.write(data)
            await writer.drain()
    finally:
        taking.cancel()
        writer.close()


async def _serve(port: int, mark: int, seconds: float, ready: int) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
        there, address = struct.unpack("!2xH4s8x", told)
        out = socket.socket()
        out.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
        out.setblocking(False)
        try:
            await asyncio.sleep(seconds)
            await asyncio.get_running_loop().sock_connect(out, (socket.inet_ntoa(address), there))
            theirs, ours = await asyncio.open_connection(sock=out)
            await asyncio.gather(_hand_on(reader, ours, seconds), _hand_on(theirs, writer, seconds))
        except OSError:
            # Whoever wanted it sees it end.
            out.close()
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    os.write(ready, b"1")
    os.close(ready)
    async with server:
        await server.serve_forever()


def main() -> int:
    """Returns 0 when it listens, in the background; 1 when it cannot."""
    port, mark, seconds = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    heard, ready = os.pipe()
    if os.fork():
        os.close(ready)
        return 0 if os.read(heard, 1) else 1
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    asyncio.run(_serve(port, mark, seconds, ready))
    return 0


if __name__ == "__main__":
    sys.exit(main())
