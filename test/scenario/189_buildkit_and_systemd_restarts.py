"""BuildKit exports its cache, and imports it, while systemd restarts the registry under it all the time, on a
machine that it has booted: no build fails, and none builds what is in the cache."""

from harness import scenario
from harness.booted import InstalledBreakwater
from harness.breakwater import private_route
from harness.rebuilding import rebuild
from harness.world import FULL

ROUNDS = 10 if FULL else 1


def main(world):
    breakwater = InstalledBreakwater(world, routes=[private_route(listen=["0.0.0.0:5050"])])
    rebuild(world, "127.0.0.1:5050", breakwater.restart, ROUNDS)
    breakwater.expect_nothing_left()


if __name__ == "__main__":
    scenario(main)
