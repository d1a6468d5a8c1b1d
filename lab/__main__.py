# Copyright (c) 2026, the selfheal.kubernetes authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m lab``: real kind clusters on this machine."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

from lab import engine, golang, host, image, kind, node_image, store
from lab.cluster import Cluster, every_cluster, remove_network
from lab.engine import docker
from lab.paths import cache_root
from lab.progress import step
from lab.shell import LabError, Stopped, interruptible

Call = Callable[[argparse.Namespace], None]
# Below cache_root(); other parts of the project keep their own things beside these.
OUR_FOLDERS = ("bin", "clusters", "go", "go-wheel", "locks", "logs", "rootfs", "tmp")


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 for success, 2 for something that a person can put right, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.call(options)
    except (Stopped, KeyboardInterrupt):
        print("lab: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    return 0


def _up(options: argparse.Namespace) -> None:
    cluster = Cluster(options.name, options.shape, options.timers).up()
    if options.json:
        print(json.dumps(_told(cluster), indent=2))
    else:
        print(f'cluster {cluster.name} is ready; eval "$(python -m lab env --name {cluster.name})" to use it')


def _down(options: argparse.Namespace) -> None:
    with interruptible():
        Cluster(options.name).down()


def _status(options: argparse.Namespace) -> None:
    up = engine.answers()
    pid = engine.our_pid()
    tag = node_image.tag()
    made = up and docker("image", "inspect", tag, check=False).returncode == 0
    clusters = [_told(cluster) for cluster in every_cluster()]
    if options.json:
        print(json.dumps({"engine": up, "our_engine_pid": pid, "image": tag if made else None, "clusters": clusters}))
        return
    owner = f"ours, process {pid}" if pid else "not ours"
    print(f"engine:  {f'answers ({owner})' if up else 'none answers'}")
    print(f"image:   {tag if made else 'not made (or the published one is used)'}")
    print(f"cache:   {cache_root()}")
    for told in clusters:
        print(f"cluster: {told['name']} ({told['shape']}, timers {told['timers']}): {told['phase']}")
        for node in told["nodes"]:
            print(f"           {node['name']} {node['role']} {node['address']}")


def _told(cluster: Cluster) -> dict[str, Any]:
    state = cluster.state()
    nodes = [vars(node) for node in cluster.nodes()] if cluster.inventory.exists() else []
    return {
        "name": cluster.name,
        "shape": cluster.shape,
        "timers": cluster.timers,
        "phase": state.get("phase"),
        "seconds": state.get("seconds"),
        "image": state.get("image"),
        "kubeconfig": str(cluster.kubeconfig),
        "inventory": str(cluster.inventory),
        "nodes": nodes,
    }


def _image(_options: argparse.Namespace) -> None:
    host.check()
    with interruptible():
        print(image.kit().node_image)


def _binary(options: argparse.Namespace) -> None:
    host.check()
    with interruptible():
        paths = golang.build(options.names)
    for name in options.names:
        print(paths[name])


def _env(options: argparse.Namespace) -> None:
    cluster = Cluster(options.name)
    for name, value in cluster.env().items():
        if name == "PATH":  # the shell's own PATH, which may differ from this program's
            folders = [shlex.quote(str(folder)) for folder in cluster.tool_folders()]
            print(f'export PATH={":".join(folders)}:"$PATH"')
        else:
            print(f"export {name}={shlex.quote(value)}")


def _clean(_options: argparse.Namespace) -> None:
    with interruptible():
        clusters = every_cluster()
        if engine.made_here():
            engine.ensure()  # so that an engine that was killed can put away what it left
        if engine.answers():
            for cluster in clusters:
                cluster.down()
            remove_network()
            with step("remove our images"):
                image.remove_ours("")
        engine.stop()
        host.restore_inotify_limit()
        with step(f"remove our part of {cache_root()}"):
            for folder in OUR_FOLDERS:
                store.remove(cache_root() / folder)
            if not any(cache_root().iterdir()):
                cache_root().rmdir()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Call, text: str, *, cluster: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(call=call)
        if cluster:
            sub.add_argument("--name", default="selfheal", help="name of the cluster (default: selfheal)")
        return sub

    up = command("up", _up, "make a cluster, or find the one that is there", cluster=True)
    up.add_argument("--shape", default="small", help=f"{' or '.join(kind.SHAPES)} (default: small)")
    up.add_argument("--timers", default="fast", help=f"{' or '.join(kind.TIMERS)} (default: fast)")
    up.add_argument("--json", action="store_true", help="tell about it as JSON on standard output")
    command("down", _down, "remove a cluster", cluster=True)
    status = command("status", _status, "what there is")
    status.add_argument("--json", action="store_true", help="as JSON")
    command("image", _image, "make or fetch the node image only, and print its name")
    binary = command("binary", _binary, "build single programs, and print their paths")
    binary.add_argument("names", nargs="+", metavar="NAME", help=", ".join(sorted(golang.names())))
    command("env", _env, "print shell exports for using a cluster", cluster=True)
    command("clean", _clean, "remove every cluster, our images, network and engine, and our caches")
    return parser


if __name__ == "__main__":
    sys.exit(main())
