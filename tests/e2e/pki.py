# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a lab cluster's own authority, which were never good or are good no more."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.drill import Drill


def plane(drill: Drill) -> str:
    """The name of the control-plane node."""
    return next(node.name for node in drill.cluster.nodes() if node.role == "control-plane")


def certificate(drill: Drill, node: str, begins: timedelta, ends: timedelta) -> str:
    """A client certificate with its key for a node, signed by the cluster's own authority."""
    read = [
        drill.cluster.exec(plane(drill), "cat", f"/etc/kubernetes/pki/ca.{e}").stdout.encode() for e in ("crt", "key")
    ]
    authority = x509.load_pem_x509_certificate(read[0])
    signer = serialization.load_pem_private_key(read[1], None)
    assert isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node}"),
        ]
    )
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + begins)
        .not_valid_after(moment + ends)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (made.public_bytes(encoding) + secret).decode()


def outdated(drill: Drill, node: str, path: str, begins: timedelta, ends: timedelta) -> str:
    """The certificate of a file, signed again by the cluster's own authority as it is, but for its dates.

    kubeadm takes names and uses from what it renews, so they must be those of the file.
    """
    old = x509.load_pem_x509_certificate(drill.cluster.exec(node, "cat", path).stdout.encode())
    key = drill.cluster.exec(plane(drill), "cat", "/etc/kubernetes/pki/ca.key").stdout.encode()
    signer = serialization.load_pem_private_key(key, None)
    assert isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + begins)
        .not_valid_after(moment + ends)
    )
    for extension in old.extensions:
        made = made.add_extension(extension.value, extension.critical)
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def put(drill: Drill, node: str, path: str, text: str) -> None:
    """Write a file that only root can read on a node, in place of whatever is there."""
    drill.cluster.exec(node, "sh", "-c", f"rm -f {path} && umask 077 && cat > {path}", stdin=text)


def no_key(line: str, output: str) -> None:
    """See that a line of a key is in no output, neither as it is nor in base64 at any offset, nor any other key."""
    assert len(line) > 40
    assert line not in output
    for shift in range(3):
        assert base64.b64encode(line[shift : shift + 30].encode()).decode() not in output
    assert re.search(r"-BEGIN [A-Z ]*PRIVATE KEY-----[\\nr\s]+[A-Za-z0-9+/]{20}", output) is None
