# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real etcd of three members that wants client certificates, asked itself: stopped, frozen, full, corrupt, without
a majority. Each fault counts as injected when etcd's own words, asked by this file, show it."""

from __future__ import annotations

import base64
import json
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import Unauthorized, Unreachable
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import (
    EtcdAccess,
    etcd_access,
    read_etcd,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.checks.etcd_members import CHECK
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Snapshot
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.policy import Policy
from ansible_collections.selfheal.kubernetes.tests.api.control_plane import _free_ports, die_with_parent
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import Authority

NAMES = ("m0", "m1", "m2")
QUOTA = 2 * 2**20
SECONDS = 60.0


class EtcdCluster:
    """Three members on 127.0.0.1, and one that may be added, from ``start`` to ``stop``."""

    def __init__(self, folder: Path, binary: Path) -> None:
        self.folder, self._binary = folder, binary
        self.authority = Authority(folder)
        (folder / "client.crt").write_bytes(self.authority.certificate)
        (folder / "client.key").write_bytes(self.authority.key)
        ports = iter(_free_ports(8))
        self.urls = {name: f"https://127.0.0.1:{next(ports)}" for name in (*NAMES, "learner")}
        self.peers = {name: f"http://127.0.0.1:{next(ports)}" for name in self.urls}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.authority.ca_file)
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
        self._pool = urllib3.PoolManager(ssl_context=context)

    def start(self, name: str, others: tuple[str, ...] = NAMES, state: str = "new") -> None:
        """Start one member."""
        pair = self.folder / "server.pem"
        options = [
            f"--name={name}",
            f"--data-dir={self.folder / name}",
            f"--listen-client-urls={self.urls[name]}",
            f"--advertise-client-urls={self.urls[name]}",
            f"--listen-peer-urls={self.peers[name]}",
            f"--initial-advertise-peer-urls={self.peers[name]}",
            f"--initial-cluster={','.join(f'{one}={self.peers[one]}' for one in dict.fromkeys((*others, name)))}",
            f"--initial-cluster-state={state}",
            f"--cert-file={pair}",
            f"--key-file={pair}",
            "--client-cert-auth",
            f"--trusted-ca-file={self.authority.ca_file}",
            f"--quota-backend-bytes={QUOTA}",
            "--unsafe-no-fsync",
        ]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [self._binary, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 (one system call, which takes no lock)
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one member."""
        self._processes[name].send_signal(number)

    def stop(self, *names: str) -> None:
        """End members, by their process ids; all of them if none are named."""
        for name in names or tuple(self._processes):
            process = self._processes.pop(name)
            process.kill()
            process.wait(10)

    def ask(self, name: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Ask one member something, by other code than the collection's."""
        answer = self._pool.request(
            "POST", self.urls[name] + path, body=json.dumps(body or {}).encode(), timeout=5, retries=False
        )
        return answer.status, json.loads(answer.data)

    def status(self, name: str) -> dict[str, Any]:
        """The status of one member; empty when it does not answer."""
        try:
            return self.ask(name, "/v3/maintenance/status")[1]
        except urllib3.exceptions.HTTPError:
            return {}

    def until(self, what: str, seen: Callable[[], object]) -> None:
        """Wait for something."""
        end = time.monotonic() + SECONDS
        while not seen():
            assert time.monotonic() < end, f"not seen within {SECONDS:.0f} s: {what}"
            time.sleep(0.1)

    def access(self, *names: str, **other: str) -> EtcdAccess:
        """How the collection reaches these members; all three if none are named."""
        files = {
            "ca_cert": str(self.authority.ca_file),
            "client_cert": str(self.folder / "client.crt"),
            "client_key": str(self.folder / "client.key"),
            **other,
        }
        made = etcd_access([self.urls[name] for name in names or NAMES], **files)
        assert made is not None
        return made

    def read(self, *names: str, deadline: float = 6.0) -> Etcd:
        """What the collection sees."""
        return read_etcd(self.access(*names), deadline)


@pytest.fixture
def etcd(binaries: Mapping[str, Path], tmp_path: Path) -> Iterator[EtcdCluster]:
    """Three members that lead and follow."""
    made = EtcdCluster(tmp_path, binaries["etcd"])
    try:
        for name in NAMES:
            made.start(name)
        made.until("three members that know the same leader", lambda: len(_leaders(made, *NAMES)) == 1)
        yield made
    finally:
        made.stop()


def _leaders(etcd: EtcdCluster, *names: str) -> set[int]:
    """The IDs of the leaders that these members know; empty as long as one of them knows none."""
    known = {int(etcd.status(name).get("leader", 0)) for name in names}
    return set() if 0 in known else known


def _reasons(seen: Etcd) -> set[str]:
    """What the check says about it."""
    snapshot = Snapshot(datetime.now(UTC), "uid", (), {}, {}, etcd=seen)
    return {finding.reason for finding in CHECK.evaluate(snapshot, Policy())}


def _sizes(seen: Etcd) -> dict[str, int | None]:
    """What was read of each member's size."""
    return {member.name: member.db_bytes for member in seen.members}


def _own_sizes(etcd: EtcdCluster) -> dict[str, int | None]:
    """What each member says of its own size."""
    return {name: int(etcd.status(name)["dbSize"]) for name in NAMES}


def test_a_healthy_etcd(etcd: EtcdCluster) -> None:
    before = etcd.status("m0")
    seen = etcd.read()
    assert [(m.name, m.healthy, m.learner, m.trouble) for m in seen.members] == [(n, True, False, "") for n in NAMES]
    assert seen.direct and seen.alarms == () and seen.leader in NAMES
    leader = int(before["leader"])
    assert int(etcd.status(seen.leader)["header"]["member_id"]) == leader
    etcd.until("each member's own size", lambda: _sizes(etcd.read()) == _own_sizes(etcd))
    assert {member.quota_bytes for member in seen.members} == {QUOTA}
    assert _reasons(seen) == set()
    # Nothing was written: the keys have the revision that they had.
    assert etcd.status("m0")["header"]["revision"] == before["header"]["revision"]


def test_one_member_stopped_and_then_the_majority(etcd: EtcdCluster) -> None:
    etcd.stop("m1")
    own = {int(etcd.status(name)["header"]["member_id"]) for name in ("m0", "m2")}
    etcd.until("a leader that is not m1", lambda: _leaders(etcd, "m0", "m2") and _leaders(etcd, "m0", "m2") <= own)
    seen = etcd.read()
    assert {m.name: m.healthy for m in seen.members} == {"m0": True, "m1": False, "m2": True}
    assert seen.members[1].trouble == f"{etcd.urls['m1']}: connection refused: nothing listens there"
    assert seen.leader in ("m0", "m2")
    assert _reasons(seen) == {"EtcdMemberUnhealthy", "EtcdQuorumAtRisk"}

    etcd.stop("m2")
    etcd.until("m0 without a leader", lambda: not int(etcd.status("m0").get("leader", 0)))
    begun = time.monotonic()
    seen = etcd.read()
    assert time.monotonic() - begun < 6
    assert {m.name: m.healthy for m in seen.members} == {"m0": False, "m1": False, "m2": False}
    assert "no leader" in seen.members[0].trouble
    assert seen.leader == ""
    assert _reasons(seen) == {"EtcdMemberUnhealthy", "EtcdQuorumLost", "EtcdNoLeader"}

    etcd.stop("m0")
    with pytest.raises(Unreachable, match="no member of etcd has answered: https.*connection refused") as told:
        etcd.read()
    assert "\n" not in str(told.value)


def test_a_member_that_is_frozen(etcd: EtcdCluster) -> None:
    etcd.signal("m2", signal.SIGSTOP)
    etcd.until("m2 silent", lambda: not etcd.status("m2"))
    begun = time.monotonic()
    seen = etcd.read(deadline=3)
    assert time.monotonic() - begun < 5
    assert seen.members[2].healthy is False and "does not answer" in seen.members[2].trouble
    assert [m.healthy for m in seen.members[:2]] == [True, True]


def test_a_member_that_nobody_asks(etcd: EtcdCluster) -> None:
    seen = etcd.read("m0", "m1")
    assert {m.name: m.healthy for m in seen.members} == {"m0": True, "m1": True, "m2": None}
    assert "not among etcd_endpoints" in seen.members[2].trouble
    assert seen.leader in NAMES
    assert _reasons(seen) == {"EtcdMemberUnknown"}


def test_a_learner(etcd: EtcdCluster) -> None:
    body = {"peerURLs": [etcd.peers["learner"]], "isLearner": True}
    # It takes no new member until all have been connected for a while.
    etcd.until("the learner is added", lambda: etcd.ask("m0", "/v3/cluster/member/add", body)[0] == 200)
    seen = etcd.read()
    assert (seen.members[0].name, seen.members[0].healthy, seen.members[0].learner) == ("", None, True)
    assert "has not started yet" in seen.members[0].trouble

    etcd.start("learner", (*NAMES, "learner"), "existing")
    etcd.until("the learner follows", lambda: int(etcd.status("learner").get("leader", 0)))
    seen = etcd.read(*etcd.urls)
    assert [(m.name, m.healthy, m.learner) for m in seen.members] == [
        ("learner", True, True),
        *((name, True, False) for name in NAMES),
    ]
    assert _reasons(seen) == {"EtcdLearner"}

    etcd.stop("m1", "m2")
    etcd.until("m0 without a leader", lambda: not int(etcd.status("m0").get("leader", 0)))
    # The learner waits for its leader for ever, and says so.
    seen = etcd.read(*etcd.urls)
    assert seen.leader == ""
    assert {"EtcdQuorumLost", "EtcdNoLeader"} <= _reasons(seen)


def test_no_space_left(etcd: EtcdCluster) -> None:
    value = base64.b64encode(b"x" * 400_000).decode()
    for number in range(12):
        key = base64.b64encode(b"%d" % number).decode()
        status, answer = etcd.ask("m0", "/v3/kv/put", {"key": key, "value": value})
        if status != 200:
            break
    assert "database space exceeded" in answer["message"]
    etcd.until("the alarm", lambda: "NOSPACE" in str(etcd.status("m0").get("errors")))
    # Which of them notices first is not for us to say, and the others may notice later: a member applies the log, and
    # takes in what its leader has, at its own pace. So each question is asked until what is seen has come to rest.
    told = {f"{name}: NOSPACE" for name in NAMES}
    etcd.until("each member's own size", lambda: _sizes(etcd.read()) == _own_sizes(etcd))
    seen = etcd.read()
    assert seen.alarms and set(seen.alarms) <= told
    # They agree on everything, but take no more writes.
    assert all(member.healthy for member in seen.members) and seen.leader
    assert max(_own_sizes(etcd).values()) > 0.8 * QUOTA
    assert _reasons(seen) == {"EtcdOutOfSpace", "EtcdDatabaseLarge"}
    # With whoever leads left out, the others hear of it.
    others = [name for name in NAMES if name != seen.leader]
    etcd.until("the alarm at the others", lambda: set(seen.alarms) <= set(etcd.read(*others).alarms) <= told)

    for name in NAMES:
        own = etcd.status(name)["header"]["member_id"]
        etcd.ask("m0", "/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": own, "alarm": "NOSPACE"})
    assert etcd.read().alarms == ()


def test_a_member_whose_data_are_corrupt(etcd: EtcdCluster) -> None:
    own = etcd.status("m1")["header"]["member_id"]
    etcd.ask("m0", "/v3/maintenance/alarm", {"action": "ACTIVATE", "memberID": own, "alarm": "CORRUPT"})
    seen = etcd.read()
    assert seen.alarms == ("m1: CORRUPT",)
    assert {m.name: m.healthy for m in seen.members} == {"m0": True, "m1": False, "m2": True}
    assert _reasons(seen) == {"EtcdCorrupt", "EtcdMemberUnhealthy", "EtcdQuorumAtRisk"}


def test_certificates_that_are_not_the_right_ones(etcd: EtcdCluster, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    stranger = Authority(folder)
    (folder / "client.crt").write_bytes(stranger.certificate)
    (folder / "client.key").write_bytes(stranger.key)
    with pytest.raises(Unreachable, match=r"its certificate is not to be trusted: .*issuer") as told:
        read_etcd(etcd.access(ca_cert=str(stranger.ca_file)))
    assert "\n" not in str(told.value)
    wrong = {"client_cert": str(folder / "client.crt"), "client_key": str(folder / "client.key")}
    with pytest.raises(Unauthorized, match=r"etcd does not let us in: .*it does not accept the client certificate"):
        read_etcd(etcd.access(**wrong))
