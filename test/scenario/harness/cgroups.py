"""Control groups that bound what a process may use, of version 1 or 2, whichever this machine has."""

import os
import pathlib
import re

from .world import Failure

_ROOT = pathlib.Path("/sys/fs/cgroup")


class Cgroup:
    """`old` and `new` are the rule of version 1 and that of version 2: (controller, file, text). `prefix`
    starts a command in the group."""

    def __init__(self, world, old, new):
        name = f"breakwater-scenario-{os.getpid()}-{os.urandom(4).hex()}"
        if (_ROOT / old[0] / old[1]).exists():
            parent, rule = _ROOT / old[0], old
        elif (_ROOT / "cgroup.controllers").exists() and new[0] in (
            _ROOT / "cgroup.controllers"
        ).read_text().split():
            (_ROOT / "cgroup.subtree_control").write_text("+" + new[0])
            parent, rule = _ROOT, new
        else:
            raise Failure(f"this machine has no cgroup with {old[1]} or {new[1]}")
        self.folder = parent / name
        self.folder.mkdir()
        world.at_end(self.remove)
        (self.folder / rule[1]).write_text(rule[2])
        self.prefix = ["sh", "-c", f'echo 0 > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def remove(self):
        """Whoever is in it still is ended."""
        if not self.folder.exists():
            return
        for pid in re.findall(r"\d+", (self.folder / "cgroup.procs").read_text()):
            os.kill(int(pid), 9)
            try:
                os.waitpid(int(pid), 0)
            except ChildProcessError:
                pass
        self.folder.rmdir()


class Memory(Cgroup):
    """With so many bytes of memory, the page cache of what it reads and writes included."""

    def __init__(self, world, bytes_max):
        super().__init__(
            world,
            ("memory", "memory.limit_in_bytes", str(bytes_max)),
            ("memory", "memory.max", str(bytes_max)),
        )
