# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Whether a member of etcd may be replaced, and which one step of it comes next.

Everything here is a function of what the control-plane hosts have printed, see the role control_plane_repair. A run
looks afresh before each step and asks for the next one, so a run that was killed anywhere is gone on with by the next
one without remembering anything but what is on the hosts and in the list of members.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import (
    AT_WORK,
    NOTHING_ELSE,
    RUNBOOK,
    Look,
    decoded,
    etcd_hazard,
    parse_look,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.control_plane import Step as Repair
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.names import InvalidName, check_node_name
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

LONGEST = 600
# How often a run waits for the API server of the host, a minute each time.
PATIENCE = 4
_URL = re.compile(r"https://(\[[0-9a-f:.]+\]|[0-9.]+):([0-9]{1,5})")
_FLAG = re.compile(r"""^(\s*-\s+)(["']?)(--[a-z0-9-]+)(?:=(.*?))?\2([ \t]*(?:#.*)?\r?)$""")
_ALARM = re.compile(r"alarm:\s*([A-Z]+)")


class Step(StrEnum):
    """One change, and the name of a task file of the role: ``member_`` and this."""

    KEEP = "keep"
    OUT = "out"
    REMOVE = "remove"
    ADD = "add"
    ENTER = "enter"
    PROMOTE = "promote"
    READY = "ready"
    KUBELET = "kubelet"
    FINISH = "finish"


# What happens on the member's own host; everything else happens on one that is healthy.
AT_HOME = frozenset({Step.OUT, Step.ENTER, Step.READY, Step.KUBELET, Step.FINISH})


@dataclass(frozen=True)
class Host:
    """A control-plane host of the inventory, as the first look at it has found it.

    :ivar node: the node's name by its own certificates, which is the member's name as well.
    :ivar trouble: why it could not be looked at, empty if it could be.
    :ivar refusal: why it must not be touched, empty if it may be.
    :ivar paused: people were at work on it.
    :ivar steps: the repairs that fit it.
    :ivar aliases: the other names and addresses that the inventory gives it.
    """

    node: str = ""
    trouble: str = ""
    refusal: str = ""
    steps: tuple[Repair, ...] = ()
    aliases: tuple[str, ...] = ()
    paused: bool = False

    def softer(self, begun: bool) -> list[str]:
        """Why nothing has to be replaced before something else was tried.

        :param begun: a run of ours has taken the manifest of etcd away itself.
        """
        return [
            one.why
            for one in self.steps
            if one.name in ("runtime", "certificates", "kubelet_certificate")
            or (one.name == "kubelet" and one.why != NOTHING_ELSE)
            or (one.component == "etcd" and not begun)
        ]


@dataclass(frozen=True)
class Plan:
    """What comes next.

    :ivar refusal: why nothing may be done, one line; empty if something may be, or nothing has to be.
    :ivar step: the next step, empty if there is none.
    :ivar host: the inventory host of the member that is replaced, empty if the inventory has none.
    :ivar member: the member's name.
    :ivar member_id: its ID in hexadecimal digits as etcdctl takes it, empty if it is not in the list.
    :ivar url: its peer URL.
    :ivar helper: the healthy host on which etcd is asked.
    :ivar at: the host on which the step is done.
    :ivar manifest: the manifest with which the new member is started, only for that step.
    :ivar lines: what was seen, for people.
    """

    refusal: str = ""
    step: str = ""
    host: str = ""
    member: str = ""
    member_id: str = ""
    url: str = ""
    helper: str = ""
    at: str = ""
    manifest: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """A member as the list of them says. One that has not started has no name and no client URLs."""

    id: int
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    learner: bool = False

    @property
    def label(self) -> str:
        """What people call it."""
        return (
            printable(self.name)[:80] or f"{self.id:x} ({', '.join(map(printable, self.peer_urls))[:120]}, not started)"
        )


@dataclass(frozen=True)
class Status:
    """What answers at a client URL says about itself."""

    cluster: int
    member: int
    leader: int
    revision: int
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """What one host has printed.

    :ivar cluster: the ID of its own etcd's cluster, 0 if it does not answer.
    :ivar members: the list of members, None if it could not be had.
    :ivar agreed: the list was confirmed by a majority and not read from the member's own memory.
    :ivar statuses: client URL to what answers there.
    :ivar healthy: a read that takes a majority succeeds by its own member.
    :ivar running: a process of etcd with the data of ``/var/lib/etcd`` is there.
    :ivar data: there are data in ``/var/lib/etcd/member``.
    :ivar saved: the manifest that a run of ours has taken out of the way, None if there is none.
    :ivar paused: people are at work on the host.
    :ivar aside: what earlier runs have kept of the data.
    """

    cluster: int = 0
    member: int = 0
    leader: int = 0
    members: tuple[Member, ...] | None = None
    agreed: bool = False
    statuses: Mapping[str, Status] = field(default_factory=dict)
    healthy: bool = False
    running: bool = False
    data: bool = False
    manifest: str | None = None
    saved: str | None = None
    aside: str = ""
    addresses: frozenset[str] = frozenset()
    ready: bool = False
    paused: bool = False

    @property
    def is_out(self) -> bool:
        """Nothing of etcd is there that could run, or be run over by a new member."""
        return self.manifest is None and not self.running and not self.data

    def sees(self, member: Member) -> bool:
        """Whether what answers at the member's URLs is this member, and knows a leader."""
        found = [self.statuses[url] for url in member.client_urls if url in self.statuses]
        return any((one.cluster, one.member) == (self.cluster, member.id) and one.leader for one in found)


class Refused(Exception):
    """Nothing may be done; the message is one line that says why."""


# --- what a host has printed


def read_view(text: str) -> View:
    """What a host says, out of its lines ``look.NAME=VALUE``. What cannot be read was not said."""
    look = parse_look(text)
    own = _statuses(look, "own")
    status = next(iter(own.values()), None)
    agreed = _members(look, "members")
    return View(
        cluster=status.cluster if status else 0,
        member=status.member if status else 0,
        leader=status.leader if status else 0,
        members=agreed if agreed is not None else _members(look, "stale"),
        agreed=agreed is not None,
        statuses=_statuses(look, "status"),
        healthy=look.get("healthy") == "yes",
        running=look.get("running") == "yes",
        data=look.get("data") == "yes",
        manifest=decoded(look.get("manifest")) if "manifest" in look.plain else None,
        saved=decoded(look.get("saved")) if "saved" in look.plain else None,
        aside=printable(look.get("aside"))[:300],
        addresses=frozenset(_addresses(look.get("addresses").split())),
        ready=look.get("ready") == "ok",
        paused=bool(look.get("paused")),
    )


def _json(look: Look, name: str) -> Any:
    try:
        return json.loads(decoded(look.get(name)))
    except (ValueError, RecursionError):
        return None


def _statuses(look: Look, name: str) -> dict[str, Status]:
    found = {}
    body = _json(look, name)
    for one in body if isinstance(body, list) else []:
        try:
            status = one["Status"]
            header = status["header"]
            found[str(one["Endpoint"])] = Status(
                cluster=int(header["cluster_id"]),
                member=int(header["member_id"]),
                leader=int(status.get("leader", 0)),
                revision=int(header.get("revision", 0)),
                errors=tuple(printable(str(error)) for error in status.get("errors") or ()),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return found


def _members(look: Look, name: str) -> tuple[Member, ...] | None:
    body = _json(look, name)
    try:
        found = tuple(
            Member(
                id=int(one["ID"]),
                name=str(one.get("name") or ""),
                peer_urls=tuple(map(str, one.get("peerURLs") or ())),
                client_urls=tuple(map(str, one.get("clientURLs") or ())),
                learner=one.get("isLearner") is True,
            )
            for one in body["members"]
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return tuple(sorted(found, key=lambda one: one.id)) or None


def _addresses(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        try:
            yield str(ipaddress.ip_address(word.partition("/")[0]))
        except ValueError:
            continue


def _address_of(url: str) -> str:
    """The IP address of a peer URL; empty if it is none that may get into a command."""
    match = _URL.fullmatch(url)
    if not match or not 0 < int(match[2]) < 65536:
        return ""
    return next(iter(_addresses([match[1].strip("[]")])), "")


# --- what comes next


def quorum(voters: int) -> int:
    """How many of so many members must be healthy for etcd to work."""
    return voters // 2 + 1


def make_plan(
    rounds: Sequence[Mapping[str, View]],
    hosts: Mapping[str, Host],
    *,
    want: str = "",
    gone: bool = False,
    done: Sequence[str] = (),
    added: str = "",
) -> Plan:
    """Say what comes next.

    :param rounds: looks at every host that could be looked at, one after the other. All of them must say the same.
    :param hosts: every control-plane host of the inventory.
    :param want: the host or the member that is meant; the only one that is not healthy, if empty.
    :param gone: the member's machine is gone for good, so nothing is done but to take it from the list.
    :param done: the steps that this run has done.
    :param added: the ID of the member that this run has added, in hexadecimal digits.
    """
    if not rounds:
        raise ValueError("a plan takes a look")
    plans = [_Judge(one, hosts, want, gone, tuple(done), added).plan() for one in rounds]
    last = plans[-1]
    odd = [one for one in plans if one.refusal] or [one for one in plans if _essence(one) != _essence(last)]
    if odd and not odd[0].refusal:
        return Plan(refusal=_line(
            f"{len(rounds)} looks in a row did not all say the same ({_told(odd[0])}; {_told(last)}): what"
            " comes and goes"
            " by itself is not replaced"
        ), lines=last.lines)  # fmt: skip
    if odd:
        return odd[0]
    if not last.step and "finish" in done:
        return _proven(rounds, last)
    return last


def _essence(plan: Plan) -> tuple[str, ...]:
    return (plan.step, plan.host, plan.member_id, plan.url)


def _told(plan: Plan) -> str:
    return f"{plan.member or plan.url} is to be replaced" if plan.step else "all members are healthy"


def _proven(rounds: Sequence[Mapping[str, View]], plan: Plan) -> Plan:
    """The end of a replacement: every member has all that there was, and what is written reaches all of them."""
    first, last = (
        {host: view.statuses for host, view in one.items() if view.healthy} for one in (rounds[0], rounds[-1])
    )
    before = max((one.revision for said in first.values() for one in said.values()), default=0)
    after = min((one.revision for said in last.values() for one in said.values()), default=0)
    if len(rounds) > 1 and after > before:
        return plan
    return Plan(
        refusal=f"nothing that is written reaches every member: revision {after} after {before}", lines=plan.lines
    )


@dataclass(frozen=True)
class _Judge:
    """One look at every host, judged."""

    views: Mapping[str, View]
    hosts: Mapping[str, Host]
    want: str
    gone: bool
    done: tuple[str, ...]
    added: str

    def plan(self) -> Plan:
        # On whichever host: what they are about to save is the etcd of all of them.
        paused = [
            host for host, one in self.hosts.items() if one.paused or (host in self.views and self.views[host].paused)
        ]
        if paused:
            return Plan(refusal=_line(f"{', '.join(paused)}: {AT_WORK}; nothing of etcd is changed"))
        try:
            witnesses = self._witnesses()
        except Refused as exc:
            return Plan(refusal=_line(str(exc)))
        members = next(iter(witnesses.values())).members or ()
        healthy = {
            one.id
            for one in members
            if any(view.member == one.id for view in witnesses.values())
            and all(view.sees(one) for view in witnesses.values())
        }
        lines = self._lines(witnesses, members)
        try:
            plan = self._next(witnesses, members, healthy)
        except Refused as exc:
            return Plan(refusal=_line(str(exc)), lines=lines)
        return Plan(**{**plan.__dict__, "lines": lines})

    def _witnesses(self) -> dict[str, View]:
        """The hosts whose own voter is healthy by its own word, and that are of one mind about who the members are."""
        answering = {
            host: view
            for host, view in self.views.items()
            if not (self.hosts[host].trouble or self.hosts[host].refusal)
        }
        able = {
            host: view
            for host, view in answering.items()
            if view.agreed and view.healthy and view.leader and view.cluster
            and any(one.id == view.member and not one.learner for one in view.members or ())
        }  # fmt: skip
        if not able:
            raise Refused(self._no_quorum(answering))
        clusters = {view.cluster for view in able.values()}
        main = max(clusters, key=lambda one: sum(view.cluster == one for view in able.values()))
        own = {host: view for host, view in able.items() if view.cluster == main}
        if 2 * len(own) <= len(able) or any(
            not self._listed(host, view, own) for host, view in able.items() if host not in own
        ):
            raise Refused(
                "the hosts belong to several clusters of etcd: "
                + "; ".join(f"{host} to {view.cluster:x}" for host, view in able.items())
            )
        lists = {view.members for view in own.values()}
        if len(lists) > 1:
            told = "; ".join(
                f"{host} says {', '.join(f'{one.id:x}' for one in view.members or ())}" for host, view in own.items()
            )
            raise Refused(f"the members do not agree about who they are: {told}")
        return own

    @staticmethod
    def _listed(host: str, view: View, own: Mapping[str, View]) -> bool:
        """Whether a host of another cluster is where a member of ours should be: it has begun an empty one."""
        members = next(iter(own.values())).members or ()
        return any(_address_of(url) in view.addresses for one in members for url in one.peer_urls)

    def _no_quorum(self, answering: Mapping[str, View]) -> str:
        known = [len([m for m in view.members if not m.learner]) for view in answering.values() if view.members]
        voters = max(known, default=0)
        running = [host for host, view in answering.items() if view.cluster]
        left = "; ".join(
            f"{host}: {self.hosts[host].trouble or self.hosts[host].refusal}"
            for host in self.hosts
            if host not in answering
        )
        total = voters or len(self.hosts)
        counted = f"{len(running)} of {total} members answer ({', '.join(running) or 'none'})"
        needed = f"{quorum(total)} must be healthy for it to work"
        unseen = [host for host, look in self.hosts.items() if look.trouble]
        if unseen and total - (len(self.hosts) - len(running) - len(unseen)) >= quorum(total):
            # A wrong key of ours must send nobody to a page on which data can be lost.
            return f"nobody knows whether etcd has its quorum: {counted}, and {left}; make those hosts answer first"
        return (
            f"etcd has no quorum: {counted}, none of them is healthy, and {needed};"
            f" nothing of it is changed, see {RUNBOOK}{f' ({left})' if left else ''}"
        )

    def _lines(self, witnesses: Mapping[str, View], members: Sequence[Member]) -> tuple[str, ...]:
        told = []
        for one in members:
            seen = [host for host, view in witnesses.items() if view.sees(one)]
            kind = "learner " if one.learner else ""
            word = (
                "is healthy"
                if len(seen) == len(witnesses)
                else f"answers {', '.join(seen)}"
                if seen
                else "does not answer"
            )
            told.append(f"{kind}member {one.label} ({one.id:x}) {word}, as seen from {', '.join(witnesses)}")
        told += [
            f"{host}: an earlier replacement has not come to its end"
            for host, view in self.views.items()
            if view.saved is not None
        ]
        told += [
            f"{host}: data of earlier members are kept: {view.aside}" for host, view in self.views.items() if view.aside
        ]
        return tuple(_line(one) for one in told)

    def _host_of(self, member: Member) -> str:
        """The inventory host on which a member is, by its address or else by its name; empty if there is none."""
        addresses = {_address_of(url) for url in member.peer_urls} - {""}
        for host, view in self.views.items():
            if addresses & view.addresses:
                return host
        for host, known in self.hosts.items():
            if addresses & set(known.aliases) or (
                member.name and host not in self.views and member.name in (host, known.node, *known.aliases)
            ):
                return host
        return ""

    def _next(self, witnesses: Mapping[str, View], members: Sequence[Member], healthy: set[int]) -> Plan:
        places = {one.id: self._host_of(one) for one in members}
        # A host on which a run of ours was killed after it had taken its member from the list.
        orphans = [host for host, view in self.views.items() if view.saved is not None and host not in places.values()]
        member, host = self._target(members, healthy, places, orphans)
        if member is None and not host:
            return Plan()
        others = [one for one in members if member is None or one.id != member.id]
        label = member.label if member else host
        known, view = self.hosts.get(host, Host()), self.views.get(host)
        if member and member.id in healthy and not member.learner:
            if view is None or view.saved is None:
                if self.want:
                    raise Refused(f"member {label} is healthy, and a healthy member is never replaced")
                return Plan()
            return self._last(witnesses, member, host, view)
        self._check(witnesses, member, others, healthy, label)
        helper = next(one for one in witnesses if one != host)
        if self.gone:
            return self._without(member, host, helper)
        if not host:
            raise Refused(
                f"no host of the inventory is where member {label} is"
                f" ({', '.join(member.peer_urls) if member else ''}): add it,"
                " or set selfheal_etcd_member_gone if its machine is gone for good"
            )
        if known.refusal:
            raise Refused(f"{host}: {known.refusal}")
        if known.trouble or view is None:
            raise Refused(
                f"{host} {known.trouble or 'could not be looked at'}; its member {label} is replaced when it"
                " can be reached,"
                " or taken from the list if selfheal_etcd_member_gone says that its machine is gone for good"
            )
        softer = known.softer(view.saved is not None)
        if softer and not self.done:
            raise Refused(f"{host} needs a softer repair first, by the playbook heal or by hand: {'; '.join(softer)}")
        name, url = self._identity(member, host, known, view)
        step, member_id, manifest = self._step(member, members, host, view, witnesses, name, url)
        at = host if step in AT_HOME else helper
        return Plan("", step, host, name, member_id, url, helper, at, manifest)

    def _target(
        self, members: Sequence[Member], healthy: set[int], places: Mapping[int, str], orphans: Sequence[str]
    ) -> tuple[Member | None, str]:
        if self.want:
            found = [
                one for one in members
                if self.want == one.name or (places[one.id] and self.want in self._names(places[one.id]))
            ]  # fmt: skip
            if len(found) > 1:
                raise Refused(f"{self.want} has several members: {', '.join(one.label for one in found)}")
            if found:
                return found[0], places[found[0].id]
            hosts = [host for host in orphans if self.want in self._names(host)]
            if hosts:
                return None, hosts[0]
            if self.gone:
                return None, ""
            raise Refused(f"{self.want} is no member of etcd, and no host whose member was being replaced")
        if self.gone:
            raise Refused(
                "selfheal_etcd_member_gone needs selfheal_etcd_member: the member whose machine is gone is said by name"
            )
        sick: list[tuple[Member | None, str]] = [
            (one, places[one.id]) for one in members if one.id not in healthy or one.learner
        ]
        sick += [(None, host) for host in orphans]
        if len(sick) > 1:
            told = ", ".join(member.label if member else f"{host} (taken from the list)" for member, host in sick)
            voters = [one for one in members if not one.learner]
            up = sum(one.id in healthy for one in voters)
            raise Refused(
                f"{len(sick)} members are not known to be healthy: {told}; {up} of {len(voters)} are, and"
                f" {quorum(len(voters))}"
                " must be for etcd to work: say by selfheal_etcd_member which one is to be replaced first"
            )
        if sick:
            return sick[0]
        # Everything is healthy, and only the end of an earlier run is missing.
        ended = [host for host, view in self.views.items() if view.saved is not None]
        found = [one for one in members if places[one.id] in ended[:1]]
        return (found[0], ended[0]) if found else (None, "")

    def _names(self, host: str) -> set[str]:
        return {host, self.hosts[host].node, *self.hosts[host].aliases} - {""}

    def _check(
        self,
        witnesses: Mapping[str, View],
        member: Member | None,
        others: Sequence[Member],
        healthy: set[int],
        label: str,
    ) -> None:
        """Refuse what would put etcd at risk."""
        alarms = {
            alarm for view in witnesses.values() for one in view.statuses.values() for error in one.errors
            for alarm in _ALARM.findall(error)
        }  # fmt: skip
        if alarms:
            raise Refused(f"etcd has raised an alarm ({', '.join(sorted(alarms))}), which comes first; see {RUNBOOK}")
        if member and not member.learner and any(view.sees(member) for view in witnesses.values()):
            seen = [host for host, view in witnesses.items() if view.sees(member)]
            raise Refused(f"member {label} answers {', '.join(seen)}, so it is not lost")
        if member and any(view.leader == member.id for view in witnesses.values()):
            raise Refused(f"member {label} is the leader of etcd, so it is not lost")
        voters = [one for one in others if not one.learner]
        if not voters:
            raise Refused(f"member {label} is the only one, and its data are all that there is; see {RUNBOOK}")
        unready = [one.label for one in others if one.learner or not one.name]
        if unready:
            raise Refused(
                f"another member is being added: {', '.join(unready)}; it must become a voter, or be removed, first"
            )
        left = sum(one.id in healthy for one in voters)
        needed = quorum(len(voters))
        if left < needed:
            doubtful = ", ".join(one.label for one in voters if one.id not in healthy)
            raise Refused(
                f"without {label} {left} of {len(voters)} members would be known to be healthy, and {needed}"
                " must be for etcd to"
                f" work: look at {doubtful} first"
            )

    def _without(self, member: Member | None, host: str, helper: str) -> Plan:
        """Take a member from the list whose machine is gone."""
        if member is None:
            return Plan()
        if host and not self.hosts[host].trouble:
            raise Refused(f"{host} answers, so the machine of member {member.label} is not gone")
        step = Step.REMOVE if Step.KEEP in self.done else Step.KEEP
        return Plan("", step, host, member.name, f"{member.id:x}", ", ".join(member.peer_urls), helper, helper)

    def _identity(self, member: Member | None, host: str, known: Host, view: View) -> tuple[str, str]:
        """The member's name and peer URL, which must be its host's own, and fit to stand in a command."""
        text = view.manifest if view.manifest is not None else view.saved
        if text is None:
            raise Refused(
                f"{host} has no manifest of etcd, neither in /etc/kubernetes/manifests nor kept by an earlier"
                " run: put it"
                " into /etc/kubernetes/manifests"
            )
        flags = _flags(text)
        name, url = flags.get("--name", ""), flags.get("--initial-advertise-peer-urls", "")
        try:
            check_node_name(name)
        except InvalidName as exc:
            raise Refused(f"{host}: the manifest of etcd has a name that it must not have: {exc}") from None
        if name != known.node or (member and member.name and member.name != name):
            raise Refused(
                f"{host}: the manifest of etcd names member {name}, the node is {known.node or 'not known'}"
                + (f", the list of members has {member.label}" if member and member.name else "")
            )
        if not _address_of(url):
            raise Refused(
                f"{host}: the manifest of etcd has peer URL {url!r}, expected https://ADDRESS:PORT and only one"
            )
        if _address_of(url) not in view.addresses:
            raise Refused(f"{host}: the manifest of etcd has peer URL {url}, and the host has no such address")
        if member and member.peer_urls != (url,):
            raise Refused(
                f"{host}: the manifest of etcd has peer URL {url}, the list of members {', '.join(member.peer_urls)}"
            )
        return name, url

    def _step(
        self,
        member: Member | None,
        members: Sequence[Member],
        host: str,
        view: View,
        witnesses: Mapping[str, View],
        name: str,
        url: str,
    ) -> tuple[Step, str, str]:
        member_id = f"{member.id:x}" if member else ""
        if member and member.learner and all(one.sees(member) for one in witnesses.values()):
            return Step.PROMOTE, member_id, ""
        if Step.ENTER in self.done:
            raise Refused(f"{host}: the new member {name} was started and is not well; run this again to begin anew")
        # A manifest that could not join is refused before anything is changed, and not when there is no way back.
        joining((view.manifest if view.manifest is not None else view.saved) or "", name, url, members)
        if Step.KEEP not in self.done:
            return Step.KEEP, member_id, ""
        if not view.is_out:
            if Step.OUT in self.done:
                raise Refused(
                    f"{host}: etcd was taken out of the way and is there again; somebody else is at work on it"
                )
            return Step.OUT, member_id, ""
        if member is None:
            return Step.ADD, "", ""
        # What may have run under an ID without its data must never run under it again, so it gets a new one.
        if not (member.learner and not member.name and member_id == self.added):
            return Step.REMOVE, member_id, ""
        if view.saved is None:
            raise Refused(f"{host}: the manifest of etcd that was kept is gone")
        return Step.ENTER, member_id, joining(view.saved, name, url, members)

    def _last(self, witnesses: Mapping[str, View], member: Member, host: str, view: View) -> Plan:
        """The new member is a voter; its host's API server must be back, too."""
        waited = self.done.count(Step.READY)
        if view.ready:
            step = Step.FINISH
        elif waited == 1 and Step.KUBELET not in self.done:
            # It holds back what has failed often, and forgets that when it is restarted.
            step = Step.KUBELET
        elif waited < PATIENCE:
            step = Step.READY
        else:
            raise Refused(
                f"{host}: its member {member.label} of etcd is replaced and healthy, but its API server is not"
                " ready after"
                f" {waited} minutes: see its log, and run this again"
            )
        return Plan(
            "", step, host, member.name, f"{member.id:x}", ", ".join(member.peer_urls), next(iter(witnesses)), host
        )


def _line(text: str) -> str:
    line = printable(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


# --- the manifest


def _flags(manifest: str) -> dict[str, str]:
    """The flags of etcd's command by name."""
    found: dict[str, str] = {}
    for line in manifest.split("\n"):
        match = _FLAG.match(line)
        if match:
            found[match[3]] = match[4] or ""
    return found


def joining(manifest: str, name: str, url: str, members: Sequence[Member]) -> str:
    """The manifest with which a member that was just added joins a cluster that exists, all other lines as they were.

    Without ``--initial-cluster-state=existing`` etcd would begin an empty cluster on an empty disk.

    :raises Refused: the manifest, or the list of members, is not what kubeadm makes.
    """
    import base64

    hazard = etcd_hazard(base64.b64encode(manifest.encode()).decode())
    if hazard:
        raise Refused(f"the manifest of etcd {hazard}")
    known = []
    for one in members:
        own = name if not one.name and one.peer_urls == (url,) else one.name
        try:
            check_node_name(own)
        except InvalidName:
            raise Refused(f"member {one.id:x} of etcd has a name that it must not have: {own[:80]!r}") from None
        if not one.peer_urls or not all(_address_of(peer) for peer in one.peer_urls):
            raise Refused(f"member {own} has peer URLs {', '.join(one.peer_urls)!r}, expected https://ADDRESS:PORT")
        known += [f"{own}={peer}" for peer in one.peer_urls]
    wanted = {"--initial-cluster": ",".join(known), "--initial-cluster-state": "existing"}
    lines, seen = [], 0
    for line in manifest.split("\n"):
        match = _FLAG.match(line)
        if not match or match[3] not in wanted:
            lines.append(line)
        elif match[3] == "--initial-cluster":
            # With its value on the next line it would leave that behind.
            seen += 1 if match[4] else 2
            lines += [f"{match[1]}{match[2]}{flag}={value}{match[2]}{match[5]}" for flag, value in wanted.items()]
    made = "\n".join(lines)
    before, after = _command(manifest), _command(made)
    rest = [word for word in before if word.partition("=")[0] not in wanted]
    if seen != 1 or sorted(after) != sorted([*rest, *(f"{flag}={value}" for flag, value in wanted.items())]):
        raise Refused(
            "the manifest of etcd does not have --initial-cluster once, on a line of its own, as kubeadm writes it"
        )
    return made


def _command(manifest: str) -> list[str]:
    """The command of container etcd as kubelet would run it; empty if it cannot be read."""
    import yaml

    try:
        [container] = [one for one in yaml.safe_load(manifest)["spec"]["containers"] if one["name"] == "etcd"]
        return [str(word) for key in ("command", "args") for word in container.get(key) or ()]
    except Exception:
        return []
