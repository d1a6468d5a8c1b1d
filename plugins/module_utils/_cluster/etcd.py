# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""etcd asked itself, through the JSON gateway on its client ports: its members, its leader, its alarms. Only reads.

All endpoints are asked at once. An answer counts for the member that gives it; an address counts only where nobody
answers. A member is not healthy if it says so, or if its machine is there and it does not answer. If its machine could
not be reached, or our certificates are no good there, nobody could ask it.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import (
    SettingsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.kubeconfig import Access, one_line
from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.transport import (
    BrokenConnection,
    Stats,
    Transport,
)
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.objects import Etcd, EtcdMember

DEADLINE = 6.0
CONNECT = 3.0
# Alarms are read through the log, which takes 7 s where there is no majority; what is asked next must not wait for it.
LIST_SECONDS = 2.0
MOST_ENDPOINTS = 32
STATUS = "/v3/maintenance/status"
MEMBERS = "/v3/cluster/member/list"
ALARMS = "/v3/maintenance/alarm"
# An alarm is everybody's, and is told by itself: a member that takes part in all else is not sick because of it.
HEALTH = "/health?exclude=NOSPACE&exclude=CORRUPT"
CORRUPT = "CORRUPT"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")
_ALARM = re.compile(r"memberID:(\d{1,20})\s+alarm:(\w+)")


@dataclass(frozen=True)
class EtcdAccess:
    """Where etcd is, how it is verified, and who we are to it. Certificates and the key are PEM."""

    endpoints: tuple[str, ...]
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)


def etcd_access(
    endpoints: Sequence[str] | None, ca_cert: str | None, client_cert: str | None, client_key: str | None
) -> EtcdAccess | None:
    """How to reach etcd, made of what the user gave; None when nothing was given.

    :raises SettingsError: for the first mistake: something is missing, malformed, or cannot be read.
    """
    files = {"etcd_ca_cert": ca_cert, "etcd_client_cert": client_cert, "etcd_client_key": client_key}
    given = {name: path for name, path in files.items() if path}
    if not endpoints and not given:
        return None
    if not endpoints:
        raise SettingsError(f"etcd_endpoints is missing, and {' and '.join(given)} cannot be used without it")
    addresses = tuple(dict.fromkeys(map(_checked, endpoints)))
    if len(addresses) > MOST_ENDPOINTS:
        raise SettingsError(f"etcd_endpoints: expected at most {MOST_ENDPOINTS} addresses, got {len(addresses)}")
    # Only a loopback address may go without: all four or none, for whoever has to say who they are.
    missing = [name for name in files if name not in given]
    if missing and (given or any(address.startswith("https:") for address in addresses)):
        raise SettingsError(f"etcd_endpoints needs {' and '.join(missing)} too: give all four, or none")
    if missing:
        return EtcdAccess(addresses)
    ca, certificate, key = (_contents(name, path) for name, path in given.items())
    return EtcdAccess(addresses, ca, certificate, key, _context(given, ca, key))


def read_etcd(access: EtcdAccess, deadline: float = DEADLINE, monotonic: Callable[[], float] = time.monotonic) -> Etcd:
    """Ask every endpoint, all of them within the deadline.

    :raises Unreachable: when none of them answers, or none tells the members.
    :raises Unauthorized: when all of them refuse our certificate.
    :raises SettingsError: when they do not belong to the same etcd.
    """
    said = _ask_all(access, deadline, monotonic)
    answered = [one for one in said if one.member]
    if not answered:
        raise _nobody(said)
    other = next((one for one in answered if one.cluster != answered[0].cluster), None)
    if other is not None:
        raise SettingsError(
            f"etcd_endpoints: {answered[0].endpoint} and {other.endpoint} belong to different etcd clusters"
        )
    # The one that has applied most of the log knows best who is a member.
    best = max((one for one in answered if one.members), key=lambda one: one.applied, default=None)
    if best is None:
        raise Unreachable(f"etcd at {answered[0].endpoint} answers, but no endpoint tells its members")
    listed = best.members
    names = {one.id: one.label for one in listed}
    alarms = _alarms(answered)
    corrupt = {member for member, kind in alarms if kind == CORRUPT}
    return Etcd(
        tuple(sorted((_member(one, said, one.id in corrupt) for one in listed), key=lambda m: m.name)),
        tuple(sorted(f"{names.get(member, f'{member:x}')}: {kind}" if member else kind for member, kind in alarms)),
        _leader(answered, {one.id for one in listed if one.learner}, names),
        direct=True,
    )


# --- what the user gave


def _checked(endpoint: object) -> str:
    """An address in its plain form.

    :raises SettingsError: when it is none.
    """
    text = str(endpoint).strip()
    wrong = SettingsError(f"etcd_endpoints: expected an address like https://10.0.0.1:2379, got {one_line(text)}")
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise wrong from None
    bare = url.path in ("", "/") and not (url.query or url.fragment or "@" in url.netloc)
    if url.scheme not in ("https", "http") or not port or not bare:
        raise wrong
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host) or re.fullmatch(r"[0-9.]+", host):
            raise wrong from None
        loopback = host.lower() == "localhost"
    else:
        if getattr(address, "scope_id", None):
            raise wrong
        loopback, host = address.is_loopback, str(address)
    if url.scheme == "http" and not loopback:
        raise SettingsError(
            f"etcd_endpoints: {one_line(text)} is not encrypted: http is for the machine's own addresses, use https"
        )
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _contents(name: str, path: str) -> bytes:
    try:
        with open(os.path.expanduser(path), "rb") as stream:
            return stream.read()
    except OSError as exc:
        raise SettingsError(f"{name}: {path} cannot be read: {exc.strerror or type(exc).__name__}") from None


def _context(paths: Mapping[str, str], ca: bytes, key: bytes) -> ssl.SSLContext:
    """Find out now, and with the option's name, what would else fail on every endpoint."""
    if b"ENCRYPTED" in key:
        # OpenSSL would ask the terminal for the passphrase, and wait.
        raise SettingsError(f"etcd_client_key: {paths['etcd_client_key']} is encrypted, and there is nobody to ask")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca.decode("ascii"))
    except (ssl.SSLError, ValueError) as exc:
        path = paths["etcd_ca_cert"]
        raise SettingsError(f"etcd_ca_cert: {path} holds no certificate in PEM: {one_line(exc)}") from None
    try:
        context.load_cert_chain(*(os.path.expanduser(paths[n]) for n in ("etcd_client_cert", "etcd_client_key")))
    except (ssl.SSLError, OSError, ValueError) as exc:
        both = f"{paths['etcd_client_cert']} and {paths['etcd_client_key']}"
        raise SettingsError(
            f"etcd_client_cert and etcd_client_key: {both} are no certificate and its key in PEM: {one_line(exc)}"
        ) from None
    return context


# --- one endpoint


class _Mute(Exception):
    """No answer to one question, or none that can be used."""

    def __init__(self, why: str, healthy: bool | None = None, refused: bool = False, hung_up: bool = False) -> None:
        super().__init__(why)
        self.healthy = healthy
        self.refused = refused
        self.hung_up = hung_up


@dataclass
class _Said:
    """What one endpoint said. ``refused``: it does not accept our certificate."""

    endpoint: str
    healthy: bool | None = None
    trouble: str = ""
    refused: bool = False
    status: Mapping[str, Any] = field(default_factory=dict)
    members: Sequence[_Listed] = ()
    alarms: Sequence[Any] | None = None
    addresses: frozenset[tuple[str, int]] = frozenset()

    @property
    def _header(self) -> Mapping[str, Any]:
        header = self.status.get("header")
        return header if isinstance(header, Mapping) else {}

    @property
    def member(self) -> int:
        """The ID of the member that it is; 0 when it did not say."""
        return _number(self._header.get("member_id")) or 0

    @property
    def cluster(self) -> int:
        return _number(self._header.get("cluster_id")) or 0

    @property
    def leader(self) -> int:
        """The ID of the member that leads, as this one sees it; 0 for none."""
        return _number(self.status.get("leader")) or 0

    @property
    def applied(self) -> int:
        return _number(self.status.get("raftAppliedIndex")) or 0

    @property
    def term(self) -> int:
        return _number(self.status.get("raftTerm")) or 0

    @property
    def errors(self) -> list[str]:
        """Its own troubles."""
        return [text for text in self._told if not _ALARM.search(text)]

    @property
    def told_alarms(self) -> set[tuple[int, str]]:
        """The alarms that it has heard of."""
        found = (_ALARM.search(text) for text in self._told)
        return {(int(match[1]), match[2]) for match in found if match}

    @property
    def _told(self) -> list[str]:
        errors = self.status.get("errors")
        return [str(text) for text in errors] if isinstance(errors, list) else []


def _ask_all(access: EtcdAccess, deadline: float, monotonic: Callable[[], float]) -> list[_Said]:
    end = monotonic() + deadline
    pool = ThreadPoolExecutor(len(access.endpoints))
    try:
        begun = [pool.submit(_ask, access, endpoint, end, monotonic) for endpoint in access.endpoints]
        # A resolver that does not answer keeps to no deadline of ours.
        done, _late = wait(begun, timeout=deadline + 1)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return [
        future.result() if future in done else _Said(endpoint, trouble="no answer in time")
        for future, endpoint in zip(begun, access.endpoints, strict=True)
    ]


def _ask(access: EtcdAccess, endpoint: str, end: float, monotonic: Callable[[], float]) -> _Said:
    """Ask one endpoint all there is to know. It keeps its connection from one question to the next."""
    # Never through a proxy: members are asked one by one, and each one's silence means something.
    transport = Transport(
        Access(endpoint, ca=access.ca, certificate=access.certificate, key=access.key), monotonic, Stats()
    )
    said = _Said(endpoint)
    try:
        try:
            said.status = _post(transport, STATUS, {}, end)
        except _Mute as exc:
            raise (_refusal(access, endpoint, end - monotonic()) if exc.hung_up else None) or exc from None
        if not said.member:
            raise _Mute(f"POST {STATUS}: the answer is not that of an etcd member")
        # From its own memory (not linearizable), so it tells them without a majority, too.
        said.members = _Listed.all_of(_list(transport, MEMBERS, {}, end, "members") or ())
        if said.leader == said.member:
            # To ask for them costs an entry in the log; the leader's word is enough.
            said.alarms = _list(transport, ALARMS, {"action": "GET"}, end, "alarms")
        said.healthy, said.trouble = _health(said, transport, end)
    except _Mute as exc:
        said.status = {}
        said.healthy, said.trouble, said.refused = exc.healthy, str(exc), exc.refused
        said.addresses = _addresses(endpoint)
    finally:
        transport.close()
    return said


def _list(transport: Transport, path: str, body: Any, end: float, key: str) -> Sequence[Any] | None:
    """A list out of an answer; None when there is no answer. An empty list is left out of etcd's JSON."""
    try:
        found = _post(transport, path, body, end, LIST_SECONDS).get(key, [])
    except _Mute:
        return None
    return found if isinstance(found, list) else None


def _health(said: _Said, transport: Transport, end: float) -> tuple[bool | None, str]:
    """Whether a member that has told its status is healthy, and why it is not."""
    if said.errors or not said.leader:
        return False, one_line("; ".join(said.errors) or "it knows no leader")
    try:
        status, answer = _send(transport, "GET", HEALTH, None, end)
    except _Mute as exc:
        # It did answer the question before, so this may be the time that has run out.
        return None, str(exc)
    health = str(answer.get("health")).lower()
    reason = str(answer.get("reason") or "")
    if health == "true":
        return True, ""
    if health != "false":
        return None, f"GET /health: HTTP {status}, and not what etcd would say"
    # Releases that do not know how to leave out alarms say so here, or do not give a reason at all.
    if reason.startswith("ALARM") or (not reason and said.told_alarms):
        return True, ""
    return False, one_line(f"its health is false: {reason or 'no reason given'}")


def _post(
    transport: Transport, path: str, body: Mapping[str, Any], end: float, seconds: float = DEADLINE
) -> Mapping[str, Any]:
    status, answer = _send(transport, "POST", path, json.dumps(body).encode(), end, seconds)
    if status == 200:
        return answer
    message = "this is not etcd's client port, or its JSON gateway is switched off" if status == 404 else ""
    message = str(answer.get("message") or message)
    # What only stands in between has no words of etcd's, and says nothing about the member.
    healthy = False if status >= 500 and answer.get("message") else None
    raise _Mute(one_line(f"POST {path}: HTTP {status} {message}"), healthy, status in (401, 403))


def _send(
    transport: Transport, method: str, path: str, body: bytes | None, end: float, seconds: float = DEADLINE
) -> tuple[int, Mapping[str, Any]]:
    """An answer's status and its JSON, which is empty if it has none.

    :raises _Mute: when there is no answer, or it is 200 without JSON.
    """
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "selfheal.kubernetes"}
    try:
        raw = transport.send(method, path, headers, body, end, CONNECT, seconds)
    except (BrokenConnection, Unreachable) as exc:
        raise _explained(exc) from None
    try:
        answer = json.loads(bytes(raw.data))
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return raw.status, answer
    if raw.status == 200:
        raise _Mute(f"{method} {path.partition('?')[0]}: the answer is not that of an etcd member")
    return raw.status, {}


def _explained(exc: BaseException) -> _Mute:
    """Why there was no answer, and whether that is the member's own doing."""
    import urllib3

    unreached = (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)
    late = (TimeoutError, urllib3.exceptions.ReadTimeoutError)
    causes = list(_causes(exc))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _Mute(f"its certificate is not to be trusted: {cause.verify_message or one_line(cause)}")
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            words = str(cause.reason).partition("ALERT_")[2].replace("_", " ").lower()
            return _Mute(f"it does not accept the client certificate: {words}", refused=True)
        if isinstance(cause, ConnectionRefusedError):
            return _Mute("connection refused: nothing listens there", False)
    if any(isinstance(cause, unreached) for cause in causes):
        reason = next((c.strerror for c in causes if isinstance(c, OSError) and c.strerror), "timed out")
        return _Mute(f"it was not reached: {reason}")
    if any(isinstance(cause, late) for cause in causes):
        return _Mute("it takes the connection and does not answer", False)
    return _Mute(one_line(exc), hung_up=any(isinstance(c, ConnectionError | ssl.SSLEOFError) for c in causes))


def _refusal(access: EtcdAccess, endpoint: str, seconds: float) -> _Mute | None:
    """Why somebody hangs up on us, if it is because of our certificate.

    With TLS 1.3 that is looked at when we are already speaking, and what is said about it gets lost now and then. So
    connect once more, say nothing, and listen.
    """
    if access.context is None or seconds <= 0:
        return None
    host, port = next(_key(endpoint))
    try:
        with (
            socket.create_connection((host, port), timeout=min(seconds, LIST_SECONDS)) as plain,
            access.context.wrap_socket(plain, server_hostname=host) as heard,
        ):
            heard.recv(1)
    except OSError as exc:
        told = _explained(exc)
        return told if told.refused else None
    return None


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """An error and what it comes from, which ``from None`` hides from people only; urllib3 keeps some as arguments."""
    while exc is not None:
        yield exc
        yield from (argument for argument in exc.args if isinstance(argument, BaseException))
        exc = exc.__cause__ or exc.__context__


# --- what they said, put together


@dataclass(frozen=True)
class _Listed:
    """A member as another one lists it. One that has not started yet has neither a name nor addresses."""

    id: int
    name: str
    learner: bool
    addresses: frozenset[tuple[str, int]]

    @classmethod
    def all_of(cls, items: Iterable[Any]) -> list[_Listed]:
        """Every member out of an answer; what has no ID is none."""
        return [one for one in (cls.of(item) for item in items if isinstance(item, Mapping)) if one.id]

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> _Listed:
        urls = item.get("clientURLs")
        return cls(
            _number(item.get("ID")) or 0,
            " ".join(str(item.get("name") or "").split())[:253],
            item.get("isLearner") is True,
            frozenset(key for url in (urls if isinstance(urls, list) else ()) for key in _key(url)),
        )

    @property
    def label(self) -> str:
        return self.name or f"{self.id:x}"


def _member(listed: _Listed, said: Sequence[_Said], corrupt: bool) -> EtcdMember:
    own = [one for one in said if one.member == listed.id]
    # If it has several addresses, the best of what it says counts.
    best = max(own, key=lambda one: (one.healthy is True, one.healthy is False), default=None)
    healthy, trouble = (best.healthy, best.trouble) if best else _silence(listed, [o for o in said if not o.member])
    if corrupt:
        healthy, trouble = False, "; ".join(filter(None, ("its data are corrupt", trouble)))
    status = best.status if best else {}
    size, quota = _number(status.get("dbSize")), _number(status.get("dbSizeQuota"))
    return EtcdMember(listed.name, healthy, listed.learner, size, quota, one_line(trouble) if trouble else "")


def _silence(listed: _Listed, silent: Sequence[_Said]) -> tuple[bool | None, str]:
    """What is known about a member that has not answered, and why it is not more."""
    its = [one for one in silent if one.addresses & listed.addresses]
    if its:
        refused = all(one.healthy is False for one in its)
        return False if refused else None, "; ".join(f"{one.endpoint}: {one.trouble}" for one in its)
    if not listed.addresses:
        return None, f"member {listed.id:x} has not started yet"
    known = ", ".join(f"{host}:{port}" for host, port in sorted(listed.addresses))
    others = "".join(f"; {one.endpoint}: {one.trouble}" for one in silent)
    return None, f"its address {known} is not among etcd_endpoints{others}"


def _alarms(answered: Sequence[_Said]) -> set[tuple[int, str]]:
    """Each alarm with the ID of its member, 0 for all of them: by the leader's word, else by what the members heard."""
    leaders = [one for one in answered if one.alarms is not None]
    if not leaders:
        return {alarm for one in answered for alarm in one.told_alarms}
    latest = max(leaders, key=lambda one: one.term)
    found = ((_number(i.get("memberID")) or 0, i.get("alarm")) for i in latest.alarms or () if isinstance(i, Mapping))
    # NONE is 0, which etcd's JSON leaves out.
    return {(member, one_line(kind)) for member, kind in found if kind not in (None, "NONE")}


def _leader(answered: Sequence[_Said], learners: set[int], names: Mapping[int, str]) -> str:
    """The name of the leader by the latest word about it; empty when there is none."""
    # A learner waits for its leader for ever, even for one that is long gone.
    voters = [one for one in answered if one.member not in learners] or answered
    latest = max((one for one in voters if one.leader), key=lambda one: one.term, default=None)
    return "" if latest is None else names.get(latest.leader, f"{latest.leader:x}")


def _nobody(said: Sequence[_Said]) -> Unreachable | Unauthorized:
    by_trouble: dict[str, list[str]] = {}
    for one in said:
        by_trouble.setdefault(one.trouble, []).append(one.endpoint)
    text = one_line("; ".join(f"{', '.join(where)}: {trouble}" for trouble, where in by_trouble.items()))
    if all(one.refused for one in said):
        return Unauthorized(f"etcd does not let us in: {text}")
    return Unreachable(f"no member of etcd has answered: {text}")


def _number(value: object) -> int | None:
    """An integer as the gateway writes it: 64 bits do not fit into a number of JavaScript's, so they are strings."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value) if len(str(value)) <= 20 else None
    except ValueError:
        return None


def _key(url: object) -> Iterator[tuple[str, int]]:
    """Host and port of an address; nothing when it has none."""
    try:
        parts = urlsplit(str(url))
        host, port = parts.hostname, parts.port
    except ValueError:
        return
    if host and port:
        try:
            yield str(ipaddress.ip_address(host)), port
        except ValueError:
            yield host.rstrip("."), port


def _addresses(endpoint: str) -> frozenset[tuple[str, int]]:
    """Every host and port that a silent endpoint stands for: members mostly tell addresses where people give names."""
    found = set(_key(endpoint))
    for host, port in tuple(found):
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        found |= {(str(info[4][0]), port) for info in infos}
    return frozenset(found)
