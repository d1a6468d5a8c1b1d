# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The semantic markup of all documentation can be read, and names plugins, roles and options that are there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.parser import Context, parse

from lab.paths import CHECKOUT

OURS = "selfheal.kubernetes."


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Every text for people in a documentation."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, key)
    elif isinstance(value, str) and key in ("description", "details", "short_description", "notes"):
        yield value


def documents() -> Iterator[tuple[str, dom.PluginIdentifier, str | None, Any]]:
    for path in sorted(CHECKOUT.glob("plugins/modules/*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("DOCUMENTATION", "RETURN"):
                here = dom.PluginIdentifier(fqcn=f"{OURS}{path.stem}", type="module")
                yield path.name, here, None, yaml.safe_load(ast.literal_eval(node.value))
    for path in sorted(CHECKOUT.glob("plugins/filter/*.yml")):
        here = dom.PluginIdentifier(fqcn=f"{OURS}{path.stem}", type="filter")
        yield path.name, here, None, yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(CHECKOUT.glob("roles/*/meta/argument_specs.yml")):
        role = path.parent.parent.name
        here = dom.PluginIdentifier(fqcn=f"{OURS}{role}", type="role")
        for entry, spec in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].items():
            yield f"role {role}, {entry}", here, entry, spec


ALL = list(documents())


@pytest.mark.parametrize(
    ("name", "here", "entry", "document"), ALL, ids=[f"{name}-{n}" for n, (name, *_rest) in enumerate(ALL)]
)
def test_the_markup_can_be_read_and_names_what_is_there(
    name: str, here: dom.PluginIdentifier, entry: str | None, document: Any
) -> None:
    for text in texts(document):
        for part in parse(text, Context(current_plugin=here, role_entrypoint=entry), errors="message")[0]:
            assert not isinstance(part, dom.ErrorPart), part.message
            plugin = getattr(part, "plugin", None)
            if plugin is not None and plugin.fqcn.startswith(OURS) and plugin.type == "role":
                specs = CHECKOUT / "roles" / plugin.fqcn.removeprefix(OURS) / "meta" / "argument_specs.yml"
                assert specs.is_file(), plugin
                if isinstance(part, dom.OptionNamePart):
                    options = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"][part.entrypoint][
                        "options"
                    ]
                    assert part.link[0] in options, (text, part.link)
