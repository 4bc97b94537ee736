"""Small file systems on loop devices, and slow ones. They go with the scenario's mount namespace."""

import os

from .cgroups import Cgroup


class SmallDisk:
    """An ext4 file system of `size` bytes, mounted at `path`. `synchronous`: each write waits until the
    device has it."""

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

    def fill(self):
        """Somebody else's file takes all that is left."""
        with open(self.path / "hog", "wb", buffering=0) as file:
            for size in (65536, 4096, 512):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    pass

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


class SlowReads(Cgroup):
    """A cgroup whose processes may read a device only so often a second: each read then waits its turn."""

    def __init__(self, world, device, reads_per_second):
        super().__init__(
            world,
            ("blkio", "blkio.throttle.read_iops_device", f"{device} {reads_per_second}"),
            ("io", "io.max", f"{device} riops={reads_per_second}"),
        )


class SlowWrites(Cgroup):
    """Slows what its processes write to the device themselves, so the disk must be a synchronous one."""

    def __init__(self, world, device, bytes_per_second):
        super().__init__(
            world,
            ("blkio", "blkio.throttle.write_bps_device", f"{device} {bytes_per_second}"),
            ("io", "io.max", f"{device} wbps={bytes_per_second}"),
        )
