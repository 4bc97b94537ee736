"""BuildKit exports its cache, and imports it, while the registry is restarted under it all the time: no build
fails, and none builds what is in the cache."""

from harness import scenario
from harness.rebuilding import rebuild
from harness.world import FULL

ROUNDS = 10 if FULL else 2


def main(world):
    registry = world.private_registry()
    rebuild(world, registry.address, registry.take_over, ROUNDS)
    registry.expect_nothing_left()
    registry.stop()


if __name__ == "__main__":
    scenario(main)
