"""Small file systems on loop devices, and slow ones. They go with the scenario's mount namespace."""

import os
import pathlib
import re

from .world import Failure

_BLKIO = pathlib.Path("/sys/fs/cgroup/blkio")
_UNIFIED = pathlib.Path("/sys/fs/cgroup")


class SmallDisk:
    """An ext4 file system of `size` bytes, mounted at `path`. `synchronous`: each write waits until the device has it."""

    def __init__(self, world, size, synchronous=False):
        folder = world.fresh_folder("disk")
        image, self.path = folder / "image", folder / "mounted"
        self.path.mkdir()
        with open(image, "wb") as file:
            file.truncate(size)
        world.run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", image)
        world.run("mount", "-o", "loop,sync" if synchronous else "loop", image, self.path)
        world.at_end(lambda: world.run("umount", "--lazy", self.path))

    @property
    def device(self):
        number = os.stat(self.path).st_dev
        return f"{os.major(number)}:{os.minor(number)}"

    def free_bytes(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def forget_cached(self):
        """Drops this disk's pages from the page cache: what is read next comes from the device."""
        os.sync()
        for file in self.path.rglob("*"):
            if file.is_file():
                with open(file, "rb") as opened:
                    os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class _Throttled:
    """A cgroup whose processes may use a device only so much a second: each use then waits its turn. `prefix` starts a command in it."""

    def __init__(self, world, device, old_rule, rule, limit):
        name = f"breakwater-scenario-{os.getpid()}-{os.urandom(4).hex()}"
        if (_BLKIO / f"blkio.throttle.{old_rule}_device").exists():
            self.folder = _BLKIO / name
            file, text = f"blkio.throttle.{old_rule}_device", f"{device} {limit}"
        elif "io" in (_UNIFIED / "cgroup.controllers").read_text().split():
            (_UNIFIED / "cgroup.subtree_control").write_text("+io")
            self.folder = _UNIFIED / name
            file, text = "io.max", f"{device} {rule}={limit}"
        else:
            raise Failure("this machine has no cgroup that can slow a disk: neither blkio nor io")
        self.folder.mkdir()
        world.at_end(self._remove)
        (self.folder / file).write_text(text)
        self.prefix = ["sh", "-c", f'echo 0 > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def _remove(self):
        for pid in re.findall(r"\d+", (self.folder / "cgroup.procs").read_text()):
            os.kill(int(pid), 9)
            try:
                os.waitpid(int(pid), 0)
            except ChildProcessError:
                pass
        self.folder.rmdir()


class SlowReads(_Throttled):
    def __init__(self, world, device, reads_per_second):
        super().__init__(world, device, "read_iops", "riops", reads_per_second)


class SlowWrites(_Throttled):
    """Slows what its processes write to the device themselves, so the disk must be a synchronous one."""

    def __init__(self, world, device, bytes_per_second):
        super().__init__(world, device, "write_bps", "wbps", bytes_per_second)
