# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module for EC2 with the real boto3, against moto's server, with a connection in between that breaks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.ec2.models.instances import Instance
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
MODULES = "ansible_collections.selfheal.kubernetes.plugins.modules"
REBOOT = "RebootInstances"


@pytest.fixture
def reboots(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instances that moto has rebooted."""
    seen: list[str] = []
    monkeypatch.setattr(Instance, "reboot", lambda self: seen.append(self.id))
    return seen


@pytest.fixture
def cloud() -> Iterator[tuple[str, int, str]]:
    """An EC2 with one instance: the address of its API, with the port, and the instance."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _host, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "ec2", region_name=REGION, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )
    image = client.describe_images()["Images"][0]["ImageId"]
    made = client.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    yield url, port, made
    server.stop()


class Between:
    """A connection to the API that can break.

    ``before`` drops real requests for the action, ``after`` their answers, and ``half`` a half of those.
    """

    def __init__(self, port: int, fault: str, action: str = REBOOT) -> None:
        self._to, self._fault, self._action, self.asked = port, fault, action.encode(), 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            request = b""
            while b"Action=" not in request:
                piece = client.recv(65536)
                if not piece:
                    return
                request += piece
            real = b"Action=" + self._action in request and b"DryRun=true" not in request
            self.asked += real
            if real and self._fault == "before":
                return
            server.sendall(request)
            answer = b""
            while piece := server.recv(65536):
                answer += piece
            if real and self._fault == "after":
                return
            client.sendall(answer[: len(answer) // 2] if real and self._fault == "half" else answer)


def run_module(module: str = "ec2_instance_reboot", **options: Any) -> dict[str, Any]:
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"region": REGION, "timeout": 8, **options}})
    script = (
        "import sys\nfrom ansible.module_utils import basic\n"
        "basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.argv[1].encode(), 'legacy'\n"
        f"from {MODULES}.{module} import main\nmain()\n"
    )
    argv = [sys.executable, "-c", script, arguments]
    environ = {**os.environ, **CREDENTIALS}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_an_instance_is_rebooted_once(cloud: tuple[str, int, str], reboots: list[str]) -> None:
    url, _port, instance = cloud
    check = run_module(instance=instance, url=url, _ansible_check_mode=True)
    assert check["changed"] and reboots == [], check
    done = run_module(instance=instance, url=url)
    assert done["changed"] and reboots == [instance], done


@pytest.mark.parametrize(("fault", "effects"), [("", 1), ("before", 0), ("after", 1), ("half", 1)])
def test_a_reply_that_is_lost_is_not_asked_for_again(
    cloud: tuple[str, int, str], reboots: list[str], fault: str, effects: int
) -> None:
    """boto3 by itself would ask up to five times."""
    _url, port, instance = cloud
    between = Between(port, fault)
    result = run_module(instance=instance, url=between.url)
    assert between.asked == 1 and len(reboots) == effects, result
    if fault:
        assert result["error_class"] == "ReplyLost" and "the reply was lost" in result["msg"], result
    else:
        assert result["changed"], result


def test_what_is_not_there_or_not_reached_is_one_line(cloud: tuple[str, int, str], reboots: list[str]) -> None:
    url, _port, _instance = cloud
    missing = run_module(instance="i-0123456789abcdef0", url=url)
    # moto answers a dry run before it looks for the instance, so it is the real request that is refused.
    assert missing["error_class"] == "NotFound" and "InvalidInstanceID.NotFound" in missing["msg"], missing
    nobody = run_module(instance="i-0123456789abcdef0", url="http://127.0.0.1:9")
    assert nobody["error_class"] == "Unreachable", nobody
    assert reboots == []
