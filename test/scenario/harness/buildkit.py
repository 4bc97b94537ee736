"""BuildKit as a CI machine runs it, with buildx. It is the one inside dockerd with the containerd store,
but spoken to as one that stands alone: what buildx asks goes to BuildKit, and nothing is done by dockerd
beside it. What is on loopback it takes for plain HTTP by itself."""

import re
import socket
import threading

from . import trixie
from .world import expect


class BuildKit(trixie.Dockerd):
    """A machine of its own: what one built, another one does not have."""

    def __init__(self, world):
        super().__init__(world)
        path = self.run_folder / "b.sock"
        self._bridge = Bridge(path, self.socket)
        self.docker("buildx", "create", "--name", "ci", "--driver", "remote", "--use", f"unix://{path}")

    def build(self, folder, *options):
        """What it built, as a Build. Without --push or --output it keeps nothing but its cache."""
        keep = [] if "--push" in options or "--output" in options else ["--output", "type=cacheonly"]
        return Build(
            self.docker("buildx", "build", "--progress=plain", "--network=host", *keep, *options, folder)
        )

    def push(self, folder, names, *options):
        """As --push does where BuildKit stands alone and so has no store of images to fill."""
        quoted = '"name=' + ",".join(names) + '"'
        return self.build(folder, "--output", f"type=image,push=true,store=false,{quoted}", *options)

    def forget(self):
        """As on a machine that has never built."""
        self.docker("buildx", "prune", "--all", "--force")


class Bridge:
    """A socket that speaks BuildKit's own protocol, made from dockerd's, where one has to ask for it over
    HTTP first."""

    ASK = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

    def __init__(self, path, to):
        self._to = str(to)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._to)
            server.sendall(self.ASK)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += server.recv(1)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source, target):
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side is gone; so will be the other


class Build:
    """What `docker buildx build --progress=plain` said: each step's number, name and whether it came from the
    cache."""

    def __init__(self, said):
        self.said = said
        self.steps = dict(re.findall(r"^#(\d+) (\[(?!internal)[^\]]*\d+/\d+\] (?:RUN|COPY).*)$", said, re.M))
        self.cached = set(re.findall(r"^#(\d+) CACHED$", said, re.M))

    def expect_all_cached(self, what):
        made = [name for number, name in self.steps.items() if number not in self.cached]
        expect(self.steps and not made, f"{what}: not from the cache: {made}\n{self.said}")

    def expect_none_cached(self, what):
        expect(self.steps and not self.cached, f"{what}: from a cache that nobody filled:\n{self.said}")
