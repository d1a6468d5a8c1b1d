# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""The drivers of node_reboot, node_replace and node_fence: what each needs, as data, and whether options give it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.provider_id import (
    ProviderIdError,
    parse_provider_id,
)


@dataclass(frozen=True)
class Driver:
    """One way to restart, replace or fence a machine. A new one is one line here, and its files in the role.

    :ivar about: what it does, for the documentation.
    :ivar answers: whether the host must answer for it; a dead host is rebooted by somebody else.
    :ivar asks_who: whether it finds the machine by the node alone, and has its provider say that it is the node's.
    :ivar turns_on: whether it may turn on a machine that is off, so that the role has to ask for that before.
    :ivar tells_uuid: whether it can be asked for the system UUID of the machine that it means.
    :ivar own_boot_id: whether another start has another boot ID; containers have that of the machine they are on.
    :ivar provider: whose providerID gives it options; ``*`` for anybody's.
    :ivar required: options that it cannot do without.
    :ivar either: of each of these groups one must be there with all of its options.
    :ivar environment: variables of the controller's environment that stand for an option.
    :ivar module: what an optional collection must have.
    :ivar package: the Python package that the module needs on the controller, for people.
    :ivar program: what must be on the controller's path.
    """

    about: str
    answers: bool = False
    asks_who: bool = False
    turns_on: bool = False
    tells_uuid: bool = False
    own_boot_id: bool = True
    provider: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    package: str = ""
    program: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Every option that it knows."""
        return tuple(
            dict.fromkeys([*self.required, *self.optional, *(name for group in self.either for name in group)])
        )


# Whatever it does to the machine.
_COMMAND = Driver(
    "a command of your own on the controller",
    provider="*",
    required=("argv",),
    optional=("instance", "region", "zone", "project"),
)

DRIVERS: Mapping[str, Driver] = MappingProxyType(
    {
        "azure": Driver(
            "Azure restarts the virtual machine, alone or of a scale set",
            turns_on=True,
            provider="azure",
            required=("resource_id",),
            module="azure.azcollection.azure_rm_resource",
            package="azure.azcollection's requirements.txt",
        ),
        "civo": Driver(
            "Civo's API cuts the instance's power and boots it again",
            provider="civo",
            required=("instance", "region", "token"),
            optional=("hard", "url"),
            environment={"region": "CIVO_REGION", "token": "CIVO_TOKEN", "url": "CIVO_API_URL"},
        ),
        "command": _COMMAND,
        "docker": Driver(
            "the engine of a kind cluster kills the node's container and starts it again",
            own_boot_id=False,
            provider="kind",
            required=("instance",),
            optional=("engine",),
        ),
        "ec2": Driver(
            "EC2 reboots the instance, and after some minutes resets one that does not obey",
            provider="aws",
            required=("instance", "region"),
            optional=("profile", "url"),
            environment={"region": "AWS_REGION", "profile": "AWS_PROFILE", "url": "AWS_ENDPOINT_URL_EC2"},
            package="boto3",
        ),
        "gcp": Driver(
            "Google Cloud resets the instance",
            provider="gcp",
            required=("instance", "project", "zone", "token"),
            optional=("url",),
            environment={"token": "GCP_ACCESS_TOKEN"},
        ),
        "hetzner": Driver(
            "Hetzner Cloud resets the server",
            turns_on=True,
            provider="hetzner",
            required=("instance", "token"),
            optional=("url",),
            environment={"token": "HCLOUD_TOKEN"},
        ),
        "ipmi": Driver(
            "the machine's BMC resets it, or turns it on",
            turns_on=True,
            required=("bmc", "username", "password"),
            optional=("port",),
            module="community.general.ipmi_power",
            package="pyghmi",
        ),
        "libvirt": Driver(
            "libvirt resets the domain",
            turns_on=True,
            required=("instance",),
            optional=("url",),
            program="virsh",
        ),
        "openstack": Driver(
            "Nova reboots the server hard",
            turns_on=True,
            provider="openstack",
            required=("instance", "cloud"),
            optional=("region", "hard"),
            environment={"cloud": "OS_CLOUD"},
            module="openstack.cloud.server_action",
            package="openstacksdk",
        ),
        "redfish": Driver(
            "the machine's BMC resets it",
            turns_on=True,
            required=("bmc",),
            either=(("username", "password"), ("token",)),
            optional=("system", "validate_certs", "ca_path"),
            module="community.general.redfish_command",
        ),
        "ssh": Driver(
            "the host is asked over its connection; one whose systemd hangs is reset", answers=True, optional=("grace",)
        ),
    }
)

# Each of them has the machine that was there proven gone, and another one made by whoever makes them.
REPLACERS: Mapping[str, Driver] = MappingProxyType(
    {
        "cluster_api": Driver(
            "Cluster API deletes the node's Machine, and the set that owns it makes a new one",
            asks_who=True,
            required=("kubeconfig",),
            optional=("context", "api_version"),
            environment={"kubeconfig": "SELFHEAL_MANAGEMENT_KUBECONFIG"},
            module="kubernetes.core.k8s",
            package="kubernetes",
        ),
        "command": _COMMAND,
        "docker": Driver(
            "the node's container of a kind cluster is made anew from its image, and joins by a token",
            provider="kind",
            required=("instance",),
        ),
        "ec2_asg": Driver(
            "EC2 Auto Scaling terminates the instance, and its group launches a new one",
            provider="aws",
            required=("instance", "region"),
            optional=("profile", "url"),
            environment={"region": "AWS_REGION", "profile": "AWS_PROFILE", "url": "AWS_ENDPOINT_URL"},
            package="boto3",
        ),
    }
)
# Each of them is asked whether the machine is off, and may be asked to cut its power.
FENCERS: Mapping[str, Driver] = MappingProxyType(
    {
        "command": _COMMAND,
        "docker": Driver(
            "the engine of a kind cluster kills the node's container",
            provider="kind",
            required=("instance",),
            optional=("engine",),
        ),
        # Asked as for a reboot, and for something else.
        "libvirt": replace(
            DRIVERS["libvirt"], about="libvirt cuts the domain's power", turns_on=False, tells_uuid=True
        ),
        "redfish": replace(
            DRIVERS["redfish"], about="the machine's BMC cuts its power", turns_on=False, tells_uuid=True
        ),
    }
)
# By what is done to the machine: who can do it, and how that is said.
DEEDS: Mapping[str, Mapping[str, Driver]] = MappingProxyType(
    {"reboot": DRIVERS, "replace": REPLACERS, "fence": FENCERS}
)

# What may stand in an option that names something: no option of a program, no path, no part of a URL but one.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}"
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "api_version": r"cluster\.x-k8s\.io/v[0-9a-z]{1,20}",
        "bmc": r"[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]{0,252}",
        "instance": _NAME,
        "project": r"[a-z0-9][a-z0-9.:-]{0,150}",
        "region": r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
        "resource_id": r"(?:/[A-Za-z0-9_(][A-Za-z0-9_.()-]{0,99}){4,20}",
        "system": _NAME,
        "zone": r"[A-Za-z0-9][A-Za-z0-9-]{0,62}",
    }
)
# What the providerID of every provider gives.
_BY_ID = ("instance", "resource_id")
# How programs and libraries say that they have had no answer, so that nobody knows whether they were obeyed.
_NO_ANSWER = re.compile(
    r"time[sd]? ?-?out|expected time frame|no answer|closed by remote host|remote end closed|incomplete ?read"
    r"|broken pipe"
    r"|connection (?:to \S+ )?(?:was |has been )?(?:reset|aborted|closed|broken|lost)|reply was lost|\beof\b"
    r"|\bhttp(?: error| status)?:? 50[0234]\b|\b50[0234] (?:internal|bad gateway|service|gateway)",
    re.IGNORECASE,
)
# What was never sent, though its words may speak of a time limit.
_NOT_SENT = re.compile(r"unsupported parameters|unrecognized arguments|usage:|missing required|quota", re.IGNORECASE)
_TIMED_OUT = (124, 137)
_SERVER_ERRORS = (-1, 500, 502, 503, 504)
_WORD = re.compile(r"\{[A-Za-z_]+\}")


class WordError(ValueError):
    """A command that cannot be made; the message is one line that says why."""


def options_for(
    name: str, given: Mapping[str, Any], provider_id: str, environ: Mapping[str, str], deed: str = "reboot"
) -> tuple[dict[str, Any], list[str]]:
    """What a driver is to work with, and every mistake in it as one line each.

    The given options win over what the providerID says, but for the machine itself: one name given for a group of hosts
    would have the same machine rebooted for each of them. What the environment gives stays there, since the modules
    read it themselves.

    :param deed: a key of ``DEEDS``.
    """
    driver = DEEDS[deed].get(name)
    if driver is None:
        return {}, [f"there is no driver {name!r}: expected one of {', '.join(sorted(DEEDS[deed]))}"]
    given = {option: value for option, value in given.items() if value is not None}
    options, mistakes = _named_by(name, driver, provider_id, deed)
    if driver.provider != "*":
        mistakes += [
            f"{option} {ascii(given[option])[:80]} is not the machine that the node's providerID names,"
            f" {options[option]}"
            for option in _BY_ID
            if option in given and str(given[option]).lower() != options.get(option, str(given[option])).lower()
        ]
    options |= given
    unknown = sorted(set(given) - set(driver.options))
    if unknown:
        known = ", ".join(driver.options) or "none"
        mistakes.append(f"driver {name} has no option {', '.join(unknown)}: it knows {known}")
    for option, pattern in _PATTERNS.items():
        if option in options and not re.fullmatch(pattern, str(options[option]), re.ASCII):
            shown = ascii(options[option])[:80]
            mistakes.append(
                f"{option} {shown} is not valid: expected letters, digits and dashes, a letter or digit first"
            )
    mistakes += list(_missing(name, driver, options, environ))
    return options, mistakes


def unnamed(name: str, given: Mapping[str, Any], provider_id: str, deed: str = "reboot") -> str:
    """Why a driver's machine cannot be known for the node's without asking its host who it is, or an empty text.

    A providerID comes from the cluster and names one machine; what an inventory says may be another one's, and so may
    the same name in another project or zone.
    """
    driver = DEEDS[deed].get(name)
    if driver is None:
        return f"there is no driver {name!r}"
    if driver.asks_who:
        return ""
    options, mistakes = _named_by(name, driver, provider_id, deed)
    if mistakes or not any(option in options for option in _BY_ID):
        return f"the node's providerID {ascii(provider_id)[:80]} names no machine to driver {name}"
    if driver.provider == "*" and not any(f"{{{option}}}" in (given.get("argv") or ()) for option in _BY_ID):
        return "argv has no word {instance}, so the command does not know which machine is meant"
    return "; ".join(contradictions(name, given, provider_id, deed))


def contradictions(name: str, given: Mapping[str, Any], provider_id: str, deed: str = "reboot") -> list[str]:
    """Each option that names another machine, or another place for it, than the providerID does."""
    driver = DEEDS[deed].get(name)
    options = _named_by(name, driver, provider_id, deed)[0] if driver else {}
    return [
        f"{option} {ascii(given[option])[:80]} is not the one that the node's providerID names, {value}"
        for option, value in options.items()
        if given.get(option) is not None and str(given[option]).lower() != str(value).lower()
    ]


def _named_by(name: str, driver: Driver, provider_id: str, deed: str) -> tuple[dict[str, Any], list[str]]:
    if not provider_id or not driver.provider:
        return {}, []
    try:
        machine = parse_provider_id(provider_id)
    except ProviderIdError as exc:
        # A command of somebody's own may know machines that we do not.
        return {}, [] if driver.provider == "*" else [str(exc)]
    if driver.provider not in ("*", machine.provider):
        return {}, [f"the node is a machine of {machine.provider} by its providerID, which driver {name} cannot {deed}"]
    return {option: part for option, part in machine.parts.items() if option in driver.options}, []


def _missing(name: str, driver: Driver, options: Mapping[str, Any], environ: Mapping[str, str]) -> Iterable[str]:
    def there(option: str) -> bool:
        variable = driver.environment.get(option)
        return options.get(option) not in (None, "", []) or bool(variable and environ.get(variable))

    def called(option: str) -> str:
        variable = driver.environment.get(option)
        return f"{option} (or {variable} in the controller's environment)" if variable else option

    for option in driver.required:
        if not there(option):
            by_id = ", which the node's providerID does not give" if option in _BY_ID and driver.provider else ""
            yield f"driver {name} needs option {called(option)}{by_id}"
    if driver.either and not any(all(there(option) for option in group) for group in driver.either):
        groups = " or ".join(" and ".join(called(option) for option in group) for group in driver.either)
        yield f"driver {name} needs {groups}"


def has_no_answer(result: Mapping[str, Any]) -> bool:
    """Whether a request for a reboot, which has failed, may have been obeyed all the same.

    :param result: what Ansible tells of the task. Our own modules say it by their ``error_class``, connections and time
        limits by theirs; only of what others say the words have to be read.
    """
    kind = str(result.get("error_class") or "")
    if kind:
        return kind == "ReplyLost"
    if result.get("unreachable") or result.get("timedout") or result.get("rc") in _TIMED_OUT:
        return True
    words = " ".join(str(result.get(key) or "") for key in ("msg", "stdout", "stderr"))
    if _NOT_SENT.search(words):
        return False
    return result.get("status") in _SERVER_ERRORS or _NO_ANSWER.search(words) is not None


def fill_words(argv: Iterable[object], names: Mapping[str, str]) -> list[str]:
    """The words of a command, with each placeholder replaced by what it stands for.

    A placeholder is a whole word, as ``{instance}``, so that what it stands for can be no more than one argument.

    :param names: placeholder, without its braces, to what it stands for; an empty one is not known.
    :raises WordError: a placeholder that is not known, or is only a part of a word; or no command at all.
    """
    words = []
    for word in argv:
        text = str(word)
        marks = [mark for mark in _WORD.findall(text) if mark[1:-1] in names or mark == text]
        if not marks:
            words.append(text)
        elif text != marks[0]:
            raise WordError(f"argv: placeholder {marks[0]} has to be a word of its own, got {text[:80]!r}")
        elif not names.get(text[1:-1]):
            known = ", ".join(f"{{{name}}}" for name, value in names.items() if value)
            raise WordError(f"argv: nothing is known that {text} could stand for, only {known}")
        else:
            words.append(names[text[1:-1]])
    if not words or not words[0] or words[0].startswith("-"):
        raise WordError("argv: expected a list of words, a program first")
    if any("\0" in word for word in words):
        raise WordError("argv: a word has a zero byte in it")
    return words
