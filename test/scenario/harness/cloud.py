"""A machine that packaging/cloud-init.yaml makes, of a bare Debian and what its images for clouds have: with
cloud-init, whose data lies in its tree (NoCloud), and a disk that is a loop device."""

import re

import yaml

from .booted import Machine
from .packaged import BARE, PackagedBreakwater, package
from .world import ROOT, expect

TEMPLATE = ROOT / "packaging" / "cloud-init.yaml"
# What Debian's images for clouds have beside what every Debian has.
_IMAGE = ("cloud-init", "e2fsprogs", "iproute2", "openssh-server")
_SEED = "var/lib/cloud/seed/nocloud"


def variables(text):
    """Of a template of Terraform."""
    return set(re.findall(r"\$\{(.*?)\}", text))


def templatefile(text, values):
    """As Terraform fills it in; but what is given and not used is a mistake here."""
    directives = re.findall(r"%+\{.*|\$\$+\{.*", text)
    expect(not directives, f"the template has more than variables: {directives}")
    wanted = variables(text)
    expect(wanted == set(values), f"the template wants {sorted(wanted)}, and is given {sorted(values)}")
    return re.sub(r"\$\{(.*?)\}", lambda found: values[found.group(1)], text)


def image(world):
    """The tree of a Debian for clouds: it is a lower layer of machines."""
    expect((BARE / "complete").exists(), f"run test/tools/bare_debian {BARE} {package()}")
    folder = world.run_folder("image")
    for name in ("root", "upper", "work"):
        folder.joinpath(name).mkdir()
    layers = f"lowerdir={BARE}/root,upperdir={folder}/upper,workdir={folder}/work"
    world.run("mount", "-t", "overlay", "overlay", "-o", layers, folder / "root")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *_IMAGE]
    world.run("chroot", folder / "root", *install, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout_s=300)
    world.run("umount", folder / "root")
    return f"{folder}/upper:{BARE}/root"


class Disk:
    """An empty one, which outlives the machines that have it."""

    def __init__(self, world, size):
        self.world = world
        file = world.fresh_folder("disk") / "image"
        with open(file, "wb") as opened:
            opened.truncate(size)
        self.device = world.run("losetup", "--find", "--show", file).strip()
        world.at_end(lambda: world.run("losetup", "--detach", self.device))

    def field(self, name):
        """LABEL, UUID or TYPE of its file system; "" if there is none."""
        return self.world.run(
            "blkid", "--probe", "--output", "value", "--match-tag", name, self.device, check=False
        ).strip()


class CloudBreakwater(PackagedBreakwater):
    """Made by the template with these values; its metrics listen on 127.0.0.1:5001."""

    def __init__(self, world, tree, disk, values, instance):
        self.world = world
        self.disk = disk
        self.machine = Machine(world, tree=tree, as_enabled=True)
        self.config_file = self.machine.root / "etc/breakwater/breakwater.json"
        self.addresses = {"metrics": "127.0.0.1:5001"}
        self.user_data = templatefile(TEMPLATE.read_text(), values)
        seed = self.machine.root / _SEED
        seed.mkdir(parents=True)
        seed.joinpath("user-data").write_text(self.user_data)
        seed.joinpath("user-data").chmod(0o600)
        seed.joinpath("meta-data").write_text(f"instance-id: {instance}\n")

    def boot(self):
        options = [f"--bind={self.disk.device}", "--capability=CAP_NET_ADMIN"]
        self.machine.boot("multi-user.target", options)
        self.process = self.machine.follow_journal("--output=short-precise")

    def status(self):
        """Of cloud-init, when it is done: (what it is, which errors there were)."""
        said = self.machine.run(
            "cloud-init", "status", "--wait", "--format=yaml", check=False, timeout_s=300
        ).lstrip(".\n")
        told = yaml.safe_load(said)
        return told["status"], told.get("errors", [])

    def said(self):
        """By all that cloud-init has run."""
        return (self.machine.root / "var/log/cloud-init-output.log").read_text()

    def mounted(self):
        """What is at /var/lib/breakwater, and how."""
        shape = ["findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", "/var/lib/breakwater"]
        return self.machine.run(*shape, check=False).strip()

    def schema(self, text):
        """What cloud-init says of that user-data."""
        file = self.machine.root / "run-schema"
        file.write_text(text)
        try:
            check = ["cloud-init", "schema", "--config-file", "/run-schema"]
            return self.world.run("chroot", self.machine.root, *check, check=False)
        finally:
            file.unlink()

    def everybody_reads(self, text):
        """The files of the machine that have it, and that every user may read."""
        where = "/etc /root /run /tmp /usr/local /var"
        search = f'find {where} -xdev -type f -perm -004 -exec grep -lF -e "$0" {{}} +'
        return self.machine.run("sh", "-c", search, text, check=False).split()
