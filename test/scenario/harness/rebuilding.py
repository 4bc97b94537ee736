"""BuildKit exports its cache, and imports it, while the registry is restarted under it all the time."""

import threading
import time

from . import builds, images
from .buildkit import BuildKit
from .world import expect

APART_S = 0.2
DATA_BYTES = 48 * images.MEBI


class _Restarts(threading.Thread):
    """One after the other, until `end`."""

    def __init__(self, restart):
        super().__init__(daemon=True)
        self.restart, self.count, self.going, self.failure = restart, 0, True, None
        self.start()

    def run(self):
        while self.going:
            try:
                self.restart()
            except Exception as error:
                self.failure = error
                return
            self.count += 1
            time.sleep(APART_S)

    def end(self):
        self.going = False
        self.join()
        if self.failure:
            raise self.failure
        return self.count


def rebuild(world, address, restart, rounds):
    """Builds, exports to the registry at `address`, forgets, and builds again from what is there, so many
    times: no build fails, and none builds what is in the cache."""
    buildkit = BuildKit(world)
    restarts = {"export": 0, "import": 0}
    for number in range(rounds):
        folder = builds.context(world, variant=f"restarts-{number}")
        folder.joinpath("data").write_bytes(images.noise(f"restarts-{number}", DATA_BYTES))
        cache = f"type=registry,ref={address}/cache/app:{number}"
        during = _Restarts(restart)
        buildkit.build(folder, "--cache-to", f"{cache},mode=max").expect_none_cached(f"build {number}")
        restarts["export"] += during.end()
        buildkit.forget()
        during = _Restarts(restart)
        again = buildkit.push(folder, [f"{address}/team/app:{number}"], "--cache-from", cache)
        restarts["import"] += during.end()
        again.expect_all_cached(f"the build after build {number}")
    world.say(f"{rounds} exports and imports; restarts: {restarts}")
    expect(
        min(restarts.values()) >= rounds, f"too few restarts to be in the middle of anything: {restarts}"
    )
