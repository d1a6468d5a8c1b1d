# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubelet whose certificate is over."""

from __future__ import annotations

from chaosheal.model import Fault, Look, host, inside

_FOLDER = "/var/lib/kubelet/pki"
_CURRENT = f"{_FOLDER}/kubelet-client-current.pem"
_OVER = f"{_FOLDER}/kubelet-client-chaosheal.pem"
_KEPT = f"{_CURRENT}.chaosheal"
# By the cluster's own authority, on a node of the control plane; it ended an hour ago.
_CONF = r"""
[ca]
default_ca=own
[own]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=any
[any]
organizationName=optional
commonName=supplied
[use]
extendedKeyUsage=clientAuth
"""
_SIGN = """
set -e; at=$(mktemp -d); trap 'rm -rf "$at"' EXIT; cd "$at"; : >index; echo 01 >serial; echo "$2" >conf
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out csr \
  -subj "/O=system:nodes/CN=system:node:$1" 2>/dev/null
openssl ca -batch -notext -config conf -extensions use -in csr -out crt -cert /etc/kubernetes/pki/ca.crt \
  -keyfile /etc/kubernetes/pki/ca.key -startdate "$(date -u -d '-2 days' +%y%m%d%H%M%SZ)" \
  -enddate "$(date -u -d '-1 hour' +%y%m%d%H%M%SZ)" 2>/dev/null
cat crt key
"""
_PUT = f"umask 077; cat >{_OVER}; grep -q CERTIFICATE {_OVER} && cp -P {_CURRENT} {_KEPT} && ln -sf {_OVER} {_CURRENT}"

FAULT = Fault(
    name="kubelet_certificate_expired",
    about="the certificate by which kubelet is known to the API server is over",
    inject=lambda target, params: (
        host(
            '"$ENGINE" exec "$1" sh -c "$3" sh "$2" "$4" | "$ENGINE" exec -i "$2" sh -c "$5"',
            *(target.plane, target.node, _SIGN, _CONF, _PUT),
        ),
        inside("systemctl restart kubelet"),
    ),
    # One that was renewed in the meantime stays.
    undo=lambda target, params: (
        inside(
            f'if [ "$(readlink {_CURRENT})" = {_OVER} ]; then mv -f {_KEPT} {_CURRENT}; systemctl restart kubelet; fi;'
            f" rm -f {_KEPT} {_OVER}"
        ),
    ),
    # The API server says what it thinks of it.
    effect=lambda target, params: Look(
        inside("kubectl --kubeconfig=/etc/kubernetes/kubelet.conf get --raw /livez 2>&1; true"),
        says="Unauthorized|must be logged in",
    ),
    roles=("worker",),
    # On a busy machine it was not seen within the usual time.
    seconds=90,
)
