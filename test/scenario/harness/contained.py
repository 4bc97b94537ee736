"""The container image of this build, as packaging/image/build made it, and the engines that run it."""

import json
import shlex
import tarfile

from . import documents
from .clients import Dockerd, Podman
from .world import BUILD, ROOT, expect

FOLDER = BUILD / "image"
NAME = "localhost/breakwater:latest"
GUIDE = "packaging/image/README.md"
# What a process without CAP_SYS_RESOURCE may set; podman would set more.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


def archive():
    found = list(FOLDER.glob("breakwater_*.tar"))
    expect(len(found) == 1, f"{FOLDER} has {found}: run packaging/image/build --out {FOLDER}")
    return found[0]


def read(name):
    """A file of the archive."""
    with tarfile.open(archive()) as tar:
        return tar.extractfile(name).read()


def config_digest():
    (image,) = json.loads(read("manifest.json"))
    return "sha256:" + image["Config"].removesuffix(".json")


def run_lines():
    """How the guide runs it: what stands behind `docker run`, `podman run` and `docker compose`."""
    lines = [shlex.split(block.text.replace("\\\n", " ")) for block in documents.blocks(GUIDE, "Run")]
    begin = [line[:2] for line in lines]
    expect(begin == [["docker", "run"], ["podman", "run"], ["docker", "compose"]], f"the lines are {lines}")
    return tuple(line[2:] for line in lines)


class _Engine:
    """`engine` is the word that a document begins its lines with."""

    def run_block(self, block):
        """Its lines, as they stand there."""
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            expect(words[0] == "docker", f"not of an engine: {line}")
            self.engine(*words[1:])

    def state(self, what):
        return self.engine("container", "inspect", "--format", "{{" + what + "}}", "breakwater").strip()

    def logs(self):
        return self.engine("logs", "breakwater")


class RunningDockerd(_Engine, Dockerd):
    """With a network of its own, to which it publishes ports."""

    NETWORK = ()

    def __init__(self, world):
        super().__init__(world, {})

    def engine(self, *arguments, check=True):
        return self.world.run(*self._docker, *arguments, check=check)

    def compose(self, *arguments):
        """Where the file is named as it lies in the tree."""
        command = ["env", "--chdir", ROOT, "docker-compose", *arguments]
        return self.world.run(*command, env={"DOCKER_HOST": self.address})


class RunningPodman(_Engine, Podman):
    def engine(self, *arguments, check=True):
        return self.world.run(
            "podman",
            *self._options,
            *arguments,
            env=self._environment,
            check=check,
        )
