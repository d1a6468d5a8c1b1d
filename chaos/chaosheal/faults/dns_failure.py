# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that nobody on a node can look up."""

from __future__ import annotations

from chaosheal.faults._pod_network import place, remove, seen
from chaosheal.faults._rules import enter, leave
from chaosheal.model import Fault

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
# The node's own questions take another way through its packet filter than those of its pods.
_FROM_A_POD = (
    'at=$(kubectl --request-timeout=10s get service kube-dns -n kube-system -o "jsonpath={.spec.clusterIP}")'
    ' && [ "$at" ] && nsenter --net="$pod" python3 -c "$1" "$at"'
)

FAULT = Fault(
    name="dns_failure",
    about="what the node and its pods ask of a DNS server is lost",
    # Before kube-proxy makes a server's address of the Service's.
    inject=lambda target, params: (
        *place(target),
        *enter(target, [("-p", kind, "--dport", "53", "-j", "DROP") for kind in ("udp", "tcp")], table="raw"),
    ),
    undo=lambda target, params: (*leave(target, table="raw"), *remove(target)),
    effect=lambda target, params: seen(target, _FROM_A_POD, _ASK),
)
