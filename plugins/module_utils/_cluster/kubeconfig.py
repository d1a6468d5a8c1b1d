# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: no promise is made about names or behaviour.

"""Where the API server is and how it knows us, read from a kubeconfig.

The plain cases are read here. The official package is imported for the others alone, because that takes a second.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from ansible_collections.selfheal.kubernetes.plugins.module_utils._cluster.errors import SettingsError

_MISSING = "the Python package {0!r} is missing from {1}, which runs this module: install {2}"
KUBERNETES_MISSING = _MISSING.format("kubernetes", sys.executable, "kubernetes>=30")
YAML_MISSING = _MISSING.format("PyYAML", sys.executable, "PyYAML>=6")
# What else stands in an entry changes nothing for a client, or is for the official package.
_CLUSTER_KEYS = {
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
    "disable-compression",
    "extensions",
}
_USER_KEYS = {
    "token",
    "tokenFile",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "extensions",
}


class KubeconfigError(Exception):
    """The files cannot be used; the text says why."""


def no_headers() -> Mapping[str, str]:
    """The headers of somebody who does not say who they are."""
    return {}


@dataclass(frozen=True)
class Access:
    """Where the API server is, how it is verified, and who we are to it. Certificates and the key are PEM.

    ``headers`` is asked before each request, because what a plugin gave may have run out.
    """

    server: str
    verify: bool = True
    ca: bytes | None = None
    tls_server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    headers: Callable[[], Mapping[str, str]] = field(default=no_headers, repr=False)


def bearer(token: str) -> Callable[[], Mapping[str, str]]:
    """The headers of somebody who has a token."""
    made = {"authorization": f"Bearer {token}"}
    return lambda: made


def load(path: str, context: str | None) -> Access:
    """Read a kubeconfig.

    :param path: a file, or several with the system's separator between them, merged as kubectl does: the first one to
        say something wins.
    :raises SettingsError: when there is none, or it cannot be used.
    """
    parts = [part for part in path.split(os.pathsep) if part]
    files = [file for file in map(os.path.expanduser, parts) if os.path.isfile(file)]
    if not files:
        how = "set kubeconfig (or K8S_AUTH_KUBECONFIG or KUBECONFIG) to a kubeconfig file, or give host and api_key"
        why = ", ".join(f"{part} {_no_file(os.path.expanduser(part))}" for part in parts)
        raise SettingsError(f"no kubeconfig: {why or 'no path is given'}; {how}")
    try:
        merged = _merge(files)
        name = context or merged.current
        if not name:
            raise KubeconfigError("no context is given, and the file has no current-context")
        return _plain(merged, name) or _official(files, name)
    except SettingsError:
        raise
    # Both loaders raise whatever their parsers raise, and every one of them means the same to the user.
    except Exception as exc:
        skipped = [part for part in parts if os.path.expanduser(part) not in files]
        why = ", ".join(f"{part} {_no_file(os.path.expanduser(part))}" for part in skipped)
        # What is missed may well stand in what was left out.
        left_out = f"; left out: {why}" if why else ""
        raise SettingsError(f"kubeconfig {path} cannot be used: {one_line(exc)}{left_out}") from None


def _no_file(path: str) -> str:
    """Why a path is not one of a file."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    # A path that the system does not take at all is a ValueError.
    except (OSError, ValueError) as exc:
        return f"cannot be read ({getattr(exc, 'strerror', None) or exc})"
    return "is a directory" if stat.S_ISDIR(mode) else "is not a file"


def environment_proxy(server: str) -> str | None:
    """The proxy that the environment wants for a server."""
    proxies = getproxies()
    return proxies.get(server.partition("://")[0].lower()) or proxies.get("all")


def proxy_for(server: str, proxy: str | None) -> str | None:
    """The proxy, unless NO_PROXY wants none for this server; NO_PROXY counts for a kubeconfig's proxy as well."""
    return None if proxy is None or _bypasses(server, getproxies().get("no") or "") else proxy


def masked(text: str, address: str) -> str:
    """A text without the user and the password that stand in an address."""
    # A password may hold whatever else an address is made of.
    secret = re.sub(r"\A[a-zA-Z][a-zA-Z0-9+.-]*://", "", address.rpartition("@")[0])
    return text.replace(f"{secret}@", "***@") if secret else text


def one_line(thing: object) -> str:
    """A short text in one line."""
    text = " ".join(str(thing).split()) or type(thing).__name__
    return text if len(text) <= 300 else text[:297] + "..."


@dataclass
class _Merged:
    """Several files as one: each entry with the folder of its file, which relative paths in it start from."""

    current: str = ""
    entries: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)

    def find(self, kind: str, name: object) -> tuple[str, Mapping[str, Any]]:
        found = self.entries[kind].get(str(name))
        if found is None:
            raise KubeconfigError(f"it has no entry {name} in {kind}")
        return found


def _merge(files: Iterable[str]) -> _Merged:
    try:
        import yaml
    except ImportError:
        raise SettingsError(YAML_MISSING) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    merged = _Merged(entries={"clusters": {}, "users": {}, "contexts": {}})
    for file in files:
        with open(file, "rb") as stream:
            content = yaml.load(stream, Loader=loader)  # noqa: S506 (it is the safe one)
        if not isinstance(content, dict):
            raise KubeconfigError(f"{file} is not a mapping")
        merged.current = merged.current or str(content.get("current-context") or "")
        folder = os.path.dirname(os.path.abspath(file))
        for kind, body in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
            for entry in content.get(kind) or ():
                value = entry.get(body) or {}
                if not isinstance(value, dict):
                    raise KubeconfigError(f"an entry of {kind} is not a mapping")
                merged.entries[kind].setdefault(str(entry["name"]), (folder, value))
    return merged


def _plain(merged: _Merged, context_name: str) -> Access | None:
    """The access, or None when it takes the official package to tell."""
    _folder, context = merged.find("contexts", context_name)
    folder, cluster = merged.find("clusters", context.get("cluster"))
    # kubectl takes a context without a user, or with one that is not there, for somebody unknown.
    user_folder, user = merged.entries["users"].get(str(context.get("user") or ""), ("", {}))
    if set(cluster) - _CLUSTER_KEYS or set(user) - _USER_KEYS:
        return None
    server = str(cluster.get("server") or "").rstrip("/")
    if not server:
        raise KubeconfigError(f"the cluster of context {context_name} has no server")
    secure = server.startswith("https")
    token = user.get("token") or (_read(user_folder, user["tokenFile"]).decode() if user.get("tokenFile") else "")
    token = str(token).strip()
    certificate = _data_or_file(user_folder, user, "client-certificate") if secure else None
    key = _data_or_file(user_folder, user, "client-key") if secure else None
    return Access(
        server=server,
        verify=not cluster.get("insecure-skip-tls-verify"),
        ca=_data_or_file(folder, cluster, "certificate-authority") if secure else None,
        tls_server_name=cluster.get("tls-server-name") or None,
        proxy=proxy_for(server, cluster.get("proxy-url") or environment_proxy(server)),
        certificate=certificate,
        key=key,
        headers=bearer(token) if token else no_headers,
    )


def _data_or_file(folder: str, entry: Mapping[str, Any], name: str) -> bytes | None:
    data = entry.get(f"{name}-data")
    if data:
        return base64.standard_b64decode(data)
    return _read(folder, entry[name]) if entry.get(name) else None


def _read(folder: str, path: object) -> bytes:
    with open(os.path.join(folder, str(path)), "rb") as stream:
        return stream.read()


def _official(files: Iterable[str], context: str) -> Access:
    """The same from the official package: plugins that log in, OIDC, user names with passwords."""
    try:
        import kubernetes.client
        import kubernetes.config
    except ImportError:
        raise SettingsError(KUBERNETES_MISSING) from None
    made = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(
        config_file=os.pathsep.join(files), context=context, client_configuration=made, persist_config=False
    )
    lock = threading.Lock()

    def headers() -> Mapping[str, str]:
        # Asking may run the plugin again.
        with lock:
            settings: Mapping[str, Any] = made.auth_settings()
        return {s["key"]: s["value"] for s in settings.values() if s.get("in") == "header" and s.get("value")}

    server = str(made.host).rstrip("/")
    return Access(
        server=server,
        verify=bool(made.verify_ssl),
        ca=_read("", made.ssl_ca_cert) if made.ssl_ca_cert else None,
        tls_server_name=getattr(made, "tls_server_name", None),
        proxy=proxy_for(server, made.proxy or environment_proxy(server)),
        certificate=_read("", made.cert_file) if made.cert_file else None,
        key=_read("", made.key_file) if made.key_file else None,
        headers=headers,
    )


def _bypasses(server: str, no_proxy: str) -> bool:
    """Whether NO_PROXY (comma-separated hosts, domains, networks, or *) names the server, as the official package."""
    try:
        url = urlsplit(server)
    except ValueError:
        return True
    if not url.hostname:
        return True
    host, host_and_port = url.hostname.lower(), url.netloc.lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        if entry == "*":
            return True
        if not entry:
            continue
        if address is not None:
            try:
                if address in ipaddress.ip_network(entry, strict=False):
                    return True
            except ValueError:
                pass
        name = entry.lstrip(".")
        if name in (host, host_and_port) or host.endswith(f".{name}") or host_and_port.endswith(f".{name}"):
            return True
    return False
