# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a providerID names, and that nothing but that comes out of it."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from ansible_collections.selfheal.kubernetes.plugins.module_utils._core.provider_id import (
    ProviderIdError,
    parse_provider_id,
)
from hypothesis import example, given
from hypothesis import strategies as st

UUID = "1b2c3d4e-0a1b-4c2d-8e3f-0123456789ab"
AZURE = f"/subscriptions/{UUID}/resourceGroups/MC_my-(prod)_westeurope/providers/Microsoft.Compute"
GOOD = {
    "aws:///eu-west-1a/i-0123456789abcdef0": ("aws", {"region": "eu-west-1", "zone": "eu-west-1a"}),
    "aws:///us-gov-east-1b/i-0a1b2c3d": ("aws", {"region": "us-gov-east-1", "instance": "i-0a1b2c3d"}),
    "aws:///us-west-2-lax-1a/i-0123456789abcdef0": ("aws", {"region": "us-west-2", "zone": "us-west-2-lax-1a"}),
    "aws:///i-0123456789abcdef0": ("aws", {"instance": "i-0123456789abcdef0"}),
    f"azure://{AZURE}/virtualMachines/node-1": ("azure", {"resource_id": f"{AZURE}/virtualMachines/node-1"}),
    f"azure://{AZURE}/virtualMachineScaleSets/pool/virtualMachines/3": (
        "azure",
        {"resource_id": f"{AZURE}/virtualMachineScaleSets/pool/virtualMachines/3"},
    ),
    f"civo://{UUID}": ("civo", {"instance": UUID}),
    "gce://my-project-1/europe-west4-b/gke-pool-1": (
        "gcp",
        {"project": "my-project-1", "zone": "europe-west4-b", "region": "europe-west4", "instance": "gke-pool-1"},
    ),
    "gce://example.com:my-project/us-central1-a/n": ("gcp", {"project": "example.com:my-project"}),
    "hcloud://4711": ("hetzner", {"instance": "4711"}),
    "kind://docker/lab/lab-worker2": ("kind", {"instance": "lab-worker2"}),
    f"openstack:///{UUID}": ("openstack", {"instance": UUID}),
    f"openstack://RegionOne/{UUID}": ("openstack", {"region": "RegionOne", "instance": UUID}),
}
BAD = [
    "",
    "://",
    "aws://",
    "aws:///eu-west-1a/",
    "aws:///eu-west-1a/i-0123456789abcdef0/more",
    "aws:///eu-west-1a/i-0123456789ABCDEF0",
    "aws:///eu-west-1a/fargate-ip-10-0-0-1.eu-west-1.compute.internal",
    "aws:///eu-west-1a/i-0123456789abcdef0\n",
    "aws:///eu-west-1a/i-0123456789abcdef0;reboot",
    f"azure://{AZURE}/virtualMachines/../../x",
    f"azure://{AZURE}/virtualMachines/a?api-version=1",
    f"azure://{AZURE}/disks/d",
    f"civo://{UUID}/../x",
    f"civo://{UUID} ",
    "civo://-rf",
    "gce://my-project-1/europe-west4-b/../x",
    "gce://my-project-1/europe-west4-b/a%2fb",
    "hcloud://0",
    "hcloud://１２",  # Digits, but no ASCII.
    "hcloud://47 11",
    "hrobot://4711",
    "k3s://node",
    "kind://docker/lab/--rm",
    "kind://docker/lab/..",
    "kind://docker/../x",
    "kind://sh/lab/lab-worker",
    "kind://docker/lab/a b",
    "kind://docker/lab/$(reboot)",
    "openstack:///" + UUID.replace("-", ""),
    "vsphere://" + UUID,
    None,
    4711,
    ["aws:///i-0123456789abcdef0"],
    "hcloud://" + "1" * 5000,
]


@pytest.mark.parametrize("text", GOOD)
def test_every_provider_s_form_is_known(text: str) -> None:
    machine = parse_provider_id(text)
    provider, parts = GOOD[text]
    assert machine.provider == provider
    assert dict(machine.parts) | parts == dict(machine.parts)


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text)[:40])
def test_anything_else_is_an_error_in_one_short_line(text: object) -> None:
    with pytest.raises(ProviderIdError) as caught:
        parse_provider_id(text)
    told = str(caught.value)
    assert told.isprintable() and len(told) < 400


# Close to what is good, so that the parts are reached.
ALPHABET = st.sampled_from([*"abci0123/-._:;$`'\"&|<>(){}%?#@ \n\t\0\\", "..", "i-", UUID, "é", "１"])
CUTS = st.tuples(st.integers(0, 99), st.integers(0, 3), st.lists(ALPHABET, max_size=4).map("".join))
TEXTS = st.sampled_from(sorted(GOOD))
NEAR = st.builds(lambda text, cut: text[: cut[0]] + cut[2] + text[cut[0] + cut[1] :], TEXTS, CUTS)
SCHEMES = st.sampled_from(["aws", "azure", "civo", "gce", "hcloud", "kind", "openstack"])


@given(NEAR | st.builds("{}://{}".format, SCHEMES, st.text() | st.lists(ALPHABET).map("".join)) | st.text())
@example("kind://docker/lab/-rm")
def test_nothing_that_comes_out_needs_a_quote_in_a_shell_or_a_url(text: str) -> None:
    try:
        machine = parse_provider_id(text)
    except ProviderIdError:
        return
    for name, part in machine.parts.items():
        assert part and part in text
        if name == "resource_id":
            assert quote(part, safe="/()") == part and "//" not in part
            assert all(step.strip(".") for step in part.strip("/").split("/"))
        else:
            assert quote(part, safe=":") == part
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", part, re.ASCII)
            assert part.strip(".")
