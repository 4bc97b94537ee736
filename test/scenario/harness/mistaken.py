"""What people see: clients that do something that cannot succeed, and what each of them prints."""

import os
import re
import subprocess

from . import clients, trixie
from .world import Failure

PATIENCE_S = 90

# What says how far a command is, in an order that differs from run to run, or what it is about to begin with.
_PROGRESS = re.compile(
    r"^(?:[0-9a-f]{12}: .*"  # docker, of a layer
    r"|The push refers to repository .*|Using default tag: .*|\S+: Pulling from .*"
    r"|Getting image (?:source|list).*|Copying (?:blob|config) .*|Writing manifest.*|Storing signatures.*"
    r"|Trying to pull .*"
    r"|(?!ctr:)\S+: +(?:resolving|resolved|waiting|uploading|done|downloading|exists|pushing|failed)\b.*"
    r"|elapsed: .*|unpacking .*"
    # ctr, whose display of progress is ended in the middle of a question now and then.
    r"|(?:time=\S+ )?level=error msg=\"(?:active check failed|failed to get content info)\" .*)$"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What differs from run to run, or with what was asked first, and what stands for it instead.
_CHANGES = [
    (re.compile(pattern), instead)
    for pattern, instead in [
        (r"sha(256|512)(?::|%3A)[0-9a-f]{64,128}", r"sha\1:<digest>"),
        (r"\btrace [0-9a-f]+", "trace <trace>"),
        (r'(trace\\?":\\?")[0-9a-f]+', r"\1<trace>"),
        (r'\btime="[^"]*" ', ""),
        (r"\b\d+ (?:B|KiB|MiB|GiB)\b", "<bytes>"),
        # Of the blobs of a push any may be refused first, with the request that begins it or with its bytes.
        (r"blobs/uploads/\S*: ", "blobs/uploads/<upload>: "),
        (r'failed commit on ref "(?:config|layer)-[^"]*"|failed to copy', "<step>"),
        (r"from (?:POST|PUT) request to (\S+/blobs/uploads)", r"from <method> request to \1"),
        (
            r"writing blob: (?:initiating layer upload to \S+ in \S+|uploading layer \w+): ",
            "writing blob: <step>: ",
        ),
        # Who asks first is told what upstream just said, and who asks later what it has said.
        (r"(?:GET|HEAD) (https?://[^/ ]+)/v2/\S+: 429 [^,]*, and upstream says", r"\1 said 429, and says"),
        (r"(https?://\S+) \(manifests\) said 429, too many requests, and says", r"\1 said 429, and says"),
        (
            r"(?:GET|HEAD) (https?://[^/ ]+)/v2/\S+: ((?:SSL|Could not)[^;]*); try",
            r"\1 does not answer (\2); try",
        ),
        (r"did not answer (\([^()]*\)), and is being asked again", r"does not answer \1"),
        (r"; try again(?: in \d+ s)?", "; try again"),
    ]
]


class Said:
    """How a command ended, and what it printed but for its progress."""

    def __init__(self, status, printed):
        self.status, self.printed = status, printed

    def lines(self, names):
        """Without what differs from run to run; `names` maps addresses to what they are called instead."""
        lines = []
        for line in _ESCAPES.sub("", self.printed).replace("\r", "\n").splitlines():
            if not line.strip() or _PROGRESS.match(line.strip()):
                continue
            for address, name in names.items():
                line = line.replace(address, f"<{name}>")
            for pattern, instead in _CHANGES:
                line = pattern.sub(instead, line)
            if line not in lines:
                lines.append(line.rstrip())
        return lines


def said_by(command, environment=None):
    try:
        done = subprocess.run(
            [str(one) for one in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired as late:
        raise Failure(
            f"{' '.join(str(one) for one in command)} has not ended after {PATIENCE_S} s; it said:"
            f" {(late.stdout or b'').decode('utf-8', 'replace')[-500:]}"
        ) from None
    return Said(done.returncode, done.stdout.decode("utf-8", "replace"))


def _version(text):
    return ".".join(re.search(r"(\d+)\.(\d+)", text).groups())


class Docker20(clients.Dockerd):
    def __init__(self, world, plain):
        super().__init__(world, {}, plain)
        self._docker[0] = "/usr/bin/docker"
        version = world.run(*self._docker, "version", "--format", "{{.Server.Version}}")
        self.label = f"docker {_version(version)}"

    def try_pull(self, name, plain=True):
        return said_by([*self._docker, "pull", name])

    def try_push(self, source, target, plain=True):
        self.world.run(*self._docker, "tag", source, target)
        return said_by([*self._docker, "push", target])


class Docker26(trixie.Dockerd):
    def __init__(self, world, plain):
        super().__init__(world, {}, plain)
        version = self.docker("version", "--format", "{{.Server.Version}}")
        self.label = f"docker {_version(version)} containerd store"

    def try_pull(self, name, plain=True):
        return said_by(["docker", "pull", "--platform", "linux/amd64", name], self._environment)

    def try_push(self, source, target, plain=True):
        self.docker("tag", source, target)
        return said_by(["docker", "push", target], self._environment)


class Podman(clients.Podman):
    def __init__(self, world, plain):
        super().__init__(world, {}, plain)
        self.label = f"podman {_version(world.run('podman', '--version'))}"

    def _podman(self, verb, *arguments):
        command = [*clients.of_its_own(self.folder), "podman", *self._options, verb]
        return said_by([*command, "--signature-policy", self._policy, *arguments], self._environment)

    def try_pull(self, name, plain=True):
        return self._podman("pull", "--arch", "amd64", name)

    def try_push(self, source, target, plain=True):
        return self._podman("push", source, f"docker://{target}")


class Skopeo(clients.Skopeo):
    def __init__(self, world, plain):
        super().__init__(world, {}, plain)
        self._environment = {}
        self.label = f"skopeo {_version(world.run('skopeo', '--version'))}"

    def _skopeo(self, *arguments):
        command = [*clients.of_its_own(self.folder), "skopeo", "--insecure-policy", "--registries-conf"]
        command += [self.registries, "--override-arch", "amd64", *arguments]
        return said_by(command, self._environment)

    def try_pull(self, name, plain=True):
        return self._skopeo("copy", f"docker://{name}", f"dir:{self.world.fresh_folder('copy')}")

    def try_push(self, source, target, plain=True):
        return self._skopeo("copy", f"docker://{source}", f"docker://{target}")

    def try_delete(self, name):
        return self._skopeo("delete", f"docker://{name}")


class Ctr(clients.Containerd):
    def __init__(self, world, plain, environment=None):
        super().__init__(world, {}, plain, environment)
        version = re.search(r"Server:\s+Version:\s+(\S+)", self._ctr("version"))
        self.label = f"ctr {_version(version.group(1))}"

    def _images(self, verb, plain, *arguments):
        command = ["ctr", "--address", self.socket, "images", verb, *(["--plain-http"] if plain else [])]
        return said_by([*command, *arguments], self._environment)

    def try_pull(self, name, plain=True):
        return self._images("pull", plain, "--platform", "linux/amd64", name)

    def try_push(self, source, target, plain=True):
        return self._images("push", plain, target, source)


def all_of_them(world, plain):
    """Each with an engine of its own."""
    fetched = trixie.environment(world.fresh_folder("trixie"))
    return [
        Docker20(world, plain),
        Docker26(world, plain),
        Podman(world, plain),
        Skopeo(world, plain),
        Ctr(world, plain),
        Ctr(world, plain, fetched),
    ]
