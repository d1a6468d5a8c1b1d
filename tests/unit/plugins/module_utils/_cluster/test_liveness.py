# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server is taken for dead only when it has been silent for as long as was said."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.client import Client, Raw, Settings
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.liveness import authority, watch
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


class Scripted(Client):
    """A client whose server gives these answers, one after the other, the last one again and again."""

    def __init__(self, *answers: int | str) -> None:
        self._answers = iter(answers)
        self._last: int | str = ""
        self.asked = 0

    def ask(self, path: str, query: Mapping[str, Any] | None = None, deadline: float = 10.0) -> Raw:
        assert path == "/livez"
        self.asked += 1
        self._last = next(self._answers, self._last)
        if isinstance(self._last, str):
            raise Unreachable(self._last)
        return Raw(self._last, b'{"message": "said"}', {}, datetime.now(UTC), 0.1)


class Clock:
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("answers", "live", "asked", "trouble"),
    [
        ((200,), True, 1, ""),
        (("refused", "refused", 200), True, 3, ""),
        ((500, 200), True, 2, ""),
        ((401,), True, 1, "HTTP 401 said"),
        ((403,), True, 1, "HTTP 403 said"),
        (("refused",), False, 5, "refused"),
        ((500,), False, 5, "HTTP 500 said"),
    ],
)
def test_it_is_asked_until_it_answers_or_time_is_over(
    answers: tuple[int | str, ...], live: bool, asked: int, trouble: str
) -> None:
    clock, client = Clock(), Scripted(*answers)
    seen = watch(client, 10, clock.sleep, lambda: clock.now)
    assert (seen.answers, client.asked) == (live, asked)
    assert trouble in seen.trouble and bool(seen.trouble) == bool(trouble)


def test_without_time_it_is_asked_once() -> None:
    client = Scripted("refused", 200)
    assert watch(client, 0, Clock().sleep, lambda: 0.0).answers is False
    assert client.asked == 1


def made_certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment)
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_the_authority_is_the_kubeconfigs_own(tmp_path: Any) -> None:
    config = tmp_path / "kubeconfig"
    pem = made_certificate()

    def written(**cluster: Any) -> Client:
        text = {
            "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **cluster}}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        config.write_text(json.dumps(text), encoding="utf-8")
        return Client(Settings(kubeconfig=str(config)))

    assert authority(written(**{"insecure-skip-tls-verify": True})) == ""
    assert authority(written()) == ""
    made = written(**{"certificate-authority-data": base64.b64encode(pem.encode()).decode()})
    assert authority(made) == pem
    der = ssl.PEM_cert_to_DER_cert(pem)
    made = written(**{"certificate-authority-data": base64.b64encode(der).decode()})
    assert ssl.PEM_cert_to_DER_cert(authority(made)) == der
