"""`./packaging/run`, but for the compiler: it names whoever has a port, listens elsewhere when asked, and
what it prints to try it and to point this machine at it is what works, as is what the README says to do."""

import json
import os
import re
import shutil
import tomllib

from harness import documents, expect, http, scenario
from harness.breakwater import BINARY
from harness.world import ROOT


class Checkout:
    """A clone of the repository whose build is done."""

    def __init__(self, world):
        self.world = world
        self.folder = world.fresh_folder("checkout")
        for part in ("packaging", "conf"):
            shutil.copytree(ROOT / part, self.folder / part)
        self.folder.joinpath("build").mkdir()
        self.folder.joinpath("build/breakwater").symlink_to(BINARY)
        tools = world.fresh_folder("tools")
        tools.joinpath("cmake").write_text("#!/bin/sh\n")
        tools.joinpath("cmake").chmod(0o755)
        self.environment = {"PATH": f"{tools}:{os.environ['PATH']}"}

    def run(self, *arguments, as_nobody=False):
        """What it said, to its end."""
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if as_nobody else []
        command = [*user, self.folder / "packaging/run", *arguments]
        return self.world.run(*command, env=self.environment, check=False)

    def shell(self, block):
        self.world.run("sh", "-ec", f"cd {self.folder}\n{block.text}", env=self.environment)

    def start(self, *arguments):
        process = self.world.start(
            "breakwater", [self.folder / "packaging/run", *arguments], env=self.environment
        )
        process.wait_for(r"\blistening\b.*\bmetrics\b")
        return process


def taken(world, checkout):
    """As where a registry:2 runs already."""
    old = world.registry(port=5000)
    said = checkout.run()
    pid = old.process.pid
    expect(f"127.0.0.1:5000 is taken by docker-registry, pid {pid}\n" in said, said)
    expect("./packaging/run --ports-from 15000" in said and "== Build" not in said, said)
    said = checkout.run(as_nobody=True)
    expect("127.0.0.1:5000 is taken by a process of another user\n" in said, said)
    said = checkout.run("--ports-from", "80")
    expect("wants a port" in said, said)
    return old


def expect_ports(said, shift):
    """That it listens on all of its ports, so far away from the usual ones."""
    ports = {int(port) for port in re.findall(r"listening.*127\.0\.0\.1:(\d+)", said)}
    usual = {5000, 5001, 5010, 5020, 5030, 5040, 5050, 5060, 8080}
    expect(ports == {port + shift for port in usual}, f"it listens on {sorted(ports)}")


def what_it_prints_works(world, said, shift):
    page = re.search(r"^Page: +http://(\S+)$", said, re.M).group(1)
    expect(page == f"127.0.0.1:{8080 + shift}" and http.get(page, "/").status == 200, page)
    # There is no Docker Hub here; what it says of that came through Breakwater.
    command = re.search(r"^Try it: +(curl http://\S+)$", said, re.M).group(1)
    answer = world.run(*command.split(), "-sS")
    expect("Could not resolve host: registry-1.docker.io" in answer, answer)
    world.run("mount", "-t", "tmpfs", "tmpfs", "/etc/containerd")
    script = re.search(r"^containerd .*:\n(.*\n.*\n.*)\n", said, re.M).group(1)
    world.run("sh", "-ec", script)
    with open("/etc/containerd/certs.d/_default/hosts.toml", "rb") as file:
        hosts = tomllib.load(file)["host"]
    expect(
        hosts == {f"http://127.0.0.1:{5060 + shift}": {"capabilities": ["pull", "resolve"]}}, f"{hosts}"
    )
    daemon = json.loads(re.search(r"^Docker +(\{.*\}) in /etc/docker/daemon.json;", said, re.M).group(1))
    expect(daemon == {"registry-mirrors": [f"http://127.0.0.1:{5000 + shift}"]}, f"{daemon}")


def as_built_in(world, checkout):
    """But for the ports, it is what runs without --ports-from: the routes, and whom they mirror."""

    def mirrors(*config):
        text = world.run(BINARY, "check-config", *config, "--data", checkout.folder / "data")
        return re.findall(r"^route (\w+) on .*?: (mirror of .*?), no bound of its own", text, re.M)

    ours = mirrors("--config", checkout.folder / "build/ports-from-15000.json")
    expect(len(ours) == 6 and ours == mirrors(), f"{ours}\n{mirrors()}")


def by_readme(world, checkout):
    """Its two commands, as they stand, and those that build it for installing."""
    (install,) = documents.blocks("README.md", "On a machine of its own")
    checkout.shell(install)
    run, try_it = documents.blocks("README.md", "Try it")
    expect(run.text == "./packaging/run\n", run.text)
    process = checkout.start()
    expect(checkout.folder.joinpath("data/control").exists(), "the data is not in ./data")
    answer = world.run("sh", "-ec", try_it.text)
    expect("Could not resolve host: registry-1.docker.io" in answer, answer)
    process.stop()


def main(world):
    checkout = Checkout(world)
    old = taken(world, checkout)
    elsewhere = checkout.start("--ports-from", "15000")
    said = elsewhere.text()
    expect("about 6 minutes" in said and "about 1 GB" in said, said)
    expect_ports(said, 10000)
    for line in ("127.0.0.1:15010  mirror of ghcr.io", "127.0.0.1:15050  registry", "127.0.0.1:18080  page"):
        expect(f"\n  {line}\n" in said, said)
    what_it_prints_works(world, said, 10000)
    others = re.search(r"^Others: +build/breakwater client-config podman .*\) (.*)$", said, re.M).group(1)
    world.run("sh", "-ec", f"cd {checkout.folder}; build/breakwater client-config podman {others}")
    elsewhere.stop()
    old.stop()

    by_readme(world, checkout)
    usual = checkout.start("--data", checkout.folder / "other")
    expect_ports(usual.text(), 0)
    expect(checkout.folder.joinpath("other/control").exists(), "--data does not go to serve")
    as_built_in(world, checkout)
    taken_by_itself = checkout.run()
    expect("127.0.0.1:8080 is taken by breakwater, pid " in taken_by_itself, taken_by_itself)
    successor = checkout.start("--data", checkout.folder / "other", "--take-over")
    expect(usual.wait() == 0, f"the one before did not end in order: {usual.tail()}")
    successor.stop()


if __name__ == "__main__":
    scenario(main)
