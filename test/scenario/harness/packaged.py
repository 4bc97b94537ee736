"""The Debian package of this build, as packaging/deb/build made it, on a bare Debian of its own that systemd
has booted. The disk of its data is mounted at /var/lib/breakwater, as an operator would."""

import shutil
import subprocess

from .booted import Machine
from .breakwater import Breakwater
from .world import BUILD, expect

FOLDER = BUILD / "deb"
BARE = BUILD / "bare"
UNITS = ("breakwater.service", "breakwater.socket")
EARLIER = "0.0.1"  # than any that this tree can have


def package():
    found = list(FOLDER.glob("breakwater_*.deb"))
    expect(len(found) == 1, f"{FOLDER} has {found}: run packaging/deb/build --out {FOLDER}")
    return found[0]


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

    def __init__(self, world):
        root = BARE / "root"
        expect((BARE / "complete").exists(), f"run test/tools/bare_debian {BARE} {package()}")
        self.world = world
        self.machine = Machine(world, tree=root, disk_at="/var/lib/breakwater")
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
