# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A BMC that speaks IPMI over the network, by the server side of pyghmi: ``python ipmi.py PORT FILE STATE``.

FILE gets one line for each change of power, and a first one when it is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private.serversession import ServerSession

USER, PASSWORD = "admin", "hush-hush"


SHA1, INVALID_AUTHENTICATION_ALGORITHM = 1, 4


class Session(ServerSession):  # type: ignore[misc]
    """One that refuses the algorithms that it cannot do, upon which clients try the older ones."""

    def create_open_session_response(self, request: bytes) -> bytearray:
        response: bytearray = super().create_open_session_response(request)
        if request[12] != SHA1:
            response[1] = INVALID_AUTHENTICATION_ALGORITHM
        return response


class Machine(Bmc):  # type: ignore[misc]
    """One machine."""

    def __init__(self, port: int, told: Path, state: str) -> None:
        super().__init__({USER: PASSWORD}, port=port, address="::ffff:127.0.0.1")
        self._told, self._state = told, state
        self._tell("there")

    def _tell(self, what: str) -> None:
        with self._told.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")

    def get_power_state(self) -> str:
        return self._state

    def power_on(self) -> None:
        self._state = "on"
        self._tell("on")

    def power_off(self) -> None:
        self._state = "off"
        self._tell("off")

    def power_reset(self) -> None:
        self._tell("reset")


if __name__ == "__main__":
    serversession.ServerSession = Session
    Machine(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).listen()
