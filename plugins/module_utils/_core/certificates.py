# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Certificates in PEM, read where no host has to have a program for it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*?-----END CERTIFICATE-----")


@dataclass(frozen=True)
class Certificate:
    """One certificate. Times are seconds since 1970; ``key`` is the SHA-256 of its public key, as openssl and kubeadm
    write it (without their ``sha256:``). ``trouble`` says why it cannot be read, and nothing else is known then."""

    common_name: str = ""
    organizations: tuple[str, ...] = ()
    issuer: str = ""
    not_before: int = 0
    not_after: int = 0
    key: str = ""
    trouble: str = ""


def read_certificates(text: str) -> tuple[Certificate, ...]:
    """Every certificate of a text, in its order. What stands between them does not count; half a one is none."""
    return tuple(_read(block) for block in _BLOCK.findall(text))


def _read(block: str) -> Certificate:
    # It comes with ansible-core. Whoever only imports this module need not have it.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509.oid import NameOID

    try:
        read = x509.load_pem_x509_certificate("\n".join(block.split("\r\n")).encode())
        key = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names = [str(a.value) for a in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return Certificate(
            common_name=names[0] if names else "",
            organizations=tuple(str(a.value) for a in read.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)),
            issuer=read.issuer.rfc4514_string(),
            not_before=int(read.not_valid_before_utc.timestamp()),
            not_after=int(read.not_valid_after_utc.timestamp()),
            key=hashlib.sha256(key).hexdigest(),
        )
    # Its parsers have errors of their own for a key that they do not know, beside ValueError.
    except Exception as exc:
        return Certificate(trouble=printable(str(exc)) or type(exc).__name__)
