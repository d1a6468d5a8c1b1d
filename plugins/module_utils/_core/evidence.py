# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The evidence bundle of a node: what its host has told before the first repair that ends what runs there. Pure.

Secrets are left out, and a bundle is never larger than its limit, whatever the host has said. Too much is left out
rather than too little: a word less in a journal costs nobody a cluster.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.model import Bundle
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.text import printable

SCHEMA = 1
LEFT_OUT = "<left-out>"
# No file name may have more than 255 characters, and a node's name alone may have 253.
NODE_LENGTH = 150
# Bytes of the bundle before it is compressed, and of what stands in front of its sections.
LIMIT_RANGE = (64 * 1024, 16 * 1024 * 1024)
HEAD_BYTES = 8192
# The same of one section for its name, its command and its numbers.
SECTION_BYTES = 1024
WORD_LENGTH = 200
REASON_LENGTH = 300
LINE_LENGTH = 4000
# No private key has more lines, and a journal that only says BEGIN must not take the rest of itself away.
KEY_LINES = 200
SUFFIX = ".json.gz"

_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_NAME = re.compile(
    r"evidence_(?P<cluster>[0-9a-f-]{16,36})_(?P<node>[a-z0-9][a-z0-9.-]{0,149})_(?P<at>\d{8}T\d{6}Z)\.json\.gz",
    re.ASCII,
)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# What colours a terminal, and what it does not show at all.
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class BundleError(ValueError):
    """What was given for a bundle cannot be one; the message is one line."""


# --- names


def bundle_name(cluster_uid: str | None, node: str, at: datetime) -> str:
    """The name of the file for a node's incident that was opened at that time: only letters that we know get into it.

    :param node: a valid node name.
    """
    cluster = cluster_uid or ""
    if not _UID.fullmatch(cluster):
        cluster = hashlib.sha256(cluster.encode()).hexdigest()[:16]
    if len(node) > NODE_LENGTH:
        digest = hashlib.sha256(node.encode()).hexdigest()[:8]
        node = f"{node[: NODE_LENGTH - 9].rstrip('.-')}-{digest}"
    return f"evidence_{cluster}_{node}_{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def check_bundle_name(name: object) -> str:
    """The name itself when it is one of ours.

    :raises BundleError: for anything else.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise BundleError(f"name {_short(repr(name))} is not the name of an evidence bundle")


def check_bundle(given: Mapping[str, Any] | None) -> Bundle | None:
    """What a run tells of its bundle, or None when it tells nothing.

    :raises BundleError: when it is neither a bundle nor the reason that there is none.
    """
    told = {key: value for key, value in (given or {}).items() if value not in (None, "")}
    if not told:
        return None
    reason = _short(printable(str(told.get("reason", ""))), REASON_LENGTH)
    if reason:
        return Bundle(reason=reason)
    size = told.get("bytes")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise BundleError("evidence: expected a number of bytes above 0, or the reason why there is no bundle")
    if not _SHA256.fullmatch(str(told.get("sha256", ""))):
        raise BundleError("evidence: expected the SHA-256 of the bundle in hexadecimal digits")
    return Bundle(name=check_bundle_name(told.get("name")), sha256=str(told["sha256"]), size=size)


def outdated(names: Mapping[str, float], newest: str, keep: int, days: int, now: float) -> tuple[str, ...]:
    """The bundles of the same cluster that need not be kept any more: never the newest, nor a file that is not ours.

    :param names: what is in the folder, each with its time of writing in seconds since 1970.
    :param newest: the bundle that has just been written.
    """
    own = _NAME.fullmatch(newest)
    if own is None:
        return ()
    found = [
        (written, name)
        for name, written in names.items()
        if name != newest and (other := _NAME.fullmatch(name)) and other["cluster"] == own["cluster"]
    ]
    found.sort(reverse=True)
    return tuple(
        name for place, (written, name) in enumerate(found, start=2) if place > keep or now - written > days * 86400
    )


# --- secrets

_MARK = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# Between a name and what follows it; a question mark stands for what no terminal shows.
_QUOTE = r"\?{0,9}(?:\\*[\"'])?\?{0,9}"
# A word that calls a secret by its name, and what may follow it: client_secret, X-Vault-Token, dbPassword.
_NAMED = (
    r"(?:passw(?:or)?d|passphrase|passwd|\bpwd|secret|token|api-?key|[a-z0-9][_-]key(?![a-z])|private-?key|client-?key"
    r"|key[_-]data|credential|\bauth\b|x-amz-signature|connection[_-]?string)[\w.-]{0,60}"
)
# In quotes of whatever depth, of which one that nobody closes goes on to the end of its line; or a word. What YAML
# puts under its name begins on the next line.
_VALUE = r"(?:[|>][+-]?[ \t]*\n[ \t]*)?(?:(?P<q>\\*[\"'])(?:(?!(?P=q)).)*(?:(?P=q)|$)|[^\s\"']\S*)"


def _keep_first(found: re.Match[str]) -> str:
    return f"{found[1]}{LEFT_OUT}"


def _nothing(_found: re.Match[str]) -> str:
    return LEFT_OUT


def _random(found: re.Match[str]) -> str:
    """A long word of mixed letters and digits is a key; one in lower case is a digest, a path, or a name of a pod."""
    word = found[0]
    mixed = re.search("[a-z]", word) and re.search("[A-Z]", word) and re.search("[0-9]", word)
    return LEFT_OUT if mixed else word


def _rule(pattern: str, made: Callable[[re.Match[str]], str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE), made


# Each takes out one form of a secret. None looks back and forth over long texts, since a host may say anything.
_RULES = (
    # Headers whose value has several words.
    _rule(
        rf"((?:authorization|cookie){_QUOTE}[ \t]*[:=][ \t]*)"
        r"(?:(?P<q>\\*[\"'])(?:(?!(?P=q)).)*(?:(?P=q)|$)|[^\n\"'].*)",
        _keep_first,
    ),
    _rule(r"(\bbearer[ \t]+)[^\s\"',<]\S*", _keep_first),
    _rule(r"(\bbasic[ \t]+)(?-i:(?=\S*[0-9A-Z=]))[A-Za-z0-9+/_-]{6,}={0,2}", _keep_first),
    # name: value at the beginning of a line, as in a file of settings: there a value may have spaces.
    _rule(rf"^([ \t]*(?:-[ \t]+)?[\w.-]{{0,60}}?{_NAMED}[ \t]*:[ \t]+)[^\s\"'{{\[|>&<].*$", _keep_first),
    _rule(rf"({_NAMED}{_QUOTE}[ \t]*[:=]+>?[ \t]*){_VALUE}", _keep_first),
    # The option of a command and its value.
    _rule(rf"((?<![\w-])--?[\w-]{{0,40}}?{_NAMED}[ \t]+)(?!-){_VALUE}", _keep_first),
    _rule(r"(://)[^\s/@:]{0,200}:[^\s@]{1,400}(?=@)", _keep_first),
    _rule(r"(?-i:\beyJ)[a-z0-9_-]{6,}(?:\.[a-z0-9_-]*){0,4}", _nothing),
    _rule(r"(?-i:\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,})", _nothing),
    _rule(
        r"(?-i:\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|AIza|ya29\.|hv[sb]\.|npm_|dop_v1_|sk_live_))[\w.-]{8,}",
        _nothing,
    ),
    # A token by which a machine joins with kubeadm.
    _rule(r"(?-i:(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-]))", _nothing),
    _rule(r"[a-z0-9+/_-]{40,}={0,2}", _random),
)


def clean_lines(text: str) -> list[str]:
    """The lines of the text, of which none does anything to a terminal, and none is longer than a screen or two."""
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = []
    for line in plain.split("\n"):
        shown = printable(line)
        if len(shown) > LINE_LENGTH:
            # A word that is cut in two may be a secret that nobody knows by its half any more.
            shown = f"{shown[:LINE_LENGTH].rpartition(' ')[0]} ..."
        lines.append(shown)
    return lines


def redact(text: str) -> tuple[str, int]:
    """The text without its secrets, each line fit for a terminal, and how many places were left out."""
    text = "\n".join(_without_keys(clean_lines(text)))
    for pattern, made in _RULES:
        text = pattern.sub(made, text)
    return text, text.count(LEFT_OUT)


def _without_keys(lines: list[str]) -> list[str]:
    """The lines without those of private keys, also of one whose beginning or end was cut off."""
    kept: list[str] = []
    ends = -1
    for place, line in enumerate(lines):
        marks = [found[1] for found in _MARK.finditer(line)]
        if "END" in marks and place > ends and marks[0] == "END":
            # Nobody has seen where it began.
            del kept[max(0, len(kept) - KEY_LINES) :]
            kept.append(LEFT_OUT)
        elif marks and place > ends:
            kept.append(LEFT_OUT)
        if marks and marks[-1] == "BEGIN":
            ends = place + KEY_LINES
        elif marks:
            ends = place
        if not marks and place > ends:
            kept.append(line)
    return kept


# --- the bundle


@dataclass(frozen=True)
class Section:
    """What one command of the host has printed.

    ``tail`` says that the end of the output matters, as in a journal; ``share`` is its part of the bundle among the
    others, and ``limit`` how many bytes the host has sent of it at most. ``trouble`` is why there is nothing more.
    """

    name: str
    command: str
    text: str
    share: int = 1
    tail: bool = False
    limit: int = 0
    rc: int | None = None
    trouble: str = ""


def limits(shares: Mapping[str, int], limit: int) -> dict[str, int]:
    """How many bytes each section has, so that all of them fit into the bundle.

    :raises BundleError: when there is too little room for that, or too much was wished for.
    """
    if not LIMIT_RANGE[0] <= limit <= LIMIT_RANGE[1]:
        raise BundleError(f"max_bytes: expected bytes from {LIMIT_RANGE[0]} to {LIMIT_RANGE[1]}, got {limit}")
    room = limit - HEAD_BYTES - len(shares) * SECTION_BYTES
    whole = sum(max(1, share) for share in shares.values())
    if shares and room // whole < 1:
        raise BundleError(f"max_bytes: {limit} has no room for {len(shares)} sections")
    return {name: max(1, share) * room // whole for name, share in shares.items()}


def render(about: Mapping[str, Any], sections: Iterable[Section], limit: int) -> str:
    """The bundle as JSON of at most so many bytes, a line of a section on a line of its own.

    :param about: what the bundle is about: texts and numbers.
    :raises BundleError: see ``limits``.
    """
    sections = tuple(sections)
    room = limits({f"{place}": one.share for place, one in enumerate(sections)}, limit)
    head = {_short(str(key), 40): _plain(value) for key, value in list(about.items())[:20]}
    told = [_told(one, room[f"{place}"]) for place, one in enumerate(sections)]
    return json.dumps({"schema": SCHEMA, **head, "sections": told}, ensure_ascii=False, indent=1)


def _told(section: Section, room: int) -> dict[str, Any]:
    raw = section.text
    # What the host has cut off begins or ends in the middle of a line, where a secret may have lost its name.
    cut_there = section.limit > 0 and len(raw.encode("utf-8", "replace")) >= section.limit
    if cut_there:
        raw = raw.partition("\n")[2] if section.tail else raw.rpartition("\n")[0]
    text, secrets = redact(raw)
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    kept = _within(lines, room, section.tail)
    told: dict[str, Any] = {
        "name": _short(section.name, 60),
        "command": _short(redact(section.command)[0].replace("\n", " "), WORD_LENGTH),
        "exit_code": section.rc,
        "cut": cut_there or len(kept) < len(lines),
        "secrets_left_out": secrets,
    }
    if section.trouble:
        told["trouble"] = _short(redact(section.trouble)[0].replace("\n", " "), WORD_LENGTH)
    return {**told, "lines": kept}


def _within(lines: Sequence[str], room: int, tail: bool) -> list[str]:
    """As many of the lines as have room, the last ones or the first ones of them."""
    kept: list[str] = []
    for line in reversed(lines) if tail else lines:
        size = _size(line)
        if size > room:
            break
        room -= size
        kept.append(line)
    return kept[::-1] if tail else kept


def _size(line: str) -> int:
    """The bytes of a line in the bundle: its JSON, what it is indented by, a comma and the end of the line."""
    return len(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")) + 8


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _short(redact(str(value))[0].replace("\n", " "), WORD_LENGTH)


def _short(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
