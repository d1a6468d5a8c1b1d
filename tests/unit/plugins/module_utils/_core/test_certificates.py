# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates are read as they are, and what is none is not taken for one."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.selfheal.kubernetes.plugins.filter.certificates import FilterModule, certificates
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.certificates import read_certificates
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = BEGIN + timedelta(days=365)
KEY = ec.generate_private_key(ec.SECP256R1())


def pem(common_name: str = "system:node:worker-1", end: datetime = END) -> str:
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes")]
    if common_name:
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(end)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_it_says_what_stands_in_it() -> None:
    [read] = read_certificates(f"look.clock=1\n{pem()}look.key=yes\n")
    assert (read.common_name, read.organizations, read.issuer) == (
        "system:node:worker-1",
        ("system:nodes",),
        "CN=kubernetes",
    )
    assert (read.not_before, read.not_after) == (int(BEGIN.timestamp()), int(END.timestamp()))
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert read.key == hashlib.sha256(der).hexdigest()
    assert read.trouble == ""


def test_several_keep_their_order_and_a_terminal_s_line_ends_do_no_harm() -> None:
    text = (pem("one") + pem("") + pem("two")).replace("\n", "\r\n")
    assert [one.common_name for one in read_certificates(text)] == ["one", "", "two"]


def test_half_a_certificate_is_none_and_a_broken_one_says_so() -> None:
    whole = pem()
    assert read_certificates(whole[: len(whole) // 2]) == ()
    half, last = whole[: len(whole) // 2], pem("last")
    assert [one.common_name for one in read_certificates(half + last)] == ["last"], "half a one hides no other"
    broken = whole.replace(whole.splitlines()[2], whole.splitlines()[3])
    [read] = read_certificates(broken)
    assert read.trouble and (read.common_name, read.not_after) == ("", 0)
    assert read.trouble.isprintable()
    [empty] = read_certificates("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----")
    assert empty.trouble


@given(st.text(alphabet="ABCDab01+/=\r\n -ENDBGICRTFA", max_size=300))
def test_nothing_makes_it_fail(noise: str) -> None:
    for text in (noise, f"-----BEGIN CERTIFICATE-----{noise}-----END CERTIFICATE-----"):
        for one in read_certificates(text):
            assert one.trouble


def test_the_filter_gives_plain_data_and_refuses_what_is_no_text() -> None:
    [one] = FilterModule().filters()["certificates"](pem())
    assert one["organizations"] == ["system:nodes"] and one["not_after"] == int(END.timestamp())
    assert certificates("nothing") == []
    assert ssl.PEM_cert_to_DER_cert(pem())
    with pytest.raises(TypeError, match="expected a text, got list"):
        certificates([])
