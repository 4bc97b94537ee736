"""BuildKit exports its cache, and imports it, while the registry is restarted under it all the time: no build
fails, and none builds what is in the cache."""

import threading
import time

from harness import builds, expect, images, scenario
from harness.buildkit import BuildKit
from harness.world import FULL

ROUNDS = 10 if FULL else 2
APART_S = 0.2


class Restarts(threading.Thread):
    """One after the other, until `end`."""

    def __init__(self, registry):
        super().__init__(daemon=True)
        self.registry, self.count, self.going, self.failure = registry, 0, True, None
        self.start()

    def run(self):
        while self.going:
            try:
                self.registry.take_over()
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


def main(world):
    registry = world.private_registry()
    buildkit = BuildKit(world)
    restarts = {"export": 0, "import": 0}
    for number in range(ROUNDS):
        folder = builds.context(world, variant=f"restarts-{number}")
        folder.joinpath("data").write_bytes(images.noise(f"restarts-{number}", 48 * images.MEBI))
        cache = f"type=registry,ref={registry.address}/cache/app:{number}"
        during = Restarts(registry)
        buildkit.build(folder, "--cache-to", f"{cache},mode=max").expect_none_cached(f"build {number}")
        restarts["export"] += during.end()
        buildkit.forget()
        during = Restarts(registry)
        again = buildkit.push(folder, [f"{registry.address}/team/app:{number}"], "--cache-from", cache)
        restarts["import"] += during.end()
        again.expect_all_cached(f"the build after build {number}")
    world.say(f"{ROUNDS} exports and imports; restarts: {restarts}")
    expect(min(restarts.values()) >= ROUNDS, f"too few restarts to be in the middle of anything: {restarts}")
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
