# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""From a node's ``spec.providerID`` to the machine at its provider.

Whoever may write nodes can write any text there, and the parts end in URLs and command lines. So each form is known to
the letter, and anything else is an error: no part can hold a space or a quote, or begin with a dash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MAX_LENGTH = 1024

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_PLACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?"
# Azure's resource groups may have brackets, too, and end in anything but a dot.
_GROUP = r"[A-Za-z0-9_(][A-Za-z0-9_.()-]{0,88}[A-Za-z0-9_()-]|[A-Za-z0-9_]"
_AZURE = rf"/subscriptions/{_UUID}/resource[Gg]roups/(?:{_GROUP})/providers/Microsoft\.Compute"
_MACHINE = rf"/virtualMachines/{_NAME}"
_IN_SET = rf"/virtualMachineScaleSets/{_NAME}/virtualMachines/{_NAME}"

# Scheme to the provider's name here, and the forms of what comes after the scheme.
_FORMS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        # The zone of a Local Zone is its region's name with more: us-west-2-lax-1a. Fargate has another form.
        "aws": (
            "aws",
            (
                r"/(?P<zone>(?P<region>[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2})(?:-[a-z]{3,5}-[0-9]{1,2})?[a-z])"
                r"/(?P<instance>i-[0-9a-f]{8,17})",
                r"/?(?P<instance>i-[0-9a-f]{8,17})",
            ),
        ),
        "azure": ("azure", (rf"/?(?P<resource_id>{_AZURE}{_MACHINE})", rf"/?(?P<resource_id>{_AZURE}{_IN_SET})")),
        "civo": ("civo", (rf"/?(?P<instance>{_UUID})",)),
        # A project of a domain is example.com:project.
        "gce": (
            "gcp",
            (
                r"(?P<project>(?:[a-z0-9][a-z0-9.-]{0,100}[a-z0-9]:)?[a-z][a-z0-9-]{4,28}[a-z0-9])"
                rf"/(?P<zone>(?P<region>[a-z]+-[a-z]+[0-9]{{1,2}})-[a-z])/(?P<instance>{_PLACE})",
            ),
        ),
        "hcloud": ("hetzner", (r"(?P<instance>[1-9][0-9]{0,18})",)),
        "kind": ("kind", (rf"(?:docker|podman|nerdctl)/{_NAME}/(?P<instance>{_NAME})",)),
        "openstack": ("openstack", (rf"(?:/|(?P<region>{_NAME})/)(?P<instance>{_UUID})",)),
    }
)


class ProviderIdError(ValueError):
    """A providerID that is not known to the letter; the message is one line that says so."""


@dataclass(frozen=True)
class Machine:
    """A machine at its provider.

    :ivar provider: aws, azure, civo, gcp, hetzner, kind or openstack.
    :ivar parts: what the provider wants to be told, by name: ``instance``, and where the form has it ``region``,
        ``zone`` and ``project``; for Azure ``resource_id`` alone.
    """

    provider: str
    parts: Mapping[str, str]


def parse_provider_id(text: object) -> Machine:
    """The machine that a providerID names.

    >>> parse_provider_id("aws:///eu-west-1a/i-0123456789abcdef0").parts["region"]
    'eu-west-1'

    :raises ProviderIdError: for a form that is not known, whoever wrote it.
    """
    if isinstance(text, str) and len(text) <= MAX_LENGTH:
        scheme, separator, rest = text.partition("://")
        provider, forms = _FORMS.get(scheme, ("", ())) if separator else ("", ())
        for form in forms:
            found = re.fullmatch(form, rest, re.ASCII)
            if found:
                parts = {name: part for name, part in found.groupdict().items() if part is not None}
                return Machine(provider, parts)
    shown = ascii(text)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    raise ProviderIdError(
        f"providerID {shown} names no machine that can be rebooted: expected one that begins with"
        f" {', '.join(f'{scheme}://' for scheme in _FORMS)} and goes on as its provider writes it"
    )
