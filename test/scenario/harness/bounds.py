"""Whether a store stays within its bound at every moment, by its files and by its own accounts."""

import os
import pathlib
import subprocess
import threading
import time

from .world import expect

BLOCK = 4096
# Of two looks one after the other: what both found was there at the moment between them.
PARTS = ("incoming", "trash", "blobs")


def on_disk(size):
    return (size + BLOCK - 1) // BLOCK * BLOCK


def du(path):
    """Bytes on disk as du counts them, catalog and folders and all."""
    return int(
        subprocess.run(
            ["du", "-s", "-B1", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout.split()[0]
    )


def _look(data):
    """All content by inode: path, time of the last write, and size. A file that is renamed meanwhile is one
    file."""
    found = {}
    for part in PARTS:
        for folder, _, names in os.walk(data / part):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    stat = os.stat(path)
                except FileNotFoundError:
                    continue
                found[stat.st_ino] = (path, stat.st_mtime_ns, stat.st_size)
    return found


def content_bytes(data):
    """What content took at one moment, in whole blocks: a file in many pieces takes a block more for their
    list, which no account can know."""
    before, after = _look(pathlib.Path(data)), _look(pathlib.Path(data))
    total = 0
    for inode, (path, written, size) in before.items():
        same = after.get(inode)
        # An inode may be used again by another file: then neither what was written nor its name is the same.
        if same and (same[0] == path or same[1] == written):
            total += on_disk(min(size, same[2]))
    return total


class BoundWatch(threading.Thread):
    """Looks all the time at what a route of a Breakwater takes, and keeps the most of it."""

    def __init__(self, breakwater, route, bound, pause_s=0.02):
        super().__init__(daemon=True)
        self.breakwater, self.route, self.bound, self.pause_s = breakwater, route, bound, pause_s
        self.most_content = self.most_accounted = self.looks = 0
        self.fault, self.ended = None, False

    def accounted(self):
        metrics = self.breakwater.metrics()
        return sum(
            value
            for name, value in metrics.items()
            if name.startswith(("breakwater_store_bytes{", "breakwater_store_reserved_bytes{"))
            and f'route="{self.route}"' in name
        )

    def run(self):
        try:
            while not self.ended:
                self.most_content = max(self.most_content, content_bytes(self.breakwater.data))
                self.most_accounted = max(self.most_accounted, self.accounted())
                self.looks += 1
                time.sleep(self.pause_s)
        except Exception as error:  # the scenario says which
            self.fault = error

    def end(self, world):
        self.ended = True
        self.join(60)
        expect(self.fault is None, f"the watch over the bound: {self.fault!r}")
        mebi = 1 << 20
        world.say(
            f"most of {self.bound / mebi:.1f} MiB in {self.looks} looks: {self.most_content / mebi:.1f} by"
            f" the files, {self.most_accounted / mebi:.1f} by the accounts"
        )
        expect(self.looks > 10, f"only {self.looks} looks at the bound")
        expect(
            self.most_content <= self.bound, f"{self.most_content - self.bound} bytes of files past the bound"
        )
        expect(
            self.most_accounted <= self.bound,
            f"{self.most_accounted - self.bound} bytes accounted past the bound",
        )
        expect(self.most_accounted > 0.7 * self.bound, "the bound was never near")
