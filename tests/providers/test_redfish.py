# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish of role node_reboot against the emulator of sushy-tools, over TLS."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.providers.roles import HERE, SILENT, reboot

SYSTEM = "27946b59-9e44-4fa7-8e91-f3527a1ef094"


@dataclass(frozen=True)
class Bmc:
    """An emulated one: where it is, the certificate that proves it, and what it writes down."""

    address: str
    certificate: Path
    log: Path

    def ask(self, path: str, body: object = None) -> Any:
        """One request of our own; what it answers."""
        request = Request(f"https://{self.address}{path}", json.dumps(body).encode() if body else None)
        request.add_header("Content-Type", "application/json")
        context = ssl.create_default_context(cafile=str(self.certificate))
        with urlopen(request, context=context, timeout=10) as answer:  # noqa: S310 (the emulator's own address)
            text = answer.read()
        return json.loads(text) if text else None

    def wait(self, power: str) -> None:
        """Until the machine's power is that; the emulator takes some seconds for it."""
        for _attempt in range(60):
            if self.ask(f"/redfish/v1/Systems/{SYSTEM}")["PowerState"] == power:
                return
            time.sleep(1)
        raise AssertionError(f"the machine's power never is {power}")

    def resets(self) -> list[str]:
        """The requests to reset that it has had."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "POST" in line and "ComputerSystem.Reset" in line]


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[Bmc]:
    certificate, key, log = tmp_path / "bmc.crt", tmp_path / "bmc.key", tmp_path / "log"
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, begin = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
        .not_valid_before(begin - timedelta(days=1))
        .not_valid_after(begin + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(own, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    key.write_bytes(own.private_bytes(serialization.Encoding.PEM, *form))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    emulator = Path(sys.executable).with_name("sushy-emulator")
    tls = ("--ssl-certificate", certificate, "--ssl-key", key)
    with log.open("w") as stream:
        process = subprocess.Popen(
            [emulator, "--fake", "-i", "127.0.0.1", "-p", str(port), *tls], stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        for _attempt in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Bmc(f"localhost:{port}", certificate, log)
    finally:
        process.terminate()
        process.wait(10)


def test_the_machine_is_reset_once_and_nothing_is_taken_on_trust(bmc: Bmc, tmp_path: Path) -> None:
    options = {"bmc": bmc.address, "username": "admin", "password": "hush-hush", "system": SYSTEM}
    code, output = reboot("redfish", "h1", tmp_path, HERE, **options, ca_path=str(bmc.certificate))
    assert len(bmc.resets()) == 1, output + bmc.log.read_text(encoding="utf-8")
    # The emulator's word is no proof: this machine is still in its old boot, and that is what counts.
    assert code == 2 and "h1 has not restarted within" in output and "was asked 1 times" in output, output
    assert "hush-hush" not in output


def test_a_bmc_that_cannot_prove_itself_is_not_asked(bmc: Bmc, tmp_path: Path) -> None:
    code, output = reboot(
        "redfish", "h1", tmp_path, HERE, bmc=bmc.address, username="admin", password="hush-hush", system=SYSTEM
    )
    assert code == 2 and "CERTIFICATE_VERIFY_FAILED" in output, output
    assert bmc.resets() == []


def test_options_are_checked_before_it_is_asked(bmc: Bmc, tmp_path: Path) -> None:
    code, output = reboot("redfish", "h1", tmp_path, HERE, bmc=bmc.address, username="admin")
    assert code == 2 and "driver redfish needs username and password or token" in output, output
    assert bmc.resets() == []


def test_a_machine_that_somebody_has_switched_off_is_left_alone(bmc: Bmc, tmp_path: Path) -> None:
    given = {
        "bmc": bmc.address,
        "username": "admin",
        "password": "x",
        "system": SYSTEM,
        "ca_path": str(bmc.certificate),
    }
    code, output = reboot("redfish", "h1", tmp_path, SILENT, **given)
    assert code == 2 and len(bmc.resets()) == 1 and "it does not answer" in output, "one that is on is reset"
    bmc.wait("On")
    bmc.ask(f"/redfish/v1/Systems/{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "ForceOff"})
    bmc.wait("Off")
    code, output = reboot("redfish", "h1", tmp_path, SILENT, **given)
    assert (
        code == 2 and "h1 does not answer, and its machine is switched off, which somebody may have done" in output
    ), output
    assert len(bmc.resets()) == 2, output
    code, output = reboot("redfish", "h1", tmp_path, {**SILENT, "node_reboot_power_on": True}, **given)
    assert len(bmc.resets()) == 3, output
    bmc.wait("On")


def test_a_power_that_nobody_tells_of_is_not_taken_for_on(bmc: Bmc, tmp_path: Path) -> None:
    given = {"bmc": bmc.address, "username": "admin", "password": "x", "ca_path": str(bmc.certificate)}
    code, output = reboot("redfish", "h1", tmp_path, SILENT, **given, system="another")
    assert code == 2 and "driver redfish cannot say whether its machine is on: BMC" in output, output
    assert bmc.resets() == []


@pytest.mark.parametrize("asks_for", ["it", "another one"])
def test_who_fences_is_told_the_machine_s_uuid(bmc: Bmc, tmp_path: Path, asks_for: str) -> None:
    """Files of role node_fence alone, which needs no cluster for that."""
    told = bmc.ask(f"/redfish/v1/Systems/{SYSTEM}")["UUID"]
    options = {"bmc": bmc.address, "username": "admin", "password": "hush-hush", "ca_path": str(bmc.certificate)}
    known = told if asks_for == "it" else told[:-1] + ("0" if told[-1] != "0" else "1")
    role = {"name": "selfheal.kubernetes.node_fence"}
    asked = (
        "node_fence_options | selfheal.kubernetes.fence_machine('redfish', '', known, __node_fence_uuid | default(''))"
    )
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {
                "node_fence_node": "w1",
                "node_fence_driver": "redfish",
                "node_fence_options": {**options, "system": SYSTEM},
                "known": known.upper(),
                "__node_fence_seen_node": {"machine": {"provider_id": "", "system_uuid": known}},
                "__node_fence_asked": "{{ " + asked + " }}",
            },
            "tasks": [
                {"ansible.builtin.include_role": {**role, "tasks_from": "look.yml"}},
                {"ansible.builtin.include_role": {**role, "tasks_from": "who.yml"}},
                {"ansible.builtin.debug": {"msg": "TOLD {{ __node_fence_uuid }} {{ __node_fence_power }}"}},
            ],
        }
    ]
    book = tmp_path / "who.yml"
    book.write_text(yaml.safe_dump(plays), encoding="utf-8")
    program = shutil.which("ansible-playbook") or str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, book], env=dict(os.environ), capture_output=True, text=True, check=False, timeout=180
    )
    output = done.stdout + done.stderr
    assert "hush-hush" not in output
    if asks_for == "it":
        assert done.returncode == 0 and f"TOLD {told} on" in output, output
    else:
        assert done.returncode == 2 and "it is not proven that it is the node's machine" in output, output
    assert bmc.resets() == []
