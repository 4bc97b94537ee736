"""The clients that only Debian 13 has, as test/tools/trixie_clients fetched them for Debian 12; on Debian 13
those that are installed."""

import json
import os
import pathlib

from .world import BUILD, expect

FETCHED = BUILD / "trixie"
_PLUGIN = "usr/libexec/docker/cli-plugins/docker-buildx"


def environment(folder):
    """For running them: they are found before others of their names, docker finds its plugin, and keeps its
    own settings in `folder`."""
    root = FETCHED / "root" if FETCHED.exists() else pathlib.Path("/")
    plugin = root / _PLUGIN
    expect(
        plugin.exists(),
        (
            f"{plugin} is missing:"
            f" {'install docker-buildx' if root == pathlib.Path('/') else 'delete ' + str(FETCHED)}, or run"
            f" test/tools/trixie_clients {FETCHED}"
        ),
    )
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    plugins.joinpath("docker-buildx").symlink_to(plugin)
    path = [str(root / "usr/bin"), str(root / "usr/sbin"), os.environ["PATH"]]
    return {"PATH": ":".join(path), "DOCKER_CONFIG": str(folder), "HOME": str(folder)}


class Dockerd:
    """dockerd with the containerd store. What is on loopback it takes for plain HTTP by itself."""

    def __init__(self, world, mirrors=None, plain=()):
        self.world = world
        self.folder = world.fresh_folder("dockerd-26")
        self.run_folder = world.run_folder("dockerd-26")
        self._environment = environment(self.folder)
        self.socket, containerd = self.run_folder / "d.sock", self.run_folder / "c.sock"
        self._environment["DOCKER_HOST"] = f"unix://{self.socket}"
        self._processes = []
        config = self.folder / "containerd.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        self._start(
            "containerd",
            "--config",
            config,
            "--root",
            self.folder / "c",
            "--state",
            self.run_folder / "c",
            "--address",
            containerd,
            "--log-level",
            "warn",
        )
        world.wait_until(containerd.exists, "containerd listens")
        daemon = self.folder / "daemon.json"
        daemon.write_text(
            json.dumps(
                {
                    "features": {"containerd-snapshotter": True},
                    "registry-mirrors": [f"http://{one}" for one in (mirrors or {}).values()],
                }
            )
        )
        self._start(
            "dockerd",
            "--config-file",
            daemon,
            "--data-root",
            self.folder / "d",
            "--exec-root",
            self.run_folder / "d",
            "-p",
            self.run_folder / "pid",
            "-H",
            f"unix://{self.socket}",
            "--containerd",
            containerd,
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
        )
        world.wait_until(
            lambda: self.socket.exists() and "io.containerd.snapshotter" in self.docker("info", check=False),
            "dockerd answers, with the containerd store",
            30,
            0.1,
        )

    def _start(self, name, *arguments):
        self._processes.append(self.world.start(name, [name, *arguments], env=self._environment))

    def docker(self, *arguments, check=True):
        return self.world.run("docker", *arguments, env=self._environment, check=check)

    def pull(self, name):
        self.docker("pull", "--platform", "linux/amd64", name)

    def push(self, name, target):
        self.docker("tag", name, target)
        self.docker("push", target)

    def content_of(self, name):
        return self.docker("image", "inspect", "--format", "{{.Id}}", name).strip()

    def stop(self):
        for process in reversed(self._processes):
            process.kill()
