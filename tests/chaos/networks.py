# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane, a node and a pod that are three networks of this machine's kernel, with a real packet filter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chaosheal.hands import Hands
from chaosheal.model import Command, Target, Where

PLANE, NODE, POD, SERVICE = "10.9.0.1", "10.9.0.2", "10.8.0.2", "10.96.0.1"
TARGET = Target("worker-1", "0a1b2c3d", planes=(PLANE,), plane="plane-1")
_NEEDED = ("unshare", "nsenter", "ip", "iptables", "tc", "ss")
_ECHO = f"""
import socket, threading
def echo(connection):
    try:
        while data := connection.recv(4096): connection.sendall(data)
    except OSError: pass
server = socket.create_server(("{PLANE}", 6443), backlog=200)
while True: threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
"""
_SAY = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5) as connection:
    connection.sendall(b"x"); sys.exit(connection.recv(9) != b"x")
"""


class Networks:
    """Carries out what would be done to the node's network."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.pids = {
            name: self._begin("unshare", "-n", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && exec sleep 600")
            for name in ("plane", "node", "pod")
        }

    def end(self) -> None:
        """Take all of them away."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _begin(self, *argv: str) -> int:
        self._processes.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self._processes[-1].pid

    def inside(self, network: str, *argv: str) -> list[str]:
        """The words of a command there."""
        return ["nsenter", "-t", str(self.pids[network]), "-n", *argv]

    def run(self, network: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, whatever becomes of it."""
        return subprocess.run(self.inside(network, *argv), capture_output=True, text=True, check=False, timeout=60)

    def do(self, network: str, *argv: str) -> None:
        """Run a command there that has to end well."""
        done = self.run(network, *argv)
        assert done.returncode == 0, (argv, done.stderr)

    def make(self) -> None:
        """The pod behind the node, the control plane before it, and a Service that leads to the control plane."""
        empty = os.readlink("/proc/self/ns/net")
        for pid in self.pids.values():
            end = time.monotonic() + 10
            while os.readlink(f"/proc/{pid}/ns/net") == empty and time.monotonic() < end:
                time.sleep(0.02)
        for network in self.pids:
            self.do(network, "ip", "link", "set", "lo", "up")
        self._wire("node", f"{NODE}/24", "eth0", "plane", f"{PLANE}/24")
        self._wire("pod", f"{POD}/24", "cali0", "node", "10.8.0.1/24")
        for network, gate in (("pod", "10.8.0.1"), ("node", PLANE)):
            self.do(network, "ip", "route", "add", "default", "via", gate)
        self.do("node", "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.do(
            "node",
            "iptables",
            "-w",
            "10",
            "-t",
            "nat",
            "-A",
            "POSTROUTING",
            "-s",
            POD,
            "-o",
            "eth0",
            "-j",
            "MASQUERADE",
        )
        for hook in ("PREROUTING", "OUTPUT"):
            to = ("-d", SERVICE, "-p", "tcp", "--dport", "443", "-j", "DNAT", "--to", f"{PLANE}:6443")
            self.do("node", "iptables", "-w", "10", "-t", "nat", "-A", hook, *to)
        self.serve("plane", _ECHO)
        end = time.monotonic() + 20
        while not self.reaches("node") and time.monotonic() < end:
            time.sleep(0.1)
        assert self.reaches("node") and self.reaches("pod")

    def _wire(self, one: str, address: str, name: str, other: str, other_address: str) -> None:
        pid, at = str(self.pids[other]), f"x-{one}"
        self.do(one, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", at)
        self.do(one, "ip", "link", "set", at, "netns", pid)
        self.do(other, "ip", "link", "set", at, "name", "up0" if other == "plane" else name)
        for network, device, its in (
            (one, "eth0", address),
            (other, "up0" if other == "plane" else name, other_address),
        ):
            self.do(network, "ip", "address", "add", its, "dev", device)
            self.do(network, "ip", "link", "set", device, "up")

    def serve(self, network: str, program: str) -> None:
        """Have a program for Python run there until the end."""
        self._begin(*self.inside(network, sys.executable, "-c", program))
        time.sleep(0.5)

    def carry_out(self, commands: Iterable[Command]) -> None:
        """What is meant for the node's network; the cluster and its engine are not here."""
        for command in commands:
            if command.where is Where.NETWORK:
                done = self.run("node", *command.argv)
                assert done.returncode == 0 or command.may_fail, (command.argv, done.stderr)

    def reaches(self, network: str, service: bool = False) -> bool:
        """Whether a connection to the API server comes about and carries a word and its answer."""
        where = (SERVICE, "443") if service else (PLANE, "6443")
        return self.run(network, sys.executable, "-c", _SAY, *where).returncode == 0

    def sees(self, network: str, program: str, *words: str) -> bool:
        """Whether a program for Python ends with 0 there."""
        return self.run(network, sys.executable, "-c", program, *words).returncode == 0

    def hands(self, folder: Path) -> Hands:
        """Looks as it does at a real node, with an engine and a kubectl that know of this node and this pod alone."""
        kept = f"touch /run/netns/cni-1; mount --bind /proc/{self.pids['pod']}/ns/net /run/netns/cni-1"
        script = f"mkdir -p /run/netns/cni-0; {kept}"
        subprocess.run(["nsenter", "-t", str(self.pids["node"]), "-m", "sh", "-c", script], check=True)
        told = {
            "docker": f"echo {self.pids['node']}",
            "kubectl": f'case "$*" in *service*) echo {PLANE};; *) echo {POD};; esac',
        }
        for name, line in told.items():
            (folder / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        return Hands("kubeconfig")

    def rules(self) -> str:
        """The node's packet filter, and how it sends."""
        return self.run("node", "sh", "-c", "iptables-save; tc qdisc show dev eth0").stdout


@contextmanager
def three_networks() -> Iterator[Networks]:
    """The three of them; the test is skipped where nobody may make them."""
    missing = [name for name in _NEEDED if not shutil.which(name)]
    if os.geteuid() or missing:
        pytest.skip(f"networks of our own need root and {', '.join(missing or _NEEDED)}")
    if subprocess.run(["unshare", "-n", "iptables", "-L"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network with a packet filter of its own")
    networks = Networks()
    try:
        networks.make()
        yield networks
    finally:
        networks.end()
