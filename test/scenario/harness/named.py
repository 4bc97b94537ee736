"""Clients that log in at registries that speak TLS by a certificate of a private authority: each with folders
of its own, and what it said."""

import pathlib

from . import clients, mistaken, trixie
from .buildkit import BuildKit
from .mistaken import said_by

AUTHORITIES = (pathlib.Path("/etc/docker"), pathlib.Path("/etc/containers/certs.d"))


def trust(world, certificate, addresses):
    """Every client but ctr, oras and cosign takes the authority of these registries from here. The folders
    are this scenario's own."""
    for folder in AUTHORITIES:
        folder.mkdir(parents=True, exist_ok=True)
        world.run("mount", "-t", "tmpfs", "tmpfs", folder)
    for folder in (AUTHORITIES[0] / "certs.d", AUTHORITIES[1]):
        for address in addresses:
            of_registry = folder / address
            of_registry.mkdir(parents=True)
            of_registry.joinpath("ca.crt").write_bytes(certificate.certificate.read_bytes())


class _LogsIn:
    """By a command `login` of `_command()`."""

    SAYS_WHY = True

    def login(self, address, user, password):
        return said_by([*self._command(), "login", "-u", user, "-p", password, address], self._environment)

    def logout(self, address):
        return said_by([*self._command(), "logout", address], self._environment)


class Docker20(_LogsIn, mistaken.Docker20):
    def __init__(self, world, plain):
        super().__init__(world, plain)
        self._docker[1:1] = ["--config", self.folder / "config"]
        self._environment = {}

    def _command(self):
        return self._docker


class Docker26(_LogsIn, mistaken.Docker26):
    def __init__(self, world, plain):
        super().__init__(world, plain)

    def _command(self):
        return ["docker"]


class _Containers(_LogsIn):
    """Of the library that podman, skopeo and buildah have in common."""

    def __init__(self, world, plain):
        super().__init__(world, plain)
        logins = self.folder / "logins.json"
        logins.write_text("{}")
        self._environment = {**getattr(self, "_environment", {}), "REGISTRY_AUTH_FILE": str(logins)}

    def _command(self):
        return [*clients.of_its_own(self.folder), self.NAME]


class Podman(_Containers, mistaken.Podman):
    NAME = "podman"


class Skopeo(_Containers, mistaken.Skopeo):
    NAME = "skopeo"


class Ctr(mistaken.Ctr):
    """It has no login: who it is, it is told with each command."""

    SAYS_WHY = True

    def __init__(self, world, plain, environment=None):
        super().__init__(world, plain, environment)
        self._user = []

    def trust(self, certificate, addresses):
        for address in addresses:
            host = self.hosts / address
            host.mkdir(parents=True)
            host.joinpath("hosts.toml").write_text(
                f'server = "https://{address}"\n\n[host."https://{address}"]\n'
                f'  capabilities = ["pull", "resolve", "push"]\n  ca = "{certificate.certificate}"\n'
            )

    def login(self, address, user, password):
        self._user = ["--user", f"{user}:{password}"]

    def logout(self, address):
        self._user = []

    def _images(self, verb, plain, *arguments):
        how = ["--plain-http"] if plain else ["--hosts-dir", self.hosts, *self._user]
        command = ["ctr", "--address", self.socket, "images", verb, *how, *arguments]
        return said_by(command, self._environment)


class Oras(_LogsIn):
    label = "oras"
    SAYS_WHY = False  # oras 1.2 panics if two of its uploads are refused at once

    def __init__(self, world, certificate):
        self.folder = world.fresh_folder("oras")
        self._authority = ["--ca-file", certificate.certificate]
        self._environment = trixie.environment(self.folder)
        self.folder.joinpath("file").write_text("of oras\n")

    def _command(self):
        return ["oras"]

    def login(self, address, user, password):
        command = ["oras", "login", *self._authority, "-u", user, "-p", password, address]
        return said_by(command, self._environment)

    def try_push(self, source, target, plain=False):
        command = ["env", "-C", self.folder, "oras", "push", *self._authority, target, "file:text/plain"]
        return said_by(command, self._environment)

    def try_pull(self, name, plain=False):
        command = ["oras", "pull", *self._authority, "--output", self.folder / "back", name]
        return said_by(command, self._environment)


class NamedBuildKit(_LogsIn, BuildKit):

    def _command(self):
        return ["docker"]
