# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gateways on loopback that answer as those of etcd 3.6 do, or as a test wants them to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.etcd import EtcdAccess, read_etcd
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember
from ansible_collections.selfheal.kubernetes.tests.unit.plugins.module_utils._cluster.fake_server import (
    Reply,
    Request,
    Server,
)

NAMES = ("cp1", "cp2", "cp3")
# More than fits into a number of JavaScript's, as etcd's own are.
IDS = {name: 2**63 + number for number, name in enumerate((*NAMES, "new"), 1)}
STATUS, MEMBERS, ALARMS = "/v3/maintenance/status", "/v3/cluster/member/list", "/v3/maintenance/alarm"
QUOTA = 2 * 2**30
NOSPACE = {"memberID": str(IDS["cp2"]), "alarm": "NOSPACE"}
CORRUPT = {"memberID": str(IDS["cp3"]), "alarm": "CORRUPT"}


@dataclass
class Gateways:
    """Three members, each behind a server of its own; ``replies`` by name and path are faults."""

    servers: dict[str, Server]
    leader: str = "cp1"
    learners: set[str] = field(default_factory=set)
    alarms: list[dict[str, str]] = field(default_factory=list)
    status: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: dict[tuple[str, str], Reply] = field(default_factory=dict)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, server in self.servers.items():
            server.script = lambda request, name=name: self.reply(name, request)
        self.listed = [
            {"ID": str(IDS[name]), "name": name, "peerURLs": [], "clientURLs": [server.url]}
            for name, server in self.servers.items()
        ]

    @property
    def access(self) -> EtcdAccess:
        return EtcdAccess(tuple(server.url for server in self.servers.values()))

    def entry(self, name: str) -> dict[str, Any]:
        """The member as it is listed."""
        return next(item for item in self.listed if item["ID"] == str(IDS[name]))

    def reply(self, name: str, request: Request) -> Reply:
        if (name, request.path) in self.replies:
            return self.replies[name, request.path]
        header = {"cluster_id": "77", "member_id": str(IDS[name]), "raft_term": "4"}
        match request.method, request.path, request.body:
            case "POST", "/v3/maintenance/status", {}:
                errors = [] if self.leader else ["etcdserver: no leader"]
                errors += [f"memberID:{a['memberID']} alarm:{a['alarm']} " for a in self.alarms]
                leader = {"leader": str(IDS[self.leader])} if self.leader else {}
                body = {
                    "header": {**header, "revision": "9"},
                    "version": "3.6.5",
                    "dbSize": "4096",
                    "dbSizeQuota": str(QUOTA),
                    "raftTerm": "4",
                    "raftAppliedIndex": "20",
                    **leader,
                    **({"errors": errors} if errors else {}),
                    **self.status.get(name, {}),
                }
                return Reply(200, {key: value for key, value in body.items() if value is not None})
            case "POST", "/v3/cluster/member/list", {}:
                learner = {str(IDS[one]): {"isLearner": True} for one in self.learners}
                return Reply(
                    200, {"header": header, "members": [{**m, **learner.get(m["ID"], {})} for m in self.listed]}
                )
            case "POST", "/v3/maintenance/alarm", {"action": "GET"}:
                return Reply(200, {"header": header, **({"alarms": self.alarms} if self.alarms else {})})
            case "GET", "/health", None:
                excluded = request.query.get("exclude", [])
                for alarm in self.alarms:
                    if alarm["alarm"] not in excluded:
                        return Reply(503, {"health": "false", "reason": f"ALARM {alarm['alarm']}"})
                health = (
                    {"health": "true", "reason": ""} if self.leader else {"health": "false", "reason": "RAFT NO LEADER"}
                )
                return Reply(200 if self.leader else 503, health)
        return Reply(404, b"404 page not found")

    def read(self, deadline: float = 6.0) -> Etcd:
        return read_etcd(self.access, deadline)


def member(name: str, healthy: bool | None = True, **other: Any) -> EtcdMember:
    """A member that has told its status."""
    return EtcdMember(name, healthy, **{"db_bytes": 4096, "quota_bytes": QUOTA, **other})


def down(gateways: Gateways, *names: str) -> None:
    """Stop the servers of these members."""
    for name in names:
        gateways.servers[name].http.shutdown()
        gateways.servers[name].http.server_close()
