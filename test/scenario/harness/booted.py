"""A machine that systemd has booted: this one's tree, or another, over which what is changed lies in memory,
with nothing enabled that this one has. It has the network of the scenario, and its /var/lib/private, or
another folder, is on the scenario's disk."""

import os
import pathlib
import shutil
import signal

from .breakwater import BINARY, Breakwater
from .world import ROOT, expect

PACKAGING = ROOT / "packaging"
_UNITS = "etc/systemd/system"
# Where systemd keeps its groups: with both versions of them, with version 1, with version 2.
_CGROUPS = [pathlib.Path("/sys/fs/cgroup", name) for name in ("unified", "systemd", "")]


class Machine:
    """Its tree can be changed at `root`, before boot() and after; what it has at `disk_at` is in `disk`."""

    def __init__(self, world, tree="/", disk_at="/var/lib/private", as_enabled=False):
        """`as_enabled`: what is enabled in the tree stays so."""
        self.world = world
        self._disk_at = disk_at
        self._folder = world.run_folder("machine")
        self.disk = world.fresh_folder(disk_at.strip("/").replace("/", "-"))
        self.root = self._folder / "root"
        for name in ("root", "upper", "work"):
            self._folder.joinpath(name).mkdir()
        layers = f"lowerdir={tree},upperdir={self._folder}/upper,workdir={self._folder}/work"
        world.run("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        for name in ("etc/machine-id", "etc/fstab"):
            self.root.joinpath(name).unlink(missing_ok=True)
        self.root.joinpath("etc/machine-id").touch()
        if not as_enabled:
            shutil.rmtree(self.root / _UNITS)
            self.root.joinpath(_UNITS).mkdir()
        # They come with packages, and would be in the way: of the network, and of what is measured.
        for unit in ("timers.target", "systemd-networkd.service", "systemd-resolved.service"):
            self.root.joinpath(_UNITS, unit).unlink(missing_ok=True)
            self.root.joinpath(_UNITS, unit).symlink_to("/dev/null")
        self._process = None
        self._leader = None
        self._journals = []
        self._groups = self._make_groups()

    def _make_groups(self):
        """Its systemd ends whoever is in its groups, so no other machine may have the same."""
        name = f"breakwater-scenario-{os.getpid()}-{os.urandom(4).hex()}"
        groups = [root / name for root in _CGROUPS if (root / "cgroup.procs").exists()]
        expect(groups, "this machine has no cgroups that systemd could use")
        for group in groups:
            group.mkdir()
        self.world.at_end(self._remove_groups)
        return groups

    def _remove_groups(self):
        for group in self._groups:
            self.world.wait_until(lambda: _removed(group), f"{group} is empty")

    def boot(self, target="basic.target", options=()):
        """`options` of systemd-nspawn, beside those that it needs."""
        self.disk.chmod(0o700)
        enter = "".join(f"echo 0 > {group}/cgroup.procs; " for group in self._groups)
        self._process = self.world.start(
            "machine",
            [
                "sh",
                "-ec",
                enter + 'exec "$@"',
                "sh",
                "systemd-nspawn",
                "--boot",
                f"--directory={self.root}",
                f"--bind={self.disk}:{self._disk_at}",
                "--register=no",
                "--keep-unit",
                "--console=pipe",
                *options,
                "--",
                f"--unit={target}",
            ],
        )
        self.world.at_end(self._end)
        self._leader = self.world.wait_until(self._find_leader, "systemd runs")
        self.world.wait_until(
            lambda: self.run("systemctl", "is-active", target, check=False).strip() == "active",
            "the machine has booted",
            60,
            0.1,
        )

    def _find_leader(self):
        """systemd itself, whose first process is gone by then that has made it."""
        expect(self._process.running(), f"systemd-nspawn has ended:\n{self._process.tail()}")
        for pid in self._process.pids():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    return pid
            except OSError:
                pass  # it has ended
        return None

    def _end(self):
        """With systemd all that it has started ends."""
        if self._leader:
            os.kill(self._leader, signal.SIGKILL)
        self._process.kill()

    def power_off(self):
        """As its operator would; it can be booted again."""
        # Its last act waits for everybody in it, also for who came from outside, and they end by themselves.
        for process in self._journals:
            for pid in process.pids()[1:]:
                os.kill(pid, signal.SIGTERM)
            process.wait()
        self._journals = []
        self.systemctl("poweroff")
        self.world.wait_until(lambda: not self._process.running(), "the machine is off", 60, 0.1)
        self._leader = None

    def run(self, *arguments, check=True, timeout_s=120):
        """In the machine, as root; what it said."""
        return self.world.run(
            "nsenter", "-t", self._leader, "-a", "--", *arguments, check=check, timeout_s=timeout_s
        )

    def systemctl(self, *arguments, **settings):
        return self.run("systemctl", *arguments, **settings)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def follow_journal(self, *options):
        """A process that logs what the journal gets."""
        arguments = ["nsenter", "-t", self._leader, "-a", "--", "journalctl", "--follow", "--lines=all"]
        self._journals.append(self.world.start("journal", [*arguments, *options]))
        return self._journals[-1]


def _removed(group):
    """Whether it is gone, with all that are in it; not while a process is."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
    except OSError:
        pass
    return not group.exists()


class InstalledBreakwater(Breakwater):
    """Installed as the README says, on a machine of its own. Its metrics listen on 127.0.0.1:5001."""

    UNITS = ("breakwater.service", "breakwater.socket")

    def __init__(self, world, routes):
        self.world = world
        self.machine = Machine(world)
        self.config = {
            "data": "/var/lib/breakwater/data",
            "bytes_max": "20GiB",
            "routes": routes,
            "metrics": {"listen": ["127.0.0.1:5001"]},
        }
        self.addresses = {"metrics": "127.0.0.1:5001"}
        self.install()
        self.machine.boot()
        self.data = self.machine.disk / "breakwater/data"
        self.process = self.machine.follow_journal("--output=short-precise")
        self.machine.systemctl("enable", "--now", *self.UNITS)

    def install(self):
        root = self.machine.root
        shutil.copy(BINARY, root / "usr/bin/breakwater")
        root.joinpath("etc/breakwater").mkdir(exist_ok=True)
        self.config_file = root / "etc/breakwater/breakwater.json"
        self.write_config()
        for unit in self.UNITS:
            shutil.copy(PACKAGING / unit, root / _UNITS)

    def restart(self):
        self.machine.systemctl("restart", "breakwater")

    def remove_sockets(self):
        """Starts it anew as if its socket unit had never been installed."""
        self.machine.systemctl("disable", "--now", "breakwater.socket")
        self.machine.root.joinpath(_UNITS, "breakwater.socket").unlink()
        self.machine.systemctl("daemon-reload")
        self.machine.systemctl("start", "breakwater.service")

    def set_in_unit(self, line):
        """In a drop-in of its service, which has nothing else."""
        folder = self.machine.root / _UNITS / "breakwater.service.d"
        folder.mkdir(exist_ok=True)
        folder.joinpath("test.conf").write_text(f"[Service]\n{line}\n")
        self.machine.systemctl("daemon-reload")

    def main_pid(self):
        """ "0" if there is none."""
        return self.machine.show("breakwater", "MainPID")
