"""From six docker-registries behind nginx to Breakwater on the same ports, and back, by the commands of
packaging/docs/moving-in.md in their order; clients are not changed, and get what they got before."""

import json
import os
import pathlib
import re

from harness import documents, expect, http as web, images, scenario
from harness.breakwater import BINARY
from harness.clients import Containerd, Skopeo
from harness.pushes import held
from harness.registry import Nginx, push
from harness.world import ROOT

DOCUMENT = "packaging/docs/moving-in.md"
MIRRORS = {"dockerhub": 5000, "ghcr": 5010, "quay": 5020, "k8s": 5030, "kyverno": 5040}
PORTS = {**MIRRORS, "private": 5050}
CONFIG = pathlib.Path("/etc/breakwater/breakwater.json")


class Old:
    """What is replaced: five mirrors of `hub` and a registry, and nginx before them."""

    def __init__(self, world, hub):
        self.world = world
        self.registries = {}
        blocks = []
        for route, port in PORTS.items():
            storage = pathlib.Path("/srv/registry") / route
            storage.mkdir(parents=True)
            self.registries[route] = world.registry(
                storage=storage,
                name=f"registry-{route}",
                port=port + 1000,
                proxy=hub.url if route in MIRRORS else None,
            )
            blocks.append(
                f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0; location / {{"
                f" proxy_pass http://127.0.0.1:{port + 1000}; proxy_set_header Host $http_host; }} }}"
            )
        self._blocks = "\n".join([*blocks, "server { listen {address}; }"])
        self._nginx = None
        self.start("nginx")

    def start(self, name):
        if name == "nginx":
            self._nginx = Nginx(self.world, self._blocks)
        else:
            self.registries[name.removeprefix("registry-")].start()

    def stop(self, name):
        if name == "nginx":
            self._nginx.process.stop()
        else:
            self.registries[name.removeprefix("registry-")].stop()


def point_at(hub):
    """What an operator writes into the example: all mirrors are of this one, and the disk is another."""
    lines = [line for line in CONFIG.read_text().splitlines() if '"bytes_max"' not in line]
    text, count = re.subn(
        r'"upstream": "https://[^"]*"(?=\s*(?:,|//|\}|$))',
        f'"allow_private": ["127.0.0.1"], "upstream": "{hub.url}"',
        "\n".join(lines),
        flags=re.M,
    )
    expect(count >= len(MIRRORS), f"the example has {count} mirrors")
    CONFIG.write_text(text)


class Machine:
    """Runs the document's blocks: docker and systemctl do here what they would do there."""

    def __init__(self, world, old):
        self.world, self.old = world, old
        self._tools = world.fresh_folder("tools")
        self._tools.joinpath("breakwater").symlink_to(BINARY)
        self._asked = self._tools / "asked"
        self._answer = self._tools / "answer"
        for fifo in (self._asked, self._answer):
            os.mkfifo(fifo)
        for tool in ("docker", "systemctl"):
            self._tools.joinpath(tool).write_text(
                f'#!/bin/sh\necho "{tool} $*" >{self._asked}\nread -r said <{self._answer}\n'
            )
            self._tools.joinpath(tool).chmod(0o755)
        self.process = None

    def run(self, block):
        """What it printed; it has to go well, line by line."""
        script = self._tools / "script"
        script.write_text(f"set -e\ncd {ROOT}\n" + block.text + f"\necho end >{self._asked}\n")
        path = f"{self._tools}:{os.environ['PATH']}"
        process = self.world.start("moving-in", ["sh", script], env={"PATH": path})
        # While it is open here, nobody meets an end of file.
        with os.fdopen(os.open(self._asked, os.O_RDWR), "r") as asked:
            while (line := asked.readline().split()) != ["end"]:
                self._do(*line)
                self._answer.write_text("ok\n")
        status = process.wait()
        expect(status == 0, f"the commands ended with {status}:\n{block.text}\n{process.text()}")
        return process.text()

    def _do(self, tool, verb, *names):
        if tool == "docker":
            for name in names:
                {"start": self.old.start, "stop": self.old.stop}[verb](name)
            return
        expect(names == ("breakwater",), f"{tool} {verb} {names}")
        if verb == "start":
            self.process = self.world.start("breakwater", [BINARY, "serve"])
            self.process.wait_for(r'"event":"listening".*"metrics"')
        else:
            expect(verb == "reload", f"{tool} {verb}")
            self._reload()

    def _reload(self):
        """As the unit does; it is ready again when all of it is read."""
        before = self.process.text().count('"event":"store_opened"')
        self.process.child.send_signal(1)
        self.world.wait_until(
            lambda: self.process.text().count('"event":"store_opened"') > before
            or '"event":"not_reloaded"' in self.process.text(),
            "it reloads",
        )
        expect('"event":"not_reloaded"' not in self.process.text(), self.process.tail())

    def asked_upstream(self):
        text = web.get("127.0.0.1:5001", "/metrics").body.decode()
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("breakwater_upstream_requests_total")
        )


def pull(port, repository, image):
    """All of it, by tag and then by digest."""
    address = f"127.0.0.1:{port}"
    reply = web.get(address, f"/v2/{repository}/manifests/3.20", {"Accept": images.ACCEPT})
    expect(reply.header("Docker-Content-Digest") == image.top.digest, f"{address} {repository}: {reply}")
    for path in image.paths(repository):
        reply = web.get(address, path, {"Accept": images.ACCEPT})
        expect(reply.status == 200, f"{address}{path}: {reply}")


def stored(route, image):
    """Whether the mirror of before has all of it by now; it stores beside its answers."""
    blobs = pathlib.Path("/srv/registry") / route / "docker/registry/v2/blobs/sha256"
    digits = [digest.partition(":")[2] for digest in image.blobs]
    return all((blobs / one[:2] / one / "data").exists() for one in digits)


def catalog(port):
    return json.loads(web.get(f"127.0.0.1:{port}", "/v2/_catalog").body)["repositories"]


def main(world):
    for path in ("/etc", "/srv", "/var/lib"):
        world.own_tree(path)
    CONFIG.parent.mkdir(exist_ok=True)
    hub = world.registry()
    alpine = images.single("alpine", [300_000])
    hub.push("library/alpine", "3.20", alpine)
    old = Old(world, hub)
    ours, second, later = (images.multi_platform(name) for name in ("ours", "second", "later"))
    push("127.0.0.1:5050", "team/app", "1", ours)
    for route, port in MIRRORS.items():
        pull(port, "library/alpine", alpine)
        world.wait_until(lambda: stored(route, alpine), f"{route} of before has the image")
    node = Containerd(world, {"docker.io": "127.0.0.1:5000"})

    machine = Machine(world, old)
    take_example, start = documents.blocks(DOCUMENT, "1. Beside the old one, on other ports")
    (take_over,) = documents.blocks(DOCUMENT, "2. Take over what is there")
    (try_it,) = documents.blocks(DOCUMENT, "3. Try it")
    (change,) = documents.blocks(DOCUMENT, "4. Change over")
    (back,) = documents.blocks(DOCUMENT, "The way back")

    machine.run(take_example)
    point_at(hub)
    machine.run(start)
    said = machine.run(take_over)
    expect("not everything" not in said and said.count("damaged: nothing") == len(PORTS), said)
    expect(machine.asked_upstream() == 0, "the import has asked upstream")
    said = machine.run(try_it)
    expect(said.count('{"repositories":["team/app"]}') == 2 and alpine.top.digest in said, said)

    push("127.0.0.1:5050", "team/app", "2", second)  # after the first import
    machine.run(change)
    for tag, image in (("1", ours), ("2", second)):
        expect(held("127.0.0.1:5050", "team/app", tag).blobs == image.blobs, f"team/app:{tag} is another")
    hub.stop()
    before = machine.asked_upstream()
    for port in MIRRORS.values():
        pull(port, "library/alpine", alpine)
    node.pull("docker.io/library/alpine:3.20", whole=True)
    expect(node.content_of("docker.io/library/alpine:3.20") == alpine.top.digest, "the node has another")
    world.say(f"upstream was asked {machine.asked_upstream() - before:.0f} times, while it was away")
    push("127.0.0.1:5050", "team/app", "3", later)

    hub.start()  # docker-registry does not start a mirror whose upstream is away
    machine.run(back)
    expect(sorted(catalog(5050)) == ["team/app"], f"{catalog(5050)}")
    for tag, image in (("1", ours), ("2", second), ("3", later)):
        expect(held("127.0.0.1:5050", "team/app", tag).blobs == image.blobs, f"{tag}: lost on the way back")
    Skopeo(world, {}, ["127.0.0.1:5050"]).pull("127.0.0.1:5050/team/app:3", whole=True)
    machine.process.stop()


if __name__ == "__main__":
    scenario(main)
