"""The Debian package of this build, as packaging/deb/build made it, on a bare Debian of its own that systemd
has booted. The disk of its data is mounted at /var/lib/breakwater, as an operator would."""

import shutil
import subprocess
import time

from . import documents, http, images
from .booted import Machine
from .breakwater import Breakwater
from .clients import Skopeo
from .world import BUILD, expect, expect_at_most

FOLDER = BUILD / "deb"
BARE = BUILD / "bare"
UNITS = ("breakwater.service", "breakwater.socket")
EARLIER = "0.0.1"  # than any that this tree can have
MIRROR, REGISTRY = "127.0.0.1:5000", "127.0.0.1:5050"
FIRST_PULL_MAX_S = 60


def package(folder=FOLDER):
    found = list(folder.glob("breakwater_*.deb"))
    expect(len(found) == 1, f"{folder} has {found}: run packaging/deb/build --out {folder}")
    return found[0]


def first_pull(world, breakwater, upstream, deb):
    """From the file to the first pull, by the line of its guide; the path of the file in the machine."""
    image = images.single("package", [8 * images.MEBI, 100_000])
    upstream.hub.push("library/first", "1", image)
    build, install = documents.blocks("packaging/README.md", "The Debian package")
    expect(build.text.strip() == "packaging/deb/build", f"the package is built by {build.text}")
    path = breakwater.hand(deb)
    begin = time.monotonic()
    breakwater.install(install.text)
    installed_s = time.monotonic() - begin
    for address in (MIRROR, REGISTRY):
        expect(http.get(address, "/v2/").status == 200, f"{address} does not serve after the installation")
    breakwater.mirror(upstream.shaper.url)
    Skopeo(world, {"docker.io": MIRROR}).pull("docker.io/library/first:1")
    pulled_s = time.monotonic() - begin
    world.say(f"the .deb was installed after {installed_s:.1f} s, its first pull done after {pulled_s:.1f} s")
    expect_at_most(pulled_s, FIRST_PULL_MAX_S, "from the .deb to the first pull, in seconds")
    return path


def field(deb, name):
    return subprocess.run(
        ["dpkg-deb", "--field", deb, name], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def as_earlier(world, deb):
    """The same package with the version EARLIER."""
    folder = world.fresh_folder("earlier")
    world.run("dpkg-deb", "--raw-extract", deb, folder / "tree")
    control = folder / "tree/DEBIAN/control"
    version = f"Version: {field(deb, 'Version')}\n"
    control.write_text(control.read_text().replace(version, f"Version: {EARLIER}\n"))
    made = folder / "earlier.deb"
    world.run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", folder / "tree", made)
    return made


class PackagedBreakwater(Breakwater):
    """Installed by install(), upgraded and removed on its `machine`; its metrics listen on 127.0.0.1:5001."""

    def __init__(self, world, bare=BARE):
        """`bare`: what test/tools/bare_debian has made."""
        expect((bare / "complete").exists(), f"run test/tools/bare_debian {bare} {FOLDER}/breakwater_*.deb")
        self.world = world
        self.machine = Machine(world, tree=bare / "root", disk_at="/var/lib/breakwater")
        self.config_file = self.machine.root / "etc/breakwater/breakwater.json"
        self.addresses = {"metrics": "127.0.0.1:5001"}
        self.data = self.machine.disk / "data"
        self.machine.boot()
        self.process = self.machine.follow_journal("--output=short-precise")

    def hand(self, deb):
        """Its path in the machine."""
        shutil.copy(deb, self.machine.root / "root")
        return f"/root/{deb.name}"

    def install(self, line):
        """By this line, in the folder of what hand() has brought. What it needs has been downloaded."""
        return self._unasked("sh", "-ec", f"cd /root\n{line}")

    def dpkg(self, *arguments):
        return self._unasked("dpkg", *arguments)

    def _unasked(self, *arguments):
        """Nobody is there to answer a question: who asks one fails."""
        return self.machine.run("sh", "-c", 'exec "$@" </dev/null', "sh", *arguments)

    def version(self):
        """ "" if it is not installed."""
        shape = "--showformat=${db:Status-Status} ${Version}"
        said = self.machine.run("dpkg-query", "--show", shape, "breakwater", check=False)
        return said.removeprefix("installed ") if said.startswith("installed ") else ""

    def main_pid(self):
        """ "0" if there is none."""
        return self.machine.show("breakwater", "MainPID")

    def mirror(self, url):
        """Its dockerhub is at `url` from now on, as if somebody had edited the configuration."""
        text = self.config_file.read_text()
        before = '"upstream": "https://registry-1.docker.io"'
        expect(text.count(before) == 1, "the configuration is not the example")
        after = f'"upstream": "{url}", "allow_private": ["127.0.0.1"]'
        self.config_file.write_text(text.replace(before, after))
        self.machine.systemctl("reload", "breakwater")


class BuiltBreakwater(PackagedBreakwater):
    """Of the tree that test/tools/source_install has made in `folder`, with the units of the source."""

    def __init__(self, world, folder):
        expect((folder / "complete").exists(), f"run test/tools/source_install {folder} {folder.name}")
        self.world = world
        self.machine = Machine(world, tree=folder / "root")
        self.config_file = self.machine.root / "etc/breakwater/breakwater.json"
        self.addresses = {"metrics": "127.0.0.1:5001"}
        self.machine.boot()
        self.process = self.machine.follow_journal("--output=short-precise")

    def install(self):
        """By the lines of the guide."""
        (block,) = documents.blocks("packaging/docs/operations.md", "On a machine of its own")
        return self._unasked("sh", "-ec", f"cd /root/breakwater\n{block.text}")
