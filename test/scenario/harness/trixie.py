"""The clients that only Debian 13 has, as test/tools/trixie_clients fetched them for Debian 12; on Debian 13 those that are installed."""

import os
import pathlib

from .world import BUILD, expect

FETCHED = BUILD / "trixie"
_PLUGIN = "usr/libexec/docker/cli-plugins/docker-buildx"


def environment(folder):
    """For running them: they are found before others of their names, docker finds its plugin, and keeps its own settings in `folder`."""
    root = FETCHED / "root" if FETCHED.exists() else pathlib.Path("/")
    plugin = root / _PLUGIN
    expect(plugin.exists(), f"{plugin} is missing: {'install docker-buildx' if root == pathlib.Path('/') else 'delete ' + str(FETCHED)}, or run test/tools/trixie_clients {FETCHED}")
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    plugins.joinpath("docker-buildx").symlink_to(plugin)
    path = [str(root / "usr/bin"), str(root / "usr/sbin"), os.environ["PATH"]]
    return {"PATH": ":".join(path), "DOCKER_CONFIG": str(folder), "HOME": str(folder)}
