# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that nobody on a node can look up."""

from __future__ import annotations

from chaosheal.faults._rules import enter, leave
from chaosheal.model import Fault, Look, host

# A question for kubernetes.default.svc.cluster.local, as a pod asks it; ends with 0 if nobody answers.
_ASK = (
    "import socket, sys\n"
    "name = b''.join(bytes([len(p)]) + p for p in b'kubernetes.default.svc.cluster.local'.split(b'.'))\n"
    "asked = b'\\0\\7\\1\\0\\0\\1' + bytes(6) + name + b'\\0\\0\\1\\0\\1'\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)\n"
    "for _ in range(2):\n"
    "    try: s.sendto(asked, (sys.argv[1], 53)); s.recv(512); sys.exit(1)\n"
    "    except OSError: pass\n"
)
_LOOK = (
    'at=$(kubectl get service kube-dns -n kube-system -o "jsonpath={.spec.clusterIP}") && [ "$at" ]'
    ' && pid=$("$ENGINE" inspect -f "{{.State.Pid}}" "$1") && nsenter -t "$pid" -n python3 -c "$2" "$at"'
)

FAULT = Fault(
    name="dns_failure",
    about="what the node and its pods ask of a DNS server is lost",
    # Before kube-proxy makes a server's address of the Service's.
    inject=lambda target, params: enter(
        target, [("-p", kind, "--dport", "53", "-j", "DROP") for kind in ("udp", "tcp")], table="raw"
    ),
    undo=lambda target, params: leave(target, table="raw"),
    effect=lambda target, params: Look(host(_LOOK, target.node, _ASK)),
)
